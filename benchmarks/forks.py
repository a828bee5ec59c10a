"""How many hosts a minute one control node converges, by forks: for sizing AWX's nodes and slices.

Six lab hosts, all as declared already, all on this machine: what they do themselves costs the same processors, so that
real hosts are faster. The controller's own processor time per host, which is also printed, is what bounds a node.

    .venv/bin/python benchmarks/forks.py [RUNS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from converge import ROOT, environment, lab, timed

HOSTS = 6
FORKS = (1, 3, 6)


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as folder:
        fleet = Path(folder) / "fleet.yml"
        lines = [f"  web-{number}: {{platform: debian12, role: web, backup: daily}}" for number in range(1, HOSTS + 1)]
        fleet.write_text("hosts:\n" + "\n".join(lines) + "\n")
        lab("up", "--fleet", str(fleet))
        try:
            env = environment()
            site = ["ansible-playbook", "playbooks/hosts.yml"]
            print(f"converging {HOSTS} hosts once", flush=True)
            subprocess.run(site, env=env, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
            print(f"processors: {os.cpu_count()}\n{'forks':>5} {'seconds':>8} {'hosts/min':>10} {'CPU s/host':>11}")
            for forks in FORKS:
                taken = [timed([*site, f"--forks={forks}"], env) for _ in range(runs)]
                wall = statistics.median(each[0] for each in taken)
                cpu = statistics.median(each[1] for each in taken)
                print(f"{forks:5} {wall:8.1f} {HOSTS / wall * 60:10.1f} {cpu / HOSTS:11.2f}", flush=True)
        finally:
            lab("down")
    return 0


if __name__ == "__main__":
    sys.exit(main())
