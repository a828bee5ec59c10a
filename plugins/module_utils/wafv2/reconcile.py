# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""From what is wanted to what is there: read, plan, write; and all again when somebody else wrote in between."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws import calls
from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import Deadline
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.api import Wafv2
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.model import IpSet, Plan, Wanted, plan


def plan_all(api: Wafv2, wanted: Wanted) -> list[Plan]:
    """The plans of all sets, from one sweep; nothing is written before all of them are known."""
    found = api.find(wanted.names.values())
    return [
        plan(_read(api, name, found[name], wanted) if name in found else None, version, wanted)
        for version, name in wanted.names.items()
    ]


def carry_out(api: Wafv2, deadline: Deadline, first: Plan, version: int, wanted: Wanted) -> Plan:
    """Write what a plan says. Returns what came of it, from before the first attempt to after the last."""

    def plan_again() -> Plan:
        # What others wrote meanwhile is kept, removed or merged as the plan for it says.
        (current,) = plan_all(api, replace(wanted, names={version: first.name}))
        return current

    return replace(first, after=calls.carry_out(deadline, first, lambda plan: _write(api, plan), plan_again))


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
