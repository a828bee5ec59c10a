#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudwatchlogs_query_definitions
short_description: Manage the saved queries of a folder in CloudWatch Logs Insights
version_added: 0.1.0
description:
  - Keeps the saved queries (query definitions) of a folder exactly as declared. Queries elsewhere are not touched.
  - The console shows names with a C(/) as folders.
options:
  folder:
    description: The folder, with which all names begin. Everything in it is managed here.
    type: str
    required: true
  state:
    description: V(absent) removes all queries in O(folder).
    type: str
    choices: [present, absent]
    default: present
  definitions:
    description: The queries. Required with O(state=present).
    type: list
    elements: dict
    suboptions:
      name:
        description: The name within the folder.
        type: str
        required: true
      query_string:
        description: The query, in the query language of CloudWatch Logs Insights.
        type: str
        required: true
  log_group_names:
    description: The log groups that the queries ask.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Reports what would change and writes nothing.
    support: full
  diff_mode:
    description: Shows the queries by name before and after.
    support: full
notes:
  - Needs the permissions C(logs:DescribeQueryDefinitions), C(logs:PutQueryDefinition) and
    C(logs:DeleteQueryDefinition).
seealso:
  - module: rampart.ops.cloudwatchlogs_insights_info
author:
  - The Rampart developers (@rampart-ops)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Save a query that shows who is blocked
  rampart.ops.cloudwatchlogs_query_definitions:
    folder: rampart/waf
    log_group_names: [aws-waf-logs-rampart]
    definitions:
      - name: blocked-addresses
        query_string: |
          filter action = "BLOCK"
          | stats count(*) as requests by httpRequest.clientIp
          | sort requests desc
          | limit 25

- name: Remove what was saved there
  rampart.ops.cloudwatchlogs_query_definitions:
    folder: rampart/waf
    state: absent
"""

RETURN = r"""
names:
  description: The names of the saved queries in the folder, with the folder.
  returned: success
  type: list
  elements: str
  sample: [rampart/waf/blocked-addresses]
"""

from typing import TYPE_CHECKING

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CLIENT_CONFIG, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.aws.module import execute
from ansible_collections.rampart.ops.plugins.module_utils.insights.api import Insights
from ansible_collections.rampart.ops.plugins.module_utils.insights.model import Definition, plan_definitions

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

ARGUMENT_SPEC = {
    "folder": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "definitions": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "query_string": {"type": "str", "required": True},
        },
    },
    "log_group_names": {"type": "list", "elements": "str", "default": []},
}


def describe(definitions: Iterable[Definition]) -> dict[str, Any]:
    return {
        each.name: {"query_string": each.query_string.strip().splitlines(), "log_groups": sorted(each.log_group_names)}
        for each in definitions
    }


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    folder = params["folder"].strip("/")
    if not folder:
        raise InvalidError("folder: without a name it would be all saved queries of the account")
    wanted = [
        Definition(f"{folder}/{each['name']}", each["query_string"].strip(), tuple(params["log_group_names"]))
        for each in (params["definitions"] or ())
        if params["state"] == "present"
    ]
    for each in wanted:
        each.check()
    logs = Insights(module.client("logs", config=CLIENT_CONFIG), Deadline())
    plan = plan_definitions(logs.definitions(f"{folder}/"), wanted)
    if not module.check_mode:
        for each in plan.put:
            logs.put_definition(each)
        for each in plan.removed:
            logs.delete_definition(each)
    result: dict[str, Any] = {"changed": bool(plan.steps), "names": [each.name for each in plan.after]}
    if module._diff:
        result["diff"] = {"before": describe(plan.before), "after": describe(plan.after)}
    return result


def main() -> None:
    execute(run, ARGUMENT_SPEC, required_if=[("state", "present", ["definitions"])])


if __name__ == "__main__":
    main()
