# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What a backup plan is, what is wanted of it, and the plan that leads from one to the other. No I/O.

Documents are in AWS's own keys. What users name themselves, as tags, is never converted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.model import (
    InvalidError,
    TagChange,
    check_tags,
    tag_change,
)
from ansible_collections.rampart.ops.plugins.module_utils.backup.rules import (
    DEFAULT_COMPLETION,
    DEFAULT_START,
    camel,
    check_copy_lifecycle,
    check_hourly,
    check_lifecycle,
    check_name,
    check_recovery_point_tags,
    check_schedule,
    check_timezone,
    check_vault_arn,
    check_vault_name,
    check_windows,
    snake,
)

# "Policy quotas" of aws-backup-limits.html: none is adjustable.
MAX_RULES = 10
MAX_COPY_ACTIONS = 5
MAX_RULE_TAGS = 10
_QUOTA = (
    "a quota that AWS does not raise, https://docs.aws.amazon.com/aws-backup/latest/devguide/aws-backup-limits.html"
)

_DEFAULTS = {
    "ScheduleExpression": "cron(0 5 ? * * *)",
    "ScheduleExpressionTimezone": "Etc/UTC",
    "StartWindowMinutes": DEFAULT_START,
    "CompletionWindowMinutes": DEFAULT_COMPLETION,
    "EnableContinuousBackup": False,
}
# Newer parts of a rule: who does not speak of them leaves them as they are.
_KEPT = ("TargetLogicallyAirGappedBackupVaultArn", "IndexActions", "ScanActions")
_UTC = {"UTC", "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu"}
_OPTION_DEFAULTS = {"WindowsVSS": "disabled", "BackupACLs": "enabled", "BackupObjectTags": "enabled"}
_OPTIONS_OF = {"EC2": {"WindowsVSS"}, "S3": {"BackupACLs", "BackupObjectTags"}}

Document = Mapping[str, Any]


@dataclass(frozen=True)
class BackupPlan:
    """One backup plan. Tags are None where nobody asked for them."""

    name: str
    document: Document
    id: str | None = None
    arn: str | None = None
    version_id: str | None = None
    creation_date: datetime | None = None
    tags: Mapping[str, str] | None = None
    selections: tuple[str, ...] = ()  # their names; read when the plan shall be deleted


@dataclass(frozen=True)
class Wanted:
    """What the user asks for."""

    name: str
    state: str = "present"
    rules: tuple[Document, ...] = ()
    advanced: tuple[Document, ...] | None = None
    tags: Mapping[str, str] | None = None
    purge_tags: bool = True

    def check(self) -> None:
        """Refuse what AWS would refuse, before anything is asked or changed."""
        check_name("backup_plan_name", self.name)
        check_tags(self.tags)
        if self.state == "absent":
            return
        if not 1 <= len(self.rules) <= MAX_RULES:
            raise InvalidError(f"rules: {len(self.rules)} rules, a backup plan has 1 to {MAX_RULES} ({_QUOTA})")
        _unique("rules", "rule_name", (each["RuleName"] for each in self.rules))
        for each in self.rules:
            _check_rule(each)
        _unique("advanced_backup_settings", "resource_type", (each["ResourceType"] for each in self.advanced or ()))
        for each in self.advanced or ():
            foreign = sorted(set(each["BackupOptions"]) - _OPTIONS_OF[each["ResourceType"]])
            if foreign:
                raise InvalidError(
                    f"advanced_backup_settings: {', '.join(foreign)} is no option of {each['ResourceType']}"
                )

    def document(self, current: Document) -> dict[str, Any]:
        """The whole plan as it shall be: what the user says, and of the current one what the user does not speak of."""
        held = {each["RuleName"]: each for each in current.get("Rules", ())}
        document: dict[str, Any] = {
            "BackupPlanName": self.name,
            "Rules": [_completed(each, held.get(each["RuleName"], {})) for each in self.rules],
        }
        advanced = current.get("AdvancedBackupSettings") if self.advanced is None else self.advanced
        if advanced:
            document["AdvancedBackupSettings"] = [dict(each) for each in advanced]
        if current.get("ScanSettings"):
            document["ScanSettings"] = current["ScanSettings"]
        return document


