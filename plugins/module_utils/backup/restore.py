# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Restore testing: the standing plans of AWS, and what a single restore needs and tells. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.model import (
    InvalidError,
    TagChange,
    check_tags,
    tag_change,
)
from ansible_collections.rampart.ops.plugins.module_utils.backup.kinds import (
    REQUEST_ID,
    Kind,
    id_of,
    is_continuous,
    kind_of,
)
from ansible_collections.rampart.ops.plugins.module_utils.backup.rules import (
    check_arns,
    check_role,
    check_schedule,
    check_timezone,
    snake,
)

_NAME = re.compile(r"\w{1,50}", re.ASCII)
# https://docs.aws.amazon.com/aws-backup/latest/devguide/aws-backup-limits.html, "Restore testing plan quotas", none of
# them adjustable.
MAX_SELECTIONS = 30
MAX_SELECTORS = 30  # of vaults
MAX_ARNS = 30
MAX_CONDITIONS = 30  # of both tests together

Document = Mapping[str, Any]


# --- standing restore tests ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TestingPlan:
    """A restore testing plan and its selections, in AWS's own keys. Tags are None where nobody asked for them."""

    __test__ = False

    name: str
    document: Document
    selections: Mapping[str, Document] = field(default_factory=dict)  # by name
    arn: str | None = None
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Wanted:
    """What the user asks for. Selections of None are left as they are."""

    name: str
    state: str = "present"
    document: Document = field(default_factory=dict)
    selections: Mapping[str, Document] | None = None
    tags: Mapping[str, str] | None = None
    purge_tags: bool = True

    def check(self) -> None:
        check_testing_name("restore_testing_plan_name", self.name)
        check_tags(self.tags)
        if self.state == "absent":
            return
        where = f"restore testing plan {self.name}"
        check_schedule(where, self.document["ScheduleExpression"])
        check_timezone(where, self.document["ScheduleExpressionTimezone"])
        _check_range(where, "start_window_hours", self.document["StartWindowHours"], 1, 168)
        choice = self.document["RecoveryPointSelection"]
        _check_range(where, "selection_window_days", choice["SelectionWindowDays"], 1, 365)
        if not choice["IncludeVaults"] or not choice["RecoveryPointTypes"]:
            raise InvalidError(f"{where}: include_vaults and recovery_point_types must not be empty")
        check_arns(f"{where}: include_vaults", set(choice["IncludeVaults"]) - {"*"})
        check_arns(f"{where}: exclude_vaults", choice["ExcludeVaults"])
        for key, name in (("include_vaults", "IncludeVaults"), ("exclude_vaults", "ExcludeVaults")):
            _check_count(where, key, len(choice[name]), MAX_SELECTORS)
        _check_count(where, "selections", len(self.selections or {}), MAX_SELECTIONS)
        for name, selection in (self.selections or {}).items():
            _check_selection(name, selection)


