# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Log events of a web ACL, as AWS WAF writes them: a day of a small WordPress site, of its visitors and its attackers.

    python -m lab.waf_logs --web-acl rampart --hours 24 --requests 5000

writes them to the log group aws-waf-logs-<web ACL> of the region that boto3 is pointed at. The same seed gives the same
traffic. Addresses are those of documentation (RFC 5737, RFC 3849).

https://docs.aws.amazon.com/waf/latest/developerguide/logging-fields.html and logging-examples.html; how rules in Count
are logged: https://repost.aws/knowledge-center/waf-analyze-count-action-rules
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3

Event = dict[str, Any]

MOZILLA = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
HOSTILE_URI = "/</td></script><svg/onload=alert(3)>{{ 7 * 7 }}&amp;\u202egpj.php"
RARELY = 130  # one in so many requests
MAX_BATCH, BATCH_SPAN = 500, 23 * 3_600_000

COMMON, PHP, REPUTATION, SQLI = (
    f"AWSManagedRules{name}" for name in ("CommonRuleSet", "PHPRuleSet", "AmazonIpReputationList", "SQLiRuleSet")
)


@dataclass(frozen=True)
class Match:
    """A rule of the web ACL that a request matches; `inner` is the rule of its managed group."""

    rule: str
    inner: str | None = None
    label: str | None = None
    kind: str = "REGULAR"


@dataclass(frozen=True)
class Actor:
    """Somebody who sends requests: from where, which, and what they match."""

    addresses: tuple[str, ...]
    countries: tuple[str, ...]
    agents: tuple[str, ...]
    uris: tuple[str, ...]
    weight: int
    method: str = "GET"
    args: tuple[str, ...] = ("",)
    match: Match | None = None
    rarely: Match | None = None


XMLRPC = Match("wordpress-xmlrpc")
LOGIN_RATE = Match("login-rate-limit", kind="RATE_BASED")
PHP_PROBE = Match(PHP, "PHPHighRiskMethodsVariables_QUERYSTRING", "php-app:PHPHighRiskMethodsVariables_QueryString")
BAD_REPUTATION = Match(REPUTATION, "AWSManagedIPReputationList", "amazon-ip-list:AWSManagedIPReputationList")
SQL_INJECTION = Match(SQLI, "SQLi_QUERYARGUMENTS", "sql-database:SQLi_QueryArguments")
LARGE_BODY = Match(COMMON, "SizeRestrictions_BODY", "core-rule-set:SizeRestrictions_Body")

ACTORS = (
    Actor(
        tuple(f"203.0.113.{n}" for n in range(10, 90)), ("KR", "KR", "KR", "US", "DE", "-"), (MOZILLA, PHONE),
        ("/", "/about", "/blog/hello-world", "/wp-content/themes/x/style.css", "/wp-admin/admin-ajax.php", "/search"),
        600,
        args=("", "", "q=cream"),
    ),
    Actor(("2001:db8:0:1::5", "2001:db8:0:2::9"), ("JP",), (PHONE,), ("/", "/contact"), 40),
    # An editor who uploads a picture now and then: rightly a visitor, yet the body is larger than 8 KB.
    Actor(
        ("203.0.113.5",), ("KR",), (MOZILLA,), ("/wp-admin/post.php", "/wp-admin/async-upload.php", "/"), 120,
        rarely=LARGE_BODY,
    ),
    Actor(("198.51.100.7", "198.51.100.8"), ("NL", "RU"), ("zgrab/0.x", HOSTILE), ("/xmlrpc.php",), 60, "POST",
          match=XMLRPC),
    Actor(("198.51.100.20",), ("CN",), ("python-requests/2.32",), ("/wp-login.php",), 90, "POST", match=LOGIN_RATE),
    Actor(
        tuple(f"198.51.100.{n}" for n in range(100, 140)), ("US", "CN", "BR", "VN"),
        ("curl/8.5.0", "Go-http-client/1.1"),
        ("/index.php", "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php", HOSTILE_URI), 80,
        args=("a=allow_url_include%3d1", "s=/index/think/app/invokefunction"), match=PHP_PROBE,
    ),
    Actor(("192.0.2.66",), ("SC",), ("Mozilla/5.0 zgrab/0.x",), ("/", "/.env", "/.git/config"), 30,
          match=BAD_REPUTATION),
    Actor(("192.0.2.99",), ("UA",), ("sqlmap/1.8#stable",), ("/search",), 20, args=("q=1%27%20OR%20%271%27=%271",),
          match=SQL_INJECTION),
)  # fmt: skip


def events(
    web_acl_arn: str, start: int, end: int, requests: int, seed: int = 1, counting: frozenset[str] = frozenset()
) -> Iterator[Event]:
    """So many requests between two times in milliseconds, in order. Rules named in `counting` count, others block.

    A rule may be one of the web ACL, with a managed group as a whole, or one of a group.
    """
    chance = random.Random(seed)  # noqa: S311 - traffic that can be repeated, no secret
    actors = chance.choices(ACTORS, weights=[actor.weight for actor in ACTORS], k=requests)
    times = sorted(_moment(chance, start, end) for _ in range(requests))
    seen: Counter[Actor] = Counter()
    for moment, actor in zip(times, actors, strict=True):
        seen[actor] += 1
        match = actor.rarely if actor.rarely and seen[actor] % RARELY == RARELY // 2 else actor.match
        yield _event(chance, web_acl_arn, moment, actor, match, counting)


def _moment(chance: random.Random, start: int, end: int) -> int:
    """More of them in the second half of the span than in the first."""
    return start + int((end - start) * (1 - abs(chance.triangular(0, 1, 0.35))))


