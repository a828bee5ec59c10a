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


def ask():
    urllib.request.urlopen(urllib.request.Request(sys.argv[1], headers={"Host": "files.example"}), timeout=10).close()  # noqa: S310


entries = [json.loads(line) for line in JSON.read_text().splitlines()]
entry = [entry for entry in entries if entry["path"] == "/logged"][-1]
assert entry["user_agent"] == 'a "b" \\ \t{c}', entry
assert entry["status"] == 200 and entry["method"] == "GET" and entry["request_time"] >= 0, entry
assert any(entry["status"] == 429 and entry["limit_req"] == "REJECTED" for entry in entries)
assert any(entry["tls_protocol"] == "TLSv1.3" and entry["scheme"] == "https" for entry in entries)
assert any(entry["status"] == 403 and entry.get("refused") == "php" for entry in entries)

subprocess.run(["logrotate", "--force", "/etc/logrotate.d/nginx"], check=True)
deadline = time.monotonic() + 10
while not all((LOGS / f"{log.name}.1").exists() and log.exists() for log in (USUAL, JSON)):
    assert time.monotonic() < deadline, sorted(LOGS.iterdir())
    time.sleep(0.1)
while True:  # nginx opens the new files a moment later
    ask()
    if all(log.stat().st_size for log in (USUAL, JSON)):
        break
    assert time.monotonic() < deadline, "nginx writes into the old files"
    time.sleep(0.1)
assert '"GET / HTTP/1.1" 200' in last(USUAL), last(USUAL)
assert json.loads(last(JSON))["host"] == "files.example"
