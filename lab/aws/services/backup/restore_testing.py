# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Restore testing plans and selections: API_RestoreTestingPlanForCreate, API_RestoreTestingSelectionForCreate."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lab.aws.errors import AwsError
from lab.aws.registry import operation, rule
from lab.aws.schedules import is_cron, is_timezone
from lab.aws.services.backup.state import Document, at, check_role, invalid, not_found, state_of

if TYPE_CHECKING:
    from lab.aws.call import Call

Params = dict[str, Any]

# https://docs.aws.amazon.com/aws-backup/latest/devguide/aws-backup-limits.html, "Restore testing plan quotas"
MAX_PLANS = 100
MAX_SELECTIONS = 30
MAX_SELECTORS = 30
MAX_ARNS = 30
MAX_CONDITIONS = 30
TYPES = ("Aurora", "DocumentDB", "DynamoDB", "EBS", "EC2", "EFS", "FSx", "Neptune", "RDS", "S3")


@rule("backup", "CreateRestoreTestingPlan", "UpdateRestoreTestingPlan")
def check_plan(call: Call) -> None:
    plan = call.params["RestoreTestingPlan"]
    name = plan.get("RestoreTestingPlanName", "name")
    if not re.fullmatch(r"\w{1,50}", name):
        raise invalid(f"Invalid restore testing plan name: {name}")
    if "ScheduleExpression" in plan and not is_cron(plan["ScheduleExpression"]):
        raise invalid(f"Invalid schedule expression: {plan['ScheduleExpression']}")
    if "ScheduleExpressionTimezone" in plan and not is_timezone(plan["ScheduleExpressionTimezone"]):
        raise invalid(f"Invalid schedule expression timezone: {plan['ScheduleExpressionTimezone']}")
    if not 1 <= plan.get("StartWindowHours", 24) <= 168:
        raise invalid("StartWindowHours must be between 1 and 168")
    choice = plan.get("RecoveryPointSelection")
    if choice is not None:
        for needed in ("Algorithm", "RecoveryPointTypes", "IncludeVaults"):
            if not choice.get(needed):
                raise AwsError("MissingParameterValueException", f"RecoveryPointSelection.{needed} is missing", 400)
        if not 1 <= choice.get("SelectionWindowDays", 30) <= 365:
            raise invalid("SelectionWindowDays must be between 1 and 365")
        if any(len(choice.get(name, [])) > MAX_SELECTORS for name in ("IncludeVaults", "ExcludeVaults")):
            raise invalid(f"At most {MAX_SELECTORS} vault selectors are allowed")


def _plan(call: Call) -> Document:
    found = state_of(call).testing_plans.get(call.params["RestoreTestingPlanName"])
    if found is None:
        raise not_found(f"Restore testing plan {call.params['RestoreTestingPlanName']} not found")
    return found


def _summary(document: Document, *names: str) -> Params:
    return {name: document[name] for name in names if name in document}


@operation("backup", "CreateRestoreTestingPlan")
def create_plan(call: Call) -> Params:
    state, wanted = state_of(call), call.params["RestoreTestingPlan"]
    name = wanted["RestoreTestingPlanName"]
    if name in state.testing_plans:
        raise AwsError("AlreadyExistsException", f"Restore testing plan {name} already exists", 400)
    if len(state.testing_plans) >= MAX_PLANS:
        raise AwsError("LimitExceededException", f"At most {MAX_PLANS} restore testing plans", 400)
    made = {
        "ScheduleExpressionTimezone": "Etc/UTC",
        "StartWindowHours": 24,
        **wanted,
        "RecoveryPointSelection": {"ExcludeVaults": [], "SelectionWindowDays": 30, **wanted["RecoveryPointSelection"]},
        "RestoreTestingPlanArn": f"arn:aws:backup:{call.region}:{call.account}:restore-testing-plan:{name}",
        "CreationTime": at(call.now()),
    }
    if call.params.get("CreatorRequestId"):
        made["CreatorRequestId"] = call.params["CreatorRequestId"]
    state.testing_plans[name] = made
    if call.params.get("Tags"):
        call.backend().tag_resource(made["RestoreTestingPlanArn"], call.params["Tags"])
    return _summary(made, "CreationTime", "RestoreTestingPlanArn", "RestoreTestingPlanName")


@operation("backup", "UpdateRestoreTestingPlan")
def update_plan(call: Call) -> Params:
    found, wanted = _plan(call), call.params["RestoreTestingPlan"]
    if "RecoveryPointSelection" in wanted:
        choice = {"ExcludeVaults": [], "SelectionWindowDays": 30, **wanted["RecoveryPointSelection"]}
        wanted = {**wanted, "RecoveryPointSelection": choice}
    found.update(wanted, LastUpdateTime=at(call.now()))
    names = ("CreationTime", "RestoreTestingPlanArn", "RestoreTestingPlanName")
    return {**_summary(found, *names), "UpdateTime": found["LastUpdateTime"]}


@operation("backup", "GetRestoreTestingPlan")
def get_plan(call: Call) -> Params:
    return {"RestoreTestingPlan": _plan(call)}


@operation("backup", "ListRestoreTestingPlans")
def list_plans(call: Call) -> Params:
    return {"RestoreTestingPlans": list(state_of(call).testing_plans.values())}


