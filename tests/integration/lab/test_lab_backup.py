# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""AWS Backup: what moto lacks, in the order in which an operator meets it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.aws.testing import Aws, Region

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
DAY = 86_400
IMAGE = "ami-03cf127a"  # one of those that moto knows


class Site:
    """A vault, a role, and one instance with its volume."""

    def __init__(self, aws: Aws) -> None:
        self.aws, self.backup, self.ec2 = aws, aws.client("backup"), aws.client("ec2")
        self.role = aws.client("iam").create_role(RoleName="b", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"][
            "Arn"
        ]
        self.backup.create_backup_vault(BackupVaultName="vault")
        run = self.ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, InstanceType="t3.nano")
        instance = run["Instances"][0]["InstanceId"]
        place = f"arn:aws:ec2:ap-northeast-2:{aws.account_id}"
        self.instance = f"{place}:instance/{instance}"
        attached = [{"Name": "attachment.instance-id", "Values": [instance]}]
        volume = self.ec2.describe_volumes(Filters=attached)["Volumes"][0]["VolumeId"]
        self.volume = f"{place}:volume/{volume}"

    def start(self, resource: str, **more: Any) -> str:
        job = self.backup.start_backup_job(BackupVaultName="vault", ResourceArn=resource, IamRoleArn=self.role, **more)
        return str(job["BackupJobId"])

    def state(self, job: str) -> str:
        return str(self.backup.describe_backup_job(BackupJobId=job)["State"])

    def finished(self, resource: str, **more: Any) -> dict[str, Any]:
        job = self.start(resource, **more)
        self.aws.advance_clock(5)
        described: dict[str, Any] = self.backup.describe_backup_job(BackupJobId=job)
        return described


@pytest.fixture(scope="module")
def idle_site(aws_region: Region) -> Site:
    """For tests that change nothing."""
    return Site(Aws(aws_region))


@pytest.fixture
def site(aws: Aws) -> Site:
    return Site(aws)


def code_of(call: Any, **kwargs: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**kwargs)
    return str(caught.value.response["Error"]["Code"])


def test_plan_versions(aws: Aws) -> None:
    backup = aws.client("backup")
    rule = {"RuleName": "r", "TargetBackupVaultName": "vault"}
    made = backup.create_backup_plan(
        BackupPlan={"BackupPlanName": "p", "Rules": [rule]}, BackupPlanTags={"My_Key": "v"}
    )
    changed = {"BackupPlanName": "p", "Rules": [{**rule, "StartWindowMinutes": 60}]}
    updated = backup.update_backup_plan(BackupPlanId=made["BackupPlanId"], BackupPlan=changed)
    assert updated["VersionId"] != made["VersionId"]
    now = backup.get_backup_plan(BackupPlanId=made["BackupPlanId"])["BackupPlan"]["Rules"][0]
    then = backup.get_backup_plan(BackupPlanId=made["BackupPlanId"], VersionId=made["VersionId"])["BackupPlan"]["Rules"]
    assert (now["StartWindowMinutes"], then[0]["StartWindowMinutes"]) == (60, 480)
    assert now["ScheduleExpressionTimezone"] == "Etc/UTC"
    versions = backup.list_backup_plan_versions(BackupPlanId=made["BackupPlanId"])["BackupPlanVersionsList"]
    assert [version["VersionId"] for version in versions] == [updated["VersionId"], made["VersionId"]]
    assert backup.list_tags(ResourceArn=made["BackupPlanArn"])["Tags"] == {"My_Key": "v"}
    backup.delete_backup_plan(BackupPlanId=made["BackupPlanId"])
    assert backup.list_backup_plans()["BackupPlansList"] == []
    assert backup.create_backup_plan(BackupPlan={"BackupPlanName": "p", "Rules": [rule]})["BackupPlanId"]


def test_job_of_a_volume_moves_through_its_states(site: Site) -> None:
    job = site.start(site.volume, RecoveryPointTags={"by": "test"}, IdempotencyToken="once")
    assert site.start(site.volume, IdempotencyToken="once") == job
    assert site.state(job) == "CREATED"
    site.aws.advance_clock(1.5)
    assert site.state(job) == "RUNNING"
    assert site.backup.list_recovery_points_by_backup_vault(BackupVaultName="vault")["RecoveryPoints"] == []
    site.aws.advance_clock(2)
    done = site.backup.describe_backup_job(BackupJobId=job)
    assert (done["State"], done["PercentDone"], done["ResourceType"]) == ("COMPLETED", "100.0", "EBS")
    snapshot = done["RecoveryPointArn"].rpartition("/")[2]
    found = site.ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]
    assert found["Tags"] == [{"Key": "by", "Value": "test"}]
    assert found["VolumeId"] == site.volume.rpartition("/")[2]
    assert site.backup.list_backup_jobs(ByState="COMPLETED")["BackupJobs"][0]["BackupJobId"] == job
    assert site.backup.list_backup_jobs(ByState="FAILED")["BackupJobs"] == []


