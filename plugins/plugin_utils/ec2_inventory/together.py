# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Waiting for many answers at the same time."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass
class Task:
    """Work for one thread: what it yields is handed on, and a task that it yields is run as well."""

    name: str
    work: Callable[[], Iterable[Any]]


class _End:
    """A task has nothing more to say."""


class _Threads:
    """Threads that run tasks, as many as there are tasks and at most `most`.

    They are daemons: whoever stops listening, because one failure is enough, does not wait for slow answers.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._threads = 0
        self._unheard = False
        self.running = 0
        self._to_do: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        # Bounded, so that the threads do not fetch faster than the pages are read, with all of them in memory.
        self.said: queue.Queue[tuple[Task, Any]] = queue.Queue(maxsize=2 * most)

    def start(self, task: Task) -> None:
        self.running += 1
        if self._threads < min(self.running, self._most):
            self._threads += 1
            threading.Thread(target=self._serve, daemon=True).start()
        self._to_do.put(task)

    def _serve(self) -> None:
        while (task := self._to_do.get()) is not None and not self._unheard:
            try:
                for item in task.work():
                    if self._unheard:
                        return
                    self.said.put((task, item))
                self.said.put((task, _End))
            except Exception as error:
                self.said.put((task, error))

    def stop(self) -> None:
        self._unheard = True
        for _thread in range(self._threads):
            self._to_do.put(None)
        with contextlib.suppress(queue.Empty):
            while True:  # room for the last word of each thread
                self.said.get_nowait()


def together(tasks: Iterable[Task], workers: int) -> Iterator[tuple[Task, Any]]:
    """Run tasks in at most this many threads; yield (task, item) as items come, and (task, exception) for a failure."""
    threads = _Threads(workers)
    try:
        for task in tasks:
            threads.start(task)
        while threads.running:
            task, item = threads.said.get()
            if isinstance(item, Task):
                threads.start(item)
                continue
            if item is _End or isinstance(item, Exception):
                threads.running -= 1
            if item is not _End:
                yield task, item
    finally:
        threads.stop()
