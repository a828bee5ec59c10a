# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The WSGI application: every request is identified, judged and written down before moto sees it."""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from moto.core.request import Request as MotoRequest
from werkzeug.wrappers import Request, Response

from lab.aws import accounts, control, decoding, faults, journal, paging, rates, registry, services, validation, wire
from lab.aws.call import Call, Clock, Moto
from lab.aws.errors import AwsError
from lab.aws.services import events, functions
from lab.aws.switches import Switchboard

_log = logging.getLogger("lab.aws")
_ASSUMED_ROLE = re.compile(r"<Arn>arn:aws[\w-]*:sts::(\d{12}):assumed-role/")
_ACCESS_KEY_ID = re.compile(r"<AccessKeyId>([A-Z0-9]+)</AccessKeyId>")


class LabApplication:
    """One region endpoint for all services, accounts and regions."""

    def __init__(self, mirror: Path | None = None, url: str = "") -> None:
        services.load()
        self.url = url
        self.mirror = mirror
        self.accounts = accounts.Accounts()
        self.journal = journal.Journal()
        self.moto = Moto()
        self.faults = faults.Faults(self.moto)
        self.switches = Switchboard()
        self.rates = rates.Rates()
        self.clock = Clock()
        self.last_request = time.monotonic()
        self._validators: dict[str, validation.Validator] = {}
        self._started = time.monotonic()
        functions.attach(self)
        events.attach(self)

    def __call__(self, environ: wire.Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.last_request = time.monotonic()
        if environ.get("PATH_INFO", "").startswith("/lab/"):
            response = control.handle(self, Request(environ))
        else:
            response = self._aws(environ)
        return response(environ, start_response)

    def health(self) -> dict[str, Any]:
        return {"status": "ok", "uptime": round(time.monotonic() - self._started, 1)}

    def close(self) -> None:
        """Leave nothing behind: no function still running, no code of one on the disk."""
        events.detach()
        functions.runtime().close()

    def _aws(self, environ: wire.Environ) -> Response:
        """Serve one AWS request, whatever becomes of it, and write it down."""
        began = time.monotonic()
        connection = environ.get("werkzeug.socket")
        try:
            environ, body = wire.buffered(environ)
        except AwsError as unreadable:
            return wire.render_error(*wire.protocol_of(environ, ""), unreadable)
        who = accounts.credential(environ.get("HTTP_AUTHORIZATION", ""), environ.get("QUERY_STRING", ""))
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
        self.journal.add(entry, len(body))
        if entry.fault == "lost_answer" and connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
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
        params = decoding.wire_parameters(target, MotoRequest(wire.rewound(environ, body)))
        entry.parameters = journal.masked(params, target.operation.input_shape)
        call = Call(self, account, who.region, target, params, wire.rewound(environ, body))
        try:
            with faults.striking(call) as fault:
                response = self._judge_and_carry_out(call)
                if fault:
                    faults.afterwards(fault)
        finally:
            entry.fault = call.fault
        if target.service == "sts" and response.status_code == 200:
            self._remember_sessions(response.get_data(as_text=True), account)
        if response.status_code >= 400:
            entry.error = wire.error_code(response)
        return response

    def _remember_sessions(self, answer: str, caller: str) -> None:
        """Temporary keys act for the account of the role that they were given for, else for the caller's."""
        role = _ASSUMED_ROLE.search(answer)
        for key in _ACCESS_KEY_ID.findall(answer):
            self.accounts.remember_session(key, role[1] if role else caller)

    def _judge_and_carry_out(self, call: Call) -> Response:
        if self.switches.of(call.account).rates and not self.rates.admit(
            call.account, call.region, call.service, call.operation
        ):
            raise rates.throttled(call.service, call.target.protocol)
        self._validate(call)
        key = (call.service, call.operation)
        call.params = decoding.typed_parameters(call.params, call.target.operation.input_shape)
        lock = contextlib.nullcontext() if key in registry.unlocked else self.moto.lock(call.account, call.service)
        with lock:
            for rule in registry.rules.get(key, ()):
                rule(call)
            if call.service == "ec2" and call.params.get("DryRun"):  # moto would carry it out all the same
                message = "Request would have succeeded, but DryRun flag is set."
                raise AwsError("DryRunOperation", message, 412)
            return self._carry_out(call, key)

    def _validate(self, call: Call) -> None:
        if call.target.protocol == "rest-xml":
            return  # S3 and its like answer malformed XML themselves
        validator = self._validators.setdefault(call.service, validation.Validator())
        problems = validator.problems(call.target.operation, call.params)
        if problems:
            raise validation.refusal(call.service, call.target.protocol, call.target.operation, problems)

    def _carry_out(self, call: Call, key: registry.Key) -> Response:
        page_size = self.switches.of(call.account).page_size
        pages = paging.paging_of(call.service, call.operation, call.target.operation)
        own = registry.operations.get(key)
        amendments = registry.amendments.get(key, ())
        if pages and paging.is_ours(call, pages, bool(page_size or own)):
            result = paging.page(call.service, pages, call.params, page_size, lambda params: _result(call, own, params))
        elif own:
            result = own(call)
        else:
            response = self.moto.answer(call.target, call.environ, call.account)
            if not amendments or response.status_code >= 400:
                return response
            result = wire.parse_result(call.target, response)
        for amendment in amendments:
            result = amendment(call, result)
        return wire.render_result(call.target, result)


def _result(call: Call, own: registry.Operation | None, params: dict[str, Any]) -> dict[str, Any]:
    if own is None:
        return call.moto(params)
    call.params = params
    return own(call)


def _lab_failure(entry: journal.Entry, problem: Exception) -> AwsError:
    _log.exception("%s.%s", entry.service, entry.operation)
    return AwsError("InternalFailure", f"The lab failed: {type(problem).__name__}: {problem}", 500)
