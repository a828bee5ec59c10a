# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The presets of the role backup: how old the newest backup may get at most."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

REPO = Path(__file__).resolve().parents[3]
PLANS: dict[str, Any] = {
    name: plan
    for name, preset in yaml.safe_load((REPO / "roles/backup/vars/main.yml").read_text())["__backup_presets"].items()
    for plan in preset["plans"]
}
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
DEFAULT_WINDOW = 480  # minutes, of AWS


def starts(rule: dict[str, Any], first: datetime, days: int) -> list[datetime]:
    """When the windows of a rule begin. Presets use numbers, names of days and stars only."""
    minute, hour, day, month, weekday, year = rule["schedule_expression"][5:-1].split()
    assert year == "*"
    found = []
    for each in (first + timedelta(days=number) for number in range(days)):
        fits = {day: each.day, month: each.month, weekday: DAYS[each.isoweekday() % 7]}
        if all(pattern in ("*", "?", str(value)) for pattern, value in fits.items()):
            found.append(each.replace(hour=int(hour), minute=int(minute)))
    return found


def windows(plan: dict[str, Any], first: datetime, days: int) -> list[tuple[datetime, datetime]]:
    """The times within which backups begin: of windows that overlap, only that of the rule that keeps for longest."""
    every = sorted(
        (start, start + timedelta(minutes=rule.get("start_window_minutes", DEFAULT_WINDOW)),
         rule["lifecycle"]["delete_after_days"])
        for rule in plan["rules"]
        for start in starts(rule, first, days)
    )  # fmt: skip
    return [
        (start, end)
        for start, end, kept in every
        if not any(other[0] < end and start < other[1] and other[2] > kept for other in every)
    ]


def longest_gap(plan: dict[str, Any]) -> timedelta:
    """From the beginning of a window to the end of the next, over five years with a leap year."""
    found = windows(plan, datetime(2027, 1, 1), 5 * 365 + 1)
    return max(after[1] - before[0] for before, after in pairwise(found))


def default_rpo() -> timedelta:
    text = (REPO / "playbooks/backup_audit.yml").read_text()
    hours = re.findall(r"audit_rpo_hours \| default\((\d+)\)", text)
    assert len(hours) == 1
    return timedelta(hours=int(hours[0]))


@pytest.mark.parametrize("name", PLANS)
def test_the_newest_backup_is_within_the_default_objective(name: str) -> None:
    assert longest_gap(PLANS[name]) <= default_rpo()


@pytest.mark.parametrize("name", PLANS)
def test_no_backup_is_left_out_for_another(name: str) -> None:
    plan, first = PLANS[name], datetime(2027, 1, 1)
    assert len(windows(plan, first, 1827)) == sum(len(starts(rule, first, 1827)) for rule in plan["rules"])


def test_overlapping_windows_are_seen() -> None:
    """With the windows that AWS has by default, a daily backup of 01:00 gives way to a weekly one of 05:00."""
    daily = {"schedule_expression": "cron(0 1 ? * * *)", "lifecycle": {"delete_after_days": 7}}
    weekly = {"schedule_expression": "cron(0 5 ? * SUN *)", "lifecycle": {"delete_after_days": 35}}
    assert longest_gap({"rules": [daily, weekly]}) == timedelta(hours=36)
    assert longest_gap({"rules": [daily]}) == timedelta(hours=32)
