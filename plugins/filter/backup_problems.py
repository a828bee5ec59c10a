# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
name: backup_problems
short_description: Say what is wrong with a backup policy, without asking AWS
version_added: 0.1.0
description:
  - Checks vaults, plans and selections by the same rules as the modules that make them, so that none is made if one of
    them cannot be. The names of events are those that the SDK of the controller knows.
  - Also finds what no module alone can see, rules whose backups or copies are kept for less or more than the lock of
    their vault allows. AWS Backup lets their jobs fail.
options:
  _input:
    description:
      - A dictionary with the lists C(vaults) and C(plans). A vault has a C(name) and options of
        M(rampart.ops.backup_vault), a plan a C(name), options of M(rampart.ops.backup_plan), and C(selections) with a
        C(name) and options of M(rampart.ops.backup_selection).
    type: dict
    required: true
  region:
    description:
      - The region of the vaults. With O(account_id) it tells which copies go into a vault of the policy itself, so that
        its lock is about them.
    type: str
  account_id:
    description: The account of the vaults.
    type: str
author:
  - The Rampart developers (@rampart-ops)
"""

EXAMPLES = r"""
- name: Check a policy
  ansible.builtin.assert:
    that: problems == []
    fail_msg: "{{ problems | join(' ') }}"
  vars:
    problems: "{{ {'vaults': [{'name': 'daily'}], 'plans': []} | rampart.ops.backup_problems }}"
"""

RETURN = r"""
_value:
  description: The problems, one sentence each; empty if there are none.
  type: list
  elements: str
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.backup.rules import expires
from ansible_collections.rampart.ops.plugins.module_utils.backup.selection import MAX_SELECTIONS
from ansible_collections.rampart.ops.plugins.module_utils.backup.vault import WantedLock
from ansible_collections.rampart.ops.plugins.modules import backup_plan, backup_selection, backup_vault

with suppress(ImportError):  # the modules say so
    from botocore.session import get_session

# The role has its own; the rule is only that there is one.
A_ROLE = "arn:aws:iam::000000000000:role/backup"


def backup_problems(policy: Any, region: str | None = None, account_id: str | None = None) -> list[str]:
    if not isinstance(policy, Mapping):
        raise AnsibleFilterError("backup_problems needs a dictionary with vaults and plans")
    vaults, plans = list(policy.get("vaults") or ()), list(policy.get("plans") or ())
    home = f":backup:{region}:{account_id}:backup-vault:" if region and account_id else None
    return [*_problems(vaults, plans), *_conflicts_with_locks(vaults, plans, home)]


def _problems(vaults: list[Mapping[str, Any]], plans: list[Mapping[str, Any]]) -> Iterator[str]:
    yield from _not_unique("backup vaults", vaults)
    yield from _not_unique("backup plans", plans)
    for vault in vaults:
        yield from _checked(f"Backup vault {vault.get('name')}", vault, backup_vault.ARGUMENT_SPEC, _check_vault)
    names = {vault.get("name") for vault in vaults}
    for plan in plans:
        where = f"Backup plan {plan.get('name')}"
        selections = list(plan.get("selections") or ())
        own = {key: value for key, value in plan.items() if key != "selections"}
        yield from _checked(where, own, backup_plan.ARGUMENT_SPEC, lambda args: backup_plan.wanted_of(args).check())
        for rule in plan.get("rules") or ():
            target = rule.get("target_backup_vault_name")
            if target not in names:
                known = ", ".join(sorted(map(str, names)))
                yield f"{where}: rule {rule.get('rule_name')}: {target} is none of the vaults of the policy ({known})."
        yield from _not_unique(f"selections of backup plan {plan.get('name')}", selections)
        if len(selections) > MAX_SELECTIONS:
            yield f"{where}: {len(selections)} selections, AWS allows {MAX_SELECTIONS} in a plan."
        for selection in selections:
            args = {"iam_role_arn": A_ROLE, **selection, "backup_plan_name": plan.get("name")}
            args["backup_selection_name"] = args.pop("name", None)
            yield from _checked(
                f"{where}: selection {selection.get('name')}", args, backup_selection.ARGUMENT_SPEC, _check_selection
            )