def rule_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """A rule in AWS's keys, from the module's options."""
    rule: dict[str, Any] = camel(options)
    if "Lifecycle" in rule:
        rule["Lifecycle"] = camel(rule["Lifecycle"])
    if "CopyActions" in rule:
        rule["CopyActions"] = [
            {**camel(each), **({"Lifecycle": camel(each["lifecycle"])} if each.get("lifecycle") else {})}
            for each in rule["CopyActions"]
        ]
    if "IndexActions" in rule:
        rule["IndexActions"] = [camel(each) for each in rule["IndexActions"]]
    if "RecoveryPointTags" in rule:
        rule["RecoveryPointTags"] = {str(key): str(value) for key, value in rule["RecoveryPointTags"].items()}
    return rule


def _check_rule(rule: Document) -> None:
    check_name("rules: rule_name", rule["RuleName"])
    where = f"rule {rule['RuleName']}"
    filled = {**_DEFAULTS, **rule}
    check_vault_name(f"{where}: target_backup_vault_name", rule["TargetBackupVaultName"])
    check_schedule(where, filled["ScheduleExpression"])
    check_hourly(where, filled["ScheduleExpression"])
    check_timezone(where, filled["ScheduleExpressionTimezone"])
    check_windows(where, filled["StartWindowMinutes"], filled["CompletionWindowMinutes"])
    lifecycle = rule.get("Lifecycle", {})
    check_lifecycle(f"{where}: lifecycle", lifecycle, filled["EnableContinuousBackup"])
    check_recovery_point_tags(where, rule.get("RecoveryPointTags", {}), MAX_RULE_TAGS)
    if rule.get("TargetLogicallyAirGappedBackupVaultArn"):
        check_vault_arn(
            f"{where}: target_logically_air_gapped_backup_vault_arn", rule["TargetLogicallyAirGappedBackupVaultArn"]
        )
    copies = rule.get("CopyActions", ())
    if len(copies) > MAX_COPY_ACTIONS:
        raise InvalidError(f"{where}: {len(copies)} copy_actions, a rule has at most {MAX_COPY_ACTIONS} ({_QUOTA})")
    _unique(f"{where}: copy_actions", "destination_backup_vault_arn", map(_destination, copies))
    for copy in copies:
        check_vault_arn(f"{where}: copy_actions: destination_backup_vault_arn", _destination(copy))
        check_copy_lifecycle(f"{where}: copy to {_destination(copy)}", copy.get("Lifecycle", {}), lifecycle)
    # https://docs.aws.amazon.com/aws-backup/latest/devguide/API_BackupRuleInput.html: up to one, of one type
    if len(rule.get("IndexActions", ())) > 1:
        raise InvalidError(f"{where}: {len(rule['IndexActions'])} index_actions, a rule has at most 1")
    for action in rule.get("IndexActions", ()):
        if len(action["ResourceTypes"]) != 1:
            types = ", ".join(action["ResourceTypes"]) or "none"
            raise InvalidError(f"{where}: index_actions: resource_types: {types}; a rule indexes exactly one type")


def _destination(copy: Document) -> str:
    return str(copy["DestinationBackupVaultArn"])


def _unique(where: str, key: str, values: Iterable[str]) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise InvalidError(f"{where}: {key} {value!r} is given twice")
        seen.add(value)


def _completed(rule: Document, held: Document) -> dict[str, Any]:
    completed = {**{key: held[key] for key in _KEPT if held.get(key)}, **_DEFAULTS, **rule}
    if "Lifecycle" in rule:
        completed["Lifecycle"] = _completed_lifecycle(rule["Lifecycle"], held)
        if completed["EnableContinuousBackup"]:  # never, which goes without saying
            completed["Lifecycle"].pop("MoveToColdStorageAfterDays", None)
    copies = {_destination(each): each for each in held.get("CopyActions") or ()}
    if rule.get("CopyActions"):
        completed["CopyActions"] = [
            {**each, "Lifecycle": _completed_lifecycle(each["Lifecycle"], copies.get(_destination(each), {}))}
            if "Lifecycle" in each
            else each
            for each in rule["CopyActions"]
        ]
    return {key: value for key, value in completed.items() if value not in ({}, [], "")}


