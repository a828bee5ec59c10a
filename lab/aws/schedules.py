# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Schedule expressions of AWS: cron(...) of six fields, rate(...), and time zones.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
"""

from __future__ import annotations

import re
import zoneinfo

_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
# minutes, hours, day of month, month, day of week, year
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))
_NAMES: tuple[list[str], ...] = ([], [], [], _MONTHS, _DAYS, [])


def is_cron(expression: str) -> bool:
    match = re.fullmatch(r"cron\((.*)\)", expression)
    if not match:
        return False
    fields = match[1].split()
    if len(fields) != 6 or not all(_field(text, index) for index, text in enumerate(fields)):
        return False
    # One of day-of-month and day-of-week, and only one, must be "?".
    return (fields[2] == "?") != (fields[4] == "?")


def firings_an_hour(expression: str) -> int:
    """How often a cron(...) expression fires within an hour in which it does."""
    minutes: set[int] = set()
    for item in expression.removeprefix("cron(").split()[0].split(","):
        span, slash, step = item.partition("/")
        first, _, last = ("0-59" if span == "*" else span).partition("-")
        end = int(last or ("59" if slash else first))
        minutes |= {each % 60 for each in range(int(first), end + (61 if end < int(first) else 1), int(step or 1))}
    return len(minutes)


def is_rate(expression: str) -> bool:
    match = re.fullmatch(r"rate\((\d+) (minute|hour|day)(s?)\)", expression)
    return bool(match) and int(match[1]) > 0 and (match[3] == "s") == (int(match[1]) > 1)  # type: ignore[index]


def rate_seconds(expression: str) -> int:
    """Seconds between two firings of a rate(...) expression."""
    count, unit = expression.removeprefix("rate(").removesuffix(")").split()
    return int(count) * {"minute": 60, "hour": 3600, "day": 86_400}[unit.removesuffix("s")]


def is_timezone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return False
    return True


def _field(text: str, index: int) -> bool:
    if text == "?":
        return index in (2, 4)
    if index == 2 and re.fullmatch(r"L(-\d{1,2})?|LW|(\d{1,2})W", text):
        return True
    return all(_item(item, index) for item in text.split(","))


def _item(item: str, index: int) -> bool:
    if index == 4 and re.fullmatch(r"([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)(L|#[1-5])|L", item):
        return True
    span, slash, step = item.partition("/")
    if slash and not (step.isdigit() and int(step) > 0):
        return False
    if span == "*":
        return True
    ends = [_value(part, index) for part in span.split("-")]
    return len(ends) <= 2 and None not in ends


def _value(text: str, index: int) -> int | None:
    if text in _NAMES[index]:
        return _NAMES[index].index(text) + 1
    least, most = _RANGES[index]
    return int(text) if text.isdigit() and least <= int(text) <= most else None