def _conflicts_with_locks(
    vaults: list[Mapping[str, Any]], plans: list[Mapping[str, Any]], home: str | None
) -> Iterator[str]:
    """A job whose retention the lock of its vault does not allow fails (API_PutBackupVaultLockConfiguration)."""
    locks = dict(_locks(vaults))
    for plan in plans:
        for rule in _rules(plan):
            lifecycle = rule.get("Lifecycle", {})
            kept = [("", rule["TargetBackupVaultName"], lifecycle)]
            for copy in rule.get("CopyActions", ()):
                _partition, found, name = copy["DestinationBackupVaultArn"].partition(home or " ")
                if found:  # a copy that does not say how long it is kept is kept as what it is a copy of
                    own = copy.get("Lifecycle", {})
                    days = own.get("DeleteAfterDays") or -1
                    kept.append((f"copy to {name}: ", name, lifecycle if days == -1 else own))
            for what, vault, wanted in kept:
                conflict = _conflict(locks.get(vault), expires(wanted))
                if conflict:
                    yield f"Backup plan {plan.get('name')}: rule {rule['RuleName']}: {what}{conflict} of vault {vault}."


def _conflict(lock: WantedLock | None, days: int | None) -> str | None:
    if lock is None or lock.mode == "none":
        return None
    least, most = lock.min_retention_days, lock.max_retention_days
    if least is not None and days is not None and days < least:
        return f"delete_after_days is {days}, less than min_retention_days ({least}) of the lock"
    if most is not None and (days is None or days > most):
        return f"delete_after_days is {days or 'never'}, more than max_retention_days ({most}) of the lock"
    return None


def _locks(vaults: list[Mapping[str, Any]]) -> Iterator[tuple[str, WantedLock]]:
    for vault in vaults:
        args = _validated(vault, backup_vault.ARGUMENT_SPEC)
        with suppress(InvalidError):  # which is told already
            wanted = backup_vault.wanted_of(args) if args else None
            if wanted and wanted.lock:
                yield wanted.name, wanted.lock


def _rules(plan: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    args = _validated({key: value for key, value in plan.items() if key != "selections"}, backup_plan.ARGUMENT_SPEC)
    return backup_plan.wanted_of(args).rules if args else ()


def _validated(args: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any] | None:
    """With defaults and types; None of what is told to be wrong already."""
    result = ArgumentSpecValidator(dict(spec)).validate(dict(args))
    return None if result.error_messages else dict(result.validated_parameters)


def _check_vault(args: Mapping[str, Any]) -> None:
    wanted = backup_vault.wanted_of(args)
    wanted.check(_events() if wanted.notifications else ())
    if wanted.lock and wanted.lock.confirmed:
        try:
            date.fromisoformat(wanted.lock.confirmed)
        except ValueError:
            raise InvalidError(f"lock: confirm_immutable_after {wanted.lock.confirmed!r} is no YYYY-MM-DD") from None


def _events() -> list[str]:
    """The events of a vault, as the module will find them in this controller's SDK."""
    shape: Any = get_session().get_service_model("backup").shape_for("BackupVaultEvents")
    return list(shape.member.enum)


def _check_selection(args: Mapping[str, Any]) -> None:
    backup_selection.wanted_of(args).check()


def _checked(
    where: str, args: Mapping[str, Any], spec: Mapping[str, Any], check: Callable[[Mapping[str, Any]], None]
) -> Iterator[str]:
    result = ArgumentSpecValidator(dict(spec)).validate(dict(args))
    if result.error_messages:
        yield f"{where}: {'; '.join(result.error_messages)}."
        return
    try:
        check(result.validated_parameters)
    except InvalidError as error:
        yield f"{where}: {error}."


def _not_unique(what: str, items: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    names = [item.get("name") for item in items]
    for name in sorted({str(name) for name in names if names.count(name) > 1}):
        yield f"Two {what} are named {name}, of which only one can be meant."


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"backup_problems": backup_problems}
