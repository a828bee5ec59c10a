# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Verdicts on resources, and what it costs to find what they are based on."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.backup.api import Backup
from ansible_collections.rampart.ops.plugins.module_utils.backup.coverage import (
    Assignment,
    Findings,
    Job,
    Objective,
    Point,
    Resource,
    judge,
    summary,
    type_of,
)
from ansible_collections.rampart.ops.plugins.module_utils.backup.resources import Ec2
from ansible_collections.rampart.ops.plugins.module_utils.backup.selection import Content
from ansible_collections.rampart.ops.plugins.module_utils.backup.sweep import chosen, named, sweep
from ansible_collections.rampart.ops.plugins.module_utils.backup.vault import Lock, Vault

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ARN = "arn:aws:ec2:eu-west-1:123456789012:instance/"


DAILY = Objective(26)


def resource(number: int = 1, **tags: str) -> Resource:
    return Resource(f"{ARN}i-{number:06}", "EC2", {"Name": f"web-{number}", **tags})


def point(hours: float, number: int = 1, vault: str = "daily") -> Point:
    return Point(f"ami-{hours}", resource(number).arn, vault, NOW - timedelta(hours=hours))


def verdict(found: Findings, objective: Objective = DAILY, **tags: str) -> dict[str, Any]:
    (only,) = judge([resource(**tags)], found, objective, NOW)
    return only


def findings(*points: Point, **fields: Any) -> Findings:
    found = Findings(assignments=[Assignment("web", "id", "all", Content("role", frozenset({"*"})))], **fields)
    found.add_points(points)
    return found


def test_verdicts() -> None:
    assert (verdict(findings(point(25), point(49)))["verdict"], verdict(findings(point(25)))["reason"]) == (
        "protected",
        "",
    )
    stale = verdict(findings(point(27), point(49)))
    assert (stale["verdict"], stale["age_hours"]) == ("stale", 27.0)
    assert "27.0 hours old, 26 are allowed" in stale["reason"]
    none = verdict(findings(point(1, number=2)))
    assert (none["verdict"], none["age_hours"], none["newest_recovery_point"]) == ("unprotected", None, None)


def test_the_objective_of_a_resource_is_its_own() -> None:
    objective = Objective(26, "Rpo")
    assert verdict(findings(point(25)), objective, Rpo="4")["verdict"] == "stale"
    assert verdict(findings(point(47)), objective, Rpo="48")["verdict"] == "protected"
    for wrong in ("soon", "-1", "nan", "0"):
        told = verdict(findings(point(27)), objective, Rpo=wrong)
        assert (told["verdict"], told["rpo_hours"]) == ("stale", 26)
        assert f"its tag Rpo is '{wrong}'" in told["reason"]
    assert objective.window([resource(Rpo="48"), resource(Rpo="4")]) == timedelta(hours=48)
    with pytest.raises(InvalidError):
        Objective(0).check()


def test_what_else_is_told() -> None:
    found = findings(point(30), vaults={"daily": Vault("daily", lock=Lock(7))})
    found.add_failures(
        [
            Job("2", resource().arn, "FAILED", NOW - timedelta(hours=6), "no space"),
            Job("1", resource().arn, "EXPIRED", NOW - timedelta(hours=30)),
        ]
    )
    found.add_copies([Job("c", resource().arn, "COMPLETED", NOW, vault="arn:elsewhere")])
    told = verdict(found)
    assert told["plans"] == ["web"]
    assert told["vault_lock"] == "governance"
    assert told["last_failed_job"]["backup_job_id"] == "2"
    assert "its last backup job failed: no space" in told["reason"]
    assert [each["backup_vault_arn"] for each in told["copies"]] == ["arn:elsewhere"]
    # A failure that a success followed is told, and no reason any more.
    found.add_points([point(1)])
    assert verdict(found)["reason"] == ""
    assert verdict(found)["last_failed_job"]
    found.assignments = []
    assert verdict(found)["reason"] == "no plan selects it"


def test_the_worst_comes_first() -> None:
    found = findings(point(1, 1), point(99, 2))
    verdicts = judge([resource(1), resource(2), resource(3)], found, Objective(26), NOW)
    assert [each["resource_name"] for each in verdicts] == ["web-3", "web-2", "web-1"]
    assert summary(verdicts) == {"total": 3, "protected": 1, "stale": 1, "unprotected": 1}


