# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""For tests of anything that speaks boto3: a running region, an account in it, its journal and its faults."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

REPO = Path(__file__).resolve().parents[2]
DEFAULT_REGION = "ap-northeast-2"
# The modules may run on older libraries than the tests do.
MODULE_PYTHON = os.environ.get("LAB_MODULE_PYTHON", sys.executable)

# What ansible's wrapper does to a module, less the archive: arguments on stdin, result on stdout, a process of its own.
_RUN_MODULE = """
import json, runpy, sys
from ansible.module_utils import basic
basic._ANSIBLE_ARGS = sys.stdin.buffer.read()
basic._ANSIBLE_PROFILE = "legacy"
runpy.run_module(sys.argv[1], run_name="__main__")
"""


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
        self._clients: dict[Any, Any] = {}
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
        wanted = (service, region, tuple(sorted(options.items())))
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

    def fault(self, **fault: Any) -> dict[str, Any]:
        """Let the next calls of an operation go wrong, for this account only."""
        result: dict[str, Any] = self.lab.control("POST", "faults", {"account": self.name, **fault})
        return result

    def clear_faults(self) -> None:
        self.lab.control("DELETE", "faults", account=self.name)

    def switch(self, **switches: Any) -> dict[str, Any]:
        """Set switches of this account (page_size, rates)."""
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
        done = subprocess.run(
            [
                MODULE_PYTHON,
                "-c",
                _RUN_MODULE,
                f"ansible_collections.{namespace}.{collection}.plugins.modules.{module}",
            ],
            input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
            capture_output=True,
            text=True,
            env=self.env,
            timeout=timeout,
            cwd=REPO,
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if not lines:
            return {"failed": True, "msg": f"no result (exit code {done.returncode})", "exception": done.stderr}
        result: dict[str, Any] = json.loads(lines[-1])
        result.setdefault("failed", done.returncode != 0)
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
