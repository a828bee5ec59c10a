# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What AWS Backup may do in the roles that it works in, limited to the types that a policy selects. No I/O.

Each statement is a part of AWS's own AWSBackupServiceRolePolicyForBackup and AWSBackupServiceRolePolicyForRestores
(https://docs.aws.amazon.com/aws-backup/latest/devguide/security-iam-awsmanpol.html), which are also the boundaries of
the roles: nothing can be allowed here that they do not allow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Statement = Mapping[str, Any]
BACKUP, RESTORE = "AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForRestores"
# S3 is in policies of its own, beside which no boundary fits.
_S3 = {BACKUP: "AWSBackupServiceRolePolicyForS3Backup", RESTORE: "AWSBackupServiceRolePolicyForS3Restore"}

_OWN = {"Null": {"aws:ResourceTag/aws:backup:source-resource": "false"}}  # what AWS Backup itself has made
_ONLY_THE_SOURCE = {"ForAllValues:StringEquals": {"aws:TagKeys": ["aws:backup:source-resource"]}}
_SERVICES = {
    "EC2": r"ec2:[^:]*:[^:]*:instance/.*",
    "EBS": r"ec2:[^:]*:[^:]*:volume/.*",
    "RDS": r"rds:[^:]*:[^:]*:db:.*",
    "Aurora": r"rds:[^:]*:[^:]*:cluster:.*",
    "DynamoDB": r"dynamodb:[^:]*:[^:]*:table/.*",
    "EFS": r"elasticfilesystem:[^:]*:[^:]*:file-system/.*",
    "FSx": r"fsx:[^:]*:[^:]*:(file-system|volume)/.*",
}
TYPES = tuple(_SERVICES)


def _allow(actions: str, *resources: str, **condition: Any) -> Statement:
    """Actions of one service, "service:Action Action ..."; resources are ARNs without "arn:partition:", or all."""
    service, names = actions.split(":", 1)
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Action": sorted(f"{service}:{name}" for name in names.split()),
        "Resource": list(resources) or "*",
    }
    return {**statement, "Condition": condition} if condition else statement


def _via(service: str, actions: str, **condition: Any) -> Statement:
    """Keys are used on behalf of this service only."""
    return _allow(f"kms:{actions}", **{"StringLike": {"kms:ViaService": [f"{service}.*.amazonaws.com"]}, **condition})


