# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The journal of calls: what was asked, by whom, and how it was answered; no secret ever enters it."""

from __future__ import annotations

import base64
import datetime
import re
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

MASK = "***"
_SECRET_NAME = re.compile(r"(?i)password|secret(?!(arn|id|name)$)|private_?key|auth_?token|session_?token|credential")


@dataclass
class Entry:
    """One call, as it came in and as it was answered."""

    time: str
    account: str
    region: str
    service: str
    operation: str
    parameters: Any
    status: int = 0
    error: str | None = None
    fault: str | None = None
    seconds: float = 0.0
    source: str = ""
    user_agent: str = field(default="", repr=False)


def now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def masked(value: Any, shape: Any = None, name: str = "") -> Any:
    """The value without secrets: members that the service model calls sensitive, and those whose name says so."""
    if shape is not None and shape.metadata.get("sensitive"):
        return MASK
    if isinstance(value, dict):
        members = getattr(shape, "members", None) or {}
        inner = getattr(shape, "value", None)
        return {key: masked(item, members.get(key, inner), str(key)) for key, item in value.items()}
    if name and _SECRET_NAME.search(name):
        return MASK
    if isinstance(value, list):
        member = getattr(shape, "member", None)
        return [masked(item, member) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return value


class Journal:
    """The last calls, in the order in which they were answered: so many, and of so many bytes of requests."""

    def __init__(self, size: int = 20_000, weight: int = 64 * 1024 * 1024) -> None:
        self._entries: deque[tuple[Entry, int]] = deque()
        self._size, self._most = size, weight
        self._weight = 0
        self._lock = threading.Lock()

    def add(self, entry: Entry, weight: int = 0) -> None:
        with self._lock:
            self._entries.append((entry, weight))
            self._weight += weight
            while len(self._entries) > self._size or (self._weight > self._most and len(self._entries) > 1):
                self._weight -= self._entries.popleft()[1]

    def entries(self, wanted: Callable[[Entry], bool] = lambda entry: True) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(entry) for entry, _weight in self._entries if wanted(entry)]

    def clear(self, wanted: Callable[[Entry], bool] = lambda entry: True) -> int:
        with self._lock:
            kept = [each for each in self._entries if not wanted(each[0])]
            gone = len(self._entries) - len(kept)
            self._entries = deque(kept)
            self._weight = sum(weight for _entry, weight in kept)
            return gone
