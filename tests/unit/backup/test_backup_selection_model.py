# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""From what is wanted of a selection to the plan; and what a selection selects."""

from __future__ import annotations

import pytest
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.backup.selection import (
    Content,
    Current,
    Plan,
    Selection,
    Wanted,
    content_of,
    plan,
    stand_in_name,
)
from hypothesis import given
from hypothesis import strategies as st

ROLE = "arn:aws:iam::123456789012:role/backup"
CONTENTS = st.builds(
    lambda resources: Content(ROLE, frozenset(f"arn:aws:s3:::{each}" for each in resources)),
    st.frozensets(st.sampled_from("abc"), min_size=1),
)


def _conditions_of(count: int) -> frozenset[tuple[str, str, str]]:
    tests = ("StringEquals", "StringNotLike")
    return frozenset((tests[n % 2], f"aws:ResourceTag/t{n}", "x") for n in range(count))


def _selection(name: str) -> st.SearchStrategy[Selection | None]:
    return st.none() | st.builds(lambda content: Selection(name, content, f"id-of-{name}"), CONTENTS)


CURRENT = st.builds(Current, _selection("s"), _selection("s.next"))


def _wanted(content: Content) -> Wanted:
    return Wanted("p", "s", role=ROLE, resources=content.resources)


def _apply(current: Current, todo: Plan, steps: int) -> Current:
    """The first steps of a plan carried out as AWS would: a name that is there is no name for another one."""
    held = {each.name: each for each in (current.selection, current.stand_in) if each}
    assert current == Current(held.get("s"), held.get("s.next"))
    for step in todo.steps[:steps]:
        if step.action == "create":
            assert step.selection.name not in held
            held[step.selection.name] = Selection(step.selection.name, step.selection.content, "new")
        else:
            del held[step.selection.name]
    return Current(held.get("s"), held.get("s.next"))


@given(CURRENT, CONTENTS)
def test_a_plan_leads_to_what_is_wanted_from_wherever_it_is_interrupted(current: Current, content: Content) -> None:
    wanted = _wanted(content)
    todo = plan(current, wanted)
    protected = current.selection or current.stand_in
    for steps in range(len(todo.steps) + 1):
        between = _apply(current, todo, steps)
        if protected:  # at no moment is there no selection
            assert between.selection or between.stand_in
        rest = plan(between, wanted)
        done = _apply(between, rest, len(rest.steps))
        assert done.stand_in is None
        assert done.selection is not None
        assert done.selection.content == content
        assert plan(done, wanted).steps == ()


@given(CURRENT)
def test_absent_removes_everything(current: Current) -> None:
    wanted = Wanted("p", "s", state="absent")
    todo = plan(current, wanted)
    assert _apply(current, todo, len(todo.steps)) == Current()
    assert plan(Current(), wanted).steps == ()


@pytest.mark.parametrize(
    ("current", "content", "fits"),
    [
        (Current(count=99), "a", True),
        (Current(count=100), "a", False),
        (Current(Selection("s", Content(ROLE, frozenset({"arn:aws:s3:::a"})), "1"), count=100), "a", True),
        (Current(Selection("s", Content(ROLE, frozenset({"arn:aws:s3:::a"})), "1"), count=99), "b", True),
        (Current(Selection("s", Content(ROLE, frozenset({"arn:aws:s3:::a"})), "1"), count=100), "b", False),
        (  # an interrupted run has left its stand-in
            Current(
                Selection("s", Content(ROLE, frozenset({"arn:aws:s3:::a"})), "1"),
                Selection("s.next", Content(ROLE, frozenset({"arn:aws:s3:::c"})), "2"),
                count=100,
            ),
            "b",
            True,
        ),
    ],
)
def test_there_is_room_for_every_step_or_none_is_made(current: Current, content: str, fits: bool) -> None:
    wanted = _wanted(Content(ROLE, frozenset({f"arn:aws:s3:::{content}"})))
    if fits:
        plan(current, wanted)
    else:
        with pytest.raises(InvalidError, match="AWS allows 100"):
            plan(current, wanted)
    assert plan(current, Wanted("p", "s", state="absent")).after is None


def _tags(count: int) -> frozenset[tuple[str, str]]:
    return frozenset((f"t{n}", "x") for n in range(count))


def _arns(plain: int, wildcards: int) -> frozenset[str]:
    return frozenset([f"arn:aws:s3:::b{n}" for n in range(plain)] + [f"arn:aws:s3:::w{n}-*" for n in range(wildcards)])


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (Content(ROLE, _arns(500, 30), tags=_tags(30), conditions=_conditions_of(30)), None),
        (Content(ROLE, tags=_tags(31)), "list_of_tags: 31"),
        (Content(ROLE, frozenset({"*"}), conditions=_conditions_of(31)), "conditions: 31"),
        (Content(ROLE, _arns(501, 0)), "resources: 501 ARNs"),
        (Content(ROLE, frozenset({"*"}), _arns(0, 31)), "not_resources: 31 ARNs, 31 of them with wildcards"),
    ],
)
def test_every_quota_counts_for_itself(content: Content, wrong: str | None) -> None:
    if wrong is None:
        content.check()
    else:
        with pytest.raises(InvalidError, match=wrong):
            content.check()