_EBS_KEYS = _via(
    "ec2",
    "GenerateDataKeyWithoutPlaintext ReEncryptFrom ReEncryptTo",
    **{"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": "aws:ebs:id"}},
)
_SNAPSHOTS = (
    _allow("ec2:CreateSnapshot DescribeSnapshots DescribeSnapshotTierStatus DescribeTags DescribeVolumes"),
    _allow("ec2:CopySnapshot CreateTags", "ec2:*::snapshot/*"),
    _allow("ec2:DeleteSnapshot ModifySnapshotAttribute ModifySnapshotTier", "ec2:*::snapshot/*", **_OWN),
    _EBS_KEYS,
)
_BACKUP: Mapping[str, tuple[Statement, ...]] = {
    "EC2": (
        *_SNAPSHOTS,
        _allow(
            "ec2:CopyImage CreateImage DescribeElasticGpus DescribeImages DescribeInstanceAttribute "
            "DescribeInstanceCreditSpecifications DescribeInstances DescribeNetworkInterfaces "
            "DescribeSpotInstanceRequests"
        ),
        _allow("ec2:CreateTags", "ec2:*::image/*", "ec2:*:*:image/*"),
        _allow("ec2:DeregisterImage ModifyImageAttribute", **_OWN),
    ),
    "EBS": _SNAPSHOTS,
    "RDS": (
        _allow(
            "rds:AddTagsToResource CopyDBSnapshot CreateDBSnapshot DescribeDBInstances DescribeDBSnapshots "
            "ListTagsForResource"
        ),
        _allow("rds:DeleteDBSnapshot ModifyDBSnapshotAttribute", "rds:*:*:snapshot:awsbackup:*"),
        _allow("rds:ModifyDBInstance", "rds:*:*:db:*"),  # continuous backups
        _allow("rds:DeleteDBInstanceAutomatedBackup", "rds:*:*:auto-backup:*"),
    ),
    "Aurora": (
        _allow(
            "rds:AddTagsToResource CopyDBClusterSnapshot CreateDBClusterSnapshot DescribeDBClusterAutomatedBackups "
            "DescribeDBClusterSnapshots DescribeDBClusters ListTagsForResource"
        ),
        _allow("rds:DeleteDBClusterSnapshot ModifyDBClusterSnapshotAttribute", "rds:*:*:cluster-snapshot:awsbackup:*"),
        _allow("rds:ModifyDBCluster", "rds:*:*:cluster:*"),  # continuous backups
        _allow("rds:DeleteDBClusterAutomatedBackup", "rds:*:*:cluster-auto-backup:*"),
    ),
    "DynamoDB": (
        _allow("dynamodb:CreateBackup DescribeTable ListTagsOfResource StartAwsBackupJob", "dynamodb:*:*:table/*"),
        _allow("dynamodb:DeleteBackup DescribeBackup", "dynamodb:*:*:table/*/backup/*"),
        _via("dynamodb", "Decrypt GenerateDataKey"),
    ),
    "EFS": (_allow("elasticfilesystem:Backup DescribeTags", "elasticfilesystem:*:*:file-system/*"),),
    "FSx": (
        _allow("fsx:DescribeFileSystems", "fsx:*:*:file-system/*"),
        _allow("fsx:DescribeVolumes", "fsx:*:*:volume/*"),
        _allow("fsx:CreateBackup", "fsx:*:*:file-system/*", "fsx:*:*:volume/*", "fsx:*:*:backup/*"),
        _allow("fsx:ListTagsForResource", "fsx:*:*:file-system/*", "fsx:*:*:volume/*"),
        _allow(
            "fsx:CopyBackup DeleteBackup DescribeBackups ListTagsForResource ManageBackupPrincipalAssociations "
            "TagResource",
            "fsx:*:*:backup/*",
        ),
    ),
}
_USE_OF_KEYS = "Decrypt DescribeKey Encrypt GenerateDataKey GenerateDataKeyWithoutPlaintext ReEncryptFrom ReEncryptTo"
_VOLUMES = (
    _allow("ec2:DescribeAvailabilityZones DescribeSnapshots DescribeSnapshotTierStatus DescribeVolumes"),
    _allow("ec2:CreateVolume DeleteVolume", "ec2:*::snapshot/*", "ec2:*:*:volume/*"),
    # From the archive; what was restored of it only for a time is removed again.
    _allow("ec2:DeleteSnapshot DeleteTags RestoreSnapshotTier", "ec2:*::snapshot/*", **_OWN),
    _allow("ec2:CreateTags", "ec2:*::snapshot/*", "ec2:*:*:instance/*", **_ONLY_THE_SOURCE),
    _allow(
        "ec2:CreateTags",
        "ec2:*:*:instance/*",
        "ec2:*:*:volume/*",
        StringLike={"ec2:CreateAction": ["RunInstances", "CreateVolume"]},
    ),
    _via("ec2", _USE_OF_KEYS),
)
_NETWORK = _allow("ec2:DescribeAvailabilityZones DescribeSecurityGroups DescribeSubnets DescribeVpcs")
_RESTORE: Mapping[str, tuple[Statement, ...]] = {
    "EC2": (
        *_VOLUMES,
        _allow(
            "ec2:DescribeAccountAttributes DescribeAddresses DescribeImages DescribeInstances "
            "DescribeInternetGateways DescribeSecurityGroups DescribeSubnets DescribeVpcs RunInstances"
        ),
        # Of an instance whose start failed. A copy has no instance profile, so that no role needs to be passed.
        _allow("ec2:TerminateInstances", "ec2:*:*:instance/*"),
    ),
    "EBS": _VOLUMES,
    "RDS": (
        _allow(
            "rds:AddTagsToResource DescribeDBInstances DescribeDBSnapshots ListTagsForResource "
            "RestoreDBInstanceFromDBSnapshot RestoreDBInstanceToPointInTime"
        ),
        _allow("rds:CreateDBInstance DeleteDBInstance", "rds:*:*:db:*"),
        _allow("rds:CreateTenantDatabase DeleteTenantDatabase", "rds:*:*:db:*", "rds:*:*:tenant-database:*:*"),
        _NETWORK,
        _via("rds", _USE_OF_KEYS),
    ),
    "Aurora": (
        _allow(
            "rds:AddTagsToResource DescribeDBClusterSnapshots DescribeDBClusters ListTagsForResource "
            "RestoreDBClusterFromSnapshot RestoreDBClusterToPointInTime"
        ),
        _allow("rds:DeleteDBCluster", "rds:*:*:cluster:*"),
        _allow("rds:CreateDBInstance", "rds:*:*:db:*"),
        _NETWORK,
        _via("rds", _USE_OF_KEYS),
    ),
    "DynamoDB": (
        _allow(
            "dynamodb:BatchWriteItem DeleteItem DescribeTable GetItem PutItem Query RestoreTableFromAwsBackup Scan "
            "UpdateItem",
            "dynamodb:*:*:table/*",
        ),
        _allow("dynamodb:RestoreTableFromBackup", "dynamodb:*:*:table/*/backup/*"),
        _via("dynamodb", _USE_OF_KEYS),
    ),
    "EFS": (
        _allow(
            "elasticfilesystem:CreateFilesystem DeleteFilesystem DescribeFilesystems Restore TagResource",
            "elasticfilesystem:*:*:file-system/*",
        ),
        _via("elasticfilesystem", _USE_OF_KEYS),
    ),
    "FSx": (
        _allow("fsx:DescribeFileSystems TagResource", "fsx:*:*:file-system/*"),
        _allow("fsx:DescribeBackups", "fsx:*:*:backup/*"),
        _allow("fsx:DescribeVolumes", "fsx:*:*:volume/*"),
        _allow("fsx:CreateFileSystemFromBackup", "fsx:*:*:file-system/*", "fsx:*:*:backup/*"),
        _allow(
            "fsx:CreateVolumeFromBackup TagResource",
            "fsx:*:*:storage-virtual-machine/*",
            "fsx:*:*:backup/*",
            "fsx:*:*:volume/*",
        ),
        # Of a restore that failed.
        _allow("fsx:DeleteFileSystem DeleteVolume UntagResource", "fsx:*:*:file-system/*", "fsx:*:*:volume/*", **_OWN),
        _allow("ds:DescribeDirectories"),
        # A file system in two availability zones has routes.
        _allow("ec2:DescribeRouteTables"),
        _allow(
            "ec2:CreateTags",
            "ec2:*:*:route-table/*",
            StringEquals={"aws:ResourceTag/AmazonFSx": "ManagedByAmazonFSx"},
        ),
        _NETWORK,
    ),
}
# Of Windows, by the Volume Shadow Copy Service.
_VSS = (
    _allow("ssm:CancelCommand GetCommandInvocation"),
    _allow("ssm:SendCommand", "ssm:*:*:document/AWSEC2-CreateVssSnapshot", "ec2:*:*:instance/*"),
)
_GRANTS = (
    _allow("kms:DescribeKey"),
    _allow("kms:CreateGrant", Bool={"kms:GrantIsForAWSResource": "true"}),
)