def test_a_plan_must_be_the_only_one_of_its_name() -> None:
    content = Content("role", frozenset({"*"}))
    found = [
        Assignment("web", "1", "a", content),
        Assignment("web", "1", "b", content),
        Assignment("db", "2", "a", content),
    ]
    assert len(chosen(found, "web", None)) == 2
    assert len(chosen(found, "web", "b")) == 1
    for wrong in (("web", "c"), ("app", None)):
        with pytest.raises(InvalidError):
            chosen(found, *wrong)
    with pytest.raises(InvalidError, match="1, 3"):
        chosen([*found, Assignment("web", "3", "a", content)], "web", None)


class Account:
    """A client of an account with many instances, whose answers come in pages."""

    def __init__(self, instances: int, points_each: int) -> None:
        self.calls = 0
        self.meta = type("Meta", (), {"partition": "aws", "region_name": "eu-west-1"})
        self.instances = [
            {"OwnerId": "123456789012", "Instances": [{"InstanceId": f"i-{n:06}", "Tags": []}]}
            for n in range(instances)
        ]
        self.points = [
            {
                "RecoveryPointArn": f"ami-{n}-{age}",
                "ResourceArn": f"{ARN}i-{n:06}",
                "Status": "COMPLETED",
                "CreationDate": NOW - timedelta(hours=24 * age + 3),
            }
            for age in range(points_each)
            for n in range(1, instances)  # the first instance has none
        ]

    protected: ClassVar[list[dict[str, Any]]] = []

    def _page(self, result: str, items: list[Any], request: dict[str, Any]) -> dict[str, Any]:
        self.calls += 1
        assert request["MaxResults"] == 1000
        start = int(request.get("NextToken", 0))
        more = {"NextToken": str(start + 1000)} if start + 1000 < len(items) else {}
        return {result: items[start : start + 1000], **more}

    def describe_instances(self, **request: Any) -> dict[str, Any]:
        return self._page("Reservations", self.instances, request)

    def list_backup_vaults(self, **request: Any) -> dict[str, Any]:
        vault = {"BackupVaultName": "daily", "BackupVaultArn": "arn", "NumberOfRecoveryPoints": len(self.points)}
        return self._page("BackupVaultList", [vault], request)

    def list_recovery_points_by_backup_vault(self, **request: Any) -> dict[str, Any]:
        before = request.get("ByCreatedBefore", NOW)
        items = [each for each in self.points if request["ByCreatedAfter"] < each["CreationDate"] < before]
        return self._page("RecoveryPoints", items, request)

    def list_protected_resources(self, **request: Any) -> dict[str, Any]:
        return self._page("Results", self.protected, request)

    def list_backup_jobs(self, **request: Any) -> dict[str, Any]:
        return self._page("BackupJobs", [], request)

    def list_copy_jobs(self, **request: Any) -> dict[str, Any]:
        return self._page("CopyJobs", [], request)


@pytest.mark.parametrize(
    ("last", "hours", "expected"),
    [
        ("arn:aws:ec2:eu-west-1::image/ami-1", 5, "unprotected"),  # should have been listed, and was not
        ("arn:aws:ec2:eu-west-1::image/ami-1", 30, "stale"),
        ("arn:aws:backup:eu-west-1:123456789012:recovery-point:continuous:db-1", 5, "protected"),
        ("arn:aws:backup:eu-west-1:123456789012:recovery-point:continuous:db-1", 30, "stale"),
    ],
)
def test_what_is_only_remembered(last: str, hours: float, expected: str) -> None:
    account = Account(1, 0)
    held = {"ResourceArn": resource().arn, "LastBackupTime": NOW - timedelta(hours=hours), "LastRecoveryPointArn": last}
    account.protected = [held]
    found = sweep(Backup(account, Deadline()), [], [resource()], DAILY, NOW)
    assert judge([resource()], found, DAILY, NOW)[0]["verdict"] == expected


