# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""python -m lab.aws: serve in the foreground until a signal."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

DEFAULT_PORT = 5577
_IP_FREEBIND = 15  # linux/in.h; the socket module does not name it before Python 3.14


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m lab.aws",
        description="An embedded AWS region. Point boto3 at it with AWS_ENDPOINT_URL=http://HOST:PORT and "
        "AWS_ACCESS_KEY_ID=AKIALAB_<account name> (any secret). The control path lies under /lab/.",
    )
    parser.add_argument("--host", action="append", help="address to listen on; may be repeated (127.0.0.1)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help=f"port ({DEFAULT_PORT}); 0: a free one")
    parser.add_argument("--mirror", type=Path, metavar="DIR", help="directory served under /lab/mirror/")
    parser.add_argument("--idle-stop", type=float, metavar="SECONDS", help="stop after so long without a request")
    parser.add_argument("--rates", action="store_true", help="enforce AWS's request rates")
    parser.add_argument("--page-size", type=int, default=0, metavar="N", help="at most N items in a page of any list")
    parser.add_argument("--verbose", action="store_true", help="log every request to stderr")
    options = parser.parse_args(argv)
    if options.mirror is not None and not options.mirror.is_dir():
        parser.error(f"--mirror: {options.mirror} is not a directory")
    if not 0 <= options.port <= 65535:
        parser.error(f"--port: {options.port} is no port")
    options.host = options.host or ["127.0.0.1"]
    return options


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. The address may be one that comes up later (the bridge of the lab's hosts)."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_IP, _IP_FREEBIND, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as problem:
        listener.close()
        sys.exit(f"lab.aws: cannot listen on {host} port {port}: {problem.strerror}")
    return listener


def main(argv: list[str] | None = None) -> NoReturn:
    options = arguments(argv)
    listeners = []
    port = options.port
    for host in options.host:
        listeners.append(listen(host, port))
        port = listeners[-1].getsockname()[1]  # with --port 0 the first one chooses

    # The server is nobody's client: a profile, an endpoint or an account of its caller would only mislead it.
    for name in [name for name in os.environ if name.startswith("AWS_") or name == "MOTO_ACCOUNT_ID"]:
        del os.environ[name]
    # moto reads its settings when it is imported, and moto calls itself by this port.
    os.environ.setdefault("MOTO_PORT", str(port))
    os.environ.setdefault("MOTO_AMIS_PATH", str(Path(__file__).with_name("images.json")))
    os.environ.setdefault("MOTO_DISABLE_GLOBAL_CORS", "true")
    os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING, format="%(message)s")
    from lab.aws.server import application, serve

    urls = [f"http://{f'[{host}]' if ':' in host else host}:{port}" for host in options.host]
    app = application(options.mirror, urls[0])
    app.switches.change({"rates": options.rates, "page_size": options.page_size})
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    servers = serve(app, listeners, verbose=options.verbose)
    print(f"lab.aws: serving {' '.join(urls)}", flush=True)
    while not stop.wait(1.0):
        if options.idle_stop and time.monotonic() - app.last_request > options.idle_stop:
            print(f"lab.aws: no request for {options.idle_stop:g} seconds, stopping", flush=True)
            break
    for server in servers:
        server.shutdown()
        server.server_close()
    app.close()
    sys.stdout.flush()
    # All state is in memory. Taking it apart object by object, as Python does at its end, can take many seconds.
    os._exit(0)


if __name__ == "__main__":
    main()
