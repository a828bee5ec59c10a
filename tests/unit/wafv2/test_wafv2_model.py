# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""From what is wanted of an IP set to the plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.addresses import Network, parse, subtract
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.model import (
    InvalidError,
    IpSet,
    Plan,
    Wanted,
    diff,
    plan,
    plan_family,
    report,
    still_covered,
)
from hypothesis import given
from hypothesis import strategies as st


def nets(*texts: str) -> frozenset[Network]:
    return frozenset(map(parse, texts))


def held(*texts: str, **fields: Any) -> IpSet:
    return IpSet("blocked", 4, nets(*texts), id="1", arn="arn", lock_token="a", **fields)


def wanted(*texts: str, **fields: Any) -> Wanted:
    return Wanted(names={4: "blocked"}, addresses=nets(*texts), **fields)


def entries(result: Plan) -> list[str]:
    assert result.after is not None
    return sorted(map(str, result.after.networks))


@pytest.mark.parametrize(
    ("current", "want", "steps", "after"),
    [
        (None, wanted("1.1.1.1"), ("create",), ["1.1.1.1/32"]),
        (None, wanted(), ("create",), []),
        (held("1.1.1.1"), wanted("1.1.1.1"), (), ["1.1.1.1/32"]),
        (held("1.1.1.1"), wanted("2.2.2.2"), ("update",), ["2.2.2.2/32"]),
        (held("1.1.1.1"), wanted(), ("update",), []),
        (held("1.1.1.1"), replace(wanted(), addresses=None), (), ["1.1.1.1/32"]),
        (held("1.1.1.1"), wanted("2.2.2.2", purge_addresses=False), ("update",), ["1.1.1.1/32", "2.2.2.2/32"]),
        (held("1.1.1.1"), wanted("1.1.1.1", purge_addresses=False), (), ["1.1.1.1/32"]),
        (held("1.1.1.1"), wanted(purge_addresses=False), (), ["1.1.1.1/32"]),
        (held("1.1.1.1", "2.2.2.2"), wanted("1.1.1.1", state="absent"), ("update",), ["2.2.2.2/32"]),
        (held("1.1.1.1"), wanted("3.3.3.3", state="absent"), (), ["1.1.1.1/32"]),
        (held("1.1.1.1"), wanted(state="absent"), (), ["1.1.1.1/32"]),
        (held("1.1.1.0/30"), wanted(purge_addresses=False, protected=nets("1.1.1.2/31")), ("update",), ["1.1.1.0/31"]),
        (None, wanted("1.1.1.1", protected=nets("1.1.0.0/16", "::1")), ("create",), []),
    ],
)
def test_addresses(current: IpSet | None, want: Wanted, steps: tuple[str, ...], after: list[str]) -> None:
    result = plan(current, 4, want)
    assert result.steps == steps
    assert entries(result) == after


def test_deleting_needs_that_addresses_are_left_out() -> None:
    gone = Wanted(names={4: "blocked"}, state="absent")
    assert plan(held("1.1.1.1"), 4, gone).steps == ("delete",)
    assert plan(None, 4, gone).steps == ()
    assert plan(None, 4, wanted("1.1.1.1", state="absent")).steps == ()


def test_description_is_kept_unless_given_and_can_be_cleared() -> None:
    current = held("1.1.1.1", description="as it was")
    assert plan(current, 4, wanted("1.1.1.1")).steps == ()
    changed = plan(current, 4, wanted("1.1.1.1", description="a new one"))
    assert changed.steps == ("update",)
    assert changed.after.description == "a new one"
    assert plan(current, 4, wanted("1.1.1.1", description="")).after.description == ""
    assert plan(current, 4, wanted("9.9.9.9", state="absent", description="a new one")).steps == ()


