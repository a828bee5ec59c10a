# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""One call as rules and operations see it, and the way from there to moto."""

from __future__ import annotations

import io
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode

from botocore.serialize import create_serializer
from moto.core.utils import get_service_model
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Response

from lab.aws import wire
from lab.aws.errors import AwsError

if TYPE_CHECKING:
    from lab.aws.app import LabApplication


class Clock:
    """The lab's time: the machine's, advanced on request, for each account."""

    def __init__(self) -> None:
        self._offsets: dict[str, float] = defaultdict(float)

    def now(self, account: str) -> float:
        return time.time() + self._offsets[account]

    def advance(self, account: str, seconds: float) -> float:
        self._offsets[account] += seconds
        return self.now(account)


class Moto:
    """moto's server as a function."""

    def __init__(self) -> None:
        self._app = DomainDispatcherApplication(create_backend_app)
        self._locks: dict[tuple[str, str], threading.RLock] = defaultdict(threading.RLock)

    def lock(self, account: str, service: str) -> threading.RLock:
        """moto's backends are not made for threads: one call at a time for each account and service."""
        return self._locks[account, service]

    def answer(self, target: wire.Target, environ: wire.Environ, account: str) -> Response:
        """What moto answers to this request."""
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = account
        try:
            chunks, status, headers = run_wsgi_app(self._app, environ, buffered=True)
        except NotImplementedError as problem:
            raise not_implemented(target.service, target.operation.name, str(problem)) from None
        response = Response(chunks, status, headers)
        if response.status_code == 404 and response.mimetype == "text/html" and target.service != "s3":
            # Not an answer of AWS but of the web framework: it knows no such path.
            raise not_implemented(target.service, target.operation.name, "moto has no such path")
        return response

    def call(self, account: str, region: str, service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Call an operation of moto with these parameters; AwsError when it answers one."""
        model = get_service_model(service)
        operation_model = model.operation_model(operation)
        protocol = str(model.resolved_protocol)
        request = create_serializer(protocol, include_validation=False).serialize_to_request(params, operation_model)
        target = wire.Target(service, protocol, model, operation_model, {})
        with self.lock(account, service):
            response = self.answer(target, _environ(request, region, model), account)
        if response.status_code >= 400:
            raise wire.parse_error(target, response)
        return wire.parse_result(target, response)


def not_implemented(service: str, operation: str, reason: str) -> AwsError:
    """501 is not retried by botocore: a gap shows at once, under its own name."""
    return AwsError("NotImplemented", f"The lab does not implement {service}.{operation} ({reason}).", 501)


def _environ(request: dict[str, Any], region: str, model: Any) -> wire.Environ:
    body = request["body"]
    headers = dict(request["headers"])
    if isinstance(body, dict):
        body = urlencode(body)
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
    if hasattr(body, "read"):
        body = body.read()
    body = body.encode() if isinstance(body, str) else body
    query = request["query_string"]
    query = urlencode(query, doseq=True) if isinstance(query, dict) else "&".join(f"{k}={v}" for k, v in query or [])
    path, _mark, in_path = request["url_path"].partition("?")
    query = "&".join(part for part in (in_path, query) if part)
    environ: wire.Environ = {
        "REQUEST_METHOD": request["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(path, encoding="latin-1"),
        "RAW_URI": path + (f"?{query}" if query else ""),
        "REQUEST_URI": path + (f"?{query}" if query else ""),
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "HTTP_HOST": "localhost",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential=LAB/20000101/{region}/{model.signing_name}/aws4_request, "
        "SignedHeaders=host, Signature=0",
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = str(value)
    return environ


@dataclass
class Call:
    """An identified, authenticated and valid call."""

    app: LabApplication
    account: str
    region: str
    target: wire.Target
    params: dict[str, Any]
    environ: wire.Environ = field(default_factory=dict, repr=False)
    fault: str | None = None

    @property
    def service(self) -> str:
        return self.target.service

    @property
    def operation(self) -> str:
        return str(self.target.operation.name)

    def is_local(self) -> bool:
        """Whether the caller is on this machine."""
        return wire.is_local(self.environ)

    def now(self) -> float:
        """The lab's time for this account."""
        return self.app.clock.now(self.account)

    def moto(self, params: dict[str, Any] | None = None, operation: str | None = None) -> dict[str, Any]:
        """What moto answers to this call, or to another operation of the same service."""
        return self.app.moto.call(
            self.account,
            self.region,
            self.service,
            operation or self.operation,
            self.params if params is None else params,
        )

    def backend(self, service: str | None = None, region: str | None = None) -> Any:
        """moto's state of a service in this account and region (or in another region)."""
        from moto.backends import get_backend

        backends = get_backend(service or self.service)
        return backends[self.account][region or self.region]
