"""Visit the site again and again until the file STOP turns up, and fail if one visit failed: visit.py TARGET STOP.

Two visitors take turns: one comes by a new connection each time, the other keeps his. nginx closes a kept connection
when it reloads, at any moment, also when a request is on its way to it: then no byte of an answer comes, and any
browser asks once more by a new connection. So does this one, and says how often.
"""

import http.client
import pathlib
import sys
import time

target, stop = sys.argv[1], pathlib.Path(sys.argv[2])
stop.unlink(missing_ok=True)
visits, again, failures = 0, 0, []
kept = None
deadline = time.monotonic() + 600


def visit(connection, headers):
    connection.request("GET", "/", headers=headers)
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        failures.append(str(answer.status))
    return not answer.will_close


while not stop.exists() and time.monotonic() < deadline:
    visits += 2
    fresh = http.client.HTTPConnection(target, 80, timeout=10)
    try:
        visit(fresh, {"Connection": "close"})
    except (OSError, http.client.HTTPException) as error:
        failures.append(f"new connection: {error!r}")
    finally:
        fresh.close()
    try:
        used, kept = kept is not None, kept or http.client.HTTPConnection(target, 80, timeout=10)
        try:
            keep = visit(kept, {})
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            if not used:
                raise
            again += 1
            kept.close()
            kept = http.client.HTTPConnection(target, 80, timeout=10)
            keep = visit(kept, {})
        if not keep:
            kept.close()
            kept = None
    except (OSError, http.client.HTTPException) as error:
        failures.append(f"kept connection: {error!r}")
        kept = None
    time.sleep(0.01)
print(f"{visits} visits, {again} of them asked again")
if failures:
    sys.exit("\n".join(failures))
