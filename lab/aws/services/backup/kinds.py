# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The types of resources that the lab can back up and restore, each over moto's own state of its service.

What a restore makes is really there: an image's instance, a snapshot's database, the items of a table, the objects of a
bucket. A file system has no content in moto, so that its copy is empty.
"""

from __future__ import annotations

import copy
import json
import re
import uuid
from typing import TYPE_CHECKING, Any

from lab.aws.errors import AwsError

if TYPE_CHECKING:
    from lab.aws.call import Call

Params = dict[str, Any]
Document = dict[str, Any]

GIBIBYTE = 1024**3


def ec2(call: Call, operation_name: str, **params: Any) -> Params:
    return call.app.moto.call(call.account, call.region, "ec2", operation_name, params)


class Kind:
    """A type of resources: how it is recognised, recorded and made again."""

    name = ""
    pattern = ""
    # What a restore cannot do without, in the spelling of AWS's documentation; AWS takes it in any case.
    needed = ""

    def alive(self, call: Call, identifier: str) -> bool:
        raise NotImplementedError

    def record(self, call: Call, identifier: str, job: Document) -> tuple[str, int, Any]:
        """Back the resource up: the ARN of the recovery point, its size in bytes, and what it holds."""
        raise NotImplementedError

    def metadata(self, call: Call, point: Document) -> dict[str, str]:
        """How the resource was, as GetRecoveryPointRestoreMetadata tells it."""
        raise NotImplementedError

    def restore(self, call: Call, point: Document, metadata: dict[str, str]) -> str:
        """Make it again; the ARN. AwsError or ValueError fails the job."""
        raise NotImplementedError

    def forget(self, call: Call, point: Document) -> None:
        """The recovery point is deleted."""

    def tags(self, call: Call, identifier: str) -> dict[str, str]:
        return {}


def _moto(call: Call, service: str, operation_name: str, **params: Any) -> Params:
    return call.app.moto.call(call.account, call.region, service, operation_name, params)


def _missing(call: Call, service: str, operation_name: str, **params: Any) -> bool:
    try:
        _moto(call, service, operation_name, **params)
    except AwsError:
        return True
    return False


def _last(arn: str) -> str:
    return re.split(r"[:/]", arn)[-1]


class Instance(Kind):
    name = "EC2"
    pattern = r"arn:aws[\w-]*:ec2:([a-z0-9-]+):(\d{12}):instance/(i-[0-9a-f]+)"
    needed = "InstanceType"

    def alive(self, call: Call, identifier: str) -> bool:
        return identifier in {each.id for each in call.backend("ec2").all_instances() if each.state != "terminated"}

    def tags(self, call: Call, identifier: str) -> dict[str, str]:
        found = ec2(call, "DescribeTags", Filters=[{"Name": "resource-id", "Values": [identifier]}])["Tags"]
        return {each["Key"]: each["Value"] for each in found}

    def record(self, call: Call, identifier: str, job: Document) -> tuple[str, int, Any]:
        name = f"AwsBackup_{identifier}_{job['BackupJobId']}"
        made = ec2(call, "CreateImage", InstanceId=identifier, Name=name)["ImageId"]
        _tag(call, made, job)
        held = _described(call, identifier)
        return f"arn:aws:ec2:{call.region}::image/{made}", 8 * GIBIBYTE, held

    def metadata(self, call: Call, point: Document) -> dict[str, str]:
        return dict(point.get("_held") or {"InstanceType": "t3.micro"})

    def restore(self, call: Call, point: Document, metadata: dict[str, str]) -> str:
        options: Params = {"SubnetId": metadata["subnetid"]} if "subnetid" in metadata else {}
        if "securitygroupids" in metadata:
            options["SecurityGroupIds"] = json.loads(metadata["securitygroupids"])
        if "disableapitermination" in metadata:
            options["DisableApiTermination"] = metadata["disableapitermination"] == "true"
        run = ec2(
            call,
            "RunInstances",
            ImageId=_last(point["RecoveryPointArn"]),
            MinCount=1,
            MaxCount=1,
            InstanceType=metadata["instancetype"],
            **options,
        )
        return f"arn:aws:ec2:{call.region}:{call.account}:instance/{run['Instances'][0]['InstanceId']}"

    def forget(self, call: Call, point: Document) -> None:
        call.backend("ec2").amis.pop(_last(point["RecoveryPointArn"]), None)


def _described(call: Call, identifier: str) -> dict[str, str]:
    """All that AWS Backup tells of an instance, whether a copy can have it or not."""
    held = ec2(call, "DescribeInstances", InstanceIds=[identifier])["Reservations"][0]["Instances"][0]
    protected = bool(call.backend("ec2").get_instance(identifier).disable_api_termination)
    texts = {
        **{key: held.get(key) for key in ("InstanceType", "SubnetId", "VpcId", "KeyName")},
        "IamInstanceProfileName": "UseBackedUpValue",
        "InstanceInitiatedShutdownBehavior": "stop",
        "DisableApiTermination": str(protected).lower(),
        "EbsOptimized": str(bool(held.get("EbsOptimized"))).lower(),
    }
    documents = {
        "CapacityReservationSpecification": {"CapacityReservationPreference": "open"},
        "CpuOptions": {"CoreCount": 1, "ThreadsPerCore": 2},
        "CreditSpecification": {"CpuCredits": "unlimited"},
        "HibernationOptions": {"Configured": False},
        "Monitoring": {"State": "disabled"},
        "NetworkInterfaces": [{"DeviceIndex": 0, "PrivateIpAddress": held.get("PrivateIpAddress")}],
        "Placement": {**held["Placement"], "GroupName": ""},
        "SecurityGroupIds": [each["GroupId"] for each in held.get("SecurityGroups") or ()],
    }
    told = {**texts, **{key: json.dumps(each) for key, each in documents.items()}}
    return {key: value for key, value in told.items() if value}


class Volume(Kind):
    name = "EBS"
    pattern = r"arn:aws[\w-]*:ec2:([a-z0-9-]+):(\d{12}):volume/(vol-[0-9a-f]+)"
    needed = "availabilityZone"

    def alive(self, call: Call, identifier: str) -> bool:
        return identifier in call.backend("ec2").volumes

    tags = Instance.tags

    def record(self, call: Call, identifier: str, job: Document) -> tuple[str, int, Any]:
        text = "This snapshot is created by the AWS Backup service."
        snapshot = ec2(call, "CreateSnapshot", VolumeId=identifier, Description=text)
        _tag(call, snapshot["SnapshotId"], job)
        arn = f"arn:aws:ec2:{call.region}::snapshot/{snapshot['SnapshotId']}"
        return arn, int(snapshot["VolumeSize"]) * GIBIBYTE, None

    def metadata(self, call: Call, point: Document) -> dict[str, str]:
        return {"volumeId": _last(point["ResourceArn"]), "encrypted": "false", "volumeType": "gp3"}

    def restore(self, call: Call, point: Document, metadata: dict[str, str]) -> str:
        zone, snapshot = metadata["availabilityzone"], _last(point["RecoveryPointArn"])
        made = ec2(call, "CreateVolume", AvailabilityZone=zone, SnapshotId=snapshot)
        return f"arn:aws:ec2:{call.region}:{call.account}:volume/{made['VolumeId']}"

    def forget(self, call: Call, point: Document) -> None:
        call.backend("ec2").snapshots.pop(_last(point["RecoveryPointArn"]), None)


def _tag(call: Call, made: str, job: Document) -> None:
    if job["_tags"]:
        tags = [{"Key": key, "Value": value} for key, value in job["_tags"].items()]
        ec2(call, "CreateTags", Resources=[made], Tags=tags)


class Database(Kind):
    """An instance of RDS. Its snapshot is AWS Backup's, and its copy is in the network of the original, unless the
    metadata says otherwise."""

    name = "RDS"
    pattern = r"arn:aws[\w-]*:rds:([a-z0-9-]+):(\d{12}):db:([a-z0-9-]+)"
    needed = "DBInstanceIdentifier"

    def alive(self, call: Call, identifier: str) -> bool:
        return not _missing(call, "rds", "DescribeDBInstances", DBInstanceIdentifier=identifier)

    def record(self, call: Call, identifier: str, job: Document) -> tuple[str, int, Any]:
        found = _moto(call, "rds", "DescribeDBInstances", DBInstanceIdentifier=identifier)["DBInstances"][0]
        name = f"awsbackup-job-{job['BackupJobId'].lower()}"
        made = _moto(call, "rds", "CreateDBSnapshot", DBSnapshotIdentifier=name, DBInstanceIdentifier=identifier)
        return made["DBSnapshot"]["DBSnapshotArn"], int(found["AllocatedStorage"]) * GIBIBYTE, found

    def metadata(self, call: Call, point: Document) -> dict[str, str]:
        found = point["_held"]
        return {
            "DBInstanceIdentifier": found["DBInstanceIdentifier"],
            "DBInstanceClass": found["DBInstanceClass"],
            "MultiAZ": str(bool(found.get("MultiAZ"))).lower(),
            "PubliclyAccessible": str(bool(found.get("PubliclyAccessible"))).lower(),
            "DeletionProtection": str(bool(found.get("DeletionProtection"))).lower(),
        }

    def restore(self, call: Call, point: Document, metadata: dict[str, str]) -> str:
        name = metadata["dbinstanceidentifier"]
        if self.alive(call, name):
            raise AwsError("DBInstanceAlreadyExists", f"DB instance already exists: {name}", 400)
        groups = metadata.get("vpcsecuritygroupids")
        made = _moto(
            call,
            "rds",
            "RestoreDBInstanceFromDBSnapshot",
            DBInstanceIdentifier=name,
            DBSnapshotIdentifier=_last(point["RecoveryPointArn"]),
            **({"VpcSecurityGroupIds": json.loads(groups)} if groups else {}),
        )
        # moto takes what is true of the original for the copy, whatever is asked.
        copied = call.backend("rds").databases[name]
        copied.publicly_accessible = metadata.get("publiclyaccessible") == "true"
        copied.deletion_protection = metadata.get("deletionprotection") == "true"
        return str(made["DBInstance"]["DBInstanceArn"])


class Table(Kind):
    """A table of DynamoDB, with its items."""

    name = "DynamoDB"
    pattern = r"arn:aws[\w-]*:dynamodb:([a-z0-9-]+):(\d{12}):table/([\w.-]+)"
    needed = "targetTableName"

    def alive(self, call: Call, identifier: str) -> bool:
        return not _missing(call, "dynamodb", "DescribeTable", TableName=identifier)

    def record(self, call: Call, identifier: str, job: Document) -> tuple[str, int, Any]:
        name = f"awsbackup-{job['BackupJobId'].lower()}"
        made = _moto(call, "dynamodb", "CreateBackup", TableName=identifier, BackupName=name)["BackupDetails"]
        return made["BackupArn"], int(made.get("BackupSizeBytes") or 0), None

    def metadata(self, call: Call, point: Document) -> dict[str, str]:
        return {"originalTableName": _last(point["ResourceArn"]), "encryptionType": "Default"}

    def restore(self, call: Call, point: Document, metadata: dict[str, str]) -> str:
        made = _moto(
            call,
            "dynamodb",
            "RestoreTableFromBackup",
            TargetTableName=metadata["targettablename"],
            BackupArn=point["RecoveryPointArn"],
        )
        return str(made["TableDescription"]["TableArn"])


class FileSystem(Kind):
    """A file system of EFS."""

    name = "EFS"
    pattern = r"arn:aws[\w-]*:elasticfilesystem:([a-z0-9-]+):(\d{12}):file-system/(fs-[0-9a-f]+)"
    needed = "file-system-id"

    def alive(self, call: Call, identifier: str) -> bool:
        return not _missing(call, "efs", "DescribeFileSystems", FileSystemId=identifier)

    def record(self, call: Call, identifier: str, job: Document) -> tuple[str, int, Any]:
        return _own_point(call), 6144, None

    def metadata(self, call: Call, point: Document) -> dict[str, str]:
        return {"file-system-id": _last(point["ResourceArn"]), "Encrypted": "true", "PerformanceMode": "generalPurpose"}

    def restore(self, call: Call, point: Document, metadata: dict[str, str]) -> str:
        if metadata.get("newfilesystem") != "true":  # into a directory of the one that it was
            return str(point["ResourceArn"])
        made = _moto(
            call,
            "efs",
            "CreateFileSystem",
            CreationToken=metadata["creationtoken"],
            PerformanceMode=metadata.get("performancemode", "generalPurpose"),
            Encrypted=metadata.get("encrypted") == "true",
        )
        return f"arn:aws:elasticfilesystem:{call.region}:{call.account}:file-system/{made['FileSystemId']}"


class Bucket(Kind):
    """A bucket, with the current versions of its objects."""

    name = "S3"
    pattern = r"arn:aws[\w-]*:s3()():::([a-z0-9.-]{3,63})"
    needed = "DestinationBucketName"

    def _held(self, call: Call, name: str) -> Any:
        return call.backend("s3", "aws").buckets.get(name)

    def alive(self, call: Call, identifier: str) -> bool:
        return self._held(call, identifier) is not None

    def record(self, call: Call, identifier: str, job: Document) -> tuple[str, int, Any]:
        if not self._held(call, identifier).is_versioned:
            raise AwsError(
                "InvalidRequestException", f"Bucket {identifier} must have versioning enabled to be backed up", 400
            )
        objects = {key.name: key.value for key in self._held(call, identifier).keys.values()}
        return _own_point(call), sum(map(len, objects.values())), objects

    def metadata(self, call: Call, point: Document) -> dict[str, str]:
        return {}

    def restore(self, call: Call, point: Document, metadata: dict[str, str]) -> str:
        name = metadata["destinationbucketname"]
        if metadata.get("newbucket") == "true":
            if self.alive(call, name):
                raise AwsError("BucketAlreadyOwnedByYou", f"The bucket {name} exists already", 409)
            place = {"LocationConstraint": call.region}
            _moto(call, "s3", "CreateBucket", Bucket=name, CreateBucketConfiguration=place)
            _moto(call, "s3", "PutBucketVersioning", Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        for key, value in point["_held"].items():
            _moto(call, "s3", "PutObject", Bucket=name, Key=key, Body=copy.copy(value))
        return f"arn:aws:s3:::{name}"


def _own_point(call: Call) -> str:
    return f"arn:aws:backup:{call.region}:{call.account}:recovery-point:{uuid.uuid4()}"


KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (Instance(), Volume(), Database(), Table(), FileSystem(), Bucket())
}
