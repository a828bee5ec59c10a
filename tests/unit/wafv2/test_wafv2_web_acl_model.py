# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What is refused before AWS is asked, what rules cost, and in which order they come."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.wafv2 import capacity, rules
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.web_acl import Model, plan
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.web_acl_api import WebAcls
from ansible_collections.rampart.ops.plugins.modules.wafv2_web_acl import ARGUMENT_SPEC, wanted_of
from botocore.awsrequest import AWSResponse

from tests.unit.wafv2.web_acl_strategies import MEMBERS, MODEL, RULE

SHAPES = Model(
    members={name: shape for name, shape in MEMBERS.items() if name not in ("Name", "Scope", "Id", "LockToken")},
    name=MEMBERS["Name"],
    logging=MODEL.shape_for("LoggingConfiguration"),
)
NONE = [{"Priority": 0, "Type": "NONE"}]


def geo(name: str, *codes: str, **more: Any) -> dict[str, Any]:
    statement = {"GeoMatchStatement": {"CountryCodes": list(codes or ("DE",))}}
    return {"Name": name, "Action": {"Block": {}}, "Statement": statement, **more}


def managed(group: str, **more: Any) -> dict[str, Any]:
    statement = {"VendorName": "AWS", "Name": f"AWSManagedRules{group}"}
    return {"Name": group, "Statement": {"ManagedRuleGroupStatement": statement}, **more}


def match(**more: Any) -> dict[str, Any]:
    made = {"SearchString": "a", "FieldToMatch": {"UriPath": {}}, "PositionalConstraint": "EXACTLY"}
    return {"ByteMatchStatement": {**made, "TextTransformations": NONE, **more}}


def limit(**more: Any) -> dict[str, Any]:
    return {"RateBasedStatement": {"Limit": 100, "AggregateKeyType": "IP", **more}}


def response(**more: Any) -> dict[str, Any]:
    return {"Block": {"CustomResponse": {"ResponseCode": 403, **more}}}


