# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What a plan's selection of resources is, what is wanted of it, and the plan from one to the other. No I/O.

AWS cannot change a selection. It is replaced so that at every moment there is one: the new content goes into a
stand-in, then the old selection goes, then the new one comes under its own name, then the stand-in goes. A run that was
interrupted at any point is finished by the next.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError, some
from ansible_collections.rampart.ops.plugins.module_utils.backup.rules import check_arns, check_name, check_role

# Each counts for itself:
# https://docs.aws.amazon.com/aws-backup/latest/devguide/assigning-resources.html#assigning-resources-quotas
MAX_ARNS = 500  # without wildcards
MAX_WILDCARD_ARNS = 30
MAX_TAGS = 30
MAX_CONDITIONS = 30
# https://docs.aws.amazon.com/aws-backup/latest/devguide/aws-backup-limits.html: not adjustable
MAX_SELECTIONS = 100
TAG_PREFIX = "aws:ResourceTag/"
STAND_IN_SUFFIX = ".next"
# CreatorRequestId of stand-ins: nobody else's selection is ever taken for one.
STAND_IN_MARK = "rampart-next-"
# How AWS names the tests of conditions, and how the options do.
TESTS = {
    "StringEquals": "string_equals",
    "StringNotEquals": "string_not_equals",
    "StringLike": "string_like",
    "StringNotLike": "string_not_like",
}


@dataclass(frozen=True)
class Content:
    """What a selection selects, and with which role. The order of nothing matters."""

    role: str
    resources: frozenset[str] = frozenset()
    not_resources: frozenset[str] = frozenset()
    tags: frozenset[tuple[str, str]] = frozenset()  # ListOfTags: one of them must fit
    conditions: frozenset[tuple[str, str, str]] = frozenset()  # (test, key, value): all of them must hold

    def check(self) -> None:
        """Refuse what AWS would refuse, before anything is asked or changed."""
        check_role("iam_role_arn", self.role)
        if not (self.resources or self.tags):
            raise InvalidError("a selection needs conditions, resources or list_of_tags")
        for where, arns in (("resources", self.resources), ("not_resources", self.not_resources)):
            wildcards = [arn for arn in arns if "*" in arn]
            if len(arns) - len(wildcards) > MAX_ARNS or len(wildcards) > MAX_WILDCARD_ARNS:
                raise InvalidError(
                    f"{where}: {len(arns)} ARNs, {len(wildcards)} of them with wildcards; a selection has at most "
                    f"{MAX_ARNS} without, and {MAX_WILDCARD_ARNS} with wildcards"
                )
            check_arns(where, arns - {"*"})
            inner = sorted(arn for arn in wildcards if "*" in arn.split(":", 5)[-1][:-1])
            if inner:
                raise InvalidError(f"{where}: a wildcard must be at the end of the resource: {some(inner)}")
        for where, count, most in (
            ("list_of_tags", len(self.tags), MAX_TAGS),
            ("conditions", len(self.conditions), MAX_CONDITIONS),
        ):
            if count > most:
                raise InvalidError(f"{where}: {count} of them, a selection has at most {most}: take a second selection")
        wrong = sorted({key for _test, key, _value in self.conditions if not key.startswith(TAG_PREFIX)})
        if wrong:
            raise InvalidError(
                f"conditions: condition_key must be {TAG_PREFIX} and the tag's key, for example "
                f"{TAG_PREFIX}{wrong[0]}; not {some(wrong)}"
            )

    def document(self, name: str) -> dict[str, Any]:
        """The selection in AWS's own keys."""
        conditions: dict[str, list[dict[str, str]]] = {}
        for test, key, value in sorted(self.conditions):
            conditions.setdefault(test, []).append({"ConditionKey": key, "ConditionValue": value})
        document = {
            "SelectionName": name,
            "IamRoleArn": self.role,
            "Resources": sorted(self.resources),
            "NotResources": sorted(self.not_resources),
            "ListOfTags": [
                {"ConditionType": "STRINGEQUALS", "ConditionKey": key, "ConditionValue": value}
                for key, value in sorted(self.tags)
            ],
            "Conditions": conditions,
        }
        return {key: value for key, value in document.items() if value}

    def selects(self, arn: str, tags: Mapping[str, str]) -> bool:
        """Whether a resource is selected: in resources and all conditions hold, or a listed tag fits; not excluded."""
        if any(_fits(arn, pattern) for pattern in self.not_resources):
            return False
        if any(tags.get(key.replace(TAG_PREFIX, "", 1)) == value for key, value in self.tags):
            return True
        return any(_fits(arn, pattern) for pattern in self.resources) and all(
            _holds(test, tags.get(key[len(TAG_PREFIX) :]), value) for test, key, value in self.conditions
        )


def _holds(test: str, held: str | None, value: str) -> bool:
    if test.startswith("StringNot"):
        return not _holds(test.replace("Not", ""), held, value)
    return held is not None and (held == value if test == "StringEquals" else _fits(held, value))


def _fits(text: str, pattern: str) -> bool:
    """AWS Backup knows one wildcard, *, for any number of characters (API_Conditions, API_BackupSelection)."""
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


def content_of(document: Mapping[str, Any]) -> Content:
    """From AWS's own keys."""
    return Content(
        role=document["IamRoleArn"],
        resources=frozenset(document.get("Resources") or ()),
        not_resources=frozenset(document.get("NotResources") or ()),
        tags=frozenset((each["ConditionKey"], each["ConditionValue"]) for each in document.get("ListOfTags") or ()),
        conditions=frozenset(
            (test, each["ConditionKey"], each["ConditionValue"])
            for test, group in (document.get("Conditions") or {}).items()
            for each in group or ()
        ),
    )


