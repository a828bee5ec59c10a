# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The rules of a web ACL in AWS's own terms: completed, checked, put in order and compared. No I/O."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError, some
from ansible_collections.rampart.ops.plugins.module_utils.aws.shapes import canonical, fitted

Rule = Mapping[str, Any]

GROUPS = ("ManagedRuleGroupStatement", "RuleGroupReferenceStatement")
# https://docs.aws.amazon.com/waf/latest/APIReference/API_Statement.html: "can't nest".
_TOP_LEVEL = (*GROUPS, "RateBasedStatement")
# What a reference refers to, as the ARN names it.
_REFERENCES = {
    "IPSetReferenceStatement": "ipset",
    "RegexPatternSetReferenceStatement": "regexpatternset",
    "RuleGroupReferenceStatement": "rulegroup",
}
# Stands in an ARN's place until the name is looked up.
_BY_NAME = "arn:aws:wafv2:by-name::"
# https://docs.aws.amazon.com/waf/latest/APIReference/API_ByteMatchStatement.html
_MAX_SEARCH_BYTES = 200
# https://docs.aws.amazon.com/waf/latest/APIReference/API_VisibilityConfig.html
_RESERVED_METRICS = ("All", "Default_Action")

# Structures that need exactly one member: the API reference says so of each, its model does not.
UNIONS = frozenset(
    {
        "ActionCondition",
        "Condition",
        "CookieMatchPattern",
        "DefaultAction",
        "FieldToMatch",
        "HeaderMatchPattern",
        "JsonMatchPattern",
        "OverrideAction",
        "RateBasedStatementCustomKey",
        "RuleAction",
        "Statement",
    }
)
# What AWS means where a member is left out, and what it may add when it is asked:
# https://docs.aws.amazon.com/waf/latest/APIReference/ and there the page of each structure.
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "AWSManagedRulesACFPRuleSet": {"EnableRegexInPath": False},
    "AWSManagedRulesATPRuleSet": {"EnableRegexInPath": False},
    "AWSManagedRulesAntiDDoSRuleSet": {"SensitivityToBlock": "LOW"},
    "AWSManagedRulesBotControlRuleSet": {"EnableMachineLearning": True},
    "Body": {"OversizeHandling": "CONTINUE"},
    "ClientSideAction": {"Sensitivity": "HIGH"},
    "DataProtection": {"ExcludeRuleMatchDetails": False, "ExcludeRateBasedDetails": False},
    "JsonBody": {"OversizeHandling": "CONTINUE"},
    "LoggingConfiguration": {"LogType": "WAF_LOGS", "LogScope": "CUSTOMER", "ManagedByFirewallManager": False},
    "RateBasedStatement": {"EvaluationWindowSec": 300},
    "SqliMatchStatement": {"SensitivityLevel": "LOW"},
}
# Names of headers and of query arguments, which AWS WAF returns in lower case.
CASELESS = frozenset(
    {
        ("HeaderMatchPattern", "ExcludedHeaders"),
        ("HeaderMatchPattern", "IncludedHeaders"),
        ("RateLimitHeader", "Name"),
        ("RateLimitQueryArgument", "Name"),
        ("SingleHeader", "Name"),
        ("SingleQueryArgument", "Name"),
    }
)


def visibility(metric: str, *given: Mapping[str, Any] | None) -> dict[str, Any]:
    """The settings of metrics and samples: everything is on where nothing else is said."""
    result: dict[str, Any] = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": metric}
    for each in given:
        result.update(each or {})
    return result


def same(one: Any, other: Any, shape: Any) -> bool:
    """Whether two values mean the same to AWS WAF."""
    return bool(meaning(one, shape) == meaning(other, shape))


def meaning(value: Any, shape: Any) -> Any:
    """The form in which values that mean the same to AWS WAF are equal."""
    return canonical(value, shape, DEFAULTS, CASELESS)


# ------------------------------------------------------------------------------------------------------- what is given


