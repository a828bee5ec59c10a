# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Backup vaults: lock, access policy, notifications, and the errors of those that do not exist."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from lab.aws.errors import AwsError
from lab.aws.registry import amend, operation, rule
from lab.aws.services.backup.state import at, bad_request, invalid, not_found, settled, state_of, vault

if TYPE_CHECKING:
    from lab.aws.call import Call

Params = dict[str, Any]

DAY = 86_400


def _metadata(call: Call, found: Any) -> Params:
    """A vault as AWS describes it, with the defaults that moto leaves out."""
    state = settled(call)
    key = f"arn:aws:kms:{call.region}:{call.account}:key/{'0' * 8}-0000-4000-8000-{call.account}"
    shown: Params = {
        "BackupVaultName": found.backup_vault_name,
        "BackupVaultArn": found.backup_vault_arn,
        "VaultType": "BACKUP_VAULT",
        "VaultState": "AVAILABLE",
        "EncryptionKeyArn": found.encryption_key_arn or key,
        "CreationDate": found.creation_date,
        "CreatorRequestId": found.creator_request_id,
        "NumberOfRecoveryPoints": sum(
            point["BackupVaultName"] == found.backup_vault_name for point in state.recovery_points.values()
        ),
        "Locked": found.locked,
        "MinRetentionDays": found.min_retention_days,
        "MaxRetentionDays": found.max_retention_days,
        "LockDate": at(found.lock_date) if found.lock_date else None,
    }
    return {name: value for name, value in shown.items() if value is not None}


@operation("backup", "DescribeBackupVault")
def describe_backup_vault(call: Call) -> Params:
    name = call.params["BackupVaultName"]
    if name not in call.backend().vaults:
        # https://github.com/aws/aws-sdk-js/issues/2625: a vault that is not there looks like one that is not yours.
        raise AwsError("AccessDeniedException", "Insufficient privileges to perform this action.", 403)
    return _metadata(call, vault(call, name))


@operation("backup", "ListBackupVaults")
def list_backup_vaults(call: Call) -> Params:
    return {"BackupVaultList": [_metadata(call, each) for each in call.backend().vaults.values()]}


@rule("backup", "CreateBackupVault")
def check_new_vault(call: Call) -> None:
    existing = call.backend().vaults.get(call.params["BackupVaultName"])
    if existing is not None:
        message = "Backup vault with the same name already exists"
        raise AwsError("AlreadyExistsException", message, 400, Arn=existing.backup_vault_arn)
    key = call.params.get("EncryptionKeyArn")
    if key and not re.fullmatch(r"arn:aws[\w-]*:kms:[a-z0-9-]+:\d{12}:(key|alias)/.+", key):
        raise invalid(f"Invalid encryption key ARN: {key}")


@rule("backup", "DeleteBackupVault")
def check_vault_is_empty(call: Call) -> None:
    found = vault(call, call.params["BackupVaultName"])
    points = settled(call).recovery_points.values()
    if any(point["BackupVaultName"] == found.backup_vault_name for point in points):
        raise bad_request("Backup vault cannot be deleted because it contains recovery points.")


@amend("backup", "DeleteBackupVault")
def forget_what_belongs_to_it(call: Call, result: Params) -> Params:
    state_of(call).access_policies.pop(call.params["BackupVaultName"], None)
    state_of(call).notifications.pop(call.params["BackupVaultName"], None)
    return result


# --- lock (API_PutBackupVaultLockConfiguration) ----------------------------------------------------------------------


def _changeable(call: Call) -> Any:
    found = vault(call, call.params["BackupVaultName"])
    if found.lock_date is not None and call.now() >= found.lock_date:
        raise bad_request("Vault Lock configuration is immutable: the lock date has passed")
    return found


@operation("backup", "PutBackupVaultLockConfiguration")
def put_lock(call: Call) -> Params:
    found = _changeable(call)
    least, most = call.params.get("MinRetentionDays"), call.params.get("MaxRetentionDays")
    changeable = call.params.get("ChangeableForDays")
    if least is not None and least < 1:
        raise invalid("MinRetentionDays must be at least 1 day")
    if most is not None and not 1 <= most <= 36500:
        raise invalid("MaxRetentionDays must be between 1 and 36500 days")
    if least is not None and most is not None and least > most:
        raise invalid("MinRetentionDays cannot be greater than MaxRetentionDays")
    if changeable is not None and not 3 <= changeable <= 36500:
        raise invalid("ChangeableForDays must be between 3 and 36500 days")
    found.locked = True
    found.min_retention_days, found.max_retention_days = least, most
    found.changeable_for_days = changeable
    found.lock_date = call.now() + changeable * DAY if changeable is not None else None
    return {}


