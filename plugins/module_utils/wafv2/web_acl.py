# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What a web ACL is, what is wanted of it, and the plan that leads from one to the other. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.model import (
    InvalidError,
    TagChange,
    check_tags,
    some,
    tag_change,
)
from ansible_collections.rampart.ops.plugins.module_utils.aws.shapes import fitted
from ansible_collections.rampart.ops.plugins.module_utils.wafv2 import capacity, rules

# https://docs.aws.amazon.com/waf/latest/APIReference/API_AssociateWebACL.html, and API_CreateWebACL for the scope
RESOURCE_TYPES = {
    "AGENTCORE_GATEWAY": r"arn:[^:]+:bedrock-agentcore:[^:]+:[^:]+:gateway/.+",
    "AMPLIFY": r"arn:[^:]+:amplify:[^:]+:[^:]+:apps/.+",
    "API_GATEWAY": r"arn:[^:]+:apigateway:[^:]+:[^:]*:/restapis/[^/]+/stages/.+",
    "APPLICATION_LOAD_BALANCER": r"arn:[^:]+:elasticloadbalancing:[^:]+:[^:]+:loadbalancer/app/.+",
    "APPSYNC": r"arn:[^:]+:appsync:[^:]+:[^:]+:apis/.+",
    "APP_RUNNER_SERVICE": r"arn:[^:]+:apprunner:[^:]+:[^:]+:service/.+",
    "COGNITO_USER_POOL": r"arn:[^:]+:cognito-idp:[^:]+:[^:]+:userpool/.+",
    "VERIFIED_ACCESS_INSTANCE": r"arn:[^:]+:ec2:[^:]+:[^:]+:verified-access-instance/.+",
}
_GLOBAL_TYPES = ("AMPLIFY",)
# https://docs.aws.amazon.com/waf/latest/developerguide/logging-destinations.html
_DESTINATION = re.compile(
    r"arn:[^:]+:(?:logs:(?P<logs>[^:]+):\d{12}:log-group:aws-waf-logs-[^:*]+"
    r"|firehose:(?P<firehose>[^:]+):\d{12}:deliverystream/aws-waf-logs-[^/]+"
    r"|s3:::aws-waf-logs-.+)"
)

# https://docs.aws.amazon.com/waf/latest/APIReference/API_LoggingConfiguration.html
_REDACTABLE = {"Method", "QueryString", "SingleHeader", "UriPath"}


@dataclass(frozen=True)
class Model:
    """The shapes of botocore that web ACLs are made of."""

    members: Mapping[str, Any]  # those that an update replaces
    name: Any
    logging: Any

    @property
    def rule(self) -> Any:
        return self.members["Rules"].member


@dataclass(frozen=True)
class WebAcl:
    """A web ACL, as it is or as it shall be. Tags, logging and resources are None where nobody asked for them."""

    name: str
    scope: str
    body: Mapping[str, Any] = field(default_factory=dict)  # what an update replaces, by the names that AWS gives
    id: str | None = None
    arn: str | None = None
    lock_token: str | None = None
    capacity: int | None = None
    tags: Mapping[str, str] | None = None
    logging: Mapping[str, Any] | None = None  # empty: there is none
    resources: frozenset[str] | None = None
    unknown: tuple[str, ...] = ()  # members that this version of botocore cannot write back

    @property
    def rules(self) -> list[dict[str, Any]]:
        return list(self.body.get("Rules", []))


