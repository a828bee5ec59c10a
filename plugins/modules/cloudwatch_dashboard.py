#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudwatch_dashboard
short_description: Dashboards of Amazon CloudWatch
version_added: 0.1.0
description:
  - Keeps a dashboard as declared. Its body is compared by meaning.
options:
  dashboard_name:
    description: Name of the dashboard.
    type: str
    required: true
  dashboard_body:
    description: The dashboard's widgets, as CloudWatch's "Dashboard Body Structure" describes them.
    type: dict
  state:
    description: V(absent) deletes the dashboard.
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
- name: Show the failed logins
  rampart.ops.cloudwatch_dashboard:
    dashboard_name: alerts
    dashboard_body:
      widgets:
        - type: text
          width: 24
          height: 2
          properties: {markdown: "# Alerts"}
"""

RETURN = r"""
dashboard_body:
  description: The body after the run. Empty if the dashboard is absent.
  returned: always
  type: dict
  sample: {widgets: []}
"""

import json
from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CLIENT_CONFIG, Caller, CallError, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError

if TYPE_CHECKING:
    from typing import Any

ARGUMENT_SPEC = {
    "dashboard_name": {"type": "str", "required": True},
    "dashboard_body": {"type": "dict"},
    "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
}


def read(caller: Caller, name: str) -> dict[str, Any]:
    try:
        answer = caller.call("get_dashboard", f"read the dashboard {name}", DashboardName=name)
    except CallError as error:
        if error.code in ("ResourceNotFound", "ResourceNotFoundException", "DashboardNotFoundError"):
            return {}
        raise
    return dict(json.loads(answer["DashboardBody"]))


def write(caller: Caller, name: str, body: dict[str, Any]) -> None:
    if not body:
        caller.call("delete_dashboards", f"delete the dashboard {name}", DashboardNames=[name])
        return
    answer = caller.call(
        "put_dashboard", f"write the dashboard {name}", DashboardName=name, DashboardBody=json.dumps(body)
    )
    errors = [each["Message"] for each in answer.get("DashboardValidationMessages", [])]
    if errors:
        raise InvalidError(f"CloudWatch does not understand all of the dashboard {name}: {'; '.join(errors)}")


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    caller = Caller(module.client("cloudwatch", config=CLIENT_CONFIG), Deadline())
    before = read(caller, params["dashboard_name"])
    after: dict[str, Any] = params["dashboard_body"] if params["state"] == "present" else {}
    if before != after and not module.check_mode:
        write(caller, params["dashboard_name"], after)
    result: dict[str, Any] = {"changed": before != after, "dashboard_body": after}
    if module._diff:
        result["diff"] = {"before": before, "after": after}
    return result


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec=ARGUMENT_SPEC, supports_check_mode=True, required_if=[("state", "present", ["dashboard_body"])]
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
