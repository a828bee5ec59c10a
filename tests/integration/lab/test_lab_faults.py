# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Faults, small pages and request rates, each seen from the client's side."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, HTTPClientError

from lab.aws.testing import Aws, Region


def make_set(aws: Aws, name: str = "set", addresses: tuple[str, ...] = ("192.0.2.0/24",)) -> dict[str, Any]:
    summary: dict[str, Any] = aws.client("wafv2").create_ip_set(
        Name=name, Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=list(addresses)
    )["Summary"]
    return {"Name": name, "Scope": "REGIONAL", "Id": summary["Id"]}


def outcome(call: Any, **kwargs: Any) -> str:
    try:
        call(**kwargs)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "ok"


@pytest.mark.parametrize(
    ("service", "operation", "method", "code", "status"),
    [
        ("wafv2", "ListIPSets", "list_ip_sets", "ThrottlingException", 400),
        ("backup", "ListBackupPlans", "list_backup_plans", "ThrottlingException", 429),
        ("ec2", "DescribeInstances", "describe_instances", "RequestLimitExceeded", 503),
        ("iam", "ListUsers", "list_users", "Throttling", 400),
        ("lambda", "ListFunctions", "list_functions", "TooManyRequestsException", 429),
        ("s3", "ListBuckets", "list_buckets", "SlowDown", 503),
    ],
)
def test_throttle_as_each_service_does(
    aws: Aws, service: str, operation: str, method: str, code: str, status: int
) -> None:
    aws.fault(service=service, operation=operation, kind="throttle", times=2)
    call = getattr(aws.client(service), method)
    kwargs = {"Scope": "REGIONAL"} if service == "wafv2" else {}
    with pytest.raises(ClientError) as caught:
        call(**kwargs)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert [outcome(call, **kwargs) for _ in range(2)] == [code, "ok"]
    assert [entry["fault"] for entry in aws.journal(service=service)] == ["throttle", "throttle", None]


def test_throttling_is_retried_by_boto3(aws: Aws) -> None:
    aws.fault(service="logs", operation="DescribeLogGroups", kind="throttle", times=2)
    patient = aws.client("logs", retries={"total_max_attempts": 5, "mode": "adaptive"})
    assert patient.describe_log_groups()["logGroups"] == []
    assert [entry["status"] for entry in aws.journal()] == [400, 400, 200]


def test_server_error_before_and_after(aws: Aws) -> None:
    logs = aws.client("logs")
    aws.fault(service="logs", operation="CreateLogGroup", kind="error", params={"status": 503})
    assert outcome(logs.create_log_group, logGroupName="a") == "ServiceUnavailable"
    assert logs.describe_log_groups()["logGroups"] == []
    aws.fault(service="logs", operation="CreateLogGroup", kind="error", params={"status": 500, "apply": True})
    assert outcome(logs.create_log_group, logGroupName="a") == "InternalServiceError"
    assert len(logs.describe_log_groups()["logGroups"]) == 1


def test_any_error_by_its_code(aws: Aws) -> None:
    params = {"status": 403, "code": "AccessDeniedException", "message": "not you"}
    aws.fault(service="backup", operation="ListBackupPlans", kind="error", params=params)
    with pytest.raises(ClientError, match=r"AccessDeniedException.*not you"):
        aws.client("backup").list_backup_plans()


def test_delay(aws: Aws) -> None:
    aws.fault(service="logs", operation="DescribeLogGroups", kind="delay", params={"seconds": 0.4})
    began = time.monotonic()
    aws.client("logs").describe_log_groups()
    assert time.monotonic() - began >= 0.4


def test_lost_answer_was_carried_out(aws: Aws) -> None:
    logs = aws.client("logs")
    aws.fault(service="logs", operation="CreateLogGroup", kind="lost_answer")
    with pytest.raises((ConnectionClosedError, HTTPClientError, EndpointConnectionError)):
        logs.create_log_group(logGroupName="a")
    assert outcome(logs.create_log_group, logGroupName="a") == "ResourceAlreadyExistsException"


def test_lock_race_is_lost_to_a_real_write(aws: Aws) -> None:
    waf, key = aws.client("wafv2"), make_set(aws)
    token = waf.get_ip_set(**key)["LockToken"]
    aws.fault(service="wafv2", operation="UpdateIPSet", kind="lock_race", params={"add": ["203.0.113.9/32"]})
    update = {**key, "Addresses": ["198.51.100.0/24"]}
    assert outcome(waf.update_ip_set, **update, LockToken=token) == "WAFOptimisticLockException"
    now = waf.get_ip_set(**key)
    assert now["IPSet"]["Addresses"] == ["192.0.2.0/24", "203.0.113.9/32"]
    assert outcome(waf.update_ip_set, **update, LockToken=now["LockToken"]) == "ok"


def test_stale_reads_show_the_state_when_the_fault_was_set(aws: Aws) -> None:
    waf, key = aws.client("wafv2"), make_set(aws)
    aws.fault(service="wafv2", operation="GetIPSet", kind="stale", times=2)
    token = waf.get_ip_set(**key)["LockToken"]
    waf.update_ip_set(**key, Addresses=[], LockToken=token)
    assert waf.get_ip_set(**key)["IPSet"]["Addresses"] == ["192.0.2.0/24"]
    assert waf.get_ip_set(**key)["IPSet"]["Addresses"] == []


def test_stale_reads_do_not_yet_show_what_is_new(aws: Aws) -> None:
    backup = aws.client("backup")
    aws.fault(service="backup", operation="DescribeBackupVault", kind="stale", times=1)
    backup.create_backup_vault(BackupVaultName="vault")
    assert outcome(backup.describe_backup_vault, BackupVaultName="vault") == "AccessDeniedException"
    assert outcome(backup.describe_backup_vault, BackupVaultName="vault") == "ok"


