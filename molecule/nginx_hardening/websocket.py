"""A WebSocket that speaks, is silent for some seconds, and speaks again: websocket.py TARGET PATH SECONDS.

Exits with 0 when both are echoed.
"""

import base64
import os
import socket
import sys
import time

target, path, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
key = base64.b64encode(os.urandom(16)).decode()
connection = socket.create_connection((target, 80), timeout=10)
connection.sendall(
    f"GET {path} HTTP/1.1\r\nHost: {target}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
)
answer = connection.recv(4096)
if b" 101 " not in answer.split(b"\r\n")[0]:
    sys.exit(f"no upgrade: {answer!r}")


def echoed(text):
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(text))
    connection.sendall(bytes([0x81, 0x80 | len(text)]) + mask + masked)
    return connection.recv(4096)[2:] == text


if not echoed(b"hello"):
    sys.exit("the first message was not echoed")
time.sleep(seconds)
try:
    if not echoed(b"still there"):
        sys.exit("the connection was closed while it was idle")
except OSError as error:
    sys.exit(f"the connection was lost while it was idle: {error}")