def refusal(**args: Any) -> str:
    params = {name: option.get("default") for name, option in ARGUMENT_SPEC.items()}
    given = {"name": "site", "scope": "REGIONAL", "default_action": {"Allow": {}}, "rules": [geo("a")], **args}
    with pytest.raises(InvalidError) as caught:
        plan(None, wanted_of({**params, **given}, "ap-northeast-2", SHAPES), SHAPES)
    return str(caught.value)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"name": "a b"}, "name: 'a b' does not match"),
        ({"default_action": {"Alow": {}}}, "DefaultAction has no member Alow: did you mean Allow?"),
        ({"default_action": {"Allow": {}, "Block": {}}}, "DefaultAction: exactly one of Block, Allow is needed"),
        ({"default_action": {}}, "DefaultAction: exactly one of"),
        ({"default_action": None}, "default_action must be given to create the web ACL site"),
        ({"visibility_config": {"MetricName": "a b"}}, "VisibilityConfig.MetricName: 'a b' does not match"),
        ({"token_domains": ["a b"]}, "TokenDomains[0]: 'a b' does not match"),
        ({"association_config": {"RequestBody": {"ALB": {}}}}, "'ALB' is not a AssociatedResourceType"),
        (
            {"captcha_config": {"ImmunityTimeProperty": {"ImmunityTime": 59}}},
            "ImmunityTime: 59, AWS takes no less than 60",
        ),
        ({"rules": [geo("r", action={"Block": {}})]}, "rule r: Rule has no member action: did you mean Action?"),
        ({"rules": [geo("r", Action=None)]}, "rule r: Action must be given"),
        ({"rules": [geo("r", OverrideAction={"None": {}})]}, "only a rule group has an OverrideAction"),
        ({"rules": [managed("A", Action={"Block": {}})]}, "rule A: a rule group has an OverrideAction, and no Action"),
        ({"rules": [geo("r"), geo("r")]}, "there is more than one rule r"),
        ({"rules": [geo("a", Priority=1), geo("b", Priority=1)]}, "a and b have the priority 1"),
        ({"rules": [geo("a", Priority=1), geo("b", Priority=0), geo("c")]}, "a and c have the priority 1"),
        (
            {"rules": [geo("a", Priority=1), geo("b", Priority="1")], "rules_mode": "merge"},
            "a and b have the priority 1",
        ),
        ({"rules": [geo("r", "XX")]}, "CountryCodes[0]: 'XX' is not a CountryCode"),
        ({"rules": [{"Statement": {}}]}, "rules[0]: a dictionary with a Name is needed"),
        ({"rules": [geo("r", Statement={})]}, "rule r: Statement must be given"),
        ({"rules": [geo("r", Statement="none")]}, "rule r.Statement: a dictionary is needed, not 'none'"),
        ({"rules": [geo("r", Statement={"GeoMatchStatement": {}, **match()})]}, "rule r.Statement: exactly one of"),
        ({"rules": [geo("r", Priority="first")]}, "rule r.Priority: a whole number is needed, not 'first'"),
        ({"rules": [geo("r", VisibilityConfig="on")]}, "rule r.VisibilityConfig: a dictionary is needed, not 'on'"),
        ({"rules": [geo("r", VisibilityConfig=["on"])]}, "rule r.VisibilityConfig: a dictionary is needed"),
        ({"rules": [geo("All")]}, "the MetricName All is reserved"),
        ({"rules": [geo("r", Action=response(ResponseCode=99))]}, "ResponseCode: 99, AWS takes no less than 200"),
        ({"rules": [geo("r", Action=response(CustomResponseBodyKey="x"))]}, "there is none of the name x"),
        ({"default_action": response(CustomResponseBodyKey="x")}, "there is none of the name x"),
        (
            {"rules": [geo("r", Statement={"NotStatement": {"Statement": limit()}})]},
            "rule r: a RateBasedStatement cannot be within another statement",
        ),
        (
            {"rules": [geo("r", Statement=limit(ScopeDownStatement=managed("A")["Statement"]))]},
            "rule r: a ManagedRuleGroupStatement cannot be within another statement",
        ),
        (
            {"rules": [geo("r", Statement={"AndStatement": {"Statements": [match()]}})]},
            "rule r: an AndStatement needs two statements or more",
        ),
        ({"rules": [geo("r", Statement=match(SearchString="\u00e4" * 101))]}, "a SearchString has 200 bytes at most"),
        (
            {"rules": [geo("r", Statement=match(TextTransformations=[{"Priority": 0, "Type": "LOWER_CASE"}]))]},
            "TextTransformations[0].Type: 'LOWER_CASE' is not a TextTransformationType: did you mean LOWERCASE?",
        ),
        (
            {"rules": [geo("r", Statement=match(TextTransformations=NONE + NONE))]},
            "the priorities of the TextTransformations of a ByteMatchStatement must differ",
        ),
        (
            {"rules": [geo("r", Statement=match(TextTransformations=[]))]},
            "rule r.Statement.ByteMatchStatement: TextTransformations must be given",
        ),
        ({"max_capacity": 5001}, "max_capacity: 5001 is not from 1 to 5000"),
        ({"max_capacity": 0}, "max_capacity: 0 is not from 1 to 5000"),
        ({"tags": {"aws:x": "y"}}, "aws:x"),
        ({"resources": ["nonsense"]}, "resources: nonsense is no ARN of a"),
        ({"resources": ["arn:aws:cloudfront::123456789012:distribution/E1"]}, "a distribution names its web ACL"),
        ({"resources": ["arn:aws:amplify:us-east-1:123456789012:apps/a1"]}, "of scope REGIONAL cannot protect"),
        ({"logging": {"LogDestinationConfigs": ["arn:aws:s3:::logs"]}}, "whose name begins with aws-waf-logs-"),
        ({"logging": {"RedactedFields": []}}, "logging: LogDestinationConfigs must be given"),
        ({"logging": {"ResourceArn": "a"}}, "logging: ResourceArn is the web ACL itself"),
        (
            {"logging": {"LogDestinationConfigs": ["arn:aws:logs:us-east-1:123456789012:log-group:aws-waf-logs-a"]}},
            "must be in ap-northeast-2",
        ),
        (
            {"logging": {"LogDestinationConfigs": ["arn:aws:s3:::aws-waf-logs-a"], "RedactedFields": [{"Body": {}}]}},
            "can be redacted, not Body",
        ),
        ({"state": "absent", "rules_mode": "merge", "rules": [{}]}, "every rule needs a Name"),
    ],
)
def test_bad_input_is_refused_with_what_was_meant(args: dict[str, Any], words: str) -> None:
    assert words in refusal(**args)


