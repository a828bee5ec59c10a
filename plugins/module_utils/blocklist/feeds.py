# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Lists of networks that others publish: what their formats mean, and whether what came is to be believed. No I/O.

Formats:
  text           a network or address at the beginning of each line; what follows a blank, ";" or "#" is a comment.
                 https://check.torproject.org/torbulkexitlist is of this form, and most lists are.
  spamhaus_json  a JSON object in each line, {"cidr": ...}, and one of {"type": "metadata", "records": ...} at the end.
                 https://www.spamhaus.org/blocklists/do-not-route-or-peer/ (DROP; to be fetched once an hour at most)
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.addresses import AddressError, Network, parse

FORMATS = ("text", "spamhaus_json")
# Those that only need to be named.
KNOWN = {
    "spamhaus_drop_v4": ("https://www.spamhaus.org/drop/drop_v4.json", "spamhaus_json"),
    "spamhaus_drop_v6": ("https://www.spamhaus.org/drop/drop_v6.json", "spamhaus_json"),
    "tor_exits": ("https://check.torproject.org/torbulkexitlist", "text"),
}
# Seconds between two fetches of one feed, whether the first succeeded or not: what Spamhaus asks for.
INTERVAL = 3600
MAX_BYTES = 32 << 20


class FeedError(Exception):
    """Why the content of a feed is not to be believed."""


@dataclass(frozen=True)
class Feed:
    """One feed, as it is declared."""

    name: str
    url: str | None
    path: str | None
    format: str
    max_shrink: int  # percent
    min_entries: int

    @property
    def source(self) -> str:
        return self.url or self.path or ""


def feeds_of(declared: Collection[Mapping[str, Any]]) -> list[Feed]:
    """The feeds of a declaration; InvalidError if one cannot be."""
    feeds = []
    for item in declared:
        name = item["name"]
        url, kind = KNOWN.get(name, (None, "text"))
        if item.get("path"):
            url = None
        url = item.get("url") or url
        if bool(url) == bool(item.get("path")):
            raise InvalidError(
                f"feeds: {name} needs a url or a path, one of them; those that only need a name are {', '.join(KNOWN)}"
            )
        feed = Feed(
            name,
            url,
            item.get("path"),
            item.get("format") or kind,
            item["max_shrink"],
            item["min_entries"],
        )
        if feed.url and not feed.url.startswith(("https://", "http://")):
            raise InvalidError(f"feeds: {name}: the url {feed.url} is not of http or https")
        if not 0 <= feed.max_shrink <= 100:
            raise InvalidError(f"feeds: {name}: max_shrink {feed.max_shrink} is not from 0 to 100 percent")
        feeds.append(feed)
    names = [feed.name for feed in feeds]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidError(f"feeds: {', '.join(twice)} is there more than once")
    return feeds


def read(content: bytes, kind: str) -> frozenset[Network]:
    """The networks of a feed. All of it or nothing: an error page is no list, nor is half of one."""
    if len(content) > MAX_BYTES:
        raise FeedError(f"it is larger than {MAX_BYTES >> 20} MiB")
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise FeedError("it is not text") from None
    return _read_spamhaus(lines) if kind == "spamhaus_json" else _read_text(lines)


def _read_text(lines: list[str]) -> frozenset[Network]:
    networks = set()
    for number, line in enumerate(lines, 1):
        words = line.replace(";", " ;").replace("#", " #").split()
        if words and words[0][0] not in ";#":
            networks.add(_network(words[0], number))
    return frozenset(networks)


def _read_spamhaus(lines: list[str]) -> frozenset[Network]:
    networks = set()
    records = None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except ValueError:
            raise FeedError(f"line {number} is not JSON: {line[:60]!r}") from None
        if not isinstance(item, dict):
            raise FeedError(f"line {number} is no object: {line[:60]!r}")
        if item.get("type") == "metadata":
            records = item.get("records")
        else:
            networks.add(_network(str(item.get("cidr")), number))
    if records is None:
        raise FeedError("its last line, with the number of records, is missing")
    if records != len(networks):
        raise FeedError(f"it says that it has {records} records, and has {len(networks)}")
    return frozenset(networks)


def _network(text: str, number: int) -> Network:
    try:
        return parse(text)
    except AddressError as error:
        raise FeedError(f"line {number}: {str(error)[:120]}") from None


def believe(feed: Feed, networks: frozenset[Network], last: Collection[Network], min_prefix: Mapping[int, int]) -> None:
    """FeedError if the content is not plausible after what was there last."""
    wide = sorted(network for network in networks if network.prefix < min_prefix[network.version])
    if wide:
        raise FeedError(f"{wide[0]} is wider than /{min_prefix[wide[0].version]}")
    if len(networks) < feed.min_entries:
        raise FeedError(f"it has {len(networks)} entries, fewer than min_entries ({feed.min_entries})")
    if len(last) - len(networks) > len(last) * feed.max_shrink / 100:
        raise FeedError(
            f"it shrank from {len(last)} to {len(networks)} entries, more than max_shrink ({feed.max_shrink} percent)"
        )
