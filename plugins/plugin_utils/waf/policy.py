# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""From the declaration of a web ACL (presets, and what is added to them) to its rules in AWS's terms. No I/O, no clock.

A rule that would stop a request counts until the declaration enforces it by its name. So what a rule does follows from
the declaration and the date alone, and a rule that is new, whatever brought it, is one that nobody has named yet.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.wafv2 import capacity
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.model import Wanted as IpSets
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.rules import GROUPS, statements

Rule = Mapping[str, Any]

# Which managed rule groups a site can do without first, when all cost too much: those for software that it may not run.
DISPENSABLE = (
    "AWSManagedRulesWindowsRuleSet",
    "AWSManagedRulesLinuxRuleSet",
    "AWSManagedRulesUnixRuleSet",
    "AWSManagedRulesWordPressRuleSet",
    "AWSManagedRulesPHPRuleSet",
    "AWSManagedRulesAdminProtectionRuleSet",
    "AWSManagedRulesAnonymousIpList",
    "AWSManagedRulesBotControlRuleSet",
    "AWSManagedRulesSQLiRuleSet",
)
_PROPOSALS, _MOST_DROPPED = 3, 3
# Actions that an honest visitor can fail at.
STOPPING = ("Block", "Captcha", "Challenge")
# The most characters of a RegexString, and references to sets of one web ACL:
# https://docs.aws.amazon.com/waf/latest/developerguide/limits.html
_MAX_REGEX, _MAX_REFERENCES = 512, 50
# Without one of these the other two would let in all, or nobody.
_TOGETHER = ("undeclared-paths", "declared-paths")
# Servers decode a path, and take /a/../b, /./b and //b for /b: https://datatracker.ietf.org/doc/html/rfc3986#section-6
_AS_SERVERS_READ = [{"Priority": 0, "Type": "URL_DECODE"}, {"Priority": 1, "Type": "NORMALIZE_PATH"}]
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/-]*")


@dataclass(frozen=True)
class Policy:
    """The rules of a web ACL as they shall be, and what they need."""

    name: str
    scope: str
    default_action: Mapping[str, Any]
    rules: list[Rule]
    ip_sets: Mapping[str, list[str]]  # of its own: name, without the family, and networks
    enforced: list[str]
    counted: Mapping[str, str | None]  # rule, and from which day it is enforced
    denies: bool  # whether it refers to the IP sets of the blocklist

    @property
    def capacity(self) -> int:
        """The WCU that can be told offline."""
        return sum(each or 0 for each in capacity.by_rule(self.rules).values())


def compose(declared: Mapping[str, Any], presets: Mapping[str, Any], deny: Mapping[str, Any], today: str) -> Policy:
    """The web ACL that is declared; InvalidError tells what is wrong.

    `presets` are parts of declarations by name, `deny` the name, shards and scope of the IP sets of the blocklist,
    `today` a date as YYYY-MM-DD.
    """
    wanted = _merged(declared, presets)
    name, scope = declared["name"], declared.get("scope") or "REGIONAL"
    ip_sets = own_ip_sets(declared)
    deny_name = declared.get("deny_ip_set_name")
    if deny_name is None:
        deny_name = deny["name"] if scope == deny["scope"] else ""
    if deny_name in ip_sets:
        raise InvalidError(f"{deny_name} is the name of the blocklist's IP sets: name the web ACL otherwise")
    made = _without(list(_rules(wanted, name, deny_name, int(deny["shards"]))), declared.get("without") or ())
    _check_unique(made)
    dates = _enforcement(made, declared.get("enforce") or {})
    counted = {
        rule["Name"]: dates.get(rule["Name"])
        for rule in made
        if _stops(rule) and not _is_enforced(dates.get(rule["Name"]), today)
    }
    enforced = [rule["Name"] for rule in made if _stops(rule) and rule["Name"] not in counted]
    referred = _referred(made)
    return Policy(
        name=name,
        scope=scope,
        default_action={"Block": {}} if "undeclared-paths" in enforced else {"Allow": {}},
        rules=[_counting(rule) if rule["Name"] in counted else rule for rule in made],
        ip_sets={each: networks for each, networks in ip_sets.items() if f"{each}-ipv4" in referred},
        enforced=enforced,
        counted=counted,
        denies=any(rule["Name"] == "denied" for rule in made),
    )


