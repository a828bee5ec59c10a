# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""backup_vault against the region."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from backup_modules import Module, trail

from lab.aws.testing import Aws

TOPIC = "arn:aws:sns:ap-northeast-2:123456789012:backup-failures"
KEY = "arn:aws:kms:ap-northeast-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Deny", "Principal": "*", "Action": ["backup:DeleteRecoveryPoint"], "Resource": ["*"]}],
}


@pytest.fixture
def vault(aws: Aws) -> Module:
    return Module(aws, "backup_vault", backup_vault_name="daily")


def held(aws: Aws, name: str = "daily") -> dict[str, Any] | None:
    found = aws.client("backup").list_backup_vaults()["BackupVaultList"]
    return next((each for each in found if each["BackupVaultName"] == name), None)


def in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def test_life_cycle(vault: Module) -> None:
    """Create, again, modify, again, delete, again; each in check mode first."""
    client = vault.aws.client("backup")
    create = {
        "encryption_key_arn": KEY,
        "access_policy": POLICY,
        "lock": {"mode": "governance", "min_retention_days": 7},
        "notifications": {"sns_topic_arn": TOPIC, "backup_vault_events": ["COPY_JOB_FAILED", "BACKUP_JOB_COMPLETED"]},
        "tags": {"Team": "ops", "my_Key": "As-is"},
    }
    modify = {
        "access_policy": {},
        "lock": {"mode": "governance", "min_retention_days": 8, "max_retention_days": 90},
        "notifications": {"sns_topic_arn": TOPIC, "backup_vault_events": ["BACKUP_JOB_COMPLETED"]},
        "tags": {"Team": "web"},
    }

    would = vault(check=True, **create)
    assert would["changed"]
    assert held(vault.aws) is None
    did = vault(**create)
    assert trail(vault.aws) == [
        "CreateBackupVault",
        "PutBackupVaultAccessPolicy",
        "PutBackupVaultNotifications",
        "PutBackupVaultLockConfiguration",
    ]
    assert did["diff"] == would["diff"]
    assert did["diff"]["before"] == {}
    kept = held(vault.aws)
    assert kept is not None
    assert (kept["EncryptionKeyArn"], kept["Locked"], kept["MinRetentionDays"]) == (KEY, True, 7)
    assert did["vault"]["backup_vault_arn"] == kept["BackupVaultArn"]
    assert client.list_tags(ResourceArn=kept["BackupVaultArn"])["Tags"] == create["tags"]
    assert json.loads(client.get_backup_vault_access_policy(BackupVaultName="daily")["Policy"]) == POLICY
    again = vault.unchanged(**create)
    assert again["vault"] == {**did["vault"], "creation_date": again["vault"]["creation_date"]}
    # The same meaning in other words.
    vault.unchanged(
        notifications={"sns_topic_arn": TOPIC, "backup_vault_events": ["BACKUP_JOB_COMPLETED", "COPY_JOB_FAILED"]},
        access_policy=json.dumps(
            {**POLICY, "Statement": {**POLICY["Statement"][0], "Action": "backup:DeleteRecoveryPoint"}}
        ),
    )

    did = vault.changed(**modify)
    assert trail(vault.aws) == [
        "DeleteBackupVaultAccessPolicy",
        "PutBackupVaultNotifications",
        "UntagResource",
        "TagResource",
        "PutBackupVaultLockConfiguration",
    ]
    assert client.list_tags(ResourceArn=kept["BackupVaultArn"])["Tags"] == {"Team": "web"}
    assert did["diff"]["before"]["tags"] == create["tags"]
    assert did["diff"]["after"]["tags"] == {"Team": "web"}
    vault.unchanged(**modify)

    did = vault.changed(state="absent")
    assert trail(vault.aws) == ["DeleteBackupVault"]
    assert not did["exists"]
    assert did["diff"]["after"] == {}
    assert held(vault.aws) is None
    assert not vault.unchanged(state="absent")["exists"]


def test_what_is_not_given_is_left_as_it_is(vault: Module) -> None:
    vault(
        lock={"mode": "governance", "min_retention_days": 7},
        access_policy=POLICY,
        notifications={"sns_topic_arn": TOPIC, "backup_vault_events": ["BACKUP_JOB_COMPLETED"]},
        tags={"Team": "ops"},
    )
    vault.unchanged()
    assert vault.calls == ["ListBackupVaults"]
    vault.changed(tags={"Env": "lab"}, purge_tags=False)
    assert vault(tags={"Env": "lab"}, purge_tags=False, check=True)["vault"]["tags"] == {"Team": "ops", "Env": "lab"}


def test_everything_can_be_taken_away_again(vault: Module) -> None:
    everything = {
        "lock": {"mode": "governance", "min_retention_days": 7},
        "access_policy": POLICY,
        "notifications": {"sns_topic_arn": TOPIC, "backup_vault_events": ["BACKUP_JOB_COMPLETED"]},
        "tags": {"Team": "ops"},
    }
    nothing: dict[str, Any] = {
        "lock": {"mode": "none"},
        "access_policy": {},
        "notifications": {"backup_vault_events": []},
        "tags": {},
    }
    vault(**everything)
    did = vault.changed(**nothing)
    assert trail(vault.aws) == [
        "DeleteBackupVaultAccessPolicy",
        "DeleteBackupVaultNotifications",
        "UntagResource",
        "DeleteBackupVaultLockConfiguration",
    ]
    assert did["vault"]["locked"] is False
    vault.unchanged(**nothing)


