"""What the deny policy costs: requests a second of one nginx with the policy, against the same nginx without it.

wrk (Debian's package) runs on the host itself against two servers of one nginx that differ in the policy alone, in
turn, with every pair begun by the other one. Measured for a small file, which costs nginx next to nothing, and for the
same file through a proxy. The project holds itself to a median ratio of 0.95 pair by pair.

    .venv/bin/python benchmarks/nginx.py [PAIRS]
"""

from __future__ import annotations

import re
import shlex
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ACCOUNT = "benchmark"
LIMIT = 0.95
PAGE = "/index.nginx-debian.html"
CASES = {"a small file": (9001, 9002), "through a proxy": (9003, 9004)}


def environment() -> dict[str, str]:
    """The variables of the benchmark's own lab account."""
    script = f"set -a; . {shlex.quote(str(ROOT / '.lab/accounts' / ACCOUNT / 'env'))}; env -0"
    shown = subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout.decode()
    return dict(item.split("=", 1) for item in shown.split("\0") if item)


def lab(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "lab", *words, "--account", ACCOUNT], cwd=ROOT, check=True)


def measured(ports: list[int], env: dict[str, str]) -> list[float]:
    """Requests a second at each of these ports, one second each, after the other."""
    script = "; ".join(f"wrk -t1 -c16 -d1 http://127.0.0.1:{port}{PAGE}" for port in ports)
    command = ["ansible", "bookworm-*", "-m", "ansible.builtin.shell", "-a", script]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    rates = [float(rate) for rate in re.findall(r"Requests/sec:\s+([\d.]+)", done.stdout)]
    if len(rates) != len(ports) or "Non-2xx" in done.stdout:
        sys.exit(f"wrk did not measure:\n{done.stdout}\n{done.stderr}")
    return rates


def main() -> int:
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    lab("up", "--fleet", "molecule/shared/fleet.yml")
    failed = False
    try:
        env = environment()
        print("preparing the host", flush=True)
        subprocess.run(
            ["ansible-playbook", "benchmarks/nginx.yml"], env=env, cwd=ROOT, stdout=subprocess.DEVNULL, check=True
        )
        print(f"\n{'':18}{'without: median':>16}{'with: median':>14}{'ratio: min':>12}{'median':>8}{'max':>8}")
        for name, (without, policy) in CASES.items():
            order = [port for pair in range(pairs) for port in ((without, policy), (policy, without))[pair % 2]]
            rates = list(zip(order, measured([without, policy, *order], env)[2:], strict=True))
            plain = [rate for port, rate in rates if port == without]
            denying = [rate for port, rate in rates if port == policy]
            ratios = [with_it / without_it for with_it, without_it in zip(denying, plain, strict=True)]
            ratio = statistics.median(ratios)
            failed = failed or ratio < LIMIT
            print(
                f"{name:18}{statistics.median(plain):16.0f}{statistics.median(denying):14.0f}"
                f"{min(ratios):12.3f}{ratio:8.3f}{max(ratios):8.3f}"
            )
        print(f"\nheld to {LIMIT}")
    finally:
        lab("down")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
