# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Faults on demand: the next calls of an operation go wrong in a way that AWS is known for."""

from __future__ import annotations

import contextlib
import random
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.aws import rates, registry, snapshots
from lab.aws.accounts import account_of
from lab.aws.errors import AwsError
from lab.aws.wire import services_signed_as

if TYPE_CHECKING:
    from lab.aws.call import Call, Moto

KINDS = {
    "throttle": "refused with the service's throttling error",
    "error": "answered with an error; params: status (500), code (InternalServiceError), message, apply (false)",
    "delay": "answered after params.seconds (1)",
    "lost_answer": "carried out, but the connection is closed before the answer",
    "lock_race": "somebody else's write comes in between, so that the lock token is no longer good",
    "stale": "answered from the state in which the service was when the fault was set",
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
    snapshot: Any = None

    def matches(self, service: str, operation: str, account: str, region: str) -> bool:
        return (
            self.service in (service, "*")
            and self.operation in (operation, "*")
            and self.account in (account, None)
            and self.region in (region, None)
        )

    def error(self) -> AwsError:
        status = int(self.params.get("status", 500))
        code = self.params.get("code", "ServiceUnavailable" if status == 503 else "InternalServiceError")
        return AwsError(code, self.params.get("message", "An internal error occurred."), status)

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
    account = account_of(account) if account else None
    if kind == "lock_race" and service not in registry.races:
        raise ValueError(f"lock_race: {service} has no lock tokens here; those that have: {', '.join(registry.races)}")
    if kind == "stale" and (account is None or service == "*"):
        raise ValueError("stale: needs one account and one service, whose state it keeps")
    return Fault(
        service=service,
        operation=operation,
        kind=str(kind),
        times=times,
        probability=float(probability),
        params=params,
        account=account,
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

    def __init__(self, moto: Moto) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._moto = moto

    def add(self, document: dict[str, Any]) -> dict[str, Any]:
        fault = parse(document)
        if fault.kind == "stale" and fault.account:
            with self._moto.lock(fault.account, fault.service):
                fault.snapshot = snapshots.take(fault.service, fault.account)
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


@contextlib.contextmanager
def striking(call: Call) -> Iterator[Fault | None]:
    """Let the fault that is due befall this call."""
    fault = call.app.faults.strike(call.service, call.operation, call.account, call.region)
    if fault is None:
        yield None
        return
    call.fault = fault.kind
    if fault.kind == "throttle":
        raise rates.throttled(call.service, call.target.protocol)
    if fault.kind == "error" and not fault.params.get("apply"):
        raise fault.error()
    if fault.kind == "delay":
        time.sleep(float(fault.params.get("seconds", 1)))
    if fault.kind == "lock_race":
        registry.races[call.service](call, fault.params)
    if fault.kind == "stale":
        with call.app.moto.lock(call.account, call.service), snapshots.in_place(fault.snapshot, call.account):
            yield fault
        return
    yield fault


def afterwards(fault: Fault) -> None:
    """What goes wrong when the call has been carried out."""
    if fault.kind == "error":
        raise fault.error()
