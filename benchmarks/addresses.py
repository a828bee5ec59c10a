# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The algebra of networks (module_utils/wafv2/addresses.py) against ipaddress and netaddr, on the same networks.

Random networks that lie in clusters, as attackers do: a cluster is a /16 with 1 to 40 of them, four fifths single
addresses. CPU seconds, the best of three runs; each side gets its own objects ready-made, so that only the merging is
measured. Then a set of 10,000 entries as the module handles it: both sides read from text, protected ones cut out,
compared and planned.

    .venv/bin/python benchmarks/addresses.py
"""

from __future__ import annotations

import ipaddress
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import netaddr

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "playbooks/collections"))

from ansible_collections.rampart.ops.plugins.module_utils.wafv2.addresses import (
    Network,
    fit,
    merge,
    parse,
    parse_all,
)
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.model import IpSet, Wanted, plan


def clustered(count: int) -> list[Network]:
    dice = random.Random(count)  # noqa: S311 - no secret
    networks: list[Network] = []
    while len(networks) < count:
        base = dice.getrandbits(16) << 16
        for _ in range(dice.randint(1, 40)):
            prefix = dice.choice([32] * 16 + [31, 30, 28, 24])
            networks.append(Network(4, (base | dice.getrandbits(16)) >> (32 - prefix) << (32 - prefix), prefix))
    return networks[:count]


def seconds(work: Callable[[], Any]) -> float:
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def main() -> None:
    print(f"{'networks':>9} {'merged':>8} {'rampart':>10} {'netaddr':>10} {'ipaddress':>10}")
    for count in (1_000, 10_000, 100_000):
        ours = clustered(count)
        texts = [str(network) for network in ours]
        standard = [ipaddress.ip_network(text) for text in texts]
        other = [netaddr.IPNetwork(text) for text in texts]
        expected = [str(network) for network in ipaddress.collapse_addresses(standard)]
        if [str(network) for network in merge(ours)] != expected:
            raise SystemExit("the results differ")
        fast = seconds(lambda ours=ours: merge(ours))
        slow = seconds(lambda standard=standard: list(ipaddress.collapse_addresses(standard)))
        middle = seconds(lambda other=other: netaddr.cidr_merge(other))
        print(
            f"{count:>9} {len(expected):>8} {fast:>9.4f}s {middle:>9.4f}s {slow:>9.4f}s"
            f"   {slow / fast:.0f} times ipaddress, {middle / fast:.0f} times netaddr"
        )

    held_texts = [str(network) for network in clustered(10_100)][:10_000]
    wanted_texts = [*held_texts[50:], *(f"198.51.{n}.1" for n in range(50))]
    random.Random(1).shuffle(wanted_texts)  # noqa: S311 - no secret
    protected = frozenset(map(parse, ["10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32"]))

    def compare() -> None:
        held = IpSet("blocked", 4, frozenset(map(parse, held_texts)), id="1", arn="arn", lock_token="t")  # noqa: S106 - none
        addresses, _errors = parse_all(wanted_texts)
        wanted = Wanted(names={4: "blocked"}, addresses=addresses, protected=protected)
        wanted.check()
        if plan(held, 4, wanted).steps != ("update",):
            raise SystemExit("no change was found")

    print(f"10,000 entries read, compared and planned: {seconds(compare) * 1000:.0f} ms of CPU")
    many = clustered(20_000)
    fitted = fit(many, 10_000, 2**32)
    print(f"20,000 networks fitted into 10,000: {seconds(lambda: fit(many, 10_000, 2**32)) * 1000:.0f} ms of CPU, "
          f"{fitted.extra} addresses more")  # fmt: skip


if __name__ == "__main__":
    main()
