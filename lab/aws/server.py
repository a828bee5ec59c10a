# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The HTTP servers, one for each address, all in front of the same application."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

from lab.aws.app import LabApplication


class _Handler(MotoRequestHandler):  # type: ignore[misc] # moto is not typed
    protocol_version = "HTTP/1.1"  # boto3 keeps its connections
    disable_nagle_algorithm = True  # the answer's head and body are two writes: do not wait 40 ms between them

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        pass


class _VerboseHandler(_Handler):
    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        MotoRequestHandler.log_request(self, code, size)


def application(mirror: Path | None, url: str) -> LabApplication:
    return LabApplication(mirror, url)


def serve(app: LabApplication, listeners: list[socket.socket], verbose: bool = False) -> list[BaseWSGIServer]:
    """Serve each listening socket from threads of its own; returns at once."""
    servers = []
    for listener in listeners:
        host, port = listener.getsockname()[:2]
        handler = _VerboseHandler if verbose else _Handler
        server = make_server(host, port, app, threaded=True, request_handler=handler, fd=listener.fileno())
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        servers.append(server)
    return servers
