# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Faults on demand: the next calls of an operation go wrong in a way that AWS is known for."""

from __future__ import annotations

import random
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any

from lab.aws.accounts import account_of
from lab.aws.wire import services_signed_as

KINDS = {
    "throttle": "refused with the service's throttling error",
    "error": "answered with an error; params: status (500), code (InternalServiceError), message, apply (false)",
    "delay": "answered after params.seconds (1)",
    "lost_answer": "carried out, but the connection is closed before the answer",
    "lock_race": "somebody else's write comes in between, so that the lock token is no longer good",
    "stale": "answered with what a read of params.seconds (60) ago would have shown",
}
_FIELDS = {"service", "operation", "kind", "times", "probability", "seed", "params", "account", "region"}


@dataclass
class Fault:
    """One fault and how often it still strikes."""

    service: str
    operation: str
    kind: str
    times: int | None
    probability: float
    params: dict[str, Any]
    account: str | None
    region: str | None
    dice: random.Random
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    struck: int = 0

    def matches(self, service: str, operation: str, account: str, region: str) -> bool:
        return (
            self.service in (service, "*")
            and self.operation in (operation, "*")
            and self.account in (account, None)
            and self.region in (region, None)
        )

    def listed(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "service": self.service,
            "operation": self.operation,
            "kind": self.kind,
            "times": self.times,
            "probability": self.probability,
            "params": self.params,
            "account": self.account,
            "region": self.region,
            "struck": self.struck,
        }


def parse(document: dict[str, Any]) -> Fault:
    """A fault from its JSON description; ValueError says what is wrong with it."""
    unknown = set(document) - _FIELDS
    if unknown:
        raise ValueError(f"unknown field: {', '.join(sorted(unknown))}; there are {', '.join(sorted(_FIELDS))}")
    service, operation, kind = (document.get(name) for name in ("service", "operation", "kind"))
    if not isinstance(service, str) or not isinstance(operation, str) or kind not in KINDS:
        raise ValueError(f"a fault needs service, operation and kind (one of {', '.join(KINDS)})")
    if service != "*" and operation != "*":
        _must_exist(service, operation)
    probability = document.get("probability", 1.0)
    if not isinstance(probability, int | float) or not 0 <= probability <= 1:
        raise ValueError(f"probability: {probability!r} is not between 0 and 1")
    times = document.get("times", 1 if "probability" not in document else None)
    if times is not None and (not isinstance(times, int) or isinstance(times, bool) or times < 1):
        raise ValueError(f"times: {times!r} is not a positive number")
    params = document.get("params", {})
    if not isinstance(params, dict):
        raise ValueError("params must be an object")
    account = document.get("account")
    return Fault(
        service=service,
        operation=operation,
        kind=str(kind),
        times=times,
        probability=float(probability),
        params=params,
        account=account_of(account) if account else None,
        region=document.get("region"),
        dice=random.Random(document.get("seed", 0)),  # noqa: S311 - a reproducible die, not a secret
    )


def _must_exist(service: str, operation: str) -> None:
    from moto.core.utils import get_service_model

    if service not in services_signed_as(service):
        try:
            get_service_model(service)
        except Exception:
            raise ValueError(f"service: AWS has no {service!r}") from None
    if operation not in get_service_model(service).operation_names:
        raise ValueError(f"operation: {service} has no {operation!r}")


class Faults:
    """The faults that are set, oldest first; of one kind only the first that fits strikes."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, document: dict[str, Any]) -> dict[str, Any]:
        fault = parse(document)
        with self._lock:
            self._faults.append(fault)
        return fault.listed()

    def listed(self, account: str | None = None) -> list[dict[str, Any]]:
        with self._lock:
            return [fault.listed() for fault in self._faults if account in (None, fault.account)]

    def clear(self, account: str | None = None) -> int:
        with self._lock:
            kept = [fault for fault in self._faults if account is not None and fault.account != account]
            gone = len(self._faults) - len(kept)
            self._faults = kept
            return gone

    def strike(self, service: str, operation: str, account: str, region: str) -> Fault | None:
        """The fault that befalls this call, if any; it is counted."""
        with self._lock:
            for fault in self._faults:
                if not fault.matches(service, operation, account, region):
                    continue
                if fault.dice.random() >= fault.probability:
                    continue
                fault.struck += 1
                if fault.times is not None and fault.struck >= fault.times:
                    self._faults.remove(fault)
                return fault
        return None
