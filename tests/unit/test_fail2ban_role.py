# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What keeps the role fail2ban from banning friends: the networks it accepts, and its look at all of the files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

ROLE = Path(__file__).parents[2] / "roles/fail2ban"
NETWORK = re.compile(yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8"))["__fail2ban_network"])

GOOD = """
['set', 'syslogsocket', 'auto']
['add', 'sshd', 'systemd']
['multi-set', 'sshd', 'addfailregex', ['^x from <HOST>']]
['set', 'sshd', 'ignoreself', True]
['set', 'sshd', 'addignoreip', '127.0.0.0/8', '::1', '198.51.100.0/24', '2001:db8::/32', 'office.example']
['start', 'sshd']
"""


def check(tmp_path: Path, dump: str, *networks: str) -> tuple[int, str]:
    client = tmp_path / "fail2ban-client"
    client.write_text(f"#!/bin/sh\necho WARNING something >&2\ncat <<'END'\n{dump}\nEND\n")
    client.chmod(0o755)
    done = subprocess.run(
        [sys.executable, ROLE / "files/check_ignored.py", *networks],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_what_every_jail_ignores_is_accepted(tmp_path: Path) -> None:
    assert check(tmp_path, GOOD, "127.0.0.0/8", "::1", "198.51.100.7", "2001:db8:1::/48")[0] == 0


@pytest.mark.parametrize(
    ("dump", "network", "complaint"),
    [
        (GOOD, "203.0.113.5", "jail sshd could ban 203.0.113.5/32"),
        (GOOD, "198.51.0.0/16", "jail sshd could ban 198.51.0.0/16"),
        (GOOD, "2001:db9::1", "jail sshd could ban 2001:db9::1/128"),
        (
            GOOD + "['add', 'web', 'polling']\n['set', 'web', 'addignoreip', '127.0.0.1']",
            "198.51.100.7",
            "jail web could",
        ),
        (GOOD + "['add', 'web', 'polling']", "198.51.100.7", "jail web could ban"),
        (GOOD, "999.1.1.1", "no networks: 999.1.1.1"),
        (GOOD.replace("True", "False"), "198.51.100.7", "could ban the host's own addresses"),
    ],
)
def test_a_jail_that_could_ban_a_friend_is_refused(tmp_path: Path, dump: str, network: str, complaint: str) -> None:
    code, message = check(tmp_path, dump, network)
    assert code == 1 and complaint in message


@given(st.ip_addresses(), st.integers(16, 32))
def test_addresses_and_networks_are_accepted(address: object, prefix: int) -> None:
    assert NETWORK.match(str(address)) and NETWORK.match(f"{address}/{prefix}")


@pytest.mark.parametrize(
    "text",
    ["0.0.0.0/0", "10.0.0.0/7", "::/0", "2001::/15", "10.0.0.0/33", "::/129", "office.example", "", "10.0.0", "1"],
)
def test_the_whole_world_and_nonsense_are_not(text: str) -> None:
    assert not NETWORK.match(text)
