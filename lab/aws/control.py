# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What lies under /lab/: health, the journal, the faults, the switches, and a static mirror of packages."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from werkzeug.wrappers import Request, Response

from lab.aws.accounts import account_of
from lab.aws.journal import Entry
from lab.aws.wire import is_local

if TYPE_CHECKING:
    from lab.aws.app import LabApplication


# The lab's hosts fetch packages; one of them plays the attacker, and has no business with the rest.
_FOR_EVERYBODY = ("health", "mirror")


class BadControl(Exception):
    """A control request that cannot be served; (status, message)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _json(document: Any, status: int = 200) -> Response:
    return Response(json.dumps(document, default=str) + "\n", status, mimetype="application/json")


def handle(app: LabApplication, request: Request) -> Response:
    """Answer one control request."""
    area, _slash, rest = request.path.removeprefix("/lab/").partition("/")
    handlers: dict[str, Callable[[], Response]] = {
        "health": lambda: _json(app.health()),
        "journal": lambda: _journal(app, request),
        "faults": lambda: _faults(app, request),
        "switches": lambda: _switches(app, request),
        "clock": lambda: _clock(app, request),
        "mirror": lambda: _mirror(app.mirror, rest, request),
    }
    try:
        if area not in handlers:
            raise BadControl(
                404, f"there is no /lab/{area}; there are {', '.join('/lab/' + name for name in handlers)}"
            )
        if area not in _FOR_EVERYBODY and not is_local(request.environ):
            raise BadControl(403, f"/lab/{area} is for the machine that the lab runs on")
        return handlers[area]()
    except BadControl as problem:
        return _json({"error": str(problem)}, problem.status)


def _wanted(request: Request) -> Callable[[Entry], bool]:
    filters = {name: value for name, value in request.args.items() if value}
    unknown = set(filters) - {"account", "region", "service", "operation", "error"}
    if unknown:
        raise BadControl(400, f"unknown filter: {', '.join(sorted(unknown))}")
    if "account" in filters:
        filters["account"] = account_of(filters["account"])
    return lambda entry: all(getattr(entry, name) == value for name, value in filters.items())


def _journal(app: LabApplication, request: Request) -> Response:
    if request.method == "GET":
        return _json({"calls": app.journal.entries(_wanted(request))})
    if request.method == "DELETE":
        return _json({"removed": app.journal.clear(_wanted(request))})
    raise BadControl(405, "the journal knows GET and DELETE")


def _body(request: Request) -> dict[str, Any]:
    try:
        document = json.loads(request.get_data() or b"{}")
    except ValueError as problem:
        raise BadControl(400, f"the body is not JSON: {problem}") from None
    if not isinstance(document, dict):
        raise BadControl(400, "the body must be a JSON object")
    return document


def _account(request: Request) -> str | None:
    return account_of(request.args["account"]) if request.args.get("account") else None


def _faults(app: LabApplication, request: Request) -> Response:
    account = _account(request)
    if request.method == "GET":
        return _json({"faults": app.faults.listed(account)})
    if request.method == "DELETE":
        return _json({"removed": app.faults.clear(account)})
    if request.method == "POST":
        try:
            return _json(app.faults.add(_body(request)), 201)
        except ValueError as problem:
            raise BadControl(400, str(problem)) from None
    raise BadControl(405, "the faults know GET, POST and DELETE")


def _switches(app: LabApplication, request: Request) -> Response:
    account = _account(request)
    if request.method == "GET":
        return _json(asdict(app.switches.of(account)))
    if request.method == "DELETE":
        return _json(app.switches.reset(account))
    if request.method == "POST":
        try:
            return _json(app.switches.change(_body(request), account))
        except ValueError as problem:
            raise BadControl(400, str(problem)) from None
    raise BadControl(405, "the switches know GET, POST and DELETE")


def _clock(app: LabApplication, request: Request) -> Response:
    account = _account(request)
    if account is None:
        raise BadControl(400, "the clock needs ?account=")
    if request.method == "POST":
        seconds = _body(request).get("advance")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
            raise BadControl(400, f"advance: {seconds!r} is not a number of seconds")
        return _json({"now": app.clock.advance(account, float(seconds))})
    if request.method == "GET":
        return _json({"now": app.clock.now(account)})
    raise BadControl(405, "the clock knows GET and POST")


def _mirror(root: Path | None, path: str, request: Request) -> Response:
    """A file of the mirror. The resolved path must lie below the root, whatever the request and the links say."""
    if request.method not in ("GET", "HEAD"):
        raise BadControl(405, "the mirror only reads")
    if root is None:
        raise BadControl(404, "this region was started without --mirror")
    root = root.resolve()
    try:
        file = (root / unquote(path)).resolve()
        inside = file.is_relative_to(root) and file.is_file()
    except (OSError, ValueError):  # a NUL in the path, a name too long, a link that loops
        inside = False
    if not inside:
        raise BadControl(404, f"no such file in the mirror: {path}")
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return Response(file.read_bytes(), 200, mimetype=kind)
