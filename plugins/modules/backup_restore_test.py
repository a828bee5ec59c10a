#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_restore_test
short_description: Prove that backups of AWS Backup can be restored
version_added: 0.1.0
description:
  - Manages AWS Backup's own restore testing plans, by which AWS restores on a schedule.
  - Restores a recovery point of an instance or a volume at once, as a copy beside the original, checks it, removes it,
    and tells how long that took (RTO) and how old the data was (RPO). Other collections have no module for either.
options:
  state:
    description:
      - V(present) - the restore testing plan O(restore_testing_plan_name) exists as described.
      - V(absent) - it does not exist, and neither do its selections.
      - V(tested) - a recovery point of O(resource_arn) is restored, checked, and the copy is removed again, whatever
        happened.
      - V(restored) - the same, but the copy stays. It is never put in the place of the original.
    type: str
    choices: [present, absent, tested, restored]
    default: present
  restore_testing_plan_name:
    description:
      - The name of the plan, 1 to 50 letters, digits and underscores. Required with V(present) and V(absent).
    type: str
    aliases: [name]
  schedule_expression:
    description: When AWS restores, a cron expression of AWS with six fields.
    type: str
    default: cron(0 5 ? * * *)
  schedule_expression_timezone:
    description: The time zone of O(schedule_expression).
    type: str
    default: Etc/UTC
  start_window_hours:
    description: Within how many hours a restore must have started. 1 to 168.
    type: int
    default: 24
  recovery_point_selection:
    description: Which recovery points are restored.
    type: dict
    suboptions:
      algorithm:
        description: The latest, or a random one.
        type: str
        choices: [LATEST_WITHIN_WINDOW, RANDOM_WITHIN_WINDOW]
        default: LATEST_WITHIN_WINDOW
      include_vaults:
        description: The ARNs of vaults, with wildcards, or V(*) for all.
        type: list
        elements: str
        default: ['*']
      exclude_vaults:
        description: The ARNs of vaults that are left out.
        type: list
        elements: str
        default: []
      recovery_point_types:
        description: The kinds of recovery points.
        type: list
        elements: str
        choices: [SNAPSHOT, CONTINUOUS]
        default: [SNAPSHOT]
      selection_window_days:
        description: From how many last days. 1 to 365.
        type: int
        default: 30
  selections:
    description:
      - What is restored, the whole list. If it is not given, the selections are left as they are.
    type: list
    elements: dict
    suboptions:
      restore_testing_selection_name:
        description: The name, 1 to 50 letters, digits and underscores.
        type: str
        required: true
      iam_role_arn:
        description: The role in which AWS Backup restores.
        type: str
        required: true
      protected_resource_type:
        description: The type of the resources, for example V(EC2).
        type: str
        required: true
      protected_resource_arns:
        description: The ARNs of the resources, or V(*) for all.
        type: list
        elements: str
        default: []
      protected_resource_conditions:
        description: Tags of the resources, if O(selections[].protected_resource_arns) is V(*).
        type: dict
        suboptions:
          string_equals:
            description: Tags that they have.
            type: list
            elements: dict
            default: []
            suboptions: &condition
              key:
                description: The tag, with C(aws:ResourceTag/) before it.
                type: str
                required: true
              value:
                description: Its value.
                type: str
                required: true
          string_not_equals:
            description: Tags that they do not have.
            type: list
            elements: dict
            default: []
            suboptions: *condition
      restore_metadata_overrides:
        description: What is made otherwise than AWS would by itself.
        type: dict
        default: {}
      validation_window_hours:
        description: For how many hours the copy stays to be looked at. 0 to 168.
        type: int
        default: 0
  tags:
    description: The tags of the plan. If they are not given, they are left as they are.
    type: dict
    aliases: [resource_tags]
  purge_tags:
    description: Whether other tags than O(tags) are removed, if O(tags) are given.
    type: bool
    default: true
  resource_arn:
    description:
      - The instance or volume that was backed up. Required with V(tested) and V(restored).
    type: str
  recovery_point_arn:
    description: A certain recovery point of it. Without it, the newest that is complete.
    type: str
  iam_role_arn:
    description: The role in which AWS Backup restores. Required with V(tested) and V(restored).
    type: str
  security_group_ids:
    description:
      - The security groups of the copy of an instance, which is what isolates it. Required for an instance, unless
        O(restore_metadata) has them.
      - The copy gets neither the network interfaces nor the instance profile of the original.
    type: list
    elements: str
    default: []
  subnet_id:
    description: The subnet of the copy of an instance. Without it, that of the original.
    type: str
  restore_metadata:
    description: Anything else in which the copy is to be another, in AWS's own keys.
    type: dict
    default: {}
  check_command:
    description:
      - A program with its arguments that checks the copy. It runs where the module runs, with
        E(RESTORED_RESOURCE_ARN), E(RESTORED_RESOURCE_ID) and E(RESTORED_PRIVATE_IP). Status 0 means that all is well.
      - In any case an instance must reach the state C(running), and a volume C(available).
    type: list
    elements: str
    default: []
  wait_timeout:
    description:
      - Within how many seconds the copy must be there and checked.
      - AWS cannot stop a restore. When the time is up, its copy is waited for up to 15 minutes more, to be removed.
    type: int
    default: 7200
