# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The process: start, addresses, accounts, control path, stop."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.aws.testing import REPO, Aws, Region

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


def error_of(call: Any, **kwargs: Any) -> ClientError:
    with pytest.raises(ClientError) as caught:
        call(**kwargs)
    return caught.value


def get(region: Region, raw_path: str, method: str = "GET") -> tuple[int, bytes]:
    """The path as it is, not as a client would tidy it."""
    url = urllib.parse.urlsplit(region.url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=10)
    connection.request(method, raw_path)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_ready_in_time_and_ends_on_signal() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        began = time.monotonic()
        region = Region()
        ready = time.monotonic() - began
        region.process.send_signal(number)
        assert region.process.wait(timeout=5) == 0, region.log()
        assert ready < 3 * max(1.0, os.getloadavg()[0] / 2), f"{ready:.1f} s"


def test_listens_on_an_address_that_does_not_exist_yet() -> None:
    region = Region("--host", "127.0.0.1", "--host", "10.254.254.1")
    try:
        assert region.control("GET", "health")["status"] == "ok"
    finally:
        assert region.stop() == 0


def test_port_in_use_is_said(aws_region: Region) -> None:
    port = aws_region.url.rsplit(":", 1)[1]
    done = subprocess.run(
        [sys.executable, "-m", "lab.aws", "--port", port], cwd=REPO, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in done.stderr


def test_settings_of_the_caller_do_not_mislead_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("AWS_PROFILE", "none"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("MOTO_ACCOUNT_ID", "1" * 12),
    ):
        monkeypatch.setenv(name, value)
    region = Region()
    monkeypatch.undo()
    try:
        assert Aws(region, "one").account_id != Aws(region, "two").account_id
    finally:
        assert region.stop() == 0, region.log()


def test_others_than_this_machine_reach_only_health_and_mirror(aws_region: Region) -> None:
    url = urllib.parse.urlsplit(aws_region.url)
    for path, expected in (("health", 200), ("journal", 403), ("faults", 403), ("switches", 403), ("clock", 403)):
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=10)
        connection.request("GET", f"/lab/{path}", headers={"Host": "rebound.example"})
        assert connection.getresponse().status == expected, path


def test_idle_stop() -> None:
    region = Region("--idle-stop", "1")
    assert region.process.wait(timeout=10) == 0


def test_accounts_are_separate(aws_region: Region) -> None:
    one, two = Aws(aws_region), Aws(aws_region)
    one.client("wafv2").create_ip_set(Name="a", Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=[])
    assert len(one.client("wafv2").list_ip_sets(Scope="REGIONAL")["IPSets"]) == 1
    assert two.client("wafv2").list_ip_sets(Scope="REGIONAL")["IPSets"] == []
    assert one.account_id != two.account_id
    assert one.account_id == Aws(aws_region, one.name).account_id
    assert len(one.account_id) == 12 and one.account_id.isdigit()
    assert one.account_id[0] != "0"


@pytest.mark.parametrize(
    ("service", "operation", "code", "status"),
    [
        ("logs", "describe_log_groups", "UnrecognizedClientException", 400),
        ("backup", "list_backup_vaults", "UnrecognizedClientException", 403),
        ("iam", "list_users", "InvalidClientTokenId", 403),
        ("ec2", "describe_instances", "AuthFailure", 401),
        ("s3", "list_buckets", "InvalidAccessKeyId", 403),
    ],
)
def test_unknown_key_is_refused_as_the_service_does(
    aws: Aws, service: str, operation: str, code: str, status: int
) -> None:
    error = error_of(getattr(aws.client(service, access_key="AKIAIOSFODNN7EXAMPLE"), operation))
    assert error.response["Error"]["Code"] == code
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("logs", "describe_log_groups", "InvalidSignatureException"),
        ("sns", "list_topics", "SignatureDoesNotMatch"),
        ("ec2", "describe_instances", "AuthFailure"),
    ],
)
def test_unknown_region_is_refused(aws: Aws, service: str, operation: str, code: str) -> None:
    error = error_of(getattr(aws.client(service, region="xx-nowhere-9"), operation))
    assert error.response["Error"]["Code"] == code
    assert "valid region" in error.response["Error"]["Message"]