@pytest.mark.parametrize(
    ("statement", "needed"),
    [
        (geo("a")["Statement"], 1),
        ({"AsnMatchStatement": {"AsnList": [1]}}, 1),
        ({"LabelMatchStatement": {"Scope": "LABEL", "Key": "a"}}, 1),
        ({"IPSetReferenceStatement": {"ARN": "a"}}, 1),
        ({"IPSetReferenceStatement": {"ARN": "a", "IPSetForwardedIPConfig": {"Position": "LAST"}}}, 1),
        ({"IPSetReferenceStatement": {"ARN": "a", "IPSetForwardedIPConfig": {"Position": "ANY"}}}, 5),
        (match(), 2),
        (match(PositionalConstraint="CONTAINS_WORD"), 10),
        (
            match(TextTransformations=[{"Priority": n, "Type": kind} for n, kind in enumerate(["LOWERCASE", "NONE"])]),
            12,
        ),
        (match(FieldToMatch={"AllQueryArguments": {}}, PositionalConstraint="CONTAINS"), 20),
        (match(FieldToMatch={"JsonBody": {}}, PositionalConstraint="CONTAINS"), 20),
        ({"SqliMatchStatement": {"FieldToMatch": {"Body": {}}, "TextTransformations": NONE}}, 20),
        ({"SqliMatchStatement": {"FieldToMatch": {"JsonBody": {}}, "SensitivityLevel": "HIGH"}}, 60),
        ({"XssMatchStatement": {"FieldToMatch": {"Body": {}}, "TextTransformations": NONE}}, 40),
        ({"RegexMatchStatement": {"FieldToMatch": {"Body": {}}, "TextTransformations": NONE}}, 3),
        ({"RegexPatternSetReferenceStatement": {"FieldToMatch": {"Body": {}}, "TextTransformations": NONE}}, 25),
        ({"SizeConstraintStatement": {"FieldToMatch": {"Body": {}}, "TextTransformations": NONE}}, 1),
        ({"NotStatement": {"Statement": {"OrStatement": {"Statements": [match(), geo("a")["Statement"]]}}}}, 3),
        (limit(), 2),
        (limit(AggregateKeyType="CUSTOM_KEYS", CustomKeys=[{"IP": {}}, {"HTTPMethod": {}}]), 62),
        (limit(ScopeDownStatement=match()), 4),
        (managed("CommonRuleSet")["Statement"], 700),
        ({"ManagedRuleGroupStatement": {"VendorName": "Other", "Name": "AWSManagedRulesCommonRuleSet"}}, None),
        ({"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "New", "ScopeDownStatement": match()}}, None),
        ({"RuleGroupReferenceStatement": {"ARN": "a"}}, None),
        ({"BrandNewStatement": {}}, None),
    ],
)
def test_capacity_as_aws_documents_it(statement: dict[str, Any], needed: int | None) -> None:
    assert capacity.rule_capacity({"Name": "r", "Statement": statement}) == needed


def test_the_one_unknown_rule_costs_what_is_left() -> None:
    own = {"Name": "own", "Statement": {"RuleGroupReferenceStatement": {"ARN": "a"}}}
    two = [own, geo("a"), managed("CommonRuleSet")]
    assert capacity.by_rule(two, 731) == {"own": 30, "a": 1, "CommonRuleSet": 700}
    assert capacity.by_rule(two) == {"own": None, "a": 1, "CommonRuleSet": 700}
    assert "own 30 (without it 701)" in capacity.too_much("site", 731, 700, two)
    assert "a 1 (without it 730)" in capacity.too_much("site", 731, 700, two)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ([("a", None), ("b", None)], [("a", 0), ("b", 1)]),
        ([("a", 10), ("b", None), ("c", 5), ("d", None)], [("c", 5), ("d", 6), ("a", 10), ("b", 11)]),
    ],
)
def test_priorities_by_order(given: list[tuple[str, int | None]], names: list[tuple[str, int]]) -> None:
    read = rules.read([geo(name, Priority=priority) for name, priority in given], RULE)
    assert [(rule["Name"], rule["Priority"]) for rule in rules.exact(read, [], RULE)] == names


