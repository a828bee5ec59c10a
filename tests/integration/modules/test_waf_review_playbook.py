# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""waf_review over the logs of a region: what the rules that count would have stopped, and whom."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from test_waf_playbooks import looked_at, play

from lab import waf_logs
from lab.aws.testing import REPO, Aws

SITE: dict[str, Any] = {
    "name": "web",
    "presets": ["web", "php", "sqli", "wordpress"],
    "admin_networks": ["192.0.2.0/28"],
    "enforce": {"wordpress-xmlrpc": "now", waf_logs.PHP: "2999-01-01"},
}
ARN = "arn:aws:wafv2:ap-northeast-2:123456789012:regional/webacl/web/1"
# All of the generated traffic's rules but the one that is enforced.
COUNTING = frozenset((waf_logs.COMMON, waf_logs.PHP, waf_logs.REPUTATION, waf_logs.SQLI, "login-rate-limit"))


@pytest.fixture
def traffic(aws: Aws) -> list[dict[str, Any]]:
    aws.client("logs").create_log_group(logGroupName="aws-waf-logs-web")
    now = int(time.time() * 1000)
    events = list(waf_logs.events(ARN, now - 20 * 3_600_000, now, 2000, counting=COUNTING))
    waf_logs.write(aws.client("logs"), "aws-waf-logs-web", events)
    aws.reset_journal()
    return events


def test_the_review_says_what_the_logs_say(aws: Aws, traffic: list[dict[str, Any]], tmp_path: Path) -> None:
    code, output = play(aws, tmp_path, "waf_review", waf_web_acls=[SITE], waf_review_hours=24)
    assert code == 0, output
    assert "changed=3 " in output  # the directory and its files alone
    assert {call["operation"] for call in aws.journal() if not call["operation"].startswith(("Describe", "Get"))} == {
        "StartQuery"
    }
    document = json.loads((REPO / "docs/iam-controller.json").read_text())
    allowed = {action for statement in document["Statement"] for action in statement["Action"]}
    assert {f"{call['service']}:{call['operation']}" for call in aws.journal()} <= allowed

    report = json.loads((tmp_path / "waf-review/web.json").read_text())
    let_in = [event for event in traffic if event["action"] == "ALLOW"]
    assert report["requests"] == len(let_in) < len(traffic)
    counted = Counter(each["ruleId"] for event in let_in for each in event["nonTerminatingMatchingRules"])
    assert set(counted) == COUNTING
    rules = {rule["rule"]: rule for rule in report["rules"]}
    assert {name: rule["requests"] for name, rule in rules.items() if rule["requests"]} == counted
    assert "wordpress-xmlrpc" not in rules  # it blocks
    assert rules[waf_logs.PHP]["enforced_from"] == "2999-01-01"
    verdicts = {name: rule["verdict"] for name, rule in rules.items()}
    assert verdicts == {
        waf_logs.COMMON: "look",  # the editor's uploads
        waf_logs.REPUTATION: "look",  # by who asks
        waf_logs.PHP: "would stop no visitor",
        waf_logs.SQLI: "would stop no visitor",
        "login-rate-limit": "would stop no visitor",
        **dict.fromkeys(
            (
                *("denied", "rate-limit", "wordpress-admin", "AWSManagedRulesAnonymousIpList"),
                *("AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesWordPressRuleSet"),
            ),
            "would stop nobody",
        ),
    }
    assert [(each["rule"], each["address"]) for each in report["visitors"]] == [(waf_logs.COMMON, "203.0.113.5")]
    assert set(report["can_block"]) == {name for name, told in verdicts.items() if told.startswith("would")}

    for query, path in (("counted-uris", "uri"), ("counted-countries", "country"), ("counted-addresses", "clientIp")):
        told = {
            (row["rule.ruleId"], row[f"httpRequest.{path}"]): int(row["requests"]) for row in report["results"][query]
        }
        assert told == Counter(
            (each["ruleId"], event["httpRequest"][path])
            for event in let_in
            for each in event["nonTerminatingMatchingRules"]
        )
    inner = {row["group.terminatingRule.ruleId"] for row in report["results"]["counted-groups"]}
    assert inner == {
        *("SizeRestrictions_BODY", "SQLi_QUERYARGUMENTS"),
        *("PHPHighRiskMethodsVariables_QUERYSTRING", "AWSManagedIPReputationList"),
    }
    samples = Counter(sample["rule"] for sample in report["samples"])
    assert samples == {name: min(20, number) for name, number in counted.items()}
    uploads = [sample for sample in report["samples"] if sample["rule"] == waf_logs.COMMON]
    assert {sample["inner_rule"] for sample in uploads} == {"SizeRestrictions_BODY"}

    # What a human is told, and what can be taken over as it is.
    assert f"web: {len(let_in)} requests were let in." in output
    assert f"{waf_logs.COMMON} look {counted[waf_logs.COMMON]} requests of 1 addresses" in " ".join(output.split())
    assert "login-rate-limit: now" in output
    assert f"{waf_logs.COMMON}: now" not in output
    assert "waf_review" in output.partition("CUSTOM STATS")[2]

    page = tmp_path / "waf-review/web.html"
    assert page.stat().st_mode & 0o777 == 0o640
    console, seen = looked_at(page)
    assert console == []
    # Attackers' words are shown as they are: neither run by a browser nor taken for a template.
    assert any(waf_logs.HOSTILE_URI.replace("\u202e", "\\u202e") in text for text in seen.texts)
    assert not set(seen.tags) & {"script", "img", "a", "link", "iframe"}
    assert "203.0.113.5" in seen.texts and "Who looks like a visitor" in seen.texts


def test_what_cannot_be_asked_fails_and_names_that_are_not_declared_too(aws: Aws, tmp_path: Path) -> None:
    code, output = play(aws, tmp_path, "waf_review")
    assert code == 0 and "No web ACL is declared that logs to CloudWatch" in output
    code, output = play(aws, tmp_path, "waf_review", waf_web_acls=[SITE])
    assert code == 2 and "there is no log group aws-waf-logs-web" in output
    code, output = play(aws, tmp_path, "waf_review", waf_web_acls=[SITE], waf_review_web_acls=["wbe"])
    assert code == 2 and "waf_web_acls has no wbe" in output
