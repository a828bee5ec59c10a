# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""backup_plan against the region."""

from __future__ import annotations

from typing import Any

import pytest
from backup_modules import Module, trail

from lab.aws.testing import Aws

ELSEWHERE = "arn:aws:backup:eu-west-1:210987654321:backup-vault:copies"
DAILY = {
    "rule_name": "daily",
    "target_backup_vault_name": "daily",
    "schedule_expression": "cron(30 3 ? * * *)",
    "schedule_expression_timezone": "Asia/Seoul",
    "start_window_minutes": 60,
    "completion_window_minutes": 360,
    "lifecycle": {"delete_after_days": 35},
    "recovery_point_tags": {"CostCenter": "4711", "my_key": "As-is", "env": "lab"},
    "copy_actions": [{"destination_backup_vault_arn": ELSEWHERE, "lifecycle": {"delete_after_days": 7}}],
}
MONTHLY = {
    "rule_name": "monthly",
    "target_backup_vault_name": "daily",
    "schedule_expression": "cron(0 2 1 * ? *)",
    "lifecycle": {"move_to_cold_storage_after_days": 30, "delete_after_days": 2555},
}
PITR = {
    "rule_name": "pitr",
    "target_backup_vault_name": "daily",
    "enable_continuous_backup": True,
    "lifecycle": {"move_to_cold_storage_after_days": -1, "delete_after_days": 14},
}
VSS = [{"resource_type": "EC2", "backup_options": {"WindowsVSS": "enabled"}}]


@pytest.fixture
def plan(aws: Aws) -> Module:
    aws.client("backup").create_backup_vault(BackupVaultName="daily")
    return Module(aws, "backup_plan", backup_plan_name="web")


def held(aws: Aws, name: str = "web") -> dict[str, Any] | None:
    client = aws.client("backup")
    for each in client.list_backup_plans()["BackupPlansList"]:
        if each["BackupPlanName"] == name:
            found: dict[str, Any] = client.get_backup_plan(BackupPlanId=each["BackupPlanId"])
            return found
    return None


def rules(aws: Aws) -> dict[str, Any]:
    found = held(aws)
    assert found is not None
    return {each["RuleName"]: each for each in found["BackupPlan"]["Rules"]}


def test_life_cycle(plan: Module) -> None:
    """Create, again, modify, again, delete, again; each in check mode first."""
    create = {"rules": [DAILY, MONTHLY], "advanced_backup_settings": VSS, "tags": {"Team": "ops", "my_Key": "As-is"}}
    modify = {"rules": [{**DAILY, "lifecycle": {"delete_after_days": 14}}, PITR], "tags": {"Team": "web"}}

    would = plan(check=True, **create)
    assert would["changed"]
    assert held(plan.aws) is None
    did = plan(**create)
    assert trail(plan.aws) == ["CreateBackupPlan"]
    assert did["diff"] == would["diff"]
    assert set(did["diff"]["after"]["rules"]) == {"daily", "monthly"}
    found = held(plan.aws)
    assert found is not None
    assert (did["backup_plan_id"], did["version_id"]) == (found["BackupPlanId"], found["VersionId"])
    daily = rules(plan.aws)["daily"]
    assert daily["RecoveryPointTags"] == DAILY["recovery_point_tags"]
    assert daily["ScheduleExpressionTimezone"] == "Asia/Seoul"
    assert daily["CopyActions"] == [
        {"DestinationBackupVaultArn": ELSEWHERE, "Lifecycle": {"DeleteAfterDays": 7}},
    ]
    assert found["AdvancedBackupSettings"] == [{"ResourceType": "EC2", "BackupOptions": {"WindowsVSS": "enabled"}}]
    again = plan.unchanged(**create)
    assert again["backup_plan_id"] == did["backup_plan_id"]
    assert again["tags"] == create["tags"]
    assert {each["rule_name"]: each for each in again["backup_plan"]["rules"]}["daily"]["recovery_point_tags"] == (
        DAILY["recovery_point_tags"]
    )

    before = rules(plan.aws)
    assert plan(check=True, **modify)["changed"]
    assert rules(plan.aws) == before
    did = plan(**modify)
    assert trail(plan.aws) == ["UpdateBackupPlan", "UntagResource", "TagResource"]
    assert set(rules(plan.aws)) == {"daily", "pitr"}
    assert rules(plan.aws)["pitr"]["EnableContinuousBackup"] is True
    assert did["backup_plan_id"] == again["backup_plan_id"]
    assert did["version_id"] != again["version_id"]
    changed = held(plan.aws)
    assert changed is not None
    assert changed["AdvancedBackupSettings"] == found["AdvancedBackupSettings"]  # nobody spoke of them
    plan.unchanged(**modify)

    did = plan.changed(state="absent")
    assert trail(plan.aws) == ["DeleteBackupPlan"]
    assert held(plan.aws) is None
    assert did["diff"]["after"] == {}
    assert (did["exists"], did["backup_plan_id"]) == (False, again["backup_plan_id"])
    assert not plan.unchanged(state="absent")["exists"]


