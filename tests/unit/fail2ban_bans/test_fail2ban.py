# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The conversation with fail2ban's server where it goes wrong, which a real one does only now and then."""

from __future__ import annotations

import os
import pickle
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.rampart.ops.plugins.module_utils.fail2ban import client
from ansible_collections.rampart.ops.plugins.module_utils.fail2ban.client import Fail2banError, RefusedError, Server
from ansible_collections.rampart.ops.plugins.module_utils.fail2ban.model import bans_of, iso, jails_of

END = b"<F2B_END_COMMAND>"


class FakeServer:
    """Answers each command with what a function makes of it; bytes are sent as they are, None ends the connection."""

    def __init__(self, path: Path, answer: Callable[[list[str]], Any]) -> None:
        self.path = str(path)
        self.asked: list[list[str]] = []
        self._answer = answer
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.path)
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            buffer = b""
            while part := connection.recv(4096):
                buffer += part
                while END in buffer:
                    message, _, buffer = buffer.partition(END)
                    if message == b"<F2B_CLOSE_COMMAND>":
                        continue
                    self.asked.append(pickle.loads(message))  # noqa: S301 - our own
                    answer = self._answer(self.asked[-1])
                    if answer is None:
                        connection.close()
                        return
                    data = answer if isinstance(answer, bytes) else pickle.dumps(answer) + END
                    for start in range(0, len(data), 1000):  # never in one piece
                        connection.sendall(data[start : start + 1000])


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., FakeServer]]:
    yield lambda answer: FakeServer(tmp_path / "sock", answer)


STATUS = [("Number of jail", 2), ("Jail list", "nginx, sshd")]


def test_bans_come_in_one_connection(serve: Callable[..., FakeServer]) -> None:
    lines = ["203.0.113.7 \t2026-11-21 00:20:17 + 600 = 2026-11-21 00:30:17"] * 500
    fake = serve(lambda command: (0, STATUS if command == ["status"] else lines if command[1] == "sshd" else []))
    with Server(fake.path, 2) as server:
        assert server.ban_lists() == {"nginx": [], "sshd": lines}
    assert fake.asked == [["status"], *(["get", jail, "banip", "--with-time"] for jail in ("nginx", "sshd"))]


class UnknownJailException(Exception):
    """As fail2ban pickles it: a class that is not known here."""


def test_a_jail_that_goes_while_it_is_asked_is_asked_again(
    serve: Callable[..., FakeServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    states = iter([STATUS, [("Number of jail", 1), ("Jail list", "sshd")]])

    def answer(command: list[str]) -> Any:
        if command == ["status"]:
            return 0, next(states)
        return (1, UnknownJailException("nginx")) if command[1] == "nginx" else (0, [])

    fake = serve(answer)
    with Server(fake.path, 2) as server:
        assert server.ban_lists() == {"sshd": []}


def test_a_server_that_goes_on_refusing_is_an_error(
    serve: Callable[..., FakeServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    fake = serve(lambda command: (0, STATUS) if command == ["status"] else (1, UnknownJailException("nginx")))
    with Server(fake.path, 2) as server, pytest.raises(RefusedError, match="nginx"):
        server.ban_lists()


class Bomb:
    def __reduce__(self) -> Any:
        return os.mkdir, (f"{os.environ['BOMB']}/exploded",)


def test_an_answer_cannot_make_us_run_anything(
    serve: Callable[..., FakeServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOMB", str(tmp_path))
    fake = serve(lambda _command: (0, Bomb()))
    with Server(fake.path, 2) as server:
        server.ask("status")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("answer", "words"),
    [(None, "closed the connection"), (b"nonsense" + END, "cannot be read"), (pickle.dumps(1) + END, "cannot be read")],
)
def test_half_answers_are_errors(serve: Callable[..., FakeServer], answer: Any, words: str) -> None:
    fake = serve(lambda _command: answer)
    with Server(fake.path, 2) as server, pytest.raises(Fail2banError, match=words):
        server.ban_lists()


def test_a_server_that_hangs_is_not_waited_for(serve: Callable[..., FakeServer]) -> None:
    fake = serve(lambda _command: b"")
    with Server(fake.path, 0.2) as server, pytest.raises(Fail2banError, match=r"within 0\.2 s"):
        server.ask("status")


def test_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any) -> None:
        raise PermissionError(13, "Permission denied")

    class Socket:
        settimeout = close = lambda *_args: None
        connect = refuse

    monkeypatch.setattr(client.socket, "socket", lambda *_args: Socket())
    with pytest.raises(Fail2banError, match="become root"), Server("/nowhere", 1):
        pass


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(Fail2banError, match="not running"), Server(str(tmp_path / "sock"), 1):
        pass


def test_lines_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Seoul")
    time.tzset()
    lines = [
        "203.0.113.7 \t2026-11-21 09:20:17 + 600 = 2026-11-21 09:30:17",
        "2001:db8::/64 \t2026-11-21 09:20:17 + -1 = 9999-12-31 23:59:59",
        "some body \t2026-11-21 09:20:17 + 600 = 2026-11-21 09:30:17",
    ]
    try:
        bans, skipped = bans_of({"sshd": lines}, {("sshd", "203.0.113.7"): 3})
    finally:
        monkeypatch.undo()
        time.tzset()
    assert skipped == 1
    assert [(b.address, iso(b.start), iso(b.end), b.count) for b in bans] == [
        ("203.0.113.7", "2026-11-21T00:20:17Z", "2026-11-21T00:30:17Z", 3),
        ("2001:db8::/64", "2026-11-21T00:20:17Z", None, None),
    ]


@pytest.mark.parametrize("line", ["", "203.0.113.7", "203.0.113.7 for ever"])
def test_a_line_that_cannot_be_read_is_an_error_not_a_missing_ban(line: str) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        bans_of({"sshd": [line]}, {})


def test_no_jails_are_no_jails() -> None:
    assert jails_of([("Number of jail", 0), ("Jail list", "")]) == []
    with pytest.raises(ValueError, match="no jail list"):
        jails_of([("Number of jail", 0)])
