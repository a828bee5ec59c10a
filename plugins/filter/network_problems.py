# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
name: network_problems
short_description: Say what is wrong with a list of addresses and networks
version_added: 0.1.0
description:
  - Finds what is no address or network in CIDR notation, what has bits beyond its prefix, and what takes in too much of
    the Internet to be meant.
options:
  _input:
    description: Addresses and networks, IPv4 or IPv6.
    type: list
    elements: str
    required: true
  ipv4_prefix:
    description: The shortest prefix of IPv4 that is right, in bits.
    type: int
    default: 8
  ipv6_prefix:
    description: The shortest prefix of IPv6 that is right, in bits. C(fc00::/7), which is private, always is.
    type: int
    default: 16
author:
  - The Rampart developers (@rampart-ops)
"""

EXAMPLES = r"""
- name: Trust nobody by mistake
  ansible.builtin.assert:
    that: "['10.0.0.0/8', '0.0.0.0/0'] | rampart.ops.network_problems == ['0.0.0.0/0 takes in too much']"
"""

RETURN = r"""
_value:
  description: A phrase for each problem; empty if there are none.
  type: list
  elements: str
"""

import ipaddress
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

PRIVATE = ipaddress.IPv6Network("fc00::/7")


def network_problems(networks: Any, ipv4_prefix: int = 8, ipv6_prefix: int = 16) -> list[str]:
    if not isinstance(networks, (list, tuple)):
        raise AnsibleFilterError(f"network_problems needs a list, got {networks!r}")
    found = (_problem(str(network), ipv4_prefix, ipv6_prefix) for network in networks)
    return [problem for problem in found if problem]


def _problem(text: str, ipv4_prefix: int, ipv6_prefix: int) -> str:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return f"{text!r} is neither an address nor a network in CIDR notation"
    if "%" in text:
        return f"{text} has a zone"
    if "/" in text and not text.rpartition("/")[2].isdigit():
        return f"{text}: write the prefix in bits: {network}"
    shortest = ipv4_prefix if network.version == 4 else ipv6_prefix
    private = isinstance(network, ipaddress.IPv6Network) and network.subnet_of(PRIVATE)
    if network.prefixlen < shortest and not private:
        return f"{text} takes in too much"
    if "/" in text and ipaddress.ip_address(text.partition("/")[0]) != network.network_address:
        return f"{text} has bits beyond its prefix: write {network}"
    return ""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., list[str]]]:
        return {"network_problems": network_problems}
