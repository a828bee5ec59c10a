# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""backup_restore_test against the region."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from backup_modules import Module, back_up, launch, role, trail

from lab.aws.testing import REPO, Aws

# ------------------------------------------------------------------------------------------- standing restore tests


@pytest.fixture
def testing(aws: Aws) -> Module:
    return Module(aws, "backup_restore_test", restore_testing_plan_name="weekly")


def held(aws: Aws) -> dict[str, Any]:
    client = aws.client("backup")
    plans = client.list_restore_testing_plans()["RestoreTestingPlans"]
    return {
        plan["RestoreTestingPlanName"]: {
            each["RestoreTestingSelectionName"]: client.get_restore_testing_selection(
                RestoreTestingPlanName=plan["RestoreTestingPlanName"],
                RestoreTestingSelectionName=each["RestoreTestingSelectionName"],
            )["RestoreTestingSelection"]
            for each in client.list_restore_testing_selections(RestoreTestingPlanName=plan["RestoreTestingPlanName"])[
                "RestoreTestingSelections"
            ]
        }
        for plan in plans
    }


def selection(arn: str, name: str = "instances", **changes: Any) -> dict[str, Any]:
    return {
        "restore_testing_selection_name": name,
        "iam_role_arn": arn,
        "protected_resource_type": "EC2",
        "protected_resource_arns": ["*"],
        "protected_resource_conditions": {"string_equals": [{"key": "aws:ResourceTag/Backup", "value": "daily"}]},
        "restore_metadata_overrides": {"securityGroupIds": '["sg-1"]'},
        **changes,
    }


def test_life_cycle(testing: Module) -> None:
    """Create, again, modify, again, delete, again; each in check mode first."""
    arn = role(testing.aws)
    create = {
        "schedule_expression": "cron(0 6 ? * MON *)",
        "recovery_point_selection": {"algorithm": "RANDOM_WITHIN_WINDOW"},
        "selections": [selection(arn), selection(arn, "volumes", protected_resource_type="EBS")],
        "tags": {"Team": "ops"},
    }
    modify = {
        **create,
        "start_window_hours": 48,
        "selections": [selection(arn, validation_window_hours=1), selection(arn, "more")],
        "tags": {"Env": "lab"},
    }
    would = testing(check=True, **create)
    assert would["changed"]
    assert held(testing.aws) == {}
    did = testing(**create)
    assert trail(testing.aws) == [
        "CreateRestoreTestingPlan",
        "CreateRestoreTestingSelection",
        "CreateRestoreTestingSelection",
    ]
    assert did["diff"] == would["diff"]
    assert set(held(testing.aws)["weekly"]) == {"instances", "volumes"}
    testing.unchanged(**create)
    testing.unchanged(**{**create, "selections": create["selections"][::-1]})

    did = testing.changed(**modify)
    assert trail(testing.aws) == [
        "UpdateRestoreTestingPlan",
        "UntagResource",
        "TagResource",
        "DeleteRestoreTestingSelection",
        "UpdateRestoreTestingSelection",
        "CreateRestoreTestingSelection",
    ]
    assert did["diff"]["before"]["start_window_hours"] == 24
    now = held(testing.aws)["weekly"]
    assert set(now) == {"instances", "more"}
    assert now["instances"]["ValidationWindowHours"] == 1
    testing.unchanged(**modify)
    del modify["selections"]
    testing.unchanged(**modify)  # what is not given is left as it is

    testing.changed(state="absent")
    assert held(testing.aws) == {}
    testing.unchanged(state="absent")


def test_twelve_pages_beside_plans_of_others(testing: Module) -> None:
    arn = role(testing.aws)
    selections = [selection(arn, f"s{number:02}") for number in range(12)]
    others = Module(testing.aws, "backup_restore_test", restore_testing_plan_name="somebody_s")
    others(selections=[selection(arn, "theirs")])
    theirs = held(testing.aws)["somebody_s"]
    testing.aws.switch(page_size=1)
    testing.changed(selections=selections)
    testing.unchanged(selections=selections)
    assert testing.calls.count("ListRestoreTestingSelections") >= 12
    testing.changed(selections=selections[:1])
    testing.aws.switch(page_size=1000)
    assert set(held(testing.aws)["weekly"]) == {"s00"}
    testing.changed(state="absent")
    assert held(testing.aws) == {"somebody_s": theirs}


