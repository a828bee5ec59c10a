"""What a run of hosts.yml costs when there is nothing to change, against `ansible -m ping` on the same host.

Both are measured in turn in one run, as whole processes, over SSH with pipelining and ControlPersist, no third-party
strategy. The host has all four roles. The project holds itself to a ratio of 15.

    .venv/bin/python benchmarks/converge.py [RUNS]
"""

from __future__ import annotations

import resource
import shlex
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ACCOUNT = "benchmark"
LIMIT = 15.0


def environment() -> dict[str, str]:
    """The variables of the benchmark's own lab account."""
    script = f"set -a; . {shlex.quote(str(ROOT / '.lab/accounts' / ACCOUNT / 'env'))}; env -0"
    shown = subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout.decode()
    return dict(item.split("=", 1) for item in shown.split("\0") if item)


def lab(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "lab", *words, "--account", ACCOUNT], cwd=ROOT, check=True)


def timed(command: list[str], env: dict[str, str]) -> tuple[float, float]:
    """Wall and controller CPU seconds of one command, which must succeed and change nothing."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode or "failed=1" in done.stdout:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    if "changed=" in done.stdout and "changed=0" not in done.stdout:
        sys.exit(f"{' '.join(command)} changed something:\n{done.stdout}")
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    lab("up", "--fleet", "molecule/shared/fleet.yml")
    try:
        env = environment()
        host = "bookworm-*"
        site = ["ansible-playbook", "playbooks/hosts.yml", "--limit", host]
        ping = ["ansible", host, "-m", "ansible.builtin.ping"]
        print("converging the host once", flush=True)
        subprocess.run(site, env=env, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        for command in (site, ping):  # warm up: caches, the SSH master
            timed(command, env)
        measured: dict[str, list[tuple[float, float]]] = {"ping": [], "hosts.yml": []}
        for _ in range(runs):
            measured["ping"].append(timed(ping, env))
            measured["hosts.yml"].append(timed(site, env))
    finally:
        lab("down")
    print(f"\n{'':12}{'wall s: min':>12}{'median':>9}{'max':>9}{'controller CPU s, median':>28}")
    for name, values in measured.items():
        walls, cpus = zip(*values, strict=True)
        print(
            f"{name:12}{min(walls):12.2f}{statistics.median(walls):9.2f}{max(walls):9.2f}{statistics.median(cpus):28.2f}"
        )
    ratios = [site[0] / ping[0] for ping, site in zip(measured["ping"], measured["hosts.yml"], strict=True)]
    ratio = statistics.median(ratios)
    print(f"\nhosts.yml / ping, pair by pair: min {min(ratios):.1f}, median {ratio:.1f}, max {max(ratios):.1f}"
          f" (held to {LIMIT:.0f})")  # fmt: skip
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
