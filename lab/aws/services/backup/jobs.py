# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""On-demand backup jobs, which move through their states in the lab's time.

A job of AWS takes minutes to hours; here it is CREATED, RUNNING after 1 second and done after 3. The snapshot or image
of a finished job really exists in the lab's EC2, and what a restore creates does too. The backup of a resource that has
the tag lab:backup=hang when it is started never ends; with lab:backup=late it begins 20 seconds later, as one that AWS
leaves in the state CREATED within its start window.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from lab.aws.errors import AwsError
from lab.aws.registry import operation
from lab.aws.services.backup.kinds import KINDS
from lab.aws.services.backup.plans import check_lifecycle
from lab.aws.services.backup.points import check_lock, make_point
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
    vault,
)
from lab.aws.services.backup.telling import tell

if TYPE_CHECKING:
    from lab.aws.call import Call

Params = dict[str, Any]

RUNNING_AFTER = 1.0
DONE_AFTER = 3.0
LATE = 20.0


@advancing
def advance_backups(call: Call, state: BackupState, now: float) -> None:
    for job in state.jobs.values():
        _advance_backup(call, state, job, now)


def _advance_backup(call: Call, state: BackupState, job: Document, now: float) -> None:
    due = job["_created"] + job["_late"]
    age = DONE_AFTER if call.app.switches.of(call.account).prompt_backups else now - due
    if job["State"] == "ABORTING":
        job.update(State="ABORTED", CompletionDate=at(now))
        tell(call, "Backup", job)
    if job["State"] == "CREATED" and age >= RUNNING_AFTER:
        job.update(State="RUNNING", InitiationDate=at(min(now, due + RUNNING_AFTER)), PercentDone="50.0")
    if job["State"] != "RUNNING" or age < DONE_AFTER or job["_hangs"]:
        return
    done = min(now, due + DONE_AFTER)
    try:
        check_lock(vault(call, job["BackupVaultName"]), job["_lifecycle"])
        point = make_point(call, job, done)
    except AwsError as problem:  # also a resource that is gone by now
        job.update(State="FAILED", StatusMessage=problem.message, CompletionDate=at(done), MessageCategory=problem.code)
    else:
        state.recovery_points[point["RecoveryPointArn"]] = point
        job.update(
            State="COMPLETED",
            PercentDone="100.0",
            CompletionDate=at(done),
            RecoveryPointArn=point["RecoveryPointArn"],
            BackupSizeInBytes=point["BackupSizeInBytes"],
            MessageCategory="SUCCESS",
        )
    tell(call, "Backup", job)


# --- backup jobs -----------------------------------------------------------------------------------------------------


def _resource_type(call: Call, arn: str) -> str:
    for name, kind in KINDS.items():
        match = re.fullmatch(kind.pattern, arn)
        if not match:
            continue
        if match[1] and (match[1], match[2]) != (call.region, call.account):
            raise invalid(f"Resource {arn} is not in this account and Region")
        if not kind.alive(call, match[3]):
            raise not_found(f"Resource {arn} not found")
        return name
    if not re.fullmatch(r"arn:aws[\w-]*:[\w-]+:[\w-]*:\d*:.+", arn):
        raise invalid(f"Invalid ARN: {arn}")
    raise AwsError("NotImplemented", f"The lab backs up {', '.join(KINDS)} only, not {arn}.", 501)


@operation("backup", "StartBackupJob")
def start_backup_job(call: Call) -> Params:
    state, params = settled(call), call.params
    found = vault(call, params["BackupVaultName"])
    token = params.get("IdempotencyToken")
    if token and token in state.started:
        job = state.jobs[state.started[token]]
        return {"BackupJobId": job["BackupJobId"], "CreationDate": job["CreationDate"]}
    kind = _resource_type(call, params["ResourceArn"])
    check_role(call, params["IamRoleArn"])
    check_lifecycle("On-demand backup :", params.get("Lifecycle", {}), continuous=False)
    start = params.get("StartWindowMinutes", 480)
    if start < 60:
        raise invalid("Invalid start window. It must be at least 60 minutes")
    if params.get("CompleteWindowMinutes", 10080) < start + 60:
        raise invalid("Invalid completion window. It must be at least 60 minutes after the start window")
    now = call.now()
    fate = KINDS[kind].tags(call, params["ResourceArn"].rpartition("/")[2]).get("lab:backup")
    job = {
        "AccountId": call.account,
        "BackupJobId": str(uuid.uuid4()).upper(),
        "BackupVaultName": found.backup_vault_name,
        "BackupVaultArn": found.backup_vault_arn,
        "ResourceArn": params["ResourceArn"],
        "ResourceType": kind,
        "IamRoleArn": params["IamRoleArn"],
        "CreationDate": at(now),
        "StartBy": at(now + start * 60),
        "State": "CREATED",
        "PercentDone": "0.0",
        "IsParent": False,
        "BackupOptions": params.get("BackupOptions", {}),
        "_created": now,
        "_lifecycle": params.get("Lifecycle", {}),
        "_tags": params.get("RecoveryPointTags", {}),
        "_hangs": fate == "hang",
        "_late": LATE if fate == "late" else 0.0,
    }
    state.jobs[job["BackupJobId"]] = job
    if token:
        state.started[token] = job["BackupJobId"]
    return {"BackupJobId": job["BackupJobId"], "CreationDate": job["CreationDate"], "IsParent": False}


def _job(call: Call) -> Document:
    job = settled(call).jobs.get(call.params["BackupJobId"])
    if job is None:
        raise not_found(f"Backup job {call.params['BackupJobId']} not found")
    return job


@operation("backup", "DescribeBackupJob")
def describe_backup_job(call: Call) -> Params:
    return shown(_job(call))


@operation("backup", "StopBackupJob")
def stop_backup_job(call: Call) -> Params:
    job = _job(call)
    if job["State"] not in ("CREATED", "PENDING", "RUNNING"):
        raise bad_request(f"Backup job {job['BackupJobId']} cannot be stopped: it is {job['State']}")
    job["State"] = "ABORTING"
    return {}


@operation("backup", "ListBackupJobs")
def list_backup_jobs(call: Call) -> Params:
    equal = {
        "ByState": "State",
        "ByResourceArn": "ResourceArn",
        "ByBackupVaultName": "BackupVaultName",
        "ByResourceType": "ResourceType",
        "ByAccountId": "AccountId",
        "ByMessageCategory": "MessageCategory",
    }
    return {"BackupJobs": filtered(call, list(settled(call).jobs.values()), equal)}


@operation("backup", "GetSupportedResourceTypes")
def get_supported_resource_types(_call: Call) -> Params:
    return {"ResourceTypes": list(KINDS)}