def test_a_group_of_another_account_is_not_taken_for_ones_own() -> None:
    arn = "arn:aws:wafv2:eu-central-1:{}:regional/rulegroup/shared/1b2c"
    held = [{"Name": "r", "Statement": {"RuleGroupReferenceStatement": {"ARN": arn.format("111111111111")}}}]
    site = "arn:aws:wafv2:eu-central-1:{}:regional/webacl/site/1b2c"
    assert rules.referred(held, site.format("222222222222")) == {}
    assert rules.referred(held, site.format("111111111111")) == {
        ("rulegroup", "shared"): arn.format("111111111111"),
    }


def test_what_is_completed_in_a_rule() -> None:
    (rule, group) = rules.read(
        [geo("a", VisibilityConfig={"SampledRequestsEnabled": "no"}, CaptchaConfig={}), managed("CommonRuleSet")], RULE
    )
    assert rule["VisibilityConfig"] == {
        "SampledRequestsEnabled": False,
        "CloudWatchMetricsEnabled": True,
        "MetricName": "a",
    }
    assert "CaptchaConfig" not in rule
    assert group["OverrideAction"] == {"None": {}}


class Raw:
    """The body of an answer as urllib3 has it."""

    def __init__(self, body: Any) -> None:
        self._body = json.dumps(body).encode()

    def stream(self) -> list[bytes]:
        return [self._body]


def test_a_web_acl_with_members_that_botocore_does_not_know_is_not_changed() -> None:
    """They would be lost: an update replaces everything."""
    rule = {**geo("a"), "Priority": 0, "VisibilityConfig": rules.visibility("a"), "RuleLabels": None}
    rule["Statement"]["GeoMatchStatement"]["Continents"] = ["EU"]
    answer = {
        "LockToken": "t",
        "WebACL": {
            "Name": "site", "Id": "1", "ARN": "arn", "DefaultAction": {"Allow": {}}, "Rules": [rule],
            "VisibilityConfig": rules.visibility("site"), "QuantumConfig": {"Level": "HIGH"}, "Capacity": 1,
        },
    }  # fmt: skip
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    client = boto3.client("wafv2", region_name="eu-central-1", **keys)
    response = AWSResponse("https://localhost", 200, {"content-type": "application/x-amz-json-1.1"}, Raw(answer))
    client.meta.events.register("before-send.wafv2.GetWebACL", lambda **_: response)
    held = WebAcls(client, "REGIONAL", Deadline()).get("site", "1")
    assert held.unknown == ("Rules[0].Statement.GeoMatchStatement.Continents", "QuantumConfig")

    params = {name: option.get("default") for name, option in ARGUMENT_SPEC.items()}
    site = {**params, "name": "site", "scope": "REGIONAL"}
    with pytest.raises(InvalidError, match="QuantumConfig, which this version of botocore does not know"):
        plan(held, wanted_of({**site, "description": "other words"}, "eu-central-1", SHAPES), SHAPES)
    tagged = wanted_of({**site, "tags": {"a": "b"}}, "eu-central-1", SHAPES)
    assert plan(held, tagged, SHAPES).steps == (("tag", {"a": "b"}),)
