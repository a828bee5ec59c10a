# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The presets of the role waf, and what the filter waf_policy makes of declarations."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from posixpath import normpath
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from ansible_collections.rampart.ops.plugins.filter.waf_policy import waf_policy
from ansible_collections.rampart.ops.plugins.module_utils.wafv2 import capacity
from ansible_collections.rampart.ops.plugins.plugin_utils.waf.policy import STOPPING, compose, proposals

REPO = Path(__file__).parents[3]
PRESETS: dict[str, Any] = yaml.safe_load((REPO / "roles/waf/vars/main.yml").read_text())["__waf_presets"]
# A template of an older ansible-core yields text.
DENY = {"name": "rampart-blocked", "shards": "1", "scope": "REGIONAL"}
TODAY = "2026-12-01"
# What presets need before they can be made.
NEEDED: dict[str, dict[str, Any]] = {
    "wordpress": {"admin_networks": ["192.0.2.0/24"]},
    "api_allowlist": {"declared_paths": ["/user", "/content", "/was"]},
}
COMBINATIONS = [list(each) for n in range(len(PRESETS) + 1) for each in itertools.combinations(PRESETS, n)]


def declared(presets: list[str], **more: Any) -> dict[str, Any]:
    needed = {key: value for preset in presets for key, value in NEEDED.get(preset, {}).items()}
    return {"name": "site", "presets": presets, **needed, **more}


def made(presets: list[str], today: str = TODAY, **more: Any) -> dict[str, Any]:
    result = waf_policy([declared(presets, **more)], PRESETS, DENY, today)
    assert result["problems"] == []
    (web_acl,) = result["present"]
    assert isinstance(web_acl, dict)
    return web_acl


def problem(presets: list[str], **more: Any) -> str:
    result = waf_policy([declared(presets, **more)], PRESETS, DENY, TODAY)
    assert result["present"] == []
    (only,) = result["problems"]
    return str(only)


def names(web_acl: dict[str, Any]) -> list[str]:
    return [rule["Name"] for rule in web_acl["rules"]]


def rule(web_acl: dict[str, Any], name: str) -> dict[str, Any]:
    return next(dict(each) for each in web_acl["rules"] if each["Name"] == name)


def can_stop(web_acl: dict[str, Any]) -> list[str]:
    """The rules that stop requests as they are."""
    return [
        each["Name"]
        for each in web_acl["rules"]
        if each.get("OverrideAction") == {"None": {}} or set(STOPPING) & set(each.get("Action", {}))
    ]


# ---------------------------------------------------------------------------------------------------- count, then block


@pytest.mark.parametrize("presets", COMBINATIONS, ids="+".join)
def test_whatever_is_combined_counts_at_first_and_lets_everybody_in(presets: list[str]) -> None:
    web_acl = made(presets, max_capacity=5000)
    assert can_stop(web_acl) == []
    assert web_acl["default_action"] == {"Allow": {}}
    assert web_acl["enforced"] == []
    assert list(web_acl["counted"]) == [each for each in names(web_acl) if each != "declared-paths"]


@pytest.mark.parametrize("presets", COMBINATIONS, ids="+".join)
def test_whatever_is_combined_can_be_enforced(presets: list[str]) -> None:
    web_acl = made(presets, max_capacity=5000)
    everything = dict.fromkeys(web_acl["counted"], "now")
    enforced = made(presets, max_capacity=5000, enforce=everything)
    assert can_stop(enforced) == list(everything) == enforced["enforced"]
    assert enforced["counted"] == {}
    assert names(enforced) == names(web_acl)
    assert enforced["default_action"] == {"Block" if "api_allowlist" in presets else "Allow": {}}


def test_a_rule_is_enforced_from_its_day_on() -> None:
    day = {"denied": "now", "rate-limit": "2026-12-02"}
    assert made(["web"], "2026-12-01", enforce=day)["enforced"] == ["denied"]
    assert made(["web"], "2026-12-01", enforce=day)["counted"]["rate-limit"] == "2026-12-02"
    assert made(["web"], "2026-12-02", enforce=day)["enforced"] == ["denied", "rate-limit"]
    assert made(["web"], "2027-01-01", enforce=day)["enforced"] == ["denied", "rate-limit"]


def test_a_date_of_yaml_is_one() -> None:
    assert made(["web"], enforce=yaml.safe_load("rate-limit: 2026-12-01"))["enforced"] == ["rate-limit"]


