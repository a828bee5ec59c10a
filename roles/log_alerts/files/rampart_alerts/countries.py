# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Which country an address is registered in, by a table that the operator brings; nobody is asked."""

from __future__ import annotations

import bisect
import csv
import ipaddress
from pathlib import Path


class Countries:
    """A file of lines NETWORK,COUNTRY ("203.0.113.0/24,KR"), read when the first address is looked up."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tables: dict[int, tuple[list[int], list[tuple[int, str]]]] | None = None

    def of(self, address: str) -> str:
        """The country, or nothing if it is not known."""
        if self._tables is None:
            self._tables = self._read()
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return ""
        parsed = getattr(parsed, "ipv4_mapped", None) or parsed
        starts, rows = self._tables[parsed.version]
        index = bisect.bisect_right(starts, int(parsed)) - 1
        return rows[index][1] if index >= 0 and int(parsed) <= rows[index][0] else ""

    def _read(self) -> dict[int, tuple[list[int], list[tuple[int, str]]]]:
        found: dict[int, list[tuple[int, int, str]]] = {4: [], 6: []}
        if self._path.exists():
            with self._path.open(encoding="utf-8", newline="") as file:
                for row in csv.reader(file):
                    network = ipaddress.ip_network(row[0].strip())
                    first, last = int(network.network_address), int(network.broadcast_address)
                    found[network.version].append((first, last, row[1].strip()))
        tables = {}
        for version, ranges in found.items():
            ranges.sort()
            tables[version] = ([each[0] for each in ranges], [each[1:] for each in ranges])
        return tables
