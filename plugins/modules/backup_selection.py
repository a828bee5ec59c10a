#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_selection
short_description: Manage what a plan of AWS Backup protects
version_added: 0.1.0
description:
  - Creates, replaces and deletes the selections of a backup plan.
  - In contrast to M(amazon.aws.backup_selection) there is no moment without a selection. AWS cannot change one, so
    that a stand-in with the new content is created first, named as the selection with C(.next) after it. Only then is
    the old one deleted, the new one created and the stand-in deleted. When creating fails, the old selection stays;
    when a run is interrupted, the next one finishes the work.
  - The selection is stated as a whole. The order of its lists makes no difference.
options:
  backup_plan_name:
    description: The name of the plan, which must be the only one of that name.
    type: str
    required: true
    aliases: [plan_name]
  backup_selection_name:
    description:
      - The name of the selection, 1 to 50 letters, digits and any of C(-_.).
    type: str
    required: true
    aliases: [selection_name]
  state:
    description:
      - V(present) - the selection exists as described.
      - V(absent) - the selection does not exist.
    type: str
    choices: [present, absent]
    default: present
  iam_role_arn:
    description:
      - The role in which AWS Backup works. A role that was just created is waited for.
      - Required to create a selection. If it is not given, the role of the selection that is there is kept.
    type: str
  conditions:
    description:
      - Conditions on tags, B(all) of which must hold (AND). This is the way to select by tags.
      - They apply to O(resources), or to all resources if neither O(resources) nor O(list_of_tags) are given.
      - At most 30, in all tests together.
    type: dict
    suboptions:
      string_equals:
        description: The resource has this tag with this value.
        type: list
        elements: dict
        default: []
        suboptions: &condition
          condition_key:
            description: The tag's key, with C(aws:ResourceTag/) before it, for example V(aws:ResourceTag/Backup).
            type: str
            required: true
          condition_value:
            description:
              - The value. C(*) is a wildcard in the tests with C(like), anywhere and for any number of characters.
                There is no other one.
            type: str
            required: true
      string_not_equals:
        description: The resource does not have this tag with this value.
        type: list
        elements: dict
        default: []
        suboptions: *condition
      string_like:
        description: The resource has this tag with a value that fits.
        type: list
        elements: dict
        default: []
        suboptions: *condition
      string_not_like:
        description: The resource does not have this tag with a value that fits.
        type: list
        elements: dict
        default: []
        suboptions: *condition
  resources:
    description:
      - ARNs of resources, with a wildcard C(*) at the end if need be. B(One) of them must fit (OR).
      - At most 500 without and 30 with wildcards.
    type: list
    elements: str
    default: []
  not_resources:
    description:
      - ARNs of resources that are not selected, whatever else fits. At most 500 without and 30 with wildcards.
    type: list
    elements: str
    default: []
  list_of_tags:
    description:
      - Tags B(one) of which must fit (OR), whether or not the resource is one of O(resources).
      - O(conditions) are easier to foresee.
      - At most 30.
    type: list
    elements: dict
    default: []
    suboptions:
      condition_type:
        description: The only test that AWS knows here.
        type: str
        choices: [STRINGEQUALS]
        default: STRINGEQUALS
      condition_key:
        description: The tag's key, without anything before it.
        type: str
        required: true
      condition_value:
        description: The tag's value.
        type: str
        required: true
attributes:
  check_mode:
    description: Reports what would change and writes nothing. It does not need the plan to exist.
    support: full
  diff_mode:
    description: Shows the selection before and after.
    support: full
notes:
  - Needs the permissions C(backup:ListBackupPlans), C(backup:ListBackupSelections), C(backup:GetBackupSelection),
    C(backup:CreateBackupSelection), C(backup:DeleteBackupSelection) and C(iam:PassRole) for the role.
  - AWS allows 100 selections in a plan. One of 100 cannot be replaced, since there is no room for its stand-in. The
    module says so and changes nothing.
  - While a selection is replaced, a resource is in two selections of the plan for some seconds. AWS Backup makes one
    backup of it.
seealso:
  - module: rampart.ops.backup_plan
  - module: amazon.aws.backup_selection_info
author:
  - The Rampart developers (@rampart-ops)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Protect all instances that ask for it by tag, except those of the laboratory
  rampart.ops.backup_selection:
    backup_plan_name: web
    backup_selection_name: tagged-instances
    iam_role_arn: arn:aws:iam::123456789012:role/backup
    resources: ["arn:aws:ec2:*:*:instance/*"]
    conditions:
      string_equals:
        - condition_key: aws:ResourceTag/Backup
          condition_value: daily
      string_not_equals:
        - condition_key: aws:ResourceTag/Env
          condition_value: lab

- name: Protect a table, and whatever has one of two tags
  rampart.ops.backup_selection:
    backup_plan_name: web
    backup_selection_name: mixed
    iam_role_arn: arn:aws:iam::123456789012:role/backup
    resources: ["arn:aws:dynamodb:eu-central-1:123456789012:table/orders"]
    list_of_tags:
      - condition_key: Backup
        condition_value: daily
      - condition_key: Backup
        condition_value: hourly

- name: Protect nothing by this selection any more
  rampart.ops.backup_selection:
    backup_plan_name: web
    backup_selection_name: mixed
    state: absent
"""

RETURN = r"""
exists:
  description: Whether the selection exists after the run.
  returned: always
  type: bool
  sample: true