@dataclass(frozen=True)
class Wanted:
    """What the user asks for. None, or a member that is not there, means: as it is."""

    name: str
    scope: str
    state: str = "present"
    members: Mapping[str, Any] = field(default_factory=dict)  # an empty one: AWS's default
    rules: list[dict[str, Any]] | None = None
    rules_mode: str = "exact"
    max_capacity: int = capacity.INCLUDED_WCU
    resources: frozenset[str] | None = None
    resources_mode: str = "exact"
    logging: Mapping[str, Any] | None = None
    tags: Mapping[str, str] | None = None
    purge_tags: bool = True

    @property
    def deletes(self) -> bool:
        """Whether the web ACL itself shall go, not some of its rules."""
        return self.state == "absent" and (self.rules is None or self.rules_mode == "exact")

    def resource_types(self) -> list[str]:
        """The types of resources that must be listed to know what is to be done."""
        if self.deletes or (self.resources is not None and self.resources_mode == "exact" and self.state == "present"):
            return [name for name in RESOURCE_TYPES if (name in _GLOBAL_TYPES) == (self.scope == "CLOUDFRONT")]
        if self.state == "present":
            return sorted({resource_type(arn, self.scope) for arn in self.resources or ()})
        return []


@dataclass(frozen=True)
class Plan:
    """The steps from a web ACL as it is to what is wanted, as (what, with what)."""

    before: WebAcl | None
    after: WebAcl | None
    steps: tuple[tuple[str, Any], ...] = ()

    @property
    def writes_rules(self) -> bool:
        return self.after is not None and self.after.rules != (self.before.rules if self.before else [])


# ------------------------------------------------------------------------------------------------------- what is given


def read_members(given: Mapping[str, Any], model: Model) -> dict[str, Any]:
    """The members of the web ACL itself as botocore takes them; empty ones shall be removed."""
    members, problems = {}, []
    for name, value in given.items():
        if name not in model.members:
            problems.append(f"{name}: this version of botocore does not know it")
        elif value in ({}, [], ""):
            members[name] = value
        else:
            if name == "VisibilityConfig":
                value = rules.visibility("default", value)
            members[name], wrong = fitted(value, model.members[name], name, rules.UNIONS)
            problems += wrong
            if name == "VisibilityConfig":  # what is not given stays as it is
                members[name] = {key: item for key, item in members[name].items() if key in given[name]}
    if not members.get("DefaultAction", True):
        problems.append("DefaultAction: exactly one of Block, Allow is needed")
    if problems:
        raise InvalidError(some(problems))
    return members


def read_logging(given: Mapping[str, Any] | None, region: str | None, model: Model) -> dict[str, Any] | None:
    """A logging configuration as botocore takes it, without the web ACL's ARN; an empty one shall be removed."""
    if not given:
        return None if given is None else {}
    placeholder = {"ResourceArn": "arn:aws:wafv2:of:the:web-acl"}
    if "ResourceArn" in given:
        raise InvalidError("logging: ResourceArn is the web ACL itself, leave it out")
    destinations = given.get("LogDestinationConfigs")
    if isinstance(destinations, list):  # CloudWatch Logs writes ARNs of log groups with an end that AWS WAF drops
        given = {**given, "LogDestinationConfigs": [re.sub(r":\*$", "", str(arn)) for arn in destinations]}
    made, problems = fitted({**given, **placeholder}, model.logging, "logging", rules.UNIONS)
    made.pop("ResourceArn")
    for arn in made.get("LogDestinationConfigs", []):
        found = _DESTINATION.fullmatch(str(arn))
        if not found:
            problems.append(
                f"logging: {arn} is no ARN of a log group, Firehose stream or S3 bucket whose name begins with "
                "aws-waf-logs-"
            )
        elif region and {found["logs"], found["firehose"]} - {region, None}:
            problems.append(f"logging: {arn} must be in {region}, as the web ACL is")
    for redacted in made.get("RedactedFields", []):
        if not set(redacted) <= _REDACTABLE:
            problems.append(
                f"logging: of a request {', '.join(sorted(_REDACTABLE))} can be redacted, not {', '.join(redacted)}"
            )
    if problems:
        raise InvalidError(some(problems))
    return dict(made)


def resource_type(arn: str, scope: str) -> str:
    """The type of a resource that a web ACL of this scope can be associated with."""
    found = next((name for name, pattern in RESOURCE_TYPES.items() if re.fullmatch(pattern, arn)), None)
    if ":cloudfront:" in arn:
        raise InvalidError(
            f"resources: {arn}: a distribution names its web ACL itself, give it this one's ARN as web_acl_id"
        )
    if found is None:
        raise InvalidError(f"resources: {arn} is no ARN of a {', '.join(RESOURCE_TYPES)}")
    if (found in _GLOBAL_TYPES) != (scope == "CLOUDFRONT"):
        raise InvalidError(f"resources: {arn}: a web ACL of scope {scope} cannot protect a resource of type {found}")
    return found