def test_job_of_an_instance_protects_it(site: Site) -> None:
    done = site.finished(site.instance, Lifecycle={"DeleteAfterDays": 7})
    assert done["State"] == "COMPLETED", done
    image = site.ec2.describe_images(ImageIds=[done["RecoveryPointArn"].rpartition("/")[2]])["Images"]
    assert len(image) == 1
    protected = site.backup.list_protected_resources()["Results"]
    assert [each["ResourceArn"] for each in protected] == [site.instance]
    assert site.backup.describe_protected_resource(ResourceArn=site.instance)["ResourceType"] == "EC2"
    assert code_of(site.backup.describe_protected_resource, ResourceArn=site.volume) == "ResourceNotFoundException"
    by_resource = site.backup.list_recovery_points_by_resource(ResourceArn=site.instance)["RecoveryPoints"]
    assert [point["RecoveryPointArn"] for point in by_resource] == [done["RecoveryPointArn"]]
    vault = site.backup.describe_backup_vault(BackupVaultName="vault")
    assert vault["NumberOfRecoveryPoints"] == 1
    assert code_of(site.backup.delete_backup_vault, BackupVaultName="vault") == "InvalidRequestException"
    site.aws.advance_clock(7 * DAY)
    assert site.backup.list_protected_resources()["Results"] == []
    site.backup.delete_backup_vault(BackupVaultName="vault")


def test_recovery_points_can_be_changed_and_deleted(site: Site) -> None:
    point = {"BackupVaultName": "vault", "RecoveryPointArn": site.finished(site.volume)["RecoveryPointArn"]}
    changed = site.backup.update_recovery_point_lifecycle(**point, Lifecycle={"DeleteAfterDays": 30})
    created = site.backup.describe_recovery_point(**point)["CreationDate"]
    assert changed["CalculatedLifecycle"]["DeleteAt"] - created == timedelta(days=30)
    bad = {"MoveToColdStorageAfterDays": 10, "DeleteAfterDays": 20}
    assert code_of(site.backup.update_recovery_point_lifecycle, **point, Lifecycle=bad) == (
        "InvalidParameterValueException"
    )
    site.backup.delete_recovery_point(**point)
    assert code_of(site.backup.describe_recovery_point, **point) == "ResourceNotFoundException"


def test_job_that_is_late_stays_created(site: Site) -> None:
    volume = site.volume.rpartition("/")[2]
    site.ec2.create_tags(Resources=[volume], Tags=[{"Key": "lab:backup", "Value": "late"}])
    job = site.start(site.volume)
    site.aws.advance_clock(5)
    assert site.state(job) == "CREATED"
    site.aws.advance_clock(20)
    assert site.state(job) == "COMPLETED"


def test_job_can_be_stopped_once(site: Site) -> None:
    job = site.start(site.volume)
    site.backup.stop_backup_job(BackupJobId=job)
    assert site.state(job) == "ABORTED"
    assert code_of(site.backup.stop_backup_job, BackupJobId=job) == "InvalidRequestException"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"BackupVaultName": "none"}, "ResourceNotFoundException"),
        ({"ResourceArn": "{volume}0"}, "ResourceNotFoundException"),
        ({"ResourceArn": "arn:aws:ec2:us-east-1:123456789012:volume/vol-1"}, "InvalidParameterValueException"),
        ({"ResourceArn": "volume"}, "InvalidParameterValueException"),
        ({"IamRoleArn": "arn:aws:iam::123456789012:role/none"}, "InvalidParameterValueException"),
        ({"StartWindowMinutes": 30}, "InvalidParameterValueException"),
        ({"Lifecycle": {"DeleteAfterDays": 0}}, "InvalidParameterValueException"),
    ],
)
def test_job_that_cannot_start(idle_site: Site, changes: dict[str, Any], code: str) -> None:
    wanted = {"BackupVaultName": "vault", "ResourceArn": idle_site.volume, "IamRoleArn": idle_site.role, **changes}
    wanted["ResourceArn"] = wanted["ResourceArn"].replace("{volume}", idle_site.volume)
    assert code_of(idle_site.backup.start_backup_job, **wanted) == code
    assert idle_site.backup.list_backup_jobs()["BackupJobs"] == []


