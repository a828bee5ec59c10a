# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What the lab keeps beside moto's vaults and plans, and the look-ups that several operations share."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.aws.errors import AwsError

if TYPE_CHECKING:
    from lab.aws.call import Call

Document = dict[str, Any]


@dataclass
class BackupState:
    """Lives as an attribute of moto's backend, so that whoever copies the one copies the other."""

    selections: dict[str, dict[str, Document]] = field(default_factory=dict)  # by plan id and selection id
    plan_versions: dict[str, list[Document]] = field(default_factory=dict)  # by plan id, oldest first
    plan_requests: dict[str, str] = field(default_factory=dict)  # creator request id -> plan id
    access_policies: dict[str, str] = field(default_factory=dict)  # by vault name
    notifications: dict[str, Document] = field(default_factory=dict)  # by vault name
    jobs: dict[str, Document] = field(default_factory=dict)
    recovery_points: dict[str, Document] = field(default_factory=dict)  # by ARN
    restore_jobs: dict[str, Document] = field(default_factory=dict)
    copy_jobs: dict[str, Document] = field(default_factory=dict)
    testing_plans: dict[str, Document] = field(default_factory=dict)  # by name
    testing_selections: dict[str, dict[str, Document]] = field(default_factory=dict)  # by plan name and name
    started: dict[str, str] = field(default_factory=dict)  # idempotency token -> job id


def state_of(call: Call) -> BackupState:
    backend = call.backend("backup")
    if not hasattr(backend, "lab"):
        backend.lab = BackupState()
    state: BackupState = backend.lab
    return state


def at(seconds: float) -> datetime.datetime:
    """A moment of the lab's time as an answer carries it."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def invalid(message: str, **extra: Any) -> AwsError:
    return AwsError("InvalidParameterValueException", message, 400, Type="USER", **extra)


def not_found(message: str) -> AwsError:
    return AwsError("ResourceNotFoundException", message, 400, Type="USER")


def bad_request(message: str) -> AwsError:
    return AwsError("InvalidRequestException", message, 400, Type="USER")


def vault(call: Call, name: str) -> Any:
    """moto's vault of that name."""
    found = call.backend("backup").vaults.get(name)
    if found is None:
        raise not_found(f"Backup vault {name} not found")
    return found


def plan(call: Call, plan_id: str) -> Any:
    """moto's plan of that id, unless it is deleted."""
    found = call.backend("backup").plans.get(plan_id)
    if found is None or found.deletion_date is not None:
        raise not_found("Failed reading Backup plan with provided version")
    return found


def check_role(call: Call, arn: str) -> None:
    """The role must exist and trust AWS Backup (https://github.com/hashicorp/terraform-provider-aws/issues/9297)."""
    if not re.fullmatch(r"arn:aws[\w-]*:iam::\d{12}:role/.+", arn):
        raise invalid(f"Invalid IAM role ARN: {arn}")
    partition = arn.split(":")[1]
    roles = call.backend("iam", partition).roles.values()
    role = next((role for role in roles if role.arn == arn), None)
    if role is None or not _trusts_backup(role.assume_role_policy_document):
        raise invalid(f"IAM Role {arn} cannot be assumed by AWS Backup")


def _trusts_backup(document: str | Document) -> bool:
    policy = json.loads(document) if isinstance(document, str) else document
    statements = policy.get("Statement", [])
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal")
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        services = [services] if isinstance(services, str) else services
        if str(statement.get("Effect")).lower() == "allow" and "backup.amazonaws.com" in services:
            return True
    return False


# --- time passes and lists are read -----------------------------------------------------------------------------------

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
    return state


def shown(job: Document) -> Document:
    return {name: value for name, value in job.items() if not name.startswith("_")}


def filtered(call: Call, documents: list[Document], equal: dict[str, str]) -> list[Document]:
    """Those that match every filter given, newest first."""
    filters = {name: call.params[name] for name in equal if call.params.get(name) not in (None, "*", "ANY")}
    found = [each for each in documents if all(each.get(equal[name]) == value for name, value in filters.items())]
    for name, column, sign in (
        ("ByCreatedBefore", "CreationDate", -1),
        ("ByCreatedAfter", "CreationDate", 1),
        ("ByCompleteBefore", "CompletionDate", -1),
        ("ByCompleteAfter", "CompletionDate", 1),
    ):
        limit = call.params.get(name)
        if limit is not None:
            moment = limit.timestamp()
            found = [each for each in found if column in each and sign * (each[column].timestamp() - moment) > 0]
    return [shown(each) for each in sorted(found, key=lambda each: each["_created"], reverse=True)]