VOLUME = "arn:aws:ec2:eu-west-1:123456789012:volume/vol-1"
ATTACHED = NOW - timedelta(hours=10)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([point(2)], ("protected", 2.0)),
        ([point(2, 2)], ("unprotected", None)),
        ([point(12)], ("unprotected", None)),  # before it was attached
        ([point(30), Point("snap", VOLUME, "daily", NOW - timedelta(hours=40))], ("stale", 40.0)),
        ([point(9), Point("snap", VOLUME, "daily", NOW - timedelta(hours=3))], ("protected", 3.0)),
    ],
)
def test_a_volume_is_in_the_backups_of_the_instance_that_it_is_attached_to(
    points: list[Point], expected: tuple[str, float | None]
) -> None:
    volume = Resource(VOLUME, "EBS", {"Backup": "daily"}, resource().arn, ATTACHED)
    found = findings(*points)
    told = {each["resource_arn"]: each for each in judge([volume, resource()], found, DAILY, NOW)}[VOLUME]
    assert (told["verdict"], told["age_hours"]) == expected
    assert told["part_of"] == resource().arn


def test_a_part_has_the_plans_and_failures_of_the_whole() -> None:
    plan = Assignment("web", "id", "instances", Content("role", frozenset({ARN + "*"})))
    found = Findings(assignments=[plan])
    found.add_failures([Job("j", resource().arn, "FAILED", NOW - timedelta(hours=2), "no room")])
    volume = Resource(VOLUME, "EBS", {}, resource().arn, ATTACHED)
    (alone,) = judge([volume], found, DAILY, NOW)
    assert (alone["plans"], "no plan selects it" in alone["reason"]) == ([], True)
    assert "no room" in alone["reason"]
    told = {each["resource_arn"]: each for each in judge([volume, resource()], found, DAILY, NOW)}[VOLUME]
    assert (told["plans"], "no plan" in told["reason"]) == (["web"], False)
    # Where the backup of the whole does it, that no plan is known to select the part is no complaint.
    found.add_points([point(1)])
    assert judge([Resource(VOLUME, "EBS", {}, resource().arn)], found, DAILY, NOW)[0]["reason"] == ""


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (ARN + "i-1", "EC2"),
        (VOLUME, "EBS"),
        ("arn:aws:rds:eu-west-1:123456789012:db:main", "RDS"),
        ("arn:aws:rds:eu-west-1:123456789012:cluster:main", "Aurora"),
        ("arn:aws-cn:dynamodb:cn-north-1:123456789012:table/orders", "DynamoDB"),
        ("arn:aws:elasticfilesystem:eu-west-1:123456789012:file-system/fs-1", "EFS"),
        ("arn:aws:fsx:eu-west-1:123456789012:file-system/fs-1", "FSx"),
        ("arn:aws:s3:::bucket", "S3"),
        ("arn:aws:ec2:eu-west-1:123456789012:vpc/vpc-1", None),
        ("*", None),
    ],
)
def test_the_type_of_an_arn(arn: str, expected: str | None) -> None:
    assert type_of(arn) == expected


def test_what_a_selection_names_is_asked_about_though_it_never_had_a_tag() -> None:
    table, far = (f"arn:aws:dynamodb:{region}:123456789012:table/orders" for region in ("eu-west-1", "eu-west-2"))
    arns = {table, far, "arn:aws:s3:::b", "arn:aws:dynamodb:*:*:table/*", ARN + "i-1", "*"}
    mine = [Assignment("web", "id", "all", Content("role", frozenset(arns)))]
    assert named(mine, ["DynamoDB", "EC2", "S3"], "eu-west-1", []) == [
        Resource(table, "DynamoDB", {}),
        Resource("arn:aws:s3:::b", "S3", {}),
    ]
    assert named(mine, ["DynamoDB"], "eu-west-1", [Resource(table, "DynamoDB", {"a": "b"})]) == []


def test_five_thousand_instances_and_fifty_thousand_recovery_points() -> None:
    account = Account(5000, 10)
    plans = [Assignment("web", "1", "all", Content("role", frozenset({"arn:aws:ec2:*:*:instance/*"})))]
    api, deadline = Backup(account, Deadline()), Deadline()
    began = time.process_time()
    resources = list(Ec2(account, deadline).instances({"Backup": ["daily"]}))
    verdicts = judge(resources, sweep(api, plans, resources, Objective(26), NOW), Objective(26), NOW)
    assert time.process_time() - began < 5
    assert account.calls < 60
    assert summary(verdicts) == {"total": 5000, "protected": 4999, "stale": 0, "unprotected": 1}
    assert verdicts[1]["age_hours"] == 3.0
