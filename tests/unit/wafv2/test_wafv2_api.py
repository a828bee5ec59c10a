# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Which errors of AWS WAF are waited out, which lead to reading again, and for how long."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CallError, ConflictError, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.addresses import parse
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.api import Wafv2
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.model import IpSet, Wanted, plan
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.reconcile import carry_out, plan_all
from botocore.exceptions import ClientError

SET = IpSet("blocked", 4, id="1", arn="arn", lock_token="t")


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Client:
    """A region with one empty set, where updates fail with these codes, the last one again and again."""

    def __init__(self, *codes: str | None) -> None:
        self.codes = list(codes)
        self.calls: list[str] = []

    def list_ip_sets(self, **_request: Any) -> Any:
        self.calls.append("list")
        return {"IPSets": [{"Name": SET.name, "Id": SET.id}]}

    def get_ip_set(self, **_request: Any) -> Any:
        self.calls.append("get")
        return {"IPSet": {"IPAddressVersion": "IPV4", "Addresses": [], "ARN": SET.arn}, "LockToken": SET.lock_token}

    def update_ip_set(self, **_request: Any) -> Any:
        self.calls.append("update")
        code = self.codes.pop(0) if len(self.codes) > 1 else self.codes[0]
        if code:
            raise ClientError({"Error": {"Code": code, "Message": ""}}, "UpdateIPSet")
        return {}


def carry_out_with(client: Client, clock: Clock) -> None:
    deadline = Deadline(60, clock, clock.sleep)
    wanted = Wanted(names={4: SET.name}, addresses=frozenset({parse("203.0.113.1")}))
    api = Wafv2(client, "REGIONAL", deadline)
    carry_out(api, deadline, [plan(SET, 4, wanted)], lambda: plan_all(api, wanted))


@pytest.mark.parametrize(
    "code",
    [
        "Throttling",
        "ThrottlingException",
        "WAFDuplicateItemException",
        "WAFInternalErrorException",
        "WAFNonexistentItemException",
        "WAFOptimisticLockException",
        "WAFUnavailableEntityException",
    ],
)
def test_a_failed_write_is_answered_by_reading_and_never_by_sending_again(code: str) -> None:
    """Also a throttled one: by the time that it may be sent, its lock token may be another writer's past."""
    client = Client(code, None)
    carry_out_with(client, Clock())
    assert client.calls == ["update", "list", "get", "update"]


def test_an_error_that_does_not_pass_is_told_at_once() -> None:
    client = Client("WAFInvalidParameterException")
    with pytest.raises(CallError, match="write the IP set blocked"):
        carry_out_with(client, Clock())
    assert client.calls == ["update"]


def test_writes_are_a_second_apart() -> None:
    client, clock = Client(None), Clock()
    api = Wafv2(client, "REGIONAL", Deadline(60, clock, clock.sleep))
    moments = []
    for pause in (0.0, 0.0, 0.4, 5.0):
        clock.now += pause
        api.update(SET)
        moments.append(clock.now)
    assert moments == pytest.approx([0.0, 1.0, 2.0, 7.0])


def test_a_set_that_is_always_taken_is_given_up_in_time() -> None:
    client, clock = Client("WAFOptimisticLockException"), Clock()
    with pytest.raises(ConflictError, match="write the IP set blocked"):
        carry_out_with(client, clock)
    assert clock.now <= 60 + 1  # the last attempt may wait for its turn
    assert client.calls.count("update") > 5
