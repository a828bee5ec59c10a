# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""A web ACL, from what is there to a plan, and from a plan to what shall be there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError, some
from ansible_collections.rampart.ops.plugins.module_utils.wafv2 import capacity, rules
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.web_acl import Plan, Wanted, WebAcl, plan
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.web_acl_api import WebAcls

# A set that was made a moment ago may not be listed yet.
_LISTING_ATTEMPTS = 3
_WORDS = {"ipset": "IP set", "regexpatternset": "regex pattern set", "rulegroup": "rule group"}


def plan_now(api: WebAcls, deadline: Deadline, wanted: Wanted, check_mode: bool, warn: Callable[[str], None]) -> Plan:
    """The plan, of which AWS has confirmed the capacity. `warn` is told what a user should know who reads it."""
    current = _read(api, wanted)
    missing: list[str] = []
    if wanted.rules is not None and wanted.state == "present":
        resolved, missing = _resolved(api, deadline, wanted.rules, current, 1 if check_mode else _LISTING_ATTEMPTS)
        wanted = replace(wanted, rules=resolved)
    if missing and not check_mode:
        raise InvalidError(f"rules: there is no {some(missing)} of scope {wanted.scope} to refer to")
    for name in missing:
        warn(f"there is no {name} yet: the rules that refer to it can be written when there is")
    made = plan(current, wanted, api.model)
    if made.after is not None:
        made = replace(made, after=_counted(api, made, made.after, wanted, bool(missing)))
    for step, arn in made.steps:
        other = api.protecting(arn) if step == "associate" else None
        if other:
            warn(f"{arn} is taken from the web ACL {other}")
    return made


def _read(api: WebAcls, wanted: Wanted) -> WebAcl | None:
    summary = api.find(wanted.name)
    if summary is None:
        return None
    web_acl = api.get(wanted.name, summary["Id"])
    if wanted.tags is not None and wanted.state == "present":
        web_acl = replace(web_acl, tags=api.tags(web_acl))
    if wanted.deletes or (wanted.logging is not None and wanted.state == "present"):
        web_acl = replace(web_acl, logging=api.logging(web_acl))
    if wanted.deletes or (wanted.resources is not None and wanted.state == "present"):
        web_acl = replace(web_acl, resources=api.resources(web_acl, wanted.resource_types()))
    return web_acl


def _resolved(
    api: WebAcls, deadline: Deadline, given: list[dict[str, Any]], current: WebAcl | None, attempts: int
) -> tuple[list[dict[str, Any]], list[str]]:
    """The rules with ARNs for names, and the names for which there is none."""
    wanted = rules.references(given)
    known = rules.referred(current.rules, str(current.arn)) if current else {}
    attempt = 0
    while True:
        for kind in sorted({kind for kind, name in wanted - set(known)}):
            names = [name for each, name in wanted - set(known) if each == kind]
            known.update({(kind, name): arn for name, arn in api.arns(kind, names).items()})
        missing = sorted(f"{_WORDS[kind]} {name}" for kind, name in wanted - set(known))
        attempt += 1
        if not missing or attempt >= attempts or not deadline.wait(attempt):
            return rules.resolved(given, known), missing


def _counted(api: WebAcls, made: Plan, after: WebAcl, wanted: Wanted, incomplete: bool) -> WebAcl:
    """What shall be, with its capacity; InvalidError if that is more than is wanted."""
    if made.writes_rules:
        if incomplete:  # AWS does not count what refers to nothing
            needed = sum(each or 0 for each in capacity.by_rule(after.rules).values())
        else:
            needed = api.capacity(rules.countable(after.rules)) if after.rules else 0
        after = replace(after, capacity=needed)
    if wanted.rules is not None and wanted.state == "present" and (after.capacity or 0) > wanted.max_capacity:
        raise InvalidError(capacity.too_much(after.name, after.capacity or 0, wanted.max_capacity, after.rules))
    return after


def write(api: WebAcls, plan: Plan) -> WebAcl | None:
    """Carry out the steps of a plan; what there is then."""
    web_acl = plan.after or plan.before
    if web_acl is None:
        return None
    for step, argument in plan.steps:
        if step == "create":
            web_acl = api.create(web_acl)
        elif step == "update":
            api.update(web_acl)
        elif step == "untag":
            api.untag(web_acl, argument)
        elif step == "tag":
            api.tag(web_acl, argument)
        elif step == "log":
            api.log(web_acl, argument)
        elif step == "unlog":
            api.unlog(web_acl)
        elif step == "associate":
            api.associate(web_acl, argument)
        elif step == "dissociate":
            api.dissociate(argument)
        elif step == "delete":
            api.delete(web_acl, any(each == "dissociate" for each, _arn in plan.steps))
    return web_acl if plan.after else None
