# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""backup_restore_test against the region."""

from __future__ import annotations

import json
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
        "UpdateRestoreTestingSelection",
        "CreateRestoreTestingSelection",
        "DeleteRestoreTestingSelection",
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


ROLE = "arn:aws:iam::123456789012:role/backup"


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


def test_the_copy_goes_also_when_the_run_is_killed(drill: Module) -> None:
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
    process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": {**drill.options, "_ansible_remote_tmp": "/tmp"}}))  # noqa: S108
    process.stdin.close()
    process.stdin = None
    end = time.monotonic() + 30
    while "DescribeRestoreJob" not in drill.aws.operations() and time.monotonic() < end:
        time.sleep(0.1)
    process.terminate()
    output, _nothing = process.communicate(timeout=60)
    result = json.loads(output)
    assert "ended by SIGTERM" in result["msg"]
    assert result["left"] == []
    states = instances(drill.aws)
    assert states.pop(original(drill)) == "running"
    assert len(states) == 1
    assert set(states.values()) <= {"shutting-down", "terminated"}


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
    client = drill.aws.client("ec2")
    volume = client.create_volume(AvailabilityZone="ap-northeast-2a", Size=1)["VolumeId"]
    arn = f"arn:aws:ec2:ap-northeast-2:{drill.aws.account_id}:volume/{volume}"
    back_up(drill.aws, arn)
    did = drill(resource_arn=arn, security_group_ids=[])
    copy = did["created_resource_arn"].rpartition("/")[2]
    assert copy != volume
    assert copy not in {each["VolumeId"] for each in client.describe_volumes()["Volumes"]}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"resource_arn": "arn:aws:s3:::bucket"}, "not the ARN of an instance or a volume"),
        ({"security_group_ids": []}, "lets in nothing"),
        ({"iam_role_arn": "me"}, "not the ARN of an IAM role"),
    ],
)
def test_a_restore_that_must_not_be_is_refused_without_a_call(drill: Module, args: dict[str, Any], words: str) -> None:
    assert words in drill.fails(**args)
    assert drill.calls == []


def test_a_resource_without_a_recovery_point(drill: Module) -> None:
    other = launch(drill.aws, Name="other")
    assert "does not have a recovery point that is complete" in drill.fails(resource_arn=other)
    assert "does not have the recovery point arn:x" in drill.fails(recovery_point_arn="arn:x")
