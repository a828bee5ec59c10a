# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What a restore has made, by type: looked at, marked, and removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import Caller, CallError, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.backup.kinds import id_of

Tags = Mapping[str, str]
# Looks, at growing intervals, until the time for it is up.
Looks = Callable[[], Iterator[None]]


@dataclass(frozen=True)
class State:
    """How a copy is: its state in the words of its service, where to reach it, and whether it is any use."""

    word: str
    usable: bool
    hopeless: bool = False
    address: str = ""


class Copies:
    """The copies of one type of resources."""

    service = ""
    absent: tuple[str, ...] = ()  # the errors by which the service says that there is no such thing
    busy: tuple[str, ...] = ()  # the errors by which it says that it cannot be removed yet

    def __init__(self, client: Any, deadline: Deadline) -> None:
        self._client = client
        self._caller = Caller(client, deadline)

    def state(self, arn: str) -> State:
        raise NotImplementedError

    def mark(self, arn: str, tags: Tags) -> None:
        raise NotImplementedError

    def remove(self, arn: str, looks: Looks) -> None:
        """Remove the copy with all that is its own. It is no error if it is gone."""
        for _look in looks():
            try:
                self._remove(arn)
            except CallError as error:
                if error.code in self.absent:
                    return
                if error.code not in self.busy:
                    raise
                last = error
            else:
                return
        raise last

    def find(self, name: str) -> str | None:
        """The ARN of the copy of that name, which a job that failed may have left; types without names have none."""
        return None

    def _remove(self, arn: str) -> None:
        raise NotImplementedError

    def _look(self, operation: str, arn: str, **request: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._caller.call(operation, f"look at the copy {arn}", **request)
        return answer

    def _found(self, operation: str, purpose: str, **request: Any) -> dict[str, Any] | None:
        try:
            answer: dict[str, Any] = self._caller.call(operation, purpose, **request)
        except CallError as error:
            if error.code in self.absent:
                return None
            raise
        return answer


def _pairs(tags: Tags) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


class _Ec2(Copies):
    service = "ec2"
    absent = ("InvalidInstanceID.NotFound", "InvalidVolume.NotFound")
    busy = ("VolumeInUse", "IncorrectInstanceState")

    def mark(self, arn: str, tags: Tags) -> None:
        self._tag([id_of(arn)], arn, tags)

    def _tag(self, ids: Sequence[str], arn: str, tags: Tags) -> None:
        self._caller.call("create_tags", f"tag the copy {arn}", Resources=list(ids), Tags=_pairs(tags))


class _Instances(_Ec2):
    def _instance(self, arn: str) -> dict[str, Any]:
        answer = self._look("describe_instances", arn, InstanceIds=[id_of(arn)])
        found: dict[str, Any] = answer["Reservations"][0]["Instances"][0]
        return found

    def mark(self, arn: str, tags: Tags) -> None:
        """With its volumes, which may stay when it is terminated."""
        disks = self._instance(arn).get("BlockDeviceMappings", ())
        self._tag([id_of(arn), *(each["Ebs"]["VolumeId"] for each in disks)], arn, tags)

    def state(self, arn: str) -> State:
        instance = self._instance(arn)
        word = instance["State"]["Name"]
        return State(
            word, word == "running", word not in ("pending", "running"), instance.get("PrivateIpAddress") or ""
        )

    def _remove(self, arn: str) -> None:
        """Its volumes first become such that go with it: whoever dies after this has left none behind."""
        disks = self._instance(arn).get("BlockDeviceMappings", ())
        staying = [each["DeviceName"] for each in disks if not each["Ebs"].get("DeleteOnTermination")]
        if staying:
            self._caller.call(
                "modify_instance_attribute",
                f"let the volumes of the copy {arn} go with it",
                InstanceId=id_of(arn),
                BlockDeviceMappings=[{"DeviceName": name, "Ebs": {"DeleteOnTermination": True}} for name in staying],
            )
        self._caller.call("terminate_instances", f"terminate the copy {arn}", InstanceIds=[id_of(arn)])


class _Volumes(_Ec2):
    def zone(self, arn: str) -> str | None:
        """The availability zone of the original, if that still exists."""
        answer = self._found("describe_volumes", f"look at {arn}", VolumeIds=[id_of(arn)])
        return str(answer["Volumes"][0]["AvailabilityZone"]) if answer else None

    def state(self, arn: str) -> State:
        word = self._look("describe_volumes", arn, VolumeIds=[id_of(arn)])["Volumes"][0]["State"]
        return State(word, word == "available", word == "error")

    def _remove(self, arn: str) -> None:
        self._caller.call("delete_volume", f"delete the copy {arn}", VolumeId=id_of(arn))


class _Databases(Copies):
    service = "rds"
    absent = ("DBInstanceNotFound", "DBInstanceNotFoundFault")
    busy = ("InvalidDBInstanceState", "InvalidDBInstanceStateFault")

    def state(self, arn: str) -> State:
        found = self._look("describe_db_instances", arn, DBInstanceIdentifier=id_of(arn))["DBInstances"][0]
        word = found["DBInstanceStatus"]
        hopeless = word.startswith(("failed", "incompatible-", "deleting"))
        return State(word, word == "available", hopeless, (found.get("Endpoint") or {}).get("Address", ""))

    def mark(self, arn: str, tags: Tags) -> None:
        self._caller.call("add_tags_to_resource", f"tag the copy {arn}", ResourceName=arn, Tags=_pairs(tags))

    def find(self, name: str) -> str | None:
        answer = self._found("describe_db_instances", f"look for the copy {name}", DBInstanceIdentifier=name)
        return str(answer["DBInstances"][0]["DBInstanceArn"]) if answer else None

    def _remove(self, arn: str) -> None:
        self._caller.call(
            "delete_db_instance",
            f"delete the copy {arn}",
            DBInstanceIdentifier=id_of(arn),
            SkipFinalSnapshot=True,
            DeleteAutomatedBackups=True,
        )


class _Tables(Copies):
    service = "dynamodb"
    absent = ("ResourceNotFoundException",)
    busy = ("ResourceInUseException",)

    def state(self, arn: str) -> State:
        word = self._look("describe_table", arn, TableName=id_of(arn))["Table"]["TableStatus"]
        return State(word, word == "ACTIVE", word not in ("ACTIVE", "CREATING", "UPDATING"))

    def mark(self, arn: str, tags: Tags) -> None:
        self._caller.call("tag_resource", f"tag the copy {arn}", ResourceArn=arn, Tags=_pairs(tags))

    def find(self, name: str) -> str | None:
        answer = self._found("describe_table", f"look for the copy {name}", TableName=name)
        return str(answer["Table"]["TableArn"]) if answer else None

    def _remove(self, arn: str) -> None:
        self._caller.call("delete_table", f"delete the copy {arn}", TableName=id_of(arn))


class _FileSystems(Copies):
    service = "efs"
    absent = ("FileSystemNotFound",)
    busy = ("IncorrectFileSystemLifeCycleState",)

    def state(self, arn: str) -> State:
        found = self._look("describe_file_systems", arn, FileSystemId=id_of(arn))["FileSystems"][0]
        word = found["LifeCycleState"]
        return State(word, word == "available", word not in ("available", "creating", "updating"))

    def mark(self, arn: str, tags: Tags) -> None:
        self._caller.call("tag_resource", f"tag the copy {arn}", ResourceId=id_of(arn), Tags=_pairs(tags))

    def find(self, name: str) -> str | None:
        answer = self._caller.call("describe_file_systems", f"look for the copy {name}", CreationToken=name)
        return next((str(each["FileSystemArn"]) for each in answer["FileSystems"]), None)

    def _remove(self, arn: str) -> None:
        self._caller.call("delete_file_system", f"delete the copy {arn}", FileSystemId=id_of(arn))


class _Buckets(Copies):
    service = "s3"
    absent = ("NoSuchBucket", "404")

    def state(self, arn: str) -> State:
        self._look("head_bucket", arn, Bucket=id_of(arn))
        return State("there", True)

    def mark(self, arn: str, tags: Tags) -> None:
        bucket = id_of(arn)
        self._caller.call(
            "put_public_access_block",
            f"keep the public from the copy {arn}",
            Bucket=bucket,
            PublicAccessBlockConfiguration=dict.fromkeys(
                ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
            ),
        )
        self._caller.call("put_bucket_tagging", f"tag the copy {arn}", Bucket=bucket, Tagging={"TagSet": _pairs(tags)})

    def find(self, name: str) -> str | None:
        answer = self._found("head_bucket", f"look for the copy {name}", Bucket=name)
        return None if answer is None else f"arn:{self._client.meta.partition}:s3:::{name}"

    def _remove(self, arn: str) -> None:
        bucket = id_of(arn)
        page: dict[str, Any] = {}
        while True:
            answer = self._caller.call("list_object_versions", f"list what is in the copy {arn}", Bucket=bucket, **page)
            objects = [
                {"Key": each["Key"], "VersionId": each["VersionId"]}
                for group in ("Versions", "DeleteMarkers")
                for each in answer.get(group) or ()
            ]
            if objects:
                self._caller.call(
                    "delete_objects",
                    f"empty the copy {arn}",
                    Bucket=bucket,
                    Delete={"Objects": objects, "Quiet": True},
                )
            if not answer.get("IsTruncated"):
                break
            page = {"KeyMarker": answer["NextKeyMarker"], "VersionIdMarker": answer.get("NextVersionIdMarker", "")}
            page = {key: value for key, value in page.items() if value}
        self._caller.call("delete_bucket", f"delete the copy {arn}", Bucket=bucket)


_TYPES = {
    "EC2": _Instances,
    "EBS": _Volumes,
    "RDS": _Databases,
    "DynamoDB": _Tables,
    "EFS": _FileSystems,
    "S3": _Buckets,
}


class Shelf:
    """The copies of each type, with the client of its service made when it is asked for."""

    def __init__(self, client: Callable[[str], Any], deadline: Deadline) -> None:
        self._client = client
        self._deadline = deadline
        self._made: dict[str, Copies] = {}

    def of(self, kind: str) -> Copies:
        if kind not in self._made:
            made = _TYPES[kind]
            self._made[kind] = made(self._client(made.service), self._deadline)
        return self._made[kind]
