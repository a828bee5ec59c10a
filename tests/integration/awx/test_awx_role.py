# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""playbooks/awx.yml against the stand-in of AWX's API (lab/awx): no AWX can be run here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.awx.server import Server

REPO = Path(__file__).resolve().parents[3]
SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIALAB_awx",
    "AWS_SECRET_ACCESS_KEY": "a-secret-of-aws",
    "AWS_REGION": "ap-northeast-2",
    "RAMPART_SSH_KEY": "a-secret-of-ssh",
    "RAMPART_VAULT_PASSWORD": "a-secret-of-vault",
    "RAMPART_SLACK_TOKEN": "a-secret-of-slack",
    "RAMPART_SLACK_WEBHOOK": "a-secret-of-the-webhook",
    "RAMPART_EE_IMAGE": "rampart-ee:1",
    "RAMPART_GIT_URL": f"file://{REPO}",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("awx"), run_jobs=False)
    yield server
    server.stop()


def play(server: Server, *arguments: str, **env: str) -> tuple[int, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ANSIBLE_", "AWS_", "RAMPART_"))}
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", "playbooks/awx.yml", *arguments],
        cwd=REPO,
        env={**clean, **SECRETS, **server.environment, "ANSIBLE_NOCOLOR": "1", **env},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def changed(output: str) -> int:
    found = re.search(r"localhost\s+: ok=\d+\s+changed=(\d+)", output)
    assert found, output
    return int(found[1])


def names(server: Server, collection: str) -> set[str]:
    return {record["name"] for record in server.awx.objects[collection].values()}


def test_everything_is_made_and_again_changes_nothing_and_goes_again(server: Server) -> None:
    before = {collection: names(server, collection) for collection in server.awx.objects if "node" not in collection}

    code, output = play(server, "--check")
    assert code == 0, output
    assert changed(output) > 5
    assert {c: names(server, c) for c in before} == before

    code, output = play(server, "-vvv", "--diff")
    assert code == 0, output
    assert "a-secret-of" not in output
    assert "Rampart block, every five minutes" in names(server, "schedules")
    nodes = server.awx.objects["workflow_job_template_nodes"].values()
    assert {node["identifier"] for node in nodes} == {"sync", "inventory", "check", "approve", "converge", "verify"}
    organization = next(r for r in server.awx.objects["organizations"].values() if r["name"] == "Rampart")
    galaxy = server.awx.linked("organizations", organization["id"], "galaxy_credentials")
    assert [credential["name"] for credential in galaxy] == ["Ansible Galaxy"]

    server.awx.requests.clear()
    code, output = play(server)
    assert code == 0, output
    assert changed(output) == 0, output
    assert not [path for method, path in server.awx.requests if method != "GET"]

    code, output = play(server, "-e", "awx_state=absent")
    assert code == 0, output
    after = {c: names(server, c) for c in before if c not in ("project_updates", "workflow_approval_templates")}
    assert after == {c: before[c] for c in after}
    code, output = play(server, "-e", "awx_state=absent")
    assert code == 0 and changed(output) == 0, output


def test_a_prefix_lives_beside_the_original(server: Server) -> None:
    code, output = play(server, "-e", "{awx_prefix: 'try '}")
    assert code == 0, output
    assert "try Rampart" in names(server, "organizations")
    assert not any(schedule["enabled"] for schedule in server.awx.objects["schedules"].values())
    code, output = play(server, "-e", "{awx_prefix: 'try '}")
    assert changed(output) == 0, output
    code, output = play(server, "-e", "{awx_prefix: 'try ', awx_state: absent}")
    assert code == 0, output
    assert not [
        name
        for collection in server.awx.objects
        for name in (r.get("name", "") for r in server.awx.objects[collection].values())
        if name.startswith("try ") and collection not in ("project_updates",)
    ]


def test_a_secret_that_is_not_set_is_found_before_anything_is_made(server: Server) -> None:
    server.awx.requests.clear()
    code, output = play(server, RAMPART_SSH_KEY="")
    assert code != 0
    assert re.search(r"playbooks/vars/awx.yml:\d+: ssh_key_data: .*RAMPART_SSH_KEY.* came nothing", output), output
    assert not [path for method, path in server.awx.requests if method != "GET"]


def test_a_rotated_secret_is_written_when_asked(server: Server) -> None:
    play(server)
    code, output = play(server, "-e", "awx_update_secrets=true", AWS_SECRET_ACCESS_KEY="a-secret-of-tomorrow")
    assert code == 0 and changed(output) > 0, output
    kept = next(r for r in server.awx.objects["credentials"].values() if r["name"] == "Rampart AWS")
    assert kept["inputs"]["secret_key"] == "a-secret-of-tomorrow"
    play(server, "-e", "awx_state=absent")