@pytest.mark.parametrize("kind", ["throttle", "error", "lost_answer"])
def test_faults_of_writing_are_overcome(testing: Module, kind: str) -> None:
    wanted = {"selections": [selection(role(testing.aws))]}
    for operation in (
        "CreateRestoreTestingPlan",
        "CreateRestoreTestingSelection",
        "DeleteRestoreTestingPlan",
        "DeleteRestoreTestingSelection",
    ):
        testing.aws.fault(service="backup", operation=operation, kind=kind, times=1)
    assert testing(**wanted)["changed"]
    testing.unchanged(**wanted)
    assert testing(state="absent")["changed"]
    assert held(testing.aws) == {}


def test_all_of_30_selections_are_exchanged(testing: Module) -> None:
    arn = role(testing.aws)
    testing.changed(selections=[selection(arn, f"old{n}") for n in range(30)])
    testing.changed(selections=[selection(arn, f"new{n}") for n in range(30)])
    assert set(held(testing.aws)["weekly"]) == {f"new{n}" for n in range(30)}


ROLE = "arn:aws:iam::123456789012:role/backup"
BUCKETS = [f"arn:aws:s3:::b{n}" for n in range(31)]
VAULTS = [f"arn:aws:backup:eu-west-1:123456789012:backup-vault:v{n}" for n in range(31)]


def tags(count: int) -> list[dict[str, str]]:
    return [{"key": f"aws:ResourceTag/t{n}", "value": "x"} for n in range(count)]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"restore_testing_plan_name": "with-hyphen"}, "letters, digits and underscores"),
        ({"schedule_expression": "daily"}, "is not cron("),
        ({"start_window_hours": 169}, "1 to 168"),
        ({"recovery_point_selection": {"selection_window_days": 366}}, "1 to 365"),
        ({"recovery_point_selection": {"include_vaults": []}}, "must not be empty"),
        ({"selections": [selection(ROLE, "a-b")]}, "letters, digits and underscores"),
        ({"selections": [selection(ROLE), selection(ROLE)]}, "given twice"),
        ({"selections": [selection("me")]}, "not the ARN of an IAM role"),
        ({"selections": [selection(ROLE, validation_window_hours=169)]}, "0 to 168"),
        (
            {"selections": [selection(ROLE, protected_resource_arns=[], protected_resource_conditions={})]},
            "give protected_resource_arns",
        ),
        ({"selections": [selection(ROLE, protected_resource_arns=["*", "arn:aws:s3:::x"])]}, "but not both"),
        ({"selections": [selection(ROLE, protected_resource_arns=["arn:aws:s3:::x"])]}, "need the wildcard"),
        ({"state": "tested"}, "resource_arn, iam_role_arn"),
        ({"selections": [selection(ROLE, f"s{n}") for n in range(31)]}, "selections: 31 of them, AWS allows 30"),
        (
            {"selections": [selection(ROLE, protected_resource_arns=BUCKETS, protected_resource_conditions={})]},
            "protected_resource_arns: 31 of them",
        ),
        (
            {
                "selections": [
                    selection(
                        ROLE,
                        protected_resource_conditions={
                            "string_equals": tags(16),
                            "string_not_equals": tags(15),
                        },
                    )
                ]
            },
            "protected_resource_conditions: 31 of them",
        ),
        ({"recovery_point_selection": {"include_vaults": VAULTS}}, "include_vaults: 31 of them"),
        ({"recovery_point_selection": {"exclude_vaults": VAULTS}}, "exclude_vaults: 31 of them"),
        ({"selections": [selection(ROLE, protected_resource_type="ec2")]}, "protected_resource_type must be one of"),
    ],
)
def test_bad_input_is_refused_without_a_call(testing: Module, args: dict[str, Any], words: str) -> None:
    assert words in testing.fails(**args)
    assert testing.calls == []


# ------------------------------------------------------------------------------------------------------ one restore


