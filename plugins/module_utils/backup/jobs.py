# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What an on-demand backup asks for, and what its jobs tell. No I/O."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError, some
from ansible_collections.rampart.ops.plugins.module_utils.backup.rules import (
    DEFAULT_COMPLETION,
    DEFAULT_START,
    check_arns,
    check_lifecycle,
    check_recovery_point_tags,
    check_role,
    check_vault_name,
    check_windows,
)

# What has not begun; what is not over.
WAITING = {"CREATED", "PENDING"}
RUNNING = WAITING | {"RUNNING", "ABORTING"}
# How long AWS may remember an idempotency token.
TOKEN_LIFE = timedelta(days=1)
# The options of a backup, and what they are for.
# https://docs.aws.amazon.com/aws-backup/latest/devguide/API_AdvancedBackupSetting.html
_OPTIONS = {
    "WindowsVSS": (re.compile(r"arn:[\w-]+:ec2:[^:]+:\d+:instance/.+"), "instances"),
    "BackupACLs": (re.compile(r"arn:[\w-]+:s3:::.+"), "buckets"),
    "BackupObjectTags": (re.compile(r"arn:[\w-]+:s3:::.+"), "buckets"),
}


@dataclass(frozen=True)
class BackupJob:
    """A backup job as AWS tells of it."""

    id: str
    resource: str
    state: str
    created: datetime
    percent: str = ""
    message: str = ""
    recovery_point: str | None = None
    vault: str = ""
    completed: datetime | None = None
    size: int | None = None

    @property
    def running(self) -> bool:
        return self.state in RUNNING

    @property
    def waiting(self) -> bool:
        """Whether it has not begun. AWS: "the backup successfully begins (the job status changes to RUNNING)".

        https://docs.aws.amazon.com/aws-backup/latest/devguide/API_StartBackupJob.html
        """
        return self.state in WAITING

    def __str__(self) -> str:
        told = f"{self.state}, {self.percent or '0'} %" if self.running else self.state
        why = f": {self.message}" if self.message else ""
        return f"{self.id} of {self.resource} ({told}){why}"


def job_of(item: Mapping[str, Any]) -> BackupJob:
    """From AWS's own keys."""
    return BackupJob(
        id=item["BackupJobId"],
        resource=item["ResourceArn"],
        state=item["State"],
        created=item["CreationDate"],
        percent=item.get("PercentDone", ""),
        message=item.get("StatusMessage", ""),
        recovery_point=item.get("RecoveryPointArn"),
        vault=item.get("BackupVaultName", ""),
        completed=item.get("CompletionDate"),
        size=item.get("BackupSizeInBytes"),
    )


@dataclass(frozen=True)
class Wanted:
    """What the user asks to be backed up now."""

    resources: Sequence[str]
    vault: str
    role: str
    token: str | None = None
    max_age: timedelta | None = None
    start_window: int | None = None
    complete_window: int | None = None
    lifecycle: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Refuse what AWS would refuse, before the first job is started."""
        check_vault_name("backup_vault_name", self.vault)
        check_role("iam_role_arn", self.role)
        check_arns("resource_arns", self.resources)
        wildcards = [arn for arn in self.resources if "*" in arn]
        if wildcards:
            raise InvalidError(f"resource_arns: a job is about one resource, {wildcards[0]} is not one")
        if len(set(self.resources)) != len(self.resources):
            raise InvalidError("resource_arns: a resource is given twice")
        start = DEFAULT_START if self.start_window is None else self.start_window
        complete = max(DEFAULT_COMPLETION, start + 60) if self.complete_window is None else self.complete_window
        check_windows("windows", start, complete)
        check_lifecycle("lifecycle", self.lifecycle)
        check_recovery_point_tags("recovery point", self.tags)
        self._check_options()

    def _check_options(self) -> None:
        for name, value in self.options.items():
            if name not in _OPTIONS:
                raise InvalidError(f"backup_options: {name} is none; there are {', '.join(_OPTIONS)}")
            if value not in ("enabled", "disabled"):
                raise InvalidError(f"backup_options: {name} is {value!r}, it must be enabled or disabled")
            pattern, what = _OPTIONS[name]
            others = [arn for arn in self.resources if not pattern.fullmatch(arn)]
            if others:
                raise InvalidError(f"backup_options: {name} is for {what} only, not for {some(others)}")

    @property
    def looks_back(self) -> timedelta | None:
        """How far back earlier jobs matter; None if they do not."""
        return max(self.max_age or timedelta(0), TOKEN_LIFE) if self.token else self.max_age

    def reusable(self, earlier: Iterable[BackupJob], now: datetime) -> dict[str, BackupJob]:
        """By resource, the newest job that is fresh enough: done or still at it."""
        found: dict[str, BackupJob] = {}
        for job in earlier:
            fresh = self.max_age is not None and job.created >= now - self.max_age
            usable = job.state in RUNNING - {"ABORTING"} or job.state == "COMPLETED"
            if fresh and usable and job.resource in self.resources:
                held = found.get(job.resource)
                if held is None or held.created < job.created:
                    found[job.resource] = job
        return found

    def requests(self, resources: Iterable[str], run_id: str) -> dict[str, dict[str, Any]]:
        """By resource, the request of its job. A token names the request for a resource, not the run."""
        optional = {
            "StartWindowMinutes": self.start_window,
            "CompleteWindowMinutes": self.complete_window,
            "Lifecycle": dict(self.lifecycle),
            "RecoveryPointTags": dict(self.tags),
            "BackupOptions": dict(self.options),
        }
        return {
            arn: {
                "BackupVaultName": self.vault,
                "ResourceArn": arn,
                "IamRoleArn": self.role,
                "IdempotencyToken": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.token or run_id} {arn}")),
                **{key: value for key, value in optional.items() if value},
            }
            for arn in resources
        }


def report(job: BackupJob) -> dict[str, Any]:
    """What the module returns of a job."""
    return {
        "backup_job_id": job.id,
        "resource_arn": job.resource,
        "state": job.state,
        "percent_done": job.percent,
        "status_message": job.message,
        "recovery_point_arn": job.recovery_point,
        "backup_vault_name": job.vault,
        "backup_size_in_bytes": job.size,
        "creation_date": job.created,
        "completion_date": job.completed,
    }


def trouble(jobs: Iterable[BackupJob], failed_to_start: Mapping[str, str], seconds: float, begun: bool) -> str | None:
    """What is wrong when waiting is over, until all have `begun` or else are done; None if nothing is."""
    jobs = list(jobs)
    still = [str(job) for job in jobs if (job.waiting if begun else job.running)]
    failed = [str(job) for job in jobs if not job.running and job.state != "COMPLETED"]
    told = [f"not started: {arn}: {why}" for arn, why in sorted(failed_to_start.items())]
    if failed:
        told.append(f"failed: {', '.join(failed)}")
    if still:
        told.append(
            f"{'not begun' if begun else 'still running'} after {seconds:g} seconds: {', '.join(still)}. They go on; "
            "wait for them with backup_job_ids"
        )
    return "; ".join(told) or None


def lost(why: str, ids: Iterable[str]) -> str:
    """What to say when jobs cannot be looked at any more."""
    return f"{why}. The jobs go on, how they end is not known; wait for them with backup_job_ids: {', '.join(ids)}"
