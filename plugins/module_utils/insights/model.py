# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Saved queries and runs of queries of CloudWatch Logs Insights. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError

MAX_LOG_GROUPS = 50  # of one query: API_StartQuery
MAX_ROWS = 10000  # of one query: CWL_QuerySyntax-Limit.html
MAX_QUERY = 10000  # characters: API_StartQuery
MAX_DEFINITION_NAME = 255  # API_PutQueryDefinition
_GROUP_NAME = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}\Z")


def check_log_group_name(name: str) -> None:
    if not _GROUP_NAME.match(name):
        raise InvalidError(f"log group {name!r}: a name is 1 to 512 letters, digits and the characters . - _ / #")


# --- saved queries ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Definition:
    """A saved query."""

    name: str
    query_string: str
    log_group_names: tuple[str, ...] = ()
    id: str = ""

    def check(self) -> None:
        if not 0 < len(self.name) <= MAX_DEFINITION_NAME:
            raise InvalidError(f"query definition {self.name!r}: a name has 1 to {MAX_DEFINITION_NAME} characters")
        check_query(self.name, self.query_string)
        for group in self.log_group_names:
            check_log_group_name(group)

    def content(self) -> tuple[Any, ...]:
        return self.name, self.query_string.strip(), tuple(sorted(self.log_group_names))


@dataclass(frozen=True)
class DefinitionsPlan:
    """What to save (under its id, if it is there already) and what to remove."""

    before: tuple[Definition, ...]
    after: tuple[Definition, ...]
    put: tuple[Definition, ...]
    removed: tuple[Definition, ...]

    @property
    def steps(self) -> tuple[Definition, ...]:
        return self.put + self.removed


def plan_definitions(held: Iterable[Definition], wanted: Iterable[Definition]) -> DefinitionsPlan:
    """Exactly the wanted ones stay. AWS allows several of one name: all but the first go."""
    held = sorted(held, key=lambda each: (each.name, each.id))
    wanted = sorted(wanted, key=lambda each: each.name)
    names = [each.name for each in wanted]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidError(f"definitions: named twice: {', '.join(twice)}")
    first: dict[str, Definition] = {}
    for each in held:
        first.setdefault(each.name, each)
    put = tuple(
        replace(each, id=first[each.name].id if each.name in first else "")
        for each in wanted
        if each.name not in first or first[each.name].content() != each.content()
    )
    removed = tuple(each for each in held if each.name not in names or first[each.name] is not each)
    return DefinitionsPlan(tuple(held), tuple(wanted), put, removed)


# --- queries ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Span:
    """A time from when to when, in UTC."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


def span_of(hours: float | None, start: str | None, end: str | None, now: datetime) -> Span:
    """The last hours before the end, or from a start; times are ISO 8601, in UTC if they name no offset."""
    until = moment("end_time", end) if end else now
    if start:
        since = moment("start_time", start)
    else:
        if hours is None or hours <= 0:
            raise InvalidError("hours: must be more than 0")
        since = until - timedelta(hours=hours)
    if since >= until:
        raise InvalidError(f"start_time: {since.isoformat()} is not before the end, {until.isoformat()}")
    if since >= now:
        raise InvalidError(f"start_time: {since.isoformat()} has not come yet")
    return Span(since, min(until, now))


def moment(option: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise InvalidError(f"{option}: {text!r} is no time like 2026-11-21T08:00:00Z") from None
    return found.replace(tzinfo=timezone.utc) if found.tzinfo is None else found.astimezone(timezone.utc)


def check_query(name: str, text: str) -> None:
    if not 0 < len(text.strip()) <= MAX_QUERY:
        raise InvalidError(f"query {name}: a query has 1 to {MAX_QUERY} characters, not {len(text.strip())}")


@dataclass(frozen=True)
class Query:
    """A query to run; `limit` is the most rows that it may answer."""

    name: str
    query_string: str
    limit: int = MAX_ROWS

    def check(self) -> None:
        check_query(self.name, self.query_string)
        if not 0 < self.limit <= MAX_ROWS:
            raise InvalidError(f"query {self.name}: limit: {self.limit} is not between 1 and {MAX_ROWS}")


@dataclass
class Run:
    """What became of a query."""

    query: Query
    id: str = ""
    status: str = "Scheduled"
    rows: list[dict[str, str]] = field(default_factory=list)
    statistics: Mapping[str, float] = field(default_factory=dict)
    error: str = ""

    @property
    def is_running(self) -> bool:
        return not self.error and self.status in ("Scheduled", "Running", "Unknown")

    @property
    def succeeded(self) -> bool:
        return not self.error and self.status == "Complete"

    def describe(self) -> dict[str, Any]:
        return {
            "name": self.query.name,
            "query_string": self.query.query_string,
            "status": self.status,
            "error": self.error,
            "results": self.rows,
            "truncated": len(self.rows) >= self.query.limit == MAX_ROWS,
            "statistics": {
                "bytes_scanned": int(self.statistics.get("bytesScanned", 0)),
                "records_matched": int(self.statistics.get("recordsMatched", 0)),
                "records_scanned": int(self.statistics.get("recordsScanned", 0)),
            },
        }


def row_of(fields: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """A row of GetQueryResults, without Insights' pointer to the event."""
    return {each["field"]: each.get("value", "") for each in fields if each["field"] != "@ptr"}


def check_cost(estimated: int, max_bytes: int, queries: int) -> None:
    """Refuse what would scan more than is allowed."""
    if estimated > max_bytes:
        raise InvalidError(
            f"{queries} queries over this time would scan about {size(estimated)}, and max_bytes allows"
            f" {size(max_bytes)}. AWS bills by what is scanned: ask about a shorter time, or raise max_bytes to"
            f" {estimated} or more. Nothing was asked"
        )


def size(number: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"