def test_vault_lock_fails_the_job_and_keeps_the_point(site: Site) -> None:
    kept = site.finished(site.volume, Lifecycle={"DeleteAfterDays": 30})["RecoveryPointArn"]
    site.backup.put_backup_vault_lock_configuration(BackupVaultName="vault", MinRetentionDays=14, ChangeableForDays=3)
    short = site.finished(site.volume, Lifecycle={"DeleteAfterDays": 7})
    assert short["State"] == "FAILED"
    assert "vault lock" in short["StatusMessage"]
    point = {"BackupVaultName": "vault", "RecoveryPointArn": kept}
    assert code_of(site.backup.delete_recovery_point, **point) == "InvalidRequestException"
    vault = site.backup.describe_backup_vault(BackupVaultName="vault")
    assert (vault["Locked"], vault["MinRetentionDays"]) == (True, 14)
    assert vault["LockDate"] > datetime.now(UTC) + timedelta(days=2)
    site.backup.put_backup_vault_lock_configuration(BackupVaultName="vault", MinRetentionDays=10, ChangeableForDays=3)
    site.aws.advance_clock(3 * DAY + 10)
    locked = {"BackupVaultName": "vault"}
    assert code_of(site.backup.delete_backup_vault_lock_configuration, **locked) == "InvalidRequestException"
    assert code_of(site.backup.put_backup_vault_lock_configuration, **locked) == "InvalidRequestException"


def test_governance_lock_can_be_taken_away(site: Site) -> None:
    site.backup.put_backup_vault_lock_configuration(BackupVaultName="vault", MinRetentionDays=1)
    site.aws.advance_clock(400 * DAY)
    site.backup.delete_backup_vault_lock_configuration(BackupVaultName="vault")
    assert site.backup.describe_backup_vault(BackupVaultName="vault")["Locked"] is False


def test_access_policy_and_notifications(site: Site) -> None:
    policy = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Deny", "Principal": "*", "Action": "backup:DeleteRecoveryPoint", "Resource": "*"}
            ],
        }
    )
    name = {"BackupVaultName": "vault"}
    site.backup.put_backup_vault_access_policy(**name, Policy=policy)
    assert site.backup.get_backup_vault_access_policy(**name)["Policy"] == policy
    site.backup.delete_backup_vault_access_policy(**name)
    assert code_of(site.backup.get_backup_vault_access_policy, **name) == "ResourceNotFoundException"

    topic, told = site.aws.topic("backup")
    events = ["BACKUP_JOB_COMPLETED"]
    site.backup.put_backup_vault_notifications(**name, SNSTopicArn=topic, BackupVaultEvents=events)
    assert site.backup.get_backup_vault_notifications(**name)["BackupVaultEvents"] == events
    done = site.finished(site.volume)
    (message,) = told()
    assert done["BackupJobId"] in message["Message"]
    assert message["MessageAttributes"]["State"]["Value"] == "COMPLETED"
    site.backup.delete_backup_vault_notifications(**name)
    assert code_of(site.backup.get_backup_vault_notifications, **name) == "ResourceNotFoundException"


def test_restore_creates_what_was_backed_up(site: Site) -> None:
    point = site.finished(site.volume)["RecoveryPointArn"]
    wanted = {"RecoveryPointArn": point, "IamRoleArn": site.role}
    assert code_of(site.backup.start_restore_job, **wanted, Metadata={"x": "y"}) == "MissingParameterValueException"
    metadata = {"availabilityZone": "ap-northeast-2a"}
    job = site.backup.start_restore_job(**wanted, Metadata=metadata)["RestoreJobId"]
    assert site.backup.describe_restore_job(RestoreJobId=job)["Status"] == "PENDING"
    site.aws.advance_clock(5)
    done = site.backup.describe_restore_job(RestoreJobId=job)
    assert done["Status"] == "COMPLETED", done
    volume = site.ec2.describe_volumes(VolumeIds=[done["CreatedResourceArn"].rpartition("/")[2]])["Volumes"][0]
    assert volume["SnapshotId"] == point.rpartition("/")[2]
    assert site.backup.get_restore_job_metadata(RestoreJobId=job)["Metadata"] == metadata
    site.backup.put_restore_validation_result(RestoreJobId=job, ValidationStatus="SUCCESSFUL")
    assert site.backup.list_restore_jobs(ByStatus="COMPLETED")["RestoreJobs"][0]["ValidationStatus"] == "SUCCESSFUL"


