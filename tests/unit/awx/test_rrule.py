# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Recurrence rules: ours against what AWX itself refuses, which lab.awx has from AWX's source."""

from __future__ import annotations

import pytest
from ansible_collections.rampart.ops.plugins.plugin_utils.awx import rrule
from hypothesis import given
from hypothesis import strategies as st

from lab.awx.rules import rrule_problems

GOOD = [
    "DTSTART:20260101T000000Z RRULE:FREQ=MINUTELY;INTERVAL=5",
    "DTSTART;TZID=Asia/Seoul:20260101T030000 RRULE:FREQ=DAILY;INTERVAL=1",
    "DTSTART;TZID=Asia/Seoul:20260104T220000 RRULE:FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=4,24",
    "DTSTART;TZID=Asia/Seoul:20260104T220000 RRULE:FREQ=MONTHLY;INTERVAL=1;BYDAY=SU;BYSETPOS=1",
    "DTSTART:20260101T000000Z RRULE:FREQ=DAILY;INTERVAL=1;COUNT=999",
    "DTSTART:20260101T000000Z RRULE:FREQ=DAILY;INTERVAL=1 EXRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=SU",
]
BAD = {
    "": "DTSTART is missing",
    "0 3 * * *": "DTSTART is missing",
    "RRULE:FREQ=DAILY;INTERVAL=1": "DTSTART is missing",
    "DTSTART:NONSENSE RRULE:FREQ=DAILY;INTERVAL=1": "has the form",
    "DTSTART:20260101T000000Z": "RRULE is missing",
    "DTSTART:20260101T000000 RRULE:FREQ=DAILY;INTERVAL=1": "no time zone",
    "DTSTART;TZID=Asia/Nowhere:20260101T000000 RRULE:FREQ=DAILY;INTERVAL=1": "no time zone Asia/Nowhere",
    "DTSTART:20260101T000000Z DTSTART:20270101T000000Z RRULE:FREQ=DAILY;INTERVAL=1": "more than one DTSTART",
    "DTSTART:20260101T000000Z RRULE:FREQ=DAILY": "Add INTERVAL=1",
    "DTSTART:20260101T000000Z RRULE:FREQ=SECONDLY;INTERVAL=5": "no SECONDLY",
    "DTSTART:20260101T000000Z RRULE:FREQ=MONTHLY;INTERVAL=1;BYDAY=1SU": "BYSETPOS=1",
    "DTSTART:20260101T000000Z RRULE:FREQ=DAILY;INTERVAL=1;COUNT=2;UNTIL=20270101T000000Z": "both COUNT and UNTIL",
    "DTSTART:20260101T000000Z RRULE:FREQ=DAILY;INTERVAL=1;COUNT=1000": "999",
    "DTSTART:20260101T000000Z RRULE:FREQ=REGULARLY;INTERVAL=1": "cannot be parsed",
    "DTSTART:20260101T000000Z RRULE:FREQ=DAILY;INTERVAL=1 EXDATE:20260401T000000Z": "EXDATE is not supported",
}


@pytest.mark.parametrize("text", GOOD)
def test_what_awx_takes_is_good(text: str) -> None:
    assert list(rrule.problems(text)) == []
    assert list(rrule_problems(text)) == []


@pytest.mark.parametrize(("text", "expected"), BAD.items())
def test_what_awx_refuses_is_explained(text: str, expected: str) -> None:
    found = list(rrule.problems(text))
    assert len(found) == 1 and expected in found[0]


PARTS = st.lists(
    st.sampled_from(
        "FREQ=DAILY FREQ=WEEKLY FREQ=MONTHLY FREQ=SECONDLY FREQ=HOURLY INTERVAL=1 INTERVAL=7 BYDAY=MO BYDAY=1SU "
        "BYDAY=MO,TU BYMONTHDAY=4,24 BYMONTH=1 COUNT=5 UNTIL=20270101T000000Z BYHOUR=3 BYSETPOS=1".split()
    ),
    max_size=4,
    unique_by=lambda part: part.partition("=")[0],
)
STARTS = st.sampled_from(
    [
        "",
        "DTSTART:20260101T000000Z",
        "DTSTART:20260101T000000",
        "DTSTART;TZID=Asia/Seoul:20260101T000000",
        "DTSTART;TZID=Mars/Base:20260101T000000",
    ]
)


@given(STARTS, PARTS)
def test_nothing_passes_that_awx_refuses(start: str, parts: list[str]) -> None:
    text = f"{start} RRULE:{';'.join(parts)}".strip()
    if list(rrule_problems(text)):
        assert list(rrule.problems(text)), text
