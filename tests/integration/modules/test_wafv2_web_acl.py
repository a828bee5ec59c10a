# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""wafv2_web_acl against the region: what it does, with which calls, and what it makes of faults."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
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
    gone["description"] = "of no meaning here"
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


# ---------------------------------------------------------------------------------------------- what is given and meant


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"default_action": {"Alow": {}}}, "DefaultAction has no member Alow: did you mean Allow?"),
        ({"rules": [geo("a", Priority=1), geo("b", Priority=1)]}, "a and b have the priority 1"),
        ({"resources": ["nonsense"]}, "resources: nonsense is no ARN of a"),
        ({"logging": {"LogDestinationConfigs": ["arn:aws:s3:::logs"]}}, "whose name begins with aws-waf-logs-"),
    ],
)
def test_bad_input_is_refused_without_a_call(acls: Acls, args: dict[str, Any], words: str) -> None:
    assert words in acls.fails(**{**ALLOW, **args})
    assert acls.calls == []


def test_a_web_acl_is_not_created_without_a_default_action(acls: Acls) -> None:
    assert "default_action must be given" in acls.fails(rules=[geo("a")])
    assert acls.held() is None


def test_equal_in_other_words_is_no_change(acls: Acls) -> None:
    match = {
        "SearchString": "a",
        "FieldToMatch": {"SingleHeader": {"Name": "X-Origin"}},
        "PositionalConstraint": "CONTAINS",
        "TextTransformations": [{"Priority": 1, "Type": "LOWERCASE"}, {"Priority": 0, "Type": "URL_DECODE"}],
    }
    one = [
        geo("countries", "DE", "FR"),
        {"Name": "limit", "Action": {"Block": {}}, "Statement": {"RateBasedStatement": {
            "Limit": "100", "AggregateKeyType": "IP", "ScopeDownStatement": {"ByteMatchStatement": match}}}},
        {**xmlrpc(), "Statement": {"OrStatement": {"Statements": [
            xmlrpc()["Statement"], {"SqliMatchStatement": {
                "FieldToMatch": {"Body": {"OversizeHandling": "CONTINUE"}}, "SensitivityLevel": "LOW",
                "TextTransformations": [{"Priority": 0, "Type": "NONE"}]}}]}}},
    ]  # fmt: skip
    assert acls(**ALLOW, rules=one)["changed"]
    slower = copy.deepcopy(one)
    slower[1]["Statement"]["RateBasedStatement"]["Limit"] = 200
    would = acls(check=True, **ALLOW, rules=slower)
    assert would["diff"]["before"] == {"rule limit: Statement.RateBasedStatement.Limit": 100}
    other = [dict(rule, Priority=number) for number, rule in enumerate(one)]
    other[0] = geo("countries", "FR", "DE", RuleLabels=[], Priority="0", VisibilityConfig={"MetricName": "countries"})
    other[1]["Statement"] = {"RateBasedStatement": {
        "Limit": 100, "EvaluationWindowSec": 300, "AggregateKeyType": "IP", "CustomKeys": None,
        "ScopeDownStatement": {"ByteMatchStatement": {
            **match, "FieldToMatch": {"SingleHeader": {"Name": "x-ORIGIN"}},
            "TextTransformations": list(reversed(match["TextTransformations"]))}}}}  # fmt: skip
    first, second = one[2]["Statement"]["OrStatement"]["Statements"]
    second = {"SqliMatchStatement": {
        "FieldToMatch": {"Body": {}}, "TextTransformations": [{"Priority": 0, "Type": "NONE"}]}}  # fmt: skip
    other[2]["Statement"] = {"OrStatement": {"Statements": [second, first]}}
    assert not acls(**ALLOW, rules=other)["changed"]
    assert acls.calls == READ