def check(wanted: Wanted, model: Model) -> None:
    """Refuse what AWS would refuse, or what cannot be meant, before anything is asked or changed."""
    _name, problems = fitted(wanted.name, model.name, "name")
    if not 1 <= wanted.max_capacity <= capacity.MAX_WCU:
        problems.append(f"max_capacity: {wanted.max_capacity} is not from 1 to {capacity.MAX_WCU}")
    if problems:
        raise InvalidError(some(problems))
    check_tags(wanted.tags)
    for arn in wanted.resources or ():
        resource_type(arn, wanted.scope)
    if wanted.state == "present" and wanted.rules is not None:
        rules.exact(wanted.rules if wanted.rules_mode == "exact" else _placed(wanted.rules), [], model.rule)


def _placed(given: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [rule for rule in given if "Priority" in rule]


# --------------------------------------------------------------------------------------------------------------- plans


def plan(current: WebAcl | None, wanted: Wanted, model: Model) -> Plan:
    """What is to be done."""
    if wanted.state == "absent" and current is None:
        return Plan(None, None)
    if wanted.deletes and current is not None:
        return Plan(current, None, tuple(_removal(current)))

    before = current or WebAcl(wanted.name, wanted.scope)
    present = wanted.state == "present"
    tags = tag_change(before.tags or {}, wanted.tags if present else None, wanted.purge_tags)
    after = replace(before, body=_body(before, wanted, model))
    if wanted.tags is not None and present:
        after = replace(after, tags=tags.applied(before.tags or {}))
    if wanted.logging is not None and present:
        after = replace(after, logging=_logging(before.logging or {}, wanted.logging, model))
    if wanted.resources is not None and present:
        others = before.resources or frozenset()
        after = replace(
            after, resources=wanted.resources if wanted.resources_mode == "exact" else others | wanted.resources
        )
    _check_bodies(after)
    return Plan(current, after, tuple(_steps(current, before, after, tags)))


def _body(before: WebAcl, wanted: Wanted, model: Model) -> dict[str, Any]:
    body = dict(before.body)
    if wanted.state == "absent":
        names = {rule["Name"] for rule in wanted.rules or ()}
        return _with_rules(body, [rule for rule in before.rules if rule["Name"] not in names])
    if before.id is None and not wanted.members.get("DefaultAction"):
        raise InvalidError(f"default_action must be given to create the web ACL {before.name}: Allow or Block")
    for name, value in wanted.members.items():
        if name == "VisibilityConfig":
            value = rules.visibility(wanted.name, body.get(name), value)
        if name == "CustomResponseBodies" and wanted.rules_mode == "merge" and value:
            value = {**body.get(name, {}), **value}
        if value in ({}, [], ""):
            body.pop(name, None)
        elif name not in body or not rules.same(body[name], value, model.members[name]):
            body[name] = value
    body.setdefault("VisibilityConfig", rules.visibility(wanted.name))
    if wanted.rules is None:
        return body
    order = rules.merged if wanted.rules_mode == "merge" else rules.exact
    return _with_rules(body, order(wanted.rules, before.rules, model.rule))


def _with_rules(body: dict[str, Any], given: list[Mapping[str, Any]]) -> dict[str, Any]:
    body.pop("Rules", None)
    return {**body, "Rules": given} if given else body


def _logging(held: Mapping[str, Any], wanted: Mapping[str, Any], model: Model) -> Mapping[str, Any]:
    if held and wanted and rules.same(held, wanted, model.logging):
        return held
    return wanted


def _check_bodies(web_acl: WebAcl) -> None:
    named = {
        *rules.response_bodies(web_acl.body.get("DefaultAction", {})),
        *rules.response_bodies(web_acl.rules),
    }
    unknown = sorted(named - set(web_acl.body.get("CustomResponseBodies", {})))
    if unknown:
        raise InvalidError(f"custom_response_bodies: there is none of the name {some(unknown)}")


def _steps(current: WebAcl | None, before: WebAcl, after: WebAcl, tags: TagChange) -> Iterable[tuple[str, Any]]:
    if current is None:
        yield "create", None
    else:
        if after.body != before.body:
            if before.unknown:
                raise InvalidError(
                    f"the web ACL {before.name} has {some(before.unknown)}, which this version of botocore does not "
                    "know, so that an update would remove it: install a newer one"
                )
            yield "update", None
        if tags.removed:
            yield "untag", tags.removed
        if tags.set:
            yield "tag", tags.set
    if (after.logging or {}) != (before.logging or {}):
        yield ("log", after.logging) if after.logging else ("unlog", before.logging)
    held, wanted = before.resources or frozenset(), after.resources or frozenset()
    for arn in sorted(held - wanted):
        yield "dissociate", arn
    for arn in sorted(wanted - held):
        yield "associate", arn


def _removal(current: WebAcl) -> Iterable[tuple[str, Any]]:
    for arn in sorted(current.resources or ()):
        yield "dissociate", arn
    if current.logging:
        yield "unlog", current.logging
    yield "delete", None


# ------------------------------------------------------------------------------------------------------------- reports


def report(web_acl: WebAcl | None) -> dict[str, Any]:
    """What the module returns of the web ACL."""
    if web_acl is None:
        return {"web_acl": None, "capacity": None, "capacity_by_rule": {}}
    body = {"Name": web_acl.name, "Id": web_acl.id, "ARN": web_acl.arn, "Capacity": web_acl.capacity, **web_acl.body}
    result: dict[str, Any] = {
        "web_acl": _printable(body),
        "arn": web_acl.arn,
        "id": web_acl.id,
        "capacity": web_acl.capacity,
        "capacity_by_rule": capacity.by_rule(web_acl.rules, web_acl.capacity),
    }
    if web_acl.tags is not None:
        result["tags"] = dict(web_acl.tags)
    if web_acl.logging is not None:
        result["logging"] = _printable(web_acl.logging)
    if web_acl.resources is not None:
        result["resources"] = sorted(web_acl.resources)
    return result


def describe(web_acl: WebAcl | None, model: Model) -> dict[str, Any]:
    """The web ACL as a diff shows it: every value on a line of its own, which names its rule and its place in it.

    What AWS means where nothing is said is shown, so that it is no difference whether it was said.
    """
    if web_acl is None:
        return {}
    shown: dict[str, Any] = {"Name": web_acl.name}
    for name, value in web_acl.body.items():
        if name != "Rules":
            shown.update(_flat(name, rules.meaning(value, model.members[name])))
    for given in web_acl.rules:
        rule = rules.meaning(given, model.rule)
        for name, value in rule.items():
            if name != "Name":
                shown.update(_flat(f"rule {rule['Name']}: {name}", value))
    shown.update({f"tag {key}": value for key, value in (web_acl.tags or {}).items()})
    shown.update({f"resource {arn}": "associated" for arn in web_acl.resources or ()})
    if web_acl.logging:
        shown.update(_flat("logging", rules.meaning(web_acl.logging, model.logging)))
    return shown


def changes(diff: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Of a diff what is not the same before and after."""
    before, after = diff["before"], diff["after"]
    return {
        "before": {place: value for place, value in before.items() if place not in after or after[place] != value},
        "after": {place: value for place, value in after.items() if place not in before or before[place] != value},
    }


def _flat(place: str, value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _flat(f"{place}.{name}", item)
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for number, item in enumerate(value):
            yield from _flat(f"{place}[{number}]", item)
    else:
        yield place, _printable(value)


def _printable(value: Any) -> Any:
    """Bytes as the text that they most often are."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, Mapping):
        return {name: _printable(item) for name, item in value.items()}
    return [_printable(item) for item in value] if isinstance(value, list) else value
