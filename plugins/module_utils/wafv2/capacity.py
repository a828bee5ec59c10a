# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Web ACL capacity units (WCU) that rules need, as AWS documents them. No I/O.

The sum over rules is an upper bound: AWS may count a text transformation once that several rules apply to the same part
of a request. What a web ACL needs exactly, CheckCapacity tells.

https://docs.aws.amazon.com/waf/latest/developerguide/aws-waf-capacity-units.html
https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statements-match.html and the page of each statement
https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# What AWS charges nothing extra for, and the most that it takes: https://aws.amazon.com/waf/pricing/
INCLUDED_WCU = 1_500
MAX_WCU = 5_000

MANAGED_RULE_GROUPS = {
    "AWSManagedRulesACFPRuleSet": 50,
    "AWSManagedRulesATPRuleSet": 50,
    "AWSManagedRulesAdminProtectionRuleSet": 100,
    "AWSManagedRulesAmazonIpReputationList": 25,
    "AWSManagedRulesAnonymousIpList": 50,
    "AWSManagedRulesAntiDDoSRuleSet": 50,
    "AWSManagedRulesBotControlRuleSet": 50,
    "AWSManagedRulesCommonRuleSet": 700,
    "AWSManagedRulesKnownBadInputsRuleSet": 200,
    "AWSManagedRulesLinuxRuleSet": 200,
    "AWSManagedRulesPHPRuleSet": 100,
    "AWSManagedRulesSQLiRuleSet": 200,
    "AWSManagedRulesUnixRuleSet": 100,
    "AWSManagedRulesWindowsRuleSet": 200,
    "AWSManagedRulesWordPressRuleSet": 100,
}
_BASE = {
    "AsnMatchStatement": 1,
    "GeoMatchStatement": 1,
    "LabelMatchStatement": 1,
    "RegexMatchStatement": 3,
    "RegexPatternSetReferenceStatement": 25,
    "SizeConstraintStatement": 1,
    "XssMatchStatement": 40,
}
_STRING_MATCH = {"EXACTLY": 2, "STARTS_WITH": 2, "ENDS_WITH": 2, "CONTAINS": 10, "CONTAINS_WORD": 10}
_SQLI_MATCH = {"LOW": 20, "HIGH": 30}
_TRANSFORMATION = 10
_ALL_QUERY_ARGUMENTS = 10
_IP_SET, _IP_SET_ANY_POSITION = 1, 5
_RATE_BASED, _CUSTOM_KEY = 2, 30


def rule_capacity(rule: Mapping[str, Any]) -> int | None:
    """The WCU of a rule; None where only AWS knows, as of rule groups of one's own and of other vendors."""
    return statement_capacity(rule["Statement"])


def statement_capacity(statement: Mapping[str, Any]) -> int | None:
    ((kind, body),) = statement.items()
    inner = [*body.get("Statements", []), *(body[name] for name in ("Statement", "ScopeDownStatement") if name in body)]
    own = 0 if kind in ("AndStatement", "OrStatement", "NotStatement") else _own_capacity(kind, body)
    return _sum([own, *map(statement_capacity, inner)])


def by_rule(rules: Iterable[Mapping[str, Any]], total: int | None = None) -> dict[str, int | None]:
    """The WCU by the name of the rule. The one rule that is unknown is what the others leave of the total."""
    found = {rule["Name"]: rule_capacity(rule) for rule in rules}
    unknown = [name for name, capacity in found.items() if capacity is None]
    if total is not None and len(unknown) == 1:
        found[unknown[0]] = max(0, total - sum(capacity or 0 for capacity in found.values()))
    return found


def too_much(name: str, total: int, limit: int, rules: Iterable[Mapping[str, Any]]) -> str:
    """Why these rules cannot be, and what leaving each of them out would give."""
    parts = sorted(by_rule(rules, total).items(), key=lambda part: -(part[1] or 0))
    told = [
        f"{rule} unknown"
        if capacity is None
        else f"{rule} {capacity} (without it {total - capacity}{', which fits' if total - capacity <= limit else ''})"
        for rule, capacity in parts
    ]
    return (
        f"the rules of the web ACL {name} need {total} WCU, max_capacity is {limit} (AWS charges extra above "
        f"{INCLUDED_WCU} and takes no more than {MAX_WCU}). By rule: {'; '.join(told)}"
    )


def _own_capacity(kind: str, body: Mapping[str, Any]) -> int | None:
    """Without the statements within."""
    if kind == "ManagedRuleGroupStatement":
        return MANAGED_RULE_GROUPS.get(body["Name"]) if body["VendorName"] == "AWS" else None
    if kind == "RateBasedStatement":
        return _RATE_BASED + _CUSTOM_KEY * len(body.get("CustomKeys", []))
    if kind == "IPSetReferenceStatement":
        any_position = body.get("IPSetForwardedIPConfig", {}).get("Position") == "ANY"
        return _IP_SET_ANY_POSITION if any_position else _IP_SET
    if kind == "ByteMatchStatement":
        base = _STRING_MATCH.get(body["PositionalConstraint"])
    elif kind == "SqliMatchStatement":
        base = _SQLI_MATCH.get(body.get("SensitivityLevel", "LOW"))
    else:
        base = _BASE.get(kind)
    if base is None or body.get("PreParseTextTransformations"):  # of those AWS tells no cost
        return None
    field = body.get("FieldToMatch", {})
    transformations = [each for each in body.get("TextTransformations", []) if each["Type"] != "NONE"]
    return (
        base * (2 if "JsonBody" in field else 1)
        + (_ALL_QUERY_ARGUMENTS if "AllQueryArguments" in field else 0)
        + _TRANSFORMATION * len(transformations)
    )


def _sum(parts: Iterable[int | None]) -> int | None:
    total = 0
    for part in parts:
        if part is None:
            return None
        total += part
    return total