@dataclass(frozen=True)
class Selection:
    """One selection of a plan."""

    name: str
    content: Content
    id: str | None = None
    creation_date: datetime | None = None


@dataclass(frozen=True)
class Wanted:
    """What the user asks for. Without a role that of the selection that is there is kept."""

    plan_name: str
    name: str
    state: str = "present"
    role: str | None = None
    resources: frozenset[str] = frozenset()
    not_resources: frozenset[str] = frozenset()
    tags: frozenset[tuple[str, str]] = frozenset()
    conditions: frozenset[tuple[str, str, str]] = frozenset()

    def check(self) -> None:
        check_name("backup_plan_name", self.plan_name)
        check_name("backup_selection_name", self.name)
        if self.name.endswith(STAND_IN_SUFFIX):
            raise InvalidError(
                f"backup_selection_name: {self.name!r}: names that end in {STAND_IN_SUFFIX} are those of stand-ins "
                "while a selection is replaced"
            )
        if self.state == "present":
            self.content(self.role or "arn:aws:iam::000000000000:role/x").check()

    def content(self, role: str) -> Content:
        """Conditions hold for all resources, unless some are named."""
        everything = frozenset({"*"}) if self.conditions and not (self.resources or self.tags) else frozenset()
        return Content(role, self.resources | everything, self.not_resources, self.tags, self.conditions)


def stand_in_name(name: str) -> str:
    if len(name) + len(STAND_IN_SUFFIX) <= 50:
        return name + STAND_IN_SUFFIX
    return f"{name[:36]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}{STAND_IN_SUFFIX}"


@dataclass(frozen=True)
class Current:
    """What there is: the selection, a stand-in that an interrupted run has left, and how many the plan has in all."""

    selection: Selection | None = None
    stand_in: Selection | None = None
    count: int = 0


@dataclass(frozen=True)
class Step:
    """One call: create or delete, the selection itself or its stand-in."""

    action: str
    selection: Selection

    @property
    def of_stand_in(self) -> bool:
        return self.selection.name.endswith(STAND_IN_SUFFIX)


@dataclass(frozen=True)
class Plan:
    """The steps from a selection as it is to what is wanted."""

    before: Selection | None
    after: Selection | None
    steps: tuple[Step, ...] = field(default_factory=tuple)


def plan(current: Current, wanted: Wanted) -> Plan:
    held, stand_in = current.selection, current.stand_in
    clean_up = (Step("delete", stand_in),) if stand_in else ()
    if wanted.state == "absent":
        return Plan(held or stand_in, None, ((Step("delete", held),) if held else ()) + clean_up)
    role = wanted.role or (held or stand_in or Selection("", Content(""))).content.role
    if not role:
        raise InvalidError(f"iam_role_arn is needed to create the selection {wanted.name}")
    content = wanted.content(role)
    if held is not None and held.content == content:
        return Plan(held, held, clean_up)
    target = Selection(wanted.name, content)
    if held is None:
        return _with_room(current, Plan(stand_in, target, (Step("create", target), *clean_up)))
    if stand_in is None or stand_in.content != content:
        stand_in = Selection(stand_in_name(wanted.name), content)
        clean_up = (*clean_up, Step("create", stand_in))
    else:
        clean_up = ()
    steps = (*clean_up, Step("delete", held), Step("create", target), Step("delete", stand_in))
    return _with_room(current, Plan(held, target, steps))


def _with_room(current: Current, todo: Plan) -> Plan:
    """The plan, if at no moment there are more selections than AWS allows."""
    count = current.count
    for step in todo.steps:
        count += 1 if step.action == "create" else -1
        if count > MAX_SELECTIONS and step.of_stand_in:
            raise InvalidError(
                f"the plan has {current.count} selections, and AWS allows {MAX_SELECTIONS}: there is no room for the "
                f"stand-in {step.selection.name} while this one is replaced. Remove another one, or bring it into a "
                "second plan; or remove this one and create it again, if it may be missing for a moment"
            )
        if count > MAX_SELECTIONS:
            raise InvalidError(
                f"the plan has {current.count} selections, and AWS allows {MAX_SELECTIONS}: take a second plan, or a "
                "selection of more"
            )
    return todo


def describe(selection: Selection | None) -> dict[str, Any]:
    """A selection in the terms of the options, sorted: what a diff shows."""
    if selection is None:
        return {}
    content = selection.content
    return {
        "iam_role_arn": content.role,
        "resources": sorted(content.resources),
        "not_resources": sorted(content.not_resources),
        "list_of_tags": [
            {"condition_type": "STRINGEQUALS", "condition_key": key, "condition_value": value}
            for key, value in sorted(content.tags)
        ],
        "conditions": {
            option: [
                {"condition_key": key, "condition_value": value}
                for each, key, value in sorted(content.conditions)
                if each == test
            ]
            for test, option in TESTS.items()
        },
    }


def report(selection: Selection | None, plan_id: str | None) -> dict[str, Any]:
    """What the module returns of a selection."""
    if selection is None:
        return {}
    return {
        "selection_name": selection.name,
        "selection_id": selection.id,
        "backup_plan_id": plan_id,
        "creation_date": selection.creation_date,
        **describe(selection),
    }
