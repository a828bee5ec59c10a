#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_plan
short_description: Manage the plans of AWS Backup
version_added: 0.1.0
description:
  - Creates, changes and deletes backup plans.
  - In contrast to M(amazon.aws.backup_plan) it writes tags as they are written, compares rules by name and meaning, so
    that their order and what AWS adds to them is no change, keeps tags that are not spoken of, refuses what AWS would
    refuse before it asks AWS, and two plans of one name.
  - O(rules) is the whole list. An option that is left out of a rule has AWS's default. Only what is said to be left as
    it is below, and the malware scans, are kept from the plan that is there.
options:
  backup_plan_name:
    description:
      - The name of the plan, 1 to 50 letters, digits and any of C(-_.).
      - AWS allows several plans of one name; the module refuses them, with their ids.
    type: str
    required: true
    aliases: [name]
  state:
    description:
      - V(present) - the plan exists as described.
      - V(absent) - the plan does not exist. A plan that still has selections is refused.
    type: str
    choices: [present, absent]
    default: present
  rules:
    description:
      - When backups are made, where they are kept and for how long. 1 to 10 rules, in any order.
      - Required if O(state=present).
    type: list
    elements: dict
    suboptions:
      rule_name:
        description: The name of the rule, by which it is recognised.
        type: str
        required: true
      target_backup_vault_name:
        description: The vault of the recovery points.
        type: str
        required: true
      target_logically_air_gapped_backup_vault_arn:
        description:
          - A logically air-gapped vault of this account and region, which gets the recovery points, too.
          - An empty text removes it. If it is not given, it is left as it is.
        type: str
      schedule_expression:
        description: When a backup is made, a cron expression of AWS with six fields. Once an hour at most.
        type: str
        default: cron(0 5 ? * * *)
      schedule_expression_timezone:
        description: The time zone of O(rules[].schedule_expression).
        type: str
        default: Etc/UTC
      start_window_minutes:
        description: Within how many minutes a backup job must have started. At least 60.
        type: int
        default: 480
      completion_window_minutes:
        description: Within how many minutes a backup job must be done. At least 60 more than the start window.
        type: int
        default: 10080
      lifecycle:
        description:
          - What becomes of a recovery point with age. Without it, it is kept for ever.
        type: dict
        suboptions: &lifecycle
          move_to_cold_storage_after_days:
            description: After how many days it moves to cold storage, if its type can. V(-1) is never.
            type: int
          delete_after_days:
            description:
              - After how many days it is deleted. V(-1) is never.
              - At least 90 days after it has moved to cold storage. 1 to 35 for continuous backups.
            type: int
          opt_in_to_archive_for_supported_resources:
            description:
              - Whether snapshots of EBS volumes move to the archive, too. If it is not given, it is left as it is.
            type: bool
      recovery_point_tags:
        description:
          - Tags of the recovery points, at most 10, as written. A key has 1 to 128 characters, a value at most 256, of
            letters, digits, spaces and any of C(_.:/=+-@).
        type: dict
      copy_actions:
        description:
          - Copies to other vaults, in this or another region or account. At most 5.
        type: list
        elements: dict
        suboptions:
          destination_backup_vault_arn:
            description: The vault of the copy.
            type: str
            required: true
          lifecycle:
            description:
              - What becomes of the copy with age, counted from when its source was made. Without it, AWS Backup takes
                that of the source, so that the copy is deleted when its source is.
              - V(-1) for C(delete_after_days) means the same to AWS, and is therefore refused if the source expires.
                For a copy that is kept longer, say for how long, at most V(36500), which is 100 years.
            type: dict
            suboptions: *lifecycle
      enable_continuous_backup:
        description:
          - Whether a point in time can be restored, of resources that support it.
        type: bool
        default: false
      index_actions:
        description:
          - Whether the backups of a type get an index that can be searched. At most one. An empty list removes it.
          - If it is not given, it is left as it is.
        type: list
        elements: dict
        suboptions:
          resource_types:
            description: The type of the resources, exactly one.
            type: list
            elements: str
            choices: [EBS, S3]
            required: true
  advanced_backup_settings:
    description:
      - Settings by type of resource. If they are not given, they are left as they are.
    type: list
    elements: dict
    suboptions:
      resource_type:
        description: The type of the resources.
        type: str
        choices: [EC2, S3]
        required: true
      backup_options:
        description: The options of that type.
        type: dict
        required: true
        suboptions:
          WindowsVSS:
            description: Whether Windows makes the backup consistent by its Volume Shadow Copy Service. Of V(EC2).
            type: str
            choices: [enabled, disabled]
          BackupACLs:
            description: Whether access control lists are in the backup. Of V(S3).
            type: str
            choices: [enabled, disabled]
          BackupObjectTags:
            description: Whether the tags of objects are in the backup. Of V(S3).
            type: str
            choices: [enabled, disabled]
  creator_request_id:
    description:
      - Names the request to create the plan, so that it can be sent again without creating a second one.
      - If it is not given, each run has its own.
    type: str
  tags:
    description:
      - The tags of the plan. If they are not given, they are left as they are.
    type: dict
    aliases: [resource_tags, backup_plan_tags]
  purge_tags:
    description:
      - Whether other tags than O(tags) are removed, if O(tags) are given.
    type: bool
    default: true
