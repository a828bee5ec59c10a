"""Server-sent events, three seconds between two of them: events.py serve | events.py TARGET PATH.

As a client it prints after how many whole seconds the first event came.
"""

import http.client
import socketserver
import sys
import time


class Events(socketserver.StreamRequestHandler):
    def handle(self):
        while self.rfile.readline().strip():
            pass
        self.wfile.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: first\n\n"
        )
        time.sleep(3)
        self.wfile.write(b"data: second\n\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


if sys.argv[1] == "serve":
    Server(("127.0.0.1", 8001), Events).serve_forever()

target, path = sys.argv[1:]
connection = http.client.HTTPConnection(target, timeout=30)
begin = time.monotonic()
connection.request("GET", path, headers={"Host": "events.example"})
answer = connection.getresponse()
first = answer.readline(), int(time.monotonic() - begin)
rest = answer.read()
if answer.status != 200 or first[0] != b"data: first\n" or b"data: second\n" not in rest:
    sys.exit(f"not what was sent: {answer.status} {first} {rest}")
print(first[1])
