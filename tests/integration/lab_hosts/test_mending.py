"""`lab up` mends what it finds: run against a lab of its own (state folder, network, port), beside any other."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.podman import podman

ROOT = Path(__file__).resolve().parents[3]
ACCOUNT = "mending"
CONTAINER = f"rampart-10.89.177.0-{ACCOUNT}-one"
FLEET = """
hosts:
  one: {platform: debian12, role: web, backup: daily}
"""


class Lab:
    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.state = folder / "state"
        self.fleet = folder / "fleet.yml"
        self.fleet.write_text(FLEET)
        self.env = os.environ | {
            "LAB_STATE": str(self.state),
            "LAB_PORT": str(self.port),
            "LAB_SUBNET": "10.89.177.0/24",
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "lab", *words], cwd=ROOT, env=self.env, capture_output=True, text=True, check=False
        )

    def up(self) -> str:
        done = self.run("up", "--account", ACCOUNT, "--fleet", str(self.fleet))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def sourced(self, command: str) -> str:
        script = f". {self.state}/accounts/{ACCOUNT}/env; {command}"
        return subprocess.run(["sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    def inventory(self) -> list[str]:
        shown = json.loads(self.sourced("ansible-inventory --list"))
        return sorted(host.rpartition("-i-")[0] for host in shown["web"]["hosts"])


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("lab"))
    try:
        made.up()
        yield made
    finally:
        made.run("down", "--all")


def test_a_second_up_changes_nothing(lab: Lab) -> None:
    assert lab.up() == ""
    assert lab.run("status").returncode == 0


def test_the_host_is_found_and_answers_as_ansible_reaches_it(lab: Lab) -> None:
    assert lab.inventory() == ["one"]
    assert '"ping": "pong"' in lab.sourced("ansible web -m ansible.builtin.ping -o").replace("=>", "")


def test_a_killed_region_comes_back_with_its_instances(lab: Lab) -> None:
    os.killpg(int((lab.state / "region.pid").read_text()), signal.SIGKILL)
    assert lab.run("status").returncode == 1
    lab.up()
    assert lab.inventory() == ["one"]


def test_a_stopped_host_is_started(lab: Lab) -> None:
    podman("kill", CONTAINER)
    lab.up()
    assert lab.run("status").returncode == 0
    assert "SUCCESS" in lab.sourced("ansible web -m ansible.builtin.ping -o")


def test_a_lost_host_is_made_again(lab: Lab) -> None:
    podman("rm", "--force", "--time", "1", CONTAINER)
    assert "one (debian12)" in lab.up()
    assert lab.inventory() == ["one"]
    assert "SUCCESS" in lab.sourced("ansible web -m ansible.builtin.ping -o")


def test_a_host_that_was_only_half_made_is_finished(lab: Lab) -> None:
    podman("exec", CONTAINER, "rm", "-r", "/home/admin/.ssh/authorized_keys", "/etc/aws")
    lab.up()
    assert "SUCCESS" in lab.sourced("ansible web -m ansible.builtin.ping -o")


def test_a_port_that_is_taken_is_named(lab: Lab) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        env = lab.env | {"LAB_PORT": str(port), "LAB_STATE": str(lab.state) + "2", "LAB_SUBNET": "10.89.178.0/24"}
        done = subprocess.run(
            [sys.executable, "-m", "lab", "up", "--account", "other", "--fleet", str(lab.fleet)],
            cwd=ROOT, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert f"port {port} is taken" in done.stderr
    assert "LAB_PORT=" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_live_lab_is_not_taken_over(lab: Lab) -> None:
    env = lab.env | {"LAB_STATE": str(lab.state) + "3"}
    done = subprocess.run(
        [sys.executable, "-m", "lab", "up", "--account", ACCOUNT, "--fleet", str(lab.fleet)],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"the lab of {lab.state} is up" in done.stderr
    assert lab.run("status").returncode == 0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("hosts: {a: {platform: windows}}", "windows"), ("hosts: {}", "declares no hosts"), (": [", "cannot be read")],
)  # fmt: skip
def test_a_wrong_fleet_file_is_named_before_anything_is_made(
    lab: Lab, tmp_path: Path, text: str, complaint: str
) -> None:
    path = tmp_path / "fleet.yml"
    path.write_text(text)
    done = lab.run("up", "--account", "wrong", "--fleet", str(path))
    assert done.returncode == 1
    assert complaint in done.stderr
    assert str(path) in done.stderr


def test_down_leaves_nothing(lab: Lab) -> None:
    assert lab.run("down", "--all").returncode == 0
    assert "rampart-10.89.177.0" not in podman("network", "ls", "--format", "{{.Name}}").stdout.decode()
    assert CONTAINER not in podman("ps", "--all", "--format", "{{.Names}}").stdout.decode()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", lab.port), timeout=1)
