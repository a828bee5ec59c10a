# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""playbooks/hosts.yml: what is wrong with the variables of any host is said before any host is spoken to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.aws.testing import REPO

# A port at which nobody listens: whoever connects fails with other words.
NOBODY = {"ansible_host": "127.0.0.1", "ansible_port": 1}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"fail2ban_jails": {"sshd": "off"}}, "fail2ban_jails.sshd: expected fail2ban's options"),
        ({"fail2ban_bantime": 600, "fail2ban_bantime_max": 60}, "fail2ban_bantime_max: the longest ban"),
        ({"nginx_hardening_sites": [{"name": "a", "server_names": ["a.example"]}]}, "site 'a': give it either root"),
        ({"node_exporter_listen_address": []}, "node_exporter_listen_address"),
    ],
    ids=str,
)
def test_a_mistake_at_one_host_stops_all(tmp_path: Path, variables: dict[str, Any], words: str) -> None:
    hosts = {"web-1": {}, "web-2": variables}
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(json.dumps({"web": {"hosts": hosts, "vars": NOBODY}}))
    done = subprocess.run(
        [f"{Path(sys.executable).parent}/ansible-playbook", "-i", str(inventory), "playbooks/hosts.yml"],
        cwd=REPO,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    output = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0
    assert words in output
    assert "UNREACHABLE" not in output
    assert "Reach the hosts" not in output
