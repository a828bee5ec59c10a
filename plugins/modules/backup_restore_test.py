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
  - Restores a recovery point of an instance, a volume, an RDS database, a DynamoDB table, an EFS file system or an S3
    bucket at once, as a copy beside the original, checks it, removes it, and tells how long that took (RTO) and how old
    the data was (RPO). Other collections have no module for either.
  - Other types are refused by name, with the reason, before anything is started.
options:
  state:
    description:
      - V(present) - the restore testing plan O(restore_testing_plan_name) exists as described.
      - V(absent) - it does not exist, and neither do its selections.
      - V(tested) - a recovery point of O(resource_arn) is restored, checked, and the copy is removed again, whatever
        happened.
      - V(restored) - the same, but the copy stays. It is never put in the place of the original.
      - V(swept) - what a test has left that did not come to its own end, because its controller died, is removed.
        V(tested) does this first, too.
    type: str
    choices: [present, absent, tested, restored, swept]
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
        description: The ARNs of vaults, with wildcards, or V(*) for all. At most 30.
        type: list
        elements: str
        default: ['*']
      exclude_vaults:
        description: The ARNs of vaults that are left out. At most 30.
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
      - What is restored, the whole list, at most 30. If it is not given, the selections are left as they are.
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
        description: The type of the resources, one of those that AWS Backup tests.
        type: str
        choices: [Aurora, DocumentDB, DynamoDB, EBS, EC2, EFS, FSx, Neptune, RDS, S3]
        required: true
      protected_resource_arns:
        description: The ARNs of the resources, at most 30, or V(*) for all.
        type: list
        elements: str
        default: []
      protected_resource_conditions:
        description: Tags of the resources, at most 30, if O(selections[].protected_resource_arns) is V(*).
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
      - What was backed up, an instance, a volume, a database of RDS, a table of DynamoDB, a file system of EFS or a
        bucket. Required with V(tested) and V(restored). It need not exist any more.
    type: str
  recovery_point_arn:
    description: A certain recovery point of it. Without it, the newest that is complete.
    type: str
  iam_role_arn:
    description: The role in which AWS Backup restores. Required with V(tested) and V(restored).
    type: str
  security_group_ids:
    description:
      - The security groups of the copy of an instance or a database, which is what isolates it. Required for these,
        unless O(restore_metadata) has them.
      - The copy gets neither the network interfaces nor the instance profile of the original.
    type: list
    elements: str
    default: []
  subnet_id:
    description: The subnet of the copy of an instance. Without it, that of the original.
    type: str
  restore_metadata:
    description:
      - Anything else in which the copy is to be another, in AWS's own keys.
      - What makes it a new one that is apart from the original cannot be given.
      - A continuous backup, which has to be named by O(recovery_point_arn), needs the moment here.
    type: dict
    default: {}
  copy_name:
    description:
      - With V(restored), the name of the copy - of a database, a table or a bucket, the creation token of a file
        system, the tag C(Name) of an instance or a volume. It is never that of the original.
      - Without it, C(restored-) and twelve hexadecimal digits, or the id of the original instance or volume.
    type: str
  only_expired:
    description:
      - With V(swept), whether only drills are cleaned up that should have been over by now, which is O(wait_timeout)
        and half an hour after they began. V(false) also removes the copies of drills that are under way.
    type: bool
    default: true
  check_command:
    description:
      - A program with its arguments that checks the copy. It runs where the module runs, with
        E(RESTORED_RESOURCE_ARN), E(RESTORED_RESOURCE_ID) and E(RESTORED_PRIVATE_IP), which is the host name of a
        database. Status 0 means that all is well.
      - In any case an instance must reach the state C(running), a table C(ACTIVE), anything else C(available).
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
    C(backup:StartRestoreJob), C(backup:DescribeRestoreJob), C(backup:PutRestoreValidationResult) and C(iam:PassRole),
    and for V(tested) and V(swept) C(backup:ListBackupVaults), C(backup:ListTags), C(backup:TagResource),
    C(backup:UntagResource), C(backup:ListRestoreJobs) and C(backup:GetRestoreJobMetadata).
  - Needs for instances and volumes C(ec2:CreateTags), C(ec2:DescribeInstances), C(ec2:DescribeVolumes),
    C(ec2:ModifyInstanceAttribute), C(ec2:TerminateInstances) and C(ec2:DeleteVolume); for databases
    C(rds:AddTagsToResource), C(rds:DescribeDBInstances) and C(rds:DeleteDBInstance); for tables
    C(dynamodb:TagResource), C(dynamodb:DescribeTable) and C(dynamodb:DeleteTable); for file systems
    C(elasticfilesystem:TagResource), C(elasticfilesystem:DescribeFileSystems) and
    C(elasticfilesystem:DeleteFileSystem); for buckets C(s3:ListBucket), C(s3:ListBucketVersions),
    C(s3:PutBucketPublicAccessBlock), C(s3:PutBucketTagging), C(s3:DeleteObject), C(s3:DeleteObjectVersion) and
    C(s3:DeleteBucket).
  - A test is noted in a tag of the vault, C(rampart:drill:ID), from before its restore is asked for until nothing is
    left of it, so that the next one finds what a controller that died has left. A restore job that nobody could note is
    known by C(aws:backup:request-id), which AWS Backup keeps with it. The copy is tagged with C(rampart:restored-from),
    and that of a test with C(rampart:drill) and C(rampart:drill-until).
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

