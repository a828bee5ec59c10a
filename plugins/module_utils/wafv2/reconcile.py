# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""From what is wanted to what is there: read, plan, write; and all again when somebody else wrote in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws import calls
from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import Deadline
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.api import Wafv2
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.model import IpSet, Plan, Wanted, plan_family


def plan_all(api: Wafv2, wanted: Wanted) -> list[Plan]:
    """The plans of all sets, from one sweep; nothing is written before all of them are known."""
    return plans_for(read_all(api, wanted), wanted)


def read_all(api: Wafv2, wanted: Wanted) -> dict[str, IpSet]:
    """The sets that exist, by name."""
    names = [name for version in wanted.names for name in wanted.shard_names(version)]
    found = api.find(names, lambda name: wanted.version_of(name) is not None)
    return {name: _read(api, name, summary, wanted) for name, summary in found.items()}


def plans_for(found: dict[str, IpSet], wanted: Wanted) -> list[Plan]:
    """The plans of all sets, family by family."""
    return [
        plan
        for version in wanted.names
        for plan in plan_family(
            {name: ip_set for name, ip_set in found.items() if wanted.version_of(name) == version}, version, wanted
        )
    ]


def carry_out(api: Wafv2, deadline: Deadline, first: list[Plan], plan_again: Callable[[], list[Plan]]) -> list[Plan]:
    """Write what the plans say. Returns what came of it, from before the first attempt to after the last.

    What others wrote meanwhile is kept, removed or merged as a plan for it says.
    """

    def write_all(plans: list[Plan]) -> dict[str, IpSet | None]:
        return {plan.name: _write(api, plan) for plan in plans}

    if not any(plan.steps for plan in first):
        return first
    after = calls.carry_out(deadline, first, write_all, plan_again)
    return [replace(plan, after=after.get(plan.name)) for plan in first]


def _read(api: Wafv2, name: str, summary: dict[str, Any], wanted: Wanted) -> IpSet:
    ip_set = api.get(name, summary["Id"])
    if wanted.tags is not None and wanted.state == "present":
        ip_set = replace(ip_set, tags=api.tags(ip_set))
    return ip_set


def _write(api: Wafv2, plan: Plan) -> IpSet | None:
    after = plan.after
    for step in plan.steps:
        if step == "delete":
            api.delete(plan.before)
        elif step == "create":
            after = api.create(after)
        elif step == "update":
            api.update(after)
        elif step == "untag":
            api.untag(after, plan.tags.removed)
        elif step == "tag":
            api.tag(after, plan.tags.set)
    return after
