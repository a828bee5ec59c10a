# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What the roles of AWS Backup are allowed: no more than AWS's own policies, and no other type's."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.rampart.ops.plugins.filter.backup_permissions import backup_permissions
from ansible_collections.rampart.ops.plugins.module_utils.backup.permissions import (
    BACKUP,
    RESTORE,
    TYPES,
    permissions,
    types_of,
)
from moto.iam.aws_managed_policies import aws_managed_policies_data

AWS: dict[str, Any] = json.loads(aws_managed_policies_data)
MAX_INLINE = 10_240  # characters of all inline policies of a role, white space not counted
VAULTS = ["arn:aws:backup:*:123456789012:backup-vault:daily"]


def actions(document: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for statement in document["Statement"]:
        names = statement["Action"]
        found |= {names} if isinstance(names, str) else set(names)
    return found


def allows(patterns: Iterable[str], action: str) -> bool:
    return any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)


@pytest.mark.parametrize("purpose", [BACKUP, RESTORE])
def test_nothing_is_allowed_that_aws_itself_does_not_think_is_needed(purpose: str) -> None:
    theirs = actions(AWS[purpose]["Document"])
    ours = actions(permissions(purpose, TYPES, "aws", VAULTS)["inline"])
    assert [action for action in sorted(ours) if not allows(theirs, action)] == []
    assert len(ours) < len(theirs)
    assert not allows(ours, "iam:PassRole")


# What AWS's policies allow and ours do not, even for all types, and why.
OTHER_TYPES = {
    "backup-gateway": "virtual machines",
    "cloudformation": "stacks",
    "dsql": "Aurora DSQL",
    "ebs": "virtual machines, which are restored as volumes block by block",
    "eks": "clusters of EKS",
    "guardduty": "scans for malware, which no option of the role asks for",
    "redshift": "Redshift",
    "redshift-serverless": "Redshift",
    "ssm-sap": "SAP HANA",
    "storagegateway": "volumes of gateways",
    "timestream": "Timestream",
}
NOT_OURS = {
    BACKUP: {
        "ec2:DescribeLaunchTemplateVersions *": "clusters of EKS",
        "iam:PassRole arn:aws:iam::*:role/*": "scans for malware",
        "kms:Decrypt dsql.*.amazonaws.com": "Aurora DSQL",
    },
    RESTORE: {
        "backup:DescribeRestoreJob *": "clusters of EKS, whose volumes are restored by jobs of their own",
        "backup:ListRecoveryPointsByBackupVault *": "the same",
        "backup:ListRestoreJobs *": "the same",
        "backup:StartRestoreJob *": "the same",
        "ec2:CreateTags arn:aws:ec2:*:*:network-interface/*": "the nodes of a cluster of EKS",
        "ec2:DescribeLaunchTemplateVersions *": "the same",
        "iam:GetRole *": "the same",
        "iam:ListAttachedRolePolicies *": "the same",
        "iam:PassRole arn:aws:iam::*:role/*": "the same; a restored instance has no profile",
        **{
            f"kms:{action} {service}.*.amazonaws.com": "types that are not ours"
            for service in ("dsql", "redshift", "redshift-serverless")
            for action in (
                "Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext",
                "ReEncryptFrom", "ReEncryptTo",
            )
        },
    },
}  # fmt: skip


def rights(document: dict[str, Any]) -> set[tuple[str, str]]:
    """The actions with the resources that they are allowed on, or the services on whose behalf keys are used."""
    found = set()
    for statement in document["Statement"]:
        names, where = statement["Action"], statement["Resource"]
        via = statement.get("Condition", {}).get("StringLike", {}).get("kms:ViaService")
        for name in [names] if isinstance(names, str) else names:
            for place in via or ([where] if isinstance(where, str) else where):
                found.add((name, place))
    return found


@pytest.mark.parametrize("purpose", [BACKUP, RESTORE])
def test_all_that_aws_thinks_is_needed_is_allowed_or_named_with_the_reason(purpose: str) -> None:
    """A resource counts as allowed if ours are narrower than all of them."""
    ours = rights(permissions(purpose, TYPES, "aws", ["arn:aws:backup:*:*:backup-vault:*"], vss=True)["inline"])
    actions_of_ours = {action for action, _place in ours}
    missing = {
        f"{action} {place}"
        for action, place in rights(AWS[purpose]["Document"])
        if action.partition(":")[0] not in OTHER_TYPES
        and not ((action, place) in ours or (action, "*") in ours or (place == "*" and action in actions_of_ours))
    }
    assert missing == set(NOT_OURS[purpose])


def test_commands_are_run_on_windows_only_where_a_plan_asks_for_it() -> None:
    def services(switch: str) -> set[str]:
        settings = [{"resource_type": "EC2", "backup_options": {"WindowsVSS": switch}}]
        found = backup_permissions([{"advanced_backup_settings": settings}], "123456789012", "aws")
        assert not {each for each in actions(found["restore"]["inline"]) if each.startswith("ssm:")}
        return {each.partition(":")[0] for each in actions(found["backup"]["inline"])}

    assert "ssm" in services("enabled")
    assert "ssm" not in services("disabled")