@pytest.fixture
def drill(aws: Aws) -> Module:
    aws.client("backup").create_backup_vault(BackupVaultName="daily")
    group = aws.client("ec2").create_security_group(GroupName="isolated", Description="lets in nothing")["GroupId"]
    arn = launch(aws, Name="web-1")
    back_up(aws, arn)
    return Module(
        aws,
        "backup_restore_test",
        state="tested",
        resource_arn=arn,
        iam_role_arn=aws.client("iam").get_role(RoleName="backup")["Role"]["Arn"],
        security_group_ids=[group],
    )


def instances(aws: Aws) -> dict[str, str]:
    """State by id."""
    reservations = aws.client("ec2").describe_instances()["Reservations"]
    return {each["InstanceId"]: each["State"]["Name"] for one in reservations for each in one["Instances"]}


def original(drill: Module) -> str:
    return str(drill.options["resource_arn"].rpartition("/")[2])


def test_a_copy_is_made_checked_and_removed(drill: Module) -> None:
    would = drill(check=True)
    assert would["changed"]
    assert trail(drill.aws) == []
    script = 'test -n "$RESTORED_PRIVATE_IP" && echo "looked at $RESTORED_RESOURCE_ID"'
    did = drill(check_command=["sh", "-c", script])
    assert did["recovery_point"]["recovery_point_arn"] == would["recovery_point"]["recovery_point_arn"]
    copy = did["created_resource_arn"].rpartition("/")[2]
    assert did["check"] == {"rc": 0, "stdout": f"looked at {copy}\n", "stderr": ""}
    assert 1 < did["rto_seconds"] < 60
    assert 0 < did["rpo_seconds"] < 600
    assert did["left"] == []
    states = instances(drill.aws)
    assert states[original(drill)] == "running"
    assert states[copy] in ("shutting-down", "terminated")
    (made,) = drill.aws.client("ec2").describe_instances(InstanceIds=[copy])["Reservations"][0]["Instances"]
    assert {"Key": "Name", "Value": f"restored-{original(drill)}"} in made["Tags"]
    job = drill.aws.client("backup").describe_restore_job(RestoreJobId=did["restore_job_id"])
    assert job["ValidationStatus"] == "SUCCESSFUL"
    metadata = drill.aws.client("backup").get_restore_job_metadata(RestoreJobId=did["restore_job_id"])["Metadata"]
    assert drill.options["security_group_ids"][0] in metadata["SecurityGroupIds"]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["sh", "-c", "echo no service >&2; exit 3"], "failed with status 3: no service"),
        (["/does/not/exist"], "could not be run"),
    ],
)
def test_the_copy_goes_also_when_the_check_fails(drill: Module, command: list[str], words: str) -> None:
    assert words in drill.fails(check_command=command)
    states = instances(drill.aws)
    assert states.pop(original(drill)) == "running"
    assert set(states.values()) <= {"shutting-down", "terminated"}
    (job,) = drill.aws.client("backup").list_restore_jobs()["RestoreJobs"]
    assert (job["ValidationStatus"], words in job["ValidationStatusMessage"]) == ("FAILED", True)


def test_the_copy_goes_also_when_the_time_is_up(drill: Module) -> None:
    assert "when the time is up" in drill.fails(wait_timeout=1)
    states = instances(drill.aws)
    assert states.pop(original(drill)) == "running"
    assert len(states) == 1
    assert set(states.values()) <= {"shutting-down", "terminated"}


