# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What a backup vault is, what is wanted of it, and the plan that leads from one to the other. No I/O."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import (
    InvalidError,
    TagChange,
    check_tags,
    some,
    tag_change,
)
from ansible_collections.rampart.ops.plugins.module_utils.backup.rules import MAX_DAYS, check_vault_name

# API_PutBackupVaultLockConfiguration: a cooling-off period of 72 hours.
MIN_CHANGEABLE_DAYS = 3

# API_PutBackupVaultNotifications: "Deprecated events do not return statuses or notifications." The SDK knows them.
_NOT_SENT: Mapping[str, str] = {
    "BACKUP_JOB_SUCCESSFUL": "BACKUP_JOB_COMPLETED",
    "BACKUP_JOB_FAILED": "BACKUP_JOB_COMPLETED",
    "BACKUP_JOB_EXPIRED": "BACKUP_JOB_COMPLETED",
    "RESTORE_JOB_SUCCESSFUL": "RESTORE_JOB_COMPLETED",
    "RESTORE_JOB_FAILED": "RESTORE_JOB_COMPLETED",
    "BACKUP_PLAN_CREATED": "",
    "BACKUP_PLAN_MODIFIED": "",
}

_KEY_ARN = re.compile(r"arn:aws[\w-]*:kms:[a-z0-9-]+:\d{12}:key/[\w-]+")
_TOPIC_ARN = re.compile(r"arn:aws[\w-]*:sns:[a-z0-9-]+:\d{12}:[\w-]{1,256}")


@dataclass(frozen=True)
class Lock:
    """A vault lock. With a date it is one of compliance: from then on nobody can change or remove it."""

    min_retention_days: int | None = None
    max_retention_days: int | None = None
    date: datetime | None = None

    def describe(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "mode": "compliance" if self.date else "governance",
            "min_retention_days": self.min_retention_days,
            "max_retention_days": self.max_retention_days,
        }
        return {**shown, "immutable_from": self.date.isoformat()} if self.date else shown


@dataclass(frozen=True)
class Notifications:
    """Which events are told to which topic."""

    topic: str
    events: frozenset[str]


@dataclass(frozen=True)
class Vault:
    """One vault. Policy, notifications and tags are None where there are none, or nobody asked for them."""

    name: str
    arn: str | None = None
    encryption_key_arn: str | None = None
    lock: Lock | None = None
    policy: Mapping[str, Any] | None = None
    notifications: Notifications | None = None
    tags: Mapping[str, str] | None = None
    recovery_points: int = 0
    creation_date: datetime | None = None


@dataclass(frozen=True)
class WantedLock:
    """What the user asks of the lock. `confirmed` is the date (YYYY-MM-DD) after which nobody can undo it."""

    mode: str
    min_retention_days: int | None = None
    max_retention_days: int | None = None
    changeable_for_days: int | None = None
    confirmed: str | None = None

    def check(self) -> None:
        if self.mode == "none":
            return
        for key, days in (("min", self.min_retention_days), ("max", self.max_retention_days)):
            if days is not None and not 1 <= days <= MAX_DAYS:
                raise InvalidError(f"lock: {key}_retention_days is {days}, it must be 1 to {MAX_DAYS} days")
        if None not in (self.min_retention_days, self.max_retention_days) and (
            (self.min_retention_days or 0) > (self.max_retention_days or 0)
        ):
            raise InvalidError("lock: min_retention_days is greater than max_retention_days")
        if self.mode == "governance" and (self.changeable_for_days is not None or self.confirmed is not None):
            raise InvalidError(
                "lock: changeable_for_days and confirm_immutable_after make a lock immutable: they need mode compliance"
            )
        if self.mode == "compliance" and self.changeable_for_days is None:
            raise InvalidError("lock: mode compliance needs changeable_for_days")
        if self.changeable_for_days is not None and not MIN_CHANGEABLE_DAYS <= self.changeable_for_days <= MAX_DAYS:
            raise InvalidError(
                f"lock: changeable_for_days is {self.changeable_for_days}, it must be {MIN_CHANGEABLE_DAYS} (72 hours "
                f"to think better of it) to {MAX_DAYS}"
            )

    def applied(self, current: Lock | None, name: str, now: datetime) -> Lock | None:
        """The lock that there shall be; InvalidError if it must not."""
        if self.mode == "none":
            target = None
        else:
            keeps = current is not None and (current.date is not None) == (self.mode == "compliance")
            target = Lock(self.min_retention_days, self.max_retention_days, current.date if keeps and current else None)
            if keeps and target == current:
                return current
        if current == target:
            return current
        if current is not None and current.date is not None and current.date <= now:
            raise InvalidError(
                f"the lock of backup vault {name} has been immutable since {current.date.isoformat()}: "
                "nobody can change or remove it"
            )
        if target is not None and self.mode == "compliance":
            target = replace(target, date=self._confirmed_date(name, now))
        return target

    def _confirmed_date(self, name: str, now: datetime) -> datetime:
        date = now + timedelta(days=self.changeable_for_days or 0)
        if self.confirmed != date.date().isoformat():
            raise InvalidError(
                f"lock: from {date.date().isoformat()} on nobody, not even AWS, could change or remove this lock of "
                f"backup vault {name}, or delete its recovery points before their time. If that is meant, confirm "
                f"it with confirm_immutable_after: '{date.date().isoformat()}'"
            )
        return date


