# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""From a log event to what it says. Pure: no AWS, no clock, no configuration of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Rule = Mapping[str, Any]

# Both of syslog's date formats: RFC 3164 ("Nov  1 03:00:00"), and RFC 3339 as rsyslog of Debian 12 and newer writes it.
_SYSLOG = re.compile(
    r"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*) "
    r"\S+ (?P<program>[^\s\[:]+)(?:\[(?P<pid>\d+)\])?: ?(?P<text>.*)",
    re.DOTALL,
)
_COMM_LENGTH = 15  # the kernel keeps so much of a program's name: proc(5), /proc/pid/comm


@dataclass(frozen=True)
class Record:
    """A line of a log. `journal` holds the fields of a journal entry, of which nobody can forge those with "_"."""

    text: str
    program: str = ""
    pid: str = ""
    journal: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """A log event that a rule is about."""

    rule: str
    id: str
    at: int  # milliseconds
    fields: Mapping[str, str]
    pid: str = ""


def record_of(message: str) -> Record:
    """A log event as the CloudWatch agent ships it: an entry of the journal as JSON, a syslog line, or any line."""
    if message.startswith("{"):
        try:
            document = json.loads(message)
        except ValueError:
            document = None
        if isinstance(document, dict):
            body = document.get("body", document)
            if isinstance(body, dict) and "MESSAGE" in body:
                return _journal(body)
    match = _SYSLOG.fullmatch(message)
    if match:
        return Record(match["text"], match["program"], match["pid"] or "")
    return Record(message)


def _journal(body: Mapping[str, Any]) -> Record:
    identifier = body.get("SYSLOG_IDENTIFIER", body.get("_COMM", ""))
    return Record(_text(body["MESSAGE"]), _text(identifier), _text(body.get("_PID", "")), body)


def _text(value: Any) -> str:
    """A field of the journal: one with unprintable characters is a list of its bytes (systemd's JSON format)."""
    if isinstance(value, list):
        return bytes(each & 0xFF for each in value if isinstance(each, int)).decode("utf-8", "replace")
    return str(value)


def fields_of(record: Record, rule: Rule) -> dict[str, str] | None:
    """What a rule finds in a record; None if it is not about it."""
    programs = rule.get("programs") or []
    if programs and not _is_by(record, programs):
        return None
    wanted = (rule.get("journal") or {}).items()
    if record.journal and any(_text(record.journal.get(name, value)) != value for name, value in wanted):
        return None
    if any(re.search(pattern, record.text) for pattern in rule.get("exclude") or []):
        return None
    for pattern in rule["patterns"]:
        match = re.search(pattern, record.text)
        if match:
            return {name: value for name, value in match.groupdict().items() if value}
    return None


def _is_by(record: Record, programs: Iterable[str]) -> bool:
    """In the journal the kernel's word counts too: anybody may call himself sshd (logger --tag sshd)."""
    comm = record.journal.get("_COMM")
    return record.program in programs and (comm is None or comm in {each[:_COMM_LENGTH] for each in programs})


def findings(batch: Mapping[str, Any], rules: Iterable[Rule]) -> list[Finding]:
    """All that the rules find in a batch of a subscription, in the order of the log."""
    chosen = [rule for rule in rules if rule["log_group"] == batch["logGroup"]]
    found = []
    for event in batch["logEvents"]:
        record = record_of(event["message"])
        for rule in chosen:
            fields = fields_of(record, rule)
            if fields is not None:
                fields["host"] = batch["logStream"]
                found.append(Finding(rule["name"], event["id"], int(event["timestamp"]), fields, record.pid))
    return _tries(found)


def _tries(found: list[Finding]) -> list[Finding]:
    """sshd says of a session both that a password was wrong and that it has ended: the end is no further try."""
    failed = {(each.rule, each.pid) for each in found if each.pid and each.fields.get("method")}
    return [each for each in found if "end" not in each.fields or (each.rule, each.pid) not in failed]
