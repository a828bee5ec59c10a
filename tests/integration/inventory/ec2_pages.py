# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""DescribeInstances answered from memory: instances in boto3's terms become the XML pages that EC2 sends.

moto spends 7 ms on an instance and asks 10,000 of them a minute per page; this server sends bytes that are ready.
"""

from __future__ import annotations

import datetime
import functools
import json
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.sax.saxutils import escape

import botocore.session

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"


@functools.cache
def result_shape() -> Any:
    """The shape of the answer, as botocore knows it."""
    model = botocore.session.get_session().get_service_model("ec2")
    return model.operation_model("DescribeInstances").output_shape


def to_xml(shape: Any, value: Any) -> str:
    """A value of a shape, as the EC2 protocol spells it."""
    if shape.type_name == "structure":
        return "".join(
            f"<{tag}>{to_xml(member, value[name])}</{tag}>"
            for name, member in shape.members.items()
            if name in value
            for tag in [member.serialization.get("name", name)]
        )
    if shape.type_name == "list":
        return "".join(f"<item>{to_xml(shape.member, item)}</item>" for item in value)
    if shape.type_name == "boolean":
        return str(value).lower()
    if shape.type_name == "timestamp":
        return str(value.strftime("%Y-%m-%dT%H:%M:%S.000Z"))
    return escape(str(value), {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})


def page(instances: Iterable[dict[str, Any]], token: str | None = None) -> bytes:
    """One page; every instance has a reservation of its own, whose fields it may give under `_reservation`."""
    reservations = []
    for instance in instances:
        fields = {key: value for key, value in instance.items() if key != "_reservation"}
        reservation = {"ReservationId": "r-0123456789abcdef0", "OwnerId": "123456789012", "Groups": []}
        reservations.append({**reservation, **instance.get("_reservation", {}), "Instances": [fields]})
    body = to_xml(result_shape(), {"Reservations": reservations, **({"NextToken": token} if token else {})})
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<DescribeInstancesResponse xmlns="{NAMESPACE}"><requestId>7a62c49f</requestId>{body}'
        "</DescribeInstancesResponse>"
    ).encode()


def pages(instances: list[dict[str, Any]], size: int = 1000) -> list[bytes]:
    """All pages of a sweep; the token of the next one is its number."""
    starts = range(0, max(len(instances), 1), size)
    return [
        page(instances[start : start + size], str(number + 1) if start + size < len(instances) else None)
        for number, start in enumerate(starts)
    ]


def typical(number: int, region: str = "us-east-1") -> dict[str, Any]:
    """An instance as a fleet of web servers has them: two volumes, one interface, two groups, eight tags."""
    when = datetime.datetime(2026, 1, 1 + number % 28, 6, tzinfo=datetime.UTC)
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    private = f"ip-{address.replace('.', '-')}.ec2.internal"
    public = f"ec2-{address.replace('.', '-')}.compute-1.amazonaws.com"
    groups = [{"GroupName": "web", "GroupId": "sg-0a1"}, {"GroupName": f"team-{number % 7}", "GroupId": "sg-0b2"}]
    role = ("web", "app", "db", "cache", "batch")[number % 5]
    tags = {
        "Name": f"{role}-{number}",
        "Role": role,
        "Env": ("production", "staging")[number % 2],
        "Backup": "daily",
        "Owner": f"team-{number % 7}",
        "CostCenter": str(4000 + number % 9),
        "aws:autoscaling:groupName": f"asg-{role}",
        "Patch Group": f"{role} nightly",
    }
    return {
        "AmiLaunchIndex": 0,
        "ImageId": "ami-0123456789abcdef0",
        "InstanceId": f"i-{number:017x}",
        "InstanceType": ("t3.micro", "m5.large", "c6g.xlarge")[number % 3],
        "KeyName": "deploy",
        "LaunchTime": when,
        "Monitoring": {"State": "disabled"},
        "Placement": {"AvailabilityZone": f"{region}{'abc'[number % 3]}", "GroupName": "", "Tenancy": "default"},
        "PrivateDnsName": private,
        "PrivateIpAddress": address,
        "ProductCodes": [],
        "PublicDnsName": public,
        "PublicIpAddress": "3" + address[2:],
        "State": {"Code": 16, "Name": "running"},
        "StateTransitionReason": "",
        "SubnetId": f"subnet-{number % 3}",
        "VpcId": "vpc-0123",
        "Architecture": "x86_64",
        "BlockDeviceMappings": [
            {
                "DeviceName": f"/dev/xvd{letter}",
                "Ebs": {
                    "AttachTime": when,
                    "DeleteOnTermination": True,
                    "Status": "attached",
                    "VolumeId": f"vol-{number:016x}{letter}",
                },
            }
            for letter in "ab"
        ],
        "ClientToken": f"token-{number}",
        "EbsOptimized": False,
        "EnaSupport": True,
        "Hypervisor": "xen",
        "IamInstanceProfile": {"Arn": f"arn:aws:iam::123456789012:instance-profile/{role}", "Id": "AIPA0123"},
        "NetworkInterfaces": [
            {
                "Association": {"IpOwnerId": "amazon", "PublicDnsName": public, "PublicIp": "3" + address[2:]},
                "Attachment": {
                    "AttachTime": when,
                    "AttachmentId": f"eni-attach-{number:017x}",
                    "DeleteOnTermination": True,
                    "DeviceIndex": 0,
                    "Status": "attached",
                    "NetworkCardIndex": 0,
                },
                "Description": "",
                "Groups": groups,
                "Ipv6Addresses": [],
                "MacAddress": "02:aa:bb:cc:dd:ee",
                "NetworkInterfaceId": f"eni-{number:017x}",
                "OwnerId": "123456789012",
                "PrivateDnsName": private,
                "PrivateIpAddress": address,
                "PrivateIpAddresses": [
                    {
                        "Association": {"IpOwnerId": "amazon", "PublicDnsName": public, "PublicIp": "3" + address[2:]},
                        "Primary": True,
                        "PrivateDnsName": private,
                        "PrivateIpAddress": address,
                    }
                ],
                "SourceDestCheck": True,
                "Status": "in-use",
                "SubnetId": f"subnet-{number % 3}",
                "VpcId": "vpc-0123",
                "InterfaceType": "interface",
                "Operator": {"Managed": False},
            }
        ],
        "RootDeviceName": "/dev/xvda",
        "RootDeviceType": "ebs",
        "SecurityGroups": groups,
        "SourceDestCheck": True,
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        "VirtualizationType": "hvm",
        "CpuOptions": {"CoreCount": 1, "ThreadsPerCore": 2},
        "CapacityReservationSpecification": {"CapacityReservationPreference": "open"},
        "HibernationOptions": {"Configured": False},
        "MetadataOptions": {
            "State": "applied",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 2,
            "HttpEndpoint": "enabled",
            "HttpProtocolIpv6": "disabled",
            "InstanceMetadataTags": "disabled",
        },
        "EnclaveOptions": {"Enabled": False},
        "BootMode": "uefi-preferred",
        "PlatformDetails": "Linux/UNIX",
        "UsageOperation": "RunInstances",
        "UsageOperationUpdateTime": when,
        "PrivateDnsNameOptions": {
            "HostnameType": "ip-name",
            "EnableResourceNameDnsARecord": False,
            "EnableResourceNameDnsAAAARecord": False,
        },
        "MaintenanceOptions": {"AutoRecovery": "default"},
        "CurrentInstanceBootMode": "uefi",
        "NetworkPerformanceOptions": {"BandwidthWeighting": "default"},
        "Operator": {"Managed": False},
    }


class Ec2Server:
    """EC2's endpoint for every region. `answers` maps a region to its pages; a test may replace `answer` instead."""

    def __init__(self, answers: dict[str, list[bytes]] | None = None, latency: float = 0.0) -> None:
        self.answers = answers or {}
        self.latency = latency
        self.calls: list[dict[str, str]] = []
        self.answer: Callable[[dict[str, str]], tuple[int, bytes]] = self.from_pages
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                """Route 53: the path is the action."""
                self.serve({"Action": self.path.partition("?")[0]})

            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
                target = self.headers.get("X-Amz-Target")
                self.serve({"Action": target, "body": sent} if target else dict(urllib.parse.parse_qsl(sent)))

            def serve(self, call: dict[str, str]) -> None:
                json_protocol = "X-Amz-Target" in self.headers
                scope = self.headers.get("Authorization", "").partition("Credential=")[2].split("/")
                if len(scope) > 2:
                    call.update({"key": scope[0], "region": scope[2]})
                server.calls.append(call)
                time.sleep(server.latency)
                status, body = server.answer(call)
                self.send_response(status)
                self.send_header(
                    "Content-Type", "application/x-amz-json-1.1" if json_protocol else "text/xml;charset=UTF-8"
                )
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: Any) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def from_pages(self, call: dict[str, str]) -> tuple[int, bytes]:
        if call["Action"] != "DescribeInstances":
            return error("InvalidAction", f"no {call['Action']} here")
        found = self.answers.get(call["region"], self.answers.get("*", [page([])]))
        return 200, found[int(call.get("NextToken", "0"))]

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()


def error(code: str, message: str, status: int = 400) -> tuple[int, bytes]:
    """An error of the EC2 protocol."""
    body = (
        f"<Response><Errors><Error><Code>{code}</Code><Message>{escape(message)}</Message></Error></Errors></Response>"
    )
    return status, f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode()


def json_answer(body: dict[str, Any], status: int = 200) -> tuple[int, bytes]:
    """An answer of a JSON protocol (SSM)."""
    return status, json.dumps(body).encode()