- name: Restore a table beside the original
  rampart.ops.backup_restore_test:
    state: restored
    resource_arn: arn:aws:dynamodb:eu-central-1:123456789012:table/orders
    iam_role_arn: arn:aws:iam::123456789012:role/backup
    copy_name: orders-of-yesterday

- name: Remove what drills of controllers that died have left
  rampart.ops.backup_restore_test:
    state: swept
"""

RETURN = r"""
swept:
  description: What earlier tests had left and was removed, by ARN, or, if there was nothing, by what was noted of them.
  returned: with O(state=tested) and O(state=swept)
  type: list
  elements: str
  sample: [arn:aws:ec2:eu-central-1:123456789012:instance/i-0fedcba9876543211]
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
  returned: with O(state=tested) and O(state=swept)
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
from ansible_collections.rampart.ops.plugins.module_utils.backup.copies import Shelf
from ansible_collections.rampart.ops.plugins.module_utils.backup.drill import GRACE, Ledger, Restore, sweep
from ansible_collections.rampart.ops.plugins.module_utils.backup.kinds import KINDS, id_of, kind_of
from ansible_collections.rampart.ops.plugins.module_utils.backup.ledger import Entry, entry
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
# https://docs.aws.amazon.com/aws-backup/latest/devguide/API_RestoreTestingSelectionForCreate.html
PROTECTED_TYPES = ["Aurora", "DocumentDB", "DynamoDB", "EBS", "EC2", "EFS", "FSx", "Neptune", "RDS", "S3"]
ARGUMENT_SPEC = {
    "state": {"type": "str", "choices": ["present", "absent", "tested", "restored", "swept"], "default": "present"},
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
            "protected_resource_type": {"type": "str", "choices": PROTECTED_TYPES, "required": True},
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
    "copy_name": {"type": "str"},
    "only_expired": {"type": "bool", "default": True},
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


def drill_of(params: dict[str, Any], noted: Entry) -> Drill:
    original = id_of(params["resource_arn"])
    if not KINDS[noted.kind].name_key:
        name = params["copy_name"] or f"restored-{original}"
    elif params["state"] == "restored":
        name = params["copy_name"] or f"restored-{noted.id}"
    else:
        name = noted.name
    return Drill(
        resource=params["resource_arn"],
        role=params["iam_role_arn"],
        copy_name=name,
        point=params["recovery_point_arn"],
        security_groups=params["security_group_ids"],
        subnet=params["subnet_id"],
        metadata=texts(params["restore_metadata"]),
        request_id=None if params["state"] == "restored" else noted.request_id,
    )


def restore(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    keep = params["state"] == "restored"
    noted = entry(
        uuid.uuid4().hex[:12],
        kind_of(params["resource_arn"]).name,
        datetime.now(timezone.utc),
        params["wait_timeout"] + 2 * GRACE,
    )
    drill = drill_of(params, noted)
    drill.check()
    api, shelf = clients(module)
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
    ledger = None
    if not keep:
        result["swept"], left = sweep(api, shelf, datetime.now(timezone.utc), only_expired=True, check_mode=False)
        for each in left:
            module.warn(f"Left by an earlier run: {each}")
        ledger = Ledger(api, api.vaults()[point.vault].arn)
    zone = None
    if drill.kind.name == "EBS" and "availabilityzone" not in {key.lower() for key in drill.metadata}:
        zone = shelf.of("EBS").zone(drill.resource)
    metadata = drill.request_metadata(api.restore_metadata(point), zone)
    outcome = Restore(api, shelf, drill, point, params["wait_timeout"], ledger).run(
        noted, metadata, params["check_command"]
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


def clients(module: AnsibleAWSModule) -> tuple[Backup, Shelf]:
    deadline = Deadline(module.params["wait_timeout"] + 2 * GRACE)
    return (
        Backup(module.client("backup", config=CLIENT_CONFIG), deadline),
        Shelf(lambda service: module.client(service, config=CLIENT_CONFIG), deadline),
    )


def sweep_all(module: AnsibleAWSModule) -> dict[str, Any]:
    now, only_expired = datetime.now(timezone.utc), module.params["only_expired"]
    swept, left = sweep(*clients(module), now, only_expired, module.check_mode)
    result: dict[str, Any] = {"changed": bool(swept), "swept": swept, "left": left}
    if left:
        result.update(failed=True, msg=f"Not everything could be removed: {'; '.join(left)}")
    return result


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    by_state = {"present": keep_plan, "absent": keep_plan, "swept": sweep_all}
    return by_state.get(module.params["state"], restore)(module)


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
