# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Any web ACL that botocore's model accepts is planned, and is then as it was wanted; also after AWS had its say."""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.wafv2 import rules
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.web_acl import (
    Model,
    Wanted,
    WebAcl,
    changes,
    check,
    describe,
    plan,
    read_members,
)
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.unit.wafv2.web_acl_strategies import MEMBERS, MODEL, RULE, another, places, web_acls

SHAPES = Model(
    members={name: shape for name, shape in MEMBERS.items() if name not in ("Name", "Scope", "Id", "LockToken")},
    name=MEMBERS["Name"],
    logging=MODEL.shape_for("LoggingConfiguration"),
)
BODY = {"ContentType": "TEXT_PLAIN", "Content": "no"}
MANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def wanted_of(declared: dict[str, Any], **more: Any) -> Wanted:
    given = {name: value for name, value in declared.items() if name != "Rules"}
    wanted = Wanted(
        name="site",
        scope="REGIONAL",
        members=read_members(given, SHAPES),
        rules=rules.read(declared["Rules"], RULE),
        max_capacity=5000,
        **more,
    )
    check(wanted, SHAPES)
    return wanted


def as_aws_has_it(web_acl: WebAcl, chance: random.Random) -> WebAcl:
    """The web ACL as it may be read back: defaults filled in, headers in lower case, lists in another order."""
    body = {name: _told(value, SHAPES.members[name], chance) for name, value in web_acl.body.items()}
    body["Rules"] = sorted(body.get("Rules", []), key=lambda rule: rule["Priority"])
    if not body["Rules"]:
        del body["Rules"]
    return replace(web_acl, body=body, id="1", arn="arn", lock_token="t")


def _told(value: Any, shape: Any, chance: random.Random) -> Any:
    if shape.type_name == "structure":
        made = {name: _told(item, shape.members[name], chance) for name, item in value.items()}
        if shape.name in ("SingleHeader", "SingleQueryArgument", "RateLimitHeader"):
            made["Name"] = made["Name"].lower()
        for name, default in _ADDED.get(shape.name, {}).items():
            if chance.random() < 0.5:
                made.setdefault(name, default)
        items = list(made.items())
        chance.shuffle(items)
        return dict(items)
    if shape.type_name == "list":
        items = [_told(item, shape.member, chance) for item in value]
        chance.shuffle(items)
        return items
    if shape.type_name == "map":
        return {key: _told(item, shape.value, chance) for key, item in value.items()}
    return value


_ADDED = {
    "RateBasedStatement": {"EvaluationWindowSec": 300},
    "SqliMatchStatement": {"SensitivityLevel": "LOW"},
    "Body": {"OversizeHandling": "CONTINUE"},
    "AWSManagedRulesBotControlRuleSet": {"EnableMachineLearning": True},
    "Rule": {"RuleLabels": []},
    "ManagedRuleGroupStatement": {"RuleActionOverrides": [], "ExcludedRules": []},
}


@given(web_acls(), st.randoms(use_true_random=False), st.data())
@MANY
def test_created_equal_changed_by_one_field_equal(declared: dict[str, Any], chance: random.Random, data: Any) -> None:
    wanted = wanted_of(declared)
    created = plan(None, wanted, SHAPES)
    assert [step for step, _ in created.steps] == ["create"]
    assert created.after is not None

    held = as_aws_has_it(created.after, chance)
    again = plan(held, wanted, SHAPES)
    assert not again.steps, changes({"before": describe(again.before, SHAPES), "after": describe(again.after, SHAPES)})
    assert again.after == held

    spots = [
        ((name, *path), shape)
        for name, value in declared.items()
        for path, shape in places(value, MEMBERS[name])
        if name != "CustomResponseBodies"
    ]
    assume(spots)
    path, shape = data.draw(st.sampled_from(spots))
    other = copy.deepcopy(declared)
    inner: Any = other
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = another(data.draw, inner[path[-1]], shape, path[-1])
    changed = wanted_of(other)
    if all(
        rules.same(one, two, SHAPES.members[name])
        for name, one in plan(None, changed, SHAPES).after.body.items()
        for two in [created.after.body[name]]
    ):
        return  # the same in other words: a header in capitals, a duplicate
    update = plan(held, changed, SHAPES)
    assert [step for step, _ in update.steps] == ["update"]
    assert update.after is not None
    untouched = set(update.after.body) - {path[0]}
    assert {name: update.after.body[name] for name in untouched} == {name: held.body[name] for name in untouched}
    assert not plan(as_aws_has_it(update.after, chance), changed, SHAPES).steps


@given(web_acls(), web_acls())
@MANY
def test_merge_leaves_other_rules_and_all_that_is_not_declared(one: dict[str, Any], two: dict[str, Any]) -> None:
    held = plan(None, wanted_of(one), SHAPES).after
    assert held is not None
    held = replace(held, id="1", arn="arn")
    renamed = [{**rule, "Name": f"mine-{rule['Name']}"} for rule in two["Rules"]]
    for rule in renamed:
        rule.pop("Priority", None)
    bodies = read_members({"CustomResponseBodies": two.get("CustomResponseBodies", {"mine": BODY})}, SHAPES)
    mine = Wanted("site", "REGIONAL", rules=rules.read(renamed, RULE), rules_mode="merge", members=bodies)
    merged = plan(held, mine, SHAPES)
    assert merged.after is not None
    assert merged.after.rules[: len(held.rules)] == held.rules
    assert [rule["Name"] for rule in merged.after.rules[len(held.rules) :]] == [rule["Name"] for rule in renamed]
    untouched = set(held.body) - {"Rules", "CustomResponseBodies"}
    assert {name: merged.after.body.get(name) for name in untouched} == {name: held.body[name] for name in untouched}
    assert set(held.body.get("CustomResponseBodies", {})) <= set(merged.after.body["CustomResponseBodies"])
    assert not plan(merged.after, mine, SHAPES).steps

    taken_out = plan(merged.after, replace(mine, state="absent"), SHAPES)
    assert taken_out.after is not None
    assert taken_out.after.rules == held.rules
