# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The conversation with fail2ban's server, as fail2ban-client has it, and the reading of its database.

Starting fail2ban-client once for each jail takes longer than the whole of this.
"""

from __future__ import annotations

import errno
import io
import os
import pickle
import socket
import sqlite3
import time
from contextlib import suppress
from types import TracebackType
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.fail2ban.model import jails_of

_END = b"<F2B_END_COMMAND>"
_CLOSE = b"<F2B_CLOSE_COMMAND>"
_RELOADING = 3  # attempts while jails come and go


class Fail2banError(Exception):
    """Why the server could not be asked: the message says what to do."""


class RefusedError(Fail2banError):
    """The server answered with an error."""


class _Opaque(Exception):
    """What an answer refers to and we do not need: the server's exceptions."""


class _Unpickler(pickle.Unpickler):
    """Makes nothing but plain data of an answer, whatever it says."""

    def find_class(self, module: str, name: str) -> Any:
        return str if (module, name) == ("builtins", "str") else _Opaque


class Server:
    """A connection to the server."""

    def __init__(self, path: str, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def __enter__(self) -> Server:
        self._socket.settimeout(self._timeout)
        try:
            self._socket.connect(self._path)
        except OSError as error:
            self._socket.close()
            raise self._unreachable(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # it may have gone already
            self._socket.sendall(_CLOSE + _END)
        self._socket.close()

    def ask(self, *command: str) -> Any:
        try:
            self._socket.sendall(pickle.dumps(list(command), protocol=2) + _END)
            answer = bytearray()
            while not answer.endswith(_END):
                part = self._socket.recv(1 << 18)
                if not part:
                    raise Fail2banError("fail2ban closed the connection: it is being stopped or restarted")
                answer += part
        except OSError as error:
            raise self._unreachable(error) from error
        try:
            status, value = _Unpickler(io.BytesIO(bytes(answer[: -len(_END)]))).load()
        except Exception as error:
            raise Fail2banError(f"fail2ban's answer to {' '.join(command)!r} cannot be read: {error}") from error
        if status != 0:
            raise RefusedError(f"fail2ban refused {' '.join(command)!r}: {value}")
        return value

    def ban_lists(self) -> dict[str, list[str]]:
        """The bans of every jail, a line each."""
        attempt = 0
        while True:
            try:
                return {jail: self.ask("get", jail, "banip", "--with-time") for jail in jails_of(self.ask("status"))}
            except RefusedError:  # the jail has gone since: fail2ban is being reloaded
                attempt += 1
                if attempt == _RELOADING:
                    raise
                time.sleep(1)

    def database(self) -> str | None:
        """The path of its database, if it has a lasting one."""
        path = self.ask("get", "dbfile")
        return None if not path or path == ":memory:" else str(path)

    def _unreachable(self, error: OSError) -> Fail2banError:
        if isinstance(error, socket.timeout):
            return Fail2banError(f"fail2ban did not answer within {self._timeout:g} s")
        if error.errno in (errno.EACCES, errno.EPERM):
            return Fail2banError(f"not allowed to talk to fail2ban at {self._path}: become root")
        if error.errno in (errno.ENOENT, errno.ECONNREFUSED, errno.EPIPE, errno.ECONNRESET):
            return Fail2banError(f"fail2ban is not running: nobody answers at {self._path}")
        return Fail2banError(f"cannot talk to fail2ban at {self._path}: {error}")


def remembered(path: str, now: float) -> set[tuple[str, str]]:
    """Jail and address of every ban that the database holds as not yet over at a point of time."""
    connection = sqlite3.connect(f"file:{os.path.abspath(path)}?mode=ro", uri=True, timeout=2)
    try:
        rows = connection.execute("SELECT jail, ip FROM bips WHERE bantime < 0 OR timeofban + bantime > ?", (now,))
        return set(rows)
    finally:
        connection.close()


def ban_counts(path: str) -> dict[tuple[str, str], int]:
    """How often the database remembers each address being banned, by jail and address."""
    connection = sqlite3.connect(f"file:{os.path.abspath(path)}?mode=ro", uri=True, timeout=2)
    try:
        rows = connection.execute("SELECT jail, ip, MAX(COUNT(*), MAX(bancount)) FROM bans GROUP BY jail, ip")
        return {(jail, ip): count for jail, ip, count in rows}
    finally:
        connection.close()
