# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""ansible-inventory as a process of its own, without paying for its imports each time: one process forks for every run.

Run as a program it is that process: a line of JSON in, a line of JSON out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ec2_pages import Ec2Server

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        """stderr without the line breaks that Ansible puts into its warnings."""
        return self.stderr.replace("-\n", "-").replace("\n", " ")


class Forker:
    """The process that forks. The configuration of Ansible is the one of its environment, for good."""

    def __init__(self, env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [os.environ.get("LAB_MODULE_PYTHON", sys.executable), __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
            cwd=ROOT,
        )

    def run(self, *arguments: str, **env: str) -> Done:
        """Run `ansible-inventory` with these arguments, and these variables besides its own."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps({"arguments": arguments, "env": env}) + "\n")
        self._process.stdin.flush()
        return Done(**json.loads(self._process.stdout.readline()))

    def stop(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=10)


class Inventory:
    """Runs of ansible-inventory against one EC2 server."""

    def __init__(self, forker: Forker, directory: Path, server: Ec2Server) -> None:
        self.forker = forker
        self.directory = directory
        self.server = server

    def write(self, config: dict[str, Any], name: str = "aws_ec2.yml") -> Path:
        """An inventory file; JSON is YAML."""
        path = self.directory / name
        path.write_text(json.dumps({"plugin": "rampart.ops.aws_ec2", "regions": ["us-east-1"], **config}))
        return path

    def run(self, config: dict[str, Any] | Path, *arguments: str, **env: str) -> Done:
        path = config if isinstance(config, Path) else self.write(config)
        wanted = arguments or ("--list",)
        return self.forker.run("-i", str(path), *wanted, AWS_ENDPOINT_URL=self.server.url, **env)

    def list(self, config: dict[str, Any] | Path, *arguments: str, **env: str) -> dict[str, Any]:
        done = self.run(config, "--list", *arguments, **env)
        assert done.returncode == 0, done.stderr
        shown: dict[str, Any] = json.loads(done.stdout)
        return shown


def _child(request: dict[str, Any], out: int, err: int) -> None:
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.environ.update(request["env"])
    from ansible.cli.inventory import InventoryCLI

    InventoryCLI.cli_executor(["ansible-inventory", *request["arguments"]])


def main() -> None:
    import boto3  # noqa: F401
    from ansible.inventory.manager import InventoryManager  # noqa: F401

    for line in sys.stdin:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            pid = os.fork()
            if not pid:
                try:
                    _child(json.loads(line), out.fileno(), err.fileno())
                except SystemExit as end:
                    sys.stdout.flush()
                    sys.stderr.flush()
                    os._exit(end.code if isinstance(end.code, int) else 1)
                except BaseException:
                    sys.excepthook(*sys.exc_info())
                    sys.stderr.flush()
                os._exit(99)
            _pid, status = os.waitpid(pid, 0)
            said = []
            for file in (out, err):
                file.seek(0)
                said.append(file.read().decode(errors="replace"))
        print(
            json.dumps({"returncode": os.waitstatus_to_exitcode(status), "stdout": said[0], "stderr": said[1]}),
            flush=True,
        )


if __name__ == "__main__":
    main()