attributes:
  check_mode:
    description: Reports what would change and writes nothing.
    support: full
  diff_mode:
    description: Shows the rules by name, the settings and the tags before and after.
    support: full
notes:
  - Needs the permissions C(backup:ListBackupPlans), C(backup:GetBackupPlan), C(backup:CreateBackupPlan),
    C(backup:UpdateBackupPlan), C(backup:DeleteBackupPlan), C(backup:ListBackupSelections), and for tags
    C(backup:ListTags), C(backup:TagResource) and C(backup:UntagResource).
seealso:
  - module: rampart.ops.backup_selection
  - module: rampart.ops.backup_vault
  - module: amazon.aws.backup_plan_info
author:
  - The Rampart developers (@rampart-ops)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Back up daily, keep for 35 days, and copy to another region
  rampart.ops.backup_plan:
    backup_plan_name: web
    rules:
      - rule_name: daily
        target_backup_vault_name: daily
        schedule_expression: cron(30 3 ? * * *)
        schedule_expression_timezone: Asia/Seoul
        start_window_minutes: 60
        completion_window_minutes: 360
        lifecycle:
          delete_after_days: 35
        recovery_point_tags:
          CostCenter: "4711"
        copy_actions:
          - destination_backup_vault_arn: arn:aws:backup:ap-northeast-1:123456789012:backup-vault:daily
            lifecycle:
              delete_after_days: 7

- name: Keep a monthly backup for seven years, most of it in cold storage
  rampart.ops.backup_plan:
    backup_plan_name: archive
    rules:
      - rule_name: monthly
        target_backup_vault_name: archive
        schedule_expression: cron(0 2 1 * ? *)
        lifecycle:
          move_to_cold_storage_after_days: 30
          delete_after_days: 2555

- name: Delete a plan that has no selections any more
  rampart.ops.backup_plan:
    backup_plan_name: web
    state: absent
"""

RETURN = r"""
exists:
  description: Whether the plan exists after the run.
  returned: always
  type: bool
  sample: true
backup_plan_name:
  description: The name of the plan.
  returned: if the plan exists after the run, or existed before
  type: str
  sample: web
backup_plan_id:
  description: The id of the plan. Null for a plan that check mode did not create.
  returned: if the plan exists after the run, or existed before
  type: str
  sample: 1111f877-1ecf-4d79-9718-a861cd09df3b
backup_plan_arn:
  description: The ARN of the plan. Null for a plan that check mode did not create.
  returned: if the plan exists after the run, or existed before
  type: str
  sample: arn:aws:backup:eu-central-1:123456789012:backup-plan:1111f877-1ecf-4d79-9718-a861cd09df3b
version_id:
  description: The version of the plan.
  returned: if the plan exists after the run, or existed before
  type: str
  sample: ODM3MjVjNjItYWFkOC00NjExLWIwZTYtZDNiNGI5M2I0ZTY1
creation_date:
  description: When this version of the plan was created.
  returned: if the plan exists after the run, or existed before
  type: str
  sample: "2026-11-21T03:00:00+00:00"
backup_plan:
  description: The plan, with C(rules), C(advanced_backup_settings) and C(tags) in the terms of the options.
  returned: if the plan exists after the run, or existed before
  type: dict
  sample:
    backup_plan_name: web
    rules:
      - rule_name: daily
        target_backup_vault_name: daily
        schedule_expression: cron(30 3 ? * * *)
deletion_date:
  description: When the plan was deleted. Null if this run did not delete it.
  returned: with O(state=absent)
  type: str
  sample: "2026-11-21T03:00:00+00:00"
tags:
  description: The tags of the plan.
  returned: if O(tags) was given and O(state=present)
  type: dict
  sample: {Team: ops}
