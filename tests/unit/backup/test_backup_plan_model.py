# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""From what is wanted of a backup plan to the plan; and AWS's rules, which are checked before AWS is asked."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.backup.plan import BackupPlan, Plan, Wanted, plan, rule_of
from ansible_collections.rampart.ops.plugins.module_utils.backup.rules import (
    check_hourly,
    check_lifecycle,
    check_recovery_point_tags,
    check_schedule,
    snake,
)
from hypothesis import given
from hypothesis import strategies as st

LIFECYCLES = st.none() | st.builds(
    lambda cold, more: {"move_to_cold_storage_after_days": cold, "delete_after_days": (cold or 0) + 90 + more},
    st.none() | st.integers(1, 100),
    st.integers(0, 100),
)
RULES = st.dictionaries(
    st.sampled_from("abc"),
    st.fixed_dictionaries(
        {"target_backup_vault_name": st.sampled_from(["v1", "v2"]), "lifecycle": LIFECYCLES},
        optional={
            "start_window_minutes": st.sampled_from([60, 480]),
            "recovery_point_tags": st.dictionaries(st.sampled_from(["CostCenter", "my_key"]), st.just("x")),
            "copy_actions": st.lists(
                st.just({"destination_backup_vault_arn": "arn:aws:backup:eu-west-1:123456789012:backup-vault:copies"}),
                max_size=1,
            ),
            "schedule_expression_timezone": st.sampled_from(["UTC", "Etc/UTC", "Asia/Seoul"]),
        },
    ),
    min_size=1,
)
TAGS = st.none() | st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy"))


def _wanted(rules: dict[str, dict[str, Any]], tags: dict[str, str] | None = None) -> Wanted:
    return Wanted("p", rules=tuple(rule_of({"rule_name": name, **rule}) for name, rule in rules.items()), tags=tags)


def _written(todo: Plan) -> BackupPlan:
    """What AWS shows after a plan was written: it adds ids, and things that nobody asked for."""
    assert todo.after is not None
    rules = [
        {**each, "RuleId": "id", "SomethingNew": True, "Lifecycle": {**each.get("Lifecycle", {}), "New": 1}}
        for each in reversed(todo.after.document["Rules"])
    ]
    return replace(todo.after, id="1", document={**todo.after.document, "Rules": rules, "More": {}})


@given(RULES, TAGS, RULES, TAGS)
def test_a_plan_leads_to_what_is_wanted_and_then_to_nothing(
    first: dict[str, Any], first_tags: dict[str, str] | None, second: dict[str, Any], second_tags: dict[str, str] | None
) -> None:
    held = _written(plan(None, _wanted(first, first_tags)))
    assert plan(held, _wanted(first, first_tags)).steps == ()
    wanted = _wanted(second, second_tags)
    wanted.check()
    changed = plan(held, wanted)
    assert plan(_written(changed), wanted).steps == ()
    if second == first:
        assert "update" not in changed.steps


def test_what_nobody_speaks_of_is_kept() -> None:
    index = [{"ResourceTypes": ["EBS"]}]
    held = BackupPlan(
        "p",
        {
            "BackupPlanName": "p",
            "Rules": [{"RuleName": "a", "TargetBackupVaultName": "v1", "IndexActions": index}],
            "AdvancedBackupSettings": [{"ResourceType": "EC2", "BackupOptions": {"WindowsVSS": "enabled"}}],
            "ScanSettings": [{"MalwareScanner": "GUARDDUTY"}],
        },
    )
    changed = plan(held, _wanted({"a": {"target_backup_vault_name": "v2"}}))
    assert changed.steps == ("update",)
    assert changed.after is not None
    document = changed.after.document
    assert document["Rules"][0]["IndexActions"] == index
    assert document["AdvancedBackupSettings"] == held.document["AdvancedBackupSettings"]
    assert document["ScanSettings"] == held.document["ScanSettings"]


