# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""playbooks/backup.yml, and with it the role backup, against the region."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.aws.testing import REPO, Aws

ROLE = "rampart-backup"


class Policy:
    """The playbook with this account, and the truth."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.backup = aws.client("backup")

    def __call__(self, *options: str, **variables: Any) -> str:
        code, output = self.run(*options, **variables)
        assert code == 0, output
        return output

    def run(self, *options: str, **variables: Any) -> tuple[int, str]:
        self.aws.reset_journal()
        done = subprocess.run(
            [
                f"{Path(sys.executable).parent}/ansible-playbook",
                *("-i", "nobody,", "playbooks/backup.yml", "--extra-vars", json.dumps(variables), *options),
            ],
            cwd=REPO,
            env={**self.aws.env, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout + done.stderr

    @property
    def writes(self) -> list[str]:
        return [
            name
            for name in self.aws.operations()
            if not name.startswith(("List", "Get", "Describe")) and name != "AssumeRole"
        ]

    def plan(self) -> dict[str, Any]:
        (summary,) = self.backup.list_backup_plans()["BackupPlansList"]
        plan: dict[str, Any] = self.backup.get_backup_plan(BackupPlanId=summary["BackupPlanId"])["BackupPlan"]
        return plan

    def selections(self) -> list[dict[str, Any]]:
        (plan,) = self.backup.list_backup_plans()["BackupPlansList"]
        found = self.backup.list_backup_selections(BackupPlanId=plan["BackupPlanId"])["BackupSelectionsList"]
        return [
            self.backup.get_backup_selection(BackupPlanId=plan["BackupPlanId"], SelectionId=s["SelectionId"])[
                "BackupSelection"
            ]
            for s in found
        ]

    def vaults(self) -> list[str]:
        return [vault["BackupVaultName"] for vault in self.backup.list_backup_vaults()["BackupVaultList"]]


@pytest.fixture
def policy(aws: Aws) -> Policy:
    ec2 = aws.client("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    for name, value in (("web-1", "daily"), ("web-2", "daily"), ("scratch-1", "no")):
        tags = [{"Key": "Name", "Value": name}, {"Key": "Backup", "Value": value}]
        specification = [{"ResourceType": "instance", "Tags": tags}]
        ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=specification)
    return Policy(aws)


def test_life_cycle(policy: Policy) -> None:
    """Create, again, modify, again, remove, again; each in check mode first."""
    output = policy("--check", "--diff")
    assert policy.writes == []
    assert "changed=0" not in output
    policy()
    assert policy.vaults() == ["rampart"]
    (rule,) = policy.plan()["Rules"]
    assert rule["TargetBackupVaultName"] == "rampart"
    assert rule["Lifecycle"]["DeleteAfterDays"] == 35
    (selection,) = policy.selections()
    assert selection["Resources"] == ["arn:aws:ec2:*:*:instance/*"]
    assert selection["Conditions"]["StringEquals"] == [
        {"ConditionKey": "aws:ResourceTag/Backup", "ConditionValue": "daily"}
    ]
    iam = policy.aws.client("iam")
    role = iam.get_role(RoleName=ROLE)["Role"]
    assert selection["IamRoleArn"] == role["Arn"]
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "backup.amazonaws.com"}
    policies = iam.list_attached_role_policies(RoleName=ROLE)["AttachedPolicies"]
    assert sorted(p["PolicyName"] for p in policies) == [
        "AWSBackupServiceRolePolicyForBackup",
        "AWSBackupServiceRolePolicyForRestores",
    ]

    for options in (["--check"], []):
        output = policy(*options)
        assert "changed=0" in output
        assert policy.writes == []
        assert "Backup plan rampart-daily protects 2 instances: web-1, web-2" in output

    weekly = {
        "backup_plans": [
            {
                "name": "rampart-daily",
                "rules": [
                    {
                        "rule_name": "weekly",
                        "target_backup_vault_name": "rampart",
                        "schedule_expression": "cron(0 3 ? * 1 *)",
                        "lifecycle": {"delete_after_days": 90},
                    }
                ],
                "selections": [
                    {
                        "name": "instances-tagged-backup-daily",
                        "resources": ["*"],
                        "conditions": {
                            "string_like": [
                                {"condition_key": "aws:ResourceTag/Backup", "condition_value": "*"},
                            ]
                        },
                    }
                ],
            }
        ]
    }
    assert "changed=2" in policy("--check", **weekly)
    assert policy.writes == []
    output = policy(**weekly)
    assert "changed=2" in output
    assert "protects 3 instances" in output
    assert policy.plan()["Rules"][0]["RuleName"] == "weekly"
    assert "changed=0" in policy(**weekly)

    assert "changed=4" in policy("--check", **weekly, backup_state="absent")
    assert policy.writes == []
    assert "changed=4" in policy(**weekly, backup_state="absent")
    assert policy.vaults() == policy.backup.list_backup_plans()["BackupPlansList"] == []
    assert [r for r in iam.list_roles()["Roles"] if r["RoleName"] == ROLE] == []
    for options in (["--check"], []):
        assert "changed=0" in policy(*options, **weekly, backup_state="absent")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"target_backup_vault_name": "elsewhere"}, "must be one of backup_vaults"),
        ({"lifecycle": {"move_to_cold_storage_after_days": 30, "delete_after_days": 100}}, "at least 90 more"),
        ({"start_window_minutes": 30}, "start_window_minutes at least 60"),
        ({"start_window_minutes": 120, "completion_window_minutes": 150}, "completion_window_minutes at least"),
        ({"lifecycl": {"delete_after_days": 35}}, "lifecycl"),
    ],
)
def test_a_wrong_rule_is_refused_before_anything_is_made(policy: Policy, rule: dict[str, Any], words: str) -> None:
    plan = {"name": "p", "rules": [{"rule_name": "r", "target_backup_vault_name": "rampart", **rule}], "selections": []}
    code, output = policy.run(backup_plans=[plan])
    assert code == 2
    assert words in " ".join(output.split())
    assert policy.writes == []
