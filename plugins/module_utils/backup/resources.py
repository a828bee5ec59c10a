# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The resources that can be backed up, by tag, one paged sweep for each API. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import Caller, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.backup.coverage import TYPES, Resource, type_of

# Tags that are looked for: the values of a key; none of them means any.
Tags = Mapping[str, Sequence[str]]


class Ec2:
    """Instances and volumes: 1000 and 500 in a page, where the tagging API has 100, and what is attached to what."""

    def __init__(self, client: Any, deadline: Deadline) -> None:
        self._meta = client.meta
        self._caller = Caller(client, deadline)

    def instances(self, tags: Tags) -> Iterator[Resource]:
        filters = _filters("instance-state-name", ["pending", "running", "stopping", "stopped"], tags)
        for reservation in self._caller.items(
            "describe_instances", "list the instances", "Reservations", Filters=filters, MaxResults=1000
        ):
            for item in reservation["Instances"]:
                arn = self._arn(reservation["OwnerId"], f"instance/{item['InstanceId']}")
                yield Resource(arn, "EC2", _held(item))

    def volumes(self, account: str, tags: Tags) -> Iterator[Resource]:
        filters = _filters("status", ["creating", "available", "in-use"], tags)
        for item in self._caller.items(
            "describe_volumes", "list the volumes", "Volumes", Filters=filters, MaxResults=500
        ):
            attached = next(iter(item.get("Attachments") or ()), None)
            yield Resource(
                self._arn(account, f"volume/{item['VolumeId']}"),
                "EBS",
                _held(item),
                attached and self._arn(account, f"instance/{attached['InstanceId']}"),
                attached and attached["AttachTime"],
            )

    def _arn(self, account: str, rest: str) -> str:
        return f"arn:{self._meta.partition}:ec2:{self._meta.region_name}:{account}:{rest}"


class Tagged:
    """The resources of other types, which the Resource Groups Tagging API knows by their tags, in one sweep for all."""

    def __init__(self, client: Any, deadline: Deadline) -> None:
        self._caller = Caller(client, deadline)

    def resources(self, kinds: Collection[str], tags: Tags) -> Iterator[Resource]:
        for item in self._caller.items(
            "get_resources",
            f"list the resources of the types {', '.join(kinds)}",
            "ResourceTagMappingList",
            token="PaginationToken",  # noqa: S106 - the name of a member
            ResourceTypeFilters=[TYPES[kind] for kind in kinds],
            TagFilters=[{"Key": key, "Values": list(values)} for key, values in tags.items()],
            ResourcesPerPage=100,
        ):
            kind = type_of(item["ResourceARN"])
            if kind in kinds:
                yield Resource(item["ResourceARN"], kind, _held(item))


class Rds:
    """Which databases are members of clusters."""

    def __init__(self, client: Any, deadline: Deadline) -> None:
        self._caller = Caller(client, deadline)

    def in_clusters(self, resources: Sequence[Resource]) -> Iterator[Resource]:
        """The same resources, the databases with their clusters."""
        clusters = {
            item["DBInstanceArn"]: item["DBClusterIdentifier"]
            for item in self._caller.items(
                "describe_db_instances",
                "list the databases",
                "DBInstances",
                token="Marker",  # noqa: S106 - the name of a member
                MaxRecords=100,
            )
            if item.get("DBClusterIdentifier")
        }
        for each in resources:
            cluster = clusters.get(each.arn)
            yield replace(each, part_of=f"{each.arn.rpartition(':db:')[0]}:cluster:{cluster}") if cluster else each


def _filters(state: str, values: Sequence[str], tags: Tags) -> list[dict[str, Any]]:
    """In a state that makes it worth a backup, and with these tags."""
    return [
        {"Name": state, "Values": list(values)},
        *(
            {"Name": f"tag:{key}", "Values": list(wanted)} if wanted else {"Name": "tag-key", "Values": [key]}
            for key, wanted in tags.items()
        ),
    ]


def _held(item: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in item.get("Tags") or ()}