@pytest.mark.parametrize(
    ("tags", "purge", "steps", "after"),
    [
        (None, True, (), None),
        ({}, True, ("untag",), {"aws:x": "1"}),
        ({}, False, (), {"a": "1", "aws:x": "1"}),
        ({"a": "2"}, True, ("tag",), {"a": "2", "aws:x": "1"}),
        ({"b": "1"}, True, ("untag", "tag"), {"b": "1", "aws:x": "1"}),
        ({"b": "1"}, False, ("tag",), {"a": "1", "b": "1", "aws:x": "1"}),
    ],
)
def test_tags(tags: dict[str, str] | None, purge: bool, steps: tuple[str, ...], after: dict[str, str] | None) -> None:
    current = held("1.1.1.1", tags=None if tags is None else {"a": "1", "aws:x": "1"})
    result = plan(current, 4, wanted("1.1.1.1", tags=tags, purge_tags=purge))
    assert result.steps == steps
    assert result.after.tags == after


@pytest.mark.parametrize(
    ("want", "word"),
    [
        (Wanted(names={4: "a b"}), "name"),
        (Wanted(names={4: ""}), "name"),
        (Wanted(names={4: "x" * 129}), "name"),
        (Wanted(names={4: "x"}, description="no!"), "description"),
        (Wanted(names={4: "x"}, description="x" * 257), "description"),
        (Wanted(names={4: "x"}, tags={str(n): "" for n in range(51)}), "51 tags"),
        (Wanted(names={4: "x"}, tags={"AWS:a": ""}), "AWS:a"),
        (Wanted(names={4: "x"}, addresses=nets("1.1.1.1", "2001:db8::1")), "2001:db8::1"),
        (Wanted(names={4: "x"}, addresses=frozenset(Network(4, n, 32) for n in range(10_001))), "10001"),
        (Wanted(names={4: "x"}, shards=0), "shards"),
        (Wanted(names={4: "x"}, shards=51), "shards"),
        (Wanted(names={4: "x" * 122}, shards=10), "name"),
        (Wanted(names={4: "x"}, max_shrink=101), "max_shrink"),
        (Wanted(names={4: "x"}, aggregate="lossy"), "max_extra_addresses"),
        (Wanted(names={4: "x"}, max_extra=9), "aggregate: lossy"),
        (Wanted(names={4: "x"}, max_extra=-9, aggregate="lossy"), "max_extra_addresses"),
        (Wanted(names={4: "x"}, addresses=nets("9.0.0.0/7", "1.0.0.0/8")), "IPv6: 8.0.0.0/7. If"),
        (Wanted(names={6: "x"}, addresses=nets("2001::/18")), "/19 for IPv6: 2001::/18"),
    ],
)
def test_what_cannot_be_is_refused_before_any_call(want: Wanted, word: str) -> None:
    with pytest.raises(InvalidError, match=word):
        want.check()


def test_a_merge_that_does_not_fit_is_refused() -> None:
    full = IpSet("blocked", 4, frozenset(Network(4, n, 32) for n in range(10_000)))
    with pytest.raises(InvalidError, match="10001 entries"):
        plan(full, 4, wanted("203.0.113.1", purge_addresses=False))


def test_the_family_of_a_set_cannot_change() -> None:
    six = IpSet("blocked", 6)
    with pytest.raises(InvalidError, match="IPV6"):
        plan(six, 4, wanted("1.1.1.1"))
    assert plan(six, 4, Wanted(names={4: "blocked"}, state="absent")).steps == ("delete",)


def test_each_family_takes_its_own_from_a_mixed_list() -> None:
    both = Wanted(names={4: "b-ipv4", 6: "b-ipv6"}, addresses=nets("1.1.1.1", "2001:db8::1"))
    both.check()
    assert entries(plan(None, 4, both)) == ["1.1.1.1/32"]
    assert entries(plan(None, 6, both)) == ["2001:db8::1/128"]


def test_what_was_removed_but_is_still_covered_is_known() -> None:
    want = wanted("1.1.1.1", state="absent")
    result = plan(held("1.1.1.0/24", "1.1.1.1"), 4, want)
    assert entries(result) == ["1.1.1.0/24"]
    assert still_covered(result, want) == {parse("1.1.1.1"): parse("1.1.1.0/24")}


