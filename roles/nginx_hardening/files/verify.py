"""Ask the nginx of this host what it was told to refuse: verify.py '[{"listen":, "host":, "path":, "status":}, ...]'.

Without a status any answer is right; 444 means that the connection ends without one.
"""

import http.client
import json
import sys


def answer(listen, host, path):
    address, _colon, port = listen.split()[0].rpartition(":")
    local = {"": "127.0.0.1", "*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "::1"}  # noqa: S104 - compared, not bound
    connection = http.client.HTTPConnection(local.get(address, address.strip("[]")), int(port), timeout=5)
    try:
        connection.request("GET", path, headers={"Host": host, "User-Agent": "rampart-verify", "Connection": "close"})
        return connection.getresponse().status
    except ConnectionResetError:  # also what Python makes of an orderly end
        return 444
    finally:
        connection.close()


for probe in json.loads(sys.argv[1]):
    where = "{host}{path} on {listen}".format(**probe)
    try:
        status = answer(probe["listen"], probe["host"], probe["path"])
    except OSError as error:
        sys.exit(f"{where}: {error}")
    if probe["status"] not in (None, status):
        sys.exit(f"{where}: expected {probe['status']}, got {status}")