def test_order_and_defaults_and_what_aws_adds_are_no_change(plan: Module) -> None:
    plain = {"rule_name": "plain", "target_backup_vault_name": "daily"}
    plan(rules=[DAILY, plain])
    plan.unchanged(rules=[plain, DAILY])
    plan.unchanged(
        rules=[
            DAILY,
            {
                **plain,
                "schedule_expression": "cron(0 5 ? * * *)",
                "schedule_expression_timezone": "UTC",
                "start_window_minutes": 480,
                "completion_window_minutes": 10080,
                "enable_continuous_backup": False,
                "recovery_point_tags": {},
                "copy_actions": [],
                "lifecycle": {"delete_after_days": -1},
            },
        ]
    )
    # Somebody adds by other means what a rule can hold and nobody speaks of here.
    found = held(plan.aws)
    assert found is not None
    document = {
        "BackupPlanName": "web",
        "Rules": [
            {key: value for key, value in each.items() if key != "RuleId"}
            | ({"IndexActions": [{"ResourceTypes": ["EBS"]}]} if each["RuleName"] == "plain" else {})
            for each in found["BackupPlan"]["Rules"]
        ],
    }
    plan.aws.client("backup").update_backup_plan(BackupPlanId=found["BackupPlanId"], BackupPlan=document)
    plan.unchanged(rules=[DAILY, plain])
    plan.changed(rules=[{**DAILY, "start_window_minutes": 120}, plain])
    assert rules(plan.aws)["plain"]["IndexActions"] == [{"ResourceTypes": ["EBS"]}]
    plan.changed(rules=[{**DAILY, "start_window_minutes": 120}, {**plain, "index_actions": []}])
    assert "IndexActions" not in rules(plan.aws)["plain"]


def test_archives_of_copies_that_nobody_speaks_of_stay(plan: Module) -> None:
    cold = {"move_to_cold_storage_after_days": 30, "delete_after_days": 200}
    copy = {"destination_backup_vault_arn": ELSEWHERE, "lifecycle": cold}
    archived = {**copy, "lifecycle": {**cold, "opt_in_to_archive_for_supported_resources": True}}
    plan(rules=[{**DAILY, "copy_actions": [archived]}])
    plan.unchanged(rules=[{**DAILY, "copy_actions": [copy]}])
    plan.changed(rules=[{**DAILY, "start_window_minutes": 120, "copy_actions": [copy]}])
    assert rules(plan.aws)["daily"]["CopyActions"][0]["Lifecycle"]["OptInToArchiveForSupportedResources"] is True


def test_tags_that_nobody_speaks_of_stay(plan: Module) -> None:
    plan(rules=[DAILY], tags={"Team": "ops"})
    plan.unchanged(rules=[DAILY])
    assert plan.changed(rules=[DAILY], tags={"Env": "lab"}, purge_tags=False)["tags"] == {"Team": "ops", "Env": "lab"}
    arn = plan(rules=[DAILY])["backup_plan_arn"]
    assert plan.aws.client("backup").list_tags(ResourceArn=arn)["Tags"] == {"Team": "ops", "Env": "lab"}


def test_two_plans_of_one_name_are_refused_with_both_ids(plan: Module) -> None:
    client = plan.aws.client("backup")
    ids = [
        client.create_backup_plan(
            BackupPlan={"BackupPlanName": "web", "Rules": [{"RuleName": name, "TargetBackupVaultName": "daily"}]}
        )["BackupPlanId"]
        for name in ("a", "b")
    ]
    for args in ({"rules": [DAILY]}, {"state": "absent"}):
        message = plan.fails(**args)
        assert all(each in message for each in ids)
        assert trail(plan.aws) == []


def test_a_plan_with_selections_is_not_deleted(plan: Module) -> None:
    from backup_modules import role

    did = plan(rules=[DAILY])
    plan.aws.client("backup").create_backup_selection(
        BackupPlanId=did["backup_plan_id"],
        BackupSelection={"SelectionName": "all", "IamRoleArn": role(plan.aws), "Resources": ["*"]},
    )
    for check in (True, False):
        assert "still has the selections all" in plan.fails(state="absent", check=check)
    assert held(plan.aws) is not None


