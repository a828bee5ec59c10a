# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Request rates that AWS documents, for each account, region and action; enforced when the switch is on."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

from lab.aws.errors import AwsError

# seconds between two calls of one action.
# https://docs.aws.amazon.com/waf/latest/developerguide/limits.html ("maximum number of calls to any individual ...")
_WAFV2 = (
    (r"AssociateWebACL|DisassociateWebACL", 2.0),
    (r"GetWebACLForResource|ListResourcesForWebACL", 1.0),
    (r"CreateAPIKey|CheckCapacity", 1.0),
    (r"Create\w+|Put\w+|Update\w+", 1.0),
    (r"Get\w+|List\w+", 0.2),
)
_INTERVALS = {"wafv2": _WAFV2}


def interval(service: str, operation: str) -> float:
    """How long AWS makes an account wait between two of these; 0 when nothing is documented."""
    for pattern, seconds in _INTERVALS.get(service, ()):
        if re.fullmatch(pattern, operation):
            return seconds
    return 0.0


class Rates:
    """A bucket for each (account, region, action), which holds one second's worth of calls."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[tuple[str, str, str, str], float] = {}
        self._lock = threading.Lock()

    def admit(self, account: str, region: str, service: str, operation: str) -> bool:
        """Whether the call may pass now; a call that may not costs nothing."""
        seconds = interval(service, operation)
        if not seconds:
            return True
        burst = max(0.0, 1.0 - seconds)
        key = (account, region, service, operation)
        with self._lock:
            now = self._clock()
            due = max(self._due.get(key, now - burst), now - burst)
            if due > now:
                return False
            self._due[key] = due + seconds
            return True


def throttled(service: str, protocol: str) -> AwsError:
    """The throttling error by the name that the service gives it."""
    if service == "s3":
        return AwsError("SlowDown", "Please reduce your request rate.", 503)
    if protocol == "ec2":
        return AwsError("RequestLimitExceeded", "Request limit exceeded.", 503)
    if service == "lambda":
        return AwsError("TooManyRequestsException", "Rate Exceeded.", 429, Reason="CallerRateLimitExceeded")
    if protocol == "query":
        return AwsError("Throttling", "Rate exceeded", 400)
    return AwsError("ThrottlingException", "Rate exceeded", 429 if protocol == "rest-json" else 400)
