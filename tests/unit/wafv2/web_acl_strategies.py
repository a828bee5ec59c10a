# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Web ACLs of all kinds, drawn from botocore's own model of AWS WAF, and no larger than a test can read.

What the model does not say and AWS demands is said here: statements that cannot be nested, priorities that must differ,
sets and rule groups that must exist.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from typing import Any

import botocore.session
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]

MODEL = botocore.session.get_session().get_service_model("wafv2")
MEMBERS = MODEL.operation_model("UpdateWebACL").input_shape.members
RULE = MODEL.shape_for("Rule")

# The sets that rules refer to, and where they are.
IP_SET, PATTERN_SET = "blocked", "patterns"
_GROUPS = ["AWSManagedRulesCommonRuleSet", "AWSManagedRulesPHPRuleSet", "AWSManagedRulesAmazonIpReputationList"]
_AT_TOP = ("ManagedRuleGroupStatement", "RateBasedStatement")
_TOP_LEVEL = (*_AT_TOP, "RuleGroupReferenceStatement")
_LOGICAL = ("AndStatement", "OrStatement", "NotStatement")
_UNIONS = {
    "ActionCondition", "Condition", "CookieMatchPattern", "DefaultAction", "FieldToMatch", "HeaderMatchPattern",
    "JsonMatchPattern", "ManagedRuleGroupConfig", "OverrideAction", "RateBasedStatementCustomKey", "RuleAction",
    "Statement",
}  # fmt: skip
_TEXT = string.ascii_letters + string.digits + " /_-.?=%äß€"
_WORDS = [f"{first}{second}" for first in "abcXYZ" for second in "0197"]
# Patterns that only sound as if any text matched, and texts that are further restricted.
_FIXED: dict[str, list[Any]] = {
    "EvaluationWindowSec": [60, 120, 300, 600],
    "JsonPointerPath": ["/a", "/a/b", "/a~1b"],
    "RegexPatternString": ["^/admin", "a|b", "[0-9]{3}"],
    "ResourceType": ["API_GATEWAY"],
    "SearchString": [b"/xmlrpc.php", b"AbC", "ä€".encode(), b"x" * 200, b" "],
}


def web_acls() -> st.SearchStrategy[dict[str, Any]]:
    """The members of a web ACL that the user declares, with the rules as the user writes them."""
    return st.composite(_web_acl)()


def _web_acl(draw: Draw) -> dict[str, Any]:
    optional = [name for name in MEMBERS if name in _OPTIONAL]
    chosen = draw(st.sets(st.sampled_from(optional), max_size=4))
    made = {name: _value(draw, MEMBERS[name]) for name in sorted({"DefaultAction", *chosen})}
    if draw(st.booleans()):
        made["VisibilityConfig"] = _value(draw, MEMBERS["VisibilityConfig"])
    rules = [_rule(draw, number) for number in range(draw(st.integers(0, 3)))]
    if draw(st.booleans()):
        priorities = draw(st.lists(st.integers(0, 50), min_size=len(rules), max_size=len(rules), unique=True))
        for rule, priority in zip(rules, priorities, strict=True):
            rule["Priority"] = priority
    made["Rules"] = rules
    keys = sorted(set(_keys([made["DefaultAction"], rules])))
    if keys:
        body = {"ContentType": "TEXT_PLAIN", "Content": "no"}
        made["CustomResponseBodies"] = {**made.get("CustomResponseBodies", {}), **dict.fromkeys(keys, body)}
    return made


_OPTIONAL = [
    "ApplicationConfig", "AssociationConfig", "CaptchaConfig", "ChallengeConfig", "CustomResponseBodies",
    "DataProtectionConfig", "Description", "MonetizationConfig", "OnSourceDDoSProtectionConfig", "TokenDomains",
]  # fmt: skip


def _rule(draw: Draw, number: int) -> dict[str, Any]:
    rule = {"Name": f"rule-{number}", "Statement": _statement(draw, 0)}
    for name in ("RuleLabels", "CaptchaConfig", "ChallengeConfig", "VisibilityConfig"):
        if draw(st.integers(0, 3)) == 0:
            rule[name] = _value(draw, RULE.members[name])
    if set(rule["Statement"]) & {"ManagedRuleGroupStatement", "RuleGroupReferenceStatement"}:
        if draw(st.booleans()):
            rule["OverrideAction"] = _value(draw, RULE.members["OverrideAction"])
    else:
        rule["Action"] = _value(draw, RULE.members["Action"])
    return rule


def _statement(draw: Draw, depth: int) -> dict[str, Any]:
    shape = MODEL.shape_for("Statement")
    kinds = [
        kind
        for kind in shape.members
        if kind != "RuleGroupReferenceStatement"
        and not (depth and kind in _TOP_LEVEL)
        and not (depth >= 3 and kind in _LOGICAL)
    ]
    if depth == 0 and draw(st.booleans()):
        kinds = list(_AT_TOP)
    kind = draw(st.sampled_from(kinds))
    if kind in ("AndStatement", "OrStatement"):
        return {kind: {"Statements": [_statement(draw, depth + 1) for _ in range(draw(st.integers(2, 3)))]}}
    if kind == "NotStatement":
        return {kind: {"Statement": _statement(draw, depth + 1)}}
    body = _value(draw, shape.members[kind], depth)
    if kind == "IPSetReferenceStatement":
        body["Name"] = IP_SET
        del body["ARN"]
    elif kind == "RegexPatternSetReferenceStatement":
        body["Name"] = PATTERN_SET
        del body["ARN"]
    elif kind == "ManagedRuleGroupStatement":
        body.update(VendorName="AWS", Name=draw(st.sampled_from(_GROUPS)))
    elif kind == "GeoMatchStatement":
        body["CountryCodes"] = draw(st.lists(st.sampled_from(["DE", "KR", "US"]), min_size=1, unique=True))
    elif kind == "RateBasedStatement":
        _consistent(draw, body)
    return {kind: body}


