"""Where log events come from. A source remembers how far it has read, and commits that only when it was shipped."""

from __future__ import annotations

import glob
import json
import os
import re
import selectors
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Protocol

Event = tuple[int, str]  # milliseconds since the epoch, message

MAX_EVENT = 256 * 1024 - 26
MAX_BATCH_BYTES = 1_000_000
MAX_BATCH_EVENTS = 10_000
TRUNCATED = "[Truncated...]"
POLL = 0.2


class Source(Protocol):
    """What the shipping loop needs of a source."""

    def read(self) -> Event | None:
        """Next event, or None when there is none just now."""

    def commit(self) -> None:
        """Everything read so far has been shipped."""

    def close(self) -> None:
        """Release files and child processes."""


def batch(source: Source, interval: float, stop: threading.Event, clock: Callable[[], float]) -> list[Event]:
    """Events for one PutLogEvents: until it is full, or interval has passed since the first one."""
    events: list[Event] = []
    size = 0
    deadline = float("inf")
    while len(events) < MAX_BATCH_EVENTS and size < MAX_BATCH_BYTES - MAX_EVENT and clock() < deadline:
        event = source.read()
        if event is None:
            if stop.wait(POLL):
                break
            continue
        events.append(event)
        size += len(event[1].encode()) + 26
        deadline = min(deadline, clock() + interval)
    return events


class Filters:
    """The `filters` of a collect_list entry: all includes must match, no exclude may."""

    def __init__(self, filters: list[dict[str, str]]) -> None:
        self.rules = [(rule["type"] == "include", re.compile(rule["expression"])) for rule in filters]

    def passes(self, text: str) -> bool:
        return all(bool(expression.search(text)) is include for include, expression in self.rules)


class State:
    """A position, kept in one small file that is replaced atomically."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self.path.read_text()))
        except (OSError, ValueError):
            return {}

    def save(self, position: dict[str, Any]) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(position))
        fresh.replace(self.path)


class FileSource:
    """Tail of the newest file that matches the pattern, from its beginning, across rotation and restarts."""

    def __init__(self, pattern: str, state: State, filters: Filters) -> None:
        self.pattern = pattern
        self.state = state
        self.filters = filters
        self.file: IO[bytes] | None = None
        self.offset = 0

    def read(self) -> Event | None:
        while self.file or self._open():
            line = self._line()
            if line is None:
                if not self._rotated():
                    return None
                continue
            text = clip(line.decode(errors="replace").rstrip("\r\n"))
            if text and self.filters.passes(text):
                return int(time.time() * 1000), text
        return None

    def commit(self) -> None:
        if self.file:
            self.state.save({"inode": os.fstat(self.file.fileno()).st_ino, "offset": self.offset})

    def close(self) -> None:
        if self.file:
            self.file.close()
            self.file = None

    def _open(self) -> bool:
        """Open where we stopped: in the same file, wherever rotation has moved it, else in the current one."""
        current = newest(self.pattern)
        if current is None:
            return False
        position = self.state.load()
        siblings = current.parent.glob(glob.escape(current.name) + "*")
        moved = next((path for path in siblings if path.stat().st_ino == position.get("inode")), None)
        try:
            self.file = (moved or current).open("rb")  # kept open, to survive a rename
        except OSError:
            return False
        self.offset = position.get("offset", 0) if moved else 0
        if self.offset > os.fstat(self.file.fileno()).st_size:
            self.offset = 0
        self.file.seek(self.offset)
        return True

    def _line(self) -> bytes | None:
        """Next whole line; a line still being written is left for later."""
        assert self.file is not None  # noqa: S101
        line = self.file.readline()
        if line.endswith(b"\n"):
            self.offset += len(line)
            return line
        self.file.seek(self.offset)
        return None

    def _rotated(self) -> bool:
        """At the end of a file that is no longer the current one, or that was emptied: begin at the new start."""
        assert self.file is not None  # noqa: S101
        here = os.fstat(self.file.fileno())
        if here.st_size < self.offset:
            self.offset = 0
            self.file.seek(0)
            return True
        current = newest(self.pattern)
        if current is None or current.stat().st_ino == here.st_ino:
            return False
        # What was read of the old file is in the batch being filled, which is committed as a whole.
        self.close()
        self.file = current.open("rb")
        self.offset = 0
        return True


class JournalSource:
    """The journal as journalctl prints it. The first start begins at the end; later ones after the last cursor."""

    def __init__(self, options: list[str], state: State, filters: Filters) -> None:
        self.options = options
        self.state = state
        self.filters = filters
        self.cursor = str(state.load().get("cursor", ""))
        self.process: subprocess.Popen[bytes] | None = None
        self.pending = b""
        self.selector = selectors.DefaultSelector()
        if not self.cursor:
            self._anchor()

    def read(self) -> Event | None:
        while True:
            line = self._line()
            if line is None:
                return None
            entry = json.loads(line)
            stamp = int(entry.pop("__REALTIME_TIMESTAMP")) // 1000
            self.cursor = entry["__CURSOR"]
            # The form in which the agent's journal receiver and its exporter leave an entry.
            text = json.dumps({"body": entry}, ensure_ascii=False, separators=(",", ":"))
            if self.filters.passes(text):
                return stamp, clip(text)

    def commit(self) -> None:
        self.state.save({"cursor": self.cursor})

    def close(self) -> None:
        if self.process:
            self.selector.unregister(self._stdout())
            self.process.terminate()
            self.process.wait()
            self.process = None
            self.pending = b""

    def _anchor(self) -> None:
        """Remember the journal's end now, so that nothing between this and the first shipped entry is lost."""
        last = subprocess.run(
            ["journalctl", "--lines=1", "--output=json", "--no-pager"], stdout=subprocess.PIPE, check=False
        ).stdout
        if last.strip():
            self.cursor = json.loads(last)["__CURSOR"]
            self.commit()

    def _line(self) -> bytes | None:
        if self.process is None:
            after = [f"--after-cursor={self.cursor}"] if self.cursor else []
            command = ["journalctl", "--output=json", "--follow", "--no-pager", "--no-tail", *after, *self.options]
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
            os.set_blocking(self._stdout().fileno(), False)
            self.selector.register(self._stdout(), selectors.EVENT_READ)
        while b"\n" not in self.pending:
            if not self.selector.select(timeout=POLL):
                return None
            chunk = self._stdout().read(65536)
            if not chunk:  # journalctl ended: start it again at the next call, after the last entry
                self.close()
                return None
            self.pending += chunk
        line, _, self.pending = self.pending.partition(b"\n")
        return line

    def _stdout(self) -> IO[bytes]:
        assert self.process is not None and self.process.stdout is not None  # noqa: S101
        return self.process.stdout


def journal_options(entry: dict[str, Any]) -> list[str]:
    """journalctl's arguments for a collect_list entry; the fields of one match are ANDed, matches are ORed."""
    options = [f"--priority={entry.get('priority', 'info')}", *(f"--unit={unit}" for unit in entry.get("units", []))]
    for index, match in enumerate(entry.get("matches", [])):
        options += ["+"] if index else []
        options += [f"{field}={value}" for field, value in sorted(match.items())]
    return options


def newest(pattern: str) -> Path | None:
    """The file a pattern stands for: like the real agent, the one written last."""
    found = [Path(name) for name in glob.glob(pattern)]  # noqa: PTH207 - an absolute pattern
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def clip(text: str) -> str:
    """An event as long as CloudWatch Logs takes it."""
    raw = text.encode()
    return text if len(raw) <= MAX_EVENT else raw[: MAX_EVENT - len(TRUNCATED)].decode(errors="ignore") + TRUNCATED