def test_a_lock_of_compliance_must_be_confirmed_by_its_date(vault: Module) -> None:
    lock = {"mode": "compliance", "min_retention_days": 30, "changeable_for_days": 3}
    vault()
    for confirmation in ({}, {"confirm_immutable_after": in_days(4)}, {"confirm_immutable_after": "yes"}):
        for check in (True, False):
            message = vault.fails(lock={**lock, **confirmation}, check=check)
            assert f"confirm_immutable_after: '{in_days(3)}'" in message
            assert trail(vault.aws) == []
    did = vault.changed(lock={**lock, "confirm_immutable_after": in_days(3)})
    assert did["vault"]["lock"]["mode"] == "compliance"
    kept = held(vault.aws)
    assert kept is not None
    assert kept["LockDate"].date().isoformat() == in_days(3)
    # What is there needs no confirmation, whatever the date is by now.
    vault.unchanged(lock={**lock, "confirm_immutable_after": "2026-01-01"})
    vault.unchanged(lock=lock)
    # Another retention would be a new lock with a new date.
    assert "confirm it" in vault.fails(lock={**lock, "min_retention_days": 60})
    # Within the days to think of it, it can be taken back.
    vault.changed(lock={"mode": "governance", "min_retention_days": 30})
    vault.changed(lock={"mode": "none"})
    kept = held(vault.aws)
    assert kept is not None
    assert not kept["Locked"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"backup_vault_name": "a"}, "2 to 50"),
        ({"backup_vault_name": "with.dots"}, "2 to 50"),
        ({"encryption_key_arn": "alias/aws/backup"}, "an alias will not do"),
        ({"access_policy": "{"}, "not JSON"),
        ({"access_policy": {"Statement": []}}, "needs Version and Statement"),
        ({"lock": {"mode": "governance", "min_retention_days": 0}}, "1 to 36500"),
        ({"lock": {"mode": "governance", "max_retention_days": 36501}}, "1 to 36500"),
        ({"lock": {"mode": "governance", "min_retention_days": 9, "max_retention_days": 8}}, "is greater than"),
        ({"lock": {"mode": "governance", "changeable_for_days": 3}}, "need mode compliance"),
        ({"lock": {"mode": "compliance"}}, "needs changeable_for_days"),
        ({"lock": {"mode": "compliance", "changeable_for_days": 2}}, "72 hours"),
        ({"notifications": {"sns_topic_arn": "x", "backup_vault_events": ["BACKUP_JOB_COMPLETED"]}}, "SNS topic"),
        ({"notifications": {"sns_topic_arn": TOPIC, "backup_vault_events": ["BACKUP_FAILED"]}}, "BACKUP_FAILED"),
        (
            {"notifications": {"sns_topic_arn": TOPIC, "backup_vault_events": ["BACKUP_JOB_FAILED"]}},
            "Take BACKUP_JOB_COMPLETED",
        ),
        ({"tags": {"aws:x": "y"}}, "aws:x"),
        ({"tags": {str(n): "" for n in range(51)}}, "AWS allows 50"),
    ],
)
def test_bad_input_is_refused_without_a_call(vault: Module, args: dict[str, Any], words: str) -> None:
    assert words in vault.fails(**args)
    assert vault.calls == []


def test_another_key_is_refused(vault: Module) -> None:
    vault()
    assert "which AWS cannot change" in vault.fails(encryption_key_arn=KEY)


def test_unrelated_vaults_stay_untouched_and_pages_are_read(vault: Module) -> None:
    client = vault.aws.client("backup")
    for n in range(12):
        client.create_backup_vault(BackupVaultName=f"other-{n}", BackupVaultTags={"n": str(n)})
    vault.aws.switch(page_size=1)
    vault.changed(tags={"Team": "ops"})
    vault.unchanged(tags={"Team": "ops"})
    assert vault.calls.count("ListBackupVaults") == 13
    vault.changed(state="absent")
    vault.aws.switch(page_size=0)
    assert len(client.list_backup_vaults()["BackupVaultList"]) == 12


@pytest.mark.parametrize("kind", ["throttle", "error", "lost_answer"])
def test_faults_of_writing_are_overcome(vault: Module, kind: str) -> None:
    for operation in ("CreateBackupVault", "PutBackupVaultAccessPolicy", "PutBackupVaultLockConfiguration"):
        vault.aws.fault(service="backup", operation=operation, kind=kind, times=1)
    wanted = {"access_policy": POLICY, "lock": {"mode": "governance", "min_retention_days": 7}, "tags": {"a": "b"}}
    assert vault(**wanted)["changed"]
    vault.unchanged(**wanted)
    vault.aws.fault(service="backup", operation="DeleteBackupVault", kind=kind, times=1)
    assert vault(state="absent")["changed"]
    assert held(vault.aws) is None


def test_a_permission_that_is_missing_is_not_taken_for_absence(vault: Module) -> None:
    vault()
    vault.aws.fault(
        service="backup",
        operation="ListBackupVaults",
        kind="error",
        params={"status": 403, "code": "AccessDeniedException", "message": "not authorized: backup:ListBackupVaults"},
    )
    message = vault.fails(state="absent")
    assert "backup:ListBackupVaults" in message
    assert held(vault.aws) is not None
