# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Which recurrence rules AWX accepts: those of RFC 5545, less what its API refuses.

Source: SchedulePreviewSerializer of https://github.com/ansible/awx/blob/24.6.1/awx/api/serializers.py
"""

from __future__ import annotations

import re
from collections.abc import Iterator

try:
    from dateutil import rrule, tz
except ImportError:  # boto3 brings it
    rrule = tz = None

MAX_COUNT = 999  # AWX: "COUNT > 999 is unsupported"


def problems(text: str) -> Iterator[str]:
    """Yield one sentence for each reason for which AWX would refuse this rule, and what to write instead."""
    if rrule is None:
        yield "the Python package python-dateutil is missing, without which no rule can be judged."
        return
    starts = re.findall(r"DTSTART(?:;[^:\s]*)?:\S*", text)
    rules = re.findall(r"(?:EX|R)RULE:\S*", text)
    if not starts:
        yield "DTSTART is missing. Begin with DTSTART;TZID=Asia/Seoul:20260101T030000 or DTSTART:20260101T030000Z."
        return
    if len(starts) > 1:
        yield "there is more than one DTSTART."
    start = re.fullmatch(r"DTSTART(?:;TZID=([^:]*))?:(.*)", starts[0])
    zone, moment = start.groups() if start else ("", "")
    if not re.fullmatch(r"\d{8}T\d{6}Z?", moment or ""):
        yield f"{starts[0]}: the time has the form 20260101T030000."
        return
    yield from _zone_problems(starts[0], zone, moment)
    if not any(rule.startswith("RRULE:") for rule in rules):
        yield "RRULE is missing. Add for example RRULE:FREQ=DAILY;INTERVAL=1."
    for word in ("EXDATE", "RDATE"):
        if re.search(rf"\b{word}\b", text):
            yield f"{word} is not supported by AWX."
    found = [problem for rule in rules for problem in _rule_problems(rule)]
    yield from found
    if not found:
        try:
            rrule.rrulestr(text, forceset=True)
        except (ValueError, KeyError, TypeError) as error:
            yield f"it cannot be parsed: {error}."


def _zone_problems(start: str, zone: str | None, moment: str) -> Iterator[str]:
    if not zone and not moment.endswith("Z"):
        yield f"{start} has no time zone. Write DTSTART;TZID=Asia/Seoul:{moment} or DTSTART:{moment}Z."
    elif zone and moment.endswith("Z"):
        yield f"{start} has a time zone and a Z (UTC). Take one away."
    elif zone and tz.gettz(zone) is None:
        yield f"{start}: there is no time zone {zone}. Write one such as Asia/Seoul."


def _rule_problems(rule: str) -> Iterator[str]:
    parts = dict(part.partition("=")[::2] for part in rule.partition(":")[2].upper().split(";"))
    if "INTERVAL" not in parts:
        yield f"{rule} has no INTERVAL, which AWX requires. Add INTERVAL=1."
    elif not parts["INTERVAL"].isdigit() or int(parts["INTERVAL"]) < 1:
        yield f"{rule}: INTERVAL is a number from 1."
    if parts.get("FREQ") == "SECONDLY":
        yield f"{rule}: AWX has no SECONDLY. The least is FREQ=MINUTELY."
    if re.search(r"\d", parts.get("BYDAY", "")):
        yield f"{rule}: AWX takes no number in BYDAY. Write BYDAY=SU;BYSETPOS=1 for the first Sunday."
    if "COUNT" in parts and "UNTIL" in parts:
        yield f"{rule} has both COUNT and UNTIL. Take one away."
    if parts.get("COUNT", "").isdigit() and int(parts["COUNT"]) > MAX_COUNT:
        yield f"{rule}: AWX counts to {MAX_COUNT} at most."
