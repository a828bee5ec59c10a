# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Runs the functions of AWS Lambda in child processes, and writes their logs."""

from __future__ import annotations

import contextlib
import datetime
import functools
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.aws.errors import AwsError

if TYPE_CHECKING:
    from lab.aws.app import LabApplication

_BOOTSTRAP = Path(__file__).with_name("lambda_bootstrap.py")
# invocation-async-error-handling.html: two more attempts, after one and two minutes; here seconds stand for minutes.
_RETRIES = (1.0, 2.0)


@dataclass(frozen=True)
class Outcome:
    """How an invocation ended."""

    payload: bytes
    error: str | None
    log: str


class Runtime:
    """Runs functions; one for the whole region."""

    def __init__(self, app: LabApplication) -> None:
        self._app = app
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="lambda")
        self._lock = threading.Lock()
        self.dead_letters: dict[str, str] = {}  # the ARN of a function, of the queue or topic for what it fails at
        self._home = tempfile.TemporaryDirectory(prefix="lab-lambda-")
        self._unpacked: dict[str, Path] = {}
        self._children: set[subprocess.Popen[bytes]] = set()

    def later(self, function: Any, event: str) -> None:
        """Invoke as AWS's own services do: the caller does not wait, and learns nothing."""
        self._pool.submit(self._asynchronously, function, event)

    def _asynchronously(self, function: Any, event: str) -> None:
        outcome = self.run(function, event)
        for pause in _RETRIES:
            if not outcome.error:
                return
            time.sleep(pause)
            outcome = self.run(function, event)
        if outcome.error:
            self.bury(function, event, outcome)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        for child in list(self._children):
            _end_group(child)
        self._home.cleanup()

    def run(self, function: Any, event: str) -> Outcome:
        request_id = str(uuid.uuid4())
        now = datetime.datetime.now(datetime.UTC)
        version = str(function.version)
        stream = f"{now:%Y/%m/%d}/[{version}]{uuid.uuid4().hex}"
        group = f"/aws/lambda/{function.function_name}"
        began = time.monotonic()
        outcome = self._child(function, event, request_id, group, stream)
        took = (time.monotonic() - began) * 1000
        report = (
            f"REPORT RequestId: {request_id}\tDuration: {took:.2f} ms\tBilled Duration: {int(took) + 1} ms\t"
            f"Memory Size: {function.memory_size} MB\tMax Memory Used: {min(64, int(function.memory_size))} MB"
        )
        lines = [f"START RequestId: {request_id} Version: {version}", *outcome.log.splitlines()]
        lines += [f"END RequestId: {request_id}", report]
        self._write_log(function, group, stream, lines)
        return Outcome(outcome.payload, outcome.error, "\n".join(lines) + "\n")

    def bury(self, function: Any, event: str, outcome: Outcome) -> None:
        """What a function has failed at for good goes to its dead-letter queue or topic, if it has one."""
        target = self.dead_letters.get(unversioned(function), "")
        call = functools.partial(self._app.moto.call, function.account_id, function.region)
        with contextlib.suppress(AwsError):
            if ":sqs:" in target:
                url = call("sqs", "GetQueueUrl", {"QueueName": target.rpartition(":")[2]})["QueueUrl"]
                attributes = {"ErrorMessage": {"DataType": "String", "StringValue": outcome.payload.decode()[:1024]}}
                call("sqs", "SendMessage", {"QueueUrl": url, "MessageBody": event, "MessageAttributes": attributes})
            elif ":sns:" in target:
                call("sns", "Publish", {"TopicArn": target, "Message": event})

    def _child(self, function: Any, event: str, request_id: str, group: str, stream: str) -> Outcome:
        root = self._task_root(function)
        context = {
            "function_name": function.function_name,
            "function_version": str(function.version),
            "invoked_function_arn": function.function_arn,
            "memory_limit_in_mb": str(function.memory_size),
            "aws_request_id": request_id,
            "log_group_name": group,
            "log_stream_name": stream,
            "timeout": int(function.timeout),
        }
        read_end, write_end = os.pipe()
        with tempfile.TemporaryDirectory(prefix="task-", dir=self._home.name) as scratch:
            child = subprocess.Popen(
                [sys.executable, "-P", "-u", str(_BOOTSTRAP), str(write_end), json.dumps(context)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=self._environment(function, root, scratch, group, stream),
                cwd=root,
                pass_fds=(write_end,),
                start_new_session=True,
            )
            os.close(write_end)
            self._children.add(child)
            results: list[bytes] = []
            reader = threading.Thread(target=lambda: results.append(_drained(read_end)), daemon=True)
            reader.start()
            try:
                log, _none = child.communicate(event.encode(), timeout=int(function.timeout) + 0.5)
                timed_out = False
            except subprocess.TimeoutExpired:
                timed_out = True
                log = b""
            finally:
                _end_group(child)
                self._children.discard(child)
            if timed_out:
                log, _none = child.communicate()
            reader.join(timeout=5)
        return _outcome(function, request_id, child.returncode, timed_out, log.decode("utf-8", "replace"), results)

    def _environment(self, function: Any, root: Path, scratch: str, group: str, stream: str) -> dict[str, str]:
        """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html, and the way back to the lab."""
        key = f"ASIALAB{uuid.uuid4().hex[:13].upper()}"
        self._app.accounts.remember_session(key, function.account_id)
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LANG": "C.UTF-8",
            "TZ": ":UTC",
            "TMPDIR": scratch,
            "HOME": scratch,
            **{str(name): str(value) for name, value in function.environment_vars.items()},
            "_HANDLER": str(function.handler),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_VERSION": str(function.version),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": group,
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": uuid.uuid4().hex,
            "AWS_SESSION_TOKEN": uuid.uuid4().hex,
            "AWS_ENDPOINT_URL": self._app.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "LAMBDA_TASK_ROOT": str(root),
            "LAMBDA_RUNTIME_DIR": str(_BOOTSTRAP.parent),
        }

    def _task_root(self, function: Any) -> Path:
        """The function's code, unpacked once for each version of it."""
        with self._lock:
            digest = re.sub(r"[^A-Za-z0-9]", "_", function.code_sha_256)
            if digest not in self._unpacked:
                root = Path(self._home.name) / digest
                root.mkdir()
                with zipfile.ZipFile(io.BytesIO(function.code_bytes)) as archive:
                    archive.extractall(root)
                self._unpacked[digest] = root
            return self._unpacked[digest]

    def _write_log(self, function: Any, group: str, stream: str, lines: list[str]) -> None:
        def logs(name: str, **params: Any) -> None:
            try:
                self._app.moto.call(function.account_id, function.region, "logs", name, params)
            except AwsError as problem:
                if problem.code != "ResourceAlreadyExistsException":
                    raise

        stamp = int(time.time() * 1000)
        logs("CreateLogGroup", logGroupName=group)
        logs("CreateLogStream", logGroupName=group, logStreamName=stream)
        events = [{"timestamp": stamp, "message": line or " "} for line in lines]
        logs("PutLogEvents", logGroupName=group, logStreamName=stream, logEvents=events)


def unversioned(function: Any) -> str:
    return f"arn:aws:lambda:{function.region}:{function.account_id}:function:{function.function_name}"


def _drained(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as pipe:
        return pipe.read()


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started: nothing of a function outlives its invocation."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


def _outcome(
    function: Any, request_id: str, code: int | None, timed_out: bool, log: str, results: list[bytes]
) -> Outcome:
    if timed_out:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        message = f"{now} {request_id} Task timed out after {int(function.timeout):.2f} seconds"
        return Outcome(json.dumps({"errorMessage": message}).encode(), "Unhandled", f"{log}{message}\n")
    try:
        answer = json.loads(results[0])
    except (IndexError, ValueError):  # the process ended itself
        message = f"RequestId: {request_id} Error: Runtime exited with error: exit status {code}"
        payload = {"errorType": "Runtime.ExitError", "errorMessage": message}
        return Outcome(json.dumps(payload).encode(), "Unhandled", f"{log}{message}\n")
    return Outcome(json.dumps(answer["payload"]).encode(), None if answer["succeeded"] else "Unhandled", log)
