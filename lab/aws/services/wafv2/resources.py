# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""IP sets, regex pattern sets, rule groups and web ACLs: creation, change and deletion as AWS WAF does them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from moto.wafv2.models import FakeRule

from lab.aws.registry import amend, operation, race, rule
from lab.aws.services.wafv2 import capacity, statements
from lab.aws.services.wafv2.addresses import canonical_set
from lab.aws.services.wafv2.errors import (
    CAPACITY,
    FORMAT,
    REFERENCE,
    SCOPE,
    THRESHOLD,
    duplicate,
    in_use,
    invalid,
    limit,
    missing,
)

if TYPE_CHECKING:
    from lab.aws.call import Call

Params = dict[str, Any]

MAX_ADDRESSES = 10_000
MAX_WCU = 5_000
MAX_PATTERNS = 10
# Default quotas for each account, region and scope: https://docs.aws.amazon.com/waf/latest/developerguide/limits.html
QUOTAS = {"ip_sets": 100, "regex_pattern_sets": 10, "rule_groups": 100, "wacls": 100}
KINDS = {"IPSet": "ip_sets", "RegexPatternSet": "regex_pattern_sets", "RuleGroup": "rule_groups", "WebACL": "wacls"}
_BEYOND_MOTO = ("ApplicationConfig", "DataProtectionConfig", "MonetizationConfig", "OnSourceDDoSProtectionConfig")
_SCOPED = [f"{verb}{kind}" for kind in KINDS for verb in ("Create", "Get", "Update", "Delete")] + [
    "ListIPSets", "ListRegexPatternSets", "ListRuleGroups", "ListWebACLs", "ListLoggingConfigurations", "CheckCapacity",
    "ListAvailableManagedRuleGroups", "DescribeManagedRuleGroup", "GetSampledRequests",
]  # fmt: skip


def backend_of(call: Call, scope: str | None = None) -> Any:
    """moto keeps the global resources apart, under the name of the partition."""
    return call.backend(region="aws" if (scope or call.params.get("Scope")) == "CLOUDFRONT" else call.region)


def scope_of(arn: str) -> str:
    return "CLOUDFRONT" if arn.split(":")[5].startswith("global/") else "REGIONAL"


def _kind(call: Call) -> str:
    return next(table for name, table in KINDS.items() if call.operation.endswith(name))


def _identifier(resource: Any) -> str:
    return str(getattr(resource, "ip_set_id", None) or resource.id)


def resource_of(call: Call) -> Any:
    """The resource that a call names by Name and Id; it must exist."""
    for resource in getattr(backend_of(call), _kind(call)).values():
        if resource.name == call.params["Name"] and _identifier(resource) == call.params["Id"]:
            return resource
    raise missing()


def rules_in_use(backend: Any) -> list[tuple[Any, list[Params]]]:
    """Every web ACL and rule group with its rules."""
    return [
        (holder, [each.to_dict() for each in holder.rules])
        for table in ("wacls", "rule_groups")
        for holder in getattr(backend, table).values()
    ]


@rule("wafv2", *_SCOPED)
def check_scope(call: Call) -> None:
    scope, arn = call.params.get("Scope"), call.params.get("ARN")
    if scope == "CLOUDFRONT" and call.region != "us-east-1":
        raise invalid(SCOPE, "SCOPE_VALUE", scope)
    if scope is None and arn is None:
        raise invalid(FORMAT, "SCOPE_VALUE", "null")


@rule("wafv2", *(f"Create{name}" for name in KINDS))
def check_new(call: Call) -> None:
    existing = getattr(backend_of(call), _kind(call)).values()
    if any(resource.name == call.params["Name"] for resource in existing):
        raise duplicate()
    if len(existing) >= QUOTAS[_kind(call)]:
        raise limit()
    _check_tags(call.params.get("Tags", []))


@rule("wafv2", *(f"{verb}{name}" for name in KINDS for verb in ("Update", "Delete")))
def check_existing(call: Call) -> None:
    resource_of(call)


# --- IP sets ---------------------------------------------------------------------------------------------------------