def own_ip_sets(declared: Mapping[str, Any]) -> dict[str, list[str]]:
    """The IP sets that a web ACL may have of its own, without their families, and what is in them."""
    name = declared["name"]
    return {f"{name}-{kind}": list(declared.get(f"{kind}_networks") or ()) for kind in ("allowed", "admin")}


def _merged(declared: Mapping[str, Any], presets: Mapping[str, Any]) -> dict[str, Any]:
    """The declaration with what its presets say, in the presets' own order."""
    given = declared.get("presets")
    chosen = ["web"] if given is None else list(given)
    unknown = [each for each in chosen if each not in presets]
    if unknown:
        raise InvalidError(f"presets: there is no {', '.join(unknown)}, but {', '.join(presets)}")
    paths = bool(declared.get("declared_paths"))
    if paths != ("api_allowlist" in chosen):
        raise InvalidError("the preset api_allowlist and declared_paths need each other: only these paths are let in")
    parts = [preset for name, preset in presets.items() if name in chosen] + [declared]
    merged = dict(declared)
    for key in ("managed_rule_groups", "login_paths"):
        merged[key] = _distinct(each for part in parts for each in part.get(key) or ())
    for key in ("blocked_paths", "admin_paths"):
        merged[key] = {rule: paths for part in parts for rule, paths in (part.get(key) or {}).items()}
    return merged


def _distinct(groups: Iterable[Any]) -> list[Any]:
    """Each once, at its first place; of two that are the same managed rule group the later, which says more."""
    found: dict[str, Any] = {}
    for group in groups:
        found[group if isinstance(group, str) else group["Name"]] = group
    return list(found.values())


# --------------------------------------------------------------------------------------------------------------- rules


def _rules(wanted: Mapping[str, Any], name: str, deny_name: str, shards: int) -> Iterator[Rule]:
    """All rules in the order in which a request meets them, each as it is when it is enforced."""
    if wanted.get("allowed_networks"):
        yield _rule("allowed-networks", "Allow", {"OrStatement": {"Statements": _in_sets(f"{name}-allowed")}})
    if deny_name:
        yield _rule("denied", "Block", {"OrStatement": {"Statements": _in_sets(deny_name, shards)}})
    yield from _rate_limits(wanted)
    yield from _path_rules(wanted, name)
    for rule in wanted.get("rules") or ():
        if not isinstance(rule.get("Name"), str) or not isinstance(rule.get("Statement"), Mapping):
            raise InvalidError(f"rules: each needs a Name and a Statement: {rule}")
        yield rule
    yield from _managed_rule_groups(wanted)
    if wanted.get("declared_paths"):
        yield _rule("declared-paths", "Allow", _at(wanted["declared_paths"], "declared_paths"))


def _path_rules(wanted: Mapping[str, Any], name: str) -> Iterator[Rule]:
    for rule, paths in wanted["blocked_paths"].items():
        yield _rule(rule, "Block", _at(paths, rule))
    for rule, admin in wanted["admin_paths"].items():
        if not wanted.get("admin_networks") and rule not in (wanted.get("without") or ()):
            raise InvalidError(
                f"admin_networks: name the networks that may reach {', '.join(admin['paths'])}, or leave the rule out "
                f"by without: [{rule}]. Nobody could reach them"
            )
        inner = [_at(admin["paths"], rule), *([_not(_at(admin["except"], rule))] if admin.get("except") else [])]
        inner += [_not(each) for each in _in_sets(f"{name}-admin")]
        yield _rule(rule, "Block", {"AndStatement": {"Statements": inner}})
    if wanted.get("declared_paths"):
        yield _rule("undeclared-paths", "Block", _not(_at(wanted["declared_paths"], "declared_paths")))


