# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The cache that parallel jobs share: one of them asks, the others wait for its answer."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import time
import zlib
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from .sweep import Page

FORMAT = 1


@dataclass
class Answers:
    """Everything that was asked for, as it came: what is made of it does not depend on whether it was cached."""

    pages: list[Page] = field(default_factory=list)
    ssm: dict[str, dict[str, Any]] = field(default_factory=dict)
    records: dict[str, list[str]] = field(default_factory=dict)
    fetched: float = 0.0


class Cache:
    """Answers in one of Ansible's cache plugins. `scope` says which question they answer."""

    def __init__(self, open_plugin: Callable[[], MutableMapping[str, Any]], key: str, scope: str, lock: str) -> None:
        self._open_plugin = open_plugin
        self._key = key
        self._scope = scope
        self._lock = lock

    def read(self) -> Answers | None:
        """What is there for this question, however old. The plugin is opened anew: another job may have written."""
        try:
            entry = self._open_plugin()[self._key]
            if entry["format"] != FORMAT or entry["scope"] != self._scope:
                return None
            pages = [
                Page(account, region, kind, zlib.decompress(base64.b64decode(body)))
                for account, region, kind, body in entry["pages"]
            ]
            return Answers(pages, entry["ssm"], entry["records"], entry["fetched"])
        except Exception:  # no entry, no entry of ours, or a broken one: each means to ask again
            return None

    def write(self, answers: Answers) -> None:
        """Keep answers."""
        store = self._open_plugin()
        store[self._key] = {
            "format": FORMAT,
            "scope": self._scope,
            "fetched": answers.fetched,
            "pages": [
                [page.account, page.region, page.kind, base64.b64encode(zlib.compress(page.body, 1)).decode()]
                for page in answers.pages
            ],
            "ssm": answers.ssm,
            "records": answers.records,
        }
        store.update_cache_if_changed()  # type: ignore[attr-defined]

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only job that asks. A job that ends, however it ends, lets go."""
        try:
            os.makedirs(os.path.dirname(self._lock), mode=0o700, exist_ok=True)
            descriptor = os.open(self._lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError:  # another user's: then both ask, which is slower and not wrong
            yield
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def cached(
    cache: Cache,
    fetch: Callable[[], Answers],
    timeout: float,
    stale_if_error: float,
    may_read: bool,
    warn: Callable[[str], None],
    failures: tuple[type[Exception], ...],
) -> Answers:
    """Fresh answers from the cache, else from `fetch`; old ones when that fails and they are not too old.

    `may_read` is false when the user asked to flush the cache. Then only what another job has fetched since will do.
    """
    began = time.time()

    def fresh(answers: Answers | None) -> bool:
        if answers is None:
            return False
        return answers.fetched >= began or (may_read and (timeout == 0 or began - answers.fetched <= timeout))

    known = cache.read()
    if known is not None and fresh(known):
        return known
    with cache.locked():
        known = cache.read()
        if known is not None and fresh(known):
            return known
        try:
            answers = fetch()
        except failures as error:
            age = time.time() - known.fetched if known else 0.0
            if known is None or not stale_if_error or (timeout and age > timeout + stale_if_error):
                raise
            minutes = age / 60
            warn(f"{error} Using the cached inventory of {minutes:.0f} minutes ago.")
            return known
        if answers.fetched:
            cache.write(answers)
        return answers
