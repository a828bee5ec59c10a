# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What in a region needs which vaults and which IAM roles."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ansible_collections.rampart.ops.plugins.module_utils.backup.api import Backup


@dataclass(frozen=True)
class Use:
    """Something that works with vaults and roles, both by ARN. `plan` is its name if it is a backup plan."""

    what: str
    vaults: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    plan: str | None = None


def uses(api: Backup, region: str, roles: Collection[str]) -> Iterator[Use]:
    """All that there is in a region. Which of these roles, by name, recovery points were made in is looked for until
    each of them was found in a vault."""
    vaults = api.vaults()
    for summary in api.plan_summaries():
        plan = api.plan(summary)
        rules = plan.document["Rules"]
        arns = {vaults[each["TargetBackupVaultName"]].arn for each in rules if each["TargetBackupVaultName"] in vaults}
        arns |= {copy["DestinationBackupVaultArn"] for rule in rules for copy in rule.get("CopyActions") or ()}
        selections = api.selection_summaries(summary["BackupPlanId"])
        used = frozenset(each["IamRoleArn"] for each in selections)
        yield Use(f"backup plan {plan.name} of {region}", frozenset(filter(None, arns)), used, plan.name)
    for vault in vaults.values():
        if vault.recovery_points:
            made = _makers(api, vault.name, roles)
            yield Use(f"the recovery points in vault {vault.name} of {region}", frozenset([vault.arn or ""]), made)
    for name in api.testing_plans():
        used = frozenset(api.testing_roles(name))
        yield Use(f"restore testing plan {name} of {region}", roles=used)


def _makers(api: Backup, vault: str, roles: Collection[str]) -> frozenset[str]:
    """Of the roles those that recovery points of the vault were made in, which AWS Backup needs to let them expire."""
    missing, found = set(roles), set()
    for arn in api.point_roles(vault):
        if name_of(arn) in missing:
            found.add(arn)
            missing.discard(name_of(arn))
        if not missing:
            break
    return frozenset(found)


def name_of(role: str) -> str:
    """The name in the ARN of a role."""
    return role.rpartition("/")[2]
