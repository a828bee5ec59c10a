# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""rampart.ops.aws_ec2 against amazon.aws.aws_ec2 and against the least that an inventory plugin can cost, in one run.

EC2's answers are recorded pages, served from memory without latency. The load is what ansible-playbook does before its
first task: InventoryManager, then the variables of every host; user CPU, wall and the peak of the resident memory are
of one process each. The floor is a plugin that adds the same hosts, groups and variables, ready-made.

    .venv/bin/python benchmarks/inventory.py [--sizes 1000,10000] [--quick]

--quick leaves out 50,000 instances and the whole processes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/integration/inventory"))

SETTINGS: dict[str, Any] = {
    "hostnames": ["tag:Name", "instance-id"],
    "keyed_groups": [
        {"key": "tags.Role", "prefix": "role"},
        {"key": "tags.Env", "prefix": "env"},
        {"key": "instance_type", "prefix": "type"},
        {"key": "placement.availability_zone", "prefix": "zone"},
    ],
    "compose": {
        "ansible_host": "private_ip_address",
        "ansible_user": "'admin'",
        "team": "tags.Owner | default('none')",
    },
    "groups": {"backed_up": "'Backup' in tags"},
}
TEN_FACTS = [
    "instance_id", "instance_type", "image_id", "key_name", "private_ip_address", "public_ip_address", "subnet_id",
    "vpc_id", {"state": "state.name", "zone": "placement.availability_zone"},
]  # fmt: skip

FLOOR = """
DOCUMENTATION = "{name: floor, short_description: floor, description: [The floor.], options: {}}"
import pickle
from ansible.plugins.inventory import BaseInventoryPlugin

class InventoryModule(BaseInventoryPlugin):
    NAME = "floor"

    def verify_file(self, path):
        return path.endswith(".pickle")

    def parse(self, inventory, loader, path, cache=True):
        super().parse(inventory, loader, path)
        with open(path, "rb") as file:
            hosts, groups = pickle.load(file)
        for group in groups:
            inventory.add_group(group)
        for group, (_members, children) in groups.items():
            for child in children:
                inventory.add_child(group, child)
        for host, variables in hosts.items():
            inventory.add_host(host)
            for name, value in variables.items():
                inventory.set_variable(host, name, value)
        for group, (members, _children) in groups.items():
            for member in members:
                inventory.add_child(group, member)
"""

# Runs in a process of its own. The collector is left as Ansible has it.
LOAD = """
import json, pickle, resource, sys, time
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.vars.manager import VariableManager

init_plugin_loader([])
began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_utime
loader = DataLoader()
inventory = InventoryManager(loader=loader, sources=[sys.argv[1]])
variables = VariableManager(loader=loader, inventory=inventory)
for host in inventory.get_hosts():
    variables.get_vars(host=host, include_hostvars=False)
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "hosts": len(inventory.hosts), "cpu": usage.ru_utime - used, "wall": time.monotonic() - began,
    "memory": usage.ru_maxrss / 1024,
}))
if len(sys.argv) > 2:
    def plain(value):
        if isinstance(value, dict):
            return {plain(key): plain(each) for key, each in value.items()}
        if isinstance(value, list):
            return [plain(each) for each in value]
        return value._native_copy() if hasattr(value, "_native_copy") else value

    own = ("inventory_file", "inventory_dir")
    hosts = {
        name: {key: plain(value) for key, value in host.vars.items() if key not in own}
        for name, host in inventory.hosts.items()
    }
    groups = {
        name: ([host.name for host in group.hosts], [child.name for child in group.child_groups])
        for name, group in inventory.groups.items() if name not in ("all", "ungrouped")
    }
    with open(sys.argv[2], "wb") as file:
        pickle.dump((hosts, groups), file)
"""

SERVE = """
import sys, time
from ec2_pages import Ec2Server, pages, typical

count, latency, regions = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3].split(",")
each = count // len(regions)
server = Ec2Server(
    {
        region: pages([typical(number + place * each, region) for number in range(each)])
        for place, region in enumerate(regions)
    },
    latency,
)
print(server.url, flush=True)
sys.stdin.read()
"""


