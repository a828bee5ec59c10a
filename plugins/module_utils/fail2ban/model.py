# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What fail2ban's server answers, in data. No I/O. Runs on managed hosts."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ansible_collections.rampart.ops.plugins.module_utils.wafv2.addresses import AddressError, parse

# 203.0.113.5 \t2026-11-21 00:20:17 + 600 = 2026-11-21 00:30:17
_BAN = re.compile(r"(?P<id>.*?)\s+(\d+)-(\d+)-(\d+) (\d+):(\d+):(\d+) \+ (?P<seconds>-?\d+) = [\d: -]+")


@dataclass
class Ban:
    jail: str
    address: str
    start: int
    end: int | None  # None: for ever
    count: int | None  # None: not known


class Bans(NamedTuple):
    bans: list[Ban]
    skipped: int  # bans of something else than an address


def bans_of(lists: Mapping[str, Iterable[str]], counts: Mapping[tuple[str, str], int]) -> Bans:
    """The bans from the lines of each jail, with how often each address was banned there."""
    bans = []
    skipped = 0
    for jail, lines in lists.items():
        for line in lines:
            match = _BAN.fullmatch(line)
            if match is None:
                raise ValueError(f"jail {jail}: cannot read {line!r}")
            if not is_address(match["id"]):
                skipped += 1
                continue
            # The server writes its local time, which is this host's.
            year, month, day, hour, minute, second = map(int, match.groups()[1:7])
            start = int(time.mktime((year, month, day, hour, minute, second, 0, 0, -1)))
            seconds = int(match["seconds"])
            end = None if seconds < 0 else start + seconds
            bans.append(Ban(jail, match["id"], start, end, counts.get((jail, match["id"]))))
    return Bans(bans, skipped)


def is_address(text: str) -> bool:
    """Whether a jail's entry is an address or network: a jail can ban user names, for example."""
    try:
        parse(text)
    except AddressError:
        return False
    return True


def restoring(running: Iterable[tuple[str, str]], jails: Iterable[str], bans: Iterable[Ban]) -> int:
    """How many addresses the database holds as banned (jail, address) that these jails do not have."""
    wanted = {key for key in running if key[0] in jails and is_address(key[1])}
    return len(wanted - {(ban.jail, ban.address) for ban in bans})


def iso(moment: int | None) -> str | None:
    """A point of time as text that sorts by time."""
    return None if moment is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def jails_of(status: Any) -> list[str]:
    """The names of the jails from the server's status: a list of pairs of a label and a value."""
    for label, value in status:
        if label == "Jail list":
            return [name for name in (part.strip() for part in value.split(",")) if name]
    raise ValueError(f"no jail list in {status!r}")