def _event(
    chance: random.Random, arn: str, moment: int, actor: Actor, match: Match | None, counting: frozenset[str]
) -> Event:
    counted = match is not None and match.rule in counting
    blocks = match is not None and not counted and match.inner not in counting
    address = chance.choice(actor.addresses)
    country = actor.countries[sum(address.encode()) % len(actor.countries)]
    agent = actor.agents[sum(address.encode()) % len(actor.agents)]
    return {
        "timestamp": moment,
        "formatVersion": 1,
        "webaclId": arn,
        "terminatingRuleId": match.rule if match and blocks else "Default_Action",
        "terminatingRuleType": _kind(match) if match and blocks else "REGULAR",
        "action": "BLOCK" if blocks else "ALLOW",
        "terminatingRuleMatchDetails": [],
        "httpSourceName": "ALB",
        "httpSourceId": f"{arn.split(':')[4]}-app/web/1234567890abcdef",
        "ruleGroupList": [_group(COMMON, match, counting), *([_group(match.rule, match, counting)]
                          if match and match.inner and match.rule != COMMON else [])],
        "rateBasedRuleList": _rates(match, address),
        "nonTerminatingMatchingRules": [{"ruleId": match.rule, "action": "COUNT", "ruleMatchDetails": []}]
        if match and counted else [],
        "requestHeadersInserted": None,
        "responseCodeSent": None,
        "httpRequest": {
            "clientIp": address,
            "country": country,
            "headers": [
                {"name": "Host", "value": "www.example.com"},
                {"name": "User-Agent", "value": agent},
                {"name": "Accept", "value": "*/*"},
            ],
            "uri": chance.choice(actor.uris),
            "args": chance.choice(actor.args),
            "httpVersion": "HTTP/2.0",
            "httpMethod": actor.method,
            "requestId": f"1-{moment // 1000:08x}-{chance.getrandbits(96):024x}",
            "fragment": "",
            "scheme": "https",
            "host": "www.example.com",
        },
        **({"labels": [{"name": f"awswaf:managed:aws:{match.label}"}]} if match and match.label else {}),
        "ja3Fingerprint": f"{chance.getrandbits(128):032x}",
    }  # fmt: skip


def _kind(match: Match) -> str:
    return "MANAGED_RULE_GROUP" if match.inner else match.kind


def _group(name: str, match: Match | None, counting: frozenset[str]) -> Event:
    hit = match.inner if match is not None and match.rule == name else None
    overridden: Event = {"ruleId": hit, "action": "COUNT", "overriddenAction": "BLOCK", "ruleMatchDetails": []}
    return {
        "ruleGroupId": f"AWS#{name}",
        "terminatingRule": {"ruleId": hit, "action": "BLOCK", "ruleMatchDetails": None}
        if hit and hit not in counting
        else None,
        "nonTerminatingMatchingRules": [overridden] if hit in counting else [],
        "excludedRules": None,
        "customerConfig": None,
    }


def _rates(match: Match | None, address: str) -> list[Event]:
    if match is None or match.kind != "RATE_BASED":
        return []
    return [
        {
            "rateBasedRuleId": match.rule,
            "rateBasedRuleName": match.rule,
            "limitKey": "IP",
            "maxRateAllowed": 100,
            "evaluationWindowSec": "300",
            "limitValue": address,
        }
    ]


def text(event: Event) -> str:
    """An event as AWS WAF writes it: without spaces, in AWS's order."""
    return json.dumps(event, separators=(",", ":"))


def write(logs: Any, group: str, traffic: list[Event], stream: str = "ap-northeast-2_web_0") -> None:
    """Write events to a log group, which must exist, in batches that AWS takes."""
    names = [each["logStreamName"] for each in logs.describe_log_streams(logGroupName=group)["logStreams"]]
    if stream not in names:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    batch: list[Event] = []
    for event in [*traffic, None]:
        full = len(batch) == MAX_BATCH or (batch and event and event["timestamp"] - batch[0]["timestamp"] > BATCH_SPAN)
        if batch and (event is None or full):
            entries = [{"timestamp": each["timestamp"], "message": text(each)} for each in batch]
            logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=entries)
            batch = []
        if event:
            batch.append(event)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lab.waf_logs", description="Write log events of a web ACL.")
    parser.add_argument("--web-acl", default="rampart", help="its name (%(default)s)")
    parser.add_argument("--hours", type=float, default=24, help="until now (%(default)s)")
    parser.add_argument("--requests", type=int, default=5000, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="another one gives other traffic (%(default)s)")
    parser.add_argument("--counting", nargs="*", default=[], metavar="RULE", help="these rules count, the others block")
    given = parser.parse_args()
    logs = boto3.client("logs")
    group = f"aws-waf-logs-{given.web_acl}"
    if group not in [each["logGroupName"] for each in logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]]:
        logs.create_log_group(logGroupName=group)
    account = boto3.client("sts").get_caller_identity()["Account"]
    web_acl = f"regional/webacl/{given.web_acl}/00000000-0000-4000-8000-000000000000"
    arn = f"arn:aws:wafv2:{logs.meta.region_name}:{account}:{web_acl}"
    end = int(time.time() * 1000)
    traffic = list(
        events(arn, end - int(given.hours * 3_600_000), end, given.requests, given.seed, frozenset(given.counting))
    )
    write(logs, group, traffic)
    blocked = sum(each["action"] == "BLOCK" for each in traffic)
    print(f"{group}: {len(traffic)} requests, {blocked} of them blocked")


if __name__ == "__main__":
    main()
