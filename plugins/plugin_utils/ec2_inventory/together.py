# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Waiting for many answers at the same time."""

from __future__ import annotations

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


def together(tasks: Iterable[Task], workers: int) -> Iterator[tuple[Task, Any]]:
    """Run tasks in at most this many threads; yield (task, item) as items come, and (task, exception) for a failure.

    The threads are daemons: whoever stops listening, because one failure is enough, does not wait for slow answers.
    """
    to_do: queue.SimpleQueue[Task] = queue.SimpleQueue()
    # Bounded, so that the threads do not fetch faster than the pages are read, with all of them in memory.
    said: queue.Queue[tuple[Task, Any]] = queue.Queue(maxsize=2 * workers)
    running = threads = 0

    def serve() -> None:
        while True:
            task = to_do.get()
            try:
                for item in task.work():
                    said.put((task, item))
                said.put((task, _End))
            except Exception as error:
                said.put((task, error))

    def start(task: Task) -> None:
        nonlocal running, threads
        running += 1
        if threads < min(running, workers):
            threads += 1
            threading.Thread(target=serve, daemon=True).start()
        to_do.put(task)

    for task in tasks:
        start(task)
    while running:
        task, item = said.get()
        if isinstance(item, Task):
            start(item)
            continue
        if item is _End or isinstance(item, Exception):
            running -= 1
        if item is not _End:
            yield task, item