def _consistent(draw: Draw, body: dict[str, Any]) -> None:
    """Each way of aggregation needs its own settings."""
    shape = MODEL.shape_for("RateBasedStatement")
    needed = {"FORWARDED_IP": "ForwardedIPConfig", "CUSTOM_KEYS": "CustomKeys", "CONSTANT": "ScopeDownStatement"}
    name = needed.get(body["AggregateKeyType"])
    if name and not body.get(name):
        made = _statement(draw, 1) if name == "ScopeDownStatement" else _value(draw, shape.members[name], 1)
        body[name] = made or [{"IP": {}}, {"HTTPMethod": {}}]


def _value(draw: Draw, shape: Any, depth: int = 0) -> Any:
    if shape.name in _FIXED:
        return draw(st.sampled_from(_FIXED[shape.name]))
    kind = shape.type_name
    if kind == "structure":
        return _structure(draw, shape, depth)
    if kind == "list":
        return _list(draw, shape, depth)
    if kind == "map":
        keys = draw(st.lists(_text(shape.key), min_size=1, max_size=2, unique=True))
        return {key: _value(draw, shape.value, depth) for key in keys}
    if kind == "boolean":
        return draw(st.booleans())
    if kind in ("integer", "long"):
        least = shape.metadata.get("min", 0)
        return draw(st.integers(least, min(shape.metadata.get("max", least + 1000), least + 100_000)))
    return draw(_text(shape))


def _structure(draw: Draw, shape: Any, depth: int) -> Any:
    if shape.name == "Statement":
        return _statement(draw, depth + 1)
    if shape.name in _UNIONS:
        chosen = [draw(st.sampled_from(sorted(shape.members)))]
    else:
        optional = sorted(set(shape.members) - set(shape.required_members))
        chosen = (
            [*shape.required_members, *draw(st.lists(st.sampled_from(optional), max_size=2, unique=True))]
            if (optional)
            else shape.required_members
        )
    return {
        name: draw(st.sampled_from(_FIXED[name])) if name in _FIXED else _value(draw, shape.members[name], depth)
        for name in chosen
    }


def _list(draw: Draw, shape: Any, depth: int) -> list[Any]:
    least = max(1, shape.metadata.get("min", 0))
    made = [
        _value(draw, shape.member, depth) for _ in range(draw(st.integers(least, min(2, shape.metadata.get("max", 2)))))
    ]
    if made and isinstance(made[0], dict) and "Priority" in made[0]:
        for number, item in enumerate(made):
            item["Priority"] = 3 * number
    return made


def _text(shape: Any) -> st.SearchStrategy[str]:
    if shape.enum:
        return st.sampled_from(shape.enum)
    pattern, least = shape.metadata.get("pattern"), shape.metadata.get("min", 1)
    most = min(shape.metadata.get("max", 30), least + 30)
    if pattern in (None, ".*", r".*\S.*", r"[\s\S]*"):
        return st.text(_TEXT, min_size=least, max_size=most).filter(lambda text: text.strip() and len(text) >= least)
    if re.fullmatch(pattern, "abcX") and least <= 4:
        return st.sampled_from(_WORDS).map(lambda word: word * 2)
    matching = st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True)
    return matching.filter(lambda text: least <= len(text) <= shape.metadata.get("max", len(text)))


def _keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        found = [value["CustomResponseBodyKey"]] if "CustomResponseBodyKey" in value else []
        return found + [key for inner in value.values() for key in _keys(inner)]
    return [key for item in value for key in _keys(item)] if isinstance(value, list) else []


# --------------------------------------------------------------------------------------------- one field, another value


def places(value: Any, shape: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    """Where there is a value that can be replaced by another without breaking what belongs together: (path, shape)."""
    if shape.type_name == "structure":
        return [
            place
            for name, item in value.items()
            if name in shape.members and name not in _BOUND
            for place in places(item, shape.members[name], (*path, name))
        ]
    if shape.type_name == "list":
        return [place for n, item in enumerate(value) for place in places(item, shape.member, (*path, n))]
    if shape.type_name == "map":
        return [place for key, item in value.items() for place in places(item, shape.value, (*path, key))]
    return [] if len(getattr(shape, "enum", ())) == 1 else [(path, shape)]


_BOUND = {"AggregateKeyType", "ARN", "CustomResponseBodyKey", "Name", "Priority", "VendorName"}


def another(draw: Draw, value: Any, shape: Any, name: Any) -> Any:
    """Another value of this shape."""
    drawn = st.sampled_from(_FIXED[name]) if name in _FIXED else st.composite(lambda drawing: _value(drawing, shape))()
    return draw(drawn.filter(lambda each: each != value))
