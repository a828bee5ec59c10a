"""Visit the site again and again until the file STOP turns up, and fail if one visit failed: visit.py TARGET STOP."""

import http.client
import pathlib
import sys
import time

target, stop = sys.argv[1], pathlib.Path(sys.argv[2])
stop.unlink(missing_ok=True)
visits, failures = 0, []
deadline = time.monotonic() + 600
while not stop.exists() and time.monotonic() < deadline:
    visits += 1
    try:
        connection = http.client.HTTPConnection(target, 80, timeout=10)
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            failures.append(str(answer.status))
    except OSError as error:
        failures.append(repr(error))
    finally:
        connection.close()
    time.sleep(0.01)
print(f"{visits} visits")
if failures:
    sys.exit("\n".join(failures))
