# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The algebra of IP networks, on plain integers.

The standard library's ipaddress makes an object of every network, which is too slow for sets of 10,000 entries that are
compared every few minutes.
"""

from __future__ import annotations

import socket
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

BITS = {4: 32, 6: 128}
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
_ADDRESS: dict[int, type[IPv4Address | IPv6Address]] = {4: IPv4Address, 6: IPv6Address}


class AddressError(ValueError):
    """A text that is not an IP network which can be used in an IP set."""


class Network(NamedTuple):
    """A network by its first address; sorts by family, address and length."""

    version: int
    first: int
    prefix: int

    @property
    def last(self) -> int:
        return self.first | ((1 << (BITS[self.version] - self.prefix)) - 1)

    def __str__(self) -> str:
        # Not inet_ntop, which writes some IPv6 addresses with an IPv4 address at the end.
        return f"{_ADDRESS[self.version](self.first)}/{self.prefix}"


def parse(text: str) -> Network:
    """The network that a text means: host bits are cleared, a bare address is a network of one."""
    address, slash, length = text.strip().partition("/")
    version = 6 if ":" in address else 4
    try:
        packed = socket.inet_pton(_FAMILY[version], address)
    except (OSError, ValueError):  # ValueError: characters that no address has
        raise AddressError(f"{text!r} is not an IP address or network in CIDR notation") from None
    bits = BITS[version]
    if not slash:
        return Network(version, int.from_bytes(packed, "big"), bits)
    if not (length.isascii() and length.isdecimal()) or int(length) > bits:
        raise AddressError(f"{text!r}: the prefix length must be a number from 1 to {bits}")
    prefix = int(length)
    if prefix == 0:
        raise AddressError(f"{text!r} means every address there is")
    host_bits = bits - prefix
    return Network(version, int.from_bytes(packed, "big") >> host_bits << host_bits, prefix)


def parse_all(texts: Iterable[str]) -> tuple[frozenset[Network], list[str]]:
    """All networks of a list, and what is wrong with those that are none."""
    networks = set()
    errors = []
    for text in texts:
        try:
            networks.add(parse(text))
        except AddressError as error:
            errors.append(str(error))
    return frozenset(networks), errors


def merge(networks: Iterable[Network]) -> list[Network]:
    """The fewest networks that hold exactly the same addresses."""
    return [
        network
        for version in (4, 6)
        for first, last in _intervals(networks_of(networks, version))
        for network in _cover(version, first, last)
    ]


def subtract(networks: Iterable[Network], holes: Iterable[Network]) -> frozenset[Network]:
    """The networks without the addresses of the holes: what a hole touches becomes its pieces, the rest stays so."""
    holes = list(holes)
    gaps = {version: _intervals(networks_of(holes, version)) for version in BITS}
    starts = {version: [first for first, _last in gaps[version]] for version in BITS}
    result = set()
    for network in networks:
        version, first, last = network.version, network.first, network.last
        position = bisect_right(starts[version], last)
        if position == 0 or gaps[version][position - 1][1] < first:
            result.add(network)
            continue
        while position and gaps[version][position - 1][1] >= first:  # the last hole first
            position -= 1
            hole_first, hole_last = gaps[version][position]
            if hole_last < last:
                result.update(_cover(version, hole_last + 1, last))
            last = hole_first - 1
        if first <= last:
            result.update(_cover(version, first, last))
    return frozenset(result)


def covering(networks: Iterable[Network], wanted: Iterable[Network]) -> dict[Network, Network]:
    """For those of the wanted networks that lie in one of the networks, the widest such."""
    held = set(networks)
    prefixes = {version: sorted({n.prefix for n in held if n.version == version}) for version in BITS}
    found = {}
    for network in wanted:
        for prefix in prefixes[network.version]:
            if prefix > network.prefix:
                break
            host_bits = BITS[network.version] - prefix
            wider = Network(network.version, network.first >> host_bits << host_bits, prefix)
            if wider in held:
                found[network] = wider
                break
    return found


def networks_of(networks: Iterable[Network], version: int) -> list[Network]:
    """Those of one address family."""
    return [network for network in networks if network.version == version]


def _intervals(networks: Iterable[Network]) -> list[tuple[int, int]]:
    """The networks of one family as disjoint, sorted ranges that do not touch each other."""
    result: list[tuple[int, int]] = []
    for network in sorted(networks):
        first, last = network.first, network.last
        if result and first <= result[-1][1] + 1:
            if last > result[-1][1]:
                result[-1] = (result[-1][0], last)
        else:
            result.append((first, last))
    return result


def _cover(version: int, first: int, last: int) -> Iterator[Network]:
    """The fewest networks that hold exactly the addresses from first to last."""
    bits = BITS[version]
    while first <= last:
        # The widest network that starts here and ends in time; all addresses there are need two.
        aligned = (first & -first).bit_length() - 1 if first else bits
        host_bits = min(aligned, (last - first + 1).bit_length() - 1, bits - 1)
        yield Network(version, first, bits - host_bits)
        first += 1 << host_bits
