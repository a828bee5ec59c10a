# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Retries, pages and errors of calls to any AWS service."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import (
    Caller,
    CallError,
    ConflictError,
    Deadline,
)
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError


def failure(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "ListThings")


class Client:
    """Answers one after the other; an exception is raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.requests: list[dict[str, Any]] = []

    def list_things(self, **request: Any) -> Any:
        self.requests.append(dict(request))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def caller(client: Client, **options: Any) -> Caller:
    time = Time()
    return Caller(client, Deadline(60, time, time.sleep), **options)


@pytest.mark.parametrize(
    "error",
    [
        failure("ThrottlingException"),
        failure("Strange", 500),
        failure("OfThisService"),
        ReadTimeoutError(endpoint_url="x"),
        EndpointConnectionError(endpoint_url="x"),
    ],
)
def test_what_passes_is_waited_out(error: Exception) -> None:
    client = Client(error, error, {"Things": []})
    assert caller(client, transient=frozenset({"OfThisService"})).call("list_things", "list") == {"Things": []}
    assert len(client.requests) == 3


def test_the_deadline_ends_the_waiting() -> None:
    client = Client(*[failure("Throttling")] * 200)
    with pytest.raises(CallError, match=r"Could not list the things in \d+ attempts") as caught:
        caller(client).call("list_things", "list the things")
    assert caught.value.code == "Throttling"
    assert 8 <= len(client.requests) < 200


def test_a_wrong_endpoint_is_not_waited_for() -> None:
    client = Client(*[EndpointConnectionError(endpoint_url="x")] * 9)
    with pytest.raises(CallError):
        caller(client).call("list_things", "list")
    assert len(client.requests) == 3


def test_other_errors_are_told_at_once_with_their_remedy() -> None:
    with pytest.raises(CallError, match=r"Could not list \(give these credentials the permission it names\)") as caught:
        caller(Client(failure("AccessDeniedException"))).call("list_things", "list")
    assert not isinstance(caught.value, ConflictError)
    with pytest.raises(ConflictError, match=r"Could not list \(look again\)"):
        caller(Client(failure("Taken")), conflicts=frozenset({"Taken"}), remedies={"Taken": "look again"}).call(
            "list_things", "list"
        )


def test_what_is_not_implemented_is_not_waited_for() -> None:
    client = Client(failure("NotImplemented", 501))
    with pytest.raises(CallError):
        caller(client).call("list_things", "list")


def test_all_pages_are_read() -> None:
    client = Client({"Things": [1, 2], "NextToken": "a"}, {"Things": [], "NextToken": "b"}, {"Things": [3]})
    assert list(caller(client).items("list_things", "list", "Things", Kind="x")) == [1, 2, 3]
    assert client.requests == [{"Kind": "x"}, {"Kind": "x", "NextToken": "a"}, {"Kind": "x", "NextToken": "b"}]