@pytest.mark.parametrize(
    ("lifecycle", "continuous", "valid"),
    [
        ({}, False, True),
        ({"MoveToColdStorageAfterDays": 30, "DeleteAfterDays": 120}, False, True),
        ({"MoveToColdStorageAfterDays": 30, "DeleteAfterDays": 119}, False, False),
        ({"MoveToColdStorageAfterDays": 30}, False, True),
        ({"MoveToColdStorageAfterDays": -1, "DeleteAfterDays": -1}, False, True),
        ({"MoveToColdStorageAfterDays": 0}, False, False),
        ({"DeleteAfterDays": 36500}, False, True),
        ({"DeleteAfterDays": 36501}, False, False),
        ({"DeleteAfterDays": 35}, True, True),
        ({"DeleteAfterDays": 35, "MoveToColdStorageAfterDays": -1}, True, True),
        ({"DeleteAfterDays": 35, "MoveToColdStorageAfterDays": 1}, True, False),
        ({"DeleteAfterDays": 36}, True, False),
        ({"DeleteAfterDays": -1}, True, False),
        ({}, True, False),
    ],
)
def test_lifecycles(lifecycle: dict[str, int], continuous: bool, valid: bool) -> None:
    if valid:
        check_lifecycle("rule", lifecycle, continuous)
    else:
        with pytest.raises(InvalidError, match=r"^rule: "):
            check_lifecycle("rule", lifecycle, continuous)


@pytest.mark.parametrize(
    "expression",
    [
        "cron(0 5 ? * * *)",
        "cron(0/15 8-17 ? * MON-FRI *)",
        "cron(0 10 L * ? *)",
        "cron(0 10 LW 1,7 ? 2027)",
        "cron(0 10 15W JAN ? *)",
        "cron(0 10 ? * 2#1 *)",
        "cron(0 10 ? * FRIL *)",
        "cron(0 0,12 1 */3 ? *)",
    ],
)
def test_schedules(expression: str) -> None:
    check_schedule("rule", expression)


@pytest.mark.parametrize(
    ("minutes", "hourly"),
    [
        ("0", True),
        ("59", True),
        ("5-5", True),
        ("*/60", True),
        ("30/30", True),
        ("7,7", True),
        ("*", False),
        ("*/5", False),
        ("0/30", False),
        ("0,30", False),
        ("0-1", False),
        ("50-10", False),
    ],
)
def test_a_plan_makes_a_backup_an_hour_at_most(minutes: str, hourly: bool) -> None:
    expression = f"cron({minutes} * ? * * *)"
    check_schedule("rule", expression)
    if hourly:
        check_hourly("rule", expression)
    else:
        with pytest.raises(InvalidError, match=f"at most one backup an hour.*{re.escape(repr(minutes))}"):
            check_hourly("rule", expression)


@pytest.mark.parametrize(
    ("tags", "valid"),
    [
        ({"CostCenter": "", "Größe 1": "a@b.example:/x=+-_"}, True),
        ({"k" * 128: "v" * 256}, True),
        ({"k" * 129: ""}, False),
        ({"k": "v" * 257}, False),
        ({"": "v"}, False),
        ({"k#": "v"}, False),
        ({"k": "a\nb"}, False),
        ({"AWS:k": "v"}, False),
        ({str(n): "" for n in range(50)}, True),
        ({str(n): "" for n in range(51)}, False),
    ],
)
def test_tags_of_recovery_points(tags: dict[str, str], valid: bool) -> None:
    if valid:
        check_recovery_point_tags("job", tags)
    else:
        with pytest.raises(InvalidError, match=r"^job: .*recovery_point_tags"):
            check_recovery_point_tags("job", tags)


COPIES = "arn:aws:backup:eu-west-1:123456789012:backup-vault:"