@dataclass(frozen=True)
class Wanted:
    """What the user asks for. None means: as it is; an empty policy and empty events mean: none."""

    name: str
    state: str = "present"
    encryption_key_arn: str | None = None
    lock: WantedLock | None = None
    policy: Mapping[str, Any] | None = None
    notifications: Notifications | None = None
    tags: Mapping[str, str] | None = None
    purge_tags: bool = True

    def check(self, known_events: Collection[str]) -> None:
        check_vault_name("backup_vault_name", self.name)
        check_tags(self.tags)
        if self.encryption_key_arn and not _KEY_ARN.fullmatch(self.encryption_key_arn):
            raise InvalidError(
                f"encryption_key_arn: {self.encryption_key_arn!r} is not the ARN of a key (an alias will not do: AWS "
                "Backup shows the key itself, so that a change could not be seen)"
            )
        if self.lock:
            self.lock.check()
        if self.policy and not (self.policy.get("Statement") and self.policy.get("Version")):
            raise InvalidError("access_policy: a policy needs Version and Statement; {} removes it")
        if self.notifications and self.notifications.events:
            if not _TOPIC_ARN.fullmatch(self.notifications.topic):
                raise InvalidError(f"notifications: {self.notifications.topic!r} is not the ARN of an SNS topic")
            unknown = sorted(self.notifications.events - set(known_events))
            if unknown:
                raise InvalidError(
                    f"notifications: no events of a vault: {some(unknown)}; there are "
                    f"{', '.join(sorted(set(known_events) - set(_NOT_SENT)))}"
                )
            self._check_sent(self.notifications.events & set(_NOT_SENT))

    def _check_sent(self, lost: Collection[str]) -> None:
        if lost:
            instead = sorted({_NOT_SENT[event] for event in lost} - {""})
            others = f"{' and '.join(instead)}, which are sent whatever became of the job, or " if instead else ""
            raise InvalidError(
                f"notifications: AWS Backup takes {', '.join(sorted(lost))} (deprecated), but never sends them. Take "
                f"{others}the events that it sends to EventBridge (rampart.ops.eventbridge_rule), which can be chosen "
                "by state"
            )


@dataclass(frozen=True)
class Plan:
    """The steps from a vault as it is to what is wanted."""

    before: Vault | None
    after: Vault | None
    steps: tuple[str, ...] = ()
    tags: TagChange = field(default_factory=TagChange)


def plan(current: Vault | None, wanted: Wanted, now: datetime) -> Plan:
    if wanted.state == "absent":
        if current is not None and current.recovery_points:
            raise InvalidError(
                f"backup vault {wanted.name} holds {current.recovery_points} recovery points: AWS deletes empty vaults "
                "only. Let them expire, or delete them, first"
            )
        return Plan(current, None, ("delete",) if current else ())
    key = wanted.encryption_key_arn
    if current is not None and key and key != current.encryption_key_arn:
        raise InvalidError(
            f"backup vault {wanted.name} is encrypted with {current.encryption_key_arn}, which AWS cannot change to "
            f"{key}: take another name, and copy the recovery points"
        )
    before = current or Vault(wanted.name, encryption_key_arn=key)
    tags = tag_change(before.tags or {}, wanted.tags, wanted.purge_tags)
    after = replace(
        before,
        lock=wanted.lock.applied(before.lock, wanted.name, now) if wanted.lock else before.lock,
        policy=_policy(before, wanted),
        notifications=_notifications(before, wanted),
        tags=None if wanted.tags is None else tags.applied(before.tags or {}),
    )
    steps = [
        step
        for step, needed in (
            ("create", current is None),
            ("put_policy", after.policy is not None and after.policy != before.policy),
            ("delete_policy", after.policy is None and before.policy is not None),
            ("put_notifications", after.notifications is not None and after.notifications != before.notifications),
            ("delete_notifications", after.notifications is None and before.notifications is not None),
            ("untag", bool(tags.removed)),
            ("tag", bool(tags.set) and current is not None),  # a new vault is created with its tags
            ("put_lock", after.lock is not None and after.lock != before.lock),
            ("delete_lock", after.lock is None and before.lock is not None),
        )
        if needed
    ]
    return Plan(current, after, tuple(steps), tags)


def _notifications(before: Vault, wanted: Wanted) -> Notifications | None:
    if wanted.notifications is None:
        return before.notifications
    return wanted.notifications if wanted.notifications.events else None


def _policy(before: Vault, wanted: Wanted) -> Mapping[str, Any] | None:
    """Policies are the same that mean the same: order and lists of one make no difference."""
    if wanted.policy is None or (before.policy and not compare_policies(before.policy, wanted.policy)):
        return before.policy
    return wanted.policy or None


def describe(vault: Vault | None) -> dict[str, Any]:
    """A vault as a diff shows it."""
    if vault is None:
        return {}
    shown: dict[str, Any] = {
        "backup_vault_name": vault.name,
        "encryption_key_arn": vault.encryption_key_arn,
        "lock": vault.lock.describe() if vault.lock else None,
        "access_policy": vault.policy,
        "tags": None if vault.tags is None else dict(sorted(vault.tags.items())),
        "notifications": vault.notifications
        and {
            "sns_topic_arn": vault.notifications.topic,
            "backup_vault_events": sorted(vault.notifications.events),
        },
    }
    return {key: value for key, value in shown.items() if value is not None}


def report(vault: Vault | None) -> dict[str, Any]:
    """What the module returns of a vault."""
    if vault is None:
        return {}
    return {
        **describe(vault),
        # As with amazon.aws.backup_vault: what check mode did not create has no key yet. The diff has the wanted one.
        **({} if vault.arn else {"encryption_key_arn": ""}),
        "backup_vault_arn": vault.arn,
        "locked": vault.lock is not None,
        "number_of_recovery_points": vault.recovery_points,
        "creation_date": vault.creation_date,
    }
