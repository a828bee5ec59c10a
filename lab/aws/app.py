# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The WSGI application: every request is identified, judged and written down before moto sees it."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request, Response

from lab.aws import accounts, control, journal, wire
from lab.aws.errors import AwsError
from lab.aws.faults import Faults
from lab.aws.switches import Switchboard

_log = logging.getLogger("lab.aws")
_ACCESS_KEY_ID = re.compile(r"<AccessKeyId>([A-Z0-9]+)</AccessKeyId>")


class LabApplication:
    """One region endpoint for all services, accounts and regions."""

    def __init__(self, mirror: Path | None = None) -> None:
        self.mirror = mirror
        self.accounts = accounts.Accounts()
        self.journal = journal.Journal()
        self.faults = Faults()
        self.switches = Switchboard()
        self.last_request = time.monotonic()
        self._started = time.monotonic()
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._locks: dict[tuple[str, str], threading.RLock] = defaultdict(threading.RLock)

    def __call__(self, environ: wire.Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.last_request = time.monotonic()
        if environ.get("PATH_INFO", "").startswith("/lab/"):
            response = control.handle(self, Request(environ))
        else:
            response = self._aws(environ)
        return response(environ, start_response)

    def health(self) -> dict[str, Any]:
        return {"status": "ok", "uptime": round(time.monotonic() - self._started, 1)}

    def _aws(self, environ: wire.Environ) -> Response:
        began = time.monotonic()
        environ, body = wire.buffered(environ)
        authorization = environ.get("HTTP_AUTHORIZATION", "")
        who = accounts.credential(authorization, environ.get("QUERY_STRING", ""))
        entry = journal.Entry(
            journal.now(), "", who.region if who else "", who.signing_name if who else "", "", {},
            source=environ.get("REMOTE_ADDR", ""), user_agent=environ.get("HTTP_USER_AGENT", ""),
        )  # fmt: skip
        service, protocol = wire.protocol_of(environ, who.signing_name if who else "")
        try:
            response = self._serve(environ, body, who, protocol, entry)
        except Exception as problem:
            error = problem if isinstance(problem, AwsError) else _lab_failure(entry, problem)
            response = wire.render_error(entry.service or service, protocol, error)
            entry.error = error.code
        entry.status = response.status_code
        entry.seconds = round(time.monotonic() - began, 4)
        self.journal.add(entry)
        return response

    def _serve(
        self, environ: wire.Environ, body: bytes, who: accounts.Credential | None, protocol: str, entry: journal.Entry
    ) -> Response:
        if who is None:
            raise accounts.not_signed(protocol)
        account = self.accounts.resolve(who.access_key)
        if account is None:
            raise accounts.invalid_key(protocol, wire.protocol_of(environ, who.signing_name)[0])
        entry.account = account
        if who.region not in accounts.regions():
            raise accounts.invalid_region(protocol, who.signing_name, who.region)
        target = wire.find_target(wire.rewound(environ, body), who.signing_name)
        entry.service, entry.operation = target.service, target.operation.name
        entry.parameters = journal.masked(
            wire.parameters(target, wire.rewound(environ, body)), target.operation.input_shape
        )
        with self._locks[account, target.service]:
            response = self._moto_answer(target, wire.rewound(environ, body), account)
        if target.service == "sts":
            for key in _ACCESS_KEY_ID.findall(response.get_data(as_text=True)):
                self.accounts.remember_session(key, account)
        if response.status_code >= 400:
            entry.error = wire.error_code(response)
        return response

    def _moto_answer(self, target: wire.Target, environ: wire.Environ, account: str) -> Response:
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = account
        try:
            chunks, status, headers = run_wsgi_app(self._moto, environ, buffered=True)
        except NotImplementedError as problem:
            raise _not_implemented(target, str(problem)) from None
        response = Response(chunks, status, headers)
        if response.status_code == 404 and response.mimetype == "text/html" and target.service != "s3":
            raise _not_implemented(target, "moto has no such path")  # not an answer of AWS but of the web framework
        return response


def _not_implemented(target: wire.Target, reason: str) -> AwsError:
    # 501 is not retried by botocore: a gap shows at once, under its own name.
    name = f"{target.service}.{target.operation.name}"
    return AwsError("NotImplemented", f"The lab does not implement {name} ({reason}).", 501)


def _lab_failure(entry: journal.Entry, problem: Exception) -> AwsError:
    _log.exception("%s.%s", entry.service, entry.operation)
    return AwsError("InternalFailure", f"The lab failed: {type(problem).__name__}: {problem}", 500)