def _copying(lifecycle: dict[str, Any] | None, *copies: dict[str, Any] | None) -> Wanted:
    actions = [
        {"destination_backup_vault_arn": f"{COPIES}v{n}", "lifecycle": copy} for n, copy in enumerate(copies, start=1)
    ]
    return _wanted({"a": {"target_backup_vault_name": "v1", "lifecycle": lifecycle, "copy_actions": actions}})


@pytest.mark.parametrize(
    ("source", "copy", "valid"),
    [
        ({"delete_after_days": 35}, None, True),
        ({"delete_after_days": 35}, {"delete_after_days": 36500}, True),
        ({"delete_after_days": 35}, {"delete_after_days": -1}, False),
        ({"delete_after_days": -1}, {"delete_after_days": -1}, True),
        (None, {"delete_after_days": -1}, True),
    ],
)
def test_a_copy_cannot_be_kept_for_ever_by_minus_1(
    source: dict[str, Any] | None, copy: dict[str, Any] | None, valid: bool
) -> None:
    if valid:
        _copying(source, copy).check()
    else:
        with pytest.raises(InvalidError, match=f"copy to {COPIES}v1: .*with its source, after 35 days. Say 36500"):
            _copying(source, copy).check()


def test_archives_of_copies_stay_as_they_are_for_each_destination() -> None:
    cold = {"move_to_cold_storage_after_days": 30, "delete_after_days": 200}
    held = _written(plan(None, _copying(cold, {**cold, "opt_in_to_archive_for_supported_resources": True}, cold)))
    silent = _copying(cold, cold, cold)
    assert plan(held, silent).steps == ()
    changed = plan(held, _copying({**cold, "delete_after_days": 300}, cold, cold)).after
    assert changed is not None
    archived = [
        each["Lifecycle"].get("OptInToArchiveForSupportedResources")
        for each in changed.document["Rules"][0]["CopyActions"]
    ]
    assert archived == [True, None]
    off = {**cold, "opt_in_to_archive_for_supported_resources": False}
    assert plan(held, _copying(cold, off, cold)).steps == ("update",)
    # What never moves has nothing to archive.
    warm = {"move_to_cold_storage_after_days": -1, "delete_after_days": 200}
    changed = plan(held, _copying(cold, warm, cold)).after
    assert changed is not None
    assert "OptInToArchiveForSupportedResources" not in changed.document["Rules"][0]["CopyActions"][0]["Lifecycle"]


def test_never_moving_is_not_said_of_continuous_backups() -> None:
    rule = {
        "target_backup_vault_name": "v1",
        "enable_continuous_backup": True,
        "lifecycle": {"move_to_cold_storage_after_days": -1, "delete_after_days": 35},
    }
    wanted = _wanted({"a": rule})
    wanted.check()
    made = plan(None, wanted).after
    assert made is not None
    assert made.document["Rules"][0]["Lifecycle"] == {"DeleteAfterDays": 35}


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "0 5 ? * * *",
        "rate(1 day)",
        "cron(0 5 * * *)",
        "cron(0 5 * * * *)",
        "cron(0 5 ? * ? *)",
        "cron(60 5 ? * * *)",
        "cron(0 24 ? * * *)",
        "cron(0 5 32 * ? *)",
        "cron(0 5 0 * ? *)",
        "cron(0 5 ? 13 * *)",
        "cron(0 5 ? * 8 *)",
        "cron(0 5 ? * FOO *)",
        "cron(0 5 ? * * 1969)",
        "cron(0/0 5 ? * * *)",
        "cron(1-2-3 5 ? * * *)",
    ],
)
def test_schedules_that_are_none(expression: str) -> None:
    with pytest.raises(InvalidError, match="schedule_expression"):
        check_schedule("rule", expression)


def test_the_words_of_users_are_never_converted() -> None:
    tags = {"CostCenter": "1", "my_key": "2", "UPPER": "3"}
    rule = rule_of({"rule_name": "a", "target_backup_vault_name": "v1", "recovery_point_tags": tags})
    assert rule["RecoveryPointTags"] == tags
    assert snake(rule)["recovery_point_tags"] == tags
