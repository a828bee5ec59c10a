#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: eventbridge_rule
short_description: Rules of Amazon EventBridge and their targets
version_added: 0.1.0
description:
  - Keeps a rule of the default event bus and its targets as declared. Targets that are not declared are removed.
  - Unlike M(amazon.aws.cloudwatchevent_rule), it has a check mode.
options:
  name:
    description: Name of the rule.
    type: str
    required: true
  schedule_expression:
    description: When it fires, such as V(rate(1 minute\)) or V(cron(0 3 * * ? *\)).
    type: str
  event_pattern:
    description: Which events it is about.
    type: dict
  description:
    description: What it is for.
    type: str
    default: ""
  enabled:
    description: Whether it fires.
    type: bool
    default: true
  targets:
    description: Who is told.
    type: list
    elements: dict
    default: []
    suboptions:
      id:
        description: Name of the target within the rule.
        type: str
        required: true
      arn:
        description: The function, queue, topic or other resource.
        type: str
        required: true
      input:
        description: The JSON text that the target gets in place of the event.
        type: str
        default: ""
  state:
    description: V(absent) removes the rule and its targets.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Reports what would change, and changes nothing.
    support: full
  diff_mode:
    description: Shows what changes.
    support: full
author:
  - The Rampart developers (@rampart-ops)
"""

EXAMPLES = r"""
- name: Invoke a function every minute
  rampart.ops.eventbridge_rule:
    name: alerts
    schedule_expression: rate(1 minute)
    targets:
      - id: function
        arn: arn:aws:lambda:ap-northeast-2:123456789012:function:alerts
"""

RETURN = r"""
rule:
  description: The rule after the run. Empty if it is absent.
  returned: always
  type: dict
  sample: {schedule_expression: rate(1 minute), event_pattern: {}, description: "", enabled: true, targets: []}
"""

import json
from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CLIENT_CONFIG, Caller, CallError, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

ARGUMENT_SPEC = {
    "name": {"type": "str", "required": True},
    "schedule_expression": {"type": "str"},
    "event_pattern": {"type": "dict"},
    "description": {"type": "str", "default": ""},
    "enabled": {"type": "bool", "default": True},
    "targets": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "id": {"type": "str", "required": True},
            "arn": {"type": "str", "required": True},
            "input": {"type": "str", "default": ""},
        },
    },
    "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
}


def read(caller: Caller, name: str) -> dict[str, Any]:
    try:
        answer = caller.call("describe_rule", f"read the rule {name}", Name=name)
    except CallError as error:
        if error.code == "ResourceNotFoundException":
            return {}
        raise
    targets = caller.items("list_targets_by_rule", f"list the targets of the rule {name}", "Targets", Rule=name)
    return {
        "schedule_expression": answer.get("ScheduleExpression") or "",
        "event_pattern": json.loads(answer.get("EventPattern") or "{}"),
        "description": answer.get("Description") or "",
        "enabled": answer["State"] == "ENABLED",
        "targets": by_id({"id": each["Id"], "arn": each["Arn"], "input": each.get("Input", "")} for each in targets),
    }


def by_id(targets: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Their order has no meaning."""
    return sorted(targets, key=lambda each: each["id"])


def write(caller: Caller, name: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    held = {each["id"] for each in before.get("targets", [])}
    surplus = sorted(held - {each["id"] for each in after.get("targets", [])})
    if surplus:
        refused(name, caller.call("remove_targets", f"take targets from the rule {name}", Rule=name, Ids=surplus))
    if not after:
        caller.call("delete_rule", f"delete the rule {name}", Name=name)
        return
    if {**before, "targets": []} != {**after, "targets": []}:
        request = {"Description": after["description"], "State": "ENABLED" if after["enabled"] else "DISABLED"}
        if after["schedule_expression"]:
            request["ScheduleExpression"] = after["schedule_expression"]
        if after["event_pattern"]:
            request["EventPattern"] = json.dumps(after["event_pattern"])
        caller.call("put_rule", f"write the rule {name}", Name=name, **request)
    new = [each for each in after["targets"] if each not in before.get("targets", [])]
    if new:
        targets = [
            {"Id": each["id"], "Arn": each["arn"], **({"Input": each["input"]} if each["input"] else {})}
            for each in new
        ]
        refused(name, caller.call("put_targets", f"write the targets of the rule {name}", Rule=name, Targets=targets))


def refused(name: str, answer: dict[str, Any]) -> None:
    """Both calls succeed though single targets fail."""
    if answer.get("FailedEntries"):
        reasons = [f"{each.get('TargetId')}: {each.get('ErrorMessage')}" for each in answer["FailedEntries"]]
        raise InvalidError(f"EventBridge did not take targets of the rule {name}: {'; '.join(reasons)}")


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    caller = Caller(module.client("events", config=CLIENT_CONFIG), Deadline())
    before = read(caller, params["name"])
    after: dict[str, Any] = {}
    if params["state"] == "present":
        after = {
            "schedule_expression": params["schedule_expression"] or "",
            "event_pattern": params["event_pattern"] or {},
            "description": params["description"],
            "enabled": params["enabled"],
            "targets": by_id(params["targets"]),
        }
    if before != after and not module.check_mode:
        write(caller, params["name"], before, after)
    result: dict[str, Any] = {"changed": before != after, "rule": after}
    if module._diff:
        result["diff"] = {"before": before, "after": after}
    return result


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec=ARGUMENT_SPEC,
        supports_check_mode=True,
        required_if=[("state", "present", ["schedule_expression", "event_pattern"], True)],
    )
    try:
        result = run(module)
    except InvalidError as error:
        module.fail_json(msg=str(error))
    except CallError as error:
        module.fail_json_aws(error.cause, msg=error.message)
    else:
        module.exit_json(**result)


if __name__ == "__main__":
    main()
