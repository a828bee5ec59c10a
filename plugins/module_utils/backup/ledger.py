# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Which drills are under way, written where it outlives whoever runs them: in tags of the vault. No I/O.

A restore takes minutes to hours, and until it is done there is no copy that could be tagged. So a drill is noted before
its restore is asked for, and struck out when nothing is left of it. What a controller that died has left is found here.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

PREFIX = "rampart:drill:"
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_MOMENT = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"
_VALUE = re.compile(rf"(\S+) from {_MOMENT} until {_MOMENT} job (\S+)")


@dataclass(frozen=True)
class Entry:
    """A drill: its id, the type of the resource, its time, and the restore job as soon as there is one."""

    id: str
    kind: str
    began: datetime
    until: datetime
    job_id: str | None = None

    @property
    def name(self) -> str:
        """What the copy is called, where its type has names."""
        return f"rampart-drill-{self.id}"

    @property
    def request_id(self) -> str:
        """What AWS keeps with the restore job, by which the job is found if nobody could note it."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, self.key))

    @property
    def key(self) -> str:
        return PREFIX + self.id

    @property
    def value(self) -> str:
        began, until = (each.strftime(_TIME) for each in (self.began, self.until))
        return f"{self.kind} from {began} until {until} job {self.job_id or '-'}"

    def __str__(self) -> str:
        return f"drill {self.id} ({self.value})"


def entry(drill_id: str, kind: str, now: datetime, seconds: float) -> Entry:
    now = now.replace(microsecond=0)
    return Entry(drill_id, kind, now, now + timedelta(seconds=seconds))


def entries(tags: Mapping[str, str]) -> list[Entry]:
    """The drills that are noted in the tags of a vault. What nobody can read is left alone."""
    found = []
    for key, value in sorted(tags.items()):
        match = _VALUE.fullmatch(value)
        if key.startswith(PREFIX) and match:
            began, until = (datetime.strptime(each, _TIME).replace(tzinfo=timezone.utc) for each in match.group(2, 3))
            found.append(Entry(key[len(PREFIX) :], match[1], began, until, None if match[4] == "-" else match[4]))
    return found


def due(found: Iterable[Entry], now: datetime, only_expired: bool) -> list[Entry]:
    return [each for each in found if not only_expired or each.until < now]


def without(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of a vault that are its user's."""
    return {key: value for key, value in tags.items() if not key.startswith(PREFIX)}
