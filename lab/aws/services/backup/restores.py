# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Restore jobs, which create what was backed up."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from lab.aws.errors import AwsError
from lab.aws.registry import operation
from lab.aws.services.backup.jobs import DONE_AFTER, RUNNING_AFTER
from lab.aws.services.backup.kinds import KINDS
from lab.aws.services.backup.state import (
    BackupState,
    Document,
    advancing,
    at,
    bad_request,
    check_role,
    filtered,
    invalid,
    not_found,
    settled,
    shown,
    state_of,
)
from lab.aws.services.backup.telling import tell

if TYPE_CHECKING:
    from lab.aws.call import Call

Params = dict[str, Any]


@advancing
def advance_restores(call: Call, state: BackupState, now: float) -> None:
    for job in state.restore_jobs.values():
        _advance_restore(call, job, now)


@operation("backup", "StartRestoreJob")
def start_restore_job(call: Call) -> Params:
    state, params = settled(call), call.params
    point = state.recovery_points.get(params["RecoveryPointArn"])
    if point is None:
        raise not_found(f"Failed reading recovery point {params['RecoveryPointArn']}")
    token = params.get("IdempotencyToken")
    if token and token in state.started:
        return {"RestoreJobId": state.started[token]}
    if params.get("ResourceType") not in (None, point["ResourceType"]):
        raise invalid(f"Resource type {params['ResourceType']} does not match the recovery point")
    needed = KINDS[point["ResourceType"]].needed
    if not {key.lower(): value for key, value in params["Metadata"].items()}.get(needed.lower()):
        raise AwsError("MissingParameterValueException", f"Restore metadata {needed} is missing", 400)
    role = params.get("IamRoleArn")
    if role is None:
        raise AwsError("MissingParameterValueException", "IamRoleArn is missing", 400)
    check_role(call, role)
    now = call.now()
    job = {
        "AccountId": call.account,
        "RestoreJobId": str(uuid.uuid4()).upper(),
        "RecoveryPointArn": point["RecoveryPointArn"],
        "SourceResourceArn": point["ResourceArn"],
        "BackupVaultArn": point["BackupVaultArn"],
        "CreationDate": at(now),
        "Status": "PENDING",
        "PercentDone": "0.00%",
        "BackupSizeInBytes": point["BackupSizeInBytes"],
        "IamRoleArn": role,
        "ResourceType": point["ResourceType"],
        "RecoveryPointCreationDate": point["CreationDate"],
        "_created": now,
        "_metadata": params["Metadata"],
    }
    state.restore_jobs[job["RestoreJobId"]] = job
    if token:
        state.started[token] = job["RestoreJobId"]
    return {"RestoreJobId": job["RestoreJobId"]}


def _advance_restore(call: Call, job: Document, now: float) -> None:
    age = now - job["_created"]
    if job["Status"] == "PENDING" and age >= RUNNING_AFTER:
        job.update(Status="RUNNING", PercentDone="50.00%")
    if job["Status"] == "RUNNING" and age >= DONE_AFTER:
        created, failure = _restored(call, job)
        job.update(Status="FAILED" if failure else "COMPLETED", CompletionDate=at(job["_created"] + DONE_AFTER))
        job.update({"StatusMessage": failure} if failure else {"PercentDone": "100.00%", "CreatedResourceArn": created})
        tell(call, "Restore", job)


def _restored(call: Call, job: Document) -> tuple[str, str | None]:
    """What the restore creates: (ARN, None), or ("", why it failed)."""
    metadata = {key.lower(): value for key, value in job["_metadata"].items()}  # AWS takes the keys in any case
    point = state_of(call).recovery_points.get(job["RecoveryPointArn"])
    if point is None:
        return "", f"Recovery point {job['RecoveryPointArn']} does not exist any more"
    try:
        return KINDS[job["ResourceType"]].restore(call, point, metadata), None
    except (AwsError, ValueError) as problem:  # bad metadata fails the job, not the caller who happens to look at it
        return "", str(problem)


@operation("backup", "DescribeRestoreJob")
def describe_restore_job(call: Call) -> Params:
    return shown(_restore_job(call))


@operation("backup", "GetRestoreJobMetadata")
def get_restore_job_metadata(call: Call) -> Params:
    job = _restore_job(call)
    return {"RestoreJobId": job["RestoreJobId"], "Metadata": job["_metadata"]}


@operation("backup", "PutRestoreValidationResult")
def put_restore_validation_result(call: Call) -> Params:
    job = _restore_job(call)
    if job["Status"] != "COMPLETED":
        raise bad_request(f"Restore job {job['RestoreJobId']} is not completed")
    job["ValidationStatus"] = call.params["ValidationStatus"]
    if call.params.get("ValidationStatusMessage"):
        job["ValidationStatusMessage"] = call.params["ValidationStatusMessage"]
    return {}


@operation("backup", "ListRestoreJobs")
def list_restore_jobs(call: Call) -> Params:
    equal = {"ByStatus": "Status", "ByResourceType": "ResourceType", "ByAccountId": "AccountId"}
    return {"RestoreJobs": filtered(call, list(settled(call).restore_jobs.values()), equal)}


def _restore_job(call: Call) -> Document:
    job = settled(call).restore_jobs.get(call.params["RestoreJobId"])
    if job is None:
        raise not_found(f"Restore job {call.params['RestoreJobId']} not found")
    return job
