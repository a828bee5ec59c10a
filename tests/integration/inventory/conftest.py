# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""EC2 from memory, and ansible-inventory to ask it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_fork import ROOT, Forker, Inventory
from ec2_pages import Ec2Server


@pytest.fixture(scope="session")
def forker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forker]:
    home = tmp_path_factory.mktemp("ansible-home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ANSIBLE_"))}
    made = Forker(
        {
            **kept,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_INVENTORY_ENABLED": "rampart.ops.aws_ec2,amazon.aws.aws_ec2,constructed,yaml",
            "ANSIBLE_HOME": str(home),
            "ANSIBLE_NOCOLOR": "1",
            "COLUMNS": "10000",
            "PYTHONPATH": str(ROOT / "playbooks/collections"),
            "AWS_ACCESS_KEY_ID": "AKIARECORDED",
            "AWS_SECRET_ACCESS_KEY": "never-shown",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }
    )
    yield made
    made.stop()


@pytest.fixture(scope="session")
def ec2_server() -> Iterator[Ec2Server]:
    server = Ec2Server()
    yield server
    server.stop()


@pytest.fixture
def inventory(forker: Forker, tmp_path: Path, ec2_server: Ec2Server) -> Iterator[Inventory]:
    ec2_server.answers = {}
    ec2_server.calls.clear()
    ec2_server.latency = 0.0
    ec2_server.answer = ec2_server.from_pages
    yield Inventory(forker, tmp_path, ec2_server)
