"""Jobs and inventory updates as AWX 24.6.1 runs them, on this machine: a copy of the project with its links, the
inventory as a script that prints what the update found, credentials injected, ansible-runner over a private data
directory. What AWX sets and what it ignores of ansible.cfg is from its source (awx/main/tasks/jobs.py) and from jobs
that were looked at; a container and a second machine are what is missing.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
PLAYBOOK = re.compile(r"^\s*-?\s*(?:hosts|include|import_playbook|ansible\.builtin\.import_playbook):", re.M)
SKIPPED = {"roles", "tasks", "group_vars", "host_vars"}


def sync(source: Path, destination: Path) -> None:
    """Copy what git would hand out, links kept, without .git."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=source,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    shutil.rmtree(destination, ignore_errors=True)
    for name in filter(None, listed.split("\0")):
        target = destination / name
        if (source / name).is_symlink() or (source / name).exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, target, follow_symlinks=False)


def playbooks(project: Path) -> list[str]:
    """The playbooks that AWX offers of a project."""
    found = []
    for file in sorted([*project.rglob("*.yml"), *project.rglob("*.yaml")]):
        path = file.relative_to(project)
        parts = set(path.parts[:-1])
        hidden = any(part.startswith(".") for part in path.parts)
        if not hidden and not SKIPPED & parts and "collections" not in parts and PLAYBOOK.search(file.read_text()):
            found.append(str(path))
    return found


@dataclass(frozen=True)
class Job:
    """One launch of a job template.

    extra_vars, env: what the template, its survey and its credentials give.
    ssh_key: private key of the Machine credential; its user goes to the command line, as AWX has it.
    """

    playbook: str
    job_type: str = "run"
    diff: bool = False
    limit: str = ""
    user: str = "admin"
    ssh_key: str = ""
    extra_vars: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    forks: int = 0


@dataclass(frozen=True)
class Result:
    good: bool
    output: str
    stats: Mapping[str, Any]
    artifacts: Mapping[str, Any]  # set_stats


def update_inventory(project: Path, source_path: str, work: Path, env: Mapping[str, str]) -> dict[str, Any]:
    """Run an inventory update.

    Raises:
        RuntimeError: it failed; the text is what it printed.
    """
    output = work / "inventory.json"
    done = subprocess.run(
        [
            BIN / "ansible-inventory",
            "--list",
            "--export",
            *("-i", str(project / source_path)),
            *("--output", str(output)),
            *("--playbook-dir", str((project / source_path).parent)),
        ],
        cwd=project,
        env=_environment(work, env)
        | {
            "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
            "ANSIBLE_COLLECTIONS_PATHS": "/runner/requirements_collections",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return dict(json.loads(output.read_text()))


def run(project: Path, inventory: Mapping[str, Any], job: Job, work: Path, slice_of: Sequence[str] = ()) -> Result:
    """Run a job to its end.

    Args:
        project: the checkout.
        inventory: what the update found.
        job: what to run.
        work: an empty directory, which becomes AWX's private data directory.
        slice_of: of a sliced job, the hosts of this slice; all others are not in its inventory.
    """
    shutil.copytree(project, work / "project", symlinks=True)
    for name in ("inventory", "env", "home"):
        (work / name).mkdir()
    hosts = work / "inventory/hosts"
    listed = json.dumps(sliced(inventory, slice_of) if slice_of else inventory)
    hosts.write_text(f"#!/usr/bin/env python3\nprint({listed!r})\n")
    hosts.chmod(0o700)
    arguments = ["-u", job.user]
    arguments += ["--check"] if job.job_type == "check" else []
    arguments += ["--diff"] if job.diff else []
    arguments += ["-l", job.limit] if job.limit else []
    arguments += [f"--forks={job.forks}"] if job.forks else []
    (work / "env/cmdline").write_text(" ".join(arguments))
    (work / "env/extravars").write_text(json.dumps({**job.extra_vars, "awx_job_id": 1, "tower_job_id": 1}))
    if job.ssh_key:
        (work / "env/ssh_key").write_text(job.ssh_key)
    environment = _environment(work, job.env) | {
        "ANSIBLE_COLLECTIONS_PATH": ":".join(
            [
                "/runner/requirements_collections",
                *_of_cfg(project),
                "~/.ansible/collections",
                "/usr/share/ansible/collections",
            ]
        ),
        "ANSIBLE_FORCE_COLOR": "False",
        # AWX has a short path of its own, too: a socket's may have 108 characters.
        "ANSIBLE_SSH_CONTROL_PATH_DIR": f"{tempfile.gettempdir()}/awx-cp",
        # A container begins with no known hosts; ssh looks in the home that the system knows, not in HOME.
        "ANSIBLE_SSH_COMMON_ARGS": f"-o UserKnownHostsFile={work}/home/known_hosts",
        "ANSIBLE_HOST_KEY_CHECKING": "False",
        "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "ANSIBLE_UNSAFE_WRITES": "1",
        "AWX_PRIVATE_DATA_DIR": str(work),
        "AWX_HOST": "https://awx.example.com",
        "INVENTORY_ID": "1",
        "JOB_ID": "1",
        "PROJECT_REVISION": "0" * 40,
    }
    done = subprocess.run(
        [BIN / "ansible-runner", "run", str(work), "-p", job.playbook, "-i", "1", "--quiet"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    artifacts = work / "artifacts/1"
    output = (artifacts / "stdout").read_text() if (artifacts / "stdout").exists() else done.stdout + done.stderr
    events = [json.loads(file.read_text()) for file in sorted((artifacts / "job_events").glob("*.json"))]
    final: dict[str, Any] = next((e["event_data"] for e in reversed(events) if e["event"] == "playbook_on_stats"), {})
    return Result(done.returncode == 0, output, final, final.get("artifact_data", {}))


def sliced(inventory: Mapping[str, Any], hosts: Sequence[str]) -> dict[str, Any]:
    """The inventory of one slice: only these hosts, in the groups that they are in."""
    result: dict[str, Any] = {}
    for name, group in inventory.items():
        if name == "_meta":
            variables = group.get("hostvars", {})
            result[name] = {**group, "hostvars": {host: variables[host] for host in hosts if host in variables}}
        else:
            result[name] = {
                **group,
                **({"hosts": [h for h in group["hosts"] if h in hosts]} if "hosts" in group else {}),
            }
    return result


def _of_cfg(project: Path) -> list[str]:
    """What AWX takes from the project's ansible.cfg, as it is written there."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(project / "ansible.cfg")
    return parser.get("defaults", "collections_path", fallback="").split(":")


def _environment(work: Path, env: Mapping[str, str]) -> dict[str, str]:
    home = work / "home"
    home.mkdir(exist_ok=True)
    return {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(home), "LANG": "C.UTF-8", **env}
