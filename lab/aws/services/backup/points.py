# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Recovery points: what they are made of, how long they live, and what they protect."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lab.aws.registry import operation
from lab.aws.services.backup.kinds import KINDS
from lab.aws.services.backup.plans import check_lifecycle
from lab.aws.services.backup.state import (
    BackupState,
    Document,
    advancing,
    at,
    bad_request,
    filtered,
    invalid,
    not_found,
    settled,
    shown,
    state_of,
    vault,
)

if TYPE_CHECKING:
    from lab.aws.call import Call

Params = dict[str, Any]

DAY = 86_400


def check_lock(found: Any, lifecycle: Document) -> None:
    """ "the vault fails that backup or copy job" (API_PutBackupVaultLockConfiguration)."""
    days = lifecycle.get("DeleteAfterDays")
    least, most = found.min_retention_days, found.max_retention_days
    too_short = least is not None and days is not None and days < least
    too_long = most is not None and (days is None or days > most)
    if found.locked and (too_short or too_long):
        raise invalid(f"Retention settings conflict with the vault lock: {days} days, allowed are {least} to {most}")


def calculated(lifecycle: Document, created: float) -> Document:
    """When a recovery point moves to cold storage and when it is deleted."""
    moments = {"DeleteAt": "DeleteAfterDays", "MoveToColdStorageAt": "MoveToColdStorageAfterDays"}
    return {
        name: at(created + lifecycle[key] * DAY)
        for name, key in moments.items()
        if lifecycle.get(key) not in (None, -1)
    }


def make_point(call: Call, job: Document, now: float) -> Document:
    """The recovery point, and the image or snapshot that it stands for."""
    kind = job["ResourceType"]
    identifier = re.split("[:/]", job["ResourceArn"])[-1]
    arn, size, held = KINDS[kind].record(call, identifier, job)
    return {
        "RecoveryPointArn": arn,
        "BackupVaultName": job["BackupVaultName"],
        "BackupVaultArn": job["BackupVaultArn"],
        "ResourceArn": job["ResourceArn"],
        "ResourceType": kind,
        "IamRoleArn": job["IamRoleArn"],
        "Status": "COMPLETED",
        "CreationDate": job["CreationDate"],
        "CompletionDate": at(now),
        "BackupSizeInBytes": size,
        "Lifecycle": job["_lifecycle"],
        "CalculatedLifecycle": calculated(job["_lifecycle"], job["_created"]),
        "IsEncrypted": False,
        "StorageClass": "WARM",
        "VaultType": "BACKUP_VAULT",
        "_created": job["_created"],
        "_held": held,
    }


@advancing
def expire(call: Call, state: BackupState, now: float) -> None:
    for arn in [arn for arn, point in state.recovery_points.items() if _expired(point, now)]:
        _delete_point(call, state.recovery_points.pop(arn))


def _expired(point: Document, now: float) -> bool:
    days = point["Lifecycle"].get("DeleteAfterDays")
    return days not in (None, -1) and now >= point["_created"] + days * DAY


def _delete_point(call: Call, point: Document) -> None:
    KINDS[point["ResourceType"]].forget(call, point)


# --- recovery points -------------------------------------------------------------------------------------------------


def _point(call: Call) -> Document:
    state = settled(call)
    vault(call, call.params["BackupVaultName"])
    point = state.recovery_points.get(call.params["RecoveryPointArn"])
    if point is None or point["BackupVaultName"] != call.params["BackupVaultName"]:
        raise not_found(f"Failed reading recovery point {call.params['RecoveryPointArn']}")
    return point


@operation("backup", "ListRecoveryPointsByBackupVault")
def list_recovery_points_by_vault(call: Call) -> Params:
    state = settled(call)
    name = vault(call, call.params["BackupVaultName"]).backup_vault_name
    points = [point for point in state.recovery_points.values() if point["BackupVaultName"] == name]
    equal = {"ByResourceArn": "ResourceArn", "ByResourceType": "ResourceType"}
    return {"RecoveryPoints": filtered(call, points, equal)}


@operation("backup", "ListRecoveryPointsByResource")
def list_recovery_points_by_resource(call: Call) -> Params:
    arn = call.params["ResourceArn"]
    points = [point for point in settled(call).recovery_points.values() if point["ResourceArn"] == arn]
    listed = [
        {**shown(point), "BackupSizeBytes": point["BackupSizeInBytes"]}
        for point in sorted(points, key=lambda each: each["_created"], reverse=True)
    ]
    return {"RecoveryPoints": listed}


@operation("backup", "DescribeRecoveryPoint")
def describe_recovery_point(call: Call) -> Params:
    return shown(_point(call))


@operation("backup", "DeleteRecoveryPoint")
def delete_recovery_point(call: Call) -> Params:
    point = _point(call)
    if vault(call, point["BackupVaultName"]).locked:
        raise bad_request("Recovery point cannot be deleted: the backup vault is locked")
    _delete_point(call, state_of(call).recovery_points.pop(point["RecoveryPointArn"]))
    return {}


@operation("backup", "UpdateRecoveryPointLifecycle")
def update_recovery_point_lifecycle(call: Call) -> Params:
    point, lifecycle = _point(call), call.params.get("Lifecycle", {})
    if vault(call, point["BackupVaultName"]).locked:
        raise bad_request("The lifecycle of a recovery point in a locked vault cannot be changed")
    check_lifecycle("Recovery point :", lifecycle, continuous=False)
    point["Lifecycle"] = lifecycle
    point["CalculatedLifecycle"] = calculated(lifecycle, point["_created"])
    names = ("BackupVaultArn", "RecoveryPointArn", "Lifecycle", "CalculatedLifecycle")
    return {name: point[name] for name in names}


@operation("backup", "GetRecoveryPointRestoreMetadata")
def get_recovery_point_restore_metadata(call: Call) -> Params:
    point = _point(call)
    return {
        "BackupVaultArn": point["BackupVaultArn"],
        "RecoveryPointArn": point["RecoveryPointArn"],
        "ResourceType": point["ResourceType"],
        "RestoreMetadata": KINDS[point["ResourceType"]].metadata(call, point),
    }


@operation("backup", "ListProtectedResources")
def list_protected_resources(call: Call) -> Params:
    return {"Results": list(_protected(settled(call)).values())}


@operation("backup", "ListProtectedResourcesByBackupVault")
def list_protected_resources_by_vault(call: Call) -> Params:
    state = settled(call)
    found = vault(call, call.params["BackupVaultName"])
    return {"Results": list(_protected(state, found.backup_vault_name).values())}


@operation("backup", "DescribeProtectedResource")
def describe_protected_resource(call: Call) -> Params:
    found = _protected(settled(call)).get(call.params["ResourceArn"])
    if found is None:
        raise not_found(f"Resource {call.params['ResourceArn']} is not protected")
    return found


def _protected(state: BackupState, vault_name: str | None = None) -> dict[str, Params]:
    """Every resource that has a recovery point, with its latest."""
    found: dict[str, Params] = {}
    for point in sorted(state.recovery_points.values(), key=lambda each: each["_created"]):
        if vault_name in (None, point["BackupVaultName"]):
            found[point["ResourceArn"]] = {
                "ResourceArn": point["ResourceArn"],
                "ResourceType": point["ResourceType"],
                "LastBackupTime": point["CompletionDate"],
                "LastBackupVaultArn": point["BackupVaultArn"],
                "LastRecoveryPointArn": point["RecoveryPointArn"],
            }
    return found