def _managed_rule_groups(wanted: Mapping[str, Any]) -> Iterator[Rule]:
    counts = dict(wanted.get("count_only") or {})
    for group in wanted["managed_rule_groups"]:
        body = {"VendorName": "AWS", "Name": group} if isinstance(group, str) else dict(group)
        overrides = [{"Name": each, "ActionToUse": {"Count": {}}} for each in counts.pop(body["Name"], ())]
        if overrides:
            body["RuleActionOverrides"] = [*body.get("RuleActionOverrides", []), *overrides]
        yield {
            "Name": body["Name"],
            "OverrideAction": {"None": {}},
            "Statement": {"ManagedRuleGroupStatement": body},
        }
    if counts:
        raise InvalidError(f"count_only: there is no managed rule group {', '.join(sorted(counts))} in the web ACL")


def _rate_limits(wanted: Mapping[str, Any]) -> Iterator[Rule]:
    # Left out where it is AWS's own: an old botocore does not know it.
    window = {"EvaluationWindowSec": int(wanted["rate_window"])} if wanted.get("rate_window") else {}
    limits: list[tuple[str, int, dict[str, Any]]] = [("rate-limit", _number(wanted, "rate_limit", 2000), {})]
    if wanted["login_paths"]:
        scope = {"ScopeDownStatement": _at(wanted["login_paths"], "login_paths")}
        limits.append(("login-rate-limit", _number(wanted, "login_rate_limit", 100), scope))
    for name, limit, scope in limits:
        if limit:
            body = {"Limit": limit, **window, "AggregateKeyType": "IP", **scope}
            too_many = {"Block": {"CustomResponse": {"ResponseCode": 429}}}
            yield {"Name": name, "Action": too_many, "Statement": {"RateBasedStatement": body}}


def _number(wanted: Mapping[str, Any], option: str, default: int) -> int:
    value = wanted.get(option)
    return default if value is None else int(value)


def _rule(name: str, action: str, statement: Mapping[str, Any]) -> Rule:
    return {"Name": name, "Action": {action: {}}, "Statement": statement}


def _not(statement: Mapping[str, Any]) -> dict[str, Any]:
    return {"NotStatement": {"Statement": statement}}


def _in_sets(name: str, shards: int = 1) -> list[dict[str, Any]]:
    """The address is in one of the sets of this name: each family's, and each shard."""
    sets = IpSets(names={4: f"{name}-ipv4", 6: f"{name}-ipv6"}, shards=shards)
    return [{"IPSetReferenceStatement": {"Name": each}} for version in (4, 6) for each in sets.shard_names(version)]


def _at(paths: Iterable[str], where: str) -> dict[str, Any]:
    """The path of the request is one of these or below one of them, as servers read paths."""
    for path in paths:
        if not _PATH.fullmatch(path):
            raise InvalidError(f"{where}: {path!r} is no path, which begins with / and is written decoded: /a/b.php")
    statements = [
        {
            "RegexMatchStatement": {
                "RegexString": regex,
                "FieldToMatch": {"UriPath": {}},
                "TextTransformations": _AS_SERVERS_READ,
            }
        }
        for regex in _regexes(paths, where)
    ]
    return statements[0] if len(statements) == 1 else {"OrStatement": {"Statements": statements}}


def _regexes(paths: Iterable[str], where: str) -> Iterator[str]:
    """Expressions that together match the paths: one costs less than a string match for each path."""
    chosen: list[str] = []
    for path in sorted({re.escape(path.rstrip("/")) for path in paths}):
        if chosen and len(_joined([*chosen, path])) > _MAX_REGEX:
            yield _joined(chosen)
            chosen = []
        chosen.append(path)
        if len(_joined(chosen)) > _MAX_REGEX:
            raise InvalidError(f"{where}: {path} is too long, an expression has {_MAX_REGEX} characters at most")
    if not chosen:
        raise InvalidError(f"{where}: name a path")
    yield _joined(chosen)


def _joined(paths: Iterable[str]) -> str:
    return f"^(?:{'|'.join(paths)})(?:/|$)"


