# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What is known of backups, with as few calls as that takes: one sweep for each kind of thing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.backup.api import Backup
from ansible_collections.rampart.ops.plugins.module_utils.backup.coverage import (
    NEWS,
    STEPS,
    Assignment,
    Findings,
    Objective,
    Resource,
    type_of,
)
from ansible_collections.rampart.ops.plugins.module_utils.backup.kinds import is_continuous


def assignments(api: Backup) -> list[Assignment]:
    """All selections of all plans."""
    return [
        Assignment(plan["BackupPlanName"], plan["BackupPlanId"], selection.name, selection.content)
        for plan in api.plan_summaries()
        for summary in api.selection_summaries(plan["BackupPlanId"])
        for selection in [api.selection(plan["BackupPlanId"], summary["SelectionId"])]
    ]


def chosen(found: Sequence[Assignment], plan: str, selection: str | None) -> list[Assignment]:
    """The selections of a plan that a question is about."""
    mine = [each for each in found if each.plan == plan and selection in (None, each.selection)]
    ids = sorted({each.plan_id for each in mine})
    if len(ids) > 1:
        raise InvalidError(f"{len(ids)} backup plans are named {plan}: {', '.join(ids)}")
    if not mine:
        what = f"selection {selection}" if selection else "selection at all"
        raise InvalidError(f"there is no backup plan {plan}, or it has no {what}")
    return mine


def named(
    found: Sequence[Assignment], kinds: Collection[str], region: str, known: Sequence[Resource]
) -> list[Resource]:
    """What selections name by ARN, and no sweep by tag has found: it never had a tag."""
    arns = {arn for each in found for arn in each.content.resources} - {each.arn for each in known}
    return [
        Resource(arn, kind, {})
        for arn in sorted(arns)
        for kind in [type_of(arn)]
        # EC2 has told of all that is its own.
        if kind in kinds and kind not in ("EC2", "EBS") and "*" not in arn and arn.split(":")[3] in ("", region)
    ]


def sweep(
    api: Backup, plans: Sequence[Assignment], resources: Sequence[Resource], objective: Objective, now: datetime
) -> Findings:
    """All that is known of the resources. Recovery points are looked for backwards in steps, until all are found.

    Of what was not found, AWS Backup remembers the last backup. A fresh one that is not listed does not exist any more,
    unless it is continuous: such a recovery point was created long ago, and goes on.
    """
    found = Findings(vaults=api.vaults(), assignments=plans)
    window = objective.window(resources)
    missing = list(resources)
    before = None
    for part in STEPS:
        after = now - window * part
        for vault in found.vaults.values():
            if missing and vault.recovery_points:
                found.add_points(api.recovery_points(vault.name, after, before))
        missing = [each for each in missing if found.newest_of(each) is None]
        before = after
    if missing:
        arns = {arn for each in missing for arn in each.arns}
        found.add_points(
            point
            for point in api.last_points()
            if point.resource in arns and (point.created < now - window or is_continuous(point.arn))
        )
    since = now - max(window, NEWS)
    for state in ("FAILED", "ABORTED", "EXPIRED"):
        found.add_failures(api.backup_jobs(state, since))
    found.add_copies(api.copies(since))
    return found