def test_all_three_kinds_of_reference_by_name(acls: Acls) -> None:
    ip_set = acls.ip_set()
    patterns = acls.waf.create_regex_pattern_set(
        Name="patterns", Scope="REGIONAL", RegularExpressionList=[{"RegexString": "a"}]
    )["Summary"]["ARN"]
    visible = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "g"}
    group = acls.waf.create_rule_group(Name="group", Scope="REGIONAL", Capacity=30, VisibilityConfig=visible)
    pattern = {
        "Name": "patterns",
        "FieldToMatch": {"UriPath": {}},
        "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
    }
    both = [{"IPSetReferenceStatement": {"Name": "blocked-ipv4"}}, {"RegexPatternSetReferenceStatement": pattern}]
    deep = {"NotStatement": {"Statement": {"AndStatement": {"Statements": both}}}}
    rules = [
        {"Name": "deep", "Action": {"Block": {}}, "Statement": deep},
        {"Name": "own", "Statement": {"RuleGroupReferenceStatement": {"Name": "group"}}},
    ]
    did = acls(**ALLOW, rules=rules)
    assert acls.calls[1:4] == ["ListIPSets", "ListRegexPatternSets", "ListRuleGroups"]
    assert did["capacity_by_rule"] == {"deep": 26, "own": 30}  # what is left of AWS's sum
    shown = str(acls.held())
    assert ip_set in shown
    assert patterns in shown
    assert group["Summary"]["ARN"] in shown
    assert not acls(**ALLOW, rules=rules)["changed"]
    assert acls.calls == READ  # what is referred to is known from the rules that are there


def test_pages_are_read_as_far_as_necessary(acls: Acls) -> None:
    acls.aws.switch(page_size=2)
    for n in range(5):
        acls.ip_set(f"set-{n}")
        acls(name=f"other-{n}", **ALLOW)
    rules = [{"Name": "s", "Action": {"Count": {}}, "Statement": {"IPSetReferenceStatement": {"Name": "set-4"}}}]
    acls(**ALLOW, rules=rules)
    assert not acls(**ALLOW, rules=rules)["changed"]
    assert acls.calls == ["ListWebACLs"] * 3 + ["GetWebACL"]


# -------------------------------------------------------------------------------------------- tags, resources, logging


def balancer(aws: Aws, name: str = "web") -> str:
    ec2, elb = aws.client("ec2"), aws.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"ap-northeast-2{zone}")["Subnet"]
        for n, zone in enumerate("ab")
    ]
    made = elb.create_load_balancer(Name=name, Subnets=[subnet["SubnetId"] for subnet in subnets])
    return str(made["LoadBalancers"][0]["LoadBalancerArn"])


def stage(aws: Aws) -> str:
    gateway = aws.client("apigateway")
    api = gateway.create_rest_api(name="api")["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    gateway.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    gateway.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK")
    gateway.create_deployment(restApiId=api, stageName="prod")
    return f"arn:aws:apigateway:ap-northeast-2::/restapis/{api}/stages/prod"


def test_resources_exactly_and_merged(acls: Acls) -> None:
    first, second, api = balancer(acls.aws), balancer(acls.aws, "other"), stage(acls.aws)
    assert acls(check=True, **ALLOW, resources=[first, api])["changed"]
    assert acls.held() is None
    did = acls(**ALLOW, resources=[first, api])
    assert acls.calls.count("AssociateWebACL") == 2
    assert did["resources"] == sorted([first, api])
    assert did["diff"]["after"][f"resource {api}"] == "associated"
    assert not acls(resources=[api, first])["changed"]

    merge = {"resources": [second], "resources_mode": "merge"}
    assert acls(check=True, **merge)["changed"]
    did = acls(**merge)
    assert acls.calls == [*READ, "ListResourcesForWebACL", "GetWebACLForResource", "AssociateWebACL"]
    assert not acls(**merge)["changed"]
    assert acls.calls == [*READ, "ListResourcesForWebACL"]

    assert acls(check=True, resources=[second])["changed"]
    did = acls(resources=[second])
    assert set(did["diff"]["before"]) == {f"resource {first}", f"resource {api}"}
    assert acls.calls.count("DisassociateWebACL") == 2
    assert "WebACL" not in acls.waf.get_web_acl_for_resource(ResourceArn=api)
    assert acls.waf.get_web_acl_for_resource(ResourceArn=second)["WebACL"]["Name"] == "site"

    assert not acls(description="")["changed"]  # who declares no resources does not touch them
    assert acls.waf.get_web_acl_for_resource(ResourceArn=second)["WebACL"]["Name"] == "site"


