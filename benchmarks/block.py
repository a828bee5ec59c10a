# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What block.yml does on the controller once the hosts have answered: 200 hosts with 500 bans each, 20,000 addresses.

The hosts are variables of an inventory that hold what fail2ban_bans returns; then the playbook's own task runs, by
ansible-playbook, against a region on this machine. Wall seconds are those of that one task, as Ansible's timer sees it;
the play around it, which has one task, is what Ansible needs to start and to read such an inventory.

    .venv/bin/python benchmarks/block.py [--hosts 200] [--bans 500] [--distinct 20000]
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from lab.aws.testing import Aws, Region  # noqa: E402

PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Write the IP sets
      rampart.ops.blocklist:
        name: rampart-blocked
        scope: REGIONAL
        shards: {shards}
        bans_variable: bans
      register: result
      run_once: true
      delegate_to: localhost
      vars: {{ansible_connection: local, ansible_python_interpreter: "{python}"}}
    - ansible.builtin.debug:
        var: result.report
      run_once: true
"""


def moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def inventory(hosts: int, bans: int, distinct: int) -> dict[str, Any]:
    dice = random.Random(1)  # noqa: S311 - no secret
    addresses = [".".join(str(dice.randint(1, 223) if n == 0 else dice.randint(0, 255)) for n in range(4))
                 for _ in range(distinct)]  # fmt: skip
    ends = {address: moment(dice.randint(1, 200) * 3600) for address in addresses}
    result = {}
    for number in range(hosts):
        held = [addresses[(number * bans // 5 + n) % distinct] for n in range(bans)]
        result[f"host-{number}"] = {
            "ansible_host": f"10.0.{number // 250}.{number % 250 + 1}",
            "bans": {
                "restoring": 0,
                "bans": [
                    {"jail": "sshd", "address": a, "start": moment(-60), "end": ends[a], "count": dice.randint(1, 9)}
                    for a in held
                ],
            },
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--bans", type=int, default=500)
    parser.add_argument("--distinct", type=int, default=20_000)
    args = parser.parse_args()
    region = Region()
    aws = Aws(region)
    with tempfile.TemporaryDirectory() as directory:
        play, hosts = Path(directory, "play.yml"), Path(directory, "hosts.json")
        fleet = inventory(args.hosts, args.bans, args.distinct)
        seen = {ban["address"] for host in fleet.values() for ban in host["bans"]["bans"]}
        print(f"{args.hosts} hosts, {args.hosts * args.bans} bans, {len(seen)} addresses")
        for name, shards in (("first run", 2), ("nothing new", 2), ("one ban ended", 2), ("half of the places", 1)):
            if name == "one ban ended":
                gone = fleet["host-0"]["bans"]["bans"][0]["address"]
                for host in fleet.values():
                    host["bans"]["bans"] = [ban for ban in host["bans"]["bans"] if ban["address"] != gone]
            hosts.write_text(json.dumps({"all": {"hosts": fleet}}))
            play.write_text(PLAY.format(shards=shards, python=sys.executable))
            aws.reset_journal()
            done = subprocess.run(
                [f"{Path(sys.executable).parent}/ansible-playbook", "-i", str(hosts), str(play)],
                env={
                    **aws.env,
                    "PYTHONPATH": "",
                    "ANSIBLE_COLLECTIONS_PATH": f"{ROOT}/playbooks/collections",
                    "ANSIBLE_CALLBACKS_ENABLED": "ansible.posix.profile_tasks",
                    "ANSIBLE_NOCOLOR": "1",
                },
                capture_output=True,
                text=True,
            )
            found = re.search(r"Write the IP sets -+ ([0-9.]+)s", done.stdout)
            if done.returncode or not found:
                raise SystemExit(done.stdout + done.stderr)
            writes = [call for call in aws.operations() if not call.startswith(("List", "Get"))]
            print(f"{name:>20}: {found[1]:>6} s; writes: {', '.join(writes) or 'none'}")
    region.stop()


if __name__ == "__main__":
    main()
