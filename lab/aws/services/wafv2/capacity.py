# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Web ACL capacity units of rules.

https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statements-match.html and the page of each statement.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Params = dict[str, Any]

# A statement costs this, doubled for a JSON body, plus 10 for all query arguments and for each transformation.
_MATCH_COSTS = {
    "RegexMatchStatement": 3,
    "RegexPatternSetReferenceStatement": 25,
    "SizeConstraintStatement": 1,
    "XssMatchStatement": 40,
}
_PLAIN_COSTS = {"GeoMatchStatement": 1, "AsnMatchStatement": 1, "LabelMatchStatement": 1}
_STRING_COSTS = {"EXACTLY": 2, "STARTS_WITH": 2, "ENDS_WITH": 2, "CONTAINS": 10, "CONTAINS_WORD": 10}
_SQLI_COSTS = {"LOW": 20, "HIGH": 30}
_CUSTOM_KEY_COST = 30


@functools.cache
def managed_rule_groups() -> dict[str, Params]:
    """The groups of AWS Managed Rules, by name."""
    text = Path(__file__).with_name("managed_rule_groups.json").read_text(encoding="utf-8")
    groups: dict[str, Params] = json.loads(text)
    return groups


def rules_cost(rules: list[Params], group_capacity: Callable[[str], int]) -> int:
    """What these rules need; `group_capacity` tells the capacity of a rule group by its ARN."""
    return sum(statement_cost(rule["Statement"], group_capacity) for rule in rules)


def statement_cost(statement: Params, group_capacity: Callable[[str], int]) -> int:
    kind, body = next(iter(statement.items()))
    if kind in ("AndStatement", "OrStatement"):
        return sum(statement_cost(nested, group_capacity) for nested in body["Statements"])
    if kind == "NotStatement":
        return statement_cost(body["Statement"], group_capacity)
    if kind == "RateBasedStatement":
        nested = body.get("ScopeDownStatement")
        keys = len(body.get("CustomKeys", []))
        return 2 + keys * _CUSTOM_KEY_COST + (statement_cost(nested, group_capacity) if nested else 0)
    if kind == "ManagedRuleGroupStatement":
        nested = body.get("ScopeDownStatement")
        own = int(managed_rule_groups().get(body["Name"], {}).get("capacity", 0))
        return own + (statement_cost(nested, group_capacity) if nested else 0)
    if kind == "RuleGroupReferenceStatement":
        return group_capacity(body["ARN"])
    if kind == "IPSetReferenceStatement":
        return 5 if body.get("IPSetForwardedIPConfig", {}).get("Position") == "ANY" else 1
    if kind in _PLAIN_COSTS:
        return _PLAIN_COSTS[kind]
    return _inspection_cost(kind, body)


def _inspection_cost(kind: str, body: Params) -> int:
    if kind == "ByteMatchStatement":
        base = _STRING_COSTS[str(body["PositionalConstraint"])]
    elif kind == "SqliMatchStatement":
        base = _SQLI_COSTS[str(body.get("SensitivityLevel", "LOW"))]
    else:
        base = _MATCH_COSTS[kind]
    field = body.get("FieldToMatch", {})
    if "JsonBody" in field:
        base *= 2
    if "AllQueryArguments" in field:
        base += 10
    transformations = [each for each in body.get("TextTransformations", []) if each["Type"] != "NONE"]
    return base + 10 * len(transformations)