def test_issued_keys_act_for_their_account(aws: Aws) -> None:
    iam = aws.client("iam")
    iam.create_user(UserName="operator")
    key = iam.create_access_key(UserName="operator")["AccessKey"]["AccessKeyId"]
    assert aws.client("sts", access_key=key).get_caller_identity()["Account"] == aws.account_id
    iam.delete_access_key(UserName="operator", AccessKeyId=key)
    error = error_of(aws.client("sts", access_key=key).get_caller_identity)
    assert error.response["Error"]["Code"] == "InvalidClientTokenId"

    role = iam.create_role(RoleName="backup", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    session = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    assert aws.client("sts", access_key=session["AccessKeyId"]).get_caller_identity()["Account"] == aws.account_id


def test_an_assumed_role_acts_for_its_own_account(aws_region: Region) -> None:
    owner, other = Aws(aws_region), Aws(aws_region)
    role = owner.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    session = other.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    identity = other.client("sts", access_key=session["AccessKeyId"]).get_caller_identity()
    assert identity["Account"] == owner.account_id


def test_managed_policies_exist(aws: Aws) -> None:
    iam = aws.client("iam")
    iam.create_role(RoleName="backup", AssumeRolePolicyDocument=TRUST)
    for policy in ("CloudWatchAgentServerPolicy", "service-role/AWSBackupServiceRolePolicyForBackup"):
        iam.attach_role_policy(RoleName="backup", PolicyArn=f"arn:aws:iam::aws:policy/{policy}")
    assert len(iam.list_attached_role_policies(RoleName="backup")["AttachedPolicies"]) == 2


def test_unsigned_request_is_refused(aws_region: Region) -> None:
    status, body = get(aws_region, "/backup-vaults")
    assert status == 403
    assert b"MissingAuthenticationToken" in body


def test_journal_says_what_was_called_and_keeps_secrets_out(aws: Aws) -> None:
    aws.client("secretsmanager").create_secret(Name="s", SecretString="swordfish-1")
    aws.client("ssm").put_parameter(Name="p", Value="swordfish-2", Type="SecureString")
    aws.client("iam").create_user(UserName="u")
    aws.client("iam").create_login_profile(UserName="u", Password="swordfish-3-A")
    error_of(aws.client("logs").put_retention_policy, logGroupName="absent", retentionInDays=30)
    calls = aws.journal()
    assert [(call["service"], call["operation"], call["status"]) for call in calls] == [
        ("secretsmanager", "CreateSecret", 200),
        ("ssm", "PutParameter", 200),
        ("iam", "CreateUser", 200),
        ("iam", "CreateLoginProfile", 200),
        ("logs", "PutRetentionPolicy", 400),
    ]
    assert calls[-1]["error"] == "ResourceNotFoundException"
    assert calls[-1]["parameters"] == {"logGroupName": "absent", "retentionInDays": 30}
    assert {call["region"] for call in calls} >= {"ap-northeast-2"}
    assert "swordfish" not in json.dumps(calls)
    assert aws.operations(service="ssm") == ["PutParameter"]
    aws.reset_journal()
    assert aws.journal() == []


GARBAGE = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b'{"a":' * 2000,
    b"a=b&c",
    b"<x>",
    b'{"Scope": {"a": 1}}',
    b'{"Name": 1e999}',
]
PLACES = [
    ("wafv2", "/", {"X-Amz-Target": "AWSWAF_20190729.CreateIPSet", "Content-Type": "application/x-amz-json-1.1"}),
    ("wafv2", "/", {"X-Amz-Target": "nonsense", "Content-Type": "application/x-amz-json-1.1"}),
    ("wafv2", "/", {}),
    ("logs", "/", {"X-Amz-Target": "Logs_20140328.DescribeLogGroups", "Content-Encoding": "gzip"}),
    ("backup", "/backup/plans/", {"Content-Type": "application/json"}),
    ("backup", "/backup-vaults/%00", {"Content-Type": "application/json"}),
    ("backup", "/nonsense", {}),
    ("iam", "/", {"Content-Type": "application/x-www-form-urlencoded"}),
    ("iam", "/?Action=ListUsers&Version=2010-05-08&MaxItems=x", {}),
    ("ec2", "/?Action=DescribeInstances&Version=2016-11-15&Filter.1.Value.x=1", {}),
    ("ec2", "/?Action=RunInstances&Version=2016-11-15&MinCount=1.5", {}),
    ("lambda", "/2015-03-31/functions", {"Content-Type": "application/json"}),
    ("nosuchservice", "/", {"X-Amz-Target": "a.b"}),
]