def test_what_cannot_be_kept_is_said(aws: Aws) -> None:
    aws.client("ssm").put_parameter(Name="p", Value="v", Type="String")
    with pytest.raises(AssertionError, match="the state of ssm cannot be kept"):
        aws.fault(service="ssm", operation="GetParameter", kind="stale")


def test_probability_is_reproducible(aws: Aws) -> None:
    logs = aws.client("logs")

    def draw() -> list[str]:
        aws.fault(service="logs", operation="*", kind="throttle", probability=0.5, seed=7)
        seen = [outcome(logs.describe_log_groups) for _ in range(20)]
        aws.clear_faults()
        return seen

    first = draw()
    assert set(first) == {"ok", "ThrottlingException"}
    assert draw() == first


def test_faults_are_of_one_account_and_listed(aws: Aws, aws_region: Region) -> None:
    other = Aws(aws_region)
    aws.fault(service="logs", operation="DescribeLogGroups", kind="throttle", times=3)
    assert outcome(other.client("logs").describe_log_groups) == "ok"
    assert outcome(aws.client("logs").describe_log_groups) == "ThrottlingException"
    listed = aws_region.control("GET", "faults", account=aws.name)["faults"]
    assert [(fault["operation"], fault["times"], fault["struck"]) for fault in listed] == [("DescribeLogGroups", 3, 1)]


# --- pages -----------------------------------------------------------------------------------------------------------


def sweep(call: Any, result: str, token: str, answer: str | None = None, **kwargs: Any) -> tuple[list[Any], int]:
    """(all items, number of pages), as a careful program reads them."""
    found, pages, marker = [], 0, None
    while True:
        page = call(**kwargs, **({token: marker} if marker else {}))
        found += page.get(result, [])
        pages += 1
        marker = page.get(answer or token)
        if not marker:
            return found, pages


def test_pages_of_waf_name_a_marker_on_the_last_one_too(aws: Aws) -> None:
    for number in range(5):
        make_set(aws, f"set{number}")
    waf = aws.client("wafv2")
    found, pages = sweep(waf.list_ip_sets, "IPSets", "NextMarker", Scope="REGIONAL", Limit=2)
    assert ([each["Name"] for each in found], pages) == ([f"set{number}" for number in range(5)], 4)
    empty = Aws(aws.lab).client("wafv2").list_ip_sets(Scope="REGIONAL")
    assert "NextMarker" not in empty
    whole, pages = sweep(waf.list_ip_sets, "IPSets", "NextMarker", Scope="REGIONAL")
    assert (len(whole), pages) == (5, 2)


def test_small_pages_on_request_in_every_protocol(aws: Aws) -> None:
    aws.switch(page_size=2)
    logs, backup, iam, ec2 = (aws.client(name) for name in ("logs", "backup", "iam", "ec2"))
    for number in range(3):
        logs.create_log_group(logGroupName=f"group{number}")
        backup.create_backup_vault(BackupVaultName=f"vault{number}")
        iam.create_user(UserName=f"user{number}")
        ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")
    groups, pages = sweep(logs.describe_log_groups, "logGroups", "nextToken")
    assert ([group["logGroupName"] for group in groups], pages) == ([f"group{number}" for number in range(3)], 2)
    vaults = backup.get_paginator("list_backup_vaults").paginate().build_full_result()["BackupVaultList"]
    assert len(vaults) == 3
    users = iam.get_paginator("list_users").paginate()
    assert [len(page["Users"]) for page in users] == [2, 1]
    vpcs, pages = sweep(ec2.describe_vpcs, "Vpcs", "NextToken")
    assert ({vpc["CidrBlock"] for vpc in vpcs} >= {f"10.{number}.0.0/16" for number in range(3)}, pages) == (True, 2)
    assert [call["operation"] for call in aws.journal(service="backup")].count("ListBackupVaults") == 2


def test_limits_that_moto_ignores_are_kept(aws: Aws) -> None:
    ec2 = aws.client("ec2")
    for _ in range(7):
        ec2.run_instances(ImageId="ami-03cf127a", MinCount=1, MaxCount=1, InstanceType="t3.nano")
    pages = ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5})
    assert [len(page["Reservations"]) for page in pages] == [5, 2]


# --- rates -----------------------------------------------------------------------------------------------------------


def test_waf_writes_once_and_reads_five_times_a_second(aws: Aws) -> None:
    waf, key = aws.client("wafv2"), make_set(aws)
    aws.switch(rates=True)
    reads = [outcome(waf.get_ip_set, **key) for _ in range(12)]
    assert reads[:5] == ["ok"] * 5
    assert "ThrottlingException" in reads
    token = waf.list_ip_sets(Scope="REGIONAL")["IPSets"][0]["LockToken"]  # another action, another bucket
    first = outcome(waf.update_ip_set, **key, Addresses=[], LockToken=token)
    second = outcome(waf.update_ip_set, **key, Addresses=[], LockToken=token)
    assert (first, second) == ("ok", "ThrottlingException")
    aws.switch(rates=False)
    assert outcome(waf.update_ip_set, **key, Addresses=[], LockToken=token) == "WAFOptimisticLockException"


def test_concurrent_writers_cannot_both_win(aws: Aws) -> None:
    from concurrent.futures import ThreadPoolExecutor

    waf, key = aws.client("wafv2"), make_set(aws)
    token = waf.get_ip_set(**key)["LockToken"]

    def write(number: int) -> str:
        return outcome(waf.update_ip_set, **key, Addresses=[f"203.0.113.{number}/32"], LockToken=token)

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(write, range(8)))
    assert sorted(outcomes) == ["WAFOptimisticLockException"] * 7 + ["ok"]