def types_of(plans: Iterable[Mapping[str, Any]]) -> list[str] | None:
    """The types that the selections of these plans can lead to; None if that may be any.

    Plans are in the terms of the role `backup`. A selection without ARNs of a type selects all types by their tags.
    Instances are always among them, for the backups of backup_now.yml.
    """
    found = {"EC2"}
    for plan in plans:
        for selection in plan.get("selections") or ():
            arns = selection.get("resources") or ()
            if not arns or selection.get("list_of_tags"):  # tags select besides what the ARNs do
                return None
            for arn in arns:
                kind = next((name for name, rest in _SERVICES.items() if re.fullmatch(f"arn:[^:]*:{rest}", arn)), None)
                if kind is None:
                    return None
                found.add(kind)
    return sorted(found)


def vss_of(plans: Iterable[Mapping[str, Any]]) -> bool:
    """Whether one of these plans backs Windows up by the Volume Shadow Copy Service."""
    return any(
        str((setting.get("backup_options") or {}).get("WindowsVSS")).lower() == "enabled"
        for plan in plans
        for setting in plan.get("advanced_backup_settings") or ()
    )


def permissions(
    purpose: str, types: Iterable[str] | None, partition: str, vaults: Iterable[str], vss: bool = False
) -> dict[str, Any]:
    """What a role needs: policies of AWS that are attached, the boundary, and the inline policy, each perhaps empty.

    `purpose` is BACKUP or RESTORE. With types of None it is all that AWS's own policies allow. `vaults` are the ARNs of
    the vaults that backups are made in and copied to. `vss` is whether AWS Backup runs commands on Windows.
    """
    place = f"arn:{partition}:iam::aws:policy/"
    if types is None:
        return {
            "managed": [f"{place}service-role/{purpose}", f"{place}{_S3[purpose]}"],
            "boundary": "",
            "inline": {},
        }
    parts = _BACKUP if purpose == BACKUP else _RESTORE
    statements = [each for kind in types for each in parts[kind]] + list(_GRANTS)
    if purpose == BACKUP:
        names = sorted({arn.split(":", 2)[2] for arn in vaults})
        statements += [
            _allow("backup:CopyIntoBackupVault DescribeBackupVault", *names),
            _allow("backup:CopyFromBackupVault"),
            _allow("tag:GetResources"),
            # The tags of the resource, and recovery_point_tags.
            _allow(
                "backup:TagResource",
                "backup:*:*:recovery-point:*",
                StringEquals={"aws:PrincipalAccount": "${aws:ResourceAccount}"},
            ),
            *(_VSS if vss else ()),
        ]
    unique = [each for number, each in enumerate(statements) if each not in statements[:number]]
    return {
        "managed": [],
        "boundary": f"{place}service-role/{purpose}",
        "inline": {"Version": "2012-10-17", "Statement": [_placed(each, partition) for each in unique]},
    }


def _placed(statement: Statement, partition: str) -> dict[str, Any]:
    resources = statement["Resource"]
    if resources == "*":
        return dict(statement)
    return {**statement, "Resource": [f"arn:{partition}:{each}" for each in resources]}
