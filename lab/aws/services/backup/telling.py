# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Who is told how jobs ended: the topic of the vault, and EventBridge."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from lab.aws.errors import AwsError
from lab.aws.services import events
from lab.aws.services.backup.state import Document, state_of

if TYPE_CHECKING:
    from lab.aws.call import Call

# https://docs.aws.amazon.com/aws-backup/latest/devguide/eventbridge.html: the events of restore jobs have a status, all
# others a state.
_KINDS = {
    "Backup": ("BackupJobId", "State", "ResourceArn"),
    "Copy": ("CopyJobId", "State", "SourceRecoveryPointArn"),
    "Restore": ("RestoreJobId", "Status", "RecoveryPointArn"),
}


def tell(call: Call, kind: str, job: Document, region: str | None = None) -> None:
    """Tell that a backup, copy or restore job has ended, in the region where it was started."""
    identifier, state, resource = _KINDS[kind]
    region = region or call.region
    detail = {name[0].lower() + name[1:]: value for name, value in job.items() if isinstance(value, str | int)}
    events.emit(
        call.account, region, call.now(), "aws.backup", f"{kind} Job State Change", [job[resource]],
        {name: value for name, value in detail.items() if not name.startswith("_")},
    )  # fmt: skip
    vault = str(job.get("SourceBackupVaultArn") or job["BackupVaultArn"]).rpartition(":")[2]
    wanted = state_of(call).notifications.get(vault) if region == call.region else None
    if wanted and _event(kind, job[state]) in wanted["BackupVaultEvents"]:
        _publish(call, wanted["SNSTopicArn"], kind, job[identifier], job[state], job)


def _event(kind: str, state: str) -> str:
    """The event of a vault. Of backups and restores it is the same whatever became of them: those for each outcome are
    deprecated, which are taken and never sent (API_PutBackupVaultNotifications)."""
    if kind == "Copy":
        return "COPY_JOB_SUCCESSFUL" if state == "COMPLETED" else "COPY_JOB_FAILED"
    return f"{kind.upper()}_JOB_COMPLETED"


def _publish(call: Call, topic: str, kind: str, identifier: str, state: str, job: Document) -> None:
    outcome = "completed successfully" if state == "COMPLETED" else "stopped before it was completed"
    attributes = {
        "EventType": f"{kind.upper()}_JOB",
        "State": state,
        "AccountId": call.account,
        "Id": identifier,
    }
    message: dict[str, Any] = {
        "TopicArn": topic,
        "Subject": "Notification from AWS Backup",
        "Message": f"An AWS Backup {kind.lower()} job was {outcome}. "
        f"Recovery point ARN: {job.get('RecoveryPointArn', 'none')}. "
        f"Resource ARN: {job.get('ResourceArn', 'none')}. {kind} Job Id: {identifier}",
        "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    }
    with contextlib.suppress(AwsError):  # a topic that is gone loses the notification, as on AWS
        call.app.moto.call(call.account, topic.split(":")[3], "sns", "Publish", message)
