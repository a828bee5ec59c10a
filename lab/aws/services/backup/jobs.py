# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""On-demand backup and restore jobs, which move through their states in the lab's time, and recovery points.

A job of AWS takes minutes to hours; here it is CREATED, RUNNING after 1 second and done after 3. The snapshot or image
of a finished job really exists in the lab's EC2, and what a restore creates does too.
"""

from __future__ import annotations

import contextlib
import json
import re
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lab.aws.errors import AwsError
from lab.aws.registry import operation
from lab.aws.services.backup.plans import check_lifecycle
from lab.aws.services.backup.state import (
    BackupState,
    Document,
    at,
    bad_request,
    check_role,
    invalid,
    not_found,
    state_of,
    vault,
)

if TYPE_CHECKING:
    from lab.aws.call import Call

Params = dict[str, Any]

DAY = 86_400
RUNNING_AFTER = 1.0
DONE_AFTER = 3.0
GIBIBYTE = 1024**3
# The kinds of resources that the lab can back up: type, pattern of the ARN.
_KINDS = {
    "EC2": r"arn:aws[\w-]*:ec2:([a-z0-9-]+):(\d{12}):instance/(i-[0-9a-f]+)",
    "EBS": r"arn:aws[\w-]*:ec2:([a-z0-9-]+):(\d{12}):volume/(vol-[0-9a-f]+)",
}


# --- time passes -----------------------------------------------------------------------------------------------------


Advance = Callable[["Call", BackupState, float], None]
_advances: list[Advance] = []


def advancing(function: Advance) -> Advance:
    """The function is called whenever the state is looked at, to bring its part of it up to now."""
    _advances.append(function)
    return function


def settled(call: Call) -> BackupState:
    """The state as it is now: jobs have moved on, recovery points have expired."""
    state, now = state_of(call), call.now()
    for advance in _advances:
        advance(call, state, now)
    for job in state.jobs.values():
        _advance_backup(call, state, job, now)
    for job in state.restore_jobs.values():
        _advance_restore(call, job, now)
    for arn in [arn for arn, point in state.recovery_points.items() if _expired(point, now)]:
        _delete_point(call, state.recovery_points.pop(arn))
    return state


def _advance_backup(call: Call, state: BackupState, job: Document, now: float) -> None:
    age = now - job["_created"]
    if job["State"] == "ABORTING":
        job.update(State="ABORTED", CompletionDate=at(now))
    if job["State"] == "CREATED" and age >= RUNNING_AFTER:
        job.update(State="RUNNING", InitiationDate=at(job["_created"] + RUNNING_AFTER), PercentDone="50.0")
    if job["State"] != "RUNNING" or age < DONE_AFTER:
        return
    done = job["_created"] + DONE_AFTER
    try:
        check_lock(vault(call, job["BackupVaultName"]), job["_lifecycle"])
        point = _make_point(call, job, done)
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
    _notify(call, job)


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


def _ec2(call: Call, operation_name: str, **params: Any) -> Params:
    return call.app.moto.call(call.account, call.region, "ec2", operation_name, params)


def _make_point(call: Call, job: Document, now: float) -> Document:
    """The recovery point, and the image or snapshot that it stands for."""
    kind, identifier = job["ResourceType"], job["ResourceArn"].rpartition("/")[2]
    if kind == "EC2":
        name = f"AwsBackup_{identifier}_{job['BackupJobId']}"
        made = _ec2(call, "CreateImage", InstanceId=identifier, Name=name)["ImageId"]
        arn, size = f"arn:aws:ec2:{call.region}::image/{made}", 8 * GIBIBYTE
    else:
        text = "This snapshot is created by the AWS Backup service."
        snapshot = _ec2(call, "CreateSnapshot", VolumeId=identifier, Description=text)
        made, size = snapshot["SnapshotId"], int(snapshot["VolumeSize"]) * GIBIBYTE
        arn = f"arn:aws:ec2:{call.region}::snapshot/{made}"
    if job["_tags"]:
        tags = [{"Key": key, "Value": value} for key, value in job["_tags"].items()]
        _ec2(call, "CreateTags", Resources=[made], Tags=tags)
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
    }


def _expired(point: Document, now: float) -> bool:
    days = point["Lifecycle"].get("DeleteAfterDays")
    return days not in (None, -1) and now >= point["_created"] + days * DAY


def _delete_point(call: Call, point: Document) -> None:
    ec2, identifier = call.backend("ec2"), point["RecoveryPointArn"].rpartition("/")[2]
    ec2.amis.pop(identifier, None) if point["ResourceType"] == "EC2" else ec2.snapshots.pop(identifier, None)


def _notify(call: Call, job: Document) -> None:
    """Tell the vault's topic, as AWS Backup does, if it asked for this event."""
    wanted = state_of(call).notifications.get(job["BackupVaultName"])
    events = {"BACKUP_JOB_COMPLETED", "BACKUP_JOB_SUCCESSFUL" if job["State"] == "COMPLETED" else "BACKUP_JOB_FAILED"}
    if not wanted or not events & set(wanted["BackupVaultEvents"]):
        return
    topic = wanted["SNSTopicArn"]
    outcome = "completed successfully" if job["State"] == "COMPLETED" else "stopped before it was completed"
    attributes = {
        "EventType": "BACKUP_JOB",
        "State": job["State"],
        "AccountId": call.account,
        "Id": job["BackupJobId"],
    }
    message = {
        "TopicArn": topic,
        "Subject": "Notification from AWS Backup",
        "Message": f"An AWS Backup job was {outcome}. Recovery point ARN: {job.get('RecoveryPointArn', 'none')}. "
        f"Resource ARN: {job['ResourceArn']}. Backup Job Id: {job['BackupJobId']}",
        "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    }
    with contextlib.suppress(AwsError):  # a topic that is gone loses the notification, as on AWS
        call.app.moto.call(call.account, topic.split(":")[3], "sns", "Publish", message)


def shown(job: Document) -> Params:
    return {name: value for name, value in job.items() if not name.startswith("_")}


# --- backup jobs -----------------------------------------------------------------------------------------------------


def _resource_type(call: Call, arn: str) -> str:
    for kind, pattern in _KINDS.items():
        match = re.fullmatch(pattern, arn)
        if not match:
            continue
        if (match[1], match[2]) != (call.region, call.account):
            raise invalid(f"Resource {arn} is not in this account and Region")
        ec2 = call.backend("ec2")
        alive = (
            {each.id for each in ec2.all_instances() if each.state != "terminated"} if kind == "EC2" else ec2.volumes
        )
        if match[3] not in alive:
            raise not_found(f"Resource {arn} not found")
        return kind
    if not re.fullmatch(r"arn:aws[\w-]*:[\w-]+:[\w-]*:\d*:.+", arn):
        raise invalid(f"Invalid ARN: {arn}")
    raise AwsError("NotImplemented", f"The lab backs up {' and '.join(_KINDS)} only, not {arn}.", 501)


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


def filtered(call: Call, documents: list[Document], equal: dict[str, str]) -> list[Params]:
    """Those that match every filter given, newest first."""
    filters = {name: call.params[name] for name in equal if call.params.get(name) not in (None, "*", "ANY")}
    found = [each for each in documents if all(each.get(equal[name]) == value for name, value in filters.items())]
    for name, field, sign in (
        ("ByCreatedBefore", "CreationDate", -1),
        ("ByCreatedAfter", "CreationDate", 1),
        ("ByCompleteBefore", "CompletionDate", -1),
        ("ByCompleteAfter", "CompletionDate", 1),
    ):
        limit = call.params.get(name)
        if limit is not None:
            moment = limit.timestamp()
            found = [each for each in found if field in each and sign * (each[field].timestamp() - moment) > 0]
    return [shown(each) for each in sorted(found, key=lambda each: each["_created"], reverse=True)]


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
        "RestoreMetadata": _restore_metadata(call, point),
    }