@operation("wafv2", "CreateIPSet")
def create_ip_set(call: Call) -> Params:
    addresses = _addresses(call, call.params["IPAddressVersion"])
    result = call.moto({**call.params, "Addresses": addresses})
    made = backend_of(call).ip_sets[result["Summary"]["ARN"]]
    made.description = call.params.get("Description", "")
    result["Summary"].update(LockToken=_new_token(made), Description=made.description)
    return result


@operation("wafv2", "UpdateIPSet")
def update_ip_set(call: Call) -> Params:
    addresses = _addresses(call, resource_of(call).ip_address_version)
    call.moto({**call.params, "Addresses": addresses})
    changed = resource_of(call)
    changed.description = call.params.get("Description", "")  # an update replaces all that can be changed
    return {"NextLockToken": _new_token(changed)}


def _addresses(call: Call, version: str) -> list[str]:
    addresses = canonical_set(call.params["Addresses"], version)
    if len(addresses) > MAX_ADDRESSES:
        raise limit()
    return addresses


def _new_token(resource: Any) -> str:
    resource.lock_token = str(uuid.uuid4())  # moto's tokens of IP sets are not of the form that the model demands
    return str(resource.lock_token)


@rule("wafv2", "DeleteIPSet", "DeleteRegexPatternSet", "DeleteRuleGroup")
def check_not_referred_to(call: Call) -> None:
    arn = resource_of(call).arn
    if any(arn in statements.references(rules) for _holder, rules in rules_in_use(backend_of(call))):
        raise in_use()


# --- regex pattern sets ----------------------------------------------------------------------------------------------


@rule("wafv2", "CreateRegexPatternSet", "UpdateRegexPatternSet")
def check_patterns(call: Call) -> None:
    patterns = [each.get("RegexString", "") for each in call.params["RegularExpressionList"]]
    if len(patterns) > MAX_PATTERNS:
        raise limit()
    for text in patterns:
        statements.check_regex(text)


# --- rule groups and web ACLs ----------------------------------------------------------------------------------------


def needed_capacity(call: Call, rules: list[Params]) -> int:
    """Judge the rules, and tell what they need."""
    backend = backend_of(call)
    known = set(backend.ip_sets) | set(backend.regex_pattern_sets) | set(backend.rule_groups)
    statements.check_rules(rules, known, set(call.params.get("CustomResponseBodies", {})))
    return capacity.rules_cost(rules, lambda arn: int(backend.rule_groups[arn].capacity))


@rule("wafv2", "CreateRuleGroup", "UpdateRuleGroup")
def check_rule_group(call: Call) -> None:
    rules = call.params.get("Rules", [])
    available = call.params.get("Capacity") or resource_of(call).capacity
    if available > MAX_WCU:
        raise invalid(CAPACITY, "RULE_GROUP", str(available))
    for each in rules:
        if any(kind in statements.GROUPS for kind in each["Statement"]):
            raise invalid(REFERENCE, "RULE_GROUP", each["Name"])
    needed = needed_capacity(call, rules)
    if needed > available:
        raise invalid(THRESHOLD, "RULE_GROUP", str(needed))


@rule("wafv2", "CreateWebACL", "UpdateWebACL")
def check_web_acl(call: Call) -> None:
    bodies = set(call.params.get("CustomResponseBodies", {}))
    statements.check_action(call.params["DefaultAction"], bodies, "DEFAULT_ACTION")
    needed = needed_capacity(call, call.params.get("Rules", []))
    if needed > MAX_WCU:
        raise invalid(CAPACITY, "WEB_ACL", str(needed))


@amend("wafv2", "CreateWebACL", "UpdateWebACL")
def complete_web_acl(call: Call, result: Params) -> Params:
    """What AWS sets by itself; and an update replaces everything, also what the caller left out."""
    found = next(acl for acl in backend_of(call).wacls.values() if acl.name == call.params["Name"])
    found.capacity = needed_capacity(call, call.params.get("Rules", []))
    found.description = call.params.get("Description", "")
    if not call.params.get("Rules"):
        found.rules = []
    for name in ("AssociationConfig", "CaptchaConfig", "ChallengeConfig", "CustomResponseBodies", "TokenDomains"):
        if name not in call.params:
            setattr(found, _snake(name), None)
    found.beyond_moto = {name: call.params[name] for name in _BEYOND_MOTO if name in call.params}
    _as_stored(found.rules)
    return result