small = st.frozensets(st.builds(lambda n: Network(4, 0xCB007100 + n, 32), st.integers(0, 15)), max_size=8)
wishes = st.builds(
    Wanted,
    names=st.just({4: "blocked"}),
    state=st.sampled_from(["present", "absent"]),
    addresses=small,
    purge_addresses=st.booleans(),
    protected=small,
    description=st.sampled_from([None, "", "some text"]),
    tags=st.none() | st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"), max_size=3),
    purge_tags=st.booleans(),
)


@given(small, wishes)
def test_a_plan_leads_where_nothing_is_left_to_do(current: frozenset[Network], want: Wanted) -> None:
    before = IpSet("blocked", 4, current, tags=None if want.tags is None else {"a": "1", "z": "9"})
    first = plan(before, 4, want)
    assert plan(first.after, 4, want).steps == ()
    assert first.after.networks == (before.networks - first.removed) | first.added
    assert not subtract(first.after.networks, subtract(first.after.networks, want.protected))
    assert bool(first.steps) == (first.after != before)


@given(small, small, small)
def test_writers_of_their_own_entries_do_not_disturb_each_other(
    current: frozenset[Network], mine: frozenset[Network], others: frozenset[Network]
) -> None:
    """Adding mine to what others made of it meanwhile keeps theirs."""
    want = Wanted(names={4: "blocked"}, addresses=mine, purge_addresses=False)
    meanwhile = IpSet("blocked", 4, current ^ others)
    assert plan(meanwhile, 4, want).after.networks == (current ^ others) | mine


def test_diff_shows_the_changes_only_and_counts_what_it_leaves_out() -> None:
    many = frozenset(Network(4, n, 32) for n in range(1, 251))
    result = plan(held("1.1.1.1", "9.9.9.9"), 4, replace(wanted("9.9.9.9"), addresses=many | nets("9.9.9.9")))
    shown = diff([result])
    assert shown["before"] == "blocked: IPV4, 2 entries\n  - 1.1.1.1/32\n"
    assert shown["after"].count("  - 0.0.0.") == 100
    assert "... and 150 more" in shown["after"]
    assert "9.9.9.9" not in shown["after"]
    assert diff([plan(held("1.1.1.1"), 4, wanted("1.1.1.1"))]) == {"before": "", "after": ""}


def test_report_counts_and_lists_only_a_few() -> None:
    few = report(plan(held("1.1.1.1"), 4, wanted("1.1.1.1", "2.2.2.2")))
    assert (few["address_count"], few["added"], few["removed"]) == (2, 1, 0)
    assert few["addresses"] == ["1.1.1.1/32", "2.2.2.2/32"]
    many = frozenset(Network(4, n, 32) for n in range(101))
    full = report(plan(None, 4, replace(wanted(), addresses=many)))
    assert full["address_count"] == 101
    assert "addresses" not in full


def many(start: int, count: int) -> frozenset[Network]:
    return frozenset(Network(4, start + 2 * n, 32) for n in range(count))


def test_wide_networks_can_be_allowed_and_removed() -> None:
    replace(wanted("8.0.0.0/7"), min_prefix={4: 7, 6: 19}).check()
    wanted("8.0.0.0/7", state="absent").check()


def test_a_list_that_shrinks_too_much_is_refused() -> None:
    before = IpSet("blocked", 4, many(0, 100))
    half = replace(wanted(), addresses=many(0, 50), max_shrink=50)
    assert len(plan(before, 4, half).removed) == 50
    for fewer in (many(0, 49), frozenset(), many(0x10000, 100)):
        with pytest.raises(InvalidError, match="of 100 entries would be dropped"):
            plan(before, 4, replace(half, addresses=fewer))
        assert plan(before, 4, replace(half, addresses=fewer, max_shrink=100)).steps == ("update",)
        # Nothing is dropped, or what is said to be.
        assert plan(before, 4, replace(half, addresses=fewer, purge_addresses=False)).after is not None
    assert plan(before, 4, replace(half, addresses=many(0, 100), state="absent")).after.networks == frozenset()
    # What is protected goes in any case, and what lies in a wider entry is not gone.
    assert plan(before, 4, replace(half, addresses=many(0, 100), protected=nets("0.0.0.0/16"))).after.networks == set()
    assert plan(before, 4, replace(half, addresses=nets("0.0.0.0/16"))).steps == ("update",)


