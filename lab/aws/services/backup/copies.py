# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Copy jobs: a recovery point copied to another vault of the account, in this region or in another."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from lab.aws.errors import AwsError
from lab.aws.registry import operation
from lab.aws.services.backup.jobs import DONE_AFTER, RUNNING_AFTER
from lab.aws.services.backup.plans import check_lifecycle
from lab.aws.services.backup.points import calculated, check_lock
from lab.aws.services.backup.state import (
    BackupState,
    Document,
    advancing,
    at,
    check_role,
    filtered,
    invalid,
    not_found,
    settled,
    shown,
    vault,
)
from lab.aws.services.backup.telling import tell

if TYPE_CHECKING:
    from lab.aws.call import Call

Params = dict[str, Any]

_VAULT_ARN = re.compile(r"arn:aws[\w-]*:backup:([a-z0-9-]+):(\d{12}):backup-vault:(.+)")


@operation("backup", "StartCopyJob")
def start_copy_job(call: Call) -> Params:
    state, params = settled(call), call.params
    source = vault(call, params["SourceBackupVaultName"])
    point = state.recovery_points.get(params["RecoveryPointArn"])
    if point is None or point["BackupVaultName"] != source.backup_vault_name:
        raise not_found(f"Failed reading recovery point {params['RecoveryPointArn']}")
    match = _VAULT_ARN.fullmatch(params["DestinationBackupVaultArn"])
    if match is None:
        raise invalid(f"Invalid destination backup vault ARN: {params['DestinationBackupVaultArn']}")
    if match[2] != call.account:
        raise AwsError("NotImplemented", "The lab copies within one account only.", 501)
    if params["DestinationBackupVaultArn"] == source.backup_vault_arn:
        raise invalid("The destination backup vault is the source backup vault")
    check_role(call, params["IamRoleArn"])
    check_lifecycle("Copy job :", params.get("Lifecycle", {}), continuous=False)
    token = params.get("IdempotencyToken")
    if token and token in state.started:
        job = state.copy_jobs[state.started[token]]
        return {"CopyJobId": job["CopyJobId"], "CreationDate": job["CreationDate"]}
    now = call.now()
    job = {
        "AccountId": call.account,
        "CopyJobId": str(uuid.uuid4()).upper(),
        "SourceBackupVaultArn": source.backup_vault_arn,
        "SourceRecoveryPointArn": point["RecoveryPointArn"],
        "DestinationBackupVaultArn": params["DestinationBackupVaultArn"],
        "ResourceArn": point["ResourceArn"],
        "ResourceType": point["ResourceType"],
        "BackupSizeInBytes": point["BackupSizeInBytes"],
        "IamRoleArn": params["IamRoleArn"],
        "CreationDate": at(now),
        "State": "CREATED",
        "IsParent": False,
        "_created": now,
        "_lifecycle": params.get("Lifecycle", {}),
        "_region": call.region,
    }
    state.copy_jobs[job["CopyJobId"]] = job
    if token:
        state.started[token] = job["CopyJobId"]
    return {"CopyJobId": job["CopyJobId"], "CreationDate": job["CreationDate"], "IsParent": False}


@operation("backup", "DescribeCopyJob")
def describe_copy_job(call: Call) -> Params:
    job = settled(call).copy_jobs.get(call.params["CopyJobId"])
    if job is None:
        raise not_found(f"Copy job {call.params['CopyJobId']} not found")
    return {"CopyJob": shown(job)}


@operation("backup", "ListCopyJobs")
def list_copy_jobs(call: Call) -> Params:
    equal = {
        "ByState": "State",
        "ByResourceArn": "ResourceArn",
        "ByResourceType": "ResourceType",
        "ByDestinationVaultArn": "DestinationBackupVaultArn",
        "ByAccountId": "AccountId",
        "ByMessageCategory": "MessageCategory",
        "BySourceRecoveryPointArn": "SourceRecoveryPointArn",
    }
    return {"CopyJobs": filtered(call, list(settled(call).copy_jobs.values()), equal)}