def run_until(drill: Module, operation: str, number: signal.Signals) -> str:
    """Run the module as Ansible does, and send it a signal when it has made this call; its output."""
    runner = (
        "import runpy, sys; from ansible.module_utils import basic; basic._ANSIBLE_ARGS = sys.stdin.buffer.read();"
        "basic._ANSIBLE_PROFILE = 'legacy'; runpy.run_module(sys.argv[1], run_name='__main__')"
    )
    module = "ansible_collections.rampart.ops.plugins.modules.backup_restore_test"
    process = subprocess.Popen(
        [sys.executable, "-c", runner, module],
        env=drill.aws.env,
        cwd=REPO,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    drill.aws.reset_journal()
    process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": {**drill.options, "_ansible_remote_tmp": "/tmp"}}))  # noqa: S108
    process.stdin.close()
    process.stdin = None
    end = time.monotonic() + 60
    while operation not in drill.aws.operations() and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(number)
    output, _nothing = process.communicate(timeout=60)
    return output


def test_the_copy_goes_also_when_the_run_is_ended(drill: Module) -> None:
    result = json.loads(run_until(drill, "DescribeRestoreJob", signal.SIGTERM))
    assert "ended by SIGTERM" in result["msg"]
    assert result["left"] == []
    assert noted(drill.aws) == {}
    states = instances(drill.aws)
    assert states.pop(original(drill)) == "running"
    assert len(states) == 1
    assert set(states.values()) <= {"shutting-down", "terminated"}


# ----------------------------------------------------------------------------- what a controller that died has left


def noted(aws: Aws, vault: str = "daily") -> dict[str, str]:
    arn = aws.client("backup").describe_backup_vault(BackupVaultName=vault)["BackupVaultArn"]
    tags = aws.client("backup").list_tags(ResourceArn=arn)["Tags"]
    return {key: value for key, value in tags.items() if key.startswith("rampart:drill:")}


def expire(aws: Aws) -> None:
    """As if the drills had been given no time at all."""
    arn = aws.client("backup").describe_backup_vault(BackupVaultName="daily")["BackupVaultArn"]
    for key, value in noted(aws).items():
        over = re.sub(r"from (\S+) until \S+", r"from \1 until \1", value)
        aws.client("backup").tag_resource(ResourceArn=arn, Tags={key: over})


def finish_restores(aws: Aws) -> None:
    client = aws.client("backup")
    end = time.monotonic() + 30
    while any(job["Status"] in ("PENDING", "RUNNING") for job in client.list_restore_jobs()["RestoreJobs"]):
        assert time.monotonic() < end
        time.sleep(0.2)


def copies(drill: Module) -> dict[str, str]:
    return {key: state for key, state in instances(drill.aws).items() if key != original(drill)}


@pytest.mark.parametrize("operation", ["DescribeRestoreJob", "CreateTags"])
def test_the_next_drill_removes_what_a_killed_one_has_left(drill: Module, operation: str) -> None:
    drill.options["check_command"] = ["sleep", "5"]
    assert run_until(drill, operation, signal.SIGKILL) == ""
    del drill.options["check_command"]
    finish_restores(drill.aws)
    assert list(copies(drill).values()) == ["running"]
    (left,) = copies(drill)
    sweep = Module(drill.aws, "backup_restore_test", state="swept")

    # It may still be at it: nobody removes the copy from under it, unless told to.
    assert sweep(check=True)["swept"] == []
    assert not sweep()["changed"]
    assert copies(drill)[left] == "running"
    # A policy that says which tags the vault has does not strike it out.
    vault = Module(drill.aws, "backup_vault", backup_vault_name="daily", tags={"Team": "ops"})
    vault()
    assert len(noted(drill.aws)) == 1
    assert vault(check=True)["changed"] is False

    expire(drill.aws)
    would = sweep(check=True)
    assert would["changed"]
    assert len(would["swept"]) == 1
    assert trail(drill.aws) == []
    did = drill()
    assert did["swept"] == [drill.options["resource_arn"].rpartition("/")[0] + "/" + left]
    assert copies(drill)[left] in ("shutting-down", "terminated")
    assert noted(drill.aws) == {}
    assert not sweep()["changed"]
    assert instances(drill.aws)[original(drill)] == "running"


def test_the_copy_of_a_protected_instance_can_be_removed(drill: Module) -> None:
    ec2 = drill.aws.client("ec2")
    ec2.modify_instance_attribute(InstanceId=original(drill), DisableApiTermination={"Value": True})
    back_up(drill.aws, drill.options["resource_arn"])
    assert drill()["left"] == []
    assert set(copies(drill).values()) <= {"shutting-down", "terminated"}


def test_no_volume_of_a_copy_is_left(drill: Module) -> None:
    """Not of one whose volumes would stay when it is terminated, and whose removal took a second attempt."""
    ec2, before = drill.aws.client("ec2"), volumes(drill.aws)
    drill.options["check_command"] = ["sleep", "5"]
    run_until(drill, "CreateTags", signal.SIGKILL)
    finish_restores(drill.aws)
    (copy,) = copies(drill)
    (disk,) = ec2.describe_instances(InstanceIds=[copy])["Reservations"][0]["Instances"][0]["BlockDeviceMappings"]
    kept = {"DeviceName": disk["DeviceName"], "Ebs": {"DeleteOnTermination": False}}
    ec2.modify_instance_attribute(InstanceId=copy, BlockDeviceMappings=[kept])
    assert len(volumes(drill.aws) - before) == 1
    expire(drill.aws)
    early = {"status": 400, "code": "IncorrectInstanceState", "message": "The instance is pending"}
    drill.aws.fault(service="ec2", operation="ModifyInstanceAttribute", kind="error", times=1, params=early)
    drill.aws.fault(service="ec2", operation="TerminateInstances", kind="error", times=1, params={"status": 500})
    sweep = Module(drill.aws, "backup_restore_test", state="swept")
    assert len(sweep()["swept"]) == 1
    assert volumes(drill.aws) == before


def test_a_sweep_removes_also_what_is_under_way_when_it_is_told_to(drill: Module) -> None:
    run_until(drill, "DescribeRestoreJob", signal.SIGKILL)
    sweep = Module(drill.aws, "backup_restore_test", state="swept", only_expired=False)
    finish_restores(drill.aws)
    assert len(sweep()["swept"]) == 1
    assert set(copies(drill).values()) <= {"shutting-down", "terminated"}
    assert noted(drill.aws) == {}


def test_what_cannot_be_swept_is_told_and_stays_noted(drill: Module) -> None:
    run_until(drill, "DescribeRestoreJob", signal.SIGKILL)
    finish_restores(drill.aws)
    expire(drill.aws)
    denied = {"status": 403, "code": "UnauthorizedOperation", "message": "not allowed"}
    drill.aws.fault(service="ec2", operation="TerminateInstances", kind="error", times=1, params=denied)
    sweep = Module(drill.aws, "backup_restore_test", state="swept")
    assert "not allowed" in sweep.fails()
    assert len(noted(drill.aws)) == 1
    assert len(sweep()["swept"]) == 1


def test_a_drill_that_cannot_be_noted_is_not_begun(drill: Module) -> None:
    denied = {"status": 403, "code": "AccessDeniedException", "message": "not allowed"}
    drill.aws.fault(service="backup", operation="TagResource", kind="error", params=denied)
    assert "not allowed" in drill.fails()
    assert "StartRestoreJob" not in drill.aws.operations()


def a_volume(aws: Aws) -> str:
    volume = aws.client("ec2").create_volume(AvailabilityZone="ap-northeast-2a", Size=1)["VolumeId"]
    return f"arn:aws:ec2:ap-northeast-2:{aws.account_id}:volume/{volume}"


def of_a_volume(drill: Module) -> Module:
    arn = a_volume(drill.aws)
    back_up(drill.aws, arn)
    return Module(drill.aws, "backup_restore_test", **{**drill.options, "resource_arn": arn, "security_group_ids": []})


def volumes(aws: Aws) -> set[str]:
    return {each["VolumeId"] for each in aws.client("ec2").describe_volumes()["Volumes"]}


@pytest.mark.parametrize("kind", ["instance", "volume"])
def test_the_copy_of_a_drill_that_died_while_it_asked_goes_and_no_other(drill: Module, kind: str) -> None:
    test = drill if kind == "instance" else of_a_volume(drill)
    somebody_s = test(state="restored")["created_resource_arn"].rpartition("/")[2]
    held = {key for key, state in instances(test.aws).items() if state == "running"}, volumes(test.aws)
    # AWS begins the restore; its answer reaches nobody.
    test.aws.fault(service="backup", operation="StartRestoreJob", kind="lost_answer")
    assert run_until(test, "StartRestoreJob", signal.SIGKILL) == ""
    (note,) = noted(test.aws).values()
    assert note.endswith("job -")
    finish_restores(test.aws)
    assert len(test.aws.client("backup").list_restore_jobs()["RestoreJobs"]) == 2
    made = volumes(test.aws) - held[1]
    assert len(made) == 1

    expire(test.aws)
    sweep = Module(test.aws, "backup_restore_test", state="swept")
    (swept,) = sweep()["swept"]
    assert f":{kind}/" in swept
    assert ({key for key, state in instances(test.aws).items() if state == "running"}, volumes(test.aws)) == held
    assert any(somebody_s in each for each in held)
    assert noted(test.aws) == {}
    assert not sweep()["changed"]


def note(aws: Aws, drill_id: str, value: str) -> None:
    arn = aws.client("backup").describe_backup_vault(BackupVaultName="daily")["BackupVaultArn"]
    aws.client("backup").tag_resource(ResourceArn=arn, Tags={f"rampart:drill:{drill_id}": value})


PAST = "from 2026-01-01T00:00:00Z until 2026-01-01T02:00:00Z job -"


def test_a_drill_that_died_before_it_asked_has_left_nothing(drill: Module) -> None:
    for number, kind in enumerate(("EC2", "S3")):
        note(drill.aws, f"012{number}", f"{kind} {PAST}")
    sweep = Module(drill.aws, "backup_restore_test", state="swept")
    assert len(sweep()["swept"]) == 2
    assert noted(drill.aws) == {}
    assert not sweep()["changed"]

    # As long as it may still be asking, nobody says that there is nothing.
    note(drill.aws, "0123", "EC2 from 2026-01-01T00:00:00Z until 2999-01-01T00:00:00Z job -")
    assert "sweep again then" in sweep.fails(only_expired=False)
    assert len(noted(drill.aws)) == 1


def test_a_job_that_does_not_say_whose_it_is_is_told_once_and_not_touched(drill: Module) -> None:
    copy = drill(state="restored")["created_resource_arn"].rpartition("/")[2]
    note(drill.aws, "0123", "EC2 from 2026-01-01T00:00:00Z until 2999-01-01T00:00:00Z job -")
    sweep = Module(drill.aws, "backup_restore_test", state="swept", only_expired=False)
    (job,) = drill.aws.client("backup").list_restore_jobs()["RestoreJobs"]
    assert job["RestoreJobId"] in sweep.fails()
    assert instances(drill.aws)[copy] == "running"
    assert not sweep()["changed"]


def test_a_restore_that_aws_refuses_leaves_no_note(drill: Module) -> None:
    denied = {"status": 403, "code": "AccessDeniedException", "message": "not allowed"}
    drill.aws.fault(service="backup", operation="StartRestoreJob", kind="error", params=denied)
    assert "not allowed" in drill.fails()
    assert noted(drill.aws) == {}


# ------------------------------------------------------------------------------------------------------- other types


def a_database(aws: Aws) -> str:
    made = aws.client("rds").create_db_instance(
        DBInstanceIdentifier="orders",
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        MasterUsername="root",
        MasterUserPassword="hunter2hunter2",
        AllocatedStorage=20,
        PubliclyAccessible=True,
        DeletionProtection=True,
    )
    return str(made["DBInstance"]["DBInstanceArn"])


def a_table(aws: Aws) -> str:
    client = aws.client("dynamodb")
    made = client.create_table(
        TableName="orders",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    client.put_item(TableName="orders", Item={"id": {"S": "4711"}})
    return str(made["TableDescription"]["TableArn"])


def a_file_system(aws: Aws) -> str:
    return str(aws.client("efs").create_file_system(CreationToken="orders")["FileSystemArn"])


def a_bucket(aws: Aws) -> str:
    client = aws.client("s3")
    name = f"orders-{aws.account_id}"
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    client.put_object(Bucket=name, Key="4711", Body=b"an order")
    return f"arn:aws:s3:::{name}"


def everything(aws: Aws) -> dict[str, set[str]]:
    return {
        "db": {each["DBInstanceIdentifier"] for each in aws.client("rds").describe_db_instances()["DBInstances"]},
        "table": set(aws.client("dynamodb").list_tables()["TableNames"]),
        "fs": {each["CreationToken"] for each in aws.client("efs").describe_file_systems()["FileSystems"]},
        "bucket": {each["Name"] for each in aws.client("s3").list_buckets()["Buckets"]},
    }


MAKERS = {"db": a_database, "table": a_table, "fs": a_file_system, "bucket": a_bucket}


def apart(drill: Module, kind: str) -> Module:
    """A drill of a resource of this type, which has a backup."""
    arn = MAKERS[kind](drill.aws)
    back_up(drill.aws, arn)
    groups = drill.options["security_group_ids"] if kind == "db" else []
    return Module(
        drill.aws, "backup_restore_test", **{**drill.options, "resource_arn": arn, "security_group_ids": groups}
    )


@pytest.mark.parametrize("kind", MAKERS)
def test_every_type_is_restored_apart_and_removed(drill: Module, kind: str) -> None:
    test = apart(drill, kind)
    before = everything(test.aws)
    assert test(check=True)["changed"]
    assert trail(test.aws) == []
    script = 'echo "$RESTORED_RESOURCE_ARN $RESTORED_RESOURCE_ID"'
    did = test(check_command=["sh", "-c", script])
    assert did["created_resource_arn"] != test.options["resource_arn"]
    assert did["check"]["stdout"].split()[0] == did["created_resource_arn"]
    assert did["left"] == []
    assert everything(test.aws) == before
    assert noted(test.aws) == {}

    # Kept, under a name of its own, marked and out of reach; a second one of that name is refused, not merged.
    name = f"copy-{test.aws.account_id}"
    kept = test(state="restored", copy_name=name)
    after = everything(test.aws)
    assert after[kind] == before[kind] | {name}
    assert {key: after[key] for key in after if key != kind} == {key: before[key] for key in before if key != kind}
    assert_apart(test.aws, kind, name, kept["created_resource_arn"], test)
    assert "is FAILED" in test.fails(state="restored", copy_name=name)
    assert everything(test.aws) == after


def assert_apart(aws: Aws, kind: str, name: str, arn: str, test: Module) -> None:
    if kind == "db":
        (made,) = aws.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        assert (made["PubliclyAccessible"], made["DeletionProtection"]) == (False, False)
        assert [each["VpcSecurityGroupId"] for each in made["VpcSecurityGroups"]] == test.options["security_group_ids"]
        tags = aws.client("rds").list_tags_for_resource(ResourceName=arn)["TagList"]
    elif kind == "table":
        assert aws.client("dynamodb").scan(TableName=name)["Items"] == [{"id": {"S": "4711"}}]
        tags = aws.client("dynamodb").list_tags_of_resource(ResourceArn=arn)["Tags"]
    elif kind == "fs":
        (made,) = aws.client("efs").describe_file_systems(CreationToken=name)["FileSystems"]
        assert made["NumberOfMountTargets"] == 0
        tags = aws.client("efs").list_tags_for_resource(ResourceId=made["FileSystemId"])["Tags"]
    else:
        assert aws.client("s3").get_object(Bucket=name, Key="4711")["Body"].read() == b"an order"
        block = aws.client("s3").get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        assert set(block.values()) == {True}
        tags = aws.client("s3").get_bucket_tagging(Bucket=name)["TagSet"]
    told = {each["Key"]: each["Value"] for each in tags}
    assert told["Name"] == name
    assert "rampart:restored-from" in told


@pytest.mark.parametrize("kind", ["table", "bucket"])
def test_a_copy_of_another_type_outlives_no_sweep(drill: Module, kind: str) -> None:
    test = apart(drill, kind)
    before = everything(test.aws)
    run_until(test, "DescribeRestoreJob", signal.SIGKILL)
    finish_restores(test.aws)
    assert len(everything(test.aws)[kind]) == 2
    expire(test.aws)
    assert len(Module(test.aws, "backup_restore_test", state="swept")()["swept"]) == 1
    assert everything(test.aws) == before


def test_a_copy_that_cannot_be_removed_is_named(drill: Module) -> None:
    drill.aws.fault(
        service="ec2",
        operation="TerminateInstances",
        kind="error",
        params={"status": 403, "code": "UnauthorizedOperation", "message": "not allowed"},
    )
    result = drill.aws.run_module(drill.name, drill.options)
    assert result["failed"]
    assert "the copy is left" in result["msg"]
    assert result["left"] == [result["created_resource_arn"]]


def test_a_restore_that_fails_is_told(drill: Module) -> None:
    message = drill.fails(restore_metadata={"SubnetId": "subnet-0123456789abcdef0"})
    assert "is FAILED" in message
    assert instances(drill.aws) == {original(drill): "running"}


def test_the_newest_of_twelve_pages_is_restored(drill: Module) -> None:
    back_up(drill.aws, *[drill.options["resource_arn"]] * 11)
    points = drill.aws.client("backup").list_recovery_points_by_resource(ResourceArn=drill.options["resource_arn"])
    newest = max(points["RecoveryPoints"], key=lambda each: each["CreationDate"])
    drill.aws.switch(page_size=1)
    did = drill(check=True)
    assert did["recovery_point"]["recovery_point_arn"] == newest["RecoveryPointArn"]
    assert drill.calls.count("ListRecoveryPointsByResource") == 12


def test_restored_keeps_the_copy_of_a_named_point(drill: Module) -> None:
    first = drill(check=True)["recovery_point"]["recovery_point_arn"]
    back_up(drill.aws, drill.options["resource_arn"])
    assert drill(check=True)["recovery_point"]["recovery_point_arn"] != first
    did = drill(state="restored", recovery_point_arn=first)
    assert did["recovery_point"]["recovery_point_arn"] == first
    assert "left" not in did
    assert set(instances(drill.aws).values()) == {"running"}
    assert len(instances(drill.aws)) == 2


def test_a_volume(drill: Module) -> None:
    test = of_a_volume(drill)
    before = volumes(test.aws)
    copy = test()["created_resource_arn"].rpartition("/")[2]
    assert copy not in before
    assert volumes(test.aws) == before


RDS = "arn:aws:rds:eu-west-1:123456789012:db"
TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders"
BARE = {"resource_arn": TABLE, "security_group_ids": []}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"resource_arn": "arn:aws:sqs:eu-west-1:123456789012:queue"}, "EC2, EBS, RDS, DynamoDB, EFS, S3"),
        ({"resource_arn": "arn:aws:rds:eu-west-1:123456789012:cluster:main"}, "without instances"),
        ({"resource_arn": "arn:aws:fsx:eu-west-1:123456789012:file-system/fs-01"}, "FSx file systems are not restored"),
        ({"resource_arn": f"{RDS}:main", "security_group_ids": []}, "lets in nothing"),
        ({"resource_arn": TABLE}, "the type DynamoDB has none"),
        ({**BARE, "restore_metadata": {"TargetTableName": "orders"}}, "the copy is always a new one"),
        ({**BARE, "state": "restored", "copy_name": "orders"}, "never restored over"),
        ({"resource_arn": "arn:aws:s3:::b-1", "restore_metadata": {"newBucket": "false"}}, "always a new one"),
        ({"resource_arn": f"{RDS}:main", "subnet_id": "subnet-1"}, "the type RDS has none"),
        ({"security_group_ids": []}, "lets in nothing"),
        ({"iam_role_arn": "me"}, "not the ARN of an IAM role"),
    ],
)
def test_a_restore_that_must_not_be_is_refused_without_a_call(aws: Aws, args: dict[str, Any], words: str) -> None:
    instance = "arn:aws:ec2:eu-west-1:123456789012:instance/i-0123456789abcdef0"
    wanted = {"resource_arn": instance, "iam_role_arn": ROLE, "security_group_ids": ["sg-0123456789abcdef0"], **args}
    drill = Module(aws, "backup_restore_test", **{"state": "tested", **wanted})
    assert words in drill.fails()
    assert drill.calls == []


def test_a_resource_without_a_recovery_point(drill: Module) -> None:
    other = launch(drill.aws, Name="other")
    assert "does not have a recovery point that is complete" in drill.fails(resource_arn=other)
    assert "does not have the recovery point arn:x" in drill.fails(recovery_point_arn="arn:x")
