# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""A call to AWS, whatever the service: retried while it makes sense, against one deadline; errors told in words."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar

with suppress(ImportError):  # AnsibleAWSModule says so
    from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, HTTPClientError

P = TypeVar("P")
R = TypeVar("R")

# Waiting is done here, against one deadline, and nowhere else.
CLIENT_CONFIG = {"retries": {"total_max_attempts": 1}, "connect_timeout": 10, "read_timeout": 20}
DEADLINE = 60.0

_TRANSIENT = {
    "InternalFailure",
    "InternalServerError",
    "InternalServiceError",
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
_REMEDY = {
    "AccessDeniedException": "give these credentials the permission it names",
    "ExpiredTokenException": "renew the session's credentials",
    "InvalidClientTokenId": "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or the profile",
    "InvalidSignatureException": "check AWS_SECRET_ACCESS_KEY and the clock of this machine",
    "UnauthorizedOperation": "give these credentials the permission it names",
    "UnrecognizedClientException": "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or the profile",
}
# A wrong endpoint does not get right by waiting; a hiccup of name resolution does.
_CONNECTION_ATTEMPTS = 3


class CallError(Exception):
    """A call that failed for good, after so many attempts."""

    def __init__(self, message: str, cause: Exception, attempts: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.attempts = attempts

    @property
    def code(self) -> str:
        return _code(self.cause)

    @property
    def refused(self) -> bool:
        """AWS has said no, so that nothing came of it. An attempt before that may have come to something."""
        return self.attempts == 1 and 400 <= _status(self.cause) < 500


class ConflictError(CallError):
    """What the call is about is not any more what it was when it was read."""


class Deadline:
    """The time that is left for a whole run, and waiting within it."""

    def __init__(
        self,
        seconds: float = DEADLINE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._end = clock() + seconds

    def wait(self, attempt: int) -> bool:
        """Wait longer with each attempt, at random so that writers do not meet again; False when the time is up."""
        pause = random.uniform(0.1, min(8.0, 0.4 * 2.0**attempt))  # noqa: S311 - no secret depends on it
        if self._clock() + pause > self._end:
            return False
        self._sleep(pause)
        return True

    def pace(self, seconds: float) -> Pace:
        """Something that happens not more often than once in so many seconds."""
        return Pace(seconds, self._clock, self._sleep)


class Pace:
    """Waits between things of one kind, so that a quota of the service is kept rather than met."""

    def __init__(self, seconds: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._sleep = sleep
        self._next = clock()

    def wait(self) -> None:
        pause = self._next - self._clock()
        if pause > 0:
            self._sleep(pause)

    def done(self) -> None:
        """The next one is due so long after this moment, whether it went well or not."""
        self._next = self._clock() + self._seconds


def carry_out(deadline: Deadline, plan: P, write: Callable[[P], R], plan_again: Callable[[], P]) -> R:
    """Write what a plan says. After a conflict the world is read and the plan made anew, never the same sent again:
    if the conflict came from our own lost answer, there is nothing left to do."""
    attempt = 0
    while True:
        try:
            return write(plan)
        except ConflictError:
            attempt += 1
            if not deadline.wait(attempt):
                raise
            plan = plan_again()


class Caller:
    """The calls of one client. A service names what else is transient there, and what is a conflict or has a remedy."""

    def __init__(
        self,
        client: Any,
        deadline: Deadline,
        transient: frozenset[str] = frozenset(),
        conflicts: frozenset[str] = frozenset(),
        remedies: Mapping[str, str] | None = None,
    ) -> None:
        self._client = client
        self._deadline = deadline
        self._transient = _TRANSIENT | transient
        self._conflicts = conflicts
        self._remedies = {**_REMEDY, **(remedies or {})}

    def call(self, operation: str, purpose: str, resend: bool = True, **request: Any) -> dict[str, Any]:
        """Carry out one operation; `purpose` completes the sentence that begins with "Could not".

        With `resend` false a failure that may pass raises ConflictError at once, for requests that are good only for
        the state that was read before: whoever gets it reads again.
        """
        attempt = 0
        while True:
            try:
                answer: dict[str, Any] = getattr(self._client, operation)(**request)
                return answer
            except (BotoCoreError, ClientError) as error:
                attempt += 1
                transient = self._is_transient(error, attempt)
                if transient and not resend:
                    raise ConflictError(f"Could not {purpose}", error) from error
                if not transient or not self._deadline.wait(attempt):
                    raise self._translated(error, purpose, attempt) from error

    def items(
        self,
        operation: str,
        purpose: str,
        result: str,
        token: str = "NextToken",  # noqa: S107 - the name of a member
        **request: Any,
    ) -> Iterator[dict[str, Any]]:
        """All items of a paged list, page by page."""
        while True:
            answer = self.call(operation, purpose, **request)
            yield from answer.get(result) or ()
            if not answer.get(token):
                return
            request[token] = answer[token]

    def _is_transient(self, error: Exception, attempt: int) -> bool:
        if isinstance(error, ClientError):
            status = _status(error)
            return _code(error) in self._transient or (status >= 500 and status != 501)
        if isinstance(error, EndpointConnectionError):
            return attempt < _CONNECTION_ATTEMPTS
        return isinstance(error, HTTPClientError)  # time-outs and lost connections

    def _translated(self, error: Exception, purpose: str, attempts: int) -> CallError:
        code = _code(error)
        message = f"Could not {purpose}"
        if attempts > 1:
            message += f" in {attempts} attempts"
        if code in self._remedies:
            message += f" ({self._remedies[code]})"
        return (ConflictError if code in self._conflicts else CallError)(message, error, attempts)


def _code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""


def _status(error: Exception) -> int:
    """The HTTP status of AWS's answer; 0 if there was none."""
    if not isinstance(error, ClientError):
        return 0
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
