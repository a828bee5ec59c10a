# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Any web ACL that botocore's model accepts: created, read back, equal, changed by one field, equal. Over HTTP."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import Deadline
from ansible_collections.rampart.ops.plugins.module_utils.wafv2 import rules
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.web_acl import Wanted, check, read_members
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.web_acl_api import WebAcls
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.web_acl_reconcile import plan_now, write
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from lab.aws.testing import Aws
from tests.unit.wafv2.web_acl_strategies import IP_SET, MEMBERS, PATTERN_SET, another, places, web_acls

MODULE = "rampart.ops.wafv2_web_acl"
OPTIONS = {
    "ApplicationConfig": "application_config",
    "AssociationConfig": "association_config",
    "CaptchaConfig": "captcha_config",
    "ChallengeConfig": "challenge_config",
    "CustomResponseBodies": "custom_response_bodies",
    "DataProtectionConfig": "data_protection_config",
    "DefaultAction": "default_action",
    "Description": "description",
    "MonetizationConfig": "monetization_config",
    "OnSourceDDoSProtectionConfig": "on_source_ddos_protection_config",
    "Rules": "rules",
    "TokenDomains": "token_domains",
    "VisibilityConfig": "visibility_config",
}
# Each example is a dozen calls: a failing one is told as it is, and not made smaller.
OVER_HTTP: dict[str, Any] = {
    "deadline": None,
    "phases": [Phase.explicit, Phase.reuse, Phase.generate],
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
}


@pytest.fixture
def account(aws: Aws) -> Aws:
    waf = aws.client("wafv2")
    waf.create_ip_set(Name=IP_SET, Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=[])
    waf.create_regex_pattern_set(Name=PATTERN_SET, Scope="REGIONAL", RegularExpressionList=[{"RegexString": "a"}])
    return aws


def held(aws: Aws) -> dict[str, Any] | None:
    waf = aws.client("wafv2")
    for summary in waf.list_web_acls(Scope="REGIONAL")["WebACLs"]:
        found: dict[str, Any] = waf.get_web_acl(Name="site", Scope="REGIONAL", Id=summary["Id"])["WebACL"]
        return found
    return None


def is_in(declared: Any, shown: Any, place: str = "") -> None:
    """Everything that was declared is there: a reference by name as an ARN, the name of a header in lower case."""
    if isinstance(declared, dict):
        for name, item in declared.items():
            if name == "Name" and "ARN" in shown:
                assert f"/{item}/" in shown["ARN"], place
            elif item != {} or not re.fullmatch(r"(\.Rules\[\d+\])?", place):  # an empty setting there is none
                assert name in shown, f"{place}.{name}"
                is_in(item, shown[name], f"{place}.{name}")
    elif isinstance(declared, list):
        assert len(declared) == len(shown), place
        if place == ".Rules":
            order = [rule["Name"] for rule in declared]
            shown = sorted(shown, key=lambda rule: order.index(rule["Name"]))
        for number, (one, other) in enumerate(zip(declared, shown, strict=True)):
            is_in(one, other, f"{place}[{number}]")
    elif place.endswith(".Name"):
        assert shown.lower() == declared.lower(), place
    else:
        assert shown == declared, place


def changed_by_one_field(data: Any, declared: dict[str, Any]) -> dict[str, Any]:
    spots = [
        ((name, *path), shape)
        for name, value in declared.items()
        if name != "CustomResponseBodies"
        for path, shape in places(value, MEMBERS[name])
    ]
    assume(spots)
    path, shape = data.draw(st.sampled_from(spots))
    other = copy.deepcopy(declared)
    inner: Any = other
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = another(data.draw, inner[path[-1]], shape, path[-1])
    return other


@given(declared=web_acls(), data=st.data())
@settings(max_examples=40, **OVER_HTTP)
def test_created_equal_changed_equal(account: Aws, declared: dict[str, Any], data: Any) -> None:
    api = WebAcls(account.client("wafv2"), "REGIONAL", Deadline())

    def converge(wanted: Wanted) -> list[str]:
        check(wanted, api.model)
        made = plan_now(api, Deadline(), wanted, False, pytest.fail)
        write(api, made)
        return [step for step, _ in made.steps]

    def wanted_of(given: dict[str, Any]) -> Wanted:
        members = {name: value for name, value in given.items() if name != "Rules"}
        read = rules.read(given["Rules"], api.model.rule)
        return Wanted("site", "REGIONAL", members=read_members(members, api.model), rules=read, max_capacity=5000)

    converge(Wanted("site", "REGIONAL", state="absent"))
    other = changed_by_one_field(data, declared)
    assert converge(wanted_of(declared)) == ["create"]
    is_in(declared, {"Rules": [], **(held(account) or {})})
    assert converge(wanted_of(declared)) == []
    assert converge(wanted_of(other)) in (["update"], [])  # nothing where only the case of a header differs
    is_in(other, {"Rules": [], **(held(account) or {})})
    assert converge(wanted_of(other)) == []


def as_written(value: Any) -> Any:
    """As it stands in a playbook: text for bytes."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, dict):
        return {name: as_written(item) for name, item in value.items()}
    return [as_written(item) for item in value] if isinstance(value, list) else value


@given(declared=web_acls(), data=st.data())
@settings(max_examples=4, **OVER_HTTP)
def test_created_equal_changed_equal_by_the_module(account: Aws, declared: dict[str, Any], data: Any) -> None:
    def run(given: dict[str, Any], **more: Any) -> bool:
        options = {OPTIONS[name]: as_written(value) for name, value in given.items()}
        common = {"name": "site", "scope": "REGIONAL", "max_capacity": 5000}
        result = account.run_module(MODULE, {**common, **options, **more})
        assert not result["failed"], result
        return bool(result["changed"])

    other = changed_by_one_field(data, declared)
    run({}, state="absent")
    assert run(declared)
    is_in(declared, {"Rules": [], **(held(account) or {})})
    assert not run(declared)
    run(other)
    is_in(other, {"Rules": [], **(held(account) or {})})
    assert not run(other)