def test_a_few_entries_may_always_go() -> None:
    assert plan(held("1.1.1.1", "2.2.2.2"), 4, replace(wanted(), max_shrink=0)).after.networks == frozenset()


def test_aggregation_is_exact_unless_told() -> None:
    pair = ["1.1.1.0", "1.1.1.1", "1.1.1.3"]
    assert entries(plan(None, 4, wanted(*pair))) == ["1.1.1.0/32", "1.1.1.1/32", "1.1.1.3/32"]
    assert entries(plan(None, 4, wanted(*pair, aggregate="exact"))) == ["1.1.1.0/31", "1.1.1.3/32"]
    assert plan(held("1.1.1.0/31", "1.1.1.3"), 4, wanted(*pair, aggregate="exact")).steps == ()


def test_a_lossy_aggregation_stays_below_its_maximum_and_off_the_protected() -> None:
    want = replace(wanted(), addresses=many(0x01000000, 10_002), aggregate="lossy", max_extra=4)
    want.check()
    result = plan(None, 4, want)
    assert len(result.after.networks) <= 10_000
    assert not subtract(want.addresses, result.after.networks)
    guarded = replace(want, protected=frozenset(Network(4, 0x01000000 + 2 * n + 1, 32) for n in range(10_002)))
    for refused in (replace(want, max_extra=3), guarded):
        with pytest.raises(InvalidError, match=r"entries of IPV4 are left when [02] more addresses are covered"):
            plan(None, 4, refused)


def test_more_than_one_set_can_hold_goes_to_shards() -> None:
    want = replace(wanted(), addresses=many(0, 15_000), shards=2)
    want.check()
    plans = plan_family({}, 4, want)
    assert [(p.name, p.steps) for p in plans] == [("blocked", ("create",)), ("blocked-shard2", ("create",))]
    assert frozenset().union(*(p.after.networks for p in plans)) == want.addresses
    found = {p.name: p.after for p in plans}
    assert [p.steps for p in plan_family(found, 4, want)] == [(), ()]
    one_more = replace(want, addresses=want.addresses | nets("9.9.9.9"))
    assert sorted(p.steps for p in plan_family(found, 4, one_more)) == [(), ("update",)]
    with pytest.raises(InvalidError, match="20001"):
        replace(want, addresses=many(0, 20_001)).check()
    full = replace(want, addresses=many(0, 20_000))
    assert [len(p.after.networks) for p in plan_family(found, 4, full)] == [10_000, 10_000]


def test_left_over_shards_are_emptied_after_their_entries_are_elsewhere() -> None:
    found = {
        "blocked": IpSet("blocked", 4, nets("1.1.1.1")),
        "blocked-shard2": IpSet("blocked-shard2", 4, nets("2.2.2.2")),
    }
    want = wanted("1.1.1.1", "2.2.2.2")
    plans = plan_family(found, 4, want)
    assert [(p.name, p.steps, sorted(map(str, p.after.networks))) for p in plans] == [
        ("blocked", ("update",), ["1.1.1.1/32", "2.2.2.2/32"]),
        ("blocked-shard2", ("update",), []),
    ]
    gone = plan_family(found, 4, Wanted(names={4: "blocked"}, state="absent"))
    assert [p.steps for p in gone] == [("delete",), ("delete",)]
    # Who only adds or removes leaves them alone.
    assert [p.steps for p in plan_family(found, 4, replace(want, purge_addresses=False))] == [(), ()]
    unblock = plan_family(found, 4, wanted("2.2.2.2", state="absent"))
    assert [p.steps for p in unblock] == [(), ("update",)]


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("b-ipv4", 4), ("b-ipv6", 6), ("b-ipv4-shard2", 4), ("b-ipv4-shard17", 4), ("b-ipv4-shard", None),
        ("b-ipv4-shardx", None), ("b-ipv4-2", None), ("b-ipv", None), ("other", None),
    ],
)  # fmt: skip
def test_names_of_shards(name: str, version: int | None) -> None:
    assert Wanted(names={4: "b-ipv4", 6: "b-ipv6"}).version_of(name) == version