class Bench:
    """A directory with inventories and the environment of the processes that load them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "plugins").mkdir()
        (directory / "plugins/floor.py").write_text(FLOOR)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ANSIBLE_"))}
        self.env = {
            **kept,
            "PYTHONPATH": f"{ROOT / 'playbooks/collections'}:{ROOT / 'tests/integration/inventory'}",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "playbooks/collections"),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
            "ANSIBLE_INVENTORY_PLUGINS": str(directory / "plugins"),
            "AWS_ACCESS_KEY_ID": "AKIARECORDED",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    @contextmanager
    def served(self, count: int, latency: float = 0.0, regions: str = "us-east-1") -> Iterator[None]:
        """EC2 with this many instances, in a process of its own."""
        server = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(count), str(latency), regions],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self.env,
        )
        self.env["AWS_ENDPOINT_URL"] = server.stdout.readline().strip() if server.stdout else ""
        try:
            yield
        finally:
            server.communicate(timeout=30)

    def inventory(self, name: str, **settings: Any) -> Path:
        path = self.directory / f"{name}.aws_ec2.yml"
        text = json.dumps({"plugin": "rampart.ops.aws_ec2", "regions": ["us-east-1"], **SETTINGS, **settings})
        path.write_text(text)
        return path

    def load(self, source: Path, plugin: str, *arguments: str) -> dict[str, float]:
        done = subprocess.run(
            [sys.executable, "-c", LOAD, str(source), *arguments],
            env={**self.env, "ANSIBLE_INVENTORY_ENABLED": plugin},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{source} could not be loaded:\n{done.stderr}")
        measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return measured

    def whole(self, source: Path, plugin: str) -> dict[str, float]:
        """`ansible-inventory --list` from beginning to end."""
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime, time.monotonic()
        subprocess.run(
            [str(Path(sys.executable).parent / "ansible-inventory"), "-i", str(source), "--list"],
            env={**self.env, "ANSIBLE_INVENTORY_ENABLED": plugin},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        wall = time.monotonic() - began
        return {"cpu": resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, "wall": wall}


AMAZON, RAMPART = "amazon.aws.aws_ec2", "rampart.ops.aws_ec2"


def row(what: str, measured: dict[str, float]) -> None:
    memory = f"{measured['memory']:>8.0f}" if "memory" in measured else ""
    print(f"  {what:<34}{measured['cpu']:>9.2f}{measured['wall']:>9.2f}{memory}", flush=True)


def verdict(what: str, value: float, limit: float, least: bool) -> bool:
    met = value >= limit if least else value <= limit
    print(f"  {'ok ' if met else 'NO '} {what}: {value:.2f} ({'at least' if least else 'at most'} {limit})", flush=True)
    return met


def sized(bench: Bench, count: int) -> bool:
    """Side by side for one size of the fleet."""
    print(f"{count} instances, load as ansible-playbook does{'user s':>11}{'wall s':>9}{'MB':>8}")
    with bench.served(count):
        theirs = bench.load(bench.inventory("theirs", plugin=AMAZON), AMAZON)
        row(AMAZON, theirs)
        ready = bench.directory / "full.pickle"
        ours = bench.load(bench.inventory("full"), RAMPART)
        row(f"{RAMPART}, full", ours)
        bench.load(bench.inventory("full"), RAMPART, str(ready))
        floor = bench.load(ready, "floor")
        row("floor", floor)
        ten = bench.load(bench.inventory("ten", facts=TEN_FACTS), RAMPART)
        row(f"{RAMPART}, ten facts", ten)
    if count < 10000:  # where importing boto is most of it
        print(
            f"  full {theirs['cpu'] / ours['cpu']:.1f} times, ten facts {theirs['cpu'] / ten['cpu']:.1f} times as fast"
        )
        return True
    met = [
        verdict("times as fast as amazon.aws, full", theirs["cpu"] / ours["cpu"], 8, least=True),
        verdict("times as fast as amazon.aws, ten facts", theirs["cpu"] / ten["cpu"], 25, least=True),
        verdict("times the floor", ours["cpu"] / floor["cpu"], 2, least=False),
        verdict("of amazon.aws's memory", ours["memory"] / theirs["memory"], 0.5, least=False),
    ]
    return all(met)


def process(bench: Bench, count: int) -> bool:
    print(f"{count} instances, ansible-inventory --list{'user s':>17}{'wall s':>9}")
    with bench.served(count):
        theirs = bench.whole(bench.inventory("theirs", plugin=AMAZON), AMAZON)
        row(AMAZON, theirs)
        ours = bench.whole(bench.inventory("full"), RAMPART)
        row(f"{RAMPART}, full", ours)
        ten = bench.whole(bench.inventory("ten", facts=TEN_FACTS), RAMPART)
        row(f"{RAMPART}, ten facts", ten)
    full = verdict("times as fast as amazon.aws, full", theirs["cpu"] / ours["cpu"], 4, least=True)
    return verdict("times as fast as amazon.aws, ten facts", theirs["cpu"] / ten["cpu"], 4, least=True) and full


def growth(bench: Bench, sizes: list[int]) -> bool:
    print(f"growth, {RAMPART}, full{'user s':>28}{'wall s':>9}{'MB':>8}")
    costs = []
    for count in sizes:
        with bench.served(count):
            measured = bench.load(bench.inventory("growth"), RAMPART)
        row(f"{count} instances", measured)
        costs.append(measured["cpu"] / count)
    return verdict("times the cost of one host, at the largest", costs[-1] / costs[0], 1.15, least=False)


def regions(bench: Bench) -> bool:
    eight = [f"us-test-{number}" for number in range(1, 9)]
    print(f"8 regions of 10 instances, 300 ms{'user s':>23}{'wall s':>9}")
    with bench.served(80, 0.3, ",".join(eight)):
        one = bench.load(bench.inventory("one", regions=eight[:1]), RAMPART)
        row("one region", one)
        every = bench.load(bench.inventory("eight", regions=eight), RAMPART)
        row("eight regions", every)
    return verdict("times the slowest region", every["wall"] / one["wall"], 1.3, least=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="1000,10000", help="sizes of the fleet, compared side by side")
    parser.add_argument("--quick", action="store_true", help="without 50,000 instances and without whole processes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory))
        met = [sized(bench, int(count)) for count in arguments.sizes.split(",")]
        met.append(regions(bench))
        if not arguments.quick:
            met += [process(bench, 1000), growth(bench, [10000, 25000, 50000])]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