def test_a_resource_that_another_web_acl_protects_is_taken_with_a_warning(acls: Acls) -> None:
    arn = balancer(acls.aws)
    acls(name="other", **ALLOW, resources=[arn])
    for check in (True, False):
        did = acls(check=check, **ALLOW, resources=[arn])
        assert f"{arn} is taken from the web ACL other" in str(did["warnings"])
    assert acls.waf.get_web_acl_for_resource(ResourceArn=arn)["WebACL"]["Name"] == "site"


def test_a_resource_that_does_not_exist_is_told_at_once(acls: Acls) -> None:
    arn = f"arn:aws:elasticloadbalancing:ap-northeast-2:{acls.aws.account_id}:loadbalancer/app/none/0123456789abcdef"
    assert f"Could not read the web ACL of {arn}" in acls.fails(**ALLOW, resources=[arn])
    assert acls.calls == ["ListWebACLs", "GetWebACLForResource"]
    assert acls.held() is None


def test_logging(acls: Acls) -> None:
    acls.aws.client("logs").create_log_group(logGroupName="aws-waf-logs-site")
    group = f"arn:aws:logs:ap-northeast-2:{acls.aws.account_id}:log-group:aws-waf-logs-site"
    keep = {"Behavior": "KEEP", "Requirement": "MEETS_ANY", "Conditions": [
        {"ActionCondition": {"Action": "BLOCK"}}, {"LabelNameCondition": {"LabelName": "awswaf:x:y"}}]}  # fmt: skip
    wanted = {
        "LogDestinationConfigs": [f"{group}:*"],
        "RedactedFields": [{"SingleHeader": {"Name": "Authorization"}}, {"QueryString": {}}],
        "LoggingFilter": {"DefaultBehavior": "DROP", "Filters": [keep]},
    }

    def held() -> dict[str, Any]:
        arn = (acls.held() or {})["ARN"]
        found: dict[str, Any] = acls.waf.get_logging_configuration(ResourceArn=arn)["LoggingConfiguration"]
        return found

    assert acls(check=True, **ALLOW, logging=wanted)["changed"]
    assert acls.held() is None
    did = acls(**ALLOW, logging=wanted)
    assert acls.calls == ["ListWebACLs", "CreateWebACL", "PutLoggingConfiguration"]
    assert did["logging"]["LogDestinationConfigs"] == [group]
    assert held()["LoggingFilter"] == wanted["LoggingFilter"]
    for check in (True, False):
        assert not acls(check=check, logging=wanted)["changed"]
        assert acls.calls == [*READ, "GetLoggingConfiguration"]

    wanted = {"LogDestinationConfigs": ["arn:aws:s3:::aws-waf-logs-site"]}
    assert acls(check=True, logging=wanted)["changed"]
    did = acls(logging=wanted)
    assert acls.calls == [*READ, "GetLoggingConfiguration", "PutLoggingConfiguration"]
    assert did["diff"]["after"]["logging.LogDestinationConfigs"] == ["arn:aws:s3:::aws-waf-logs-site"]
    assert not held().get("RedactedFields")
    firehose = f"arn:aws:firehose:ap-northeast-2:{acls.aws.account_id}:deliverystream/aws-waf-logs-site"
    assert acls(logging={"LogDestinationConfigs": [firehose]})["changed"]

    assert not acls(description="")["changed"]  # who declares no logging does not touch it
    assert held()["LogDestinationConfigs"] == [firehose]
    assert acls(check=True, logging={})["changed"]
    assert acls(logging={})["changed"]
    assert acls.calls == [*READ, "GetLoggingConfiguration", "DeleteLoggingConfiguration"]
    assert not acls(logging={})["changed"]