def test_names_of_stand_ins_fit_and_differ() -> None:
    names = [stand_in_name("x" * 49 + last) for last in "ab"]
    assert all(len(name) <= 50 and name.endswith(".next") for name in names)
    assert names[0] != names[1]


def test_documents_come_back_as_they_were() -> None:
    content = Content(
        ROLE,
        frozenset({"arn:aws:s3:::a"}),
        frozenset({"arn:aws:s3:::b"}),
        frozenset({("Backup", "daily")}),
        frozenset({("StringLike", "aws:ResourceTag/Env", "p*"), ("StringEquals", "aws:ResourceTag/Backup", "x")}),
    )
    assert content_of(content.document("s")) == content


INSTANCE = "arn:aws:ec2:eu-west-1:123456789012:instance/i-1"
ANY = frozenset({"*"})


def _conditions(*conditions: tuple[str, str, str]) -> frozenset[tuple[str, str, str]]:
    return frozenset((test, f"aws:ResourceTag/{key}", value) for test, key, value in conditions)


@pytest.mark.parametrize(
    ("content", "tags", "selected"),
    [
        (Content(ROLE, ANY), {}, True),
        (Content(ROLE, frozenset({"arn:aws:ec2:*:*:instance/*"})), {}, True),
        (Content(ROLE, frozenset({"arn:aws:ec2:*:*:volume/*"})), {}, False),
        (Content(ROLE, ANY, frozenset({INSTANCE})), {}, False),
        # conditions: all of them, and one of the resources
        (Content(ROLE, ANY, conditions=_conditions(("StringEquals", "a", "1"))), {"a": "1"}, True),
        (Content(ROLE, ANY, conditions=_conditions(("StringEquals", "a", "1"))), {"a": "2"}, False),
        (Content(ROLE, ANY, conditions=_conditions(("StringEquals", "a", "1"))), {}, False),
        (
            Content(ROLE, ANY, conditions=_conditions(("StringEquals", "a", "1"), ("StringLike", "b", "p*"))),
            {"a": "1", "b": "q"},
            False,
        ),
        (Content(ROLE, ANY, conditions=_conditions(("StringNotEquals", "a", "1"))), {}, True),
        (Content(ROLE, ANY, conditions=_conditions(("StringNotLike", "a", "1*"))), {"a": "12"}, False),
        (
            Content(ROLE, frozenset({"arn:aws:s3:::x"}), conditions=_conditions(("StringEquals", "a", "1"))),
            {"a": "1"},
            False,
        ),
        # the only wildcard is *, anywhere
        (Content(ROLE, ANY, conditions=_conditions(("StringLike", "a", "*rod*"))), {"a": "production"}, True),
        (Content(ROLE, ANY, conditions=_conditions(("StringLike", "a", "pro?"))), {"a": "prod"}, False),
        (Content(ROLE, ANY, conditions=_conditions(("StringLike", "a", "pro?*"))), {"a": "pro?d"}, True),
        (Content(ROLE, ANY, conditions=_conditions(("StringLike", "a", "[ab]*"))), {"a": "alpha"}, False),
        (Content(ROLE, ANY, conditions=_conditions(("StringLike", "a", "[ab]*"))), {"a": "[ab] team"}, True),
        (Content(ROLE, ANY, conditions=_conditions(("StringNotLike", "a", "p?"))), {"a": "p1"}, True),
        (Content(ROLE, ANY, conditions=_conditions(("StringLike", "a", "p*"))), {"a": "P1"}, False),
        (Content(ROLE, frozenset({INSTANCE.replace("i-1", "i-?")})), {}, False),
        (Content(ROLE, ANY, frozenset({INSTANCE.replace("i-1", "i-[1]")})), {}, True),
        # listed tags: one of them, whatever the resources
        (Content(ROLE, tags=frozenset({("a", "1"), ("b", "2")})), {"b": "2"}, True),
        (Content(ROLE, tags=frozenset({("a", "1"), ("b", "2")})), {"b": "3"}, False),
        (Content(ROLE, frozenset({"arn:aws:s3:::x"}), tags=frozenset({("a", "1")})), {"a": "1"}, True),
        (Content(ROLE, ANY, frozenset({INSTANCE}), tags=frozenset({("a", "1")})), {"a": "1"}, False),
    ],
)
def test_what_is_selected(content: Content, tags: dict[str, str], selected: bool) -> None:
    assert content.selects(INSTANCE, tags) is selected
