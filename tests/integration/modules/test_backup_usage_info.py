# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""backup_usage_info against the region."""

from __future__ import annotations

from typing import Any

import pytest

from lab.aws.testing import Aws
from tests.integration.modules.backup_modules import TRUST, Module

HERE, AWAY = "ap-northeast-2", "eu-central-1"


@pytest.fixture
def usage(aws: Aws) -> Module:
    aws.client("backup").create_backup_vault(BackupVaultName="vault")
    for name in ("backup", "restore"):
        aws.client("iam").create_role(RoleName=name, Path="/ops/", AssumeRolePolicyDocument=TRUST)
    return Module(aws, "backup_usage_info", backup_vault_names=["vault", "none"], iam_role_names=["backup", "restore"])


def role(aws: Aws, name: str) -> str:
    arn: str = aws.client("iam").get_role(RoleName=name)["Role"]["Arn"]
    return arn


def plan(aws: Aws, name: str, region: str = HERE, **rule: Any) -> None:
    backup = aws.client("backup", region=region)
    made = backup.create_backup_plan(BackupPlan={"BackupPlanName": name, "Rules": [{"RuleName": "r", **rule}]})
    chosen = {"SelectionName": "s", "IamRoleArn": role(aws, "backup"), "Resources": ["*"]}
    backup.create_backup_selection(BackupPlanId=made["BackupPlanId"], BackupSelection=chosen)


def test_nothing_needs_what_nobody_uses_in_any_region(usage: Module) -> None:
    found = usage(check=True)
    assert found["backup_vaults"] == {"vault": [], "none": []}
    assert found["iam_roles"] == {"backup": [], "restore": []}
    assert found["backup_plans"] == []
    regions = {call["region"] for call in usage.aws.journal(operation="ListBackupPlans")}
    assert {HERE, AWAY, "us-east-1"} <= regions
    assert len(regions) > 10


def test_plans_recovery_points_and_restore_tests_are_found(usage: Module) -> None:
    aws, backup = usage.aws, usage.aws.client("backup")
    plan(aws, "mine", TargetBackupVaultName="vault")
    backup.create_backup_vault(BackupVaultName="other")
    plan(aws, "elsewhere", TargetBackupVaultName="other")
    aws.client("backup", region=AWAY).create_backup_vault(BackupVaultName="vault")
    plan(aws, "away", AWAY, TargetBackupVaultName="vault")
    choice = {"Algorithm": "LATEST_WITHIN_WINDOW", "IncludeVaults": ["*"], "RecoveryPointTypes": ["SNAPSHOT"]}
    test = {"RestoreTestingPlanName": "t", "ScheduleExpression": "cron(0 5 ? * * *)", "RecoveryPointSelection": choice}
    backup.create_restore_testing_plan(RestoreTestingPlan=test)
    chosen = {
        "RestoreTestingSelectionName": "s",
        "ProtectedResourceType": "EBS",
        "IamRoleArn": role(aws, "restore"),
        "ProtectedResourceArns": ["*"],
    }
    backup.create_restore_testing_selection(RestoreTestingPlanName="t", RestoreTestingSelection=chosen)
    found = usage(regions=[AWAY])
    mine, others = f"backup plan mine of {HERE}", [f"backup plan elsewhere of {HERE}", f"backup plan away of {AWAY}"]
    assert found["backup_vaults"] == {"vault": [mine], "none": []}
    assert sorted(found["iam_roles"]["backup"]) == sorted([mine, *others])
    assert found["iam_roles"]["restore"] == [f"restore testing plan t of {HERE}"]
    assert found["backup_plans"] == ["elsewhere", "mine"]
    # Plans of other regions that have the same names count.
    found = usage(regions=[AWAY], ignored_backup_plan_names=["mine", "elsewhere", "away"])
    assert found["backup_vaults"]["vault"] == []
    assert found["iam_roles"]["backup"] == others[1:]
    assert found["backup_plans"] == []


def test_recovery_points_are_read_until_the_roles_are_found(usage: Module) -> None:
    aws = usage.aws
    backup, ec2 = aws.client("backup"), aws.client("ec2")
    for _number in range(5):
        volume = ec2.create_volume(AvailabilityZone=f"{HERE}a", Size=1)["VolumeId"]
        arn = f"arn:aws:ec2:{HERE}:{aws.account_id}:volume/{volume}"
        backup.start_backup_job(BackupVaultName="vault", ResourceArn=arn, IamRoleArn=role(aws, "backup"))
    aws.advance_clock(10)
    aws.switch(page_size=1)
    why = [f"the recovery points in vault vault of {HERE}"]
    found = usage(regions=[AWAY], iam_role_names=["backup"])
    assert (found["backup_vaults"]["vault"], found["iam_roles"]["backup"]) == (why, why)
    assert usage.calls.count("ListRecoveryPointsByBackupVault") == 1
    found = usage(regions=[AWAY], iam_role_names=["backup", "restore"])
    assert found["iam_roles"] == {"backup": why, "restore": []}
    assert usage.calls.count("ListRecoveryPointsByBackupVault") == 5


def test_a_region_that_does_not_answer_needs_everything(usage: Module) -> None:
    denied = {"status": 403, "code": "AccessDeniedException", "message": "no"}
    usage.aws.fault(service="backup", operation="ListBackupPlans", region=AWAY, kind="error", params=denied)
    found = usage(regions=[AWAY])
    why = [f"the region {AWAY}, which could not be looked at (AccessDeniedException)"]
    assert found["backup_vaults"] == {"vault": why, "none": []}
    assert found["iam_roles"] == {"backup": why, "restore": why}
    usage.aws.clear_faults()
    usage.aws.fault(service="backup", operation="ListBackupPlans", region=HERE, kind="error", params=denied)
    assert "Could not list the backup plans" in usage.fails(regions=[AWAY])
