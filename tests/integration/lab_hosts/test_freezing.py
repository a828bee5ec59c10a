# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""backup_now.yml brings a file system of a real host to rest, over SSH, and it always moves again.

The host has an ext4 and an xfs file system of its own on loop devices, each with an SQLite database on it. The machine
that runs the tests makes them: a container has no loop devices.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from test_mending import ROOT, Lab

from lab.podman import as_root, podman

ACCOUNT = "freezing"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
pytestmark = pytest.mark.skipif(
    not Path("/dev/loop-control").exists(), reason="this machine has no loop devices to make a file system on"
)
FILE_SYSTEMS = {"ext4": 32, "xfs": 320}  # MiB, xfs has no less
# Flushed, then frozen; a write that is tried then ends only when it is thawed.
FREEZE = """
python3 -c "import sqlite3; sqlite3.connect('/srv/{0}/db').execute('pragma wal_checkpoint(truncate)')" &&
! test -s /srv/{0}/db-wal && echo > /run/flushed && fsfreeze --freeze /srv/{0} && {{
setsid sh -c 'touch /srv/{0}/written; date +%s%N > /run/written' < /dev/null > /dev/null 2>&1 & }}
"""
THAW = "date +%s%N > /run/thawing; fsfreeze --unfreeze /srv/{0}"


class Site(Lab):
    """A host with data, a vault and a role."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.env["LAB_SUBNET"] = "10.89.179.0/24"
        self.container = f"rampart-10.89.179.0-{ACCOUNT}-one"
        self.key = {"aws_access_key_id": f"AKIALAB_{ACCOUNT}", "aws_secret_access_key": "lab"}
        self.url = f"http://127.0.0.1:{self.port}"

    def up(self) -> str:
        done = self.run("up", "--account", ACCOUNT, "--fleet", str(self.fleet))
        assert done.returncode == 0, done.stderr
        client = {"region_name": "ap-northeast-2", "endpoint_url": self.url, **self.key}
        boto3.client("backup", **client).create_backup_vault(BackupVaultName="rampart")
        boto3.client("iam", **client).create_role(RoleName="rampart-backup", AssumeRolePolicyDocument=json.dumps(TRUST))
        return done.stdout

    def on_host(self, script: str) -> str:
        return podman("exec", self.container, "sh", "-c", script).stdout.decode()

    def backup_now(self, kind: str = "ext4", **hooks: Any) -> subprocess.Popen[str]:
        both = {"freeze": FREEZE.format(kind), "thaw": THAW.format(kind)}
        (self.state / "hooks.json").write_text(json.dumps({"hosts": "web", "snapshot_hooks": {**both, **hooks}}))
        command = f"ansible-playbook playbooks/backup_now.yml -e @{self.state}/hooks.json"
        script = f". {self.state}/accounts/{ACCOUNT}/env; exec {command}"
        return subprocess.Popen(
            ["sh", "-c", script],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def moment(self, name: str) -> int:
        return int(self.on_host(f"cat /run/{name} 2>/dev/null || echo 0"))

    def fault(self, kind: str, **params: Any) -> None:
        """The next backup does not begin as it should."""
        fault = {"account": ACCOUNT, "service": "backup", "operation": "StartBackupJob", "kind": kind, "times": 1}
        body = json.dumps({**fault, "params": params}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/lab/faults", data=body), timeout=30).close()  # noqa: S310


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("freezing")
    devices, enter = [], []
    made = Site(folder)
    try:
        made.up()
        pid = podman("inspect", "--format", "{{.State.Pid}}", made.container).stdout.decode().strip()
        enter = [*as_root(), "nsenter", "--target", pid, "--mount"]
        for kind, size in FILE_SYSTEMS.items():
            image = folder / kind
            with image.open("wb") as file:
                file.truncate(size * 1024 * 1024)
            subprocess.run([f"mkfs.{kind}", "-q", image], check=True)
            device = subprocess.run(
                [*as_root(), "losetup", "--find", "--show", image], check=True, capture_output=True, text=True
            ).stdout.strip()
            devices.append(device)
            number = Path(device).stat().st_rdev
            script = (
                f"mkdir -p /srv/{kind} && mknod /dev/{kind} b {os.major(number)} {os.minor(number)} &&"
                f"mount -t {kind} /dev/{kind} /srv/{kind}"
            )
            subprocess.run([*enter, "sh", "-c", script], check=True)
        yield made
    finally:
        for kind in FILE_SYSTEMS if enter else ():  # whatever happened: what is frozen could not even be unmounted
            subprocess.run([*enter, "fsfreeze", "--unfreeze", f"/srv/{kind}"], check=False)
        made.run("down", "--all")
        for device in devices:
            subprocess.run([*as_root(), "losetup", "--detach", device], check=False)


# Ends without closing it, so that what it wrote is still in the write-ahead log.
WRITE = """
import os, sqlite3
c = sqlite3.connect('/srv/KIND/db', isolation_level=None)
for statement in ('pragma journal_mode=wal', 'create table t (a)', 'insert into t values (1)'): c.execute(statement)
os._exit(0)
"""


@pytest.fixture
def site(lab: Site) -> Site:
    lab.on_host("rm -f /run/thawing /run/written /run/flushed")
    for kind in FILE_SYSTEMS:
        lab.on_host(f'rm -f /srv/{kind}/*; python3 -c "{WRITE.replace("KIND", kind)}"')
    return lab


def wait_for(condition: Any, seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.mark.parametrize("kind", FILE_SYSTEMS)
def test_a_database_is_flushed_and_its_file_system_frozen_while_the_backup_begins(site: Site, kind: str) -> None:
    assert int(site.on_host(f"stat -c %s /srv/{kind}/db-wal")) > 0
    process = site.backup_now(kind)
    output, _nothing = process.communicate(timeout=240)
    assert process.returncode == 0, output
    site.on_host("test -e /run/flushed")
    wait_for(lambda: site.moment("written"))
    # What was written after the freeze waited for the thaw.
    assert site.moment("written") >= site.moment("thawing") > 0
    site.on_host(f"timeout 5 touch /srv/{kind}/again && ! test -e /run/rampart-frozen")


def test_it_is_thawed_when_the_backup_cannot_begin(site: Site) -> None:
    site.fault("error", status=403, code="AccessDeniedException", message="no")
    process = site.backup_now()
    output, _nothing = process.communicate(timeout=240)
    assert process.returncode != 0, output
    site.on_host("timeout 5 touch /srv/ext4/again")


def test_it_thaws_itself_when_the_controller_dies(site: Site) -> None:
    site.fault("delay", seconds=60)
    process = site.backup_now(timeout=8)
    wait_for(lambda: site.on_host("test -e /run/flushed && echo yes || true").strip() == "yes", 120)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    wait_for(lambda: site.moment("written"))
    assert site.moment("written") >= site.moment("thawing") > 0
    site.on_host("timeout 5 touch /srv/ext4/again && ! test -e /run/rampart-frozen")
