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
