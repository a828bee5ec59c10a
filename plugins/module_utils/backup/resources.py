# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The resources that can be backed up, by tag, one paged sweep for each kind. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import Caller, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.backup.coverage import TYPES, Resource

# Tags that are looked for: the values of a key; none of them means any.
Tags = Mapping[str, Sequence[str]]


class Instances:
    """The instances of EC2: 1000 in a page, where the tagging API has 100."""

    def __init__(self, client: Any, deadline: Deadline) -> None:
        self._meta = client.meta
        self._caller = Caller(client, deadline)

    def tagged(self, tags: Tags) -> Iterator[Resource]:
        filters = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}]
        for key, values in tags.items():
            if values:
                filters.append({"Name": f"tag:{key}", "Values": list(values)})
            else:
                filters.append({"Name": "tag-key", "Values": [key]})
        for reservation in self._caller.items(
            "describe_instances", "list the instances", "Reservations", Filters=filters, MaxResults=1000
        ):
            place = f"arn:{self._meta.partition}:ec2:{self._meta.region_name}:{reservation['OwnerId']}:instance"
            for item in reservation["Instances"]:
                tags_held = {tag["Key"]: tag["Value"] for tag in item.get("Tags", ())}
                yield Resource(f"{place}/{item['InstanceId']}", "EC2", tags_held)


class Tagged:
    """Everything else, by the Resource Groups Tagging API."""

    def __init__(self, client: Any, deadline: Deadline) -> None:
        self._caller = Caller(client, deadline)

    def tagged(self, kind: str, tags: Tags) -> Iterator[Resource]:
        for item in self._caller.items(
            "get_resources",
            f"list the resources of type {kind}",
            "ResourceTagMappingList",
            token="PaginationToken",  # noqa: S106 - the name of a member
            ResourceTypeFilters=[TYPES[kind]],
            TagFilters=[{"Key": key, "Values": list(values)} for key, values in tags.items()],
            ResourcesPerPage=100,
        ):
            yield Resource(item["ResourceARN"], kind, {tag["Key"]: tag["Value"] for tag in item.get("Tags", ())})