def test_what_is_added_later_counts_whatever_was_enforced_before() -> None:
    enforce = dict.fromkeys(made(["web"])["counted"], "now")
    assert list(made(["web", "php"], enforce=enforce)["counted"]) == ["AWSManagedRulesPHPRuleSet"]


def test_own_rules_count_too_and_keep_what_stops_nobody() -> None:
    geo = {"GeoMatchStatement": {"CountryCodes": ["DE"]}}
    rules = [
        {"Name": "captcha", "Action": {"Captcha": {}}, "Statement": geo},
        {"Name": "let-in", "Action": {"Allow": {}}, "Statement": geo},
        {"Name": "label", "Action": {"Count": {}}, "Statement": geo, "RuleLabels": [{"Name": "german"}]},
    ]
    web_acl = made(["web"], rules=rules)
    assert rule(web_acl, "captcha")["Action"] == {"Count": {}}
    assert rule(web_acl, "let-in")["Action"] == {"Allow": {}}
    assert rule(made(["web"], rules=rules, enforce={"captcha": "now"}), "captcha")["Action"] == {"Captcha": {}}
    assert "there is no rule let-in that could stop" in problem(["web"], rules=rules, enforce={"let-in": "now"})


def test_a_rule_of_a_group_can_go_on_counting() -> None:
    web_acl = made(["web"], count_only={"AWSManagedRulesCommonRuleSet": ["SizeRestrictions_BODY"]})
    (override,) = rule(web_acl, "AWSManagedRulesCommonRuleSet")["Statement"]["ManagedRuleGroupStatement"][
        "RuleActionOverrides"
    ]
    assert override == {"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}


# ---------------------------------------------------------------------------------------------------------------- order


def test_the_order_in_which_a_request_meets_the_rules() -> None:
    geo = {"Name": "own", "Action": {"Block": {}}, "Statement": {"GeoMatchStatement": {"CountryCodes": ["DE"]}}}
    presets = ["bot_control", "wordpress", "api_allowlist", "web"]
    web_acl = made(presets, allowed_networks=["192.0.2.9"], rules=[geo], blocked_paths={"no-git": ["/.git"]})
    assert names(web_acl) == [
        "allowed-networks",
        "denied",
        "rate-limit",
        "login-rate-limit",
        "wordpress-xmlrpc",
        "no-git",
        "wordpress-admin",
        "undeclared-paths",
        "own",
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesAnonymousIpList",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesWordPressRuleSet",
        "AWSManagedRulesBotControlRuleSet",
        "declared-paths",
    ]


def test_rates_are_as_declared_and_else_as_aws_has_them() -> None:
    body = {"Limit": 2000, "AggregateKeyType": "IP"}
    assert rule(made(["web"]), "rate-limit")["Statement"] == {"RateBasedStatement": body}
    fast = made(["wordpress"], rate_limit=0, login_rate_limit=10, rate_window=60)
    assert "rate-limit" not in names(fast)
    login = rule(fast, "login-rate-limit")["Statement"]["RateBasedStatement"]
    assert (login["Limit"], login["EvaluationWindowSec"]) == (10, 60)
    assert matches(login["ScopeDownStatement"], "/wp-login.php") and not matches(login["ScopeDownStatement"], "/")


def test_every_shard_of_the_blocklist_is_referred_to() -> None:
    (web_acl,) = waf_policy([declared(["web"])], PRESETS, {**DENY, "shards": 3}, TODAY)["present"]
    assert isinstance(web_acl, dict)
    statements = rule(web_acl, "denied")["Statement"]["OrStatement"]["Statements"]
    assert [each["IPSetReferenceStatement"]["Name"] for each in statements] == [
        f"rampart-blocked-{family}{shard}" for family in ("ipv4", "ipv6") for shard in ("", "-shard2", "-shard3")
    ]
    assert "may to 50" in str(waf_policy([declared(["web"])], PRESETS, {**DENY, "shards": 26}, TODAY)["problems"])


def test_the_blocklist_of_one_scope_is_not_referred_to_by_the_other() -> None:
    assert made(["web"])["denies"]
    assert not made(["web"], scope="CLOUDFRONT")["denies"]
    assert made(["web"], scope="CLOUDFRONT", deny_ip_set_name="rampart-blocked")["denies"]
    assert not made(["web"], deny_ip_set_name="")["denies"]


# ---------------------------------------------------------------------------------------------------------------- paths


def matches(statement: dict[str, Any], uri: str) -> bool:
    """As AWS WAF: the path is transformed, then searched."""
    ((kind, body),) = statement.items()
    if kind == "NotStatement":
        return not matches(body["Statement"], uri)
    if kind in ("AndStatement", "OrStatement"):
        return (all if kind == "AndStatement" else any)(matches(each, uri) for each in body["Statements"])
    if kind == "IPSetReferenceStatement":
        return False  # a stranger
    assert [each["Type"] for each in body["TextTransformations"]] == ["URL_DECODE", "NORMALIZE_PATH"]
    path = re.sub("//+", "/", unquote(uri))
    end = "/" if path.endswith("/") else ""
    path = normpath(path)
    return re.search(body["RegexString"], path if path == "/" else path + end) is not None


@pytest.mark.parametrize(
    ("uri", "stopped"),
    [
        ("/wp-admin", True),
        ("/wp-admin/", True),
        ("/wp-admin/options.php", True),
        ("/wp-login.php", True),
        ("//wp-login.php", True),
        ("/%77p-login.php", True),
        ("/blog/../wp-login.php", True),
        ("/wp-admin/admin-ajax.php/../options.php", True),
        ("/wp-admin/admin-ajax.php", False),
        ("/wp-admin/admin-post.php", False),
        ("/", False),
        ("/wp-administrators", False),
        ("/wp-login.phps", False),
        ("/wp-content/themes/x/style.css", False),
    ],
)
def test_strangers_do_not_reach_the_administration(uri: str, stopped: bool) -> None:
    assert matches(rule(made(["wordpress"]), "wordpress-admin")["Statement"], uri) is stopped


@pytest.mark.parametrize(
    ("uri", "let_in"),
    [
        ("/user", True),
        ("/user/7/cart", True),
        ("/was/", True),
        ("/%75ser/7", True),
        ("/username", False),
        ("/", False),
        ("/admin", False),
        ("/user/../admin", False),
        ("/user/%2e%2e/admin", False),
        ("/admin/user", False),
        ("/User", False),
    ],
)
def test_only_declared_paths_are_let_in(uri: str, let_in: bool) -> None:
    web_acl = made(["api_allowlist"])
    assert matches(rule(web_acl, "declared-paths")["Statement"], uri) is let_in
    assert matches(rule(web_acl, "undeclared-paths")["Statement"], uri) is not let_in


def test_more_paths_than_an_expression_holds() -> None:
    paths = [f"/service-{n:03}/v1.0" for n in range(100)]
    statement = rule(made(["api_allowlist"], declared_paths=paths), "declared-paths")["Statement"]
    assert all(matches(statement, path) for path in paths)
    assert not matches(statement, "/service-100/v1.0")
    assert not matches(statement, "/service-001/v1x0")
    assert all(
        len(each["RegexMatchStatement"]["RegexString"]) <= 512 for each in statement["OrStatement"]["Statements"]
    )


# ------------------------------------------------------------------------------------------------------------- capacity


def table() -> str:
    """The WCU of every combination of presets, as docs/waf.md shows them."""
    columns: list[list[str]] = [[], ["web"], ["api_allowlist"], ["web", "api_allowlist"]]
    others = [preset for preset in PRESETS if preset not in ("web", "api_allowlist")]
    lines = ["| and | neither | `web` | `api_allowlist` | both |", "|---|---|---|---|---|"]
    for number in range(len(others) + 1):
        for chosen in itertools.combinations(others, number):
            needs = [compose(declared([*column, *chosen]), PRESETS, DENY, TODAY).capacity for column in columns]
            cells = [f"**{wcu:,}**" if wcu > capacity.INCLUDED_WCU else f"{wcu:,}" for wcu in needs]
            lines.append(f"| {', '.join(f'`{each}`' for each in chosen) or '-'} | {' | '.join(cells)} |")
    return "\n".join(lines)


def test_the_documentation_tells_the_wcu_of_every_combination() -> None:
    text = (REPO / "docs/waf.md").read_text()
    assert table() in text, f"docs/waf.md should have\n\n{table()}\n"


NINE = [
    *("PHPRuleSet", "WordPressRuleSet", "AnonymousIpList", "BotControlRuleSet", "CommonRuleSet"),
    *("AmazonIpReputationList", "KnownBadInputsRuleSet", "LinuxRuleSet", "SQLiRuleSet"),
]


def test_nine_groups_are_too_much_and_the_message_says_what_to_leave_out() -> None:
    groups = [f"AWSManagedRules{each}" for each in NINE]
    nine = {"managed_rule_groups": groups, "deny_ip_set_name": "", "rate_limit": 0}
    assert compose(declared([], **nine), PRESETS, DENY, TODAY).capacity == 1625
    told = problem([], **nine)
    assert "need 1625 WCU, max_capacity is 1500" in told
    assert "Choose: without: [AWSManagedRulesLinuxRuleSet] (1425 WCU); or without: [AWSManagedRulesSQLiRuleSet]" in told
    assert "or max_capacity: 1625 (AWS charges extra" in told
    assert made([], **nine, without=["AWSManagedRulesLinuxRuleSet"])["capacity"] == 1425
    assert made([], **nine, max_capacity=2000)["capacity"] == 1625


@pytest.mark.parametrize("presets", COMBINATIONS, ids="+".join)
def test_what_is_proposed_fits(presets: list[str]) -> None:
    given = declared(presets)
    policy = compose(given, PRESETS, DENY, TODAY)
    if policy.capacity <= capacity.INCLUDED_WCU:
        assert made(presets)["capacity"] == policy.capacity
        return
    proposed = proposals(policy, capacity.INCLUDED_WCU)
    assert proposed
    for without, total in proposed:
        assert made(presets, without=without)["capacity"] == total <= capacity.INCLUDED_WCU


# ------------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"presets": ["wordpress"]}, "admin_networks: name the networks that may reach /wp-admin, /wp-login.php"),
        ({"presets": ["api_allowlist"]}, "need each other"),
        ({"declared_paths": ["/user"]}, "need each other"),
        ({"presets": ["webb"]}, "there is no webb, but web, "),
        (
            {"enforce": {"rate_limit": "now"}},
            "rate_limit that could stop a request: did you mean rate-limit?",
        ),
        ({"enforce": {"rate-limit": "soon"}}, "'soon' is neither now nor a date"),
        ({"enforce": {"rate-limit": True}}, "'True' is neither now nor a date"),
        ({"without": ["sqli"]}, "without: there is no rule sqli; the rules are denied, rate-limit, AWSM"),
        ({"presets": ["api_allowlist"], "declared_paths": ["/a"], "without": ["declared-paths"]}, "not alone"),
        ({"blocked_paths": {"b": ["git"]}}, "b: 'git' is no path"),
        ({"blocked_paths": {"b": []}}, "b: name a path"),
        ({"blocked_paths": {"denied": ["/x"]}}, "there is more than one rule denied"),
        ({"count_only": {"CommonRuleSet": ["X"]}}, "there is no managed rule group CommonRuleSet"),
        ({"allowed_networks": ["0.0.0.0/0"]}, "0.0.0.0/0 takes in too much"),
        ({"admin_networks": ["office"]}, "'office' is neither an address nor a network"),
        ({"rules": [{"Name": "x"}]}, "each needs a Name and a Statement"),
        ({"rules": [{"Name": "x", "Action": {"Blok": {}}, "Statement": {"GeoMatchStatement": {}}}]}, "Blok"),
        ({"managed_rule_groups": [{"Name": "X", "Vendor": "Y"}]}, "Vendor"),
        ({"rate_limit": 3}, "Limit"),
        ({"name": "a b"}, "name"),
        (
            {"resources": ["arn:aws:cloudfront::123456789012:distribution/E1"]},
            "a distribution names its web ACL",
        ),
        ({"logging": {"LogDestinationConfigs": ["arn:aws:s3:::logs"]}}, "begins with aws-waf-logs-"),
        ({"name": "rampart", "deny_ip_set_name": "rampart-allowed"}, "is the name of the blocklist's IP sets"),
    ],
)
def test_mistakes_are_told_before_aws_is_asked(given: dict[str, Any], told: str) -> None:
    result = waf_policy([{"name": "site", **given}], PRESETS, DENY, TODAY)
    assert result["present"] == []
    assert told in " ".join(map(str, result["problems"])), result["problems"]


def test_one_mistake_stops_all() -> None:
    result = waf_policy([{"name": "good"}, {"name": "bad", "rate_limit": 1}], PRESETS, DENY, TODAY)
    assert result["present"] == []
    assert "Two web ACLs are named good." in str(
        waf_policy([{"name": "good"}, {"name": "good", "scope": "CLOUDFRONT"}], PRESETS, DENY, TODAY)["problems"]
    )


def test_what_is_absent_needs_only_its_name() -> None:
    (gone,) = waf_policy([{"name": "site", "state": "absent", "scope": "CLOUDFRONT"}], PRESETS, DENY, TODAY)["absent"]
    assert isinstance(gone, dict)
    assert gone["region"] == "us-east-1"
    assert gone["unused_ip_sets"] == ["site-allowed", "site-admin"]
