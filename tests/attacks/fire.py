"""Fire a corpus at a web server, and say which requests were not answered as they must be.

    fire.py TARGET HOST CORPUS refused|served [--port 80] [--tls] [--protocol raw|http1|http2] [--status 403,400]

raw sends each request line byte for byte, over a bare socket; http1 and http2 send what a client of the protocol would.
A request that is refused is answered by one of --status, or not at all; one that is none, by nginx's own 400. A request
is served if the answer is 2xx.
"""

from __future__ import annotations

import argparse
import http.client
import re
import socket
import ssl
import sys
from collections.abc import Callable, Iterator

from forms import GARBAGE, corpus, evasions, requests

# What is no request, or leads out of the top directory: nginx itself refuses it.
NONSENSE = re.compile(r"^b'|%00|%%")
CLOSED = 0  # instead of a status: the connection ended without an answer


def nonsense(request: str) -> bool:
    depth = 0
    path = re.sub(r"^\w+://[^/]*", "", request.partition(" ")[2] or request).partition("?")[0]
    path = re.sub("(?i)%2f", "/", re.sub("(?i)%2e", ".", path))
    for segment in path.partition("/")[2].partition(" ")[0].split("/"):
        depth += {"": 0, ".": 0, "..": -1}.get(segment, 1)
        if depth < 0:
            return True
    return bool(NONSENSE.search(request))


class Raw:
    """A connection that is used again as long as the server keeps it."""

    def __init__(self, open_connection: Callable[[str], socket.socket]) -> None:
        self.open_connection = open_connection
        self.socket: socket.socket | None = None
        self.buffer = b""

    def close(self) -> None:
        if self.socket:
            self.socket.close()
        self.socket, self.buffer = None, b""

    def ask(self, request: bytes, head: bool = False) -> int:
        reused = self.socket is not None
        try:
            if self.socket is None:
                self.socket = self.open_connection("http/1.1")
            self.socket.sendall(request)
            return self.answer(head)
        except (ConnectionError, ssl.SSLError):
            self.close()
            # A connection that had been left over may have ended between two requests.
            return self.ask(request, head) if reused else CLOSED

    def answer(self, head: bool) -> int:
        top = self.until(b"\r\n\r\n").decode("latin-1").lower()
        status = int(top.split()[1])
        fields = dict(line.split(": ", 1) for line in top.split("\r\n")[1:] if ": " in line)
        if fields.get("transfer-encoding") == "chunked" and not head:
            while length := int(self.until(b"\r\n").strip(), 16):
                self.exactly(length + 2)
            self.until(b"\r\n")
        elif not head:
            self.exactly(int(fields.get("content-length", 0)))
        if fields.get("connection") == "close":
            self.close()
        return status

    def more(self) -> None:
        assert self.socket is not None
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionResetError
        self.buffer += data

    def until(self, mark: bytes) -> bytes:
        while mark not in self.buffer:
            self.more()
        found, _mark, self.buffer = self.buffer.partition(mark)
        return found

    def exactly(self, length: int) -> None:
        while len(self.buffer) < length:
            self.more()
        self.buffer = self.buffer[length:]


def raw(options: argparse.Namespace, connect: Callable[[str], socket.socket]) -> Iterator[tuple[str, int]]:
    connection = Raw(connect)
    rest = f"\r\nHost: {options.host}\r\nContent-Length: 0\r\n\r\n"
    for group, path in corpus(options.corpus):
        if options.expected == "served":
            lines: Iterator[str] = iter([f"GET {path} HTTP/1.1"])
        else:
            lines = requests(group, path, options.host)
        for line in lines:
            yield line, connection.ask((line + rest).encode("latin-1"), head=line.startswith("HEAD "))
    if options.expected == "refused":
        for garbage in GARBAGE:
            connection.close()
            yield repr(garbage), connection.ask(garbage)


def paths(options: argparse.Namespace) -> Iterator[str]:
    for group, path in corpus(options.corpus):
        yield from dict.fromkeys(evasions(group, path)) if options.expected == "refused" else [path]


def http1(options: argparse.Namespace, connect: Callable[[str], socket.socket]) -> Iterator[tuple[str, int]]:
    connection = http.client.HTTPConnection(options.host)
    for path in paths(options):
        for _attempt in range(2):
            if connection.sock is None:
                connection.sock = connect("http/1.1")
            try:
                connection.request("GET", path, headers={"User-Agent": "Mozilla/5.0", "Accept": "*/*"})
                answer = connection.getresponse()
                answer.read()
                yield path, answer.status
                break
            except (http.client.RemoteDisconnected, ConnectionError, ssl.SSLError):
                connection.close()
        else:
            yield path, CLOSED


def http2(options: argparse.Namespace, connect: Callable[[str], socket.socket]) -> Iterator[tuple[str, int]]:
    import h2.config
    import h2.connection
    import h2.events

    as_they_are = h2.config.H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
    raw_socket: socket.socket | None = None
    session = None
    for number, path in enumerate(paths(options)):
        if number % 500 == 0:  # nginx ends a connection after a thousand requests
            raw_socket = connect("h2")
            session = h2.connection.H2Connection(config=as_they_are)
            session.initiate_connection()
        assert session is not None and raw_socket is not None
        stream = session.get_next_available_stream_id()
        scheme = "https" if options.tls else "http"
        session.send_headers(
            stream,
            [(":method", "GET"), (":scheme", scheme), (":authority", options.host), (":path", path)],
            end_stream=True,
        )
        raw_socket.sendall(session.data_to_send())
        status, ended = CLOSED, False
        while not ended:
            data = raw_socket.recv(65536)
            if not data:
                break
            for event in session.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    status = int(dict(event.headers)[b":status"])
                elif isinstance(event, h2.events.DataReceived):
                    session.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                ended = ended or isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset))
            raw_socket.sendall(session.data_to_send())
        yield path, status


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("host")
    parser.add_argument("corpus")
    parser.add_argument("expected", choices=["refused", "served"])
    parser.add_argument("--port", type=int)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--protocol", choices=["raw", "http1", "http2"], default="raw")
    parser.add_argument("--status", default="403")
    options = parser.parse_args()
    port = options.port or (443 if options.tls else 80)
    refusals = {int(word) for word in options.status.split(",")} | {CLOSED}

    def right(request: str, status: int) -> bool:
        if options.expected == "served":
            return 200 <= status < 300
        # What is no request at all nginx itself refuses.
        return status in refusals or (status in (400, 405, 505) and nonsense(request))

    def connect(protocol: str) -> socket.socket:
        connection = socket.create_connection((options.target, port), timeout=10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not options.tls:
            return connection
        trusting = ssl.create_default_context()
        trusting.check_hostname = False
        trusting.verify_mode = ssl.CERT_NONE
        trusting.set_alpn_protocols([protocol])
        return trusting.wrap_socket(connection, server_hostname=options.host)

    asked, wrong = 0, []
    for request, status in {"raw": raw, "http1": http1, "http2": http2}[options.protocol](options, connect):
        asked += 1
        if not right(request, status):
            wrong.append(f"{status}: {request}")
    print(f"{options.host} {options.protocol} {options.corpus}: {asked} requests, {len(wrong)} not {options.expected}")
    if wrong or not asked:
        sys.exit("\n".join(wrong) or "nothing was asked")


if __name__ == "__main__":
    main()