def _restore_metadata(call: Call, point: Document) -> dict[str, str]:
    if point["ResourceType"] == "EBS":
        return {"volumeId": point["ResourceArn"].rpartition("/")[2], "encrypted": "false", "volumeType": "gp3"}
    image = call.backend("ec2").amis.get(point["RecoveryPointArn"].rpartition("/")[2])
    return {"InstanceType": getattr(image, "instance_type", None) or "t3.micro"}


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


@operation("backup", "GetSupportedResourceTypes")
def get_supported_resource_types(_call: Call) -> Params:
    return {"ResourceTypes": list(_KINDS)}


# --- restore jobs ----------------------------------------------------------------------------------------------------


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
    needed = {"EBS": "availabilityZone", "EC2": "InstanceType"}[point["ResourceType"]]
    if not params["Metadata"].get(needed):
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


def _restored(call: Call, job: Document) -> tuple[str, str | None]:
    """What the restore creates: (ARN, None), or ("", why it failed)."""
    metadata, identifier = job["_metadata"], job["RecoveryPointArn"].rpartition("/")[2]
    place = f"arn:aws:ec2:{call.region}:{call.account}"
    try:
        if job["ResourceType"] == "EBS":
            zone = metadata["availabilityZone"]
            made = _ec2(call, "CreateVolume", AvailabilityZone=zone, SnapshotId=identifier)
            return f"{place}:volume/{made['VolumeId']}", None
        options: Params = {"SubnetId": metadata["SubnetId"]} if "SubnetId" in metadata else {}
        if "SecurityGroupIds" in metadata:
            options["SecurityGroupIds"] = json.loads(metadata["SecurityGroupIds"])
        kind = metadata["InstanceType"]
        run = _ec2(call, "RunInstances", ImageId=identifier, MinCount=1, MaxCount=1, InstanceType=kind, **options)
        return f"{place}:instance/{run['Instances'][0]['InstanceId']}", None
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
