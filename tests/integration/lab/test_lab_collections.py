# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Modules that others wrote for AWS, unchanged, against the lab: a lab that only we can talk to would be a mirror."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.aws.testing import Aws

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
RULE = {"rule_name": "daily", "target_backup_vault_name": "vault"}
PLAN = {"backup_plan_name": "plan", "rules": [{**RULE, "lifecycle": {"delete_after_days": 30}}]}
CHANGED_PLAN = {"backup_plan_name": "plan", "rules": [{**RULE, "lifecycle": {"delete_after_days": 60}}]}
IP_SET = {"name": "set", "scope": "REGIONAL", "ip_address_version": "IPV4"}
TAGS = [{"condition_type": "STRINGEQUALS", "condition_key": "Backup", "condition_value": "daily"}]


def prepare(aws: Aws) -> str:
    """What the modules under test take for granted; the ARN of a role that AWS Backup may assume."""
    role = aws.client("iam").create_role(RoleName="backup", AssumeRolePolicyDocument=json.dumps(TRUST))
    aws.client("backup").create_backup_vault(BackupVaultName="vault")
    return str(role["Role"]["Arn"])


def life_cycle(
    aws: Aws, module: str, wanted: dict[str, Any], changed: dict[str, Any], gone: dict[str, Any]
) -> list[tuple[str, bool]]:
    """(step, changed) of: create, again, change, again, delete, again; each but `again` in check mode first."""
    steps = [
        ("create", wanted, "present", True),
        ("create", wanted, "present", False),
        ("again", wanted, "present", False),
        ("change", changed, "present", True),
        ("change", changed, "present", False),
        ("again", changed, "present", False),
        ("delete", gone, "absent", True),
        ("delete", gone, "absent", False),
        ("again", gone, "absent", False),
    ]
    seen = []
    for name, arguments, state, check in steps:
        result = aws.run_module(module, {**arguments, "state": state}, check=check)
        assert not result["failed"], f"{name} (check={check}): {result['msg']} {result.get('exception', '')}"
        seen.append((name, result["changed"]))
    return seen


EXPECTED = [
    ("create", True),
    ("create", True),
    ("again", False),
    ("change", True),
    ("change", True),
    ("again", False),
    ("delete", True),
    ("delete", True),
    ("again", False),
]


@pytest.mark.parametrize(
    ("module", "wanted", "changed", "gone"),
    [
        (
            "community.aws.wafv2_ip_set",
            {**IP_SET, "addresses": ["192.0.2.0/24"]},
            {**IP_SET, "addresses": ["192.0.2.0/24", "198.51.100.7/32"]},
            {**IP_SET},
        ),
        (
            "amazon.aws.backup_vault",
            {"backup_vault_name": "other", "tags": {"env": "lab"}},
            {"backup_vault_name": "other", "tags": {"env": "test"}},
            {"backup_vault_name": "other"},
        ),
        ("amazon.aws.backup_plan", PLAN, CHANGED_PLAN, {"backup_plan_name": "plan"}),
    ],
    ids=["wafv2_ip_set", "backup_vault", "backup_plan"],
)
def test_life_cycle(
    aws: Aws, module: str, wanted: dict[str, Any], changed: dict[str, Any], gone: dict[str, Any]
) -> None:
    prepare(aws)
    assert life_cycle(aws, module, wanted, changed, gone) == EXPECTED


def test_life_cycle_of_a_backup_selection(aws: Aws) -> None:
    role = prepare(aws)
    assert aws.run_module("amazon.aws.backup_plan", {**PLAN, "state": "present"})["changed"]
    common = {"selection_name": "selection", "backup_plan_name": "plan", "iam_role_arn": role}
    wanted = {**common, "list_of_tags": TAGS}
    changed = {**common, "list_of_tags": [{**TAGS[0], "condition_value": "weekly"}]}
    assert life_cycle(aws, "amazon.aws.backup_selection", wanted, changed, common) == EXPECTED
    assert aws.operations(service="backup").count("CreateBackupSelection") == 2
    assert aws.operations(service="backup").count("DeleteBackupSelection") == 2