@pytest.mark.parametrize(("service", "path", "headers"), PLACES, ids=[f"{each[0]} {each[1][:30]}" for each in PLACES])
def test_garbage_is_answered_not_stumbled_over(aws: Aws, service: str, path: str, headers: dict[str, str]) -> None:
    url = urllib.parse.urlsplit(aws.url)
    scope = f"AKIALAB_{aws.name}/20260101/eu-west-1/{service}/aws4_request"
    signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=a, Signature=b", **headers}
    for method in ("GET", "POST", "PUT"):
        for body in GARBAGE:
            connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=10)
            connection.request(method, path, body, signed)
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status < 500, (method, body[:40], text)


def test_large_requests_may_be_compressed(aws: Aws) -> None:
    dimensions = [{"Name": "host", "Value": "x" * 50}]
    data = [{"MetricName": f"metric-{number}", "Value": 1.5, "Dimensions": dimensions} for number in range(300)]
    aws.client("cloudwatch").put_metric_data(Namespace="n", MetricData=data)
    assert len(aws.journal()[0]["parameters"]["MetricData"]) == 300
    assert aws.client("cloudwatch").list_metrics(Namespace="n")["Metrics"]


def test_objects_go_in_and_come_out(aws: Aws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=aws.name, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    s3.put_object(Bucket=aws.name, Key="a/b c.txt", Body=b"x" * 100_000)
    assert s3.get_object(Bucket=aws.name, Key="a/b c.txt")["Body"].read() == b"x" * 100_000


def test_an_account_is_light(aws_region: Region) -> None:
    def resident() -> int:
        lines = Path(f"/proc/{aws_region.process.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) // 1024

    Aws(aws_region).client("logs").describe_log_groups()
    before = resident()
    for _ in range(20):
        Aws(aws_region).client("logs").describe_log_groups()
    assert resident() - before < 20 * 2  # MB


def test_a_gap_says_its_name(aws: Aws) -> None:
    error = error_of(aws.client("cloudwatch").put_anomaly_detector)
    assert error.response["Error"]["Code"] == "NotImplemented"
    assert "cloudwatch.PutAnomalyDetector" in error.response["Error"]["Message"]


def test_mirror_serves_its_files_and_nothing_else(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    (mirror / "pool").mkdir(parents=True)
    (mirror / "pool" / "agent.deb").write_bytes(b"package")
    (mirror / "leak").symlink_to(tmp_path / "secret")
    (tmp_path / "secret").write_text("swordfish")
    region = Region("--mirror", str(mirror))
    try:
        assert get(region, "/lab/mirror/pool/agent.deb") == (200, b"package")
        for path in (
            "/lab/mirror/../secret",
            "/lab/mirror/%2e%2e/secret",
            "/lab/mirror/pool/%2e%2e/%2e%2e/secret",
            "/lab/mirror/..%2fsecret",
            "/lab/mirror/%252e%252e/secret",
            "/lab/mirror/leak",
            f"/lab/mirror/{tmp_path}/secret",
            "/lab/mirror/",
            "/lab/mirror/pool",
            "/lab/mirror/%00",
            "/lab/mirror/" + "a" * 5000,
        ):
            status, body = get(region, path)
            assert status == 404, path
            assert b"swordfish" not in body
        assert get(region, "/lab/mirror/pool/agent.deb", "PUT")[0] == 405
    finally:
        region.stop()


@pytest.mark.parametrize(
    ("method", "path", "body", "query", "says"),
    [
        ("GET", "nothing", None, {}, "there is no /lab/nothing"),
        ("GET", "journal", None, {"colour": "red"}, "unknown filter: colour"),
        ("POST", "faults", {"service": "wafv2"}, {}, "needs service, operation and kind"),
        ("POST", "faults", {"service": "wafv2", "operation": "Nope", "kind": "throttle"}, {}, "wafv2 has no 'Nope'"),
        ("POST", "faults", {"service": "wafv9", "operation": "Nope", "kind": "throttle"}, {}, "no 'wafv9'"),
        (
            "POST",
            "faults",
            {"service": "wafv2", "operation": "GetIPSet", "kind": "throttle", "times": 0},
            {},
            "not a positive number",
        ),
        (
            "POST",
            "faults",
            {"service": "logs", "operation": "DescribeLogGroups", "kind": "stale"},
            {},
            "needs one account",
        ),
        ("POST", "switches", {"page_size": "2"}, {}, "page_size"),
        ("POST", "switches", {"colour": 2}, {}, "unknown switch: colour"),
    ],
)
def test_bad_control_requests_are_explained(
    aws_region: Region, method: str, path: str, body: dict[str, Any] | None, query: dict[str, str], says: str
) -> None:
    with pytest.raises(AssertionError, match=says):
        aws_region.control(method, path, body, **query)