backup_selection:
  description: The selection after the run, empty if it does not exist.
  returned: always
  type: dict
  contains:
    selection_name:
      description: The name.
      returned: always
      type: str
      sample: tagged-instances
    selection_id:
      description: The id. It changes with each replacement. Null for a selection that check mode did not create.
      returned: always
      type: str
      sample: 1111c217-5d71-4a55-8728-5fc4e63d437b
    backup_plan_id:
      description: The id of the plan.
      returned: always
      type: str
      sample: 1111f877-1ecf-4d79-9718-a861cd09df3b
    creation_date:
      description: When the selection was created.
      returned: always
      type: str
      sample: "2026-11-21T03:00:00+00:00"
    iam_role_arn:
      description: The role in which AWS Backup works.
      returned: always
      type: str
      sample: arn:aws:iam::123456789012:role/backup
    resources:
      description: The ARNs of which one must fit.
      returned: always
      type: list
      elements: str
      sample: ["arn:aws:ec2:*:*:instance/*"]
    not_resources:
      description: The ARNs of what is not selected.
      returned: always
      type: list
      elements: str
      sample: []
    list_of_tags:
      description: The tags of which one must fit.
      returned: always
      type: list
      elements: dict
      sample: []
    conditions:
      description: The conditions that must all hold, by test.
      returned: always
      type: dict
      sample:
        string_equals:
          - condition_key: aws:ResourceTag/Backup
            condition_value: daily
"""

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CLIENT_CONFIG, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.aws.module import converge, execute
from ansible_collections.rampart.ops.plugins.module_utils.backup.api import Backup, only
from ansible_collections.rampart.ops.plugins.module_utils.backup.selection import (
    STAND_IN_MARK,
    TESTS,
    Current,
    Plan,
    Selection,
    Wanted,
    describe,
    plan,
    report,
    stand_in_name,
)

if TYPE_CHECKING:
    from typing import Any

    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

CONDITION = {
    "condition_key": {"type": "str", "required": True, "no_log": False},
    "condition_value": {"type": "str", "required": True},
}
ARGUMENT_SPEC = {
    "backup_plan_name": {"type": "str", "required": True, "aliases": ["plan_name"]},
    "backup_selection_name": {"type": "str", "required": True, "aliases": ["selection_name"]},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "iam_role_arn": {"type": "str"},
    "conditions": {
        "type": "dict",
        "options": {
            test: {"type": "list", "elements": "dict", "default": [], "options": CONDITION} for test in TESTS.values()
        },
    },
    "resources": {"type": "list", "elements": "str", "default": []},
    "not_resources": {"type": "list", "elements": "str", "default": []},
    "list_of_tags": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "condition_type": {"type": "str", "choices": ["STRINGEQUALS"], "default": "STRINGEQUALS"},
            **CONDITION,
        },
    },
}


def wanted_of(params: dict[str, Any]) -> Wanted:
    return Wanted(
        plan_name=params["backup_plan_name"],
        name=params["backup_selection_name"],
        state=params["state"],
        role=params["iam_role_arn"],
        resources=frozenset(params["resources"]),
        not_resources=frozenset(params["not_resources"]),
        tags=frozenset((each["condition_key"], each["condition_value"]) for each in params["list_of_tags"]),
        conditions=frozenset(
            (test, each["condition_key"], each["condition_value"])
            for test, option in TESTS.items()
            for each in (params["conditions"] or {}).get(option) or ()
        ),
    )


def read(api: Backup, plan_id: str, name: str) -> Current:
    """The selection and its stand-in."""
    summaries = api.selection_summaries(plan_id)
    own = only("selection", name, (each for each in summaries if each["SelectionName"] == name), "SelectionId")
    stand_in = next((each for each in summaries if each["SelectionName"] == stand_in_name(name)), None)
    if stand_in and not stand_in.get("CreatorRequestId", "").startswith(STAND_IN_MARK):
        raise InvalidError(
            f"the plan has a selection {stand_in['SelectionName']} that this module did not make, but whose name it "
            f"needs to replace {name}: take another name for one of them"
        )
    found = [each and api.selection(plan_id, each["SelectionId"]) for each in (own, stand_in)]
    return Current(*found, count=len(summaries))


def write(api: Backup, plan_id: str, todo: Plan) -> Selection | None:
    after = todo.after
    made: dict[str, Selection] = {}  # by name, with the ids that they have now
    for step in todo.steps:
        name = step.selection.name
        if step.action == "delete":
            api.delete_selection(plan_id, made.get(name, step.selection))
            continue
        request_id = (STAND_IN_MARK if step.of_stand_in else "") + uuid.uuid4().hex
        answer = api.create_selection(plan_id, step.selection, request_id)
        made[name] = replace(step.selection, id=answer["SelectionId"], creation_date=answer.get("CreationDate"))
    return after and made.get(after.name, after)


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    wanted = wanted_of(module.params)
    wanted.check()
    deadline = Deadline()
    api = Backup(module.client("backup", config=CLIENT_CONFIG), deadline)

    named = (each for each in api.plan_summaries() if each["BackupPlanName"] == wanted.plan_name)
    backup_plan = only("backup plan", wanted.plan_name, named, "BackupPlanId")
    if backup_plan is None and wanted.state == "present" and not module.check_mode:
        raise InvalidError(f"there is no backup plan {wanted.plan_name}: create it first, with backup_plan")
    plan_id = backup_plan and backup_plan["BackupPlanId"]

    def plan_now() -> Plan:
        return plan(read(api, plan_id, wanted.name) if plan_id else Current(), wanted)

    done = converge(module, deadline, plan_now, lambda todo: write(api, plan_id, todo), describe)
    result = {**done.result, "backup_selection": report(done.after, plan_id)}
    if module.check_mode and done.result["changed"]:
        what = "created selection" if done.after else "deleted backup selection"
        result["msg"] = f"Would have {what} if not in check mode"
    if backup_plan is None:
        result["msg"] = f"There is no backup plan {wanted.plan_name}."
    return result


def main() -> None:
    execute(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
