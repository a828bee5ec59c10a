# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""For tests of anything that speaks boto3: a running region, an account in it, its journal and its faults."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import boto3
from botocore.config import Config

REPO = Path(__file__).resolve().parents[2]
DEFAULT_REGION = "ap-northeast-2"
# The modules may run on older libraries than the tests do.
MODULE_PYTHON = os.environ.get("LAB_MODULE_PYTHON", sys.executable)

# What ansible's wrapper does to a module, less the archive: arguments in, one JSON object on stdout, a process of its
# own. The imports that all AWS modules share are done once; each run is a fork of that state.
_MODULE_HOST = """
import json, os, runpy, signal, sys, traceback
from ansible.module_utils import basic
import ansible_collections.amazon.aws.plugins.module_utils.modules
import ansible_collections.amazon.aws.plugins.module_utils.retries
import boto3, botocore.endpoint, botocore.signers, botocore.credentials

for line in sys.stdin:
    run = json.loads(line)
    pid = os.fork()
    if pid == 0:
        code = 0
        try:
            signal.alarm(run["timeout"])
            os.environ.clear()
            os.environ.update(run["env"])
            for number, path in ((0, os.devnull), (1, run["stdout"]), (2, run["stderr"])):
                os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), number)
            basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": run["arguments"]}).encode()
            basic._ANSIBLE_PROFILE = "legacy"
            sys.argv = [run["module"]]
            runpy.run_module(run["module"], run_name="__main__")
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    _pid, status = os.waitpid(pid, 0)
    print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), flush=True)
"""


class _ModuleHost:
    """A process that runs modules for as long as the tests last; those that run at one time get one each."""

    _idle: ClassVar[list[_ModuleHost]] = []
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _MODULE_HOST],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPO,
            env={**os.environ, "PYTHONPATH": f"{REPO}/playbooks/collections"},
        )
        atexit.register(self._process.kill)

    @classmethod
    def run(cls, run: dict[str, Any]) -> tuple[int, str, str]:
        """(exit code, stdout, stderr) of one module run."""
        with cls._lock:
            host = cls._idle.pop() if cls._idle else None
        host = host or cls()
        with tempfile.TemporaryDirectory(prefix="lab-aws-") as directory:
            out, err = Path(directory, "out"), Path(directory, "err")
            if host._process.stdin is None or host._process.stdout is None:
                raise AssertionError("the module host has no pipes")
            host._process.stdin.write(json.dumps({**run, "stdout": str(out), "stderr": str(err)}) + "\n")
            host._process.stdin.flush()
            answer = host._process.stdout.readline()
            if not answer:
                raise AssertionError("the module host is gone; its message stands above")
            with cls._lock:
                cls._idle.append(host)
            return int(json.loads(answer)["code"]), out.read_text(), err.read_text()


