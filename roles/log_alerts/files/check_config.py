# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Reads a configuration from stdin, and says what the function could not work with (return code 1)."""

from __future__ import annotations

import datetime
import ipaddress
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dateutil import tz

sys.path.insert(0, str(Path(__file__).parent))
from rampart_alerts.countries import Countries

LONGEST_PATTERN = 1024  # API_PutSubscriptionFilter: filterPattern


def problems(config: dict[str, Any]) -> Iterator[str]:
    for rule in config["rules"]:
        yield from (f"rule {rule['name']}: {problem}." for problem in rule_problems(rule, config["log_groups"]))
    for group in config["log_groups"]:
        terms = [term for rule in config["rules"] if rule.get("log_group") == group for term in rule["terms"]]
        if sum(len(term) + 4 for term in set(terms)) > LONGEST_PATTERN:
            yield f"{group}: the terms of its rules are longer than {LONGEST_PATTERN} characters."
    for entry in config["known_addresses"]:
        try:
            ipaddress.ip_network(entry["network"], strict=False)
        except ValueError as error:
            yield f"known address {entry['network']}: {error}."
    for fingerprint in config["known_keys"]:
        if not re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}|MD5(:[0-9a-f]{2}){16}", fingerprint):
            yield f"known key {fingerprint}: this is no fingerprint as ssh-keygen -l shows it (SHA256:...)."
    if tz.gettz(config["time_zone"]) is None:
        yield f"time zone {config['time_zone']}: there is none of this name."
    yield from quiet_problems(config["quiet_hours"], {rule["name"] for rule in config["rules"]})
    if config["country_file"]:
        try:
            Countries(Path(config["country_file"])).of("192.0.2.1")
            Path(config["country_file"]).stat()
        except (OSError, ValueError, IndexError) as error:
            yield f"country file {config['country_file']}: {error}."


def rule_problems(rule: dict[str, Any], groups: list[str]) -> Iterator[str]:
    for name in ("log_group", "patterns", "terms"):
        if not rule.get(name):
            yield f"it needs {name}"
    if rule.get("log_group") and rule["log_group"] not in groups:
        yield f"its log group {rule['log_group']} is not among the log groups"
    for pattern in [*rule.get("patterns", []), *rule.get("exclude", [])]:
        try:
            re.compile(pattern)
        except re.error as error:
            yield f"{pattern!r} is no regular expression ({error})"
    for name, least in (("window", 0), ("repeat", 0), ("threshold", 1)):
        if rule[name] < least:
            yield f"{name} must be {least} or more"
    if not rule["window"] and rule["threshold"] > 1:
        yield "a threshold needs a window in which to count"


def quiet_problems(quiet: dict[str, Any], names: set[str]) -> Iterator[str]:
    if not quiet:
        return
    if set(quiet) != {"start", "end", "rules"}:
        yield "quiet hours: they need start, end and rules."
        return
    for end in ("start", "end"):
        try:
            datetime.time.fromisoformat(quiet[end])
        except ValueError:
            yield f"quiet hours: {quiet[end]!r} is no time of day such as 22:00."
    unknown = sorted(set(quiet["rules"]) - names)
    if unknown:
        yield f"quiet hours: there is no rule {', '.join(unknown)}."


def main() -> int:
    found = list(problems(json.load(sys.stdin)))
    print(" ".join(found))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
