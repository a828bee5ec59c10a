#!/usr/bin/python3
"""The service that the lab's web hosts run: a page, a JSON API and a WebSocket that echoes, on 127.0.0.1:8000."""

import asyncio
import http
import json

import websockets

PAGE = b"<!doctype html><title>lab</title><h1>It works</h1>\n"


async def plain(path, headers):
    """Answer whatever is not a WebSocket handshake (the old call shape: websockets 10 and 15 both have it)."""
    if headers.get("Upgrade", "").lower() == "websocket":
        return None
    if path.startswith("/api/"):
        seen = {"path": path, "headers": {name.lower(): value for name, value in headers.raw_items()}}
        return http.HTTPStatus.OK, [("Content-Type", "application/json")], json.dumps(seen).encode()
    return http.HTTPStatus.OK, [("Content-Type", "text/html")], PAGE


async def echo(socket, *_path):
    async for message in socket:
        await socket.send(message)


async def main():
    try:
        from websockets.legacy.server import serve
    except ImportError:
        serve = websockets.serve
    # No pings of its own: what keeps an idle connection open is then the proxy alone.
    async with serve(echo, "127.0.0.1", 8000, process_request=plain, ping_interval=None):
        await asyncio.Future()


asyncio.run(main())