class Region:
    """A running `python -m lab.aws` on a free port."""

    def __init__(self, *arguments: str) -> None:
        self._log = tempfile.NamedTemporaryFile("w+", prefix="lab-aws-", suffix=".log")  # noqa: SIM115 - lives as long
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lab.aws", "--port", "0", "--idle-stop", "900", *arguments],
            cwd=REPO,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        line = self.process.stdout.readline() if self.process.stdout else ""
        if "serving http" not in line:
            raise AssertionError(f"lab.aws did not start: {line}{self.log()}")
        self.url = line.split()[2]

    def log(self) -> str:
        return Path(self._log.name).read_text()

    def control(self, method: str, path: str, body: dict[str, Any] | None = None, **query: str) -> Any:
        """One request to the control path; its JSON answer."""
        url = f"{self.url}/lab/{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(url, data=data, method=method)  # noqa: S310 - our own http URL
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} /lab/{path}: {error.read().decode()}") from None

    def stop(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(timeout=10)
        finally:
            if self.process.poll() is None:
                self.process.kill()


class Aws:
    """One account in the region: clients, an environment for programs, its part of the journal, faults."""

    def __init__(self, region: Region, name: str | None = None) -> None:
        self.lab = region
        self.name = name or f"t{uuid.uuid4().hex[:12]}"
        self.url = region.url
        self._clients: dict[str, Any] = {}
        self.env: dict[str, str] = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "ANSIBLE_", "BOTO"))},
            "AWS_ENDPOINT_URL": region.url,
            "AWS_ACCESS_KEY_ID": f"AKIALAB_{self.name}",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_REGION": DEFAULT_REGION,
            "AWS_DEFAULT_REGION": DEFAULT_REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "PYTHONPATH": f"{REPO}/playbooks/collections",
            "ANSIBLE_CONFIG": f"{REPO}/ansible.cfg",
        }

    def client(self, service: str, region: str = DEFAULT_REGION, **options: Any) -> Any:
        """A boto3 client of this account: no retries and no checks of its own, so that the region itself is tested."""
        wanted = json.dumps([service, region, options], sort_keys=True)
        if wanted in self._clients:
            return self._clients[wanted]
        keys = {
            "aws_access_key_id": options.pop("access_key", f"AKIALAB_{self.name}"),
            "aws_secret_access_key": options.pop("secret_key", "any"),
            "aws_session_token": options.pop("session_token", None),
        }
        config = {"retries": {"total_max_attempts": 1}, "parameter_validation": True, "read_timeout": 20, **options}
        client = boto3.client(service, region_name=region, endpoint_url=self.url, config=Config(**config), **keys)
        self._clients[wanted] = client
        return client

    @property
    def account_id(self) -> str:
        return str(self.client("sts").get_caller_identity()["Account"])

    def journal(self, **filters: str) -> list[dict[str, Any]]:
        """The calls of this account, oldest first; filters: service, operation, region."""
        calls: list[dict[str, Any]] = self.lab.control("GET", "journal", None, account=self.name, **filters)["calls"]
        return calls

    def operations(self, **filters: str) -> list[str]:
        return [call["operation"] for call in self.journal(**filters)]

    def reset_journal(self) -> None:
        self.lab.control("DELETE", "journal", account=self.name)

    def topic(self, name: str) -> tuple[str, Callable[[], list[dict[str, Any]]]]:
        """The ARN of a new topic, and what has been told to it since one last asked."""
        sns, sqs = self.client("sns"), self.client("sqs")
        topic = sns.create_topic(Name=name)["TopicArn"]
        queue = sqs.create_queue(QueueName=name)["QueueUrl"]
        endpoint = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint)

        def told() -> list[dict[str, Any]]:
            bodies: list[dict[str, Any]] = []
            while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
                bodies += [json.loads(each["Body"]) for each in messages]
            return bodies

        return topic, told

    def let_events_publish(self, topic: str) -> None:
        """Let EventBridge publish to this topic, and nobody else."""
        allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [{**allow, "Resource": topic}]})
        self.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)

    def fault(self, **fault: Any) -> dict[str, Any]:
        """Let the next calls of an operation go wrong, for this account only."""
        result: dict[str, Any] = self.lab.control("POST", "faults", {"account": self.name, **fault})
        return result

    def clear_faults(self) -> None:
        self.lab.control("DELETE", "faults", account=self.name)

    def switch(self, **switches: Any) -> dict[str, Any]:
        """Set switches of this account (page_size, rates, prompt_backups)."""
        result: dict[str, Any] = self.lab.control("POST", "switches", switches, account=self.name)
        return result

    def advance_clock(self, seconds: float) -> None:
        """Let the lab's time of this account pass: backup jobs finish, cooling-off periods end."""
        self.lab.control("POST", "clock", {"advance": seconds}, account=self.name)

    def run_module(
        self, name: str, args: dict[str, Any], check: bool = False, diff: bool = True, timeout: float = 120
    ) -> dict[str, Any]:
        """Run an Ansible module by its FQCN in a process of its own and return its result.

        A failure is a result too: it has `failed: true` and `msg`, as a playbook would register it.
        """
        namespace, collection, module = name.split(".")
        arguments = {**args, "_ansible_check_mode": check, "_ansible_diff": diff, "_ansible_module_name": name}
        code, out, err = _ModuleHost.run(
            {
                "module": f"ansible_collections.{namespace}.{collection}.plugins.modules.{module}",
                "arguments": arguments,
                "env": self.env,
                "timeout": int(timeout),
            }
        )
        lines = [line for line in out.splitlines() if line.startswith("{")]
        if not lines:
            return {"failed": True, "msg": f"no result (exit code {code}): {err[-2000:]}", "exception": err}
        result: dict[str, Any] = json.loads(lines[-1])
        result.setdefault("failed", code != 0)
        result.setdefault("changed", False)
        return result

    def eventually(self, check: Any, seconds: float = 10) -> Any:
        """The first true answer of check(); fails when there is none in time."""
        end = time.monotonic() + seconds
        while True:
            answer = check()
            if answer:
                return answer
            if time.monotonic() > end:
                raise AssertionError(f"not so within {seconds} s: {check}")
            time.sleep(0.05)
