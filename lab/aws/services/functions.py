# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""AWS Lambda without containers: the code of a function runs in a child process, with the runtime's contract.

It is the caller's own code on the caller's own machine, and so it is taken only from this machine: the hosts of the
lab (one of them plays the attacker) may invoke functions, but not bring any.
"""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from typing import TYPE_CHECKING, Any

from moto.awslambda.models import LambdaFunction

from lab.aws.errors import AwsError
from lab.aws.lambda_runtime import Runtime
from lab.aws.registry import amend, operation, rule

if TYPE_CHECKING:
    from lab.aws.app import LabApplication
    from lab.aws.call import Call

Params = dict[str, Any]

_LOG_TAIL = 4096  # API_Invoke: "LogResult: The last 4 KB of the execution log"
MAX_PAYLOAD = 6 * 1024 * 1024  # gettingstarted-limits.html: 6 MB synchronous, 1 MB asynchronous
MAX_EVENT = 1024 * 1024


_runtime: Runtime | None = None


def attach(app: LabApplication) -> None:
    """Let moto's functions run here, whoever invokes them (SNS, SQS, S3 and log subscriptions do so inside moto)."""
    global _runtime
    _runtime = Runtime(app)
    LambdaFunction.invoke = _invoked_by_a_service


def _invoked_by_a_service(self: Any, body: str, _request_headers: Any, _response_headers: Any) -> str:
    runtime().later(self, body or "{}")
    return ""


def runtime() -> Runtime:
    if _runtime is None:
        raise RuntimeError("no application is attached")
    return _runtime


# --- operations ------------------------------------------------------------------------------------------------------


@rule("lambda", "CreateFunction", "UpdateFunctionCode", "PublishLayerVersion")
def only_code_from_this_machine(call: Call) -> None:
    if not call.is_local():
        message = "The lab takes code only from the machine that it runs on."
        raise AwsError("AccessDeniedException", message, 403)


@rule("lambda", "CreateFunction", "UpdateFunctionCode")
def check_code(call: Call) -> None:
    code = call.params.get("Code", call.params)
    runtime_name = call.params.get("Runtime", "python3")
    if not runtime_name.startswith("python"):
        raise AwsError("NotImplemented", f"The lab runs Python functions only, not {runtime_name}.", 501)
    if "ZipFile" in code and not zipfile.is_zipfile(io.BytesIO(code["ZipFile"])):
        message = "Could not unzip uploaded file. Please check your file, then try to upload again."
        raise AwsError("InvalidParameterValueException", message, 400)
    if call.operation == "CreateFunction":
        _check_execution_role(call)


def _check_execution_role(call: Call) -> None:
    arn = call.params["Role"]
    role = next((each for each in call.backend("iam", "aws").roles.values() if each.arn == arn), None)
    if role is None or "lambda.amazonaws.com" not in json.dumps(role.assume_role_policy_document):
        message = "The role defined for the function cannot be assumed by Lambda."
        raise AwsError("InvalidParameterValueException", message, 400)


@amend("lambda", "CreateFunction", "UpdateFunctionConfiguration")
def keep_dead_letter_queue(call: Call, answer: Params) -> Params:
    """moto forgets where a function sends what it fails at."""
    if "DeadLetterConfig" in call.params:
        runtime().dead_letters[_unversioned(answer)] = call.params["DeadLetterConfig"].get("TargetArn", "")
    return _with_dead_letter_queue(answer)


@amend("lambda", "GetFunctionConfiguration", "UpdateFunctionCode")
def show_dead_letter_queue(_call: Call, answer: Params) -> Params:
    return _with_dead_letter_queue(answer)


@amend("lambda", "GetFunction")
def show_dead_letter_queue_of(_call: Call, answer: Params) -> Params:
    return {**answer, "Configuration": _with_dead_letter_queue(answer["Configuration"])}


def _with_dead_letter_queue(configuration: Params) -> Params:
    target = runtime().dead_letters.get(_unversioned(configuration), "")
    return {**configuration, **({"DeadLetterConfig": {"TargetArn": target}} if target else {})}


def _unversioned(configuration: Params) -> str:
    return ":".join(configuration["FunctionArn"].split(":")[:7])


@operation("lambda", "Invoke", lock=False)
def invoke(call: Call) -> Params:
    name, qualifier = call.params["FunctionName"], call.params.get("Qualifier")
    try:
        function = call.backend().get_function(name, qualifier)
    except Exception:
        arn = name if name.startswith("arn:") else f"arn:aws:lambda:{call.region}:{call.account}:function:{name}"
        raise AwsError("ResourceNotFoundException", f"Function not found: {arn}", 404, Type="User") from None
    kind = call.params.get("InvocationType", "RequestResponse")
    payload = call.params.get("Payload") or b"{}"
    payload = payload if isinstance(payload, bytes) else payload.read()
    limit = MAX_EVENT if kind == "Event" else MAX_PAYLOAD
    if len(payload) > limit:
        message = f"{len(payload)} byte payload is too large for the {kind} invocation type (limit {limit} bytes)"
        raise AwsError("RequestTooLargeException", message, 413, Type="User")
    try:
        event = json.dumps(json.loads(payload))
    except ValueError as problem:
        message = f"Could not parse request body into json: {problem}"
        raise AwsError("InvalidRequestContentException", message, 400, Type="User") from None
    if kind == "DryRun":
        return {"StatusCode": 204, "Payload": b""}
    if kind == "Event":
        runtime().later(function, event)
        return {"StatusCode": 202, "Payload": b""}
    outcome = runtime().run(function, event)
    result: Params = {"StatusCode": 200, "Payload": outcome.payload, "ExecutedVersion": str(function.version)}
    if outcome.error:
        result["FunctionError"] = outcome.error
    if call.params.get("LogType") == "Tail":
        result["LogResult"] = base64.b64encode(outcome.log.encode()[-_LOG_TAIL:]).decode()
    return result


def permits(function: Any, service: str) -> bool:
    """Whether the function's policy lets that service of AWS invoke it (API_AddPermission)."""
    for statement in function.policy.statements:
        principal = statement.get("Principal")
        named = principal.get("Service", "") if isinstance(principal, dict) else principal
        if named == "*" or re.fullmatch(rf"{service}(\.[a-z0-9-]+)?\.amazonaws\.com", str(named)):
            return True
    return False