def _completed_lifecycle(lifecycle: Document, holder: Document) -> dict[str, Any]:
    """With the choice about archives that there is, if this one does not speak of it and still moves anything."""
    archive = (holder.get("Lifecycle") or {}).get("OptInToArchiveForSupportedResources")
    moves = lifecycle.get("MoveToColdStorageAfterDays") not in (None, -1)
    return {**({"OptInToArchiveForSupportedResources": archive} if archive and moves else {}), **lifecycle}


def _canonical(document: Document) -> dict[str, Any]:
    """What of a plan is compared: rules by name, defaults filled in, and nothing that AWS adds by itself."""
    return {
        "rules": {each["RuleName"]: _canonical_rule(each) for each in document.get("Rules", ())},
        "advanced": {
            each["ResourceType"]: {
                name: value
                for name, value in each.get("BackupOptions", {}).items()
                if value != _OPTION_DEFAULTS.get(name)
            }
            for each in document.get("AdvancedBackupSettings") or ()
        },
    }


def _canonical_rule(rule: Document) -> dict[str, Any]:
    canonical = {key: rule.get(key, default) for key, default in _DEFAULTS.items()}
    if canonical["ScheduleExpressionTimezone"] in _UTC:
        canonical["ScheduleExpressionTimezone"] = "Etc/UTC"
    canonical["ScheduleExpression"] = " ".join(canonical["ScheduleExpression"].split())
    return {
        **canonical,
        "TargetBackupVaultName": rule["TargetBackupVaultName"],
        "Lifecycle": _canonical_lifecycle(rule),
        "RecoveryPointTags": rule.get("RecoveryPointTags") or {},
        "CopyActions": {_destination(copy): _canonical_lifecycle(copy) for copy in rule.get("CopyActions") or ()},
        **{key: rule.get(key) or None for key in _KEPT},
    }


def _canonical_lifecycle(holder: Document) -> dict[str, Any]:
    keys = ("MoveToColdStorageAfterDays", "DeleteAfterDays", "OptInToArchiveForSupportedResources")
    lifecycle = holder.get("Lifecycle") or {}
    return {key: lifecycle[key] for key in keys if lifecycle.get(key) not in (None, -1, False)}


@dataclass(frozen=True)
class Plan:
    """The steps from a backup plan as it is to what is wanted."""

    before: BackupPlan | None
    after: BackupPlan | None
    steps: tuple[str, ...] = ()
    tags: TagChange = field(default_factory=TagChange)


def plan(current: BackupPlan | None, wanted: Wanted) -> Plan:
    if wanted.state == "absent":
        if current is not None and current.selections:
            raise InvalidError(
                f"backup plan {wanted.name} still has the selections {', '.join(sorted(current.selections))}: "
                "AWS deletes plans without selections only. Remove them first, with backup_selection"
            )
        return Plan(current, None, ("delete",) if current else ())
    held = current.document if current else {}
    document: Document = wanted.document(held)
    if _canonical(document) == _canonical(held):
        document = held
    before = current or BackupPlan(wanted.name, {})
    tags = tag_change(before.tags or {}, wanted.tags, wanted.purge_tags)
    after = replace(before, document=document, tags=None if wanted.tags is None else tags.applied(before.tags or {}))
    if current is None:
        return Plan(None, after, ("create",), tags)
    steps = (("update", document is not held), ("untag", bool(tags.removed)), ("tag", bool(tags.set)))
    return Plan(current, after, tuple(step for step, needed in steps if needed), tags)


def describe(found: BackupPlan | None) -> dict[str, Any]:
    """A backup plan as a diff shows it: rules by name, in the order of their names."""
    if found is None:
        return {}
    canonical = _canonical(found.document)
    shown = {
        "backup_plan_name": found.name,
        "rules": {
            name: {key: value for key, value in snake(rule).items() if value not in (None, {}, [])}
            for name, rule in sorted(canonical["rules"].items())
        },
        "advanced_backup_settings": canonical["advanced"],
    }
    return shown if found.tags is None else {**shown, "tags": dict(sorted(found.tags.items()))}


def report(found: BackupPlan | None) -> dict[str, Any]:
    """What the module returns of a backup plan."""
    if found is None:
        return {}
    tags = {} if found.tags is None else {"tags": dict(found.tags)}
    return {
        "backup_plan_name": found.name,
        "backup_plan_id": found.id,
        "backup_plan_arn": found.arn,
        "version_id": found.version_id,
        "creation_date": found.creation_date,
        "backup_plan": {**snake(found.document), **tags},
        **tags,
    }
