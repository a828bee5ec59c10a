# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The address algebra, against the standard library's."""

from __future__ import annotations

import ipaddress
import random
import time

import pytest
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.addresses import (
    AddressError,
    Network,
    covering,
    distribute,
    fit,
    intersect,
    merge,
    parse,
    parse_all,
    shard_of,
    subtract,
)
from hypothesis import given
from hypothesis import strategies as st

StdNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


def std(network: Network) -> StdNetwork:
    return ipaddress.ip_network(str(network))


def network(version: int, first: int, prefix: int) -> Network:
    host_bits = {4: 32, 6: 128}[version] - prefix
    return Network(version, first >> host_bits << host_bits, prefix)


# Anywhere, and close together, where networks touch, overlap and hold each other.
anywhere = st.one_of(
    st.builds(network, st.just(4), st.integers(0, 2**32 - 1), st.integers(1, 32)),
    st.builds(network, st.just(6), st.integers(0, 2**128 - 1), st.integers(1, 128)),
)
crowded = st.one_of(
    st.builds(network, st.just(4), st.integers(0xCB007100, 0xCB0071FF), st.integers(24, 32)),
    st.builds(network, st.just(6), st.integers(0x20010DB8 << 96, (0x20010DB8 << 96) + 255), st.integers(120, 128)),
)
networks = st.frozensets(st.one_of(anywhere, crowded), max_size=12)
small_sets = st.frozensets(crowded, max_size=12)


def addresses(some: frozenset[Network] | list[Network]) -> set[tuple[int, int]]:
    """Every single address; for small networks only."""
    return {(n.version, address) for n in some for address in range(n.first, n.last + 1)}


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("203.0.113.7", "203.0.113.7/32"),
        (" 203.0.113.7/32\n", "203.0.113.7/32"),
        ("203.0.113.7/24", "203.0.113.0/24"),
        ("203.0.113.7/024", "203.0.113.0/24"),
        ("255.255.255.255/1", "128.0.0.0/1"),
        ("2001:DB8::1", "2001:db8::1/128"),
        ("2001:0db8:0000:0000:0000:0000:0000:0001/128", "2001:db8::1/128"),
        ("2001:db8:0:0:1::/64", "2001:db8::/64"),
        ("64:ff9b::192.0.2.1", "64:ff9b::c000:201/128"),
        ("::", "::/128"),
    ],
)
def test_parse_reads_every_spelling(text: str, canonical: str) -> None:
    assert str(parse(text)) == canonical


NEITHER = """
/ /24 web-1 203.0.113 203.0.113.256 203.0.113.07 1.2.3.4.5 203.0.113.x 203.0.113.1-203.0.113.9 0x7f.1.1.1 2130706433
203.0.113.7/ 203.0.113.7/33 203.0.113.7/-1 203.0.113.7/a 203.0.113.7/+8 203.0.113.7/24/24 203.0.113.7/255.255.255.0
0.0.0.0/0 1.2.3.4/00 ::/0 fe80::1%eth0 1::2::3 2001:db8::/129 1.2.3.4\0 12\uff13.1.1.1 203.0.113.7/\u0663
"""


@pytest.mark.parametrize("text", ["", " ", *NEITHER.split()])
def test_parse_refuses_what_no_ip_set_can_hold(text: str) -> None:
    with pytest.raises(AddressError):
        parse(text)


def test_parse_all_names_every_wrong_one() -> None:
    found, errors = parse_all(["203.0.113.7", "nonsense", "203.0.113.7/32", "0.0.0.0/0"])
    assert found == {parse("203.0.113.7")}
    assert len(errors) == 2
    assert "nonsense" in errors[0]
    assert "every address" in errors[1]


@given(st.one_of(anywhere, crowded))
def test_text_and_parse_are_inverse_and_canonical(some: Network) -> None:
    assert parse(str(some)) == some
    assert str(some) == std(some).compressed
    assert parse(std(some).exploded) == some
    assert some.last == int(std(some).broadcast_address)


@given(networks)
def test_merge_is_what_the_standard_library_collapses_to(some: frozenset[Network]) -> None:
    expected = []
    for version in (4, 6):
        expected += ipaddress.collapse_addresses(std(n) for n in some if n.version == version)
    if any(n.prefixlen == 0 for n in expected):
        return  # the whole space is left in two halves
    assert [std(n) for n in merge(some)] == expected


