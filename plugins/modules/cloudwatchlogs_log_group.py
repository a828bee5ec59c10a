#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudwatchlogs_log_group
short_description: Log groups of Amazon CloudWatch Logs
version_added: 0.1.0
description:
  - Creates a log group, and keeps its retention, its KMS key and its tags as declared. What is left out is left alone.
  - Takes every retention that AWS takes, and never deletes a log group to change it.
  - Option names are those of M(community.aws.cloudwatchlogs_log_group).
options:
  log_group_name:
    description: Name of the log group.
    type: str
    required: true
  retention:
    description: Days for which the events are kept; V(0) keeps them for ever.
    type: int
    choices:
      [0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]
  kms_key_id:
    description:
      - ARN of the KMS key that encrypts the events which come from now on. Its policy must let CloudWatch Logs use it.
      - An empty string goes back to the encryption of CloudWatch Logs itself.
    type: str
  tags:
    description: Tags of the log group.
    type: dict
    aliases: [resource_tags]
  purge_tags:
    description: Whether tags that are not in O(tags) are removed.
    type: bool
    default: true
  state:
    description: V(absent) deletes the log group with all that was logged.
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
- name: Keep the authentication log for three months, encrypted
  rampart.ops.cloudwatchlogs_log_group:
    log_group_name: /rampart/auth
    retention: 90
    kms_key_id: arn:aws:kms:ap-northeast-2:123456789012:key/0b1f6a52-5a5e-4f0e-9d0c-5d6f2a0f8f11
"""

RETURN = r"""
log_group:
  description: The log group after the run. Empty if it is absent.
  returned: always
  type: dict
  sample: {log_group_name: /rampart/auth, retention: 90, kms_key_id: "", tags: {}}
"""

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CLIENT_CONFIG, Caller, CallError, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.logs.api import Logs
from ansible_collections.rampart.ops.plugins.module_utils.logs.model import RETENTIONS, Wanted, described, plan

if TYPE_CHECKING:
    from typing import Any

ARGUMENT_SPEC = {
    "log_group_name": {"type": "str", "required": True},
    "retention": {"type": "int", "choices": list(RETENTIONS)},
    "kms_key_id": {"type": "str"},
    "tags": {"type": "dict", "aliases": ["resource_tags"]},
    "purge_tags": {"type": "bool", "default": True},
    "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
}


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    tags = params["tags"]
    wanted = Wanted(
        name=params["log_group_name"],
        retention=params["retention"],
        kms_key_id=params["kms_key_id"],
        tags=None if tags is None else {str(key): str(value) for key, value in tags.items()},
        purge_tags=params["purge_tags"],
        absent=params["state"] == "absent",
    )
    wanted.check()
    logs = Logs(Caller(module.client("logs", config=CLIENT_CONFIG), Deadline()))
    before = logs.group(wanted.name, with_tags=tags is not None)
    planned = plan(before, wanted)
    if not module.check_mode:
        logs.apply(wanted.name, before, planned.steps)
    result: dict[str, Any] = {"changed": bool(planned.steps), "log_group": described(planned.after)}
    if module._diff:
        result["diff"] = {"before": described(before), "after": described(planned.after)}
    return result


def main() -> None:
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
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
