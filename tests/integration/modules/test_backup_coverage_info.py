# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""backup_coverage_info against the region."""

from __future__ import annotations

import time
from typing import Any

import pytest
from backup_modules import Module, back_up, launch, role

from lab.aws.testing import Aws

SWEEPS = {
    "DescribeInstances",
    "DescribeVolumes",
    "GetCallerIdentity",
    "GetResources",
    "ListBackupJobs",
    "ListBackupPlans",
    "ListBackupVaults",
    "ListCopyJobs",
    "ListProtectedResources",
    "ListRecoveryPointsByBackupVault",
}


@pytest.fixture
def coverage(aws: Aws) -> Module:
    aws.client("backup").create_backup_vault(BackupVaultName="daily")
    return Module(aws, "backup_coverage_info", rpo_hours=26)


def verdicts(result: dict[str, Any]) -> dict[str, str]:
    return {each["resource_name"]: each["verdict"] for each in result["resources"]}


def test_by_tag(coverage: Module) -> None:
    aws = coverage.aws
    arns = {
        name: launch(aws, Name=name, Backup=value) for name, value in (("a", "daily"), ("b", "hourly"), ("c", "no"))
    }
    launch(aws, Name="d")
    back_up(aws, arns["a"])
    back_up(aws, arns["b"])
    result = coverage(tags={"Backup": ["daily", "hourly"]})
    assert verdicts(result) == {"a": "protected", "b": "protected"}
    assert set(verdicts(coverage(tags={"Backup": "*"}, exempt_values=["no"]))) == {"a", "b"}
    result = coverage(tags={"Backup": "*"})
    # Nothing is asked about a single resource.
    assert set(coverage.calls) <= SWEEPS
    assert len(coverage.calls) <= 15
    assert verdicts(result) == {"a": "protected", "b": "protected", "c": "unprotected"}
    assert result["summary"] == {"total": 3, "protected": 2, "stale": 0, "unprotected": 1}
    first = result["resources"][0]
    assert (first["resource_arn"], first["reason"]) == (arns["c"], "it has no recovery point; no plan selects it")
    point = result["resources"][1]["newest_recovery_point"]
    held = aws.client("backup").list_recovery_points_by_resource(ResourceArn=arns["a"])["RecoveryPoints"]
    assert (point["recovery_point_arn"], point["backup_vault"]) == (held[0]["RecoveryPointArn"], "daily")


