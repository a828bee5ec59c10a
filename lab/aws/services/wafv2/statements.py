# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What AWS WAF demands of rules and their statements beyond the shapes of its model.

https://docs.aws.amazon.com/waf/latest/APIReference/API_Rule.html, API_Statement.html, and
https://docs.aws.amazon.com/waf/latest/developerguide/limits.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lab.aws.services.wafv2.capacity import managed_rule_groups
from lab.aws.services.wafv2.errors import EXACTLY_ONE, FORMAT, REFERENCE, THRESHOLD, duplicate, invalid, limit, missing

Params = dict[str, Any]

GROUPS = ("ManagedRuleGroupStatement", "RuleGroupReferenceStatement")
TOP_LEVEL_ONLY = (*GROUPS, "RateBasedStatement")
WINDOWS = (60, 120, 300, 600)
MAX_RATE_RULES = 10
MAX_TRANSFORMATIONS = 10
MAX_SEARCH_BYTES = 200  # API_ByteMatchStatement, "before you base64-encode it"


def field_name(kind: str) -> str:
    """ByteMatchStatement -> BYTE_MATCH_STATEMENT, as errors name it."""
    names = {
        "ManagedRuleGroupStatement": "MANAGED_RULE_SET_STATEMENT",
        "RegexPatternSetReferenceStatement": "REGEX_PATTERN_REFERENCE_STATEMENT",
        "IPSetReferenceStatement": "IP_SET_REFERENCE_STATEMENT",
    }
    return names.get(kind) or re.sub(r"(?<!^)(?=[A-Z])", "_", kind).upper()


def nested(statement: Params) -> Iterator[tuple[str, Params]]:
    """A statement and all those within it, as (kind, body)."""
    for kind, body in statement.items():
        yield kind, body
        inner = list(body.get("Statements", [])) + [
            body[name] for name in ("Statement", "ScopeDownStatement") if name in body
        ]
        for each in inner:
            yield from nested(each)


def references(rules: list[Params]) -> set[str]:
    """The ARNs of the sets and groups that rules refer to."""
    return {
        body["ARN"] for rule in rules for kind, body in nested(rule["Statement"]) if kind.endswith("ReferenceStatement")
    }


def check_rules(rules: list[Params], known_arns: set[str], bodies: set[str]) -> None:
    """Refuse what AWS WAF refuses: `known_arns` can be referred to, `bodies` are the custom response bodies."""
    priorities = [rule["Priority"] for rule in rules]
    if len(set(priorities)) != len(priorities):
        # API_Rule: "the priorities don't need to be consecutive, but they must all be different"
        raise invalid("Your rules must have unique priorities.", "RULE", str(priorities))
    if len({rule["Name"] for rule in rules}) != len(rules):
        raise duplicate()
    for rule in rules:
        _check_rule(rule, bodies)
        _check_statement(rule["Statement"], top=True)
    unknown = references(rules) - known_arns
    if unknown:
        raise missing()
    if sum("RateBasedStatement" in rule["Statement"] for rule in rules) > MAX_RATE_RULES:
        raise limit()


def _check_rule(rule: Params, bodies: set[str]) -> None:
    action, override = rule.get("Action"), rule.get("OverrideAction")
    is_group = any(kind in GROUPS for kind in rule["Statement"])
    if is_group and (action is not None or override is None or len(override) != 1):
        raise invalid(EXACTLY_ONE, "OVERRIDE_ACTION", rule["Name"])
    if not is_group:
        if override is not None or action is None:
            raise invalid(EXACTLY_ONE, "RULE_ACTION", rule["Name"])
        check_action(action, bodies, "RULE_ACTION")


def check_action(action: Params, bodies: set[str], field: str) -> None:
    if len(action) != 1:
        raise invalid(EXACTLY_ONE, field, ", ".join(action))
    key = action.get("Block", {}).get("CustomResponse", {}).get("CustomResponseBodyKey")
    if key is not None and key not in bodies:
        raise invalid("A custom response body key is not valid.", "CUSTOM_RESPONSE_BODY", key)


def _check_statement(statement: Params, top: bool) -> None:
    if len(statement) != 1:
        raise invalid(EXACTLY_ONE, "STATEMENT", ", ".join(statement))
    kind, body = next(iter(statement.items()))
    if kind in TOP_LEVEL_ONLY and not top:
        raise invalid(REFERENCE, field_name(kind), kind)
    if kind in ("AndStatement", "OrStatement") and len(body["Statements"]) < 2:
        raise invalid(THRESHOLD, field_name(kind), kind)
    for each in [
        *body.get("Statements", []),
        *(body[name] for name in ("Statement", "ScopeDownStatement") if name in body),
    ]:
        _check_statement(each, top=False)
    if kind == "RateBasedStatement":
        _check_rate(body)
    elif kind == "ManagedRuleGroupStatement":
        _check_managed(body)
    _check_inspection(kind, body)


def _check_rate(body: Params) -> None:
    window = body.get("EvaluationWindowSec", 300)
    if window not in WINDOWS:
        raise invalid(FORMAT, "RATE_BASED_STATEMENT", str(window))
    key = body["AggregateKeyType"]
    needs = {"FORWARDED_IP": "ForwardedIPConfig", "CUSTOM_KEYS": "CustomKeys", "CONSTANT": "ScopeDownStatement"}.get(
        key
    )
    if needs and not body.get(needs):
        raise invalid(FORMAT, "CUSTOM_KEYS" if needs == "CustomKeys" else "RATE_BASED_STATEMENT", key)


def _check_managed(body: Params) -> None:
    # Groups of the AWS Marketplace need a subscription, which no account of the lab has.
    if body["VendorName"] != "AWS" or body["Name"] not in managed_rule_groups():
        raise missing()
    configured = {name for each in body.get("ManagedRuleGroupConfigs", []) for name in each}
    needed = {
        "AWSManagedRulesATPRuleSet": {"AWSManagedRulesATPRuleSet", "LoginPath"},
        "AWSManagedRulesACFPRuleSet": {"AWSManagedRulesACFPRuleSet"},
    }.get(body["Name"])
    if needed and not needed & configured:
        raise invalid(FORMAT, "MANAGED_RULE_GROUP_CONFIG", body["Name"])


def _check_inspection(kind: str, body: Params) -> None:
    if "FieldToMatch" in body and len(body["FieldToMatch"]) != 1:
        raise invalid(EXACTLY_ONE, "FIELD_TO_MATCH", kind)
    transformations = body.get("TextTransformations", [])
    if len({each["Priority"] for each in transformations}) != len(transformations):
        raise invalid("Your text transformations must have unique priorities.", "TEXT_TRANSFORMATION", kind)
    if len(transformations) > MAX_TRANSFORMATIONS:
        raise limit()
    if kind == "RegexMatchStatement":
        check_regex(body["RegexString"])
    if len(body.get("SearchString", b"")) > MAX_SEARCH_BYTES:
        raise invalid(FORMAT, "BYTE_MATCH_STATEMENT", kind)
    if kind == "GeoMatchStatement" and not body.get("CountryCodes"):
        raise invalid(FORMAT, "GEO_MATCH_STATEMENT", kind)


def check_regex(text: str) -> None:
    try:
        re.compile(text)
    except re.error:
        raise invalid(FORMAT, "REGEX_PATTERN_SET", text) from None