def _rule(**changes: Any) -> dict[str, Any]:
    return {"rules": [{**DAILY, **changes}]}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"rules": []}, "1 to 10"),
        ({"rules": [{**DAILY, "rule_name": f"r{n}"} for n in range(11)]}, "11 rules"),
        ({"rules": [DAILY, DAILY]}, "'daily' is given twice"),
        ({"backup_plan_name": "with blank", "rules": [DAILY]}, "1 to 50"),
        (_rule(rule_name="x" * 51), "1 to 50"),
        (_rule(target_backup_vault_name="x"), "2 to 50"),
        (_rule(start_window_minutes=59), "at least 60"),
        (_rule(start_window_minutes=60, completion_window_minutes=119), "at least 120"),
        (_rule(completion_window_minutes=52_560_001), "at most 52560000"),
        (_rule(lifecycle={"delete_after_days": 0}), "1 to 36500"),
        (_rule(lifecycle={"delete_after_days": 36501}), "1 to 36500"),
        (_rule(lifecycle={"move_to_cold_storage_after_days": 30, "delete_after_days": 119}), "at least 120"),
        (_rule(lifecycle={"opt_in_to_archive_for_supported_resources": True}), "needs move_to_cold_storage"),
        (_rule(enable_continuous_backup=True, lifecycle={"delete_after_days": 36}), "1 to 35"),
        (_rule(enable_continuous_backup=True, lifecycle=None), "1 to 35"),
        (
            _rule(
                enable_continuous_backup=True,
                lifecycle={"delete_after_days": 35, "move_to_cold_storage_after_days": 1},
            ),
            "cannot move to cold storage",
        ),
        (_rule(recovery_point_tags={str(n): "" for n in range(11)}), "11 recovery_point_tags, at most 10"),
        (_rule(recovery_point_tags={"aws:x": ""}), "aws:x"),
        (_rule(recovery_point_tags={"k" * 129: ""}), "1 to 128 characters"),
        (_rule(recovery_point_tags={"k": "v" * 257}), "at most 256"),
        (_rule(recovery_point_tags={"": "v"}), "1 to 128 characters"),
        (_rule(recovery_point_tags={"k": "a#b"}), "'#'"),
        (_rule(index_actions=[{"resource_types": ["EBS", "S3"]}]), "exactly one type"),
        (_rule(index_actions=[{"resource_types": []}]), "exactly one type"),
        (
            _rule(copy_actions=[{"destination_backup_vault_arn": ELSEWHERE, "lifecycle": {"delete_after_days": -1}}]),
            "Say 36500",
        ),
        (_rule(schedule_expression="cron(* * ? * * *)"), "at most one backup an hour"),
        (_rule(schedule_expression="cron(*/5 * ? * * *)"), "at most one backup an hour"),
        (_rule(copy_actions=[{"destination_backup_vault_arn": "copies"}]), "not the ARN of a backup vault"),
        (
            _rule(copy_actions=[{"destination_backup_vault_arn": f"{ELSEWHERE}{n}"} for n in range(6)]),
            "at most 5",
        ),
        (
            _rule(
                copy_actions=[
                    {
                        "destination_backup_vault_arn": ELSEWHERE,
                        "lifecycle": {"move_to_cold_storage_after_days": 1, "delete_after_days": 90},
                    }
                ]
            ),
            "at least 91",
        ),
        (_rule(schedule_expression="0 5 * * *"), "is not cron("),
        (_rule(schedule_expression="rate(1 day)"), "is not cron("),
        (_rule(schedule_expression="cron(0 5 * * * *)"), "only one, must be ?"),
        (_rule(schedule_expression="cron(60 5 ? * * *)"), "'60' is no minutes"),
        (_rule(schedule_expression_timezone="Mars/Olympus"), "is not a time zone"),
        (
            {
                "rules": [DAILY],
                "advanced_backup_settings": [{"resource_type": "S3", "backup_options": {"WindowsVSS": "enabled"}}],
            },
            "WindowsVSS is no option of S3",
        ),
        ({"rules": [DAILY], "tags": {"aws:x": "y"}}, "aws:x"),
    ],
)
def test_what_aws_would_refuse_is_refused_without_a_call(plan: Module, args: dict[str, Any], words: str) -> None:
    assert words in plan.fails(**args)
    assert plan.calls == []


def test_unrelated_plans_stay_untouched_and_all_pages_are_read(plan: Module) -> None:
    client = plan.aws.client("backup")
    for n in range(12):
        client.create_backup_plan(
            BackupPlan={"BackupPlanName": f"other-{n}", "Rules": [{"RuleName": "a", "TargetBackupVaultName": "daily"}]}
        )
    others = client.list_backup_plans()["BackupPlansList"]
    plan.aws.switch(page_size=1)
    plan.changed(rules=[DAILY], tags={"Team": "ops"})
    plan.unchanged(rules=[DAILY], tags={"Team": "ops"})
    assert plan.calls.count("ListBackupPlans") == 13
    plan.changed(state="absent")
    plan.aws.switch(page_size=0)
    assert client.list_backup_plans()["BackupPlansList"] == others


@pytest.mark.parametrize("kind", ["throttle", "error", "lost_answer"])
def test_faults_of_writing_are_overcome(plan: Module, kind: str) -> None:
    plan.aws.fault(service="backup", operation="CreateBackupPlan", kind=kind, times=1)
    assert plan(rules=[DAILY])["changed"]
    assert len(plan.aws.client("backup").list_backup_plans()["BackupPlansList"]) == 1
    plan.aws.fault(service="backup", operation="UpdateBackupPlan", kind=kind, times=1)
    assert plan(rules=[DAILY, PITR])["changed"]
    plan.unchanged(rules=[DAILY, PITR])
    plan.aws.fault(service="backup", operation="DeleteBackupPlan", kind=kind, times=1)
    assert plan(state="absent")["changed"]
    assert held(plan.aws) is None
