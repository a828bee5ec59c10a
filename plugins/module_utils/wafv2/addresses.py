# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The algebra of IP networks, on plain integers.

The standard library's ipaddress makes an object of every network, which is too slow for sets of 10,000 entries that are
compared every few minutes. benchmarks/addresses.py measures the difference.
"""

from __future__ import annotations

import socket
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

BITS = {4: 32, 6: 128}
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
_ADDRESS: dict[int, type[IPv4Address | IPv6Address]] = {4: IPv4Address, 6: IPv6Address}
# How many addresses a network of each length has.
_SIZES = {version: [1 << (bits - prefix) for prefix in range(bits + 1)] for version, bits in BITS.items()}
# In what the cost of a lossy fit is counted: an IPv6 customer has a /64 at least.
_COST_BITS = {4: 0, 6: 64}


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
    """The fewest networks that hold exactly the same addresses; the whole space is left in two halves."""
    everything = list(networks)
    result: list[Network] = []
    for version, sizes in _SIZES.items():
        # Integers sort several times as fast as tuples.
        found = {n[1] << 8 | n[2]: n for n in everything if n[0] == version}
        merged: list[Network] = []
        end = -1  # one past the last address of what is merged so far
        for key in sorted(found):
            first = key >> 8
            if first < end:  # networks nest or are apart: this one lies in the one before
                continue
            size = sizes[key & 255]
            network = found[key]
            if first == end:
                prefix = key & 255
                # While its other half stands before it, both are one.
                while prefix > 1 and first & size and merged and merged[-1] == (version, first ^ size, prefix):
                    del merged[-1]
                    first ^= size
                    size <<= 1
                    prefix -= 1
                    network = Network(version, first, prefix)
            end = first + size
            merged.append(network)
        result += merged
    return result


def subtract(networks: Iterable[Network], holes: Iterable[Network]) -> frozenset[Network]:
    """The networks without the addresses of the holes: what a hole touches becomes its pieces, the rest stays so."""
    holes = merge(holes)
    if not holes:
        return frozenset(networks)
    gaps = {version: _intervals(networks_of(holes, version)) for version in BITS}
    starts = {version: [first for first, _last in gaps[version]] for version in BITS}
    result = set()
    for network in networks:
        version, first, prefix = network
        last = first + _SIZES[version][prefix] - 1
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


def intersect(networks: Iterable[Network], others: Iterable[Network]) -> frozenset[Network]:
    """The networks that hold exactly the addresses which both sides hold, as few as possible."""
    left, right = list(networks), list(others)
    result: list[Network] = []
    for version in BITS:
        ours, theirs = (_intervals(networks_of(side, version)) for side in (left, right))
        i = j = 0
        while i < len(ours) and j < len(theirs):
            first, last = max(ours[i][0], theirs[j][0]), min(ours[i][1], theirs[j][1])
            if first <= last:
                result += _cover(version, first, last)
            if ours[i][1] < theirs[j][1]:
                i += 1
            else:
                j += 1
    return frozenset(result)


class Fit(NamedTuple):
    """Networks that were joined to fit, and how much they hold beyond what they were made of."""

    networks: list[Network]
    extra: int


def fit(
    networks: Iterable[Network],
    capacity: int,
    max_extra: int,
    avoid: Iterable[Network] = (),
    min_prefix: int = 1,
) -> Fit:
    """Join networks of one family, always where it costs least, until not more than the capacity are left.

    The cost of a joint network is what it holds beyond its parts: in addresses for IPv4, in networks of /64 (each begun
    one as a whole) for IPv6. Never more than max_extra of it in all, never an address to avoid, never a network wider
    than min_prefix; what is left can therefore be more than the capacity.
    """
    items = merge(networks)
    if len(items) <= capacity:
        return Fit(items, 0)
    joining = _Joining(items, networks_of(avoid, items[0].version), max(min_prefix, 1))
    heap = [found for found in map(joining.candidate, range(len(items))) if found]
    heapify(heap)
    count, spent = len(items), 0
    while count > capacity and heap:
        candidate = heappop(heap)
        if not joining.is_current(candidate):
            continue
        if spent + candidate.cost > max_extra:
            break  # all others cost as much or more
        spent += candidate.cost
        count -= 1
        joining.join(candidate)
        for near in (joining.left[candidate.i], candidate.i):
            found = joining.candidate(near)
            if found:
                heappush(heap, found)
    return Fit(merge(joining.networks()), spent)


class _Candidate(NamedTuple):
    """Two neighbours that could be joined."""

    cost: int
    i: int
    j: int
    prefix_i: int  # their lengths when this was worked out
    prefix_j: int


class _Joining:
    """Disjoint networks of one family in their order, of which neighbours are joined."""

    def __init__(self, items: Sequence[Network], avoid: Iterable[Network], min_prefix: int) -> None:
        self.version = items[0].version
        self.sizes = _SIZES[self.version]
        self.min_prefix = min_prefix
        self.avoided = _intervals(avoid)
        self.avoided_ends = [last for _first, last in self.avoided]
        self.firsts = [item.first for item in items]
        self.prefixes = [item.prefix for item in items]
        self.left = list(range(-1, len(items) - 1))
        self.right = [*range(1, len(items)), -1]
        self.alive = [True] * len(items)

    def joint(self, i: int, j: int) -> int:
        """The length of the narrowest network that holds both; none holds what does not exist."""
        if i < 0 or j < 0:
            return -1
        last = self.firsts[j] + self.sizes[self.prefixes[j]] - 1
        return BITS[self.version] - (self.firsts[i] ^ last).bit_length()

    def candidate(self, i: int) -> _Candidate | None:
        """The joining of i with what follows it, if it is permitted and nothing else lies in their joint network."""
        if i < 0:
            return None
        j = self.right[i]
        prefix = self.joint(i, j)
        if prefix < self.min_prefix or self.joint(self.left[i], i) >= prefix or self.joint(j, self.right[j]) >= prefix:
            return None
        size = self.sizes[prefix]
        first = self.firsts[i] & -size
        position = bisect_left(self.avoided_ends, first)
        if position < len(self.avoided) and self.avoided[position][0] < first + size:
            return None
        extra = size - self.sizes[self.prefixes[i]] - self.sizes[self.prefixes[j]]
        return _Candidate(-(-extra >> _COST_BITS[self.version]), i, j, self.prefixes[i], self.prefixes[j])

    def is_current(self, candidate: _Candidate) -> bool:
        _cost, i, j, prefix_i, prefix_j = candidate
        return (
            self.alive[i]
            and self.alive[j]
            and self.right[i] == j
            and (self.prefixes[i], self.prefixes[j]) == (prefix_i, prefix_j)
        )

    def join(self, candidate: _Candidate) -> None:
        i, j = candidate.i, candidate.j
        prefix = self.joint(i, j)
        self.firsts[i] &= -self.sizes[prefix]
        self.prefixes[i] = prefix
        self.alive[j] = False
        self.right[i] = self.right[j]
        if self.right[j] >= 0:
            self.left[self.right[j]] = i

    def networks(self) -> Iterator[Network]:
        for i, alive in enumerate(self.alive):
            if alive:
                yield Network(self.version, self.firsts[i], self.prefixes[i])


def shard_of(network: Network, count: int) -> int:
    """Which of so many sets a network belongs to: always the same one, on every machine."""
    key = network.first << 8 | network.prefix
    key ^= key >> 64
    mixed = (key * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    mixed = ((mixed ^ mixed >> 29) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    return (mixed >> 32) % count


def distribute(
    target: Collection[Network], held: Sequence[Collection[Network]], capacities: Sequence[int]
) -> list[frozenset[Network]]:
    """Spread networks over sets of limited capacity so that as few of them as possible change.

    What a set holds stays there. What is new goes to its own set (shard_of), or to the next one that has room. The
    capacities must suffice for the target.
    """
    count = len(capacities)
    wanted = set(target)
    sets: list[set[Network]] = []
    for number in range(count):
        kept = sorted(wanted.intersection(held[number]))[: capacities[number]]
        wanted.difference_update(kept)
        sets.append(set(kept))
    usable = [number for number in range(count) if capacities[number]]
    for network in sorted(wanted):
        start = shard_of(network, len(usable))
        for number in usable[start:] + usable[:start]:
            if len(sets[number]) < capacities[number]:
                sets[number].add(network)
                break
        else:
            raise ValueError(f"{len(target)} networks do not fit into {sum(capacities)} places")
    return [frozenset(one) for one in sets]


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
    for version, first, prefix in sorted(networks):
        last = first + _SIZES[version][prefix] - 1
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