def test_every_type_is_found_by_tag(coverage: Module) -> None:
    """What asks for protection is told, whatever it is; without a word about types."""
    aws, tags = coverage.aws, [{"Key": "Backup", "Value": "daily"}]
    arn = launch(aws, Name="web", Backup="daily")
    ec2, rds = aws.client("ec2"), aws.client("rds")
    made = ec2.describe_instances(InstanceIds=[arn.rpartition("/")[2]])["Reservations"][0]["Instances"][0]
    attached = made["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    loose = ec2.create_volume(AvailabilityZone="ap-northeast-2a", Size=1)["VolumeId"]
    ec2.create_tags(Resources=[attached, loose], Tags=tags)
    common = {"Engine": "aurora-mysql", "Tags": tags}
    access = {"MasterUsername": "root", "MasterUserPassword": "hunter2hunter2"}
    rds.create_db_cluster(DBClusterIdentifier="main", **common, **access)
    rds.create_db_instance(
        DBInstanceIdentifier="member", DBClusterIdentifier="main", DBInstanceClass="db.t3.medium", **common
    )
    rds.create_db_instance(
        DBInstanceIdentifier="alone",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        **{**common, **access, "Engine": "postgres"},
    )
    aws.client("dynamodb").create_table(
        TableName="orders",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        Tags=tags,
    )
    files = aws.client("efs").create_file_system(CreationToken="files", Tags=tags)["FileSystemId"]
    bucket = f"orders-{aws.account_id}"
    aws.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    aws.client("s3").put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    back_up(aws, arn)
    result = coverage(tags={"Backup": "*"})
    found = {each["resource_name"]: each for each in result["resources"]}
    assert {name: (each["resource_type"], each["verdict"]) for name, each in found.items()} == {
        "web": ("EC2", "protected"),
        attached: ("EBS", "protected"),  # by the backup of the instance
        loose: ("EBS", "unprotected"),
        "main": ("Aurora", "unprotected"),
        "member": ("RDS", "unprotected"),
        "alone": ("RDS", "unprotected"),
        "orders": ("DynamoDB", "unprotected"),
        files: ("EFS", "unprotected"),
        bucket: ("S3", "unprotected"),
    }
    assert found[attached]["part_of"] == arn
    assert found["member"]["part_of"] == found["main"]["resource_arn"]
    assert found[loose]["part_of"] is found["alone"]["part_of"] is None
    assert coverage.calls.count("GetResources") == 1
    assert set(verdicts(coverage(tags={"Backup": "*"}, resource_types=["EC2", "RDS"]))) == {"web", "member", "alone"}


def test_too_old_is_stale(coverage: Module) -> None:
    aws = coverage.aws
    aws.client("backup").create_backup_vault(BackupVaultName="locked")
    aws.client("backup").put_backup_vault_lock_configuration(BackupVaultName="locked", MinRetentionDays=1)
    arn = launch(aws, Name="a", Backup="daily", Rpo="0.0001")
    back_up(aws, arn, vault="locked")
    time.sleep(0.5)
    result = coverage(tags={"Backup": "daily"})
    assert verdicts(result) == {"a": "protected"}
    assert result["resources"][0]["vault_lock"] == "governance"
    result = coverage(tags={"Backup": "daily"}, rpo_tag="Rpo")
    assert verdicts(result) == {"a": "stale"}
    assert "0.0001 are allowed" in result["resources"][0]["reason"]
    assert result["resources"][0]["newest_recovery_point"]["backup_vault"] == "locked"


def test_why_the_last_job_failed(coverage: Module) -> None:
    aws = coverage.aws
    aws.client("backup").create_backup_vault(BackupVaultName="locked")
    aws.client("backup").put_backup_vault_lock_configuration(BackupVaultName="locked", MinRetentionDays=30)
    back_up(aws, launch(aws, Name="a", Backup="daily"), vault="locked", delete_after_days=1)
    (told,) = coverage(tags={"Backup": "daily"})["resources"]
    assert told["verdict"] == "unprotected"
    assert "its last backup job failed: Retention settings conflict with the vault lock" in told["reason"]
    assert told["last_failed_job"]["state"] == "FAILED"


def test_by_selection(coverage: Module) -> None:
    aws = coverage.aws
    client, arn = aws.client("backup"), role(aws)
    plan = client.create_backup_plan(
        BackupPlan={"BackupPlanName": "web", "Rules": [{"RuleName": "r", "TargetBackupVaultName": "daily"}]}
    )["BackupPlanId"]
    for name, value in (("one", "daily"), ("two", "hourly")):
        client.create_backup_selection(
            BackupPlanId=plan,
            BackupSelection={
                "SelectionName": name,
                "IamRoleArn": arn,
                "Resources": ["arn:aws:ec2:*:*:instance/*"],
                "Conditions": {"StringEquals": [{"ConditionKey": "aws:ResourceTag/Backup", "ConditionValue": value}]},
            },
        )
    for name, value in (("a", "daily"), ("b", "hourly"), ("c", "no")):
        launch(aws, Name=name, Backup=value)
    result = coverage(backup_plan_name="web")
    assert verdicts(result) == {"a": "unprotected", "b": "unprotected"}
    assert [each["plans"] for each in result["resources"]] == [["web"], ["web"]]
    assert verdicts(coverage(backup_plan_name="web", backup_selection_name="two")) == {"b": "unprotected"}
    assert "no selection three" in coverage.fails(backup_plan_name="web", backup_selection_name="three")
    assert "no backup plan db" in coverage.fails(backup_plan_name="db")


def test_a_backup_that_is_gone_does_not_count(coverage: Module) -> None:
    """AWS Backup still remembers that there was one."""
    aws = coverage.aws
    arn = launch(aws, Name="a", Backup="daily")
    back_up(aws, arn)
    client = aws.client("backup")
    (point,) = client.list_recovery_points_by_resource(ResourceArn=arn)["RecoveryPoints"]
    client.delete_recovery_point(BackupVaultName="daily", RecoveryPointArn=point["RecoveryPointArn"])
    (told,) = coverage(tags={"Backup": "daily"})["resources"]
    assert (told["verdict"], told["newest_recovery_point"]) == ("unprotected", None)


def test_check_mode_reads_the_same_and_throttling_is_overcome(coverage: Module) -> None:
    aws = coverage.aws
    back_up(aws, launch(aws, Name="a", Backup="daily"))
    expected = coverage(tags={"Backup": "daily"})
    assert coverage(check=True, tags={"Backup": "daily"})["summary"] == expected["summary"]
    for service, operation in (
        ("backup", "ListRecoveryPointsByBackupVault"),
        ("resourcegroupstaggingapi", "GetResources"),
    ):
        aws.fault(service=service, operation=operation, kind="throttle", times=2)
    aws.fault(service="ec2", operation="DescribeInstances", kind="throttle", times=2)
    assert verdicts(coverage(tags={"Backup": "daily"})) == {"a": "protected"}
    denied = {"status": 403, "code": "AccessDeniedException", "message": "not allowed"}
    aws.fault(service="backup", operation="ListBackupJobs", kind="error", params=denied)
    assert "list the backup jobs" in coverage.fails(tags={"Backup": "daily"})


def test_twelve_pages(coverage: Module) -> None:
    aws = coverage.aws
    arns = [launch(aws, Name=f"n{n:02}", Backup="daily") for n in range(12)]
    back_up(aws, *arns)
    aws.switch(page_size=1)
    result = coverage(tags={"Backup": "daily"})
    assert result["summary"] == {"total": 12, "protected": 12, "stale": 0, "unprotected": 0}
    assert coverage.calls.count("ListRecoveryPointsByBackupVault") >= 12
    # A page is a call, and nothing is asked about a single resource: benchmarks/coverage.py counts it for 5,000.
    assert set(coverage.calls) <= SWEEPS
    assert len(coverage.calls) < 60


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({}, "one of the following is required"),
        ({"tags": {}}, "without a tag"),
        ({"tags": {"a": "b"}, "backup_plan_name": "web"}, "mutually exclusive"),
        ({"backup_selection_name": "x", "tags": {"a": "b"}}, "backup_plan_name"),
        ({"tags": {"a": "b"}, "rpo_hours": 0}, "more than 0"),
    ],
)
def test_bad_input_is_refused_without_a_call(coverage: Module, args: dict[str, Any], words: str) -> None:
    assert words in coverage.fails(**args)
    assert coverage.calls == []
