# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""fail2ban_bans against real servers."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fail2ban_server import Fail2ban

from lab.aws.testing import Aws

MODULE = "rampart.ops.fail2ban_bans"


@pytest.fixture
def read(aws: Aws) -> Callable[..., dict[str, Any]]:
    def run(server: Fail2ban, check: bool = False) -> dict[str, Any]:
        result = aws.run_module(MODULE, {"socket": str(server.socket), "timeout": 5}, check=check)
        assert not result["changed"]
        return result

    return run


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def test_bans_of_all_jails(fail2ban: Fail2ban, read: Callable[..., dict[str, Any]]) -> None:
    assert read(fail2ban)["bans"] == []
    before = datetime.now(UTC) - timedelta(seconds=2)
    fail2ban.client("set", "short", "banip", "203.0.113.7", "2001:db8::7", "198.51.100.0/24")
    fail2ban.client("set", "forever", "banip", "203.0.113.7", "somebody")
    fail2ban.client("set", "short", "banip", "192.0.2.1")
    fail2ban.client("set", "short", "unbanip", "192.0.2.1")

    for check in (True, False):
        result = read(fail2ban, check=check)
        assert not result["failed"], result
        assert sorted(result["jails"]) == ["forever", "short"]
        assert result["skipped"] == 1
        assert sorted((ban["jail"], ban["address"]) for ban in result["bans"]) == [
            ("forever", "203.0.113.7"),
            ("short", "198.51.100.0/24"),
            ("short", "2001:db8::7"),
            ("short", "203.0.113.7"),
        ]
        for ban in result["bans"]:
            assert before <= moment(ban["start"]) <= datetime.now(UTC)
            if ban["jail"] == "forever":
                assert ban["end"] is None
            else:
                assert moment(ban["end"]) - moment(ban["start"]) == timedelta(seconds=600)
            assert ban["count"] == 1


def test_the_times_do_not_depend_on_the_zone_of_the_task(
    fail2ban: Fail2ban, aws: Aws, read: Callable[..., dict[str, Any]]
) -> None:
    fail2ban.client("set", "short", "banip", "203.0.113.7")
    here = read(fail2ban)
    aws.env["TZ"] = "Asia/Seoul"
    assert read(fail2ban)["bans"] == here["bans"]


def test_a_repeated_ban_is_counted(fail2ban: Fail2ban, read: Callable[..., dict[str, Any]]) -> None:
    fail2ban.client("set", "short", "bantime", "1")
    fail2ban.client("set", "short", "banip", "203.0.113.7")
    for _ in range(100):
        if not read(fail2ban)["bans"]:
            break
        time.sleep(0.2)
    fail2ban.client("set", "short", "bantime", "600")
    fail2ban.client("set", "short", "banip", "203.0.113.7")
    (ban,) = read(fail2ban)["bans"]
    assert ban["count"] == 2


def test_bans_are_there_again_after_a_restart(fail2ban: Fail2ban, read: Callable[..., dict[str, Any]]) -> None:
    fail2ban.client("set", "short", "banip", "203.0.113.7")
    before = read(fail2ban)["bans"]
    fail2ban.stop()
    fail2ban.start()
    for _ in range(50):
        after = read(fail2ban)["bans"]
        if after:
            break
        time.sleep(0.2)
    assert abs(moment(after[0]["end"]) - moment(before[0]["end"])) <= timedelta(seconds=1)


def test_what_a_restarted_server_has_not_taken_back_yet_is_told(
    fail2ban: Fail2ban, read: Callable[..., dict[str, Any]]
) -> None:
    addresses = [f"10.1.{n >> 8}.{n & 255}" for n in range(300)]
    fail2ban.client("set", "forever", "banip", *addresses)
    fail2ban.stop()
    fail2ban.start()
    for _ in range(100):
        result = read(fail2ban)
        # Never less than all without a word about it.
        assert len(result["bans"]) + result["restoring"] >= 300
        if len(result["bans"]) == 300:
            break
        time.sleep(0.1)
    assert result["restoring"] == 0
    fail2ban.client("set", "forever", "unbanip", addresses[0])
    result = read(fail2ban)
    assert (len(result["bans"]), result["restoring"]) == (299, 0)


def test_ten_thousand_bans_in_under_a_second(fail2ban: Fail2ban, read: Callable[..., dict[str, Any]]) -> None:
    fail2ban.client("set", "forever", "banip", *(f"10.0.{n >> 8}.{n & 255}" for n in range(10_000)))
    for _ in range(100):
        start = time.monotonic()
        result = read(fail2ban)
        elapsed = time.monotonic() - start
        if len(result["bans"]) == 10_000:
            break
        time.sleep(0.5)
    assert len(result["bans"]) == 10_000
    assert elapsed < 2  # some 0.4 s where nothing else runs


def test_a_server_that_is_down_is_not_a_server_without_bans(
    fail2ban: Fail2ban, read: Callable[..., dict[str, Any]]
) -> None:
    fail2ban.stop()
    result = read(fail2ban)
    assert result["failed"]
    assert "fail2ban is not running" in result["msg"]
    assert "bans" not in result


def test_a_server_that_died_is_not_a_server_without_bans(
    fail2ban: Fail2ban, read: Callable[..., dict[str, Any]]
) -> None:
    left_behind = fail2ban.socket.with_name("left.sock")
    fail2ban.socket.rename(left_behind)  # what a kill leaves: a socket where nobody listens
    try:
        result = read(fail2ban)
        assert result["failed"]
    finally:
        left_behind.rename(fail2ban.socket)


def test_counts_are_not_known_without_a_database(
    start_fail2ban: Callable[..., Fail2ban], read: Callable[..., dict[str, Any]]
) -> None:
    server = start_fail2ban(dbfile=":memory:")
    server.client("set", "short", "banip", "203.0.113.7")
    (ban,) = read(server)["bans"]
    assert ban["count"] is None


def test_a_database_that_cannot_be_read_costs_the_counts_only(
    start_fail2ban: Callable[..., Fail2ban], read: Callable[..., dict[str, Any]]
) -> None:
    server = start_fail2ban()
    server.client("set", "short", "banip", "203.0.113.7")
    (database,) = server.home.glob("*.sqlite3")
    with sqlite3.connect(database, isolation_level=None) as busy:
        busy.execute("BEGIN EXCLUSIVE")
        result = read(server)
        busy.execute("ROLLBACK")
    assert [ban["count"] for ban in result["bans"]] == [None]
    assert any("cannot be read" in str(warning) for warning in result["warnings"])
