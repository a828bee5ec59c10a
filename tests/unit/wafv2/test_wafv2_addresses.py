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
    merge,
    parse,
    parse_all,
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
