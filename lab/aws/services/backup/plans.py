# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Backup plans: their rules and versions.

Numbers: https://docs.aws.amazon.com/aws-backup/latest/devguide/aws-backup-limits.html
"""

from __future__ import annotations

import copy
import re
import unicodedata
from typing import TYPE_CHECKING, Any

from moto.backup.models import Plan

from lab.aws.errors import AwsError
from lab.aws.registry import amend, operation, rule
from lab.aws.schedules import firings_an_hour, is_cron, is_timezone
from lab.aws.services.backup.state import bad_request, invalid, not_found, plan, state_of

if TYPE_CHECKING:
    from lab.aws.call import Call

Params = dict[str, Any]

# "Policy quotas"
MAX_RULES = 10
MAX_COPY_ACTIONS = 5
MAX_RECOVERY_POINT_TAGS = 10
MAX_MINUTES = 52_560_000
COLD_STORAGE_DAYS = 90
CONTINUOUS_DAYS = 35


# --- rules of a plan -------------------------------------------------------------------------------------------------


@rule("backup", "CreateBackupPlan", "UpdateBackupPlan")
def check_plan(call: Call) -> None:
    document = call.params["BackupPlan"]
    rules = document["Rules"]
    if not rules:
        raise AwsError("MissingParameterValueException", "The list of rules of a backup plan cannot be empty", 400)
    if len(rules) > MAX_RULES:
        message = f"A backup plan can have at most {MAX_RULES} rules, {len(rules)} given"
        raise AwsError("LimitExceededException", message, 400) if call.operation[0] == "C" else invalid(message)
    for each in rules:
        _check_rule(each)
    for setting in document.get("AdvancedBackupSettings", []):
        _check_advanced(setting)


def _check_rule(each: Params) -> None:
    where = f"Error in rule {each['RuleName']} :"
    _check_schedule(where, each)
    start = each.get("StartWindowMinutes", 480)
    complete = each.get("CompletionWindowMinutes", 10080)
    # API_BackupRule: "must be at least 60 minutes"; a completion window ends an hour or more after the start window.
    if not 60 <= start <= MAX_MINUTES:
        raise invalid(f"{where} Invalid start window. It must be at least 60 and at most {MAX_MINUTES} minutes")
    if complete < start + 60:
        raise invalid(f"{where} Invalid completion window. It must be at least 60 minutes after the start window")
    check_lifecycle(where, each.get("Lifecycle", {}), bool(each.get("EnableContinuousBackup")))
    _check_tags(where, each.get("RecoveryPointTags", {}))
    indexed = [action.get("ResourceTypes", []) for action in each.get("IndexActions", [])]
    # API_BackupRuleInput: up to one index action, "Only 1 resource type will be accepted"
    if len(indexed) > 1 or any(len(types) != 1 or types[0] not in ("EBS", "S3") for types in indexed):
        raise invalid(f"{where} Invalid index action. It needs exactly one resource type, EBS or S3")
    copies = each.get("CopyActions", [])
    if len(copies) > MAX_COPY_ACTIONS:
        raise invalid(f"{where} A rule can have at most {MAX_COPY_ACTIONS} copy actions")
    for action in copies:
        if not re.fullmatch(
            r"arn:aws[\w-]*:backup:[a-z0-9-]+:\d{12}:backup-vault:.+", action["DestinationBackupVaultArn"]
        ):
            raise invalid(f"{where} Invalid destination backup vault ARN: {action['DestinationBackupVaultArn']}")
        check_lifecycle(where, action.get("Lifecycle", {}), continuous=False)


def _check_tags(where: str, tags: Params) -> None:
    """https://docs.aws.amazon.com/aws-backup/latest/devguide/API_KeyValue.html"""
    if len(tags) > MAX_RECOVERY_POINT_TAGS:
        raise invalid(f"{where} A recovery point can have at most {MAX_RECOVERY_POINT_TAGS} tags")
    for key, value in tags.items():
        fits = 1 <= len(key) <= 128 and len(value) <= 256 and not key.lower().startswith("aws:")
        if not fits or not all(each in "_.:/=+-@" or unicodedata.category(each)[0] in "LNZ" for each in key + value):
            raise invalid(f"{where} Invalid recovery point tag: {key}")


def _check_schedule(where: str, each: Params) -> None:
    expression = each.get("ScheduleExpression")
    if expression is not None and not is_cron(expression):
        raise invalid(f"{where} Invalid schedule expression: {expression}")
    # "as frequently as hourly": https://docs.aws.amazon.com/aws-backup/latest/devguide/plan-options-and-configuration.html
    if expression is not None and firings_an_hour(expression) > 1:
        raise invalid(f"{where} Invalid schedule expression: {expression}. Backups are made hourly at most")
    zone = each.get("ScheduleExpressionTimezone")
    if zone is not None and not is_timezone(zone):
        raise invalid(f"{where} Invalid schedule expression timezone: {zone}")


