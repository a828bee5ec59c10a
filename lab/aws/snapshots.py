# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The state of a service in an account, kept aside: what an eventually consistent read still shows."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Snapshot:
    """moto's backends of one service, by region, as they were."""

    service: str
    backends: dict[str, Any]


def _of_account(service: str, account: str) -> Any:
    from moto.backends import get_backend

    return get_backend(service)[account]


def take(service: str, account: str) -> Snapshot:
    """ValueError if this service's backend cannot be copied."""
    try:
        kept = {region: copy.deepcopy(backend) for region, backend in _of_account(service, account).items()}
    except Exception as problem:  # a lock or an odd dictionary somewhere in moto's objects
        raise ValueError(f"stale: the state of {service} cannot be kept ({problem})") from None
    return Snapshot(service, kept)


@contextlib.contextmanager
def in_place(snapshot: Snapshot, account: str) -> Iterator[None]:
    """Let the snapshot stand in for the service while the block runs; what the block writes into it is lost."""
    backends = _of_account(snapshot.service, account)
    present = dict(backends)
    try:
        backends.clear()
        backends.update(copy.deepcopy(snapshot.backends))
        yield
    finally:
        created = {region: backend for region, backend in backends.items() if region not in snapshot.backends}
        backends.clear()
        backends.update({**created, **present})