def test_tag_selection_refuses_the_role_that_is_not_there(aws: Aws) -> None:
    prepare(aws)
    aws.run_module("amazon.aws.backup_plan", {**PLAN, "state": "present"})
    result = aws.run_module(
        "amazon.aws.backup_selection",
        {
            "selection_name": "selection",
            "backup_plan_name": "plan",
            "iam_role_arn": f"arn:aws:iam::{aws.account_id}:role/none",
            "list_of_tags": TAGS,
        },
    )
    assert result["failed"]
    assert "cannot be assumed by AWS Backup" in result["msg"]


def test_web_acl_and_its_association(aws: Aws) -> None:
    """community.aws.wafv2_resources needs ListResourcesForWebACL, which moto has not."""
    ec2, elb = aws.client("ec2"), aws.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=f"ap-northeast-2{zone}")["Subnet"]
        for i, zone in enumerate("ab")
    ]
    balancer = elb.create_load_balancer(Name="web", Subnets=[subnet["SubnetId"] for subnet in subnets])
    arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    web_acl = {
        "name": "acl",
        "scope": "REGIONAL",
        "default_action": "Allow",
        "sampled_requests": True,
        "cloudwatch_metrics": True,
        "metric_name": "acl",
        "rules": [
            {
                "name": "common",
                "priority": 1,
                "override_action": {"none": {}},
                "statement": {
                    "managed_rule_group_statement": {"vendor_name": "AWS", "name": "AWSManagedRulesCommonRuleSet"}
                },
                "visibility_config": {
                    "sampled_requests_enabled": True,
                    "cloud_watch_metrics_enabled": True,
                    "metric_name": "common",
                },
            }
        ],
        "state": "present",
    }
    made = aws.run_module("community.aws.wafv2_web_acl", web_acl)
    assert (made["failed"], made["changed"], made["web_acl"]["capacity"]) == (False, True, 700), made.get("msg")
    assert aws.run_module("community.aws.wafv2_web_acl", web_acl)["changed"] is False
    resource = {"name": "acl", "scope": "REGIONAL", "arn": arn}
    seen = [
        aws.run_module("community.aws.wafv2_resources", {**resource, "state": state})
        for state in ("present", "present", "absent", "absent")
    ]
    assert [(each["failed"], each["changed"]) for each in seen] == [
        (False, True),
        (False, False),
        (False, True),
        (False, False),
    ], [each.get("msg") for each in seen]


VISIBLE = {"sampled_requests_enabled": True, "cloud_watch_metrics_enabled": True, "metric_name": "g"}
GROUP = {
    "name": "group",
    "scope": "REGIONAL",
    "capacity": 50,
    "sampled_requests": True,
    "cloudwatch_metrics": True,
    "rules": [
        {
            "name": "geo",
            "priority": 1,
            "action": {"block": {}},
            "statement": {"geo_match_statement": {"country_codes": ["DE"]}},
            "visibility_config": VISIBLE,
        }
    ],
}


@pytest.mark.parametrize(
    ("module", "wanted", "name"),
    [
        (
            "amazon.aws.iam_role",
            {
                "assume_role_policy_document": json.dumps(TRUST),
                "managed_policies": ["arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy"],
            },
            {"name": "role"},
        ),
        ("amazon.aws.kms_key", {}, {"alias": "key"}),
        ("amazon.aws.cloudwatchevent_rule", {"schedule_expression": "rate(1 day)"}, {"name": "rule"}),
        ("amazon.aws.cloudwatchlogs_log_group", {"retention": 30}, {"log_group_name": "group"}),
        ("community.aws.sns_topic", {"display_name": "x"}, {"name": "topic"}),
        ("community.aws.wafv2_rule_group", GROUP, {"name": "group", "scope": "REGIONAL"}),
    ],
    ids=["iam_role", "kms_key", "event_rule", "log_group", "sns_topic", "rule_group"],
)
def test_other_modules_are_idempotent(aws: Aws, module: str, wanted: dict[str, Any], name: dict[str, Any]) -> None:
    steps = [({**wanted, **name}, "present"), ({**wanted, **name}, "present"), (name, "absent"), (name, "absent")]
    seen = [aws.run_module(module, {**arguments, "state": state}) for arguments, state in steps]
    assert [(each["failed"], each["changed"]) for each in seen] == [
        (False, True),
        (False, False),
        (False, True),
        (False, False),
    ], [each.get("msg") for each in seen]