def check_testing_name(where: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidError(f"{where}: {name!r} is not 1 to 50 letters, digits and underscores")


def _check_selection(name: str, selection: Document) -> None:
    check_testing_name("selections: restore_testing_selection_name", name)
    where = f"selection {name}"
    check_role(f"{where}: iam_role_arn", selection["IamRoleArn"])
    _check_range(where, "validation_window_hours", selection["ValidationWindowHours"], 0, 168)
    arns = selection["ProtectedResourceArns"]
    conditions = sum(map(len, selection["ProtectedResourceConditions"].values()))
    _check_count(where, "protected_resource_arns", len(arns), MAX_ARNS)
    _check_count(where, "protected_resource_conditions", conditions, MAX_CONDITIONS)
    if not arns and not conditions:
        raise InvalidError(f"{where}: give protected_resource_arns, or protected_resource_conditions")
    if "*" in arns and len(arns) > 1:
        raise InvalidError(f"{where}: protected_resource_arns are ARNs, or the wildcard *, but not both")
    if conditions and list(arns) not in ([], ["*"]):
        raise InvalidError(f"{where}: protected_resource_conditions need the wildcard * in protected_resource_arns")
    check_arns(f"{where}: protected_resource_arns", set(arns) - {"*"})


def _check_count(where: str, key: str, count: int, most: int) -> None:
    if count > most:
        raise InvalidError(f"{where}: {key}: {count} of them, AWS allows {most} (a quota that cannot be raised)")


def _check_range(where: str, key: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InvalidError(f"{where}: {key} is {value}, it must be {least} to {most}")


@dataclass(frozen=True)
class Step:
    """One call: create, update, delete, untag or tag; of the plan, or of the selection of that name."""

    action: str
    selection: str | None = None


@dataclass(frozen=True)
class Plan:
    """The steps from a restore testing plan as it is to what is wanted."""

    before: TestingPlan | None
    after: TestingPlan | None
    steps: tuple[Step, ...] = ()
    tags: TagChange = field(default_factory=TagChange)


def plan(current: TestingPlan | None, wanted: Wanted) -> Plan:
    if wanted.state == "absent":
        if current is None:
            return Plan(None, None)
        steps = [Step("delete", name) for name in sorted(current.selections)]
        return Plan(current, None, (*steps, Step("delete")))
    before = current or TestingPlan(wanted.name, {})
    tags = tag_change(before.tags or {}, wanted.tags, wanted.purge_tags)
    held = before.selections
    target = held if wanted.selections is None else wanted.selections
    after = replace(
        before,
        document=wanted.document,
        selections=target,
        tags=None if wanted.tags is None else tags.applied(before.tags or {}),
    )
    steps = []
    if current is None:
        steps.append(Step("create"))
    else:
        if _canonical_plan(current.document) != _canonical_plan(wanted.document):
            steps.append(Step("update"))
        steps += [Step(action) for action, needed in (("untag", tags.removed), ("tag", tags.set)) if needed]
    steps += [Step("delete", name) for name in sorted({*held} - {*target})]  # first, since AWS limits their number
    for name in sorted(target):
        if name not in held:
            steps.append(Step("create", name))
        elif _canonical_selection(held[name]) != _canonical_selection(target[name]):
            kind = "ProtectedResourceType"  # which an update cannot change
            same = held[name].get(kind) == target[name].get(kind)
            steps += [Step("update", name)] if same else [Step("delete", name), Step("create", name)]
    return Plan(current, after, tuple(steps), tags)


def _canonical_plan(document: Document) -> dict[str, Any]:
    choice = document["RecoveryPointSelection"]
    zone = document.get("ScheduleExpressionTimezone") or "Etc/UTC"
    return {
        "ScheduleExpression": " ".join(document["ScheduleExpression"].split()),
        "ScheduleExpressionTimezone": "Etc/UTC" if zone == "UTC" else zone,
        "StartWindowHours": document.get("StartWindowHours", 24),
        "Algorithm": choice["Algorithm"],
        "SelectionWindowDays": choice.get("SelectionWindowDays", 30),
        **{key: sorted(choice.get(key) or ()) for key in ("IncludeVaults", "ExcludeVaults", "RecoveryPointTypes")},
    }


def _canonical_selection(document: Document) -> dict[str, Any]:
    conditions = document.get("ProtectedResourceConditions") or {}
    arns = sorted(document.get("ProtectedResourceArns") or ())
    return {
        "IamRoleArn": document["IamRoleArn"],
        "ProtectedResourceType": document["ProtectedResourceType"],
        "ValidationWindowHours": document.get("ValidationWindowHours", 0),
        "ProtectedResourceArns": arns,
        "ProtectedResourceConditions": {
            test: sorted((each["Key"], each["Value"]) for each in conditions.get(test) or ())
            for test in ("StringEquals", "StringNotEquals")
        },
        # AWS takes the keys in any case.
        "RestoreMetadataOverrides": {
            key.lower(): value for key, value in (document.get("RestoreMetadataOverrides") or {}).items()
        },
    }


def describe(found: TestingPlan | None) -> dict[str, Any]:
    """What a diff shows."""
    if found is None:
        return {}
    shown = {
        "restore_testing_plan_name": found.name,
        **snake(_canonical_plan(found.document)),
        "selections": {name: snake(_canonical_selection(each)) for name, each in sorted(found.selections.items())},
    }
    return shown if found.tags is None else {**shown, "tags": dict(sorted(found.tags.items()))}


# --- one restore -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RecoveryPoint:
    """A recovery point of the resource."""

    arn: str
    vault: str
    created: datetime
    status: str = "COMPLETED"

    @property
    def continuous(self) -> bool:
        return bool(is_continuous(self.arn))

    def age(self, now: datetime) -> float:
        return (now - self.created).total_seconds()


@dataclass(frozen=True)
class Drill:
    """What the user asks of a restore. The copy of a named type is called `copy_name`; of one that has no names, the
    restore job is known by its `request_id`, if it has to be."""

    resource: str
    role: str
    copy_name: str
    point: str | None = None
    security_groups: Sequence[str] = ()
    subnet: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    request_id: str | None = None

    @property
    def kind(self) -> Kind:
        return kind_of(self.resource)

    def check(self) -> None:
        check_role("iam_role_arn", self.role)
        kind = self.kind
        given = {key.lower() for key in self.metadata}
        taken = sorted(key for key in self.metadata if key.lower() in kind.reserved)
        if taken:
            raise InvalidError(
                f"restore_metadata: {', '.join(taken)}: the copy is always a new one, apart from the original, whose "
                "name is copy_name; and this module says how the job is known"
            )
        if kind.name_key and self.copy_name == id_of(self.resource):
            raise InvalidError(f"copy_name: {self.copy_name} is the original, which is never restored over")
        if kind.groups_key and not self.security_groups and kind.groups_key.lower() not in given:
            raise InvalidError(
                "security_group_ids: without them the copy would be in the network as the original is; name a group "
                "that lets in nothing, or only who checks the copy"
            )
        if self.security_groups and not kind.groups_key:
            raise InvalidError(f"security_group_ids: the type {kind.name} has none")
        if self.subnet and kind.name != "EC2":
            raise InvalidError(f"subnet_id: the type {kind.name} has none; restore_metadata may have what is like it")

    def choose(self, points: Iterable[RecoveryPoint]) -> RecoveryPoint:
        """The named recovery point, or the newest that is complete and was made at one moment."""
        points = [each for each in points if each.status in ("COMPLETED", "AVAILABLE")]
        if self.point is not None:
            points = [each for each in points if each.arn == self.point]
            if points and points[0].continuous and not self._says_moment():
                raise InvalidError(
                    f"restore_metadata: {self.point} is a continuous backup: say which moment, by "
                    f"{' or '.join(self.kind.moments) or 'nothing that AWS documents'}"
                )
        else:
            points = [each for each in points if not each.continuous]
        if not points:
            what = f"the recovery point {self.point}" if self.point else "a recovery point that is complete"
            raise InvalidError(f"{self.resource} does not have {what}")
        return max(points, key=lambda each: each.created)

    def _says_moment(self) -> bool:
        given = {key.lower() for key in self.metadata}
        return any(key.lower() in given for key in self.kind.moments)

    def request_metadata(self, backed_up: Mapping[str, str], zone: str | None) -> dict[str, str]:
        """What AWS is told to make: what matters of the original, isolated, and what the user says otherwise."""
        kind = self.kind
        ours = dict(kind.fixed)
        if kind.name_key:
            ours[kind.name_key] = self.copy_name
        elif self.request_id:
            ours[REQUEST_ID] = self.request_id
        if kind.groups_key and self.security_groups:
            ours[kind.groups_key] = json.dumps(list(self.security_groups))
        if self.subnet:
            ours["SubnetId"] = self.subnet
        default = {**kind.defaults, **({"availabilityZone": zone} if zone else {})}
        kept = {key.lower() for key in kind.kept}
        result = {key: value for key, value in backed_up.items() if key.lower() in kept}
        for layer in (ours, self.metadata):
            said = {key.lower() for key in layer}
            result = {**{key: value for key, value in result.items() if key.lower() not in said}, **layer}
        said = {key.lower() for key in result}
        return {**result, **{key: value for key, value in default.items() if key.lower() not in said}}


@dataclass(frozen=True)
class RestoreJob:
    """A restore job as AWS tells of it."""

    id: str
    status: str
    created_arn: str | None = None
    message: str = ""
    percent: str = ""
    source: str = ""

    @property
    def running(self) -> bool:
        return self.status in ("PENDING", "RUNNING")