@operation("backup", "DeleteRestoreTestingPlan")
def delete_plan(call: Call) -> Params:
    name = _plan(call)["RestoreTestingPlanName"]
    if state_of(call).testing_selections.get(name):
        # API_DeleteRestoreTestingPlan: "deletion can only succeed if all associated selections are deleted first"
        raise AwsError("InvalidRequestException", "The selections of the plan must be deleted first", 400)
    del state_of(call).testing_plans[name]
    return {}


# --- selections ------------------------------------------------------------------------------------------------------


@rule("backup", "CreateRestoreTestingSelection", "UpdateRestoreTestingSelection")
def check_selection(call: Call) -> None:
    selection = call.params["RestoreTestingSelection"]
    name = selection.get("RestoreTestingSelectionName", "name")
    if not re.fullmatch(r"\w{1,50}", name):
        raise invalid(f"Invalid restore testing selection name: {name}")
    arns, conditions = selection.get("ProtectedResourceArns", []), selection.get("ProtectedResourceConditions", {})
    if "ProtectedResourceType" in selection and selection["ProtectedResourceType"] not in TYPES:
        raise invalid(f"Invalid ProtectedResourceType: {selection['ProtectedResourceType']}")
    if len(arns) > MAX_ARNS:
        raise invalid(f"At most {MAX_ARNS} ARNs are allowed in a restore testing selection")
    if sum(map(len, conditions.values())) > MAX_CONDITIONS:
        raise invalid(f"At most {MAX_CONDITIONS} conditions are allowed in a restore testing selection")
    if "*" in arns and len(arns) > 1:
        raise invalid("ProtectedResourceArns takes ARNs or the wildcard, not both")
    if any(conditions.values()) and arns not in ([], ["*"]):
        raise invalid("ProtectedResourceConditions need the wildcard in ProtectedResourceArns")
    if call.operation.startswith("Create") and not arns and not any(conditions.values()):
        raise AwsError("MissingParameterValueException", "ProtectedResourceArns or conditions are missing", 400)
    if not 0 <= selection.get("ValidationWindowHours", 0) <= 168:
        raise invalid("ValidationWindowHours must be between 0 and 168")
    if "IamRoleArn" in selection:
        check_role(call, selection["IamRoleArn"])


def _selection(call: Call) -> Document:
    kept = state_of(call).testing_selections.get(_plan(call)["RestoreTestingPlanName"], {})
    found = kept.get(call.params["RestoreTestingSelectionName"])
    if found is None:
        raise not_found(f"Restore testing selection {call.params['RestoreTestingSelectionName']} not found")
    return found


_SELECTION_SUMMARY = ("CreationTime", "RestoreTestingPlanName", "RestoreTestingSelectionName")


@operation("backup", "CreateRestoreTestingSelection")
def create_selection(call: Call) -> Params:
    plan, wanted = _plan(call), call.params["RestoreTestingSelection"]
    kept = state_of(call).testing_selections.setdefault(plan["RestoreTestingPlanName"], {})
    name = wanted["RestoreTestingSelectionName"]
    if name in kept:
        raise AwsError("AlreadyExistsException", f"Restore testing selection {name} already exists", 400)
    if len(kept) >= MAX_SELECTIONS:
        raise AwsError("LimitExceededException", f"At most {MAX_SELECTIONS} selections per restore testing plan", 400)
    kept[name] = {
        "ProtectedResourceArns": [],
        "ProtectedResourceConditions": {"StringEquals": [], "StringNotEquals": []},
        "RestoreMetadataOverrides": {},
        "ValidationWindowHours": 0,
        **wanted,
        "RestoreTestingPlanName": plan["RestoreTestingPlanName"],
        "CreationTime": at(call.now()),
    }
    return {**_summary(kept[name], *_SELECTION_SUMMARY), "RestoreTestingPlanArn": plan["RestoreTestingPlanArn"]}


@operation("backup", "UpdateRestoreTestingSelection")
def update_selection(call: Call) -> Params:
    found = _selection(call)
    found.update(call.params["RestoreTestingSelection"])
    plan = _plan(call)
    return {
        **_summary(found, *_SELECTION_SUMMARY),
        "RestoreTestingPlanArn": plan["RestoreTestingPlanArn"],
        "UpdateTime": at(call.now()),
    }


@operation("backup", "GetRestoreTestingSelection")
def get_selection(call: Call) -> Params:
    return {"RestoreTestingSelection": _selection(call)}


@operation("backup", "ListRestoreTestingSelections")
def list_selections(call: Call) -> Params:
    kept = state_of(call).testing_selections.get(_plan(call)["RestoreTestingPlanName"], {})
    names = (*_SELECTION_SUMMARY, "IamRoleArn", "ProtectedResourceType", "ValidationWindowHours")
    return {"RestoreTestingSelections": [_summary(each, *names) for each in kept.values()]}


@operation("backup", "DeleteRestoreTestingSelection")
def delete_selection(call: Call) -> Params:
    found = _selection(call)
    del state_of(call).testing_selections[found["RestoreTestingPlanName"]][found["RestoreTestingSelectionName"]]
    return {}
