"""Ask the nginx of this host what it was told to refuse: verify.py '[{"listen":, "host":, "path":, "status":}, ...]'.

Without a status any answer is right; 444 means that the connection ends without one, or that TLS is refused.
"""

import errno
import http.client
import json
import socket
import ssl
import sys


def reached(listen):
    """A connection to a listen line of nginx's, as far as it can be asked in HTTP."""
    words = listen.split()
    if words[0].startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(5)
        connection.connect(words[0][len("unix:") :])
    else:
        address, _colon, port = words[0].rpartition(":")
        if not port.isdigit():  # an address alone
            address, port = words[0], "80"
        local = {"": "127.0.0.1", "*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "::1"}  # noqa: S104
        connection = socket.create_connection((local.get(address, address.strip("[]")), int(port)), timeout=5)
    if "proxy_protocol" in words[1:]:
        connection.sendall(b"PROXY UNKNOWN\r\n")
    return connection


def answer(listen, host, path):
    connection = http.client.HTTPConnection(host, timeout=5)
    try:
        connection.sock = reached(listen)
        if "ssl" in listen.split()[1:]:
            # Whom the certificate is for is for the visitors' browsers to judge.
            trusting = ssl.create_default_context()
            trusting.check_hostname = False
            trusting.verify_mode = ssl.CERT_NONE
            connection.sock = trusting.wrap_socket(connection.sock, server_hostname=host)
        connection.request("GET", path, headers={"User-Agent": "rampart-verify", "Connection": "close"})
        return connection.getresponse().status
    except (ConnectionResetError, ssl.SSLError):  # the former is also what Python makes of an orderly end
        return 444
    finally:
        connection.close()


for probe in json.loads(sys.argv[1]):
    if "quic" in probe["listen"].split()[1:]:
        continue  # HTTP/3 is not HTTP over a connection; the same server answers at its other addresses
    where = "{host}{path} on {listen}".format(**probe)
    try:
        status = answer(probe["listen"], probe["host"], probe["path"])
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            continue  # IPv6 is off here: nobody can ask at this address
        sys.exit(f"{where}: {error}")
    if probe["status"] not in (None, status):
        sys.exit(f"{where}: expected {probe['status']}, got {status}")
