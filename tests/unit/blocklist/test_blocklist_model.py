# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What is remembered of hosts, and what is chosen to be blocked."""

from __future__ import annotations

import json

import pytest
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.blocklist.model import (
    Answer,
    Ban,
    Cached,
    Choice,
    Host,
    Sources,
    State,
    answers_of,
    check_owner,
    choose,
    reasons,
    remember,
    state_of,
    to_unban,
)
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.addresses import Network, intersect, parse
from hypothesis import given
from hypothesis import strategies as st

NOW, PAST, SOON, LATER, FORGET = (f"2026-11-{day}T00:00:00Z" for day in (21, 20, 22, 28, 14))


def ban(address: str, end: str | None = SOON, times: int | None = 1, jail: str = "sshd") -> Ban:
    return Ban(jail, address, PAST, end, times)


def nets(*texts: str) -> frozenset[Network]:
    return frozenset(map(parse, texts))


def entries(choice: Choice) -> list[str]:
    return [str(network) for network in sorted(choice.addresses)]


def test_what_a_host_says_counts() -> None:
    known = {"web": Host((ban("1.1.1.1"), ban("2.2.2.2")))}
    answers = {"web": Answer((ban("2.2.2.2"), ban("3.3.3.3", end=PAST)))}
    assert remember(known, answers, ["web"], NOW, FORGET) == {"web": Host((ban("2.2.2.2"),))}


def test_a_silent_host_keeps_its_bans_until_they_end() -> None:
    bans = (ban("1.1.1.1"), ban("2.2.2.2", end=NOW), ban("3.3.3.3", end=None))
    kept = (ban("1.1.1.1"), ban("3.3.3.3", end=None))
    for inventory in (["web"], []):
        assert remember({"web": Host(bans)}, {}, inventory, NOW, FORGET) == {"web": Host(kept, NOW)}
    # Since when it is missing stays; what has no end is kept for a time from then on.
    missing = {"web": Host(kept, PAST)}
    assert remember(missing, {}, ["web"], NOW, FORGET) == missing
    assert remember(missing, {}, ["web"], NOW, NOW) == {"web": Host(kept[:1], PAST)}
    # A host that is gone, with nothing left of it.
    assert remember({"web": Host((ban("1.1.1.1", end=PAST),))}, {}, [], NOW, FORGET) == {}
    assert remember({"web": Host()}, {}, ["web"], NOW, FORGET) == {"web": Host((), NOW)}


def test_a_host_that_takes_its_bans_back_keeps_what_it_had() -> None:
    known = {"web": Host((ban("1.1.1.1"), ban("2.2.2.2", end=PAST)))}
    answers = {"web": Answer((ban("3.3.3.3"),), complete=False)}
    assert remember(known, answers, ["web"], NOW, FORGET) == {"web": Host((ban("1.1.1.1"), ban("3.3.3.3")))}


def test_order_makes_no_difference_to_the_memory() -> None:
    bans = (ban("1.1.1.1"), ban("2.2.2.2"), ban("1.1.1.1", jail="nginx"))
    one, other = (remember({}, {"web": Answer(some)}, ["web"], NOW, FORGET) for some in (bans, bans[::-1]))
    assert one == other


def test_the_memory_is_read_as_it_was_written() -> None:
    state = State(
        {"web": Host((ban("1.1.1.1", end=None, times=None),), PAST), "mon": Host()},
        {"tor": Cached("https://a/", ("1.1.1.1/32",), PAST, NOW, "503")},
    )
    assert state_of(json.loads(json.dumps(state.data()))) == state
    for wrong in (None, [], {}, {"format": 2}, {"format": 1, "hosts": {"web": {}}, "feeds": {}}):
        with pytest.raises(ValueError, match=r"format|not what was written"):
            state_of(wrong)


def test_another_inventory_is_refused() -> None:
    state = State({"web": Host(), "mon": Host()})
    check_owner(state, ["web", "new"])
    check_owner(state, [])
    check_owner(State(), ["app"])
    with pytest.raises(InvalidError, match="mon, web"):
        check_owner(state, ["app"])