def read(given: Iterable[Any], shape: Any) -> list[dict[str, Any]]:
    """Rules as the user writes them, completed and as botocore takes them; InvalidError tells all that is wrong.

    A rule may lack its Priority. References by name hold placeholders, see `references`.
    """
    rules, problems = [], []
    for number, rule in enumerate(given):
        if not isinstance(rule, Mapping) or not isinstance(rule.get("Name"), str):
            problems.append(f"rules[{number}]: a dictionary with a Name is needed")
            continue
        made, wrong = fitted(_completed(rule), shape, f"rule {rule['Name']}", UNIONS)
        problems += wrong or _problems(made)
        if rule.get("Priority") is None:
            del made["Priority"]
        rules.append(made)
    names = [rule["Name"] for rule in rules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        problems.append(f"there is more than one rule {', '.join(twice)}")
    if problems:
        raise InvalidError(f"rules: {some(problems)}")
    return rules


def read_names(given: Iterable[Any]) -> list[dict[str, Any]]:
    """Rules of which only the names matter."""
    if any(not isinstance(rule.get("Name"), str) for rule in given):
        raise InvalidError("rules: every rule needs a Name")
    return [{"Name": rule["Name"]} for rule in given]


def _completed(rule: Rule) -> dict[str, Any]:
    made = {name: _placed(value) for name, value in rule.items() if value != {}}
    if made.get("Priority") is None:
        made["Priority"] = 0
    visible = made.get("VisibilityConfig") or {}
    if isinstance(visible, Mapping):
        made["VisibilityConfig"] = visibility(rule["Name"], visible)
    statement = made.get("Statement")
    if isinstance(statement, Mapping) and any(kind in GROUPS for kind in statement):
        made["OverrideAction"] = made.get("OverrideAction") or {"None": {}}
    return made


def _placed(value: Any) -> Any:
    """With a placeholder for every reference by name."""
    if isinstance(value, Mapping):
        return {name: _placed_reference(name, inner) for name, inner in value.items()}
    return [_placed(item) for item in value] if isinstance(value, list) else value


def _placed_reference(kind: str, value: Any) -> Any:
    value = _placed(value)
    if kind in _REFERENCES and isinstance(value, dict) and isinstance(value.get("Name"), str) and "ARN" not in value:
        value["ARN"] = f"{_BY_NAME}{_REFERENCES[kind]}/{value.pop('Name')}"
    return value


def _problems(rule: Rule) -> list[str]:
    """What the model does not say."""
    where, statement = f"rule {rule['Name']}", rule["Statement"]
    problems = []
    is_group = any(kind in GROUPS for kind in statement)
    if is_group and "Action" in rule:
        problems.append(f"{where}: a rule group has an OverrideAction, and no Action")
    if not is_group and "OverrideAction" in rule:
        problems.append(f"{where}: only a rule group has an OverrideAction, this rule has an Action")
    elif not is_group and "Action" not in rule:
        problems.append(f"{where}: Action must be given")
    if rule["VisibilityConfig"]["MetricName"] in _RESERVED_METRICS:
        problems.append(f"{where}: the MetricName {rule['VisibilityConfig']['MetricName']} is reserved for AWS WAF")
    for depth, kind, body in statements(statement):
        if depth and kind in _TOP_LEVEL:
            problems.append(f"{where}: a {kind} cannot be within another statement")
        if kind in ("AndStatement", "OrStatement") and len(body["Statements"]) < 2:
            problems.append(f"{where}: an {kind} needs two statements or more")
        if len(body.get("SearchString", b"")) > _MAX_SEARCH_BYTES:
            problems.append(f"{where}: a SearchString has {_MAX_SEARCH_BYTES} bytes at most")
        priorities = [each["Priority"] for each in body.get("TextTransformations", [])]
        if len(set(priorities)) != len(priorities):
            problems.append(f"{where}: the priorities of the TextTransformations of a {kind} must differ")
    return problems


def statements(statement: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
    """A statement and all those within it, as (depth, kind, body)."""
    for kind, body in statement.items():
        yield depth, kind, body
        for inner in body.get("Statements", []):
            yield from statements(inner, depth + 1)
        for name in ("Statement", "ScopeDownStatement"):
            if name in body:
                yield from statements(body[name], depth + 1)


def response_bodies(value: Any) -> Iterator[str]:
    """The keys of all custom response bodies that rules or actions refer to."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name == "CustomResponseBodyKey":
                yield inner
            else:
                yield from response_bodies(inner)
    elif isinstance(value, list):
        for item in value:
            yield from response_bodies(item)


def countable(value: Any) -> Any:
    """The rules as CheckCapacity takes them, which is not told of custom response bodies: they cost nothing."""
    if isinstance(value, Mapping):
        return {name: countable(inner) for name, inner in value.items() if name != "CustomResponseBodyKey"}
    return [countable(item) for item in value] if isinstance(value, list) else value


# ----------------------------------------------------------------------------------------------------------- references


def references(rules: Iterable[Rule]) -> set[tuple[str, str]]:
    """What rules refer to by name, as (ipset | regexpatternset | rulegroup, name)."""
    found = set()
    for arn in _arns(rules):
        if arn.startswith(_BY_NAME):
            kind, _slash, name = arn[len(_BY_NAME) :].partition("/")
            found.add((kind, name))
    return found


def referred(rules: Iterable[Rule], owner: str) -> dict[tuple[str, str], str]:
    """The ARNs in rules that AWS holds, by kind and name: what is referred to cannot have been replaced meanwhile.

    `owner` is the ARN of the web ACL: another account's rule group can have the name of one of its own.
    """
    found = {}
    for arn in _arns(rules):
        parts = arn.split(":", 5)[-1].split("/")  # regional/ipset/NAME/ID
        if len(parts) == 4 and arn.split(":")[4] == owner.split(":")[4]:
            found[parts[1], parts[2]] = arn
    return found


def resolved(rules: Iterable[Rule], arns: Mapping[tuple[str, str], str]) -> list[dict[str, Any]]:
    """The rules with these ARNs for what they refer to by name; what is not among them stays a placeholder."""
    known = {f"{_BY_NAME}{kind}/{name}": arn for (kind, name), arn in arns.items()}
    return [_replaced(rule, known.get) for rule in rules]


def _arns(rules: Iterable[Rule]) -> Iterator[str]:
    for rule in rules:
        for _depth, kind, body in statements(rule.get("Statement", {})):
            if kind in _REFERENCES:
                yield body["ARN"]


def _replaced(value: Any, arn: Callable[[str], str | None]) -> Any:
    if isinstance(value, Mapping):
        found = {name: _replaced(inner, arn) for name, inner in value.items()}
        if "ARN" in found:
            found["ARN"] = arn(found["ARN"]) or found["ARN"]
        return found
    return [_replaced(item, arn) for item in value] if isinstance(value, list) else value


# ---------------------------------------------------------------------------------------------------------------- order


def exact(given: Iterable[Rule], held: Iterable[Rule], shape: Any) -> list[Rule]:
    """These rules and no others. A rule without a Priority comes right after the one before it in the list."""
    rules, last = [], -1
    for rule in given:
        last = rule.get("Priority", last + 1)
        rules.append({**rule, "Priority": last})
    return _settled(rules, held, shape)


def merged(given: Iterable[Rule], held: Iterable[Rule], shape: Any) -> list[Rule]:
    """The held rules, with these replaced and added by name.

    A rule without a Priority keeps the one that it has; a new one comes after all others.
    """
    given, held = list(given), list(held)
    has = {rule["Name"]: rule["Priority"] for rule in held}
    names = {rule["Name"] for rule in given}
    last = max([-1, *has.values(), *(rule["Priority"] for rule in given if "Priority" in rule)])
    rules = [rule for rule in held if rule["Name"] not in names]
    for rule in given:
        priority = rule.get("Priority", has.get(rule["Name"]))
        if priority is None:
            last = priority = last + 1
        rules.append({**rule, "Priority": priority})
    return _settled(rules, held, shape)


def _settled(rules: Iterable[Rule], held: Iterable[Rule], shape: Any) -> list[Rule]:
    """By priority; and what is as AWS has it, in AWS's words."""
    taken: dict[int, list[str]] = defaultdict(list)
    for rule in rules:
        taken[rule["Priority"]].append(rule["Name"])
    shared = [f"{' and '.join(names)} have the priority {n}" for n, names in sorted(taken.items()) if len(names) > 1]
    if shared:
        raise InvalidError(f"rules: {some(shared)}: every rule needs a priority of its own")
    before = {rule["Name"]: rule for rule in held}
    return [
        before[rule["Name"]] if rule["Name"] in before and same(rule, before[rule["Name"]], shape) else rule
        for rule in sorted(rules, key=lambda rule: int(rule["Priority"]))
    ]