@pytest.mark.parametrize("purpose", [BACKUP, RESTORE])
@pytest.mark.parametrize("kind", TYPES)
def test_a_type_is_allowed_itself_and_no_other(purpose: str, kind: str) -> None:
    document = permissions(purpose, [kind], "aws", VAULTS)["inline"]
    services = {action.partition(":")[0] for action in actions(document)} - {"kms", "backup", "tag"}
    own = {"EBS": "ec2", "Aurora": "rds", "EFS": "elasticfilesystem"}.get(kind, kind.lower())
    network = {"RDS": {"ec2"}, "Aurora": {"ec2"}, "FSx": {"ec2", "ds"}}
    assert services == {own} | (network.get(kind, set()) if purpose == RESTORE else set())
    if kind in ("RDS", "Aurora"):
        assert any("DBCluster" in action for action in actions(document)) is (kind == "Aurora")
    if kind == "EBS":
        assert not {"ec2:CreateImage", "ec2:RunInstances", "ec2:TerminateInstances"} & actions(document)


@pytest.mark.parametrize("purpose", [BACKUP, RESTORE])
def test_what_destroys_is_limited(purpose: str) -> None:
    """To what AWS Backup has made itself, or to a type of resource; never everything."""
    for statement in permissions(purpose, TYPES, "aws", VAULTS)["inline"]["Statement"]:
        if any(":Delete" in action or ":Modify" in action for action in statement["Action"]):
            assert statement["Resource"] != "*" or "Condition" in statement, statement


def test_only_the_vaults_of_the_policy_are_written_to() -> None:
    rule = {"rule_name": "r", "target_backup_vault_name": "daily"}
    copy = "arn:aws:backup:eu-west-1:210987654321:backup-vault:far"
    plan = {"rules": [{**rule, "copy_actions": [{"destination_backup_vault_arn": copy}]}]}
    found = backup_permissions([plan], "123456789012", "aws")["backup"]["inline"]["Statement"]
    (into,) = [each for each in found if "backup:CopyIntoBackupVault" in each["Action"]]
    assert into["Resource"] == [VAULTS[0], copy]


def test_the_partition_is_everywhere() -> None:
    wanted = permissions(BACKUP, TYPES, "aws-cn", [VAULTS[0].replace("aws", "aws-cn", 1)])
    assert "arn:aws:" not in json.dumps(wanted)


@pytest.mark.parametrize("purpose", [BACKUP, RESTORE])
def test_the_policy_fits_into_a_role(purpose: str) -> None:
    document = permissions(purpose, TYPES, "aws", VAULTS, vss=True)["inline"]
    assert len(json.dumps(document, separators=(",", ":"))) < MAX_INLINE


INSTANCES = "arn:aws:ec2:*:*:instance/*"


@pytest.mark.parametrize(
    ("selections", "types"),
    [
        ([], ["EC2"]),
        ([{"resources": [INSTANCES]}], ["EC2"]),
        ([{"resources": [INSTANCES, "arn:aws:dynamodb:*:*:table/orders"]}], ["DynamoDB", "EC2"]),
        ([{"resources": ["arn:aws:rds:*:*:db:*"]}, {"resources": ["arn:aws:ec2:*:*:volume/*"]}], ["EBS", "EC2", "RDS"]),
        ([{"resources": ["*"]}], None),
        ([{"conditions": {"string_equals": []}}], None),
        ([{"resources": [INSTANCES], "list_of_tags": [{}]}], None),
        ([{"resources": ["arn:aws:s3:::bucket"]}], None),
        ([{"resources": ["arn:aws:ec2:*:*:*"]}], None),
    ],
)
def test_the_types_are_those_that_the_selections_are_limited_to(selections: Any, types: list[str] | None) -> None:
    assert types_of([{"selections": selections}]) == types


def test_what_may_select_anything_has_the_policies_of_aws() -> None:
    wanted = backup_permissions([{"selections": [{"resources": ["*"]}]}], "123456789012", "aws")
    for purpose, name in (("backup", "Backup"), ("restore", "Restore")):
        assert wanted[purpose]["inline"] == {}
        assert wanted[purpose]["boundary"] == ""
        assert len(wanted[purpose]["managed"]) == 2
        assert f"AWSBackupServiceRolePolicyForS3{name}" in wanted[purpose]["managed"][1]
    limited = backup_permissions([{"selections": [{"resources": ["*"]}]}], "123456789012", "aws", ["EFS"])
    assert limited["backup"]["managed"] == []
    with pytest.raises(AnsibleFilterError, match="S3: the types are EC2"):
        backup_permissions([], "123456789012", "aws", ["S3"])
