"""Whether the daemons answer (verify.py answers), and have loaded the files as they now are (verify.py loaded).

Managed by Ansible (rampart.ops.monitoring).
"""

import pathlib
import sys
import urllib.request

CONFIGURATION = pathlib.Path("/etc/prometheus")
# Where a daemon answers; what it calls the time of its last good reload; the files that it loads.
DAEMONS = {
    "Prometheus": (9090, "/-/ready", "prometheus_config", ["prometheus.yml", "rules/*.yml"]),
    "Alertmanager": (9093, "/-/ready", "alertmanager_config", ["alertmanager.yml"]),
    "the blackbox exporter": (9115, "/-/healthy", "blackbox_exporter_config", ["blackbox.yml"]),
}


def get(port: int, path: str) -> str:
    # No proxy is asked for what is on loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return str(answer.read().decode())


def problem(name: str) -> str:
    port, ready, metric, patterns = DAEMONS[name]
    try:
        get(port, ready)
        lines = [line.split() for line in get(port, "/metrics").splitlines() if line.startswith(metric)]
    except OSError as error:
        return f"{name} does not answer on port {port}: {error}"
    if sys.argv[1] == "answers":
        return ""
    values = {words[0]: float(words[-1]) for words in lines if len(words) == 2}
    written = max(path.stat().st_mtime for pattern in patterns for path in CONFIGURATION.glob(pattern))
    if not values.get(f"{metric}_last_reload_successful"):
        return f"{name} has refused its configuration: journalctl --unit=prometheus*"
    if values.get(f"{metric}_last_reload_success_timestamp_seconds", 0) < written:
        return f"{name} has not loaded its configuration yet"
    return ""


sys.exit("; ".join(filter(None, map(problem, DAEMONS))) or 0)
