#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: lambda_permission
short_description: Who may invoke an AWS Lambda function
version_added: 0.1.0
description:
  - Adds a statement to the policy of a function, or removes it.
  - Unlike M(amazon.aws.lambda_policy), check mode says what would change, also for a function that is not there yet.
options:
  function_name:
    description: The function.
    type: str
    required: true
  statement_id:
    description: Name of the statement.
    type: str
    required: true
  action:
    description: What is permitted.
    type: str
    default: lambda:InvokeFunction
  principal:
    description: To whom, for example V(logs.amazonaws.com). Required if O(state=present).
    type: str
  source_arn:
    description: Only on behalf of this resource; a pattern with C(*) is good too.
    type: str
  source_account:
    description: Only on behalf of resources of this account.
    type: str
  state:
    description: V(absent) removes the statement.
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
- name: Let a log group invoke a function
  rampart.ops.lambda_permission:
    function_name: alerts
    statement_id: logs
    principal: logs.amazonaws.com
    source_arn: arn:aws:logs:ap-northeast-2:123456789012:log-group:/rampart/auth:*
    source_account: "123456789012"
"""

RETURN = r"""
permission:
  description: The statement after the run. Empty if it is absent.
  returned: always
  type: dict
  sample: {action: "lambda:InvokeFunction", principal: logs.amazonaws.com, source_arn: "", source_account: ""}
"""

import json
from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CLIENT_CONFIG, Caller, CallError, Deadline

if TYPE_CHECKING:
    from typing import Any

ARGUMENT_SPEC = {
    "function_name": {"type": "str", "required": True},
    "statement_id": {"type": "str", "required": True},
    "action": {"type": "str", "default": "lambda:InvokeFunction"},
    "principal": {"type": "str"},
    "source_arn": {"type": "str"},
    "source_account": {"type": "str"},
    "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
}


def permission(statement: dict[str, Any]) -> dict[str, str]:
    """A statement of the policy, as AddPermission was asked for it."""
    principal = statement.get("Principal", "")
    if isinstance(principal, dict):
        principal = principal.get("Service") or principal.get("AWS") or ""
    # Lambda writes AWS:SourceArn, as nobody else does.
    conditions = {key.lower(): value for test in statement.get("Condition", {}).values() for key, value in test.items()}
    return {
        "action": statement["Action"],
        "principal": principal,
        "source_arn": conditions.get("aws:sourcearn", ""),
        "source_account": conditions.get("aws:sourceaccount", ""),
    }


def read(caller: Caller, function: str, statement_id: str) -> dict[str, str]:
    try:
        answer = caller.call("get_policy", f"read the policy of the function {function}", FunctionName=function)
    except CallError as error:
        if error.code == "ResourceNotFoundException":  # no policy yet, or no function
            return {}
        raise
    statements = json.loads(answer["Policy"])["Statement"]
    return next((permission(each) for each in statements if each.get("Sid") == statement_id), {})


def write(caller: Caller, function: str, statement_id: str, before: dict[str, str], after: dict[str, str]) -> None:
    """A statement cannot be changed: it is removed and made anew."""
    name = {"FunctionName": function, "StatementId": statement_id}
    if before:
        caller.call("remove_permission", f"take the permission {statement_id} from {function}", **name)
    if after:
        request = {"Action": after["action"], "Principal": after["principal"]}
        request.update({"SourceArn": after["source_arn"]} if after["source_arn"] else {})
        request.update({"SourceAccount": after["source_account"]} if after["source_account"] else {})
        caller.call("add_permission", f"give the permission {statement_id} for {function}", **name, **request)


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    function, statement_id = params["function_name"], params["statement_id"]
    caller = Caller(module.client("lambda", config=CLIENT_CONFIG), Deadline())
    before = read(caller, function, statement_id)
    declared = ("action", "principal", "source_arn", "source_account")
    after = {name: params[name] or "" for name in declared} if params["state"] == "present" else {}
    if before != after and not module.check_mode:
        write(caller, function, statement_id, before, after)
    result: dict[str, Any] = {"changed": before != after, "permission": after}
    if module._diff:
        result["diff"] = {"before": before, "after": after}
    return result


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec=ARGUMENT_SPEC, supports_check_mode=True, required_if=[("state", "present", ["principal"])]
    )
    try:
        result = run(module)
    except CallError as error:
        module.fail_json_aws(error.cause, msg=error.message)
    else:
        module.exit_json(**result)


if __name__ == "__main__":
    main()
