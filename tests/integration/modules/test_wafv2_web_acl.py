# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""wafv2_web_acl against the region: what it does, with which calls, and what it makes of faults."""

from __future__ import annotations

from typing import Any

import pytest

from lab.aws.testing import Aws

MODULE = "rampart.ops.wafv2_web_acl"
READ = ["ListWebACLs", "GetWebACL"]
ALLOW: dict[str, Any] = {"default_action": {"Allow": {}}}


class Acls:
    """The module with this account, and the truth."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.waf = aws.client("wafv2")

    def __call__(self, check: bool = False, **args: Any) -> dict[str, Any]:
        self.aws.reset_journal()
        result = self.aws.run_module(MODULE, {"name": "site", "scope": "REGIONAL", **args}, check=check)
        assert not result["failed"], result
        return result

    def fails(self, **args: Any) -> str:
        self.aws.reset_journal()
        result = self.aws.run_module(MODULE, {"name": "site", "scope": "REGIONAL", **args})
        assert result["failed"], result
        assert "Traceback" not in str(result), result
        return str(result["msg"])

    @property
    def calls(self) -> list[str]:
        return self.aws.operations()

    def held(self, name: str = "site", scope: str = "REGIONAL") -> dict[str, Any] | None:
        """The web ACL as the API returns it."""
        client = self.aws.client("wafv2", region="us-east-1") if scope == "CLOUDFRONT" else self.waf
        for summary in client.list_web_acls(Scope=scope)["WebACLs"]:
            if summary["Name"] == name:
                found: dict[str, Any] = client.get_web_acl(Name=name, Scope=scope, Id=summary["Id"])["WebACL"]
                return found
        return None

    def rules(self) -> list[tuple[str, int]]:
        held = self.held()
        assert held is not None
        return [(rule["Name"], rule["Priority"]) for rule in held["Rules"]]

    def ip_set(self, name: str = "blocked-ipv4") -> str:
        made = self.waf.create_ip_set(Name=name, Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=[])
        return str(made["Summary"]["ARN"])


@pytest.fixture
def acls(aws: Aws) -> Acls:
    return Acls(aws)


def geo(name: str, *codes: str, **more: Any) -> dict[str, Any]:
    statement = {"GeoMatchStatement": {"CountryCodes": list(codes or ("DE",))}}
    return {"Name": name, "Action": {"Block": {}}, "Statement": statement, **more}


def managed(group: str, **more: Any) -> dict[str, Any]:
    statement = {"VendorName": "AWS", "Name": f"AWSManagedRules{group}"}
    return {"Name": group, "Statement": {"ManagedRuleGroupStatement": statement}, **more}


def xmlrpc(**more: Any) -> dict[str, Any]:
    match = {
        "SearchString": "/xmlrpc.php",
        "FieldToMatch": {"UriPath": {}},
        "PositionalConstraint": "EXACTLY",
        "TextTransformations": [{"Priority": 0, "Type": "LOWERCASE"}],
    }
    return {"Name": "xmlrpc", "Action": {"Block": {}}, "Statement": {"ByteMatchStatement": match}, **more}


def test_life_cycle(acls: Acls) -> None:
    """Create, again, modify, again, delete, again; each in check mode first."""
    acls.ip_set()
    blocked = {"Name": "blocked", "Action": {"Block": {}}}
    by_name = {**blocked, "Statement": {"IPSetReferenceStatement": {"Name": "blocked-ipv4"}}}
    create = {**ALLOW, "description": "first words", "tags": {"Team": "ops"}, "rules": [by_name, xmlrpc(), geo("geo")]}
    modify = {
        **create,
        "description": "other words",
        "tags": {"Team": "web"},
        "rules": [by_name, geo("geo", "FR"), xmlrpc()],
    }

    would = acls(check=True, **create)
    assert would["changed"]
    assert acls.calls == ["ListWebACLs", "ListIPSets", "CheckCapacity"]
    assert acls.held() is None
    did = acls(**create)
    assert did["changed"]
    assert acls.calls == ["ListWebACLs", "ListIPSets", "CheckCapacity", "CreateWebACL"]
    assert did["diff"] == would["diff"]
    held = acls.held()
    assert held is not None
    assert (did["arn"], did["id"], did["capacity"]) == (held["ARN"], held["Id"], held["Capacity"])
    assert did["capacity_by_rule"] == {"blocked": 1, "xmlrpc": 12, "geo": 1}
    assert acls.rules() == [("blocked", 0), ("xmlrpc", 1), ("geo", 2)]
    assert held["Rules"][1]["Statement"]["ByteMatchStatement"]["SearchString"] == b"/xmlrpc.php"

    for check in (True, False):
        again = acls(check=check, **create)
        assert not again["changed"]
        assert acls.calls == [*READ, "ListTagsForResource"]
        assert again["diff"] == {"before": {}, "after": {}}
        assert (again["arn"], again["tags"], again["capacity"]) == (did["arn"], {"Team": "ops"}, 14)

    would = acls(check=True, **modify)
    assert would["changed"]
    assert acls.calls == [*READ, "ListTagsForResource", "CheckCapacity"]
    assert acls.rules()[1] == ("xmlrpc", 1)
    did = acls(**modify)
    assert acls.calls == [*READ, "ListTagsForResource", "CheckCapacity", "UpdateWebACL", "TagResource"]
    assert did["diff"] == would["diff"]
    assert did["diff"]["after"] == {
        "Description": "other words",
        "rule geo: Priority": 1,
        "rule geo: Statement.GeoMatchStatement.CountryCodes": ["FR"],
        "rule xmlrpc: Priority": 2,
        "tag Team": "web",
    }
    assert set(did["diff"]["before"]) == set(did["diff"]["after"])
    assert acls.rules() == [("blocked", 0), ("geo", 1), ("xmlrpc", 2)]
    for check in (True, False):
        assert not acls(check=check, **modify)["changed"]

    assert acls(check=True, state="absent")["changed"]
    assert acls.held() is not None
    did = acls(state="absent")
    assert (did["changed"], did["exists"], did["web_acl"]) == (True, False, None)
    assert acls.held() is None
    for check in (True, False):
        assert not acls(check=check, state="absent")["changed"]
        assert acls.calls == ["ListWebACLs"]


def test_merge_replaces_and_adds_by_name_and_touches_no_other_rule(acls: Acls) -> None:
    acls(**ALLOW, rules=[geo("a", Priority=10), geo("b", Priority=20), geo("c", Priority=30)])
    did = acls(rules_mode="merge", rules=[geo("b", "FR"), geo("new"), geo("first", Priority=5)])
    assert acls.calls == [*READ, "CheckCapacity", "UpdateWebACL"]
    assert acls.rules() == [("first", 5), ("a", 10), ("b", 20), ("c", 30), ("new", 31)]
    assert set(did["diff"]["before"]) == {"rule b: Statement.GeoMatchStatement.CountryCodes"}
    assert not acls(rules_mode="merge", rules=[geo("new"), geo("b", "FR")])["changed"]
    assert acls.calls == READ

    gone = {"state": "absent", "rules_mode": "merge", "rules": [{"Name": "b"}, {"Name": "never-there"}]}
    assert acls(check=True, **gone)["changed"]
    assert acls(**gone)["exists"]
    assert acls.rules() == [("first", 5), ("a", 10), ("c", 30), ("new", 31)]
    assert not acls(**gone)["changed"]
    assert not acls(state="absent", rules_mode="merge", rules=[])["changed"]


def test_what_is_not_declared_survives_an_update(acls: Acls) -> None:
    everything = {
        **ALLOW,
        "description": "all of it",
        "visibility_config": {"SampledRequestsEnabled": False, "MetricName": "other"},
        "custom_response_bodies": {"My_Body-A": {"ContentType": "TEXT_PLAIN", "Content": "no"}},
        "captcha_config": {"ImmunityTimeProperty": {"ImmunityTime": 600}},
        "challenge_config": {"ImmunityTimeProperty": {"ImmunityTime": 700}},
        "token_domains": ["example.com", "example.org"],
        "association_config": {"RequestBody": {"API_GATEWAY": {"DefaultSizeInspectionLimit": "KB_32"}}},
    }
    acls(**everything, rules=[geo("a")])
    before = acls.held()
    assert before is not None
    assert acls(rules=[geo("a", "FR")])["changed"]
    after = acls.held()
    assert after is not None
    changing = ("Rules", "LockToken")
    assert {k: v for k, v in after.items() if k not in changing} == {
        k: v for k, v in before.items() if k not in changing
    }
    assert after["VisibilityConfig"] == {
        "SampledRequestsEnabled": False,
        "CloudWatchMetricsEnabled": True,
        "MetricName": "other",
    }
    assert not acls(**everything)["changed"]

    emptied = acls(captcha_config={}, token_domains=[], description="", custom_response_bodies={})
    assert set(emptied["diff"]["before"]) >= {"CaptchaConfig.ImmunityTimeProperty.ImmunityTime", "TokenDomains"}
    after = acls.held()
    assert after is not None
    assert not {"CaptchaConfig", "TokenDomains", "CustomResponseBodies"} & set(after)
    assert after["ChallengeConfig"] == everything["challenge_config"]
    assert not acls(captcha_config={}, token_domains=[], description="")["changed"]


def test_more_capacity_than_wanted_is_refused_before_anything_is_written(acls: Acls) -> None:
    groups = [
        "PHPRuleSet", "WordPressRuleSet", "AnonymousIpList", "BotControlRuleSet", "CommonRuleSet",
        "AmazonIpReputationList", "KnownBadInputsRuleSet", "LinuxRuleSet", "SQLiRuleSet",
    ]  # fmt: skip
    bot = managed("BotControlRuleSet")
    bot["Statement"]["ManagedRuleGroupStatement"]["ManagedRuleGroupConfigs"] = [
        {"AWSManagedRulesBotControlRuleSet": {"InspectionLevel": "COMMON"}}
    ]
    nine = {**ALLOW, "rules": [bot if group.startswith("Bot") else managed(group) for group in groups]}
    message = acls.fails(**nine)
    assert "need 1625 WCU, max_capacity is 1500" in message
    assert "CommonRuleSet 700 (without it 925, which fits)" in message
    assert "WordPressRuleSet 100 (without it 1525)" in message
    assert acls.calls == ["ListWebACLs", "CheckCapacity"]
    assert acls.held() is None
    assert acls(**nine, max_capacity=1625)["capacity"] == 1625
    assert "need 1625 WCU" in acls.fails(**nine)
    assert acls.calls == READ
    assert not acls(description="")["changed"]  # who declares no rules asks for no capacity


def test_sets_that_do_not_exist_yet_are_a_warning_in_check_mode_only(acls: Acls) -> None:
    rules = [
        {"Name": "s", "Action": {"Count": {}}, "Statement": {"IPSetReferenceStatement": {"Name": "to-come"}}},
        managed("CommonRuleSet"),
    ]
    would = acls(check=True, **ALLOW, rules=rules)
    assert "there is no IP set to-come yet" in str(would["warnings"])
    assert would["capacity"] == 701
    assert acls.calls == ["ListWebACLs", "ListIPSets"]
    assert "there is no IP set to-come of scope REGIONAL" in acls.fails(**ALLOW, rules=rules)
    assert acls.held() is None
    arn = acls.ip_set("to-come")
    acls(**ALLOW, rules=rules)
    held = acls.held()
    assert held is not None
    assert held["Rules"][0]["Statement"]["IPSetReferenceStatement"]["ARN"] == arn


def test_cloudfront_talks_to_us_east_1(acls: Acls) -> None:
    acls(scope="CLOUDFRONT", **ALLOW, rules=[geo("a")])
    assert {call["region"] for call in acls.aws.journal()} == {"us-east-1"}
    assert acls.held(scope="CLOUDFRONT") is not None
    assert acls.held() is None
    assert not acls(scope="CLOUDFRONT", **ALLOW, rules=[geo("a")])["changed"]
    assert acls(scope="CLOUDFRONT", state="absent")["changed"]
    assert acls.held(scope="CLOUDFRONT") is None
