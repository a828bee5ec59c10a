"""Whether Grafana runs, and shows the dashboards to who has the password: verify_grafana.py PASSWORD-FILE UID...

Managed by Ansible (rampart.ops.monitoring).
"""

from __future__ import annotations

import base64
import json
import pathlib
import sys
import urllib.request
from typing import Any

URL = "http://127.0.0.1:3000"


def get(path: str, password: str = "") -> Any:
    # No proxy is asked for what is on loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    if password:
        credentials = base64.b64encode(f"admin:{password}".encode()).decode()
        opener.addheaders.append(("Authorization", f"Basic {credentials}"))
    with opener.open(URL + path, timeout=5) as answer:
        return json.load(answer)


def problem(password: str, dashboards: set[str]) -> str:
    try:
        if get("/api/health").get("database") != "ok":
            return "Grafana has no database"
        # Only then: an answer that the password is wrong is counted, and soon locks the user out.
        missing = dashboards - {found["uid"] for found in get("/api/search?type=dash-db", password)}
        get("/api/datasources/uid/prometheus", password)
    except (OSError, ValueError) as error:
        return f"Grafana does not answer: {error}: journalctl --unit=grafana-server"
    return f"Grafana lacks the dashboards {sorted(missing)}" if missing else ""


sys.exit(problem(pathlib.Path(sys.argv[1]).read_text(), set(sys.argv[2:])) or 0)
