# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The calls to AWS: sessions, regions and the sweep over instances. Nothing is decided here."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import unescape

try:
    import botocore.session
    from botocore.config import Config
    from botocore.model import ServiceModel
    from botocore.parsers import EC2QueryParser, ResponseParserFactory
except ImportError:  # amazon.aws says so before any of it is used
    EC2QueryParser = ResponseParserFactory = object  # type: ignore[assignment, misc]

NEXT_TOKEN = re.compile(rb"<nextToken>([^<]+)</nextToken>")
# GetInventory takes at most 40 values in a filter.
INVENTORY_IDS = 40


@dataclass(frozen=True)
class Account:
    """Where to ask, and as whom."""

    name: str = ""
    profile: str | None = None
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    assume_role_arn: str | None = None
    external_id: str | None = None
    regions: tuple[str, ...] = ()
    region: str | None = None
    endpoint_url: str | None = None
    verify: bool | str = True
    config: Any = None

    def __str__(self) -> str:
        who = [f"profile {self.profile!r}"] if self.profile else []
        if self.access_key and not self.profile and not self.name:
            who.append(f"access key {self.access_key}")
        if self.assume_role_arn:
            who.append(f"role {self.assume_role_arn}")
        if not self.name:
            return ", ".join(who) or "default credentials"
        return f"account {self.name!r}" + (f" ({', '.join(who)})" if who else "")


class _PageParser(EC2QueryParser):
    """Leaves DescribeInstances' pages as they came; they are read while the next one travels."""

    def parse(self, response: Any, shape: Any) -> Any:
        if response["status_code"] >= 300 or shape is None or shape.name != "DescribeInstancesResult":
            return super().parse(response, shape)
        token = NEXT_TOKEN.search(response["body"])
        return {
            "Body": response["body"],
            "NextToken": unescape(token[1].decode()) if token else None,
            "ResponseMetadata": {"HTTPStatusCode": response["status_code"], "HTTPHeaders": dict(response["headers"])},
        }


class _Parsers(ResponseParserFactory):
    _defaults: dict[str, Any]

    def create_parser(self, protocol_name: str) -> Any:
        return _PageParser(**self._defaults) if protocol_name == "ec2" else super().create_parser(protocol_name)


@functools.cache
def _models() -> Any:
    """The service models, for all sessions: EC2's alone takes as long to load as a hundred instances to read."""
    return botocore.session.Session().get_component("data_loader")


def result_shape() -> Any:
    """What a DescribeInstances answer looks like."""
    model = ServiceModel(_models().load_service_model("ec2", "service-2"), "ec2")
    return model.operation_model("DescribeInstances").output_shape


def session(account: Account) -> botocore.session.Session:
    """A session of the account itself. It makes clients for one thread at a time."""
    made = botocore.session.Session(profile=account.profile)
    made.register_component("response_parser_factory", _Parsers())
    made.register_component("data_loader", _models())
    if account.access_key and not account.profile:
        made.set_credentials(account.access_key, account.secret_key or "", account.session_token)
    return made


def client(made: botocore.session.Session, account: Account, service: str, region: str | None) -> Any:
    """A client for one service and region."""
    config = Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 4})
    return made.create_client(
        service,
        region_name=region,
        endpoint_url=account.endpoint_url or None,
        verify=account.verify,
        config=config.merge(account.config) if account.config else config,
    )


def assume_role(made: botocore.session.Session, account: Account) -> None:
    """Let the session go on as the account's role."""
    request = {
        "RoleArn": account.assume_role_arn,
        "RoleSessionName": "ansible_aws_rampart.ops.aws_ec2_dynamic_inventory",
    }
    if account.external_id:
        request["ExternalId"] = account.external_id
    sts = client(made, account, "sts", account.region or (account.regions[0] if account.regions else "us-east-1"))
    issued = sts.assume_role(**request)["Credentials"]
    made.set_credentials(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])


def enabled_regions(ec2: Any) -> list[str]:
    """The regions that the account has enabled."""
    return [region["RegionName"] for region in ec2.describe_regions()["Regions"]]


def instance_pages(ec2: Any, filters: list[dict[str, Any]], page_size: int) -> Iterator[bytes]:
    """DescribeInstances, page by page."""
    request: dict[str, Any] = {"Filters": filters, "MaxResults": page_size}
    while True:
        answer = ec2.describe_instances(**request)
        yield answer["Body"]
        if not answer["NextToken"]:
            return
        request["NextToken"] = answer["NextToken"]


def ssm_information(ssm: Any, instance_ids: list[str]) -> dict[str, dict[str, Any]]:
    """What Systems Manager knows of instances."""
    known = {}
    for start in range(0, len(instance_ids), INVENTORY_IDS):
        asked = {"Key": "AWS:InstanceInformation.InstanceId", "Values": instance_ids[start : start + INVENTORY_IDS]}
        for page in ssm.get_paginator("get_inventory").paginate(Filters=[asked]):
            for entity in page.get("Entities", []):
                content = entity.get("Data", {}).get("AWS:InstanceInformation", {}).get("Content", [])
                if content:
                    known[entity["Id"]] = content[0]
    return known


def route53_names(route53: Any, excluded_zones: set[str]) -> dict[str, list[str]]:
    """The names that point to an address or a name, over all hosted zones."""
    names: dict[str, set[str]] = {}
    for zones in route53.get_paginator("list_hosted_zones").paginate():
        for zone in zones["HostedZones"]:
            if zone["Name"].removesuffix(".") in excluded_zones:
                continue
            for page in route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone["Id"]):
                for record in page["ResourceRecordSets"]:
                    for target in record.get("ResourceRecords", []):
                        value = target["Value"].removesuffix(".")
                        names.setdefault(value, set()).add(record["Name"].removesuffix("."))
    return {value: sorted(found) for value, found in names.items()}
