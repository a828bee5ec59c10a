# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""AWS WAF: what works as on AWS where moto does otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.aws.testing import Aws, Region

VISIBLE = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "m"}
GEO = {"GeoMatchStatement": {"CountryCodes": ["DE"]}}


def rule(name: str, priority: int, statement: dict[str, Any], action: str = "Block") -> dict[str, Any]:
    return {
        "Name": name,
        "Priority": priority,
        "Statement": statement,
        "Action": {action: {}},
        "VisibilityConfig": VISIBLE,
    }


def managed(name: str, priority: int) -> dict[str, Any]:
    made = rule(name[-20:], priority, {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": name}})
    del made["Action"]
    return {**made, "OverrideAction": {"None": {}}}


def acl(aws: Aws, *rules: dict[str, Any], name: str = "acl", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = aws.client("wafv2").create_web_acl(
        Name=name, Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig=VISIBLE, Rules=list(rules), **more
    )["Summary"]
    return made


def ip_set(aws: Aws, version: str, *addresses: str, **more: Any) -> dict[str, Any]:
    waf = aws.client("wafv2")
    made = waf.create_ip_set(Name="s", Scope="REGIONAL", IPAddressVersion=version, Addresses=list(addresses), **more)[
        "Summary"
    ]
    return {"Name": "s", "Scope": "REGIONAL", "Id": made["Id"]}


def code_of(call: Any, **kwargs: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**kwargs)
    return str(caught.value.response["Error"]["Code"])


def balancer(aws: Aws) -> str:
    ec2, elb = aws.client("ec2"), aws.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"ap-northeast-2{zone}")["Subnet"]
        for n, zone in enumerate("ab")
    ]
    made = elb.create_load_balancer(Name="web", Subnets=[subnet["SubnetId"] for subnet in subnets])
    return str(made["LoadBalancers"][0]["LoadBalancerArn"])


def test_ipv6_comes_back_expanded_and_each_address_once(aws: Aws) -> None:
    key = ip_set(aws, "IPV6", "2001:db8::/32", "2001:0DB8::/32", "::1/128")
    assert aws.client("wafv2").get_ip_set(**key)["IPSet"]["Addresses"] == [
        "2001:0db8:0000:0000:0000:0000:0000:0000/32",
        "0000:0000:0000:0000:0000:0000:0000:0001/128",
    ]


def test_ten_thousand_addresses_fit(aws: Aws) -> None:
    addresses = [f"10.{n >> 8}.{n & 255}.0/24" for n in range(10_000)]
    key = ip_set(aws, "IPV4", *addresses)
    assert aws.client("wafv2").get_ip_set(**key)["IPSet"]["Addresses"] == addresses


def test_an_update_replaces_the_description_too(aws: Aws) -> None:
    waf, key = aws.client("wafv2"), ip_set(aws, "IPV4", Description="by hand")
    token = waf.get_ip_set(**key)["LockToken"]
    next_token = waf.update_ip_set(**key, Addresses=[], LockToken=token)["NextLockToken"]
    now = waf.get_ip_set(**key)
    assert (now["IPSet"]["Description"], now["LockToken"]) == ("", next_token)
    assert next_token != token


def test_global_sets_live_in_us_east_1_apart_from_regional_ones(aws: Aws) -> None:
    waf = aws.client("wafv2", region="us-east-1")
    for scope in ("CLOUDFRONT", "REGIONAL"):
        waf.create_ip_set(Name="same", Scope=scope, IPAddressVersion="IPV4", Addresses=[])
    arns = [waf.list_ip_sets(Scope=scope)["IPSets"][0]["ARN"] for scope in ("CLOUDFRONT", "REGIONAL")]
    assert [":global/" in arn for arn in arns] == [True, False]


def test_capacity_is_counted(aws: Aws) -> None:
    rules = [managed("AWSManagedRulesCommonRuleSet", 0), rule("geo", 1, GEO)]
    made = acl(aws, *rules)
    waf = aws.client("wafv2")
    assert waf.check_capacity(Scope="REGIONAL", Rules=rules)["Capacity"] == 701
    found = waf.get_web_acl(Name="acl", Scope="REGIONAL", Id=made["Id"])["WebACL"]
    assert found["Capacity"] == 701


def test_a_rule_group_counts_with_the_capacity_it_was_given(aws: Aws) -> None:
    waf = aws.client("wafv2")
    group = waf.create_rule_group(
        Name="g", Scope="REGIONAL", Capacity=50, VisibilityConfig=VISIBLE, Rules=[rule("geo", 0, GEO)]
    )["Summary"]
    reference = rule("g", 0, {"RuleGroupReferenceStatement": {"ARN": group["ARN"]}})
    del reference["Action"]
    rules = [{**reference, "OverrideAction": {"None": {}}}]
    assert waf.check_capacity(Scope="REGIONAL", Rules=rules)["Capacity"] == 50
    acl(aws, *rules)
    deletion = {"Name": "g", "Scope": "REGIONAL", "Id": group["Id"], "LockToken": group["LockToken"]}
    assert code_of(waf.delete_rule_group, **deletion) == "WAFAssociatedItemException"


def test_an_update_of_a_web_acl_replaces_everything(aws: Aws) -> None:
    waf = aws.client("wafv2")
    limited = {"RateBasedStatement": {"Limit": 100, "AggregateKeyType": "IP"}}
    made = acl(
        aws,
        rule("rate", 0, limited),
        TokenDomains=["example.com"],
        CaptchaConfig={"ImmunityTimeProperty": {"ImmunityTime": 60}},
    )
    key = {"Name": "acl", "Scope": "REGIONAL", "Id": made["Id"]}
    before = waf.get_web_acl(**key)
    assert before["WebACL"]["Rules"][0]["Statement"]["RateBasedStatement"]["EvaluationWindowSec"] == 300
    assert before["WebACL"]["TokenDomains"] == ["example.com"]
    waf.update_web_acl(
        **key, DefaultAction={"Block": {}}, VisibilityConfig=VISIBLE, Rules=[], LockToken=before["LockToken"]
    )
    after = waf.get_web_acl(**key)["WebACL"]
    assert (after["Rules"], after["DefaultAction"], after["Capacity"]) == ([], {"Block": {}}, 0)
    assert "TokenDomains" not in after
    assert "CaptchaConfig" not in after


def test_a_web_acl_keeps_what_moto_does_not(aws: Aws) -> None:
    waf = aws.client("wafv2")
    beyond = {
        "DataProtectionConfig": {
            "DataProtections": [{"Field": {"FieldType": "QUERY_STRING"}, "Action": "HASH"}],
        },
        "OnSourceDDoSProtectionConfig": {"ALBLowReputationMode": "ALWAYS_ON"},
        "ApplicationConfig": {"Attributes": [{"Name": "kind", "Values": ["php"]}]},
    }
    made = acl(aws, **beyond)
    key = {"Name": "acl", "Scope": "REGIONAL", "Id": made["Id"]}
    before = waf.get_web_acl(**key)
    assert {name: before["WebACL"].get(name) for name in beyond} == beyond
    waf.update_web_acl(**key, DefaultAction={"Allow": {}}, VisibilityConfig=VISIBLE, LockToken=before["LockToken"])
    assert not set(beyond) & set(waf.get_web_acl(**key)["WebACL"])


def test_names_of_headers_come_back_in_lower_case(aws: Aws) -> None:
    match = {
        "SearchString": b"AbC",
        "FieldToMatch": {"SingleHeader": {"Name": "X-Origin"}},
        "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
        "PositionalConstraint": "EXACTLY",
    }
    header = {"Header": {"Name": "X-Key", "TextTransformations": match["TextTransformations"]}}
    limited = {"RateBasedStatement": {"Limit": 100, "AggregateKeyType": "CUSTOM_KEYS", "CustomKeys": [header]}}
    nested = {"NotStatement": {"Statement": {"ByteMatchStatement": match}}}
    inspected = {"Name": "X-Login", "SuccessValues": ["yes"], "FailureValues": ["no"]}
    atp = {"LoginPath": "/login", "ResponseInspection": {"Header": inspected}}
    configs = [{"AWSManagedRulesATPRuleSet": atp}]
    group = managed("AWSManagedRulesATPRuleSet", 2)
    group["Statement"]["ManagedRuleGroupStatement"]["ManagedRuleGroupConfigs"] = configs
    made = acl(aws, rule("match", 0, nested), rule("rate", 1, limited), group)
    found = aws.client("wafv2").get_web_acl(Name="acl", Scope="REGIONAL", Id=made["Id"])["WebACL"]["Rules"]
    match = found[0]["Statement"]["NotStatement"]["Statement"]["ByteMatchStatement"]
    assert (match["FieldToMatch"]["SingleHeader"]["Name"], match["SearchString"]) == ("x-origin", b"AbC")
    assert found[1]["Statement"]["RateBasedStatement"]["CustomKeys"][0]["Header"]["Name"] == "x-key"
    assert found[2]["Statement"]["ManagedRuleGroupStatement"]["ManagedRuleGroupConfigs"] == configs


def test_stages_and_amplify_applications_can_be_protected(aws: Aws) -> None:
    waf, gateway = aws.client("wafv2"), aws.client("apigateway")
    api = gateway.create_rest_api(name="api")["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    gateway.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    gateway.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK")
    gateway.create_deployment(restApiId=api, stageName="prod")
    stage = f"arn:aws:apigateway:ap-northeast-2::/restapis/{api}/stages/prod"
    made = acl(aws)
    waf.associate_web_acl(WebACLArn=made["ARN"], ResourceArn=stage)
    listed = waf.list_resources_for_web_acl(WebACLArn=made["ARN"], ResourceType="API_GATEWAY")
    assert listed["ResourceArns"] == [stage]
    assert gateway.get_stage(restApiId=api, stageName="prod")["webAclArn"] == made["ARN"]

    there = aws.client("wafv2", region="us-east-1")
    app = f"arn:aws:amplify:us-east-1:{aws.account_id}:apps/a1"
    made = there.create_web_acl(
        Name="acl", Scope="CLOUDFRONT", DefaultAction={"Allow": {}}, VisibilityConfig=VISIBLE, Rules=[]
    )["Summary"]
    there.associate_web_acl(WebACLArn=made["ARN"], ResourceArn=app)
    assert there.get_web_acl_for_resource(ResourceArn=app)["WebACL"]["ARN"] == made["ARN"]
    there.disassociate_web_acl(ResourceArn=app)
    assert "WebACL" not in there.get_web_acl_for_resource(ResourceArn=app)


def test_a_logging_configuration_comes_back_complete(aws: Aws) -> None:
    waf, made = aws.client("wafv2"), acl(aws)
    aws.client("logs").create_log_group(logGroupName="aws-waf-logs-a")
    group = f"arn:aws:logs:ap-northeast-2:{aws.account_id}:log-group:aws-waf-logs-a"
    wanted = {
        "ResourceArn": made["ARN"],
        "LogDestinationConfigs": [f"{group}:*"],
        "RedactedFields": [{"SingleHeader": {"Name": "Authorization"}}],
    }
    waf.put_logging_configuration(LoggingConfiguration=wanted)
    kept = waf.get_logging_configuration(ResourceArn=made["ARN"])["LoggingConfiguration"]
    assert kept["LogDestinationConfigs"] == [group]
    assert kept["RedactedFields"] == [{"SingleHeader": {"Name": "authorization"}}]
    assert (kept["LogType"], kept["LogScope"]) == ("WAF_LOGS", "CUSTOMER")


def test_a_resource_has_one_web_acl(aws: Aws) -> None:
    waf, arn = aws.client("wafv2"), balancer(aws)
    first, second = acl(aws), acl(aws, name="other")
    assert "WebACL" not in waf.get_web_acl_for_resource(ResourceArn=arn)
    for made in (first, first, second):
        waf.associate_web_acl(WebACLArn=made["ARN"], ResourceArn=arn)
    assert waf.get_web_acl_for_resource(ResourceArn=arn)["WebACL"]["Name"] == "other"
    assert waf.list_resources_for_web_acl(WebACLArn=first["ARN"])["ResourceArns"] == []
    assert waf.list_resources_for_web_acl(WebACLArn=second["ARN"])["ResourceArns"] == [arn]
    other_kind = waf.list_resources_for_web_acl(WebACLArn=second["ARN"], ResourceType="API_GATEWAY")
    assert other_kind["ResourceArns"] == []
    deletion = {"Name": "other", "Scope": "REGIONAL", "Id": second["Id"], "LockToken": second["LockToken"]}
    assert code_of(waf.delete_web_acl, **deletion) == "WAFAssociatedItemException"
    waf.disassociate_web_acl(ResourceArn=arn)
    assert "WebACL" not in waf.get_web_acl_for_resource(ResourceArn=arn)
    waf.delete_web_acl(**deletion)


def test_logging_goes_to_a_log_group_of_the_right_name(aws: Aws) -> None:
    waf, made = aws.client("wafv2"), acl(aws)
    group = f"arn:aws:logs:ap-northeast-2:{aws.account_id}:log-group:aws-waf-logs-a"
    wanted = {"LoggingConfiguration": {"ResourceArn": made["ARN"], "LogDestinationConfigs": [group]}}
    assert code_of(waf.put_logging_configuration, **wanted) == "WAFNonexistentItemException"
    aws.client("logs").create_log_group(logGroupName="aws-waf-logs-a")
    waf.put_logging_configuration(**wanted)
    kept = waf.get_logging_configuration(ResourceArn=made["ARN"])["LoggingConfiguration"]
    assert kept["LogDestinationConfigs"] == [group]
    waf.delete_web_acl(Name="acl", Scope="REGIONAL", Id=made["Id"], LockToken=made["LockToken"])
    assert code_of(waf.get_logging_configuration, ResourceArn=made["ARN"]) == "WAFNonexistentItemException"


def test_managed_rule_groups_can_be_listed_and_described(aws: Aws) -> None:
    waf = aws.client("wafv2")
    names = {group["Name"] for group in waf.list_available_managed_rule_groups(Scope="REGIONAL")["ManagedRuleGroups"]}
    assert {"AWSManagedRulesCommonRuleSet", "AWSManagedRulesPHPRuleSet"} <= names
    described = waf.describe_managed_rule_group(VendorName="AWS", Name="AWSManagedRulesCommonRuleSet", Scope="REGIONAL")
    assert described["Capacity"] == 700
    assert "GenericLFI_URIPATH" in {each["Name"] for each in described["Rules"]}


def test_sampled_requests(aws: Aws) -> None:
    waf, made, now = aws.client("wafv2"), acl(aws), datetime.now(UTC)
    wanted = {"WebAclArn": made["ARN"], "RuleMetricName": "m", "Scope": "REGIONAL", "MaxItems": 10}
    window = {"StartTime": now - timedelta(hours=1), "EndTime": now}
    assert waf.get_sampled_requests(**wanted, TimeWindow=window)["SampledRequests"] == []
    old = {"StartTime": now - timedelta(hours=5), "EndTime": now}
    assert code_of(waf.get_sampled_requests, **wanted, TimeWindow=old) == "WAFInvalidParameterException"


def test_rules_of_a_protected_site_are_taken_as_they_are(aws: Aws, aws_region: Region) -> None:
    """Nested statements, text transformations, custom responses: what a real web ACL holds comes back unchanged."""
    byte_match = {
        "SearchString": b"/xmlrpc.php",
        "FieldToMatch": {"UriPath": {}},
        "TextTransformations": [{"Priority": 0, "Type": "LOWERCASE"}],
        "PositionalConstraint": "EXACTLY",
    }
    blocked = ip_set(aws, "IPV4", "192.0.2.0/24")
    arn = aws.client("wafv2").get_ip_set(**blocked)["IPSet"]["ARN"]
    referred = {"IPSetReferenceStatement": {"ARN": arn}}
    rules = [
        rule("nested", 0, {"AndStatement": {"Statements": [
            {"NotStatement": {"Statement": referred}}, {"ByteMatchStatement": byte_match}]}}),
        {**rule("custom", 1, GEO), "Action": {"Block": {"CustomResponse": {
            "ResponseCode": 403, "CustomResponseBodyKey": "no"}}}},
    ]  # fmt: skip
    bodies = {"no": {"ContentType": "TEXT_PLAIN", "Content": "no"}}
    made = acl(aws, *rules, CustomResponseBodies=bodies)
    found = aws.client("wafv2").get_web_acl(Name="acl", Scope="REGIONAL", Id=made["Id"])["WebACL"]
    assert [each["Statement"] for each in found["Rules"]] == [each["Statement"] for each in rules]
    assert found["Rules"][1]["Action"] == rules[1]["Action"]
    assert found["CustomResponseBodies"] == bodies
    assert aws_region.process.poll() is None