@given(networks)
def test_merge_is_idempotent_and_subtracting_it_leaves_nothing(some: frozenset[Network]) -> None:
    assert merge(merge(some)) == merge(some)
    assert subtract(some, merge(some)) == frozenset()


def test_merge_never_makes_a_network_of_everything() -> None:
    halves = [parse("0.0.0.0/1"), parse("128.0.0.0/1")]
    assert merge(halves) == halves


@given(small_sets, small_sets)
def test_subtract_takes_exactly_the_holes_out(some: frozenset[Network], holes: frozenset[Network]) -> None:
    result = subtract(some, holes)
    assert addresses(result) == addresses(some) - addresses(holes)
    untouched = {n for n in some if not any(std(n).version == h.version and std(n).overlaps(std(h)) for h in holes)}
    assert untouched <= result


@given(anywhere, anywhere)
def test_subtract_of_a_contained_network_is_the_standard_librarys(outer: Network, inner: Network) -> None:
    if outer.version != inner.version or outer == inner or not std(inner).subnet_of(std(outer)):
        return
    assert {std(n) for n in subtract([outer], [inner])} == set(std(outer).address_exclude(std(inner)))


def test_subtract_a_host_from_a_network() -> None:
    pieces = subtract([parse("203.0.113.0/29")], [parse("203.0.113.5")])
    assert sorted(map(str, pieces)) == ["203.0.113.0/30", "203.0.113.4/32", "203.0.113.6/31"]


@given(small_sets, small_sets)
def test_covering_finds_the_widest_that_holds_it(held: frozenset[Network], wanted: frozenset[Network]) -> None:
    found = covering(held, wanted)
    for one in wanted:
        wider = [h for h in held if h.version == one.version and std(one).subnet_of(std(h))]
        assert found.get(one) == (min(wider, key=lambda n: n.prefix) if wider else None)


def test_ten_thousand_entries_are_read_and_compared_at_once() -> None:
    dice = random.Random(7)  # noqa: S311 - no secret
    texts = [f"{ipaddress.ip_address(dice.getrandbits(32))}/{dice.randint(20, 32)}" for _ in range(10_000)]
    start = time.process_time()
    held, _ = parse_all(texts)
    wanted, _ = parse_all(reversed(texts))
    assert subtract(wanted, [parse("203.0.113.5")]) is not None
    assert held == wanted
    assert time.process_time() - start < 0.2  # some 0.05 s; the standard library takes longer to read them alone


@given(small_sets, small_sets)
def test_intersect_holds_what_both_hold(some: frozenset[Network], others: frozenset[Network]) -> None:
    result = intersect(some, others)
    assert addresses(result) == addresses(some) & addresses(others)
    assert intersect(others, some) == result
    assert not intersect(subtract(some, others), others)


@given(anywhere, anywhere)
def test_networks_anywhere_intersect_in_the_smaller_one_or_not_at_all(one: Network, other: Network) -> None:
    overlap = one.version == other.version and std(one).overlaps(std(other))
    assert intersect([one], [other]) == ({max(one, other, key=lambda n: n.prefix)} if overlap else frozenset())


def cost(networks: list[Network], parts: list[Network]) -> int:
    return len(addresses(networks)) - len(addresses(parts))


@given(
    st.frozensets(crowded.filter(lambda n: n.version == 4), max_size=12),
    st.integers(1, 6),
    st.integers(0, 300),
    small_sets,
    st.integers(24, 32),
)
def test_a_lossy_fit_keeps_its_promises(
    some: frozenset[Network], capacity: int, limit: int, avoid: frozenset[Network], min_prefix: int
) -> None:
    some = frozenset(n for n in subtract(some, avoid) if n.prefix >= min_prefix)
    joined = fit(some, capacity, limit, avoid, min_prefix)
    assert addresses(some) <= addresses(joined.networks)
    assert not intersect(joined.networks, avoid)
    assert joined.extra == cost(joined.networks, merge(some)) <= limit
    assert len(joined.networks) <= len(merge(some))
    if len(merge(some)) <= capacity:
        assert joined.networks == merge(some)
    if joined.extra:
        assert all(n.prefix >= min_prefix for n in joined.networks if n not in merge(some)) or min_prefix == 32


