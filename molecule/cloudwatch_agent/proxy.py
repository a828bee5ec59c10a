"""proxy.py PORT: a proxy for HTTP that prints for each request who asked for what."""

from __future__ import annotations

import base64
import http.server
import sys
import urllib.error
import urllib.request


class Proxy(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        user = base64.b64decode(self.headers.get("Proxy-Authorization", "Basic ").partition(" ")[2]).decode()
        passed = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            request = urllib.request.Request(self.path, body, passed)  # noqa: S310 - the agent's own requests
            with opener.open(request, timeout=30) as answer:
                status, content = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        print(user, self.headers.get("X-Amz-Target"), flush=True)

    def log_message(self, *_arguments: object) -> None:
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Proxy).serve_forever()
