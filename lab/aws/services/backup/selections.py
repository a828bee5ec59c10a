# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Selections: the resources that a backup plan covers.

Numbers: https://docs.aws.amazon.com/aws-backup/latest/devguide/aws-backup-limits.html, and those of one selection:
https://docs.aws.amazon.com/aws-backup/latest/devguide/assigning-resources.html#assigning-resources-quotas
"""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any

from lab.aws.errors import AwsError
from lab.aws.registry import operation, rule
from lab.aws.services.backup.state import at, check_role, invalid, not_found, plan, state_of

if TYPE_CHECKING:
    from lab.aws.call import Call

Params = dict[str, Any]

MAX_SELECTIONS = 100
MAX_SELECTION_TAGS = 30
MAX_SELECTION_CONDITIONS = 30
MAX_ARNS = 500
MAX_WILDCARD_ARNS = 30


@rule("backup", "CreateBackupSelection")
def check_selection(call: Call) -> None:
    selection = call.params["BackupSelection"]
    resources, tags = selection.get("Resources", []), selection.get("ListOfTags", [])
    conditions = selection.get("Conditions", {})
    if not resources and not tags and not any(conditions.values()):
        raise invalid("Invalid backup selection. Either 'ListOfTags' or 'Resources' section must be non-empty.")
    if len(tags) > MAX_SELECTION_TAGS:
        raise invalid(f"Invalid backup selection. A selection can have at most {MAX_SELECTION_TAGS} tags.")
    if sum(len(each) for each in conditions.values()) > MAX_SELECTION_CONDITIONS:
        raise invalid(f"Invalid backup selection. A selection can have at most {MAX_SELECTION_CONDITIONS} conditions.")
    for arns in (resources, selection.get("NotResources", [])):
        _check_arns(arns)
    for group in conditions.values():
        for condition in group:
            if not condition.get("ConditionKey", "").startswith("aws:ResourceTag/"):
                key = condition.get("ConditionKey")
                raise invalid(f"Invalid condition key {key}. It must start with aws:ResourceTag/")
    check_role(call, selection["IamRoleArn"])


def _check_arns(arns: list[str]) -> None:
    wildcards = [arn for arn in arns if "*" in arn]
    if len(arns) - len(wildcards) > MAX_ARNS or len(wildcards) > MAX_WILDCARD_ARNS:
        raise invalid(f"At most {MAX_ARNS} ARNs, or {MAX_WILDCARD_ARNS} with wildcards, can be specified")
    for arn in arns:
        if arn != "*" and not re.fullmatch(r"arn:[\w*-]+:[\w*-]+:[\w*-]*:[\w*]*:.+", arn):
            raise invalid(f"Invalid ARN: {arn}")


@operation("backup", "CreateBackupSelection")
def create_backup_selection(call: Call) -> Params:
    plan_id, selection = call.params["BackupPlanId"], call.params["BackupSelection"]
    if plan_id not in call.backend().plans or call.backend().plans[plan_id].deletion_date is not None:
        raise invalid(f"Cannot find Backup plan with ID {plan_id}")
    selections = state_of(call).selections.setdefault(plan_id, {})
    request = call.params.get("CreatorRequestId")
    for kept in selections.values():
        if kept["BackupSelection"]["SelectionName"] == selection["SelectionName"] or (
            request and kept.get("CreatorRequestId") == request
        ):
            message = "Backup selection with the same name already exists"
            raise AwsError("AlreadyExistsException", message, 400, CreatorRequestId=request)
    if len(selections) >= MAX_SELECTIONS:
        raise AwsError("LimitExceededException", f"At most {MAX_SELECTIONS} selections per backup plan", 400)
    selection_id = str(uuid.uuid4())
    kept = {
        "SelectionId": selection_id,
        "BackupPlanId": plan_id,
        "CreationDate": at(call.now()),
        "CreatorRequestId": request,
        "BackupSelection": _as_aws_shows_it(selection),
    }
    selections[selection_id] = {name: value for name, value in kept.items() if value is not None}
    return {name: kept[name] for name in ("SelectionId", "BackupPlanId", "CreationDate")}


def _as_aws_shows_it(selection: Params) -> Params:
    """AWS answers every list of a selection, empty ones too (amazon.aws backup_selection relies on it)."""
    shown = {"Resources": [], "ListOfTags": [], "NotResources": [], **json.loads(json.dumps(selection))}
    empty: Params = {"StringEquals": [], "StringNotEquals": [], "StringLike": [], "StringNotLike": []}
    shown["Conditions"] = {**empty, **shown.get("Conditions", {})}
    return shown


def _selection(call: Call) -> Params:
    plan_id, selection_id = call.params["BackupPlanId"], call.params["SelectionId"]
    found = state_of(call).selections.get(plan_id, {}).get(selection_id)
    if found is None:
        raise not_found(f"Cannot find Backup selection with ID {selection_id}")
    return found


@operation("backup", "GetBackupSelection")
def get_backup_selection(call: Call) -> Params:
    return _selection(call)


@operation("backup", "DeleteBackupSelection")
def delete_backup_selection(call: Call) -> Params:
    found = _selection(call)
    del state_of(call).selections[found["BackupPlanId"]][found["SelectionId"]]
    return {}


@operation("backup", "ListBackupSelections")
def list_backup_selections(call: Call) -> Params:
    plan(call, call.params["BackupPlanId"])
    kept = state_of(call).selections.get(call.params["BackupPlanId"], {}).values()
    return {
        "BackupSelectionsList": [
            {
                **{name: value for name, value in each.items() if name != "BackupSelection"},
                "SelectionName": each["BackupSelection"]["SelectionName"],
                "IamRoleArn": each["BackupSelection"]["IamRoleArn"],
            }
            for each in kept
        ]
    }