attributes:
  check_mode:
    description: Reports what would be changed or restored, and does nothing.
    support: full
  diff_mode:
    description: Shows a restore testing plan before and after.
    support: full
notes:
  - Needs for restore testing plans the permissions C(backup:GetRestoreTestingPlan),
    C(backup:ListRestoreTestingSelections), C(backup:GetRestoreTestingSelection), those to create, update and delete
    both, C(backup:ListTags), C(backup:TagResource), C(backup:UntagResource) and C(iam:PassRole).
  - Needs for a restore C(backup:ListRecoveryPointsByResource), C(backup:GetRecoveryPointRestoreMetadata),
    C(backup:StartRestoreJob), C(backup:DescribeRestoreJob), C(backup:PutRestoreValidationResult), C(iam:PassRole),
    C(ec2:CreateTags), C(ec2:DescribeInstances), C(ec2:DescribeVolumes), C(ec2:TerminateInstances) and
    C(ec2:DeleteVolume).
  - The copy is tagged with C(rampart:restored-from), so that it can be found if the machine that runs this dies.
author:
  - The Rampart developers (@rampart-ops)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Let AWS restore a random instance every Monday
  rampart.ops.backup_restore_test:
    restore_testing_plan_name: weekly
    schedule_expression: cron(0 6 ? * MON *)
    recovery_point_selection:
      algorithm: RANDOM_WITHIN_WINDOW
    selections:
      - restore_testing_selection_name: instances
        iam_role_arn: arn:aws:iam::123456789012:role/backup
        protected_resource_type: EC2
        protected_resource_arns: ["*"]
        restore_metadata_overrides:
          securityGroupIds: '["sg-0123456789abcdef0"]'

- name: Restore the newest backup of an instance, look whether SSH answers, and remove the copy
  rampart.ops.backup_restore_test:
    state: tested
    resource_arn: arn:aws:ec2:eu-central-1:123456789012:instance/i-0123456789abcdef0
    iam_role_arn: arn:aws:iam::123456789012:role/backup
    security_group_ids: [sg-0123456789abcdef0]
    check_command: [sh, -c, 'ssh-keyscan -T 5 "$RESTORED_PRIVATE_IP" | grep -q ssh-ed25519']
  register: drill
"""

RETURN = r"""
exists:
  description: Whether the restore testing plan exists after the run.
  returned: with O(state=present) and O(state=absent)
  type: bool
  sample: true
restore_testing_plan_arn:
  description: The ARN of the plan. Null for a plan that check mode did not create.
  returned: with O(state=present)
  type: str
  sample: arn:aws:backup:eu-central-1:123456789012:restore-testing-plan:weekly
recovery_point:
  description: The C(recovery_point_arn), C(backup_vault_name) and C(creation_date) of what is restored.
  returned: with O(state=tested) and O(state=restored)
  type: dict
  sample:
    recovery_point_arn: arn:aws:ec2:eu-central-1::image/ami-0123456789abcdef0
    backup_vault_name: daily
    creation_date: "2026-11-21T03:00:00+00:00"
rpo_seconds:
  description: How old the data was when the restore began.
  returned: with O(state=tested) and O(state=restored)
  type: float
  sample: 25200.3
rto_seconds:
  description: How long it took until the copy was there and checked.
  returned: when a restore did well
  type: float
  sample: 421.7
restore_job_id:
  description: The restore job.
  returned: when a restore was started
  type: str
  sample: A1B2C3D4-0000-4000-8000-0123456789AB
