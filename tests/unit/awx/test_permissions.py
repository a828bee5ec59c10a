# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What IAM asks for a call, and whether a policy allows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.awx import permissions
from lab.awx.permissions import Grant, Need, allows, named, needs, policy

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/"
EC2 = f"arn:aws:ec2:eu-west-1:{ACCOUNT}:"


def call(service: str, operation: str, **parameters: Any) -> dict[str, Any]:
    return {
        "service": service,
        "operation": operation,
        "parameters": parameters,
        "region": "eu-west-1",
        "error": None,
    }


def test_a_call_that_hands_on_a_role_needs_to_be_allowed_that() -> None:
    asked = list(needs([call("backup", "StartBackupJob", BackupVaultName="v", IamRoleArn=f"{ROLE}x")], ACCOUNT))
    assert asked == [
        Need("backup:StartBackupJob", f"arn:aws:backup:eu-west-1:{ACCOUNT}:backup-vault:v"),
        Need("iam:PassRole", f"{ROLE}x", {"iam:PassedToService": ["backup.amazonaws.com"]}),
    ]


def test_tags_are_remembered_and_a_refused_call_has_none() -> None:
    tags = [{"Key": "rampart:drill", "Value": "1"}]
    mark = call("ec2", "CreateTags", Resources=["i-1", "vol-1"], Tags=tags)
    end = call("ec2", "TerminateInstances", InstanceIds=["i-1"])
    *marked, removed = needs([mark, end], ACCOUNT)
    assert [need.resource for need in marked] == [f"{EC2}instance/i-1", f"{EC2}volume/vol-1"]
    assert removed == Need("ec2:TerminateInstances", f"{EC2}instance/i-1", {"aws:ResourceTag/rampart:drill": ["1"]})
    assert list(needs([{**mark, "error": "Denied"}, end], ACCOUNT))[-1].context == {}


STATEMENT = {"Effect": "Allow", "Action": ["a:Read*"], "Resource": "arn:x:ACCOUNT:rampart-*"}


@pytest.mark.parametrize(
    ("action", "resource", "context", "condition", "allowed"),
    [
        ("a:ReadIt", "rampart-1", {}, {}, True),
        ("a:Write", "rampart-1", {}, {}, False),
        ("a:ReadIt", "other", {}, {}, False),
        ("a:ReadIt", "rampart-1", {}, {"StringEquals": {"k": "v"}}, False),
        ("a:ReadIt", "rampart-1", {"k": ["v"]}, {"StringEquals": {"k": ["u", "v"]}}, True),
        ("a:ReadIt", "rampart-1", {"k": ["w"]}, {"StringEquals": {"k": ["u", "v"]}}, False),
        ("a:ReadIt", "rampart-1", {"k": ["u", "w"]}, {"ForAllValues:StringEquals": {"k": ["u", "v"]}}, False),
        ("a:ReadIt", "rampart-1", {}, {"ForAllValues:StringEquals": {"k": ["u", "v"]}}, True),
        ("a:ReadIt", "rampart-1", {"k": ["v"]}, {"Null": {"k": "false"}}, True),
        ("a:ReadIt", "rampart-1", {}, {"Null": {"k": "false"}}, False),
    ],
)
def test_allows(action: str, resource: str, context: Any, condition: Any, allowed: bool) -> None:
    document = {"Statement": [{**STATEMENT, "Condition": condition}]}
    assert allows([document], Need(action, f"arn:x:{ACCOUNT}:{resource}", context), ACCOUNT) is allowed


def test_an_operator_that_is_not_known_is_not_passed_over() -> None:
    document = {"Statement": [{**STATEMENT, "Condition": {"IpAddress": {"k": "v"}}}]}
    with pytest.raises(NotImplementedError, match="IpAddress"):
        allows([document], Need("a:ReadIt", f"arn:x:{ACCOUNT}:rampart-1"), ACCOUNT)


def test_a_policy_has_what_was_called_and_no_more() -> None:
    grants = [Grant("One", "a:Get List", also="b:Do"), Grant("Two", "c:Never")]
    assert policy(grants, {"a:Get", "c:Other"})["Statement"] == [
        {"Sid": "One", "Effect": "Allow", "Action": ["a:Get", "b:Do"], "Resource": "*"}
    ]


@pytest.mark.parametrize("grants", permissions.POLICIES.values(), ids=list(permissions.POLICIES))
def test_nothing_that_ends_the_original_or_hands_on_any_role_is_allowed(grants: tuple[Grant, ...]) -> None:
    everything = [policy(grants, set().union(*(named(grant.actions) for grant in grants)))]
    for action, resource in (
        ("ec2:TerminateInstances", f"{EC2}instance/i-1"),
        ("ec2:DeleteVolume", f"{EC2}volume/vol-1"),
        ("iam:PassRole", f"{ROLE}admin"),
        ("iam:PutRolePolicy", f"{ROLE}admin"),
        ("iam:AttachRolePolicy", f"{ROLE}rampart-backup"),
        ("backup:DeleteRecoveryPoint", "*"),
        ("ec2:RevokeSecurityGroupEgress", f"{EC2}security-group/sg-1"),
    ):
        assert not allows(everything, Need(action, resource), ACCOUNT), action


@pytest.mark.parametrize(
    "file", sorted((Path(__file__).parents[3] / "docs").glob("iam-*.json")), ids=lambda file: file.name
)
def test_iam_takes_the_policy(file: Path) -> None:
    """The quota of a managed policy: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
    document = json.loads(file.read_text().replace("ACCOUNT", ACCOUNT))
    assert permissions.size(document) <= 6144
    names = [statement["Sid"] for statement in document["Statement"]]
    assert len(names) == len(set(names))
    assert all(name.isalnum() for name in names)
