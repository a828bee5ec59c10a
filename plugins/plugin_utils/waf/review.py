# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What rules that count would have stopped, and which of them can block: from rows of Logs Insights. No I/O.

An attacker's requests match nearly all, a visitor's hardly ever. So an address that was let in often, and that a rule
would have stopped now and then, belongs to somebody whom the rule would hurt.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

# A visitor: so many requests at least, of which the rule matches no more than such a part.
VISITOR_REQUESTS, VISITOR_SHARE = 20, 0.1
# Groups that go by who asks and not by what is asked: of a visitor, too, they match every request.
BY_ADDRESS = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesAnonymousIpList",
    "AWSManagedRulesBotControlRuleSet",
)
NOBODY, NO_VISITOR, LOOK, UNKNOWN = "would stop nobody", "would stop no visitor", "look", "unknown"
# Rows of a table of the page, and samples of a rule there; the JSON has all.
_SHOWN, _SAMPLES = 200, 6


def review(
    counted: Mapping[str, str | None],
    rows: Mapping[str, Sequence[Row]],
    samples: Iterable[Row],
    truncated: bool = False,
) -> dict[str, Any]:
    """A verdict on each rule that counts, and the rules that can be enforced.

    `counted` are the rules and from which day they will be enforced, `rows` the results of waf_review_queries by name,
    `samples` log events by rule, `truncated` whether Logs Insights had more addresses than it returns.
    """
    requests = sum(int(row["requests"]) for row in rows["requests"])
    asked = {row["httpRequest.clientIp"]: int(row["requests"]) for row in rows["requests-by-address"]}
    by_rule = {row["rule.ruleId"]: row for row in rows["counted-rules"]}
    rules: list[dict[str, Any]] = []
    visitors: list[dict[str, Any]] = []
    for name, since in counted.items():
        row = by_rule.get(name, {})
        hurt = list(_hurt(name, rows["counted-addresses"], asked))
        verdict, why = _verdict(name, requests, int(row.get("requests", 0)), hurt, truncated)
        visitors += hurt
        rules.append(
            {
                "rule": name,
                "verdict": verdict,
                "requests": int(row.get("requests", 0)),
                "addresses": int(row.get("addresses", 0)),
                "countries": int(row.get("countries", 0)),
                "visitors": len(hurt),
                "enforced_from": since or "",
                "why": why,
            }
        )
    order = [LOOK, UNKNOWN, NO_VISITOR, NOBODY]
    rules.sort(key=lambda rule: (order.index(rule["verdict"]), -rule["requests"], rule["rule"]))
    return {
        "requests": requests,
        "rules": rules,
        "visitors": sorted(visitors, key=lambda each: (each["rule"], -each["requests"])),
        "samples": [sample(each["rule"], each["@timestamp"], json.loads(each["@message"])) for each in samples],
        "can_block": [rule["rule"] for rule in rules if rule["verdict"] in (NOBODY, NO_VISITOR)],
    }


def page_rows(report: Mapping[str, Any], rows: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    """What a page shows: the verdicts, of each rule a few samples that differ, and of long tables the begin."""
    samples = []
    for rule in report["rules"]:
        own = {(each["address"], each["request"]): each for each in report["samples"] if each["rule"] == rule["rule"]}
        samples += list(own.values())[:_SAMPLES]
    own_tables = {"rules": report["rules"], "visitors": report["visitors"], "samples": samples}
    return {**{name: list(found)[:_SHOWN] for name, found in rows.items()}, **own_tables}


def _hurt(rule: str, addresses: Iterable[Row], asked: Mapping[str, int]) -> Iterable[dict[str, Any]]:
    for row in addresses:
        if row["rule.ruleId"] == rule:
            address, stopped = row["httpRequest.clientIp"], int(row["requests"])
            total = max(stopped, asked.get(address, 0))
            if total >= VISITOR_REQUESTS and stopped <= VISITOR_SHARE * total:
                country = row.get("httpRequest.country", "")
                yield {"rule": rule, "address": address, "country": country, "stopped": stopped, "requests": total}


def _verdict(rule: str, requests: int, stopped: int, hurt: Sequence[Any], truncated: bool) -> tuple[str, str]:
    if not requests:
        return UNKNOWN, "no request was logged in this time"
    if not stopped:
        return NOBODY, f"none of the {requests} requests that were let in matched"
    if hurt:
        return LOOK, f"some who look like visitors: {len(hurt)}"
    if rule in BY_ADDRESS:
        return LOOK, "it goes by who asks: of a visitor, too, it stops every request"
    if truncated:
        return UNKNOWN, "more addresses than Logs Insights returns: ask about a shorter time"
    return NO_VISITOR, "each address that it would have stopped sent little else, or little at all"


def sample(rule: str, time: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """Of a log event what helps to judge it."""
    request = event["httpRequest"]
    headers = {header["name"].lower(): header["value"] for header in request.get("headers") or ()}
    query = f"?{request['args']}" if request.get("args") else ""
    return {
        "time": time[:19],
        "rule": rule,
        "inner_rule": ", ".join(_inner(rule, event.get("ruleGroupList") or ())),
        "address": request["clientIp"],
        "country": request.get("country", ""),
        "host": headers.get("host", ""),
        "request": f"{request['httpMethod']} {request['uri']}{query}",
        "user_agent": headers.get("user-agent", ""),
        "labels": [label["name"] for label in event.get("labels") or ()],
    }


def _inner(rule: str, groups: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """The rules of the managed group of this name that matched."""
    for group in groups:
        if rule in str(group["ruleGroupId"]).split("#") and group.get("terminatingRule"):
            yield str(group["terminatingRule"]["ruleId"])
