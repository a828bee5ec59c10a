"""What nginx has logged, before and after a rotation: logs.py URL."""

import json
import pathlib
import subprocess
import sys
import time
import urllib.request

LOGS = pathlib.Path("/var/log/nginx")
USUAL, JSON = LOGS / "access.log", LOGS / "access_json.log"


def last(path):
    return path.read_text().splitlines()[-1]


def expect(truth, what):
    if not truth:
        sys.exit(f"not so: {what}")


def ask():
    urllib.request.urlopen(urllib.request.Request(sys.argv[1], headers={"Host": "files.example"}), timeout=10).close()  # noqa: S310


# A client may send what is no UTF-8.
entries = [json.loads(line) for line in JSON.read_text(errors="replace").splitlines()]
entry = [entry for entry in entries if entry["path"] == "/logged"][-1]
expect(entry["user_agent"] == 'a "b" \\ {c}', f"the browser's name is as it was sent: {entry}")
expect(entry["status"] == 200 and entry["method"] == "GET" and entry["request_time"] >= 0, f"numbers: {entry}")
for field, value, status in (
    ("limit_req", "REJECTED", 429),
    ("limit_req", "REJECTED_DRY_RUN", 200),
    ("tls_protocol", "TLSv1.3", 200),
    ("refused", "php", 403),
):
    found = any(entry.get(field) == value and entry["status"] == status for entry in entries)
    expect(found, f"there is a request with {field} {value} and status {status}")

subprocess.run(["logrotate", "--force", "/etc/logrotate.d/nginx"], check=True)
deadline = time.monotonic() + 10
while not all((LOGS / f"{log.name}.1").exists() and log.exists() for log in (USUAL, JSON)):
    expect(time.monotonic() < deadline, f"both logs were rotated: {sorted(LOGS.iterdir())}")
    time.sleep(0.1)
while True:  # nginx opens the new files a moment later
    ask()
    if all(log.stat().st_size for log in (USUAL, JSON)):
        break
    expect(time.monotonic() < deadline, "nginx writes into the new files")
    time.sleep(0.1)
expect('"GET / HTTP/1.1" 200' in last(USUAL), f"the usual log goes on: {last(USUAL)}")
expect(json.loads(last(JSON))["host"] == "files.example", f"the JSON log goes on: {last(JSON)}")

# What was logged before and after the rotation is counted, by a unit that is confined.
METRIC = pathlib.Path("/var/lib/node_exporter/textfile_collector/rampart_nginx_responses.prom")


def counted():
    subprocess.run(["systemctl", "start", "rampart-nginx-responses.service"], check=True)
    lines = METRIC.read_text().splitlines()
    return next(
        int(line.split()[1])
        for line in lines
        if line.startswith('nginx_http_responses_total{site="files",status="2xx"}')
    )


first = counted()
ask()
deadline = time.monotonic() + 15
time.sleep(3)  # nginx logs a request a moment after its answer; and systemd starts nothing five times in ten seconds
while counted() == first:
    expect(time.monotonic() < deadline, f"one more response is counted: {first} before")
    time.sleep(3)