def test_absent_dissociates_ends_logging_and_deletes_in_this_order(acls: Acls) -> None:
    arn = balancer(acls.aws)
    acls(**ALLOW, resources=[arn], logging={"LogDestinationConfigs": ["arn:aws:s3:::aws-waf-logs-site"]})
    would = acls(check=True, state="absent")
    assert would["changed"]
    did = acls(state="absent")
    assert did["diff"] == would["diff"]
    assert acls.calls[-3:] == ["DisassociateWebACL", "DeleteLoggingConfiguration", "DeleteWebACL"]
    assert acls.held() is None
    assert "WebACL" not in acls.waf.get_web_acl_for_resource(ResourceArn=arn)


def test_tags_are_merged_or_exact(acls: Acls) -> None:
    acls(**ALLOW, tags={"Team": "ops", "my_Key": "As-is"})
    assert acls(tags={"new": "1"}, purge_tags=False)["tags"] == {"Team": "ops", "my_Key": "As-is", "new": "1"}
    assert acls.calls == [*READ, "ListTagsForResource", "TagResource"]
    assert acls(tags={"new": "2"})["tags"] == {"new": "2"}
    assert acls.calls[-2:] == ["UntagResource", "TagResource"]
    assert not acls(tags={"new": "2"})["changed"]


# -------------------------------------------------------------------------------------------------------------- faults


@pytest.mark.parametrize("operation", ["ListWebACLs", "GetWebACL", "CheckCapacity", "UpdateWebACL"])
@pytest.mark.parametrize("kind", ["throttle", "error"])
def test_throttling_and_server_errors_are_waited_out(acls: Acls, operation: str, kind: str) -> None:
    acls(**ALLOW, rules=[geo("a")])
    acls.aws.fault(service="wafv2", operation=operation, kind=kind, times=2)
    assert acls(rules=[geo("a", "FR")])["changed"]
    assert acls.calls.count(operation) == 3


@pytest.mark.parametrize("mode", ["exact", "merge"])
def test_a_lost_lock_is_answered_by_reading_again(acls: Acls, mode: str) -> None:
    """What somebody else wrote in between is merged with, or overruled."""
    acls(**ALLOW, rules=[geo("a")])
    visible = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "m"}
    theirs = {**geo("theirs", Priority=7), "VisibilityConfig": visible}
    acls.aws.fault(service="wafv2", operation="UpdateWebACL", kind="lock_race", params={"rules": [theirs]})
    acls.aws.fault(service="wafv2", operation="UpdateWebACL", kind="lock_race")
    did = acls(rules=[geo("a"), geo("b")], rules_mode=mode)
    assert did["changed"]
    assert acls.calls == [*READ, "CheckCapacity", "UpdateWebACL"] * 3
    b = 8 if mode == "merge" else 1
    assert acls.rules() == ([("a", 0), ("theirs", 7), ("b", b)] if mode == "merge" else [("a", 0), ("b", 1)])


def test_concurrent_writers_all_win(acls: Acls) -> None:
    """Each adds a rule of its own and then takes one out: none is lost, none comes back."""
    writers = range(3)
    acls(**ALLOW, rules=[geo(f"old-{n}") for n in writers])

    def change(n: int) -> list[dict[str, Any]]:
        common = {"name": "site", "scope": "REGIONAL", "rules_mode": "merge"}
        return [
            acls.aws.run_module(MODULE, {**common, "rules": [geo(f"new-{n}")]}),
            acls.aws.run_module(MODULE, {**common, "rules": [{"Name": f"old-{n}"}], "state": "absent"}),
        ]

    with ThreadPoolExecutor() as pool:
        results = [result for pair in pool.map(change, writers) for result in pair]
    assert all(result["changed"] and not result["failed"] for result in results), results
    assert {name for name, _priority in acls.rules()} == {f"new-{n}" for n in writers}


