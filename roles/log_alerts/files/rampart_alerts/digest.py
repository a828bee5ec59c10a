# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What is told when: pieces of news, which of them are due, and their sum. Pure: the time is given."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from dateutil import tz  # comes with boto3, and has the time zones that the runtime's system may lack

from .records import Finding, Rule

Piece = dict[str, Any]

COUNTED = ("host", "address", "user", "key", "jail")
SAMPLES = 10  # that many are told in full
KEPT = 30  # that many different values of a field are counted one by one


def pieces(found: Iterable[Finding], rules: Mapping[str, Rule], known: Iterable[Mapping[str, Any]]) -> list[Piece]:
    """The news in a batch: each finding of a rule that tells at once, and the sum of all findings of one that waits."""
    told = [each for each in found if not _is_silent(each.fields.get("address", ""), known)]
    result = []
    for name, rule in rules.items():
        mine = [each for each in told if each.rule == name]
        groups = [mine] if rule["window"] else [[each] for each in mine]
        result += [_piece(name, group) for group in groups if group]
    return result


def _piece(rule: str, found: list[Finding]) -> Piece:
    ids = "\n".join(each.id for each in found)
    return {
        "rule": rule,
        # The same batch, delivered again, makes the same piece.
        "id": found[0].id if len(found) == 1 else hashlib.sha256(ids.encode()).hexdigest(),
        "first": min(each.at for each in found),
        "last": max(each.at for each in found),
        "count": len(found),
        "by": {name: _counted(each.fields.get(name) for each in found) for name in COUNTED},
        "samples": [dict(each.fields) for each in found[:SAMPLES]],
    }


def _counted(values: Iterable[str | None]) -> dict[str, int]:
    return dict(Counter(value[:200] for value in values if value).most_common(KEPT))


def summed(parts: Iterable[Piece]) -> Piece:
    """All pieces of one rule as one."""
    parts = sorted(parts, key=lambda each: each["first"])
    by: dict[str, Counter[str]] = {name: Counter() for name in COUNTED}
    for part in parts:
        for name in COUNTED:
            by[name].update(part["by"].get(name, {}))
    return {
        "rule": parts[0]["rule"],
        "id": parts[0]["id"],
        "first": parts[0]["first"],
        "last": max(each["last"] for each in parts),
        "count": sum(each["count"] for each in parts),
        "by": {name: dict(counts.most_common(KEPT)) for name, counts in by.items()},
        "samples": [sample for part in parts for sample in part["samples"]][:SAMPLES],
    }


def due_at(rule: Rule, since: float, told_at: float, quiet: Mapping[str, Any], zone_name: str) -> float:
    """When the news of a rule is told: `since` it is known, and `told_at` the rule was told last (seconds)."""
    moment = max(since + rule["window"], told_at + rule["repeat"] if rule["window"] else 0)
    if quiet and rule["name"] in quiet["rules"]:
        moment = _after(moment, quiet, zone_name)
    return moment


def _after(moment: float, quiet: Mapping[str, Any], zone_name: str) -> float:
    """The moment itself, or the end of the quiet hours that it lies in."""
    zone = tz.gettz(zone_name)
    local = datetime.datetime.fromtimestamp(moment, zone)
    start, end = (datetime.time.fromisoformat(quiet[name]) for name in ("start", "end"))
    clock = local.time()
    inside = start <= clock < end if start <= end else clock >= start or clock < end
    if not inside:
        return moment
    day = local.date() + datetime.timedelta(days=1 if clock >= end else 0)
    return datetime.datetime.combine(day, end, zone).timestamp()


def _is_silent(address: str, known: Iterable[Mapping[str, Any]]) -> bool:
    entry = known_address(address, known)
    return entry is not None and not entry.get("tell")


def known_address(address: str, known: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The first of the known networks that the address lies in."""
    try:
        # sshd may write a zone behind a link-local address, and IPv4 in IPv6's form.
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    candidates = [parsed, getattr(parsed, "ipv4_mapped", None)]
    for entry in known:
        network = ipaddress.ip_network(entry["network"], strict=False)
        if any(each is not None and each.version == network.version and each in network for each in candidates):
            return entry
    return None
