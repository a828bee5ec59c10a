# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""playbooks/backup.yml, and with it the role backup, against the region."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
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


def policy_of(plans: list[dict[str, Any]], *vaults: dict[str, Any]) -> dict[str, Any]:
    return {"backup_policy": {"vaults": list(vaults), "plans": plans}}


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
    for name, kind, action in (
        (ROLE, "Backup", "ec2:CreateImage"),
        ("rampart-restore", "Restores", "ec2:RunInstances"),
    ):
        assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []
        boundary = iam.get_role(RoleName=name)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"]
        assert boundary.endswith(f":policy/service-role/AWSBackupServiceRolePolicyFor{kind}")
        (inline,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
        statements = iam.get_role_policy(RoleName=name, PolicyName=inline)["PolicyDocument"]["Statement"]
        allowed = {each for statement in statements for each in statement["Action"]}
        assert action in allowed
        assert not {each for each in allowed if each.startswith(("dynamodb:", "rds:", "iam:"))}

    document = json.loads((REPO / "docs/iam-backup.json").read_text())
    allowed = {action for statement in document["Statement"] for action in statement["Action"]}
    for options in (["--check"], []):
        output = policy(*options)
        assert {f"backup:{each}" for each in policy.aws.operations(service="backup")} <= allowed
        assert "changed=0" in output
        assert policy.writes == []
        assert "Backup plan rampart-daily protects 2 resources: web-1, web-2" in output

    weekly = policy_of(
        [
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
    )
    # What may select anything has AWS's own policies, which do not fit into the boundary that the roles have by now.
    for options in (["--check"], []):
        code, output = policy.run(*options, **weekly)
        assert code == 2
        assert "delete-role-permissions-boundary --role-name rampart-backup; aws iam" in " ".join(output.split())
        assert policy.writes == []
    for name in (ROLE, "rampart-restore"):
        iam.delete_role_permissions_boundary(RoleName=name)
    assert "changed=4" in policy("--check", **weekly)
    assert policy.writes == []
    output = policy(**weekly)
    assert "changed=4" in output
    attached = iam.list_attached_role_policies(RoleName=ROLE)["AttachedPolicies"]
    assert sorted(each["PolicyName"] for each in attached) == [
        "AWSBackupServiceRolePolicyForBackup",
        "AWSBackupServiceRolePolicyForS3Backup",
    ]
    assert iam.list_role_policies(RoleName=ROLE)["PolicyNames"] == []
    assert "protects 3 resources" in output
    assert policy.plan()["Rules"][0]["RuleName"] == "weekly"
    assert "changed=0" in policy(**weekly)

    assert "changed=4" in policy("--check", **weekly, backup_state="absent")
    assert policy.writes == []
    assert "changed=4" in policy(**weekly, backup_state="absent")
    assert policy.vaults() == policy.backup.list_backup_plans()["BackupPlansList"] == []
    assert [r for r in iam.list_roles()["Roles"] if r["RoleName"].startswith("rampart-")] == []
    for options in (["--check"], []):
        assert "changed=0" in policy(*options, **weekly, backup_state="absent")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            policy_of([{"name": "p", "rules": [{"rule_name": "r", "target_backup_vault_name": "elsewhere"}]}]),
            "elsewhere is none of the vaults of the policy (rampart)",
        ),
        ({"backup_presets": "daily_35"}, "backup_presets: expected list"),
        ({"backup_vaults": []}, "backup_vaults: the role backup has no such variable"),
    ],
)
def test_a_wrong_policy_is_refused_before_anything_is_made(policy: Policy, wrong: dict[str, Any], words: str) -> None:
    code, output = policy.run(**wrong)
    assert code == 2
    assert words in " ".join(output.split())
    assert policy.writes == []


def test_a_copy_that_the_lock_of_an_own_vault_does_not_allow_is_refused(policy: Policy) -> None:
    home = f"{policy.aws.env['AWS_REGION']}:{policy.aws.account_id}"
    rule = {
        "rule_name": "daily",
        "target_backup_vault_name": "rampart",
        "lifecycle": {"delete_after_days": 35},
        "copy_actions": [
            {
                "destination_backup_vault_arn": f"arn:aws:backup:{home}:backup-vault:locked",
                "lifecycle": {"delete_after_days": 7},
            }
        ],
    }
    vaults = [{"name": "rampart"}, {"name": "locked", "lock": {"mode": "governance", "min_retention_days": 14}}]
    code, output = policy.run(**policy_of([{"name": "p", "rules": [rule]}], *vaults))
    assert code == 2
    assert "copy to locked: delete_after_days is 7, less than min_retention_days (14)" in " ".join(output.split())
    assert policy.writes == []


def test_an_immutable_vault_needs_its_date(policy: Policy) -> None:
    # Also when others come before it: nothing is made, not even an IAM role.
    for wanted in (["daily_35", "immutable"], ["immutable"]):
        code, output = policy.run(backup_presets=wanted)
        assert code == 2
        assert "confirm it with confirm_immutable_after" in " ".join(output.split())
        assert policy.writes == []


