# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The calls to AWS Backup, a method each. Nothing is decided here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import Caller, CallError, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.backup.coverage import USABLE, Job, Point
from ansible_collections.rampart.ops.plugins.module_utils.backup.jobs import BackupJob, job_of
from ansible_collections.rampart.ops.plugins.module_utils.backup.plan import BackupPlan
from ansible_collections.rampart.ops.plugins.module_utils.backup.restore import RecoveryPoint, RestoreJob, TestingPlan
from ansible_collections.rampart.ops.plugins.module_utils.backup.selection import Selection, content_of
from ansible_collections.rampart.ops.plugins.module_utils.backup.vault import Lock, Notifications, Vault

# Somebody else was faster, or an answer to ourselves was lost: the remedy is to read again, never to send again.
_CONFLICTS = frozenset({"AlreadyExistsException", "ConflictException", "ResourceNotFoundException"})
_REMEDIES = {"LimitExceededException": "ask AWS for a higher quota, or remove what is not needed"}
_PAGE = 1000
_ROLE_ATTEMPTS = 8


class Backup:
    """AWS Backup of one account and region."""

    def __init__(self, client: Any, deadline: Deadline) -> None:
        self._client = client
        self._deadline = deadline
        self._caller = Caller(client, deadline, conflicts=_CONFLICTS, remedies=_REMEDIES)

    # --- vaults ------------------------------------------------------------------------------------------------------

    def vault_events(self) -> list[str]:
        """The events that a vault can tell, as far as this version of the SDK knows them."""
        return list(self._client.meta.service_model.shape_for("BackupVaultEvents").member.enum)

    def vaults(self) -> dict[str, Vault]:
        """All vaults by name. (A single one cannot be asked for: AWS denies access to vaults that do not exist.)"""
        return {
            item["BackupVaultName"]: _vault(item)
            for item in self._caller.items(
                "list_backup_vaults", "list the backup vaults", "BackupVaultList", MaxResults=_PAGE
            )
        }

    def vault_policy(self, name: str) -> dict[str, Any] | None:
        answer = self._existing(
            "get_backup_vault_access_policy", f"read the access policy of backup vault {name}", BackupVaultName=name
        )
        policy: dict[str, Any] | None = json.loads(answer["Policy"]) if answer and answer.get("Policy") else None
        return policy

    def vault_notifications(self, name: str) -> Notifications | None:
        answer = self._existing(
            "get_backup_vault_notifications", f"read the notifications of backup vault {name}", BackupVaultName=name
        )
        return Notifications(answer["SNSTopicArn"], frozenset(answer["BackupVaultEvents"])) if answer else None

    def create_vault(self, vault: Vault, request_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._caller.call(
            "create_backup_vault",
            f"create the backup vault {vault.name}",
            BackupVaultName=vault.name,
            CreatorRequestId=request_id,
            **({"EncryptionKeyArn": vault.encryption_key_arn} if vault.encryption_key_arn else {}),
            **({"BackupVaultTags": dict(vault.tags)} if vault.tags else {}),
        )
        return answer

    def delete_vault(self, name: str) -> None:
        self._caller.call("delete_backup_vault", f"delete the backup vault {name}", BackupVaultName=name)

    def put_vault_policy(self, name: str, policy: Mapping[str, Any]) -> None:
        self._caller.call(
            "put_backup_vault_access_policy",
            f"write the access policy of backup vault {name}",
            BackupVaultName=name,
            Policy=json.dumps(policy),
        )

    def delete_vault_policy(self, name: str) -> None:
        self._caller.call(
            "delete_backup_vault_access_policy",
            f"delete the access policy of backup vault {name}",
            BackupVaultName=name,
        )

    def put_vault_notifications(self, name: str, notifications: Notifications) -> None:
        self._caller.call(
            "put_backup_vault_notifications",
            f"write the notifications of backup vault {name}",
            BackupVaultName=name,
            SNSTopicArn=notifications.topic,
            BackupVaultEvents=sorted(notifications.events),
        )

    def delete_vault_notifications(self, name: str) -> None:
        self._caller.call(
            "delete_backup_vault_notifications",
            f"delete the notifications of backup vault {name}",
            BackupVaultName=name,
        )

    def put_vault_lock(self, name: str, lock: Lock, changeable_for_days: int | None) -> None:
        request = {
            "MinRetentionDays": lock.min_retention_days,
            "MaxRetentionDays": lock.max_retention_days,
            "ChangeableForDays": changeable_for_days if lock.date else None,
        }
        self._caller.call(
            "put_backup_vault_lock_configuration",
            f"lock the backup vault {name}",
            BackupVaultName=name,
            **{key: value for key, value in request.items() if value is not None},
        )

    def delete_vault_lock(self, name: str) -> None:
        self._caller.call(
            "delete_backup_vault_lock_configuration", f"unlock the backup vault {name}", BackupVaultName=name
        )

    # --- plans -------------------------------------------------------------------------------------------------------

    def plan_summaries(self) -> list[dict[str, Any]]:
        return list(
            self._caller.items("list_backup_plans", "list the backup plans", "BackupPlansList", MaxResults=_PAGE)
        )

    def plan(self, summary: Mapping[str, Any]) -> BackupPlan:
        name, plan_id = summary["BackupPlanName"], summary["BackupPlanId"]
        answer = self._caller.call("get_backup_plan", f"read the backup plan {name}", BackupPlanId=plan_id)
        # AWS shows the advanced settings beside the plan, too.
        advanced = answer["BackupPlan"].get("AdvancedBackupSettings") or answer.get("AdvancedBackupSettings")
        return BackupPlan(
            name=name,
            document={**answer["BackupPlan"], **({"AdvancedBackupSettings": advanced} if advanced else {})},
            id=plan_id,
            arn=answer["BackupPlanArn"],
            version_id=answer.get("VersionId"),
            creation_date=answer.get("CreationDate"),
        )

    def create_plan(self, plan: BackupPlan, request_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._caller.call(
            "create_backup_plan",
            f"create the backup plan {plan.name}",
            BackupPlan=plan.document,
            CreatorRequestId=request_id,
            **({"BackupPlanTags": dict(plan.tags)} if plan.tags else {}),
        )
        return answer

    def update_plan(self, plan: BackupPlan) -> dict[str, Any]:
        answer: dict[str, Any] = self._caller.call(
            "update_backup_plan",
            f"write the backup plan {plan.name}",
            BackupPlanId=plan.id,
            BackupPlan=plan.document,
        )
        return answer

    def delete_plan(self, plan: BackupPlan) -> datetime | None:
        """Delete it; when that was."""
        answer = self._caller.call("delete_backup_plan", f"delete the backup plan {plan.name}", BackupPlanId=plan.id)
        moment: datetime | None = answer.get("DeletionDate")
        return moment

    # --- selections --------------------------------------------------------------------------------------------------

    def selection_summaries(self, plan_id: str) -> list[dict[str, Any]]:
        return list(
            self._caller.items(
                "list_backup_selections",
                f"list the selections of backup plan {plan_id}",
                "BackupSelectionsList",
                BackupPlanId=plan_id,
                MaxResults=_PAGE,
            )
        )

    def selection(self, plan_id: str, selection_id: str) -> Selection:
        answer = self._caller.call(
            "get_backup_selection",
            f"read the selection {selection_id}",
            BackupPlanId=plan_id,
            SelectionId=selection_id,
        )
        document = answer["BackupSelection"]
        return Selection(
            document["SelectionName"], content_of(document), answer["SelectionId"], answer.get("CreationDate")
        )

    def create_selection(self, plan_id: str, selection: Selection, request_id: str) -> dict[str, Any]:
        attempt = 0
        while True:
            try:
                answer: dict[str, Any] = self._caller.call(
                    "create_backup_selection",
                    f"create the selection {selection.name}",
                    BackupPlanId=plan_id,
                    BackupSelection=selection.content.document(selection.name),
                    CreatorRequestId=request_id,
                )
            except CallError as error:
                # IAM is eventually consistent: a role that was just made is not known everywhere for some seconds.
                attempt += 1
                if "cannot be assumed" not in str(error.cause):
                    raise
                if attempt >= _ROLE_ATTEMPTS or not self._deadline.wait(attempt):
                    raise CallError(
                        f"{error.message} in {attempt} attempts (the role must exist, and its trust policy must let "
                        "backup.amazonaws.com assume it)",
                        error.cause,
                    ) from error
            else:
                return answer

    def delete_selection(self, plan_id: str, selection: Selection) -> None:
        self._caller.call(
            "delete_backup_selection",
            f"delete the selection {selection.name}",
            BackupPlanId=plan_id,
            SelectionId=selection.id,
        )

    # --- jobs and recovery points, in sweeps --------------------------------------------------------------------------

    def recovery_points(self, vault: str, after: datetime, before: datetime | None = None) -> Iterator[Point]:
        """The usable recovery points of a vault from a span of time."""
        # Both ends are exclusive, and AWS has milliseconds.
        end = {} if before is None else {"ByCreatedBefore": before + timedelta(seconds=1)}
        for item in self._points_in(vault, ByCreatedAfter=after, **end):
            if item["Status"] in USABLE:
                yield Point(item["RecoveryPointArn"], item["ResourceArn"], vault, item["CreationDate"])

    def point_roles(self, vault: str) -> Iterator[str]:
        """The IAM roles that the recovery points of a vault were made in, one for each recovery point."""
        for item in self._points_in(vault):
            yield item.get("IamRoleArn") or ""

    def _points_in(self, vault: str, **when: datetime) -> Iterator[dict[str, Any]]:
        yield from self._caller.items(
            "list_recovery_points_by_backup_vault",
            f"list the recovery points of backup vault {vault}",
            "RecoveryPoints",
            BackupVaultName=vault,
            MaxResults=_PAGE,
            **when,
        )

    def last_points(self) -> Iterator[Point]:
        """The last recovery point of every resource that ever had one, as AWS Backup remembers it."""
        for item in self._caller.items(
            "list_protected_resources", "list the protected resources", "Results", MaxResults=_PAGE
        ):
            if item.get("LastBackupTime"):
                vault = item.get("LastBackupVaultArn", "").rpartition(":")[2]
                yield Point(item.get("LastRecoveryPointArn", ""), item["ResourceArn"], vault, item["LastBackupTime"])

    def backup_jobs(self, state: str, after: datetime) -> Iterator[Job]:
        for item in self._caller.items(
            "list_backup_jobs",
            f"list the backup jobs that are {state}",
            "BackupJobs",
            ByState=state,
            ByCreatedAfter=after,
            MaxResults=_PAGE,
        ):
            yield Job(
                item["BackupJobId"],
                item["ResourceArn"],
                item["State"],
                item["CreationDate"],
                item.get("StatusMessage", ""),
                item.get("BackupVaultName", ""),
            )

    def copies(self, after: datetime) -> Iterator[Job]:
        for item in self._caller.items(
            "list_copy_jobs",
            "list the copy jobs",
            "CopyJobs",
            ByState="COMPLETED",
            ByCreatedAfter=after,
            MaxResults=_PAGE,
        ):
            yield Job(
                item["CopyJobId"],
                item["ResourceArn"],
                item["State"],
                item["CreationDate"],
                vault=item["DestinationBackupVaultArn"],
            )

    # --- single jobs -------------------------------------------------------------------------------------------------

    def start_job(self, request: Mapping[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._caller.call(
            "start_backup_job", f"start a backup of {request['ResourceArn']}", **request
        )
        return answer

    def job(self, job_id: str) -> BackupJob:
        return job_of(self._caller.call("describe_backup_job", f"read the backup job {job_id}", BackupJobId=job_id))

    def jobs(self, vault: str, after: datetime) -> Iterator[BackupJob]:
        for item in self._caller.items(
            "list_backup_jobs",
            f"list the backup jobs of backup vault {vault}",
            "BackupJobs",
            ByBackupVaultName=vault,
            ByCreatedAfter=after,
            MaxResults=_PAGE,
        ):
            yield job_of(item)

    # --- restore testing ---------------------------------------------------------------------------------------------

    def testing_plans(self) -> list[str]:
        return [
            item["RestoreTestingPlanName"]
            for item in self._caller.items(
                "list_restore_testing_plans", "list the restore testing plans", "RestoreTestingPlans", MaxResults=_PAGE
            )
        ]

    def testing_roles(self, plan_name: str) -> list[str]:
        """The IAM roles that the selections of a restore testing plan restore in."""
        return [
            item["IamRoleArn"]
            for item in self._caller.items(
                "list_restore_testing_selections",
                f"list the selections of restore testing plan {plan_name}",
                "RestoreTestingSelections",
                RestoreTestingPlanName=plan_name,
                MaxResults=_PAGE,
            )
        ]

    def testing_plan(self, name: str) -> TestingPlan | None:
        answer = self._existing(
            "get_restore_testing_plan", f"read the restore testing plan {name}", RestoreTestingPlanName=name
        )
        if answer is None:
            return None
        document = answer["RestoreTestingPlan"]
        selections = {
            item["RestoreTestingSelectionName"]: self.testing_selection(name, item["RestoreTestingSelectionName"])
            for item in self._caller.items(
                "list_restore_testing_selections",
                f"list the selections of restore testing plan {name}",
                "RestoreTestingSelections",
                RestoreTestingPlanName=name,
                MaxResults=_PAGE,
            )
        }
        return TestingPlan(name, document, selections, document["RestoreTestingPlanArn"])

    def testing_selection(self, plan_name: str, name: str) -> dict[str, Any]:
        answer = self._caller.call(
            "get_restore_testing_selection",
            f"read the restore testing selection {name}",
            RestoreTestingPlanName=plan_name,
            RestoreTestingSelectionName=name,
        )
        selection: dict[str, Any] = answer["RestoreTestingSelection"]
        return selection

    def create_testing_plan(self, plan: TestingPlan, request_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._caller.call(
            "create_restore_testing_plan",
            f"create the restore testing plan {plan.name}",
            RestoreTestingPlan={"RestoreTestingPlanName": plan.name, **plan.document},
            CreatorRequestId=request_id,
            **({"Tags": dict(plan.tags)} if plan.tags else {}),
        )
        return answer

    def update_testing_plan(self, plan: TestingPlan) -> None:
        self._caller.call(
            "update_restore_testing_plan",
            f"write the restore testing plan {plan.name}",
            RestoreTestingPlanName=plan.name,
            RestoreTestingPlan=plan.document,
        )

    def delete_testing_plan(self, name: str) -> None:
        self._caller.call(
            "delete_restore_testing_plan", f"delete the restore testing plan {name}", RestoreTestingPlanName=name
        )

    def create_testing_selection(self, plan_name: str, name: str, document: Mapping[str, Any]) -> None:
        self._caller.call(
            "create_restore_testing_selection",
            f"create the restore testing selection {name}",
            RestoreTestingPlanName=plan_name,
            RestoreTestingSelection={"RestoreTestingSelectionName": name, **document},
        )

    def update_testing_selection(self, plan_name: str, name: str, document: Mapping[str, Any]) -> None:
        self._caller.call(
            "update_restore_testing_selection",
            f"write the restore testing selection {name}",
            RestoreTestingPlanName=plan_name,
            RestoreTestingSelectionName=name,
            RestoreTestingSelection={key: each for key, each in document.items() if key != "ProtectedResourceType"},
        )

    def delete_testing_selection(self, plan_name: str, name: str) -> None:
        self._caller.call(
            "delete_restore_testing_selection",
            f"delete the restore testing selection {name}",
            RestoreTestingPlanName=plan_name,
            RestoreTestingSelectionName=name,
        )

    # --- one restore -------------------------------------------------------------------------------------------------

    def points_of(self, resource: str) -> list[RecoveryPoint]:
        return [
            RecoveryPoint(item["RecoveryPointArn"], item["BackupVaultName"], item["CreationDate"], item["Status"])
            for item in self._caller.items(
                "list_recovery_points_by_resource",
                f"list the recovery points of {resource}",
                "RecoveryPoints",
                ResourceArn=resource,
                MaxResults=_PAGE,
            )
        ]

    def restore_metadata(self, point: RecoveryPoint) -> dict[str, str]:
        answer = self._caller.call(
            "get_recovery_point_restore_metadata",
            f"read how {point.arn} can be restored",
            BackupVaultName=point.vault,
            RecoveryPointArn=point.arn,
        )
        return dict(answer.get("RestoreMetadata") or {})

    def start_restore(self, point: RecoveryPoint, role: str, kind: str, metadata: Mapping[str, str], token: str) -> str:
        answer = self._caller.call(
            "start_restore_job",
            f"start to restore {point.arn}",
            RecoveryPointArn=point.arn,
            IamRoleArn=role,
            ResourceType=kind,
            Metadata=dict(metadata),
            IdempotencyToken=token,
        )
        return str(answer["RestoreJobId"])

    def restore_job(self, job_id: str) -> RestoreJob:
        item = self._caller.call("describe_restore_job", f"read the restore job {job_id}", RestoreJobId=job_id)
        return RestoreJob(
            job_id,
            item["Status"],
            item.get("CreatedResourceArn"),
            item.get("StatusMessage", ""),
            item.get("PercentDone", ""),
            item.get("SourceResourceArn", ""),
        )

    def restore_jobs(self, kind: str, after: datetime, before: datetime) -> Iterator[str]:
        """The ids of the restore jobs of a type that were asked for in this time."""
        for item in self._caller.items(
            "list_restore_jobs",
            f"list the restore jobs of the type {kind}",
            "RestoreJobs",
            ByResourceType=kind,
            ByCreatedAfter=after,
            ByCreatedBefore=before,
            MaxResults=_PAGE,
        ):
            yield item["RestoreJobId"]

    def restore_job_metadata(self, job_id: str) -> dict[str, str]:
        answer = self._caller.call(
            "get_restore_job_metadata", f"read what the restore job {job_id} was asked for", RestoreJobId=job_id
        )
        return dict(answer.get("Metadata") or {})

    def put_validation(self, job_id: str, passed: bool, message: str) -> None:
        self._caller.call(
            "put_restore_validation_result",
            f"tell the result of restore job {job_id}",
            RestoreJobId=job_id,
            ValidationStatus="SUCCESSFUL" if passed else "FAILED",
            ValidationStatusMessage=message[:1000],
        )

    # --- tags --------------------------------------------------------------------------------------------------------

    def tags(self, arn: str) -> dict[str, str]:
        tags: dict[str, str] = {}
        request: dict[str, Any] = {"ResourceArn": arn}
        while True:
            answer = self._caller.call("list_tags", f"read the tags of {arn}", **request)
            tags.update(answer.get("Tags") or {})
            if not answer.get("NextToken"):
                return tags
            request["NextToken"] = answer["NextToken"]

    def tag(self, arn: str, tags: Mapping[str, str]) -> None:
        self._caller.call("tag_resource", f"tag {arn}", ResourceArn=arn, Tags=dict(tags))

    def untag(self, arn: str, keys: Iterable[str]) -> None:
        self._caller.call("untag_resource", f"untag {arn}", ResourceArn=arn, TagKeyList=list(keys))

    def _existing(self, operation: str, purpose: str, **request: Any) -> dict[str, Any] | None:
        """The answer, or None if what is asked for does not exist."""
        try:
            answer: dict[str, Any] = self._caller.call(operation, purpose, **request)
        except CallError as error:
            if error.code == "ResourceNotFoundException":
                return None
            raise
        return answer


def only(kind: str, name: str, found: Iterable[Mapping[str, Any]], id_key: str) -> Mapping[str, Any] | None:
    """The one of that name, if any. AWS does not ask that names be unique; who means one of two must say which."""
    found = list(found)
    if len(found) > 1:
        ids = ", ".join(sorted(item[id_key] for item in found))
        raise InvalidError(f"{len(found)} {kind}s are named {name}: {ids}. Delete all but one of them by id first")
    return found[0] if found else None


def _vault(item: Mapping[str, Any]) -> Vault:
    lock = None
    if item.get("Locked"):
        lock = Lock(item.get("MinRetentionDays"), item.get("MaxRetentionDays"), item.get("LockDate"))
    return Vault(
        name=item["BackupVaultName"],
        arn=item["BackupVaultArn"],
        encryption_key_arn=item.get("EncryptionKeyArn"),
        lock=lock,
        recovery_points=item.get("NumberOfRecoveryPoints", 0),
        creation_date=item.get("CreationDate"),
    )