"""

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CLIENT_CONFIG, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.module import converge, execute
from ansible_collections.rampart.ops.plugins.module_utils.backup.api import Backup, only
from ansible_collections.rampart.ops.plugins.module_utils.backup.plan import (
    BackupPlan,
    Plan,
    Wanted,
    describe,
    plan,
    report,
    rule_of,
)

if TYPE_CHECKING:
    from typing import Any

    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

LIFECYCLE = {
    "move_to_cold_storage_after_days": {"type": "int"},
    "delete_after_days": {"type": "int"},
    "opt_in_to_archive_for_supported_resources": {"type": "bool"},
}
SWITCH = {"type": "str", "choices": ["enabled", "disabled"]}
RULE = {
    "rule_name": {"type": "str", "required": True},
    "target_backup_vault_name": {"type": "str", "required": True},
    "target_logically_air_gapped_backup_vault_arn": {"type": "str"},
    "schedule_expression": {"type": "str", "default": "cron(0 5 ? * * *)"},
    "schedule_expression_timezone": {"type": "str", "default": "Etc/UTC"},
    "start_window_minutes": {"type": "int", "default": 480},
    "completion_window_minutes": {"type": "int", "default": 10080},
    "lifecycle": {"type": "dict", "options": LIFECYCLE},
    "recovery_point_tags": {"type": "dict"},
    "copy_actions": {
        "type": "list",
        "elements": "dict",
        "options": {
            "destination_backup_vault_arn": {"type": "str", "required": True},
            "lifecycle": {"type": "dict", "options": LIFECYCLE},
        },
    },
    "enable_continuous_backup": {"type": "bool", "default": False},
    "index_actions": {
        "type": "list",
        "elements": "dict",
        "options": {
            "resource_types": {"type": "list", "elements": "str", "choices": ["EBS", "S3"], "required": True},
        },
    },
}
ARGUMENT_SPEC = {
    "backup_plan_name": {"type": "str", "required": True, "aliases": ["name"]},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "rules": {"type": "list", "elements": "dict", "options": RULE},
    "advanced_backup_settings": {
        "type": "list",
        "elements": "dict",
        "options": {
            "resource_type": {"type": "str", "choices": ["EC2", "S3"], "required": True},
            "backup_options": {
                "type": "dict",
                "required": True,
                "options": {"WindowsVSS": SWITCH, "BackupACLs": SWITCH, "BackupObjectTags": SWITCH},
            },
        },
    },
    "creator_request_id": {"type": "str"},
    "tags": {"type": "dict", "aliases": ["resource_tags", "backup_plan_tags"]},
    "purge_tags": {"type": "bool", "default": True},
}


def wanted_of(params: dict[str, Any]) -> Wanted:
    advanced, tags = params["advanced_backup_settings"], params["tags"]
    if advanced is not None:
        advanced = tuple(
            {
                "ResourceType": each["resource_type"],
                "BackupOptions": {name: value for name, value in each["backup_options"].items() if value},
            }
            for each in advanced
        )
    return Wanted(
        name=params["backup_plan_name"],
        state=params["state"],
        rules=tuple(map(rule_of, params["rules"] or ())),
        advanced=advanced,
        tags=None if tags is None else {str(key): str(value) for key, value in tags.items()},
        purge_tags=params["purge_tags"],
    )


def read(api: Backup, wanted: Wanted) -> BackupPlan | None:
    """The plan as far as it is asked about."""
    named = (each for each in api.plan_summaries() if each["BackupPlanName"] == wanted.name)
    summary = only("backup plan", wanted.name, named, "BackupPlanId")
    if summary is None:
        return None
    found = api.plan(summary)
    if wanted.state == "absent":
        return replace(found, selections=tuple(each["SelectionName"] for each in api.selection_summaries(found.id)))
    return found if wanted.tags is None else replace(found, tags=api.tags(found.arn))


def write(api: Backup, todo: Plan, request_id: str, deleted: dict[str, Any]) -> BackupPlan | None:
    after = todo.after
    for step in todo.steps:
        if step == "create":
            made = api.create_plan(after, request_id)
            after = replace(
                after,
                id=made["BackupPlanId"],
                arn=made["BackupPlanArn"],
                version_id=made.get("VersionId"),
                creation_date=made.get("CreationDate"),
            )
        elif step == "update":
            made = api.update_plan(after)
            after = replace(after, version_id=made.get("VersionId"), creation_date=made.get("CreationDate"))
        elif step == "untag":
            api.untag(after.arn, todo.tags.removed)
        elif step == "tag":
            api.tag(after.arn, todo.tags.set)
        elif step == "delete":
            deleted["deletion_date"] = api.delete_plan(todo.before)
    return after


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    wanted = wanted_of(module.params)
    wanted.check()
    deadline = Deadline()
    api = Backup(module.client("backup", config=CLIENT_CONFIG), deadline)
    request_id = module.params["creator_request_id"] or str(uuid.uuid4())

    def plan_now() -> Plan:
        return plan(read(api, wanted), wanted)

    deleted: dict[str, Any] = {"deletion_date": None} if wanted.state == "absent" else {}
    done = converge(module, deadline, plan_now, lambda todo: write(api, todo, request_id, deleted), describe)
    return {**done.result, **report(done.after or done.before), **deleted}


def main() -> None:
    execute(run, ARGUMENT_SPEC, required_if=[("state", "present", ["rules"])])


if __name__ == "__main__":
    main()
