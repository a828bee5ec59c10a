# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The filter that says what is wrong with a backup policy, and the role's presets, with which nothing is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.rampart.ops.plugins.filter.backup_problems import backup_problems

TEXT = (Path(__file__).parents[3] / "roles/backup/vars/main.yml").read_text()
VARIABLES = yaml.safe_load(TEXT.replace("{{ backup_confirm_immutable_after }}", "2026-12-01"))
PRESETS: dict[str, Any] = VARIABLES["__backup_presets"]


def policy(*plans: dict[str, Any], vaults: Any = ({"name": "rampart"},)) -> dict[str, Any]:
    return {"vaults": list(vaults), "plans": list(plans)}


def plan(**rule: Any) -> dict[str, Any]:
    return {"name": "p", "rules": [{"rule_name": "r", "target_backup_vault_name": "rampart", **rule}]}


def selection(**fields: Any) -> dict[str, Any]:
    return {**plan(), "selections": [{"name": "s", **fields}]}


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_nothing_is_wrong_with_a_preset(name: str) -> None:
    assert backup_problems(PRESETS[name]) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (policy(plan(target_backup_vault_name="elsewhere")), "elsewhere is none of the vaults of the policy (rampart)"),
        (
            policy(plan(lifecycle={"move_to_cold_storage_after_days": 30, "delete_after_days": 100})),
            "Backup plan p: rule r: lifecycle: delete_after_days is 100, it must be at least 120",
        ),
        (policy(plan(start_window_minutes=30)), "start_window_minutes is 30, it must be at least 60"),
        (policy(plan(start_window_minutes=120, completion_window_minutes=150)), "it must be at least 180"),
        (policy(plan(lifecycl={"delete_after_days": 35})), "lifecycl"),
        (policy({"name": "p"}), "Backup plan p: rules: 0 rules"),
        (policy(plan(), plan()), "Two backup plans are named p"),
        (policy(selection()), "selection s: a selection needs conditions, resources or list_of_tags"),
        (policy(selection(resources=["i-1"])), "Backup plan p: selection s: resources: not an ARN: i-1"),
        (policy(vaults=[{"name": "a"}]), "Backup vault a: backup_vault_name: 'a' is not 2 to 50"),
        (policy(vaults=[{"name": "two"}, {"name": "two"}]), "Two backup vaults are named two"),
        (policy(vaults=[{"name": "two", "lock": {"mode": "compliance"}}]), "needs changeable_for_days"),
        (
            policy(
                vaults=[
                    {"name": "rampart"},
                    {
                        "name": "two",
                        "notifications": {
                            "sns_topic_arn": "arn:aws:sns:eu-west-1:123456789012:t",
                            "backup_vault_events": ["BACKUP_JOB_FALED"],
                        },
                    },
                ]
            ),
            "Backup vault two: notifications: no events of a vault: BACKUP_JOB_FALED; there are",
        ),
        (
            policy(
                vaults=[
                    {
                        "name": "two",
                        "lock": {
                            "mode": "compliance",
                            "changeable_for_days": 7,
                            "confirm_immutable_after": "next week",
                        },
                    }
                ]
            ),
            "Backup vault two: lock: confirm_immutable_after 'next week' is no YYYY-MM-DD",
        ),
        (
            policy({**plan(), "selections": [{"name": f"s{n}", "resources": ["*"]} for n in range(101)]}),
            "101 selections",
        ),
        (policy(vaults=[{}]), "Backup vault None: missing required arguments"),
    ],
)
def test_problems_name_the_object_and_the_rule(wrong: dict[str, Any], words: str) -> None:
    problems = backup_problems(wrong)
    assert any(words in problem for problem in problems), problems


def locked(rule: dict[str, Any], mode: str = "governance", **days: int) -> dict[str, Any]:
    return policy(
        plan(**rule),
        vaults=[
            {"name": "rampart", "lock": {"mode": mode, **days}},
            {"name": "copies", "lock": {"mode": mode, **days}},
        ],
    )


@pytest.mark.parametrize(
    ("rule", "days", "words"),
    [
        ({"lifecycle": {"delete_after_days": 7}}, {"min_retention_days": 7, "max_retention_days": 7}, None),
        ({"lifecycle": {"delete_after_days": 6}}, {"min_retention_days": 7}, "is 6, less than min_retention_days (7)"),
        ({"lifecycle": {"delete_after_days": 8}}, {"max_retention_days": 7}, "is 8, more than max_retention_days (7)"),
        ({"lifecycle": {"delete_after_days": -1}}, {"max_retention_days": 7}, "is never, more than"),
        ({}, {"max_retention_days": 7}, "is never, more than"),
        ({}, {"min_retention_days": 7}, None),
        (
            {"enable_continuous_backup": True, "lifecycle": {"delete_after_days": 35}},
            {"min_retention_days": 36},
            "is 35, less than",
        ),
    ],
)
@pytest.mark.parametrize("mode", ["governance", "compliance"])
def test_retention_within_the_lock_of_the_vault(
    mode: str, rule: dict[str, Any], days: dict[str, int], words: str | None
) -> None:
    changeable = {"changeable_for_days": 7} if mode == "compliance" else {}
    problems = backup_problems(locked(rule, mode, **days, **changeable))
    assert len(problems) == (words is not None), problems
    if words:
        assert problems[0].startswith("Backup plan p: rule r: delete_after_days ")
        assert words in problems[0]
        assert problems[0].endswith("of the lock of vault rampart.")


@pytest.mark.parametrize(
    ("region", "lifecycle", "words"),
    [
        ("eu-west-1", {"delete_after_days": 5}, "copy to copies: delete_after_days is 5, less than"),
        ("eu-west-1", {"delete_after_days": 21}, "copy to copies: delete_after_days is 21, more than"),
        ("eu-west-1", {"delete_after_days": 14}, None),
        ("eu-west-1", None, None),  # as its source, for 10 days
        ("eu-central-1", {"delete_after_days": 5}, None),  # another vault of the same name
    ],
)
def test_copies_within_the_lock_of_an_own_vault(region: str, lifecycle: Any, words: str | None) -> None:
    copy = {"destination_backup_vault_arn": f"arn:aws:backup:{region}:123456789012:backup-vault:copies"}
    rule = {
        "lifecycle": {"delete_after_days": 10},
        "copy_actions": [{**copy, **({"lifecycle": lifecycle} if lifecycle else {})}],
    }
    wanted = locked(rule, min_retention_days=7, max_retention_days=14)
    problems = backup_problems(wanted, region="eu-west-1", account_id="123456789012")
    assert len(problems) == (words is not None), problems
    assert words is None or words in problems[0]
    assert backup_problems(wanted) == []  # whose vault it is cannot be told


def test_a_lock_of_none_allows_everything() -> None:
    assert backup_problems(policy(plan(), vaults=[{"name": "rampart", "lock": {"mode": "none"}}])) == []


def test_all_problems_are_told_at_once() -> None:
    assert len(backup_problems(policy(plan(start_window_minutes=30), vaults=[{"name": "a"}]))) == 3


def test_what_is_no_policy() -> None:
    with pytest.raises(AnsibleFilterError):
        backup_problems([])