@advancing
def advance_copies(call: Call, _state: BackupState, now: float) -> None:
    """Those that started in any region: this one may be where they end."""
    from moto.backends import get_backend

    for backend in list(get_backend("backup")[call.account].values()):
        for job in getattr(backend, "lab", BackupState()).copy_jobs.values():
            age = now - job["_created"]
            if job["State"] == "CREATED" and age >= RUNNING_AFTER:
                job["State"] = "RUNNING"
            if job["State"] == "RUNNING" and age >= DONE_AFTER:
                _finish(call, backend.lab, job)


def _finish(call: Call, source: BackupState, job: Document) -> None:
    done = job["_created"] + DONE_AFTER
    try:
        point = _copied(call, source, job, done)
    except AwsError as problem:
        job.update(State="FAILED", StatusMessage=problem.message, CompletionDate=at(done), MessageCategory=problem.code)
    else:
        job.update(
            State="COMPLETED",
            CompletionDate=at(done),
            DestinationRecoveryPointArn=point["RecoveryPointArn"],
            DestinationRecoveryPointLifecycle=point["Lifecycle"],
            MessageCategory="SUCCESS",
        )
    tell(call, "Copy", job, job["_region"])


def _copied(call: Call, source: BackupState, job: Document, done: float) -> Document:
    """The copy of the recovery point, in the destination's vault; AwsError says why there is none."""
    match = _VAULT_ARN.fullmatch(job["DestinationBackupVaultArn"])
    if match is None:
        raise invalid(job["DestinationBackupVaultArn"])
    region, name = match[1], match[3]
    backend = call.backend("backup", region)
    found = backend.vaults.get(name)
    if found is None:
        raise not_found(f"Backup vault {name} not found")
    point = source.recovery_points.get(job["SourceRecoveryPointArn"])
    if point is None:
        raise not_found(f"Failed reading recovery point {job['SourceRecoveryPointArn']}")
    lifecycle = _inherited(job["_lifecycle"], point["Lifecycle"])
    check_lock(found, lifecycle)
    identifier = point["RecoveryPointArn"].rpartition("/")[2]
    origin = {"SourceRegion": job["_region"]}
    if point["ResourceType"] == "EC2":
        wanted = {**origin, "SourceImageId": identifier, "Name": f"AwsBackup_copy_{job['CopyJobId']}"}
        made = call.app.moto.call(call.account, region, "ec2", "CopyImage", wanted)["ImageId"]
        arn = f"arn:aws:ec2:{region}::image/{made}"
    else:
        wanted = {**origin, "SourceSnapshotId": identifier, "Description": "Copied by AWS Backup"}
        made = call.app.moto.call(call.account, region, "ec2", "CopySnapshot", wanted)["SnapshotId"]
        arn = f"arn:aws:ec2:{region}::snapshot/{made}"
    copy = {
        **point,
        "RecoveryPointArn": arn,
        "BackupVaultName": name,
        "BackupVaultArn": found.backup_vault_arn,
        "SourceBackupVaultArn": point["BackupVaultArn"],
        "CompletionDate": at(done),
        "Lifecycle": lifecycle,
        "CalculatedLifecycle": calculated(lifecycle, point["_created"]),
    }
    if not hasattr(backend, "lab"):
        backend.lab = BackupState()
    backend.lab.recovery_points[arn] = copy
    return copy


def _inherited(wanted: Document, source: Document) -> Document:
    """Copies retain the retention of their source, unless they say otherwise; to never expire is not otherwise.

    https://docs.aws.amazon.com/aws-backup/latest/devguide/recov-point-create-a-copy.html
    """
    if not wanted:
        return source
    if wanted.get("DeleteAfterDays", -1) == -1 and "DeleteAfterDays" in source:
        return {**wanted, "DeleteAfterDays": source["DeleteAfterDays"]}
    return wanted