def test_restore_of_an_instance(site: Site) -> None:
    point = site.finished(site.instance)["RecoveryPointArn"]
    metadata = site.backup.get_recovery_point_restore_metadata(BackupVaultName="vault", RecoveryPointArn=point)
    job = site.backup.start_restore_job(
        RecoveryPointArn=point, IamRoleArn=site.role, Metadata=metadata["RestoreMetadata"]
    )["RestoreJobId"]
    site.aws.advance_clock(5)
    done = site.backup.describe_restore_job(RestoreJobId=job)
    assert done["Status"] == "COMPLETED", done
    instance = done["CreatedResourceArn"].rpartition("/")[2]
    assert site.ec2.describe_instances(InstanceIds=[instance])["Reservations"]


@pytest.mark.parametrize("kind", ["volume", "instance"])
def test_copy_to_another_region(site: Site, kind: str) -> None:
    point = site.finished(getattr(site, kind))["RecoveryPointArn"]
    away = site.aws.client("backup", region="eu-central-1")
    vault = away.create_backup_vault(BackupVaultName="away")["BackupVaultArn"]
    wanted = {"RecoveryPointArn": point, "SourceBackupVaultName": "vault", "IamRoleArn": site.role}
    keep = {"DeleteAfterDays": 90}
    job = site.backup.start_copy_job(**wanted, DestinationBackupVaultArn=vault, Lifecycle=keep)["CopyJobId"]
    assert site.backup.describe_copy_job(CopyJobId=job)["CopyJob"]["State"] == "CREATED"
    site.aws.advance_clock(5)
    copies = away.list_recovery_points_by_backup_vault(BackupVaultName="away")["RecoveryPoints"]
    assert [copy["ResourceArn"] for copy in copies] == [getattr(site, kind)]
    done = site.backup.list_copy_jobs(ByState="COMPLETED")["CopyJobs"][0]
    assert (done["CopyJobId"], done["DestinationRecoveryPointArn"]) == (job, copies[0]["RecoveryPointArn"])
    assert "eu-central-1" in copies[0]["RecoveryPointArn"]
    assert (copies[0]["Lifecycle"], copies[0]["SourceBackupVaultArn"]) == (keep, done["SourceBackupVaultArn"])


@pytest.mark.parametrize(
    ("wanted", "days"),
    [(None, 7), ({"DeleteAfterDays": -1}, 7), ({"DeleteAfterDays": 90}, 90)],
)
def test_a_copy_is_kept_as_its_source_unless_it_says_for_how_long(
    site: Site, wanted: dict[str, int] | None, days: int
) -> None:
    job = site.finished(site.volume, Lifecycle={"DeleteAfterDays": 7})
    point = site.backup.describe_recovery_point(BackupVaultName="vault", RecoveryPointArn=job["RecoveryPointArn"])
    other = site.backup.create_backup_vault(BackupVaultName="other")["BackupVaultArn"]
    site.aws.advance_clock(86_400)
    site.backup.start_copy_job(
        RecoveryPointArn=point["RecoveryPointArn"],
        SourceBackupVaultName="vault",
        IamRoleArn=site.role,
        DestinationBackupVaultArn=other,
        **({"Lifecycle": wanted} if wanted else {}),
    )
    site.aws.advance_clock(5)
    copy = site.backup.list_recovery_points_by_backup_vault(BackupVaultName="other")["RecoveryPoints"][0]
    assert copy["Lifecycle"]["DeleteAfterDays"] == days
    assert copy["CreationDate"] == point["CreationDate"]
    assert (copy["CalculatedLifecycle"]["DeleteAt"] - point["CreationDate"]).days == days
    site.aws.advance_clock(6 * 86_400)
    left = site.backup.list_recovery_points_by_backup_vault(BackupVaultName="other")["RecoveryPoints"]
    assert bool(left) is (days > 7)