@operation("backup", "DeleteBackupVaultLockConfiguration")
def delete_lock(call: Call) -> Params:
    found = _changeable(call)
    found.locked = False
    found.min_retention_days = found.max_retention_days = found.changeable_for_days = found.lock_date = None
    return {}


# --- access policy and notifications ---------------------------------------------------------------------------------


@operation("backup", "PutBackupVaultAccessPolicy")
def put_access_policy(call: Call) -> Params:
    found = vault(call, call.params["BackupVaultName"])
    text = call.params.get("Policy")
    if text is None:
        raise AwsError("MissingParameterValueException", "Policy is missing", 400)
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict) or not document.get("Statement") or "Version" not in document:
        raise invalid("Policy document is malformed")
    state_of(call).access_policies[found.backup_vault_name] = text
    return {}


@operation("backup", "GetBackupVaultAccessPolicy")
def get_access_policy(call: Call) -> Params:
    found = vault(call, call.params["BackupVaultName"])
    text = state_of(call).access_policies.get(found.backup_vault_name)
    if text is None:
        raise not_found(f"Backup vault {found.backup_vault_name} has no associated policy")
    return {
        "BackupVaultName": found.backup_vault_name,
        "BackupVaultArn": found.backup_vault_arn,
        "Policy": text,
    }


@operation("backup", "DeleteBackupVaultAccessPolicy")
def delete_access_policy(call: Call) -> Params:
    found = vault(call, call.params["BackupVaultName"])
    state_of(call).access_policies.pop(found.backup_vault_name, None)
    return {}


@operation("backup", "PutBackupVaultNotifications")
def put_notifications(call: Call) -> Params:
    found = vault(call, call.params["BackupVaultName"])
    topic, events = call.params["SNSTopicArn"], call.params["BackupVaultEvents"]
    if not re.fullmatch(r"arn:aws[\w-]*:sns:[a-z0-9-]+:\d{12}:[\w-]{1,256}", topic):
        raise invalid(f"Invalid SNS topic ARN: {topic}")
    if not events:
        raise AwsError("MissingParameterValueException", "BackupVaultEvents is empty", 400)
    state_of(call).notifications[found.backup_vault_name] = {
        "BackupVaultName": found.backup_vault_name,
        "BackupVaultArn": found.backup_vault_arn,
        "SNSTopicArn": topic,
        "BackupVaultEvents": list(events),
    }
    return {}


@operation("backup", "GetBackupVaultNotifications")
def get_notifications(call: Call) -> Params:
    found = vault(call, call.params["BackupVaultName"])
    kept = state_of(call).notifications.get(found.backup_vault_name)
    if kept is None:
        raise not_found(f"Failed reading notifications from database for Backup vault {found.backup_vault_name}")
    return kept


@operation("backup", "DeleteBackupVaultNotifications")
def delete_notifications(call: Call) -> Params:
    found = vault(call, call.params["BackupVaultName"])
    state_of(call).notifications.pop(found.backup_vault_name, None)
    return {}


@rule("backup", "TagResource", "UntagResource", "ListTags")
def check_resource(call: Call) -> None:
    arn = call.params["ResourceArn"]
    backend, state = call.backend(), state_of(call)
    known = {each.backup_vault_arn for each in backend.vaults.values()}
    known |= {each.backup_plan_arn for each in backend.plans.values() if each.deletion_date is None}
    known |= {each["RestoreTestingPlanArn"] for each in state.testing_plans.values()}
    known |= set(state.recovery_points)
    known |= {each.report_plan_arn for each in backend.report_plans.values()}
    if arn not in known:
        raise not_found(f"Resource {arn} not found")
    if call.operation == "TagResource":
        merged = {**backend.list_tags(arn), **call.params["Tags"]}
        if len(merged) > 50:  # "50 user-defined tags per resource"
            raise AwsError("LimitExceededException", "A resource can have at most 50 tags", 400)