@amend("wafv2", "GetWebACL", "GetWebACLForResource")
def show_web_acl(call: Call, result: Params) -> Params:
    """With the members that moto does not keep."""
    shown = result.get("WebACL")
    if shown:
        backends = [call.backend(), call.backend(region="aws")]
        found = next(backend.wacls[shown["ARN"]] for backend in backends if shown["ARN"] in backend.wacls)
        shown.update(getattr(found, "beyond_moto", {}))
    return result


@amend("wafv2", "CreateRuleGroup", "UpdateRuleGroup")
def complete_rule_group(call: Call, result: Params) -> Params:
    found = next(group for group in backend_of(call).rule_groups.values() if group.name == call.params["Name"])
    found.description = call.params.get("Description", "")
    if not call.params.get("Rules"):
        found.rules = []
    if "CustomResponseBodies" not in call.params:
        found.custom_response_bodies = None
    _as_stored(found.rules)
    return result


def _snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name).lstrip("_")


def _as_stored(rules: list[Any]) -> None:
    """AWS WAF fills in the evaluation window, and keeps names of headers and query arguments in lower case.

    terraform-provider-aws, internal/service/wafv2/flex.go and schemas.go: "The value is returned in lower case by the
    API", for SingleHeader, SingleQueryArgument and the header of a rate limit.
    """
    for each in rules:
        if "RateBasedStatement" in each.statement:
            each.statement["RateBasedStatement"].setdefault("EvaluationWindowSec", 300)
        _lower_names(each.statement)


def _lower_names(value: Any) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in ("SingleHeader", "SingleQueryArgument", "Header"):
                inner["Name"] = inner["Name"].lower()
            if name != "ManagedRuleGroupConfigs":  # the header of a response is none of those
                _lower_names(inner)
    elif isinstance(value, list):
        for item in value:
            _lower_names(item)


@rule("wafv2", "DeleteWebACL")
def check_not_associated(call: Call) -> None:
    if resource_of(call).associated_resources:
        raise in_use()


@amend("wafv2", "DeleteWebACL")
def forget_logging(call: Call, result: Params) -> Params:
    kept = call.backend().logging_configurations
    for arn in [arn for arn in kept if arn not in backend_of(call, scope_of(arn)).wacls]:
        del kept[arn]
    return result


# --- tags ------------------------------------------------------------------------------------------------------------


def _check_tags(tags: list[Params]) -> None:
    keys = [tag["Key"] for tag in tags]
    if len(set(keys)) != len(keys) or len(keys) > 50:
        raise invalid(FORMAT, "TAGS", ", ".join(keys))


@rule("wafv2", "TagResource", "UntagResource", "ListTagsForResource")
def check_tagged_resource(call: Call) -> None:
    arn = call.params["ResourceARN"]
    if arn.count(":") < 5:
        raise invalid(FORMAT, "RESOURCE_ARN", arn)
    backend = backend_of(call, scope_of(arn))
    if not any(arn in getattr(backend, table) for table in KINDS.values()):
        raise missing()
    tags = call.params.get("Tags", [])
    _check_tags(tags)
    present = {tag["Key"] for tag in backend.tagging_service.list_tags_for_resource(arn)["Tags"]}
    if len(present | {tag["Key"] for tag in tags}) > 50:
        raise invalid(FORMAT, "TAGS", "more than 50 tags")


# --- lock races ------------------------------------------------------------------------------------------------------


@race("wafv2")
def somebody_else_writes(call: Call, wanted: Params) -> None:
    """Another writer changes the resource first: it has a new lock token, and perhaps other addresses or rules."""
    kind = next((table for name, table in KINDS.items() if call.operation.endswith(name)), None)
    if kind is None or "LockToken" not in call.params:
        return
    with call.app.moto.lock(call.account, "wafv2"):
        resource = resource_of(call)
        for rule_ in wanted.get("rules", []):  # of a web ACL or rule group, added
            resource.rules.append(FakeRule(**{_snake(name): value for name, value in rule_.items()}))
        for address in wanted.get("add", []):
            if address not in resource.addresses:
                resource.addresses.append(address)
        for address in wanted.get("remove", []):
            if address in resource.addresses:
                resource.addresses.remove(address)
        _new_token(resource)
