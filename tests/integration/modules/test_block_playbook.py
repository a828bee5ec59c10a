# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""playbooks/block.yml with real fail2ban servers on the hosts (here: several on this machine) and the region."""

from __future__ import annotations

import ipaddress
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fail2ban_server import Fail2ban

from lab.aws.testing import REPO, Aws


class Fleet:
    """An inventory of hosts that have a fail2ban, and the playbook on them."""

    def __init__(self, aws: Aws, directory: Path) -> None:
        self.aws = aws
        self._inventory = directory / "inventory.json"
        self.hosts: dict[str, dict[str, Any]] = {}
        self.variables: dict[str, Any] = {}

    def add(self, name: str, socket: Path, **variables: Any) -> None:
        self.hosts[name] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "block_fail2ban_socket": str(socket),
            **variables,
        }

    def block(self, *options: str) -> tuple[int, str]:
        """Exit code and output of a run of block.yml."""
        return self.play("block", *options)

    def play(self, playbook: str, *options: str) -> tuple[int, str]:
        self._inventory.write_text(json.dumps({"all": {"hosts": self.hosts, "vars": self.variables}}))
        self.aws.reset_journal()
        done = subprocess.run(
            [
                f"{Path(sys.executable).parent}/ansible-playbook",
                *("-i", str(self._inventory), f"playbooks/{playbook}.yml", *options),
            ],
            cwd=REPO,
            env={**self.aws.env, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    def blocked(self, name: str = "rampart-blocked") -> set[str]:
        client = self.aws.client("wafv2")
        addresses: set[str] = set()
        for item in client.list_ip_sets(Scope="REGIONAL")["IPSets"]:
            assert item["Name"] in (f"{name}-ipv4", f"{name}-ipv6")
            ip_set = client.get_ip_set(Name=item["Name"], Scope="REGIONAL", Id=item["Id"])["IPSet"]
            addresses.update(str(ipaddress.ip_network(address)) for address in ip_set["Addresses"])
        return addresses

    @property
    def writes(self) -> list[str]:
        """What was written to the WAF."""
        return [name for name in self.aws.operations(service="wafv2") if not name.startswith(("List", "Get"))]

    @property
    def remembered(self) -> list[str]:
        """What was written to the memory."""
        return [name for name in self.aws.operations(service="s3") if name.startswith(("Put", "Create", "Delete"))]


@pytest.fixture
def fleet(aws: Aws, tmp_path: Path) -> Fleet:
    return Fleet(aws, tmp_path)


def test_from_ban_to_block_and_back(fleet: Fleet, start_fail2ban: Callable[..., Fail2ban]) -> None:
    web, mon = start_fail2ban("web"), start_fail2ban("mon")
    fleet.add("web-1", web.socket, aws_public_ip_address="198.51.100.11", aws_private_ip_address="10.1.1.1")
    fleet.add("mon-1", mon.socket, ansible_host="2001:db8:1::1")
    fleet.variables["block_protected_networks"] = ["192.0.2.0/24"]
    fleet.hosts["mon-1"]["block_protected_networks"] = ["198.51.100.77"]
    fleet.hosts["mon-1"]["fail2ban_ignore_networks"] = ["198.51.100.78"]  # declared when it was banned already
    friends = ["192.0.2.77", "10.1.1.1", "198.51.100.77", "198.51.100.78"]
    web.client("set", "short", "banip", "203.0.113.7", "203.0.113.8", *friends)
    mon.client("set", "forever", "banip", "203.0.113.7", "2001:db8::bad", "198.51.100.11", "2001:db8:1::1", "somebody")
    attackers = {"203.0.113.7/32", "203.0.113.8/32", "2001:db8::bad/128"}

    code, output = fleet.block("--check", "--diff")
    assert code == 0, output
    assert "+ - 203.0.113.7/32" in output
    assert fleet.writes == []

    code, output = fleet.block()
    assert code == 0, output
    assert "changed=1" in output
    assert "rampart-blocked-ipv4: 2 blocked (2 added, 0 removed)" in output
    assert "2 of 2 hosts asked." in output
    assert fleet.blocked() == attackers
    assert fleet.writes == ["CreateIPSet", "CreateIPSet"]

    code, output = fleet.block()
    assert code == 0, output
    assert "changed=1" not in output
    assert fleet.writes == fleet.remembered == []

    # The ban of one host ends; what the other still holds stays.
    web.client("set", "short", "unbanip", "203.0.113.7", "203.0.113.8")
    code, output = fleet.block()
    assert code == 0, output
    assert fleet.blocked() == attackers - {"203.0.113.8/32"}
    assert fleet.writes == ["UpdateIPSet"]


def test_the_bans_of_a_host_that_cannot_be_asked_stay_until_they_end(
    fleet: Fleet, start_fail2ban: Callable[..., Fail2ban]
) -> None:
    web, mon = start_fail2ban("web"), start_fail2ban("mon")
    fleet.add("web-1", web.socket)
    fleet.add("mon-1", mon.socket)
    web.client("set", "short", "banip", "203.0.113.7")
    mon.client("set", "forever", "banip", "203.0.113.8")
    assert fleet.block()[0] == 0
    assert fleet.blocked() == {f"203.0.113.{n}/32" for n in (7, 8)}

    # Of a host outside of the limit nothing is known; that is no failure. What the others let go goes.
    web.client("set", "short", "unbanip", "203.0.113.7")
    web.client("set", "short", "banip", "203.0.113.9")
    code, output = fleet.block("--limit", "web-1")
    assert code == 0, output
    assert "1 of 2 hosts asked. Not asked: mon-1. Kept until they end, of mon-1 (1 bans, since 2" in output
    assert fleet.blocked() == {f"203.0.113.{n}/32" for n in (8, 9)}

    # fail2ban is down there.
    mon.stop()
    code, output = fleet.block()
    assert code == 2, output
    assert "mon-1: The bans are not known: fail2ban is not running" in output
    assert fleet.blocked() == {f"203.0.113.{n}/32" for n in (8, 9)}

    # The host itself is down, first in the list of all; and mon-1 has vanished from the inventory.
    fleet.hosts = {
        "away-1": {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 9, "ansible_timeout": 2},
        "web-1": fleet.hosts["web-1"],
    }
    web.client("set", "short", "banip", "203.0.113.10")
    code, output = fleet.block()
    assert code == 2, output
    assert "Not asked: away-1." in output
    assert fleet.blocked() == {f"203.0.113.{n}/32" for n in (8, 9, 10)}
    code, output = fleet.play("blocked", "-e", "address=203.0.113.8")
    assert "203.0.113.8: banned by jail forever of mon-1 since 2" in output
    assert "remembered, since the host cannot be asked since 2" in output

    # Nobody can be asked at all, and a check before fail2ban is installed passes.
    del fleet.hosts["web-1"]
    code, output = fleet.block("-e", "block_take_over=true")
    assert code == 2, output
    assert fleet.writes == []
    code, output = fleet.block("--check", "--diff", "-e", "block_take_over=true")
    assert code == 0, output


def test_an_address_is_explained_lifted_everywhere_and_stays_so(
    fleet: Fleet, start_fail2ban: Callable[..., Fail2ban]
) -> None:
    web, mon = start_fail2ban("web"), start_fail2ban("mon")
    fleet.add("web-1", web.socket)
    fleet.add("mon-1", mon.socket)
    fleet.variables["block_networks"] = ["198.51.100.0/30"]
    web.client("set", "short", "banip", "198.51.100.1", "203.0.113.7")
    mon.client("set", "forever", "banip", "198.51.100.1")
    assert fleet.block()[0] == 0

    code, output = fleet.play("blocked", "-e", "address=198.51.100.1")
    assert code == 0, output
    for line in (
        "198.51.100.1 is in rampart-blocked-ipv4: 198.51.100.0/30, 198.51.100.1/32",
        "198.51.100.1: banned by jail short of web-1 since 2",
        "198.51.100.1: banned by jail forever of mon-1 since 2",
        ", for ever",
        "198.51.100.0/30: declared in block_networks, as long as it is",
    ):
        assert line in output
    assert "203.0.113.7" not in output
    assert fleet.writes == fleet.remembered == []

    for playbook in ("blocked", "unblock"):
        for wrong in ([], ["-e", "address="], ["-e", "address=nobody"]):
            code, output = fleet.play(playbook, *wrong)
            assert code == 2, output
            assert "Give it with -e address=" in output or "'nobody' is not an IP address" in output
    assert len(fleet.blocked()) == 3

    code, output = fleet.play("unblock", "-e", "address=198.51.100.1", "--check")
    assert code == 0, output
    assert fleet.writes == fleet.remembered == []
    assert "198.51.100.1" in web.client("get", "short", "banip")
    code, output = fleet.play("unblock", "-e", "address=198.51.100.1")
    assert code == 0, output
    assert "it was banned by fail2ban on mon-1, web-1" in output
    others = {"198.51.100.0/32", "198.51.100.2/31", "203.0.113.7/32"}
    assert fleet.blocked() == others
    assert "198.51.100.1" not in web.client("get", "short", "banip") + mon.client("get", "forever", "banip")

    # A host bans it again: it is let go there, and not blocked at the edge.
    web.client("set", "short", "banip", "198.51.100.1")
    code, output = fleet.block()
    assert code == 0, output
    assert "Lifted: 198.51.100.1/32." in output
    assert fleet.blocked() == others
    assert "198.51.100.1" not in web.client("get", "short", "banip")
    assert "203.0.113.7" in web.client("get", "short", "banip")
    code, output = fleet.play("blocked", "-e", "address=198.51.100.1")
    assert "198.51.100.1 is not blocked at the edge" in output
    assert "198.51.100.1/32: lifted until 2" in output


def test_an_empty_inventory_is_an_error(fleet: Fleet) -> None:
    code, output = fleet.block()
    assert code == 2, output
    assert "has no hosts whose bans could be blocked" in output
    assert fleet.aws.journal() == []


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"block_protected_network": ["192.0.2.1"]}, "Did you mean block_protected_networks?"),
        ({"block_protected_networks": "192.0.2.1"}, "block_protected_networks: expected list, got str"),
        ({"block_protected_networks": ["192.0.2.999"]}, "'192.0.2.999' is not an IP address"),
        ({"block_networks": ["203.0.113.9"]}, "block_networks is not the same for web-1 as for mon-1"),
    ],
)
def test_a_wrong_variable_is_an_error_and_blocks_nobody(
    fleet: Fleet, start_fail2ban: Callable[..., Fail2ban], variables: dict[str, Any], words: str
) -> None:
    server = start_fail2ban("web")
    fleet.add("mon-1", server.socket)
    fleet.add("web-1", server.socket, **variables)
    code, output = fleet.block()
    assert code == 2, output
    assert words in output
    assert fleet.writes == fleet.remembered == []