def test_a_lossy_fit_joins_where_it_costs_least() -> None:
    far = [parse("198.51.100.1"), parse("203.0.113.0"), parse("203.0.113.3"), parse("203.0.113.64/26")]
    assert [str(n) for n in fit(far, 3, 10).networks] == ["198.51.100.1/32", "203.0.113.0/30", "203.0.113.64/26"]
    assert fit(far, 3, 10).extra == 2
    assert fit(far, 3, 1) == (merge(far), 0)
    assert fit(far, 2, 1000).extra == 2 + 60
    assert len(fit(far, 1, 1000).networks) == 2  # what lies between would be too much
    assert len(fit(far, 2, 1000, min_prefix=26).networks) == 3


def test_a_lossy_fit_counts_ipv6_in_networks_of_64() -> None:
    near = [parse("2001:db8::1"), parse("2001:db8::9")]
    assert fit(near, 1, 1) == ([parse("2001:db8::/124")], 1)
    apart = [parse("2001:db8::/64"), parse("2001:db8:0:3::/64")]
    assert fit(apart, 1, 1) == (apart, 0)
    assert fit(apart, 1, 2) == ([parse("2001:db8::/62")], 2)


def test_a_fit_of_many_is_no_worse_than_it_must_be() -> None:
    """Against all ways to choose, on lists small enough to try them."""
    dice = random.Random(3)  # noqa: S311 - no secret
    for _ in range(50):
        some = merge([network(4, 0xCB007100 + dice.getrandbits(5), 32) for _ in range(6)])
        wider = {network(4, n.first, prefix) for n in some for prefix in range(27, 33)}
        count = max(1, len(some) - 1)
        best = min(
            cost([w], [n for n in some if subtract([n], [w]) == frozenset()])
            for w in wider
            if len([n for n in some if subtract([n], [w]) != frozenset()]) < count
        )
        assert fit(some, count, 10_000).extra == best


@given(networks, st.lists(networks, min_size=1, max_size=4), st.integers(0, 1))
def test_a_distribution_is_complete_and_changes_as_little_as_possible(
    target: frozenset[Network], held: list[frozenset[Network]], spare: int
) -> None:
    capacities = [len(target) // len(held) + 1 + spare] * len(held)
    sets = distribute(target, held, capacities)
    assert sorted(n for one in sets for n in one) == sorted(target)  # each once
    assert all(len(one) <= capacity for one, capacity in zip(sets, capacities, strict=True))
    assert distribute(target, sets, capacities) == sets
    for number, one in enumerate(sets):
        if len(target & held[number]) <= capacities[number]:
            elsewhere = frozenset().union(*held[:number])
            assert (held[number] & target) - elsewhere <= one


@given(networks, anywhere, st.integers(1, 5))
def test_one_changed_address_changes_one_set(some: frozenset[Network], new: Network, count: int) -> None:
    capacities = [len(some) + 1] * count
    before = distribute(some, [frozenset()] * count, capacities)
    after = distribute(some | {new}, before, capacities)
    assert sum(one != other for one, other in zip(before, after, strict=True)) == (new not in some)


def test_shards_are_even_and_always_the_same() -> None:
    dice = random.Random(5)  # noqa: S311 - no secret
    some = [network(4, dice.getrandbits(32), 32) for _ in range(3000)]
    some += [network(6, dice.getrandbits(64) << 64, 64) for _ in range(3000)]
    counts = [sum(shard_of(n, 3) == shard for n in some) for shard in range(3)]
    assert max(counts) - min(counts) < 300
    assert [shard_of(parse(text), 7) for text in ("203.0.113.7", "2001:db8::/32", "198.51.100.0/24")] == SHARDS


def test_what_does_not_fit_is_an_error() -> None:
    with pytest.raises(ValueError, match="2 networks do not fit into 1 places"):
        distribute([parse("203.0.113.7"), parse("203.0.113.9")], [[], []], [1, 0])


# Written down, because a change would move every entry of every user.
SHARDS = [5, 5, 4]