created_resource_arn:
  description: The copy. With O(state=tested) it does not exist any more.
  returned: when there was one
  type: str
  sample: arn:aws:ec2:eu-central-1:123456789012:instance/i-0fedcba9876543210
check:
  description: The C(rc), C(stdout) and C(stderr) of the check.
  returned: when O(check_command) did well
  type: dict
  sample: {rc: 0, stdout: "", stderr: ""}
left:
  description: What could not be removed.
  returned: with O(state=tested)
  type: list
  elements: str
  sample: []
"""

import uuid
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CLIENT_CONFIG, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.aws.module import converge, execute
from ansible_collections.rampart.ops.plugins.module_utils.backup.api import Backup
from ansible_collections.rampart.ops.plugins.module_utils.backup.drill import GRACE, Restore
from ansible_collections.rampart.ops.plugins.module_utils.backup.resources import Copies
from ansible_collections.rampart.ops.plugins.module_utils.backup.restore import (
    Drill,
    Plan,
    TestingPlan,
    Wanted,
    describe,
    plan,
)
from ansible_collections.rampart.ops.plugins.module_utils.backup.rules import camel

if TYPE_CHECKING:
    from typing import Any

    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

CONDITIONS = {
    test: {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "key": {"type": "str", "required": True, "no_log": False},
            "value": {"type": "str", "required": True},
        },
    }
    for test in ("string_equals", "string_not_equals")
}
ARGUMENT_SPEC = {
    "state": {"type": "str", "choices": ["present", "absent", "tested", "restored"], "default": "present"},
    "restore_testing_plan_name": {"type": "str", "aliases": ["name"]},
    "schedule_expression": {"type": "str", "default": "cron(0 5 ? * * *)"},
    "schedule_expression_timezone": {"type": "str", "default": "Etc/UTC"},
    "start_window_hours": {"type": "int", "default": 24},
    "recovery_point_selection": {
        "type": "dict",
        "apply_defaults": True,
        "options": {
            "algorithm": {
                "type": "str",
                "choices": ["LATEST_WITHIN_WINDOW", "RANDOM_WITHIN_WINDOW"],
                "default": "LATEST_WITHIN_WINDOW",
            },
            "include_vaults": {"type": "list", "elements": "str", "default": ["*"]},
            "exclude_vaults": {"type": "list", "elements": "str", "default": []},
            "recovery_point_types": {
                "type": "list",
                "elements": "str",
                "choices": ["SNAPSHOT", "CONTINUOUS"],
                "default": ["SNAPSHOT"],
            },
            "selection_window_days": {"type": "int", "default": 30},
        },
    },
    "selections": {
        "type": "list",
        "elements": "dict",
        "options": {
            "restore_testing_selection_name": {"type": "str", "required": True},
            "iam_role_arn": {"type": "str", "required": True},
            "protected_resource_type": {"type": "str", "required": True},
            "protected_resource_arns": {"type": "list", "elements": "str", "default": []},
            "protected_resource_conditions": {"type": "dict", "apply_defaults": True, "options": CONDITIONS},
            "restore_metadata_overrides": {"type": "dict", "default": {}},
            "validation_window_hours": {"type": "int", "default": 0},
        },
    },
    "tags": {"type": "dict", "aliases": ["resource_tags"]},
    "purge_tags": {"type": "bool", "default": True},
    "resource_arn": {"type": "str"},
    "recovery_point_arn": {"type": "str"},
    "iam_role_arn": {"type": "str"},
    "security_group_ids": {"type": "list", "elements": "str", "default": []},
    "subnet_id": {"type": "str"},
    "restore_metadata": {"type": "dict", "default": {}},
    "check_command": {"type": "list", "elements": "str", "default": []},
    "wait_timeout": {"type": "int", "default": 7200},
}


def texts(values: dict[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in values.items()}


def wanted_of(params: dict[str, Any]) -> Wanted:
    selections = params["selections"]
    if selections is not None:
        names = [each["restore_testing_selection_name"] for each in selections]
        if len(set(names)) != len(names):
            raise InvalidError("selections: a name is given twice")
        selections = {name: selection_of(each) for name, each in zip(names, selections)}
    return Wanted(
        name=params["restore_testing_plan_name"],
        state=params["state"],
        document={
            "ScheduleExpression": params["schedule_expression"],
            "ScheduleExpressionTimezone": params["schedule_expression_timezone"],
            "StartWindowHours": params["start_window_hours"],
            "RecoveryPointSelection": camel(params["recovery_point_selection"]),
        },
        selections=selections,
        tags=None if params["tags"] is None else texts(params["tags"]),
        purge_tags=params["purge_tags"],
    )


def selection_of(options: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = camel(options)
    del document["RestoreTestingSelectionName"]
    conditions = options["protected_resource_conditions"]
    document["ProtectedResourceConditions"] = {
        test: [camel(each) for each in group] for test, group in camel(conditions).items()
    }
    document["RestoreMetadataOverrides"] = texts(options["restore_metadata_overrides"])
    return document


def write(api: Backup, todo: Plan, name: str, request_id: str) -> TestingPlan | None:
    after = todo.after
    for step in todo.steps:
        if step.selection is not None:
            if step.action == "delete":
                api.delete_testing_selection(name, step.selection)
            elif step.action == "create":
                api.create_testing_selection(name, step.selection, after.selections[step.selection])
            else:
                api.update_testing_selection(name, step.selection, after.selections[step.selection])
        elif step.action == "create":
            after = replace(after, arn=api.create_testing_plan(after, request_id)["RestoreTestingPlanArn"])
        elif step.action == "update":
            api.update_testing_plan(after)
        elif step.action == "delete":
            api.delete_testing_plan(name)
        elif step.action == "untag":
            api.untag(after.arn, todo.tags.removed)
        elif step.action == "tag":
            api.tag(after.arn, todo.tags.set)
    return after


def keep_plan(module: AnsibleAWSModule) -> dict[str, Any]:
    wanted = wanted_of(module.params)
    wanted.check()
    deadline, request_id = Deadline(), str(uuid.uuid4())
    api = Backup(module.client("backup", config=CLIENT_CONFIG), deadline)

    def plan_now() -> Plan:
        current = api.testing_plan(wanted.name)
        if current is not None and wanted.tags is not None:
            current = replace(current, tags=api.tags(current.arn))
        return plan(current, wanted)

    done = converge(module, deadline, plan_now, lambda todo: write(api, todo, wanted.name, request_id), describe)
    return {**done.result, **({"restore_testing_plan_arn": done.after.arn} if done.after else {})}


def restore(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    drill = Drill(
        resource=params["resource_arn"],
        role=params["iam_role_arn"],
        point=params["recovery_point_arn"],
        security_groups=params["security_group_ids"],
        subnet=params["subnet_id"],
        metadata=texts(params["restore_metadata"]),
    )
    drill.check()
    keep = params["state"] == "restored"
    deadline = Deadline(params["wait_timeout"] + 2 * GRACE)
    api = Backup(module.client("backup", config=CLIENT_CONFIG), deadline)
    copies = Copies(module.client("ec2", config=CLIENT_CONFIG), deadline)
    point = drill.choose(api.points_of(drill.resource))
    result: dict[str, Any] = {
        "changed": True,
        "recovery_point": {
            "recovery_point_arn": point.arn,
            "backup_vault_name": point.vault,
            "creation_date": point.created,
        },
        "rpo_seconds": round(point.age(datetime.now(timezone.utc)), 1),
    }
    if module.check_mode:
        return result
    zone = None
    if drill.kind == "EBS" and "availabilityZone" not in drill.metadata:
        zone = copies.volume(drill.resource.rpartition("/")[2])["AvailabilityZone"]
    metadata = drill.request_metadata(api.restore_metadata(point), zone)
    outcome = Restore(api, copies, drill, point, params["wait_timeout"]).run(
        str(uuid.uuid4()), metadata, params["check_command"], keep
    )
    told = {
        "restore_job_id": outcome.job_id,
        "created_resource_arn": outcome.created_arn,
        "rto_seconds": None if outcome.seconds is None else round(outcome.seconds, 1),
        "check": outcome.check,
        "left": None if keep else outcome.left,
    }
    result.update((key, value) for key, value in told.items() if value is not None)
    if outcome.error:
        result.update(failed=True, msg=f"{point.arn} of {drill.resource} was not restored well: {outcome.error}")
    return result


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    return keep_plan(module) if module.params["state"] in ("present", "absent") else restore(module)


def main() -> None:
    drill = ["resource_arn", "iam_role_arn"]
    execute(
        run,
        ARGUMENT_SPEC,
        required_if=[
            ("state", "present", ["restore_testing_plan_name"]),
            ("state", "absent", ["restore_testing_plan_name"]),
            ("state", "tested", drill),
            ("state", "restored", drill),
        ],
    )


if __name__ == "__main__":
    main()
