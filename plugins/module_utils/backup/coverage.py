# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Which resources have a backup that is fresh enough, and what else is known of them. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.backup.selection import Content
from ansible_collections.rampart.ops.plugins.module_utils.backup.vault import Vault

# How far to look back for recovery points, as parts of the RPO: most resources are found in the first step.
STEPS = (0.125, 0.5, 1.0)
# A job that failed, or made a copy, is news for this long at least.
NEWS = timedelta(days=7)
USABLE = {"COMPLETED", "AVAILABLE"}

# AWS Backup's names of types, and those of the Resource Groups Tagging API, which are in the ARNs too.
TYPES = {
    "EC2": "ec2:instance",
    "EBS": "ec2:volume",
    "RDS": "rds:db",
    "Aurora": "rds:cluster",
    "DynamoDB": "dynamodb:table",
    "EFS": "elasticfilesystem:file-system",
    "FSx": "fsx:file-system",
    "S3": "s3",
}

PROTECTED, STALE, UNPROTECTED = "protected", "stale", "unprotected"


def type_of(arn: str) -> str | None:
    """AWS Backup's name of a resource's type; None if it is none of these."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return None
    place = f"{parts[2]}:{re.split('[:/]', parts[5])[0]}"
    return next((kind for kind, name in TYPES.items() if name in (place, parts[2])), None)


@dataclass(frozen=True)
class Resource:
    """Something that can be backed up.

    A volume that is attached to an instance, and a database of a cluster, are in the backups of these: it is `part_of`
    that ARN, since that moment if one is known.
    """

    arn: str
    type: str
    tags: Mapping[str, str]
    part_of: str | None = None
    part_since: datetime | None = None

    @property
    def arns(self) -> list[str]:
        """Where to look for its backups."""
        return [self.arn, self.part_of] if self.part_of else [self.arn]

    @property
    def name(self) -> str:
        return self.tags.get("Name") or self.arn.rpartition(":")[2].rpartition("/")[2]


@dataclass(frozen=True)
class Point:
    """A recovery point."""

    arn: str
    resource: str
    vault: str
    created: datetime


@dataclass(frozen=True)
class Job:
    """A backup job that failed, or a copy job that is done."""

    id: str
    resource: str
    state: str
    created: datetime
    message: str = ""
    vault: str = ""


@dataclass(frozen=True)
class Assignment:
    """A selection of a plan."""

    plan: str
    plan_id: str
    selection: str
    content: Content


@dataclass
class Findings:
    """What the sweeps have found."""

    vaults: Mapping[str, Vault] = field(default_factory=dict)
    assignments: Sequence[Assignment] = ()
    newest: dict[str, Point] = field(default_factory=dict)  # by resource
    failures: dict[str, Job] = field(default_factory=dict)  # by resource
    copies: dict[str, dict[str, Job]] = field(default_factory=dict)  # by resource and destination

    def newest_of(self, resource: Resource) -> Point | None:
        """The newest recovery point that has the resource in it."""
        points = [self.newest[arn] for arn in resource.arns if arn in self.newest]
        since = resource.part_since
        has = [each for each in points if each.resource == resource.arn or since is None or each.created >= since]
        return max(has, key=lambda each: each.created, default=None)

    def failure_of(self, resource: Resource) -> Job | None:
        failures = [self.failures[arn] for arn in resource.arns if arn in self.failures]
        return max(failures, key=lambda each: each.created, default=None)

    def add_points(self, points: Iterable[Point]) -> None:
        for point in points:
            held = self.newest.get(point.resource)
            if held is None or held.created < point.created:
                self.newest[point.resource] = point

    def add_failures(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            held = self.failures.get(job.resource)
            if held is None or held.created < job.created:
                self.failures[job.resource] = job

    def add_copies(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            destinations = self.copies.setdefault(job.resource, {})
            held = destinations.get(job.vault)
            if held is None or held.created < job.created:
                destinations[job.vault] = job


@dataclass(frozen=True)
class Objective:
    """How old the newest recovery point may be: so many hours, or what a tag of the resource says."""

    hours: float
    tag: str | None = None

    def check(self) -> None:
        if not 0 < self.hours <= 24 * 366:
            raise InvalidError(f"rpo_hours is {self.hours}, it must be more than 0 and at most a year")

    def of(self, resource: Resource) -> tuple[float, str | None]:
        """Hours, and what is wrong with the tag, if anything: then the common objective holds."""
        text = resource.tags.get(self.tag) if self.tag else None
        if text is None:
            return self.hours, None
        try:
            hours = float(text)
            if 0 < hours <= 24 * 366:
                return hours, None
        except ValueError:
            pass
        return self.hours, f"its tag {self.tag} is {text!r}, which is no number of hours"

    def window(self, resources: Iterable[Resource]) -> timedelta:
        """How far back a recovery point can be and still be fresh enough for any of the resources."""
        return timedelta(hours=max([self.hours, *(self.of(resource)[0] for resource in resources)]))


def judge(resources: Iterable[Resource], found: Findings, objective: Objective, now: datetime) -> list[dict[str, Any]]:
    """A verdict on each resource, worst first."""
    order = {UNPROTECTED: 0, STALE: 1, PROTECTED: 2}
    by_arn = {resource.arn: resource for resource in resources}
    verdicts = [
        _verdict(resource, by_arn.get(resource.part_of or ""), found, objective, now) for resource in by_arn.values()
    ]
    return sorted(verdicts, key=lambda each: (order[each["verdict"]], each["resource_name"], each["resource_arn"]))


def _verdict(
    resource: Resource, whole: Resource | None, found: Findings, objective: Objective, now: datetime
) -> dict[str, Any]:
    hours, complaint = objective.of(resource)
    point, failure = found.newest_of(resource), found.failure_of(resource)
    plans = sorted(
        {
            each.plan
            for each in found.assignments
            for one in (resource, whole)
            if one and each.content.selects(one.arn, one.tags)
        }
    )
    age = None if point is None else (now - point.created).total_seconds() / 3600
    if age is None:
        verdict, reasons = UNPROTECTED, ["it has no recovery point"]
    elif age > hours:
        verdict, reasons = STALE, [f"its newest recovery point is {age:.1f} hours old, {hours:g} are allowed"]
    else:
        verdict, reasons = PROTECTED, []
    if not plans and (point is None or point.resource == resource.arn):
        reasons.append("no plan selects it")
    if complaint:
        reasons.append(complaint)
    if failure and (point is None or failure.created > point.created):
        reasons.append(f"its last backup job {failure.state.lower()}: {failure.message or 'AWS says no more'}")
    return {
        "resource_arn": resource.arn,
        "resource_type": resource.type,
        "resource_name": resource.name,
        "resource_tags": dict(resource.tags),
        "part_of": resource.part_of,
        "verdict": verdict,
        "reason": "; ".join(reasons),
        "rpo_hours": hours,
        "age_hours": None if age is None else round(age, 2),
        "plans": plans,
        "newest_recovery_point": point
        and {"recovery_point_arn": point.arn, "creation_date": point.created.isoformat(), "backup_vault": point.vault},
        "vault_lock": _lock(point, found.vaults),
        "copies": [
            {"backup_vault_arn": vault, "creation_date": job.created.isoformat()}
            for vault, job in sorted(found.copies.get(point.resource if point else resource.arn, {}).items())
        ],
        "last_failed_job": failure
        and {
            "backup_job_id": failure.id,
            "state": failure.state,
            "creation_date": failure.created.isoformat(),
            "message": failure.message,
        },
    }


def _lock(point: Point | None, vaults: Mapping[str, Vault]) -> str | None:
    """The mode of the lock of the vault where the newest recovery point is."""
    vault = vaults.get(point.vault) if point else None
    return vault.lock.describe()["mode"] if vault and vault.lock else None


def summary(verdicts: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    counts = {kind: sum(each["verdict"] == kind for each in verdicts) for kind in (PROTECTED, STALE, UNPROTECTED)}
    return {"total": len(verdicts), **counts}