# --------------------------------------------------------------------------------------------------- count, then block


def _stops(rule: Rule) -> bool:
    """Whether the rule, enforced, can stop a request."""
    if any(kind in GROUPS for kind in rule.get("Statement") or ()):
        return "Count" not in (rule.get("OverrideAction") or {})
    return any(action in (rule.get("Action") or {}) for action in STOPPING)


def _counting(rule: Rule) -> Rule:
    """The rule, which only counts."""
    if any(kind in GROUPS for kind in rule["Statement"]):
        return {**rule, "OverrideAction": {"Count": {}}}
    return {**rule, "Action": {"Count": {}}}


def _enforcement(rules: Iterable[Rule], given: Mapping[str, Any]) -> dict[str, str]:
    """By rule: now, or the day from which it is enforced."""
    stopping = [rule["Name"] for rule in rules if _stops(rule)]
    dates = {}
    for rule, value in given.items():
        if rule not in stopping:
            near = difflib.get_close_matches(rule, stopping, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(stopping) or 'none'}"
            raise InvalidError(f"enforce: there is no rule {rule} that could stop a request: {hint}")
        text = str(value)
        if text != "now":
            try:
                text = date.fromisoformat(text).isoformat()
            except ValueError:
                raise InvalidError(f"enforce: {rule}: {text!r} is neither now nor a date as 2026-12-31") from None
        dates[rule] = text
    return dates


def _is_enforced(since: str | None, today: str) -> bool:
    return since is not None and (since == "now" or since <= today)


# -------------------------------------------------------------------------------------------------------------- checks


def _without(rules: list[Rule], names: Iterable[str]) -> list[Rule]:
    have = [rule["Name"] for rule in rules]
    unknown = [name for name in names if name not in have]
    if unknown:
        raise InvalidError(f"without: there is no rule {', '.join(unknown)}; the rules are {', '.join(have)}")
    if set(names) & set(_TOGETHER):
        raise InvalidError("without: undeclared-paths and declared-paths go with the preset api_allowlist, not alone")
    return [rule for rule in rules if rule["Name"] not in names]


def _check_unique(rules: Iterable[Rule]) -> None:
    names = [rule.get("Name") for rule in rules]
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        raise InvalidError(f"there is more than one rule {', '.join(twice)}")


def check_size(policy: Policy, limit: int) -> None:
    """Refuse what AWS would refuse or bill; InvalidError says what to leave out."""
    references = len(_referred(policy.rules))
    if references > _MAX_REFERENCES:
        raise InvalidError(f"it refers to {references} IP sets, and may to {_MAX_REFERENCES}: fewer shards are needed")
    if policy.capacity > limit:
        told = capacity.too_much(policy.name, policy.capacity, limit, policy.rules)
        proposed = [f"without: [{', '.join(names)}] ({total} WCU)" for names, total in proposals(policy, limit)]
        if policy.capacity <= capacity.MAX_WCU:
            proposed.append(f"max_capacity: {policy.capacity} (AWS charges extra for what it counts above the default)")
        raise InvalidError(f"{told}. Choose: {'; or '.join(proposed)}")


def _referred(rules: Iterable[Rule]) -> list[str]:
    """The names of IP sets, once for each reference."""
    return [
        str(body.get("Name"))
        for rule in rules
        for _depth, kind, body in statements(rule["Statement"])
        if kind == "IPSetReferenceStatement"
    ]


def proposals(policy: Policy, limit: int) -> list[tuple[list[str], int]]:
    """What could be left out so that the rest fits, and what that needs: first what is missed least.

    As few managed rule groups as possible, none of those that every site needs.
    """
    costs = capacity.by_rule(policy.rules)
    groups = [name for name in DISPENSABLE if costs.get(name)]
    for count in range(1, _MOST_DROPPED + 1):
        found = [
            (list(names), policy.capacity - sum(costs[name] or 0 for name in names))
            for names in itertools.combinations(groups, count)
        ]
        fitting = [each for each in found if each[1] <= limit]
        if fitting:
            return fitting[:_PROPOSALS]
    return []
