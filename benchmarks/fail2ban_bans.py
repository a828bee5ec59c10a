# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The bans of a host by rampart.ops.fail2ban_bans, and by fail2ban-client, which is asked for each jail, in one run.

A real fail2ban server of Debian 12 holds the bans in ten jails, at a socket of its own, and blocks nothing. Each side
is whole processes, Python's start included. fail2ban-client cannot tell how often an address was banned; the module
reads that, too, from fail2ban's database.

    .venv/bin/python benchmarks/fail2ban_bans.py [--sizes 100,10000]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/integration/modules"))

from fail2ban_server import SUITES, Fail2ban  # noqa: E402 - the path above

JAILS = [f"jail-{n}" for n in range(8)] + ["forever", "short"]
RUNS = 5


def timed(read: Callable[[Fail2ban], int], server: Fail2ban, expected: int) -> float:
    """The median of some runs, in seconds; each must find every ban."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        found = read(server)
        times.append(time.perf_counter() - start)
        if found != expected:
            sys.exit(f"{found} of {expected} bans")
    return median(times)


def by_module(server: Fail2ban) -> int:
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {"socket": str(server.socket)}})
    module = "ansible_collections.rampart.ops.plugins.modules.fail2ban_bans"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "playbooks/collections")}
    done = subprocess.run(
        [sys.executable, "-m", module], input=arguments, env=environment, capture_output=True, text=True, check=True
    )
    return len(json.loads(done.stdout)["bans"])


def by_client(server: Fail2ban) -> int:
    listed = server.client("status").rsplit("Jail list:", 1)[1]
    jails = [name.strip() for name in listed.split(",")]
    return sum(len(server.client("get", jail, "banip", "--with-time").splitlines()) for jail in jails)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="100,10000", help="numbers of bans")
    sizes = [int(size) for size in parser.parse_args().sizes.split(",")]
    print(f"{'bans':>7} {'jails':>6} {'fail2ban_bans s':>16} {'fail2ban-client s':>18} {'times':>6}")
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            server = Fail2ban(Path(folder) / "server", SUITES[0])
            try:
                for jail in JAILS[:8]:
                    server.client("add", jail, "polling")
                    server.client("start", jail)
                for index, jail in enumerate(JAILS):
                    addresses = [f"10.{index}.{n >> 8}.{n & 255}" for n in range(size // len(JAILS))]
                    server.client("set", jail, "banip", *addresses)
                while by_client(server) < size:
                    time.sleep(0.5)
                module = timed(by_module, server, size)
                client = timed(by_client, server, size)
            finally:
                server.stop()
        print(f"{size:>7} {len(JAILS):>6} {module:>16.2f} {client:>18.2f} {client / module:>6.1f}")


if __name__ == "__main__":
    main()