def test_the_rule_of_choice() -> None:
    hosts = {
        "web": Host(
            (
                ban("1.0.0.1", end=LATER),
                ban("1.0.0.2", end=None),
                ban("1.0.0.3", end=SOON, times=5),
                ban("1.0.0.4", end=SOON, times=2),
                ban("1.0.0.5", end="2026-11-22T00:59:59Z", times=1),
            )
        ),
        "mon": Host((ban("1.0.0.4", end=PAST, times=4),)),
    }
    feeds = {"one": Cached("", ("3.0.0.0/8",)), "two": Cached("", ("2.0.0.1/32",))}
    sources = Sources(nets("9.0.0.0/8", "2001:db8::/32"), hosts, feeds)
    order = [
        "9.0.0.0/8",
        "1.0.0.2/32",
        "1.0.0.1/32",
        "1.0.0.4/32",
        "1.0.0.3/32",
        "1.0.0.5/32",
        "3.0.0.0/8",
        "2.0.0.1/32",
    ]
    for capacity in range(1, 9):
        choice = choose(sources, [], capacity)
        assert entries(choice) == [*sorted(order[:capacity], key=parse), "2001:db8::/32"]
        assert sum(choice.left_out.values()) == 8 - capacity
    assert choose(sources, [], 4).left_out == {"ban": 2, "feed": 2}


def test_what_is_cut_keeps_its_rank() -> None:
    sources = Sources(nets("9.0.0.0/30"), {"web": Host((ban("1.0.0.1"),))}, {})
    assert entries(choose(sources, nets("9.0.0.1"), 2)) == ["9.0.0.0/32", "9.0.0.2/31"]


some_addresses = st.lists(
    st.builds(
        lambda n, p: str(Network(4, (0xCB007100 + n) >> (32 - p) << (32 - p), p)),
        st.integers(0, 63),
        st.integers(27, 32),
    ),
    max_size=8,
)


@given(some_addresses, some_addresses, some_addresses, some_addresses, st.integers(1, 6))
def test_nothing_protected_is_ever_chosen_and_never_too_much(
    denied: list[str], banned: list[str], listed: list[str], never: list[str], capacity: int
) -> None:
    sources = Sources(nets(*denied), {"web": Host(tuple(map(ban, banned)))}, {"f": Cached("", tuple(listed))})
    choice = choose(sources, nets(*never), capacity)
    assert not intersect(choice.addresses, nets(*never))
    assert len(choice.addresses) <= capacity
    assert not choice.left_out or len(choice.addresses) == capacity
    assert intersect(choice.addresses, nets(*denied, *banned, *listed)) == intersect(choice.addresses, choice.addresses)


def test_what_a_host_shall_unban() -> None:
    web = Host((ban("1.1.1.1"), ban("1.1.1.9"), ban("1.1.1.1", jail="nginx")))
    hosts = {"web": web, "mon": Host((ban("2.2.2.2"),)),
             "away": Host((ban("1.1.1.1"),), NOW)}  # fmt: skip
    assert to_unban(hosts, nets("1.1.1.0/29")) == {"web": ["1.1.1.1"]}
    assert to_unban(hosts, []) == {}


def test_reasons() -> None:
    hosts = {"web": Host((ban("1.1.1.1"), ban("1.1.2.1")), NOW)}
    sources = Sources(nets("1.1.0.0/16", "2.2.2.2"), hosts, {"f": Cached("", ("1.1.1.0/24", "3.3.3.3/32"), PAST)})
    found = list(reasons(parse("1.1.1.1"), sources))
    assert [(each["source"], each["address"]) for each in found] == [
        ("ban", "1.1.1.1"),
        ("deny list", "1.1.0.0/16"),
        ("feed", "1.1.1.0/24"),
    ]
    assert found[0]["host"] == "web"
    assert (found[0]["since"], found[0]["until"], found[0]["host_missing_since"]) == (PAST, SOON, NOW)


def test_answers_with_something_else_than_an_address_are_refused() -> None:
    good = {"web": {"bans": [["sshd", "1.1.1.1", PAST, SOON, 1]], "restoring": 2}}
    assert answers_of(good) == {"web": Answer((ban("1.1.1.1"),), complete=False)}
    with pytest.raises(InvalidError, match="bans of web"):
        answers_of({"web": {"bans": [["sshd", "somebody", PAST, SOON, 1]], "restoring": 0}})
