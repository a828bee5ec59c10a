# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What the modules of the blocklist have in common: their options, what they read, and the fetching of feeds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ansible.module_utils.urls import open_url
from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CLIENT_CONFIG, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError, some
from ansible_collections.rampart.ops.plugins.module_utils.blocklist.feeds import (
    FORMATS,
    INTERVAL,
    MAX_BYTES,
    Feed,
    FeedError,
    believe,
    feeds_of,
    read,
)
from ansible_collections.rampart.ops.plugins.module_utils.blocklist.memory import Memory, account_of
from ansible_collections.rampart.ops.plugins.module_utils.blocklist.model import (
    Answer,
    Cached,
    Sources,
    State,
    answers_of,
    remember,
)
from ansible_collections.rampart.ops.plugins.module_utils.fail2ban.model import iso
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.addresses import Network, parse_all
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.api import Wafv2
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.model import MAX_SHARDS, VERSIONS, Wanted

DEADLINE = 180
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "scope": {"type": "str", "required": True, "choices": ["REGIONAL", "CLOUDFRONT"]},
    "shards": {"type": "int", "default": 1},
    "bucket": {"type": "str"},
}
SOURCES_SPEC: dict[str, dict[str, Any]] = {
    "bans_variable": {"type": "str", "required": True},
    "controller_variable": {"type": "str"},
    "hosts_file": {"type": "path"},
    "denied": {"type": "list", "elements": "str", "default": []},
    "feeds": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "url": {"type": "str"},
            "path": {"type": "path"},
            "format": {"type": "str", "choices": list(FORMATS)},
            "max_shrink": {"type": "int", "default": 50},
            "min_entries": {"type": "int", "default": 1},
        },
    },
    "min_prefix_ipv4": {"type": "int", "default": 8},
    "min_prefix_ipv6": {"type": "int", "default": 19},
    "keep_days": {"type": "int", "default": 7},
}


class Edge:
    """One pair of IP sets, its memory, and the hosts behind it."""

    def __init__(self, module: Any) -> None:
        self._params = module.params
        self.now = time.time()
        name = self._params["name"]
        self.wanted = Wanted(
            names={version: f"{name}-{family.lower()}" for family, version in VERSIONS.items()},
            shards=self._params["shards"],
        )
        self.wanted.check()
        self.deadline = Deadline(DEADLINE + 4 * min(self.wanted.shards, MAX_SHARDS))
        region = {"region": "us-east-1"} if self._params["scope"] == "CLOUDFRONT" else {}
        self._client: Callable[[str], Any] = lambda service: module.client(service, config=CLIENT_CONFIG, **region)
        self._hosts: dict[str, Any] = {}

    @property
    def iso_now(self) -> str:
        return str(iso(int(self.now)))

    def later(self, seconds: float) -> str:
        return str(iso(int(self.now + seconds)))

    def api(self) -> Wafv2:
        return Wafv2(self._client("wafv2"), self._params["scope"], self.deadline)

    def memory(self) -> Memory:
        s3 = self._client("s3")
        account = account_of(self._client("sts"), self.deadline)
        bucket = self._params["bucket"] or f"rampart-{account}-{s3.meta.region_name}"
        return Memory(s3, self.deadline, bucket, account, self._params["name"])

    # --- what hosts and the user say -------------------------------------------------------------------------------

    def read_hosts(self) -> None:
        """What the action plugin has collected."""
        path = self._params["hosts_file"]
        if not path:
            raise InvalidError("hosts_file: it is made by the module's action plugin, which was not run")
        with open(path, encoding="utf-8") as file:
            self._hosts = json.load(file)

    @property
    def inventory(self) -> list[str]:
        return list(self._hosts["inventory"])

    @property
    def answers(self) -> dict[str, Answer]:
        found: dict[str, Answer] = answers_of(self._hosts["answers"])
        return found

    def protected(self) -> frozenset[Network]:
        """What any host declares never to be blocked, and the hosts themselves."""
        return networks("protected networks", self._hosts["protected"])

    def denied(self) -> frozenset[Network]:
        denied = networks("denied", self._params["denied"])
        wide = sorted(network for network in denied if network.prefix < self.min_prefix[network.version])
        if wide:
            raise InvalidError(f"denied: wider than min_prefix: {some(map(str, wide))}")
        return denied

    def feeds(self) -> list[Feed]:
        declared: list[Feed] = feeds_of(self._params["feeds"])
        return declared

    @property
    def min_prefix(self) -> dict[int, int]:
        return {4: self._params["min_prefix_ipv4"], 6: self._params["min_prefix_ipv6"]}

    def sources(self, state: State, feeds: Mapping[str, Cached]) -> Sources:
        hosts = remember(
            state.hosts, self.answers, self.inventory, self.iso_now, self.later(-86_400 * self._params["keep_days"])
        )
        return Sources(self.denied(), hosts, feeds)

    # --- feeds -----------------------------------------------------------------------------------------------------

    def refresh(self, known: Mapping[str, Cached], fetch: bool) -> dict[str, Cached]:
        """The feeds with their content: a new one where one is due and good, else the last good one."""
        return {feed.name: self._refreshed(feed, known.get(feed.name), fetch) for feed in self.feeds()}

    def _refreshed(self, feed: Feed, last: Cached | None, fetch: bool) -> Cached:
        known = last if last and last.source == feed.source else Cached(feed.source)
        if feed.url and known.tried and (known.tried > self.later(-INTERVAL) or not fetch):
            return known
        # A list that comes from another place now is judged against the one before, too.
        before, _errors = parse_all(last.networks if last else ())
        tried = self.iso_now if feed.url else None  # of a file the content is all that counts
        try:
            found = read(self._content(feed), feed.format)
            believe(feed, found, before, self.min_prefix)
        except FeedError as error:
            old = last or known
            return replace(old, source=feed.source, tried=tried, problem=f"{feed.source}: {error}")
        return Cached(feed.source, tuple(map(str, sorted(found))), tried, tried)

    def _content(self, feed: Feed) -> bytes:
        try:
            if feed.path:
                with open(feed.path, "rb") as file:
                    return file.read(MAX_BYTES + 1)
            with open_url(feed.url, timeout=20, http_agent="rampart.ops.blocklist", follow_redirects="safe") as answer:
                content: bytes = answer.read(MAX_BYTES + 1)
                return content
        except Exception as error:  # of many kinds: sockets, TLS, HTTP, files
            raise FeedError(str(error)) from error


def networks(option: str, texts: list[str]) -> frozenset[Network]:
    """The networks of an option; InvalidError names what is none."""
    found, errors = parse_all(texts)
    if errors:
        raise InvalidError(f"{option}: {some(errors)}")
    return frozenset(found)
