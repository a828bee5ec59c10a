# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Where the exporter may listen, and what the role node_exporter makes of its variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLE = Path(__file__).parents[2] / "roles/node_exporter"


def render(expression: str, **variables: Any) -> Any:
    loader = DataLoader()
    known: dict[str, Any] = {"ansible_facts": {"default_ipv4": {"address": "10.0.0.5"}}}
    for file in ("defaults/main.yml", "vars/main.yml"):
        known |= loader.load_from_file(str(ROLE / file), trusted_as_template=True)
    return Templar(loader=loader, variables={**known, **variables}).template(trust_as_template(expression))


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("10.0.0.5:9100", True),
        ("127.0.0.1:9100", True),
        ("172.16.0.1:9100", True),
        ("172.31.255.1:9100", True),
        ("192.168.1.1:9100", True),
        ("100.64.0.1:9100", True),
        ("100.127.0.1:9100", True),
        ("[fd00::5]:9100", True),
        ("[::1]:9100", True),
        ("0.0.0.0:9100", False),
        (":9100", False),
        ("[::]:9100", False),
        ("10.0.0.5", False),
        ("172.32.0.1:9100", False),
        ("172.15.0.1:9100", False),
        ("192.169.1.1:9100", False),
        ("100.63.0.1:9100", False),
        ("100.128.0.1:9100", False),
        ("8.8.8.8:9100", False),
        ("[2001:db8::1]:9100", False),
        ("web.example.com:9100", False),
        ("10.0.0.5:9100 --web.listen-address=0.0.0.0:9100", False),
    ],
)
def test_only_private_addresses_are_listened_on(address: str, private: bool) -> None:
    assert render("{{ address is match(__node_exporter_private) }}", address=address) is private


def test_the_host_s_own_address_is_the_default() -> None:
    assert render("{{ __node_exporter_address }}") == "10.0.0.5:9100"


def test_a_host_without_an_address_listens_nowhere() -> None:
    address = render("{{ __node_exporter_address }}", ansible_facts={"default_ipv4": {}})
    assert not render("{{ address is match(__node_exporter_private) }}", address=address)


def test_arguments() -> None:
    arguments = render(
        "{{ __node_exporter_args }}",
        node_exporter_listen_address="[fd00::5]:9100",
        node_exporter_enabled_collectors=["systemd", "processes"],
        node_exporter_disabled_collectors=["zfs"],
        node_exporter_extra_args=["--collector.filesystem.mount-points-exclude=^/mnt"],
    )
    assert arguments == [
        "--web.listen-address=[fd00::5]:9100",
        "--collector.textfile.directory=/var/lib/prometheus/node-exporter",
        "--collector.systemd",
        "--collector.processes",
        "--no-collector.zfs",
        "--collector.filesystem.mount-points-exclude=^/mnt",
    ]
