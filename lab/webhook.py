# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""In place of Slack: an incoming webhook that keeps what it gets, and misbehaves when it is asked to.

POST /services/...   the webhook; answers 200 "ok", or the next of the answers set
GET /received        what came: [{"at": seconds, "status": what was answered, "body": {...}}]
POST /answers        the next answers, for example [429, 500, "silence"]: a status, or none at all
DELETE /received     forget it all
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SILENCE = 8  # seconds; longer than anybody waits


class Webhook(ThreadingHTTPServer):
    """Listens on loopback, or on the given address; port 0 takes a free one."""

    daemon_threads = True

    def __init__(self, port: int = 0, host: str = "127.0.0.1") -> None:
        super().__init__((host, port), _Handler)
        self.received: list[dict[str, Any]] = []
        self.answers: list[Any] = []

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def told(self) -> list[str]:
        """The texts that were taken."""
        return [text_of(each["body"]) for each in self.received if each["status"] == 200]


def text_of(body: dict[str, Any]) -> str:
    return str(body["blocks"][0]["text"]["text"])


class _Handler(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/answers":
            self.server.answers[:] = body
            self._answer(200, b"ok")
            return
        answer = self.server.answers.pop(0) if self.server.answers else 200
        self.server.received.append({"at": time.time(), "status": answer, "body": body})
        if answer == "silence":
            time.sleep(SILENCE)
            self.close_connection = True
            return
        self._answer(int(answer), b"ok" if answer == 200 else b"no", {"Retry-After": "30"} if answer == 429 else {})

    def do_GET(self) -> None:
        self._answer(200, json.dumps(self.server.received).encode())

    def do_DELETE(self) -> None:
        self.server.received.clear()
        self.server.answers.clear()
        self._answer(200, b"ok")

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json" if self.command == "GET" else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Its requests carry the secret in their path."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=1800, help="stop by itself after so long (default: %(default)s)"
    )
    given = parser.parse_args()
    server = Webhook(given.port, given.host)
    end = threading.Timer(given.seconds, server.shutdown)
    end.daemon = True
    end.start()
    server.serve_forever()


if __name__ == "__main__":
    main()