def test_all_presets(policy: Policy) -> None:
    wanted = {
        "backup_presets": ["daily_35", "web_small", "gfs", "immutable"],
        "backup_confirm_immutable_after": (datetime.now(UTC) + timedelta(days=7)).date().isoformat(),
    }
    policy(**wanted)
    assert policy.vaults() == ["rampart", "rampart-immutable"]
    lock = next(each for each in policy.backup.list_backup_vaults()["BackupVaultList"] if each["Locked"])
    assert (lock["BackupVaultName"], lock["MinRetentionDays"]) == ("rampart-immutable", 35)
    assert lock["LockDate"].date().isoformat() == wanted["backup_confirm_immutable_after"]
    rules = {}
    for summary in policy.backup.list_backup_plans()["BackupPlansList"]:
        plan = policy.backup.get_backup_plan(BackupPlanId=summary["BackupPlanId"])["BackupPlan"]
        rules[plan["BackupPlanName"]] = {each["RuleName"]: each["Lifecycle"] for each in plan["Rules"]}
    assert rules == {
        "rampart-daily": {"daily": {"DeleteAfterDays": 35}},
        "rampart-web-small": {"daily": {"DeleteAfterDays": 7}, "weekly": {"DeleteAfterDays": 28}},
        "rampart-gfs": {
            "daily": {"DeleteAfterDays": 7},
            "weekly": {"DeleteAfterDays": 35},
            "monthly": {"DeleteAfterDays": 365},
            "yearly": {"MoveToColdStorageAfterDays": 30, "DeleteAfterDays": 2555},
        },
        "rampart-immutable": {"daily": {"DeleteAfterDays": 35}},
    }
    # No preset needs more than the types that it is limited to.
    iam = policy.aws.client("iam")
    for name in (ROLE, "rampart-restore"):
        assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []
        assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["rampart-backup-types"]
    assert "changed=0" in policy(**wanted)


def test_failures_are_told_and_nothing_else(policy: Policy) -> None:
    aws, ec2, events = policy.aws, policy.aws.client("ec2"), policy.aws.client("events")
    topic, told = aws.topic("failures")
    wanted = {"backup_notifications_topic_arn": topic}
    for options in (["--check"], []):
        code, output = policy.run(*options, **wanted)
        assert code == 2
        assert "does not let EventBridge publish" in " ".join(output.split())
        assert policy.writes == []
    aws.let_events_publish(topic)
    policy("--check", **wanted)
    assert policy.writes == []
    policy(**wanted)
    assert "changed=0" in policy(**wanted)

    role = aws.client("iam").get_role(RoleName=ROLE)["Role"]["Arn"]

    def volume() -> str:
        made: str = ec2.create_volume(AvailabilityZone="ap-northeast-2a", Size=1)["VolumeId"]
        return made

    def begun(volume_id: str) -> str:
        arn = f"arn:aws:ec2:ap-northeast-2:{aws.account_id}:volume/{volume_id}"
        started = policy.backup.start_backup_job(BackupVaultName="rampart", ResourceArn=arn, IamRoleArn=role)
        return str(started["BackupJobId"])

    def now() -> list[dict[str, Any]]:
        """What is told after time has passed for all that has begun."""
        aws.advance_clock(10)
        policy.backup.list_backup_jobs()
        policy.backup.list_copy_jobs()
        policy.backup.list_restore_jobs()
        return [json.loads(each["Message"]) for each in told()]

    kept, gone, stopped = volume(), volume(), volume()
    good, bad, ended = begun(kept), begun(gone), begun(stopped)
    ec2.delete_volume(VolumeId=gone)
    policy.backup.stop_backup_job(BackupJobId=ended)
    events_of_backups = now()
    point = policy.backup.describe_backup_job(BackupJobId=good)["RecoveryPointArn"]
    assert {each["detail"]["backupJobId"]: each["detail"]["state"] for each in events_of_backups} == {
        bad: "FAILED",
        ended: "ABORTED",
    }

    vaults = f"arn:aws:backup:eu-central-1:{aws.account_id}:backup-vault:"
    aws.client("backup", region="eu-central-1").create_backup_vault(BackupVaultName="there")
    copy = {"RecoveryPointArn": point, "SourceBackupVaultName": "rampart", "IamRoleArn": role}
    policy.backup.start_copy_job(**copy, DestinationBackupVaultArn=f"{vaults}there")
    lost = policy.backup.start_copy_job(**copy, DestinationBackupVaultArn=f"{vaults}nowhere")["CopyJobId"]
    restore: dict[str, Any] = {"RecoveryPointArn": point, "IamRoleArn": role.replace(ROLE, "rampart-restore")}
    restore["Metadata"] = {"availabilityZone": "ap-northeast-2a"}
    policy.backup.start_restore_job(**restore)
    assert [each["detail"]["copyJobId"] for each in now()] == [lost]
    failed = policy.backup.start_restore_job(**restore)["RestoreJobId"]
    ec2.delete_snapshot(SnapshotId=point.rpartition("/")[2])
    assert [(each["detail"]["restoreJobId"], each["detail"]["status"]) for each in now()] == [(failed, "FAILED")]

    # Not declared any more, it is gone; so it is with what it tells of.
    policy()
    assert events.list_rules()["Rules"] == []
    policy(**wanted)
    assert len(events.list_rules()["Rules"]) == 1
    policy(**wanted, backup_state="absent", backup_regions=["eu-central-1"])
    assert events.list_rules()["Rules"] == []


