# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Log groups as they are and as they are wanted. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.model import (
    InvalidError,
    TagChange,
    check_tags,
    tag_change,
)

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html; 0 is none.
RETENTIONS = (
    *(0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


@dataclass(frozen=True)
class Group:
    """A log group. `retention` in days, 0 for ever; no `kms_key_id` means CloudWatch's own encryption."""

    name: str
    retention: int = 0
    kms_key_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    arn: str = ""


@dataclass(frozen=True)
class Wanted:
    """What is declared; None is left alone."""

    name: str
    retention: int | None = None
    kms_key_id: str | None = None
    tags: Mapping[str, str] | None = None
    purge_tags: bool = True
    absent: bool = False

    def check(self) -> None:
        check_tags(self.tags)
        if self.kms_key_id and not self.kms_key_id.startswith("arn:"):
            raise InvalidError(f"kms_key_id: {self.kms_key_id!r} is not the ARN of a key, which CloudWatch Logs needs")


@dataclass(frozen=True)
class Plan:
    """The steps, by name, each with what it writes; and the group after them."""

    steps: tuple[tuple[str, Any], ...]
    after: Group | None


def plan(current: Group | None, wanted: Wanted) -> Plan:
    if wanted.absent:
        return Plan((("delete", None),) if current else (), None)
    steps: list[tuple[str, Any]] = []
    group = current
    if group is None:
        group = Group(wanted.name, kms_key_id=wanted.kms_key_id or "", tags=wanted.tags or {})
        steps.append(("create", group))
    if wanted.kms_key_id is not None and wanted.kms_key_id != group.kms_key_id:
        group = replace(group, kms_key_id=wanted.kms_key_id)
        steps.append(("encrypt", wanted.kms_key_id))
    if wanted.retention is not None and wanted.retention != group.retention:
        group = replace(group, retention=wanted.retention)
        steps.append(("retain", wanted.retention))
    change: TagChange = tag_change(group.tags, wanted.tags, wanted.purge_tags)
    if change.set or change.removed:
        group = replace(group, tags=change.applied(group.tags))
        steps.append(("tag", change))
    return Plan(tuple(steps), group)


def described(group: Group | None) -> dict[str, Any]:
    """What a run reports of a group."""
    if group is None:
        return {}
    return {
        "log_group_name": group.name,
        "retention": group.retention,
        "kms_key_id": group.kms_key_id,
        "tags": dict(group.tags),
    }
