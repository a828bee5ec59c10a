# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
name: waf_policy
short_description: The web ACLs that a declaration means, in AWS's terms
version_added: 0.1.0
description:
  - Makes rules of presets and of what is added to them, in the order in which requests meet them, counts their capacity
    and says what is wrong with them, without asking AWS. The role P(rampart.ops.waf#role) says what a declaration is.
  - A rule that could stop a request counts, unless the declaration enforces it by its name.
options:
  _input:
    description: The web ACLs, as the role's variable C(waf_web_acls).
    type: list
    elements: dict
    required: true
  presets:
    description: Parts of web ACLs in the same terms, by name.
    type: dict
    required: true
  deny:
    description: The C(name), C(shards) and C(scope) of the IP sets of the blocklist.
    type: dict
    required: true
  today:
    description: The date, as C(YYYY-MM-DD), by which rules are enforced.
    type: str
    required: true
author:
  - The Rampart developers (@rampart-ops)
"""

EXAMPLES = r"""
- name: Show which rules would count
  ansible.builtin.debug:
    msg: "{{ policy.present[0].counted }}"
  vars:
    presets: {tiny: {managed_rule_groups: [AWSManagedRulesKnownBadInputsRuleSet]}}
    deny: {name: rampart-blocked, shards: 1, scope: REGIONAL}
    policy: "{{ [{'name': 'site', 'presets': ['tiny']}] | rampart.ops.waf_policy(presets, deny, '2026-12-01') }}"
"""

RETURN = r"""
_value:
  description:
    - C(problems), one sentence each; C(present), the web ACLs that shall be, with C(rules), C(default_action),
      C(ip_sets) by name, C(capacity), C(enforced) and C(counted) rules; C(absent), those that shall not.
    - With problems there are no web ACLs.
  type: dict
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.rampart.ops.plugins.filter.network_problems import network_problems
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.capacity import INCLUDED_WCU
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.web_acl_api import model_of
from ansible_collections.rampart.ops.plugins.modules import wafv2_web_acl
from ansible_collections.rampart.ops.plugins.plugin_utils.waf.policy import (
    Policy,
    check_size,
    compose,
    own_ip_sets,
)

with suppress(ImportError):  # the modules say so
    from botocore.session import get_session

# Options of the web ACL that are the module's own, too.
PASSED_ON = ("custom_response_bodies", "description", "max_capacity", "resources", "resources_mode", "tags")
# What a log must not hold.
REDACTED = ("authorization", "cookie")


def waf_policy(
    declared: Any, presets: Mapping[str, Any], deny: Mapping[str, Any], today: str
) -> dict[str, list[dict[str, Any]] | list[str]]:
    if not isinstance(declared, (list, tuple)) or not all(isinstance(each, Mapping) for each in declared):
        raise AnsibleFilterError("waf_policy needs a list of web ACLs, dictionaries each")
    present, absent, problems = [], [], list(_not_unique(declared))
    for each in declared:
        if each.get("state") == "absent":
            absent.append(_names(each))
            continue
        try:
            present.append(_web_acl(each, presets, deny, today))
        except InvalidError as error:
            problems.append(f"Web ACL {each.get('name')}: {error}.")
    return {"problems": problems, "present": [] if problems else present, "absent": [] if problems else absent}


def _not_unique(declared: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Of two scopes, too: their log groups would be one, and a report could not tell them apart."""
    names = [each.get("name") for each in declared]
    for name in sorted({str(name) for name in names if names.count(name) > 1}):
        yield f"Two web ACLs are named {name}."


def _names(declared: Mapping[str, Any]) -> dict[str, Any]:
    scope = declared.get("scope") or "REGIONAL"
    return {
        "name": declared["name"],
        "scope": scope,
        "region": "us-east-1" if scope == "CLOUDFRONT" else None,
        "log_group": f"aws-waf-logs-{declared['name']}",
        "unused_ip_sets": list(own_ip_sets(declared)),
    }


def _web_acl(
    declared: Mapping[str, Any], presets: Mapping[str, Any], deny: Mapping[str, Any], today: str
) -> dict[str, Any]:
    policy = compose(declared, presets, deny, today)
    wrong = [problem for networks in own_ip_sets(declared).values() for problem in network_problems(networks)]
    if wrong:
        raise InvalidError(f"allowed_networks and admin_networks: {'; '.join(wrong)}")
    headers = declared.get("redacted_headers")
    logging = {
        "RedactedFields": [{"SingleHeader": {"Name": name}} for name in (REDACTED if headers is None else headers)],
        **(declared.get("logging") or {}),
    }
    _check(policy, declared, logging)
    check_size(policy, int(declared.get("max_capacity") or INCLUDED_WCU))
    names = _names(declared)
    return {
        **names,
        **{option: declared[option] for option in PASSED_ON if declared.get(option) is not None},
        "log_group": "" if "LogDestinationConfigs" in logging else names["log_group"],
        "log_retention": 30 if declared.get("log_retention") is None else declared["log_retention"],
        "logging": logging,
        "default_action": policy.default_action,
        "rules": policy.rules,
        "ip_sets": [{"name": name, "addresses": networks} for name, networks in policy.ip_sets.items()],
        "unused_ip_sets": [name for name in names["unused_ip_sets"] if name not in policy.ip_sets],
        "capacity": policy.capacity,
        "enforced": policy.enforced,
        "counted": dict(policy.counted),
        "denies": policy.denies,
    }


def _check(policy: Policy, declared: Mapping[str, Any], logging: Mapping[str, Any]) -> None:
    """By the module's own rules, as it will be told."""
    given = {
        "name": policy.name,
        "scope": policy.scope,
        "default_action": policy.default_action,
        "rules": policy.rules,
        "logging": {"LogDestinationConfigs": [f"arn:aws:logs:r:{'0' * 12}:log-group:aws-waf-logs-x"], **logging},
        **{option: declared[option] for option in PASSED_ON if declared.get(option) is not None},
    }
    result = ArgumentSpecValidator(dict(wafv2_web_acl.ARGUMENT_SPEC)).validate(given)
    if result.error_messages:
        raise InvalidError("; ".join(result.error_messages))
    wafv2_web_acl.wanted_of(result.validated_parameters, None, _model())


@lru_cache(maxsize=1)
def _model() -> Any:
    """As the module will find it in this controller's SDK."""
    return model_of(get_session().get_service_model("wafv2"))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., dict[str, Any]]]:
        return {"waf_policy": waf_policy}