@pytest.mark.parametrize(
    ("operation", "before", "args"),
    [
        ("CreateWebACL", None, {**ALLOW, "rules": [geo("a")]}),
        ("UpdateWebACL", [geo("z")], {"rules": [geo("a")]}),
        ("DeleteWebACL", [geo("z")], {"state": "absent"}),
    ],
)
def test_a_lost_answer_is_recognised_by_reading(
    acls: Acls, operation: str, before: list[Any] | None, args: dict[str, Any]
) -> None:
    if before is not None:
        acls(**ALLOW, rules=before)
    acls.aws.fault(service="wafv2", operation=operation, kind="lost_answer", times=1)
    did = acls(**args)
    assert did["changed"]
    assert acls.calls.count(operation) == 2
    held = acls.held()
    if "state" in args:
        assert held is None
    else:
        assert held is not None
        assert did["arn"] == held["ARN"]
        assert acls.rules() == [("a", 0)]
    assert not acls(**args)["changed"]


def test_a_list_that_is_behind_leads_to_no_second_web_acl(acls: Acls) -> None:
    acls.aws.fault(service="wafv2", operation="ListWebACLs", kind="stale", times=1)
    visible = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "m"}
    acls.waf.create_web_acl(Name="site", Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig=visible)
    acls(**ALLOW, rules=[geo("a")])
    assert acls.calls == ["ListWebACLs", "CheckCapacity", "CreateWebACL", *READ, "CheckCapacity", "UpdateWebACL"]
    assert acls.rules() == [("a", 0)]


def test_a_set_that_is_not_listed_yet_is_waited_for(acls: Acls) -> None:
    acls.aws.fault(service="wafv2", operation="ListIPSets", kind="stale", times=1)
    acls.ip_set()
    rules = [{"Name": "s", "Action": {"Count": {}}, "Statement": {"IPSetReferenceStatement": {"Name": "blocked-ipv4"}}}]
    assert acls(**ALLOW, rules=rules)["changed"]
    assert acls.calls.count("ListIPSets") == 2


def test_a_dissociation_that_is_not_noticed_yet_is_waited_for(acls: Acls) -> None:
    acls(**ALLOW, resources=[balancer(acls.aws)])
    acls.aws.fault(
        service="wafv2", operation="DeleteWebACL", kind="error", times=2,
        params={"status": 400, "code": "WAFAssociatedItemException", "message": "being used"},
    )  # fmt: skip
    assert acls(state="absent")["changed"]
    assert acls.calls.count("DeleteWebACL") == 3
    assert acls.held() is None


def test_a_web_acl_that_something_else_uses_is_told_at_once(acls: Acls) -> None:
    acls(**ALLOW)
    acls.aws.fault(
        service="wafv2", operation="DeleteWebACL", kind="error",
        params={"status": 400, "code": "WAFAssociatedItemException", "message": "being used"},
    )  # fmt: skip
    assert "for CloudFront a distribution: take it out there first" in acls.fails(state="absent")
    assert acls.calls.count("DeleteWebACL") == 1


def test_one_write_a_second_is_enough(acls: Acls) -> None:
    """That is what AWS permits."""
    acls.aws.switch(rates=True)
    whole = {**ALLOW, "rules": [geo("a")], "tags": {"a": "b"}, "resources": [balancer(acls.aws)]}
    assert acls(**whole)["changed"]
    assert not acls(**whole)["changed"]


def test_a_missing_permission_is_told_once_and_at_once(acls: Acls) -> None:
    denied = {
        "status": 400,
        "code": "AccessDeniedException",
        "message": "not authorized to perform wafv2:CheckCapacity",
    }
    acls.aws.fault(service="wafv2", operation="CheckCapacity", kind="error", params=denied)
    message = acls.fails(**ALLOW, rules=[geo("a")])
    assert "Could not check the rules" in message
    assert "wafv2:CheckCapacity" in message
    assert acls.calls == ["ListWebACLs", "CheckCapacity"]
    assert acls.held() is None
