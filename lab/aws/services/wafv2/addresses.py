# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Addresses of an IP set: what AWS WAF takes, and the form in which it gives them back."""

from __future__ import annotations

import ipaddress

from lab.aws.services.wafv2.errors import FORMAT, invalid

FAMILIES = {"IPV4": 4, "IPV6": 6}


def canonical(address: str, version: str) -> str:
    """The address as AWS WAF stores it; WAFInvalidParameterException if it takes none like it.

    CIDR notation is required, every length but /0 (API_CreateIPSet), the network address without host bits
    (https://github.com/aws/aws-cdk/issues/20003), and the family of the set. IPv6 comes back expanded: AWS documents
    it in that form (API_IPSet), and AWS WAF Classic is known to rewrite it so (terraform-provider-aws issue 22797);
    for WAFv2 nothing is documented, and a program that compares meaning, not text, is right either way.
    """
    try:
        network = ipaddress.ip_network(address, strict=True)
    except ValueError:
        raise invalid(FORMAT, "IP_ADDRESS", address) from None
    length = address.partition("/")[2]
    if network.version != FAMILIES[version] or not length.isdigit() or network.prefixlen == 0 or "%" in address:
        raise invalid(FORMAT, "IP_ADDRESS", address)
    return str(network.exploded)


def canonical_set(addresses: list[str], version: str) -> list[str]:
    """All of them, each once."""
    return list(dict.fromkeys(canonical(address, version) for address in addresses))