def check_lifecycle(where: str, lifecycle: Params, continuous: bool) -> None:
    """Messages as AWS words them (terraform-provider-aws issues 7350 and 24960, terraform-aws-backup issue 40)."""
    cold, delete = lifecycle.get("MoveToColdStorageAfterDays"), lifecycle.get("DeleteAfterDays")
    if "DeleteAfterEvent" in lifecycle:  # API_Lifecycle: "Not valid as an input."
        raise invalid(f"{where} Invalid lifecycle. DeleteAfterEvent is not a valid input")
    # -1 means for ever.
    if delete is not None and delete != -1 and not 1 <= delete <= 36500:
        raise invalid(f"{where} Invalid lifecycle. DeleteAfterDays cannot be less than 1 or more than 36500 days")
    if cold is not None and cold != -1 and cold < 1:
        raise invalid(f"{where} Invalid lifecycle. MoveToColdStorageAfterDays cannot be less than 1 day")
    if continuous and cold is not None:
        raise invalid(f"{where} Invalid lifecycle. MoveToColdStorageAfterDays is unavailable")
    if continuous and delete is not None and not 1 <= delete <= CONTINUOUS_DAYS:
        # https://docs.aws.amazon.com/aws-backup/latest/devguide/point-in-time-recovery.html
        raise invalid(
            f"{where} Invalid lifecycle. DeleteAfterDays must be 1 to {CONTINUOUS_DAYS} for continuous backup"
        )
    if cold not in (None, -1) and delete not in (None, -1) and delete < cold + COLD_STORAGE_DAYS:
        raise invalid(
            f"{where} Invalid lifecycle. DeleteAfterDays cannot be less than {COLD_STORAGE_DAYS} days apart "
            "from MoveToColdStorageAfterDays"
        )


def _check_advanced(setting: Params) -> None:
    kind, options = setting.get("ResourceType"), setting.get("BackupOptions", {})
    known = {"EC2": {"WindowsVSS"}, "S3": {"BackupACLs", "BackupObjectTags"}}.get(str(kind))
    if known is None:
        raise invalid(f"Invalid advanced backup settings. Resource type {kind} is not supported")
    for name, value in options.items():
        if name not in known or value not in ("enabled", "disabled"):
            raise invalid(f"Invalid advanced backup settings. Option {name}={value} is not supported for {kind}")


# --- plans -----------------------------------------------------------------------------------------------------------


@operation("backup", "CreateBackupPlan")
def create_backup_plan(call: Call) -> Params:
    backend, state, document = call.backend(), state_of(call), call.params["BackupPlan"]
    request = call.params.get("CreatorRequestId")
    for existing in backend.plans.values():
        same_request = request and state.plan_requests.get(request) == existing.backup_plan_id
        if existing.deletion_date is None and (same_request or _asked_for(existing) == document):
            message = "Backup plan with the same plan document already exists"
            raise AwsError(
                "AlreadyExistsException", message, 400, Arn=existing.backup_plan_arn, CreatorRequestId=request
            )
    made = _new_plan(document, request, backend)
    backend.plans[made.backup_plan_id] = made
    if call.params.get("BackupPlanTags"):
        backend.tag_resource(made.backup_plan_arn, call.params["BackupPlanTags"])
    if request:
        state.plan_requests[request] = made.backup_plan_id
    state.plan_versions[made.backup_plan_id] = [_version(made)]
    return made.to_dict()  # type: ignore[no-any-return]


def _new_plan(document: Params, request: str | None, backend: Any) -> Any:
    filled = copy.deepcopy(document)
    for each in filled["Rules"]:
        each.setdefault("EnableContinuousBackup", False)
    made = Plan(filled, request, backend)
    made.asked_for = copy.deepcopy(document)
    return made


def _asked_for(made: Any) -> Params:
    document: Params = getattr(made, "asked_for", made.backup_plan)
    return document


def _version(made: Any) -> Params:
    return copy.deepcopy({**made.to_get_dict(), "BackupPlanName": made.backup_plan["BackupPlanName"]})


@operation("backup", "UpdateBackupPlan")
def update_backup_plan(call: Call) -> Params:
    old = plan(call, call.params["BackupPlanId"])
    new = _new_plan(call.params["BackupPlan"], old.creator_request_id, call.backend())
    # The date is the version's, as amazon.aws's integration target backup_plan finds on AWS.
    for name in ("backup_plan", "advanced_backup_settings", "version_id", "asked_for", "creation_date"):
        setattr(old, name, getattr(new, name))
    state_of(call).plan_versions.setdefault(old.backup_plan_id, []).append(_version(old))
    return old.to_dict()  # type: ignore[no-any-return]


@operation("backup", "GetBackupPlan")
def get_backup_plan(call: Call) -> Params:
    plan_id, wanted = call.params["BackupPlanId"], call.params.get("VersionId")
    if wanted is None:
        return plan(call, plan_id).to_get_dict()  # type: ignore[no-any-return]
    for version in state_of(call).plan_versions.get(plan_id, []):
        if version["VersionId"] == wanted:
            return version
    raise not_found("Failed reading Backup plan with provided version")


@operation("backup", "ListBackupPlanVersions")
def list_backup_plan_versions(call: Call) -> Params:
    plan(call, call.params["BackupPlanId"])
    versions = state_of(call).plan_versions[call.params["BackupPlanId"]]
    return {"BackupPlanVersionsList": versions[::-1]}


@operation("backup", "DeleteBackupPlan")
def delete_backup_plan(call: Call) -> Params:
    found = plan(call, call.params["BackupPlanId"])
    if state_of(call).selections.get(found.backup_plan_id):
        raise bad_request("Related backup plan selections must be deleted prior to backup plan deletion")
    return call.moto()


@amend("backup", "ListBackupPlans")
def only_what_is_asked_for(call: Call, result: Params) -> Params:
    # moto takes the word "false" for true.
    if not call.params.get("IncludeDeleted"):
        result["BackupPlansList"] = [each for each in result["BackupPlansList"] if "DeletionDate" not in each]
    return result
