# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What AWS Lambda's Python runtime does around a function; runs alone in a child process, knows nothing of the lab.

argv: the file descriptor for the result, the context as JSON. stdin: the event.
https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html, python-context.html, python-exceptions.html
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from types import SimpleNamespace
from typing import Any


def fail(kind: str, message: str, stack: list[str]) -> dict[str, Any]:
    print(f"[ERROR] {kind}: {message}", *stack, sep="\n", flush=True)
    return {"errorMessage": message, "errorType": kind, "requestId": CONTEXT["aws_request_id"], "stackTrace": stack}


def run() -> tuple[bool, Any]:
    """(succeeded, result or error)."""
    path = os.environ["_HANDLER"]
    module_name, _dot, name = path.rpartition(".")
    if not module_name:
        return False, fail("Runtime.MalformedHandlerName", f"Bad handler '{path}': not enough values to unpack", [])
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as problem:
        return False, fail("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {problem}", [])
    except SyntaxError as problem:
        return False, fail("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {problem}", [])
    handler = getattr(module, name, None)
    if handler is None:
        return False, fail("Runtime.HandlerNotFound", f"Handler '{name}' missing on module '{module_name}'", [])
    deadline = time.time() + CONTEXT.pop("timeout")
    context = SimpleNamespace(
        **CONTEXT,
        identity=SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None),
        client_context=None,
        get_remaining_time_in_millis=lambda: max(0, int((deadline - time.time()) * 1000)),
        log=lambda message: print(message, end="", flush=True),
    )
    result = handler(json.load(sys.stdin), context)
    try:
        return True, json.loads(json.dumps(result))
    except (TypeError, ValueError) as problem:
        return False, fail("Runtime.MarshalError", f"Unable to marshal response: {problem}", [])


if __name__ == "__main__":
    CONTEXT: dict[str, Any] = json.loads(sys.argv[2])
    result_fd = int(sys.argv[1])
    sys.argv = [os.environ["_HANDLER"]]
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    try:
        answer = run()
    except Exception as problem:
        frames = traceback.format_tb(problem.__traceback__)[1:]
        answer = (False, fail(type(problem).__name__, str(problem), frames))
    sys.stdout.flush()
    with os.fdopen(result_fd, "w") as pipe:
        json.dump({"succeeded": answer[0], "payload": answer[1]}, pipe)
