# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The types of resources that can be restored as a copy that is apart from the original. No I/O.

Keys and values are those of https://docs.aws.amazon.com/aws-backup/latest/devguide/restoring-a-backup.html and of
https://docs.aws.amazon.com/aws-backup/latest/devguide/restore-testing-inferred-metadata.html, which AWS takes in any
case. What a type is called is what AWS Backup calls it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Pattern

from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError

# A text that AWS keeps with a restore job, for any type.
REQUEST_ID = "aws:backup:request-id"


@dataclass(frozen=True)
class Kind:
    """A type of resources.

    `name_key` is what names the copy, `groups_key` what puts it into security groups. `fixed` makes it a new one that
    is apart from the original; the user has no say in it. `defaults` is used where neither the backup nor the user says
    anything. `kept` is what the copy takes over of the original; what else that had (its addresses, its permissions,
    its placement, its protection) can keep a copy from being made, apart or gone.
    """

    name: str
    arn: Pattern[str]
    name_key: str | None = None
    groups_key: str | None = None
    fixed: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    # What says to which moment a continuous backup is restored; one of them is needed.
    moments: tuple[str, ...] = ()

    @property
    def reserved(self) -> set[str]:
        """The keys in which the user has no say, in lower case."""
        return {key.lower() for key in (*self.fixed, self.name_key, REQUEST_ID) if key}


def _regional(service: str, rest: str) -> Pattern[str]:
    return re.compile(rf"arn:aws[\w-]*:{service}:[a-z0-9-]+:\d{{12}}:{rest}")


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "EC2",
            _regional("ec2", "instance/(i-[0-9a-f]+)"),
            groups_key="SecurityGroupIds",
            fixed={"DisableApiTermination": "false"},
            kept=("InstanceType", "SubnetId", "KeyName", "EbsOptimized", "InstanceInitiatedShutdownBehavior"),
        ),
        Kind(
            "EBS",
            _regional("ec2", "volume/(vol-[0-9a-f]+)"),
            kept=("volumeId", "encrypted", "kmsKeyId", "volumeType", "volumeSize", "iops", "throughput"),
        ),
        Kind(
            "RDS",
            _regional("rds", "db:([a-z0-9-]+)"),
            name_key="DBInstanceIdentifier",
            groups_key="VpcSecurityGroupIds",
            fixed={"PubliclyAccessible": "false", "DeletionProtection": "false"},
            defaults={"MultiAZ": "false"},
            kept=(
                "DBInstanceClass",
                "DBSubnetGroupName",
                "DBParameterGroupName",
                "OptionGroupName",
                "Engine",
                "LicenseModel",
                "Port",
                "MultiAZ",
                "StorageType",
                "Iops",
                "AutoMinorVersionUpgrade",
                "CopyTagsToSnapshot",
                "EnableIAMDatabaseAuthentication",
            ),
            moments=("restoreTime", "useLatestRestorableTime"),
        ),
        Kind(
            "DynamoDB",
            _regional("dynamodb", r"table/([\w.-]+)"),
            name_key="targetTableName",
            defaults={"encryptionType": "Default"},
            kept=("encryptionType", "kmsMasterKeyArn"),
        ),
        Kind(
            "EFS",
            _regional("elasticfilesystem", "file-system/(fs-[0-9a-f]+)"),
            name_key="CreationToken",
            fixed={"newFileSystem": "true"},  # without a mount target nobody can reach it
            defaults={"Encrypted": "true", "PerformanceMode": "generalPurpose"},
            kept=("file-system-id", "Encrypted", "KmsKeyId", "PerformanceMode"),
        ),
        Kind(
            "S3",
            re.compile(r"arn:aws[\w-]*:s3:::([a-z0-9.-]{3,63})"),
            name_key="DestinationBucketName",
            fixed={"NewBucket": "true"},
            defaults={"Encrypted": "true", "EncryptionType": "SSE-S3"},
            kept=("Encrypted", "EncryptionType", "KMSKey"),
            moments=("RestoreTime",),
        ),
    )
}
# Which of the others AWS Backup has, by the beginning of their ARNs' last parts, and why they are not restored here.
_REFUSED = (
    (
        _regional("rds", "cluster:.+"),
        "Aurora, DocumentDB and Neptune clusters",
        "AWS restores a cluster without instances, so that nobody could look into the copy",
    ),
    (
        _regional("fsx", ".+"),
        "FSx file systems",
        "a copy is reachable in a subnet, and joined to the directory, of the original",
    ),
    (_regional("redshift(-serverless)?", ".+"), "Redshift", "a copy keeps the network of the original"),
    (
        _regional("storagegateway", ".+"),
        "volumes of Storage Gateway",
        "a copy is attached to a gateway, which is not apart from the original's",
    ),
    (
        _regional("backup-gateway", ".+"),
        "virtual machines",
        "the copy is on a hypervisor, out of AWS's reach",
    ),
    (_regional("ssm-sap", ".+"), "SAP HANA databases", "AWS restores them over, or beside, the original on its host"),
    (_regional("timestream", ".+"), "Timestream tables", "a copy is in the database of the original"),
    (
        _regional("cloudformation", ".+"),
        "CloudFormation stacks",
        "AWS makes a change set, which somebody has to run",
    ),
)


def kind_of(arn: str) -> Kind:
    """The type of a resource; InvalidError, with the reason, if it cannot be restored as a copy apart."""
    for kind in KINDS.values():
        if kind.arn.fullmatch(arn):
            return kind
    for pattern, what, why in _REFUSED:
        if pattern.fullmatch(arn):
            raise InvalidError(f"resource_arn: {what} are not restored by this module: {why}")
    raise InvalidError(
        f"resource_arn: {arn!r} is not the ARN of a resource of a type that can be restored as a copy apart from the "
        f"original: {', '.join(KINDS)}"
    )


def id_of(arn: str) -> str:
    """What a resource is called in its service: an instance id, the name of a table."""
    match = kind_of(arn).arn.fullmatch(arn)
    return match[1] if match else ""


def is_continuous(point_arn: str) -> bool:
    """Whether this recovery point is one that goes on, rather than of one moment."""
    return ":continuous:" in point_arn or ":auto-backup:" in point_arn