def test_what_another_plan_needs_is_not_removed(policy: Policy) -> None:
    """Not its vault, its roles and what tells of its failures: a plan without a role makes no backup any more."""
    topic, _told = policy.aws.topic("failures")
    policy.aws.let_events_publish(topic)
    policy(backup_presets=["daily_35", "web_small"], backup_notifications_topic_arn=topic)
    absent = {"backup_state": "absent", "backup_presets": ["web_small"], "backup_regions": ["eu-central-1"]}
    for options in (["--check"], []):
        output = policy(*options, **absent)
        assert "changed=2" in output
        assert "needed by backup plan rampart-daily of ap-northeast-2" in " ".join(output.split())
    assert policy.plan()["BackupPlanName"] == "rampart-daily"
    (selection,) = policy.selections()
    assert policy.vaults() == ["rampart"]
    iam = policy.aws.client("iam")
    assert iam.get_role(RoleName=ROLE)["Role"]["Arn"] == selection["IamRoleArn"]
    assert iam.get_role(RoleName="rampart-restore")
    assert len(policy.aws.client("events").list_rules()["Rules"]) == 1
    assert "changed=0" in policy(**absent)

    # A plan of another region works in the role, and copies into the vault.
    away = policy.aws.client("backup", region="eu-central-1")
    away.create_backup_vault(BackupVaultName="away")
    vault = f"arn:aws:backup:ap-northeast-2:{policy.aws.account_id}:backup-vault:rampart"
    rule = {"RuleName": "r", "TargetBackupVaultName": "away", "CopyActions": [{"DestinationBackupVaultArn": vault}]}
    plan = away.create_backup_plan(BackupPlan={"BackupPlanName": "away", "Rules": [rule]})["BackupPlanId"]
    chosen = {"SelectionName": "s", "IamRoleArn": selection["IamRoleArn"], "Resources": ["*"]}
    made = away.create_backup_selection(BackupPlanId=plan, BackupSelection=chosen)["SelectionId"]
    absent["backup_presets"] = ["daily_35"]
    output = policy(**absent)
    assert "needed by backup plan away of eu-central-1" in " ".join(output.split())
    assert policy.vaults() == ["rampart"]
    assert iam.get_role(RoleName=ROLE)
    assert policy.aws.client("events").list_rules()["Rules"] == []  # no backups are made here any more

    # So does a recovery point that was made in it, in whatever vault.
    ec2 = policy.aws.client("ec2", region="eu-central-1")
    volume = ec2.create_volume(AvailabilityZone="eu-central-1a", Size=1)["VolumeId"]
    arn = f"arn:aws:ec2:eu-central-1:{policy.aws.account_id}:volume/{volume}"
    away.start_backup_job(BackupVaultName="away", ResourceArn=arn, IamRoleArn=selection["IamRoleArn"])
    away.delete_backup_selection(BackupPlanId=plan, SelectionId=made)
    away.delete_backup_plan(BackupPlanId=plan)
    policy.aws.advance_clock(10)
    (point,) = away.list_recovery_points_by_backup_vault(BackupVaultName="away")["RecoveryPoints"]
    output = policy(**absent)
    assert "needed by the recovery points in vault away of eu-central-1" in " ".join(output.split())
    assert policy.vaults() == []
    assert iam.get_role(RoleName=ROLE)

    # And who cannot look does not remove.
    away.delete_recovery_point(BackupVaultName="away", RecoveryPointArn=point["RecoveryPointArn"])
    denied = {"status": 403, "code": "AccessDeniedException", "message": "with an explicit deny"}
    policy.aws.fault(service="backup", operation="ListBackupVaults", region="eu-central-1", kind="error", params=denied)
    output = policy(**absent)
    assert "eu-central-1, which could not be looked at (AccessDeniedException)" in " ".join(output.split())
    assert iam.get_role(RoleName=ROLE)
    policy.aws.clear_faults()
    policy(**absent)
    assert [each for each in iam.list_roles()["Roles"] if each["RoleName"].startswith("rampart-")] == []


def test_a_plan_without_selections_is_kept(policy: Policy) -> None:
    rule = {"rule_name": "r", "target_backup_vault_name": "rampart", "lifecycle": {"delete_after_days": 7}}
    plans = [{"name": "none", "rules": [rule]}, {"name": "empty", "rules": [rule], "selections": []}]
    output = policy(**policy_of(plans))
    assert "Backup plan rampart-daily protects 2 resources" in output
    assert "changed=0" in policy(**policy_of(plans))
