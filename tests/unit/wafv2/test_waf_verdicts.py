# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Which rules that count can block, judged by rows of Logs Insights."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.rampart.ops.plugins.filter.waf_review import waf_review
from ansible_collections.rampart.ops.plugins.plugin_utils.waf.review import LOOK, NO_VISITOR, NOBODY, UNKNOWN

ANONYMOUS = "AWSManagedRulesAnonymousIpList"
COMMON = "AWSManagedRulesCommonRuleSet"


def queries(
    stopped: dict[tuple[str, str], int], asked: dict[str, int], truncated: bool = False
) -> list[dict[str, Any]]:
    """Results as the module returns them: what rules would have stopped of addresses, and what these had asked."""
    rules: dict[str, list[int]] = {}
    for (rule, _address), number in stopped.items():
        rules.setdefault(rule, []).append(number)
    rows = {
        "requests": [{"requests": str(sum(asked.values()))}],
        "requests-by-address": [
            {"httpRequest.clientIp": address, "requests": str(number)} for address, number in asked.items()
        ],
        "counted-rules": [
            {"rule.ruleId": rule, "requests": str(sum(numbers)), "addresses": str(len(numbers)), "countries": "1"}
            for rule, numbers in rules.items()
        ],
        "counted-addresses": [
            {"rule.ruleId": rule, "httpRequest.clientIp": address, "requests": str(number)}
            for (rule, address), number in stopped.items()
        ],
    }
    return [{"name": name, "results": found, "truncated": truncated} for name, found in rows.items()]


def verdict(stopped: dict[tuple[str, str], int], asked: dict[str, int], rule: str = "r", **more: Any) -> str:
    (only,) = waf_review(queries(stopped, asked, **more), {rule: None})["rules"]
    return str(only["verdict"])


@pytest.mark.parametrize(
    ("stopped", "asked", "expected"),
    [
        ({}, {}, UNKNOWN),
        ({}, {"192.0.2.1": 500}, NOBODY),
        ({("r", "192.0.2.1"): 50}, {"192.0.2.1": 500}, LOOK),
        ({("r", "192.0.2.1"): 51}, {"192.0.2.1": 500}, NO_VISITOR),
        ({("r", "192.0.2.1"): 1}, {"192.0.2.1": 20}, LOOK),
        ({("r", "192.0.2.1"): 1}, {"192.0.2.1": 19}, NO_VISITOR),
        ({("r", "192.0.2.1"): 90}, {"192.0.2.2": 500}, NO_VISITOR),
        ({("r", "192.0.2.1"): 90, ("r", "192.0.2.2"): 1}, {"192.0.2.1": 90, "192.0.2.2": 500}, LOOK),
        ({("other", "192.0.2.2"): 1}, {"192.0.2.2": 500}, NOBODY),
    ],
)
def test_verdicts(stopped: dict[tuple[str, str], int], asked: dict[str, int], expected: str) -> None:
    assert verdict(stopped, asked) == expected


def test_a_group_that_goes_by_the_address_is_looked_at_by_a_human() -> None:
    assert verdict({(ANONYMOUS, "192.0.2.1"): 90}, {"192.0.2.1": 90}, ANONYMOUS) == LOOK
    assert verdict({}, {"192.0.2.1": 90}, ANONYMOUS) == NOBODY


def test_what_was_not_seen_is_not_judged() -> None:
    assert verdict({("r", "192.0.2.1"): 90}, {"192.0.2.1": 90}, truncated=True) == UNKNOWN
    assert verdict({("r", "192.0.2.1"): 1}, {"192.0.2.1": 90}, truncated=True) == LOOK


def test_the_worst_comes_first_and_only_good_rules_can_block() -> None:
    stopped = {("bad", "192.0.2.1"): 1, ("good", "192.0.2.2"): 60, ("foreign", "192.0.2.1"): 1}
    report = waf_review(
        queries(stopped, {"192.0.2.1": 100, "192.0.2.2": 60}), {"silent": "2027-01-01", "good": None, "bad": None}
    )
    assert [(rule["rule"], rule["enforced_from"]) for rule in report["rules"]] == [
        ("bad", ""),
        ("good", ""),
        ("silent", "2027-01-01"),
    ]
    assert report["can_block"] == ["good", "silent"]
    (visitor,) = report["visitors"]
    assert visitor == {"rule": "bad", "address": "192.0.2.1", "country": "", "stopped": 1, "requests": 100}


def test_a_sample_tells_what_helps_to_judge_it() -> None:
    event = {
        "timestamp": 1796083200000,
        "httpRequest": {
            "clientIp": "192.0.2.1",
            "country": "DE",
            "httpMethod": "POST",
            "uri": "/{{ 7 * 7 }}",
            "args": "a=1",
            "headers": [{"name": "Host", "value": "shop"}, {"name": "USER-AGENT", "value": "curl"}],
        },
        "ruleGroupList": [
            {"ruleGroupId": f"AWS#{COMMON}#Version_1.5", "terminatingRule": {"ruleId": "SizeRestrictions_BODY"}},
            {"ruleGroupId": "AWS#Other", "terminatingRule": {"ruleId": "Other"}},
            {"ruleGroupId": f"AWS#{COMMON}", "terminatingRule": None},
        ],
        "labels": [{"name": "awswaf:managed:x"}],
    }
    rows = queries({(COMMON, "192.0.2.1"): 1}, {"192.0.2.1": 100})
    samples = [{"name": COMMON, "results": [{"@timestamp": "2026-12-01 08:00:00.000", "@message": json.dumps(event)}]}]
    report = waf_review(rows, {COMMON: None}, samples)
    assert report["samples"] == [
        {
            "time": "2026-12-01 08:00:00",
            "rule": COMMON,
            "inner_rule": "SizeRestrictions_BODY",
            "address": "192.0.2.1",
            "country": "DE",
            "host": "shop",
            "request": "POST /{{ 7 * 7 }}?a=1",
            "user_agent": "curl",
            "labels": ["awswaf:managed:x"],
        }
    ]
    assert report["page"]["samples"] == report["samples"]


def test_other_results_are_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="these are not the results of waf_review_queries"):
        waf_review([{"name": "x", "results": [], "truncated": False}], {})
