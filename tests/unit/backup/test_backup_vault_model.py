# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""From what is wanted of a vault to the plan."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.backup.vault import (
    Lock,
    Notifications,
    Vault,
    Wanted,
    WantedLock,
    plan,
)

NOW = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
TOPIC = Notifications("arn:aws:sns:eu-west-1:123456789012:t", frozenset({"BACKUP_JOB_COMPLETED"}))
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "backup:*"}]}
HELD = Vault(
    "v", arn="arn", encryption_key_arn="key", lock=Lock(7), policy=POLICY, notifications=TOPIC, tags={"a": "b"}
)


@pytest.mark.parametrize(
    ("current", "wanted", "steps"),
    [
        (None, Wanted("v"), ("create",)),
        (None, Wanted("v", tags={"a": "b"}, policy=POLICY), ("create", "put_policy")),
        (HELD, Wanted("v"), ()),
        (HELD, Wanted("v", policy=POLICY, notifications=TOPIC, tags={"a": "b"}, encryption_key_arn="key"), ()),
        (HELD, Wanted("v", policy={}), ("delete_policy",)),
        (HELD, Wanted("v", notifications=Notifications("", frozenset())), ("delete_notifications",)),
        (HELD, Wanted("v", tags={}), ("untag",)),
        (HELD, Wanted("v", tags={"a": "c"}), ("tag",)),
        (HELD, Wanted("v", tags={}, purge_tags=False), ()),
        (HELD, Wanted("v", lock=WantedLock("governance", 7)), ()),
        (HELD, Wanted("v", lock=WantedLock("governance", 8)), ("put_lock",)),
        (HELD, Wanted("v", lock=WantedLock("none")), ("delete_lock",)),
        (HELD, Wanted("v", state="absent"), ("delete",)),
        (None, Wanted("v", state="absent"), ()),
    ],
)
def test_steps(current: Vault | None, wanted: Wanted, steps: tuple[str, ...]) -> None:
    result = plan(current, wanted, NOW)
    assert result.steps == steps
    if result.after is not None:
        assert plan(replace(result.after, arn="arn"), wanted, NOW).steps == ()


@pytest.mark.parametrize(
    "wanted", [WantedLock("none"), WantedLock("governance", 7), WantedLock("compliance", 8, None, 3)]
)
def test_a_lock_whose_date_has_passed_is_immutable(wanted: WantedLock) -> None:
    current = replace(HELD, lock=Lock(7, None, NOW - timedelta(seconds=1)))
    with pytest.raises(InvalidError, match="immutable since 2026-11-21"):
        plan(current, Wanted("v", lock=wanted), NOW)
    assert plan(current, Wanted("v", lock=WantedLock("compliance", 7, None, 3)), NOW).steps == ()


def test_the_date_of_a_new_lock_is_that_of_utc() -> None:
    wanted = WantedLock("compliance", 7, None, 3, "2026-11-24")
    result = plan(None, Wanted("v", lock=wanted), NOW)
    assert result.after is not None
    assert result.after.lock == Lock(7, None, NOW + timedelta(days=3))
    with pytest.raises(InvalidError, match="confirm_immutable_after: '2026-11-25'"):
        plan(None, Wanted("v", lock=wanted), NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    ("current", "wanted", "words"),
    [
        (HELD, {"encryption_key_arn": "other"}, "which AWS cannot change"),
        (replace(HELD, recovery_points=3), {"state": "absent"}, "holds 3 recovery points"),
    ],
)
def test_what_cannot_be(current: Vault, wanted: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        plan(current, Wanted("v", **wanted), NOW)


@pytest.mark.parametrize(
    "event",
    [
        "BACKUP_JOB_SUCCESSFUL",
        "BACKUP_JOB_FAILED",
        "BACKUP_JOB_EXPIRED",
        "RESTORE_JOB_SUCCESSFUL",
        "RESTORE_JOB_FAILED",
        "BACKUP_PLAN_CREATED",
        "BACKUP_PLAN_MODIFIED",
    ],
)
def test_events_that_aws_takes_and_never_sends_are_refused(event: str) -> None:
    instead = {"BACKUP_JOB": "BACKUP_JOB_COMPLETED", "RESTORE_JO": "RESTORE_JOB_COMPLETED"}.get(event[:10], "")
    wanted = Wanted("vault", notifications=replace(TOPIC, events=frozenset({event, "COPY_JOB_FAILED"})))
    with pytest.raises(InvalidError, match=rf"takes {event} \(deprecated\).*{instead}.*EventBridge"):
        wanted.check([event, "COPY_JOB_FAILED"])
    replace(wanted, notifications=TOPIC).check(TOPIC.events)