def test_copy_to_no_vault_fails(site: Site) -> None:
    point = site.finished(site.volume)["RecoveryPointArn"]
    wanted = {"RecoveryPointArn": point, "SourceBackupVaultName": "vault", "IamRoleArn": site.role}
    nowhere = f"arn:aws:backup:eu-central-1:{site.aws.account_id}:backup-vault:none"
    job = site.backup.start_copy_job(**wanted, DestinationBackupVaultArn=nowhere)["CopyJobId"]
    site.aws.advance_clock(5)
    done = site.backup.describe_copy_job(CopyJobId=job)["CopyJob"]
    assert (done["State"], "not found" in done["StatusMessage"]) == ("FAILED", True)
    assert code_of(site.backup.start_copy_job, **wanted, DestinationBackupVaultArn="x") == (
        "InvalidParameterValueException"
    )


def test_restore_testing(site: Site) -> None:
    choice = {"Algorithm": "LATEST_WITHIN_WINDOW", "IncludeVaults": ["*"], "RecoveryPointTypes": ["SNAPSHOT"]}
    plan = {"RestoreTestingPlanName": "p", "ScheduleExpression": "cron(0 5 ? * * *)", "RecoveryPointSelection": choice}
    backup = site.backup
    backup.create_restore_testing_plan(RestoreTestingPlan=plan, Tags={"a": "b"})
    assert code_of(backup.create_restore_testing_plan, RestoreTestingPlan=plan) == "AlreadyExistsException"
    got = backup.get_restore_testing_plan(RestoreTestingPlanName="p")["RestoreTestingPlan"]
    assert (got["StartWindowHours"], got["RecoveryPointSelection"]["SelectionWindowDays"]) == (24, 30)
    backup.update_restore_testing_plan(RestoreTestingPlanName="p", RestoreTestingPlan={"StartWindowHours": 12})
    bad = {**plan, "RestoreTestingPlanName": "q", "StartWindowHours": 169}
    assert code_of(backup.create_restore_testing_plan, RestoreTestingPlan=bad) == "InvalidParameterValueException"
    selection = {
        "RestoreTestingSelectionName": "s",
        "ProtectedResourceType": "EBS",
        "IamRoleArn": site.role,
        "ProtectedResourceArns": ["*"],
    }
    backup.create_restore_testing_selection(RestoreTestingPlanName="p", RestoreTestingSelection=selection)
    listed = backup.list_restore_testing_selections(RestoreTestingPlanName="p")["RestoreTestingSelections"]
    assert [each["RestoreTestingSelectionName"] for each in listed] == ["s"]
    names = {"RestoreTestingPlanName": "p", "RestoreTestingSelectionName": "s"}
    change = {"ValidationWindowHours": 4}
    backup.update_restore_testing_selection(**names, RestoreTestingSelection=change)
    kept = backup.get_restore_testing_selection(**names)["RestoreTestingSelection"]
    assert (kept["ValidationWindowHours"], kept["ProtectedResourceArns"]) == (4, ["*"])
    assert code_of(backup.delete_restore_testing_plan, RestoreTestingPlanName="p") == "InvalidRequestException"
    backup.delete_restore_testing_selection(**names)
    backup.delete_restore_testing_plan(RestoreTestingPlanName="p")
    assert backup.list_restore_testing_plans()["RestoreTestingPlans"] == []


def test_a_bucket_without_versions_cannot_be_backed_up(site: Site) -> None:
    """https://docs.aws.amazon.com/aws-backup/latest/devguide/s3-backups.html: versioning is a prerequisite."""
    place = {"LocationConstraint": "ap-northeast-2"}
    name = f"plain-{site.aws.account_id}"
    site.aws.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=place)
    job = site.finished(f"arn:aws:s3:::{name}")
    assert (job["State"], "versioning" in job["StatusMessage"]) == ("FAILED", True)


def test_a_table_is_not_restored_over_another(site: Site) -> None:
    """https://docs.aws.amazon.com/aws-backup/latest/devguide/restoring-dynamodb.html: a new table, by its name."""
    made = site.aws.client("dynamodb").create_table(
        TableName="orders",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    point = site.finished(made["TableDescription"]["TableArn"])["RecoveryPointArn"]
    request = {"RecoveryPointArn": point, "IamRoleArn": site.role}
    with pytest.raises(ClientError, match="targetTableName is missing"):
        site.backup.start_restore_job(**request, Metadata={"encryptionType": "Default"})
    job = site.backup.start_restore_job(**request, Metadata={"TARGETTABLENAME": "orders"})["RestoreJobId"]
    site.aws.advance_clock(5)
    assert site.backup.describe_restore_job(RestoreJobId=job)["Status"] == "FAILED"
