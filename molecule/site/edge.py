# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What edge.yml asks AWS beside Ansible.

edge.py require --blocked 203.0.113.7 --free 192.0.2.1   fail unless the IP sets hold these, and nothing of those
edge.py due                                              let the feeds be due, as an hour later
"""

from __future__ import annotations

import argparse
import gzip
import ipaddress
import json
import sys

import boto3

NAME = "rampart-blocked"


def entries() -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    waf = boto3.client("wafv2")
    return [
        ipaddress.ip_network(address)
        for item in waf.list_ip_sets(Scope="REGIONAL")["IPSets"]
        if item["Name"].startswith(NAME)
        for address in waf.get_ip_set(Name=item["Name"], Scope="REGIONAL", Id=item["Id"])["IPSet"]["Addresses"]
    ]


def require(blocked: list[str], free: list[str], empty: bool) -> int:
    held = entries()
    wrong = [f"{address} is not blocked" for address in blocked if ipaddress.ip_network(address) not in held]
    for address in map(ipaddress.ip_network, free):
        wrong += [f"{address} is in {entry}" for entry in held if entry.version == address.version
                  and entry.overlaps(address)]  # fmt: skip
    if empty and held:
        wrong.append(f"the sets hold {', '.join(map(str, held))}")
    print("\n".join(wrong or [f"{len(held)} entries, as they should be"]))
    return int(bool(wrong))


def due() -> int:
    account = boto3.client("sts").get_caller_identity()["Account"]
    s3 = boto3.client("s3")
    where = {"Bucket": f"rampart-{account}-{s3.meta.region_name}", "Key": f"{NAME}/state.json.gz"}
    state = json.loads(gzip.decompress(s3.get_object(**where)["Body"].read()))
    for feed in state["feeds"].values():
        feed["tried"] = None
    s3.put_object(**where, Body=gzip.compress(json.dumps(state).encode()))
    return 0


def main() -> int:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("require")
    check.add_argument("--blocked", nargs="*", default=[])
    check.add_argument("--free", nargs="*", default=[])
    check.add_argument("--empty", action="store_true")
    commands.add_parser("due")
    args = parser.parse_args()
    return due() if args.command == "due" else require(args.blocked, args.free, args.empty)


if __name__ == "__main__":
    sys.exit(main())
