"""Speak the PROXY protocol on behalf of a client: proxied.py TARGET PORT CLIENT. Prints whom the application saw."""

import http.client
import json
import socket
import sys

target, port, client = sys.argv[1:]
connection = http.client.HTTPConnection("nlb.example", timeout=10)
connection.sock = socket.create_connection((target, int(port)), timeout=10)
connection.sock.sendall(f"PROXY TCP4 {client} {target} 40000 {port}\r\n".encode())
connection.request("GET", "/api/echo")
print(json.loads(connection.getresponse().read())["headers"]["x-forwarded-for"])
