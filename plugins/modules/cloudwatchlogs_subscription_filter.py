#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudwatchlogs_subscription_filter
short_description: Subscription filters of Amazon CloudWatch Logs
version_added: 0.1.0
description:
  - Lets a log group deliver what matches a pattern, as it arrives, to an AWS Lambda function or a stream.
  - A log group has two of them at most.
options:
  log_group_name:
    description: The log group.
    type: str
    required: true
  filter_name:
    description: Name of the filter.
    type: str
    required: true
  filter_pattern:
    description: Which events are delivered. An empty pattern means all of them.
    type: str
    default: ""
  destination_arn:
    description: Where they are delivered to. Required if O(state=present).
    type: str
  role_arn:
    description: The role in which they are delivered to a stream. A function is permitted by its own policy instead.
    type: str
  distribution:
    description: How they are spread over the shards of a stream.
    type: str
    choices: [Random, ByLogStream]
    default: ByLogStream
  state:
    description: V(absent) removes the filter.
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
- name: Deliver what sshd says to a function
  rampart.ops.cloudwatchlogs_subscription_filter:
    log_group_name: /rampart/auth
    filter_name: alerts
    filter_pattern: '?"Accepted " ?"Failed "'
    destination_arn: arn:aws:lambda:ap-northeast-2:123456789012:function:alerts
"""

RETURN = r"""
subscription_filter:
  description: The filter after the run. Empty if it is absent.
  returned: always
  type: dict
  sample: {filter_pattern: error, destination_arn: "arn:aws:lambda:ap-northeast-2:123456789012:function:alerts"}
"""

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CLIENT_CONFIG, Caller, CallError, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.logs.api import Logs

if TYPE_CHECKING:
    from typing import Any

ARGUMENT_SPEC = {
    "log_group_name": {"type": "str", "required": True},
    "filter_name": {"type": "str", "required": True},
    "filter_pattern": {"type": "str", "default": ""},
    "destination_arn": {"type": "str"},
    "role_arn": {"type": "str"},
    "distribution": {"type": "str", "default": "ByLogStream", "choices": ["Random", "ByLogStream"]},
    "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
}


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    logs = Logs(Caller(module.client("logs", config=CLIENT_CONFIG), Deadline()))
    before = logs.subscription_filter(params["log_group_name"], params["filter_name"])
    declared = ("filter_pattern", "destination_arn", "role_arn", "distribution")
    after = {name: params[name] or "" for name in declared} if params["state"] == "present" else {}
    if before != after and not module.check_mode:
        logs.put_subscription_filter(params["log_group_name"], params["filter_name"], after)
    result: dict[str, Any] = {"changed": before != after, "subscription_filter": after}
    if module._diff:
        result["diff"] = {"before": before, "after": after}
    return result


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec=ARGUMENT_SPEC, supports_check_mode=True, required_if=[("state", "present", ["destination_arn"])]
    )
    try:
        result = run(module)
    except CallError as error:
        module.fail_json_aws(error.cause, msg=error.message)
    else:
        module.exit_json(**result)


if __name__ == "__main__":
    main()
