# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What is to be blocked in front of all hosts, from what they ban, what is declared and what is lifted. No I/O.

Points of time are texts as 2026-11-21T00:30:17Z, which sort by time; None is for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError, some
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.addresses import (
    BITS,
    AddressError,
    Network,
    covering,
    intersect,
    networks_of,
    parse,
    subtract,
)

FORMAT = 1
_KINDS = ("deny list", "ban", "feed")  # what comes first has the first claim to a place
_FOREVER = 10**12


class Ban(NamedTuple):
    """One ban of one host, in the order in which it is remembered."""

    jail: str
    address: str
    start: str
    end: str | None
    times: int | None  # how often the host has seen it

    def is_running(self, now: str) -> bool:
        return self.end is None or self.end > now


@dataclass(frozen=True)
class Host:
    """The bans of a host, as it told them last. `missing` is since when it cannot be asked."""

    bans: tuple[Ban, ...] = ()
    missing: str | None = None


@dataclass(frozen=True)
class Answer:
    """What a host said. While it takes back its bans after a restart, they are not all."""

    bans: tuple[Ban, ...]
    complete: bool = True


@dataclass(frozen=True)
class Cached:
    """The last good content of a feed, and what became of the last attempt to get a new one."""

    source: str
    networks: tuple[str, ...] = ()
    fetched: str | None = None
    tried: str | None = None
    problem: str = ""


@dataclass(frozen=True)
class State:
    """What is remembered between two runs."""

    hosts: Mapping[str, Host] = field(default_factory=dict)
    feeds: Mapping[str, Cached] = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "hosts": {
                name: {"bans": [list(ban) for ban in host.bans], "missing": host.missing}
                for name, host in sorted(self.hosts.items())
            },
            "feeds": {
                name: dict(vars(feed), networks=list(feed.networks)) for name, feed in sorted(self.feeds.items())
            },
        }


def state_of(data: Any) -> State:
    """What data() wrote; ValueError if it is anything else."""
    try:
        if data["format"] != FORMAT:
            raise ValueError(f"its format is {data['format']!r}, not {FORMAT}")
        return State(
            hosts={
                name: Host(tuple(Ban(*ban) for ban in host["bans"]), host["missing"])
                for name, host in data["hosts"].items()
            },
            feeds={
                name: Cached(**{**feed, "networks": tuple(feed["networks"])}) for name, feed in data["feeds"].items()
            },
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"it is not what was written: {error!r}") from None


def check_owner(state: State, inventory: Collection[str]) -> None:
    """Refuse to take over the sets of another inventory, whose addresses would all be let go."""
    if state.hosts and inventory and not set(state.hosts) & set(inventory):
        raise InvalidError(
            f"these IP sets hold the bans of hosts of which this inventory has none: {some(sorted(state.hosts), 3)}. "
            "Give each inventory IP sets of its own (block_ip_set_name), or, if these hosts took their place, run once "
            "with -e block_take_over=true. Nothing was changed"
        )


def remember(
    known: Mapping[str, Host], answers: Mapping[str, Answer], inventory: Iterable[str], now: str, forget: str
) -> dict[str, Host]:
    """The hosts and their bans after a run.

    A host that did not answer, or is not in the inventory any more, keeps what it said last until the bans end; those
    without an end until it has been missing since `forget`.
    """
    hosts: dict[str, Host] = {}
    for name, answer in answers.items():
        bans = {(ban.jail, ban.address): ban for ban in answer.bans if ban.is_running(now)}
        if not answer.complete and name in known:
            before = {(ban.jail, ban.address): ban for ban in known[name].bans if ban.is_running(now)}
            bans = {**before, **bans}
        hosts[name] = Host(tuple(sorted(bans.values(), key=_order)))
    listed = set(inventory)
    for name, host in known.items():
        if name in answers:
            continue
        missing = host.missing or now
        kept = tuple(
            ban
            for ban in host.bans
            if (ban.end is None and missing > forget) or (ban.end is not None and ban.end > now)
        )
        if kept or name in listed:
            hosts[name] = Host(kept, missing)
    return hosts


def _order(ban: Ban) -> tuple[str, str, str]:
    return (ban.jail, ban.address, ban.start)


class Sources(NamedTuple):
    """All that may be blocked."""

    denied: frozenset[Network]
    hosts: Mapping[str, Host]
    feeds: Mapping[str, Cached]


@dataclass(frozen=True)
class Choice:
    """What to block, and how much of each kind found no place."""

    addresses: frozenset[Network]
    left_out: Mapping[str, int]


def choose(sources: Sources, never: Collection[Network], capacity: int) -> Choice:
    """What to block: declared networks, then bans, then feeds, without what must never be.

    Of bans those have the first claim that last longest, by the hour in which they end; of the same hour those that
    were seen most often, on all hosts together.
    """
    ranks = _ranks(sources)
    allowed = subtract(ranks, never)
    # What was cut has the rank of what it was cut from.
    parents = covering(ranks, [network for network in allowed if network not in ranks])
    chosen: set[Network] = set()
    left_out = dict.fromkeys(_KINDS, 0)
    for version in BITS:
        ordered = sorted((ranks[parents.get(network, network)], network) for network in networks_of(allowed, version))
        chosen.update(network for _rank, network in ordered[:capacity])
        for rank, _network in ordered[capacity:]:
            left_out[_KINDS[rank[0]]] += 1
    return Choice(frozenset(chosen), {kind: count for kind, count in left_out.items() if count})


def _ranks(sources: Sources) -> dict[Network, tuple[int, int, int]]:
    """The claim of each network, the least the first: its kind, its end, how often it was seen."""
    ranks: dict[Network, tuple[int, int, int]] = {}
    for number, feed in enumerate(sources.feeds.values()):
        ranks.update((parse(text), (2, number, 0)) for text in feed.networks)
    seen: dict[str, list[int]] = {}
    for host in sources.hosts.values():
        for _jail, address, _start, end, count in host.bans:
            hour = _FOREVER if end is None else int(end[:4] + end[5:7] + end[8:10] + end[11:13])
            found = seen.get(address)
            if found is None:
                seen[address] = [hour, count or 1]
            else:
                found[0] = max(found[0], hour)
                found[1] += count or 1
    ranks.update((parse(address), (1, -hour, -times)) for address, (hour, times) in seen.items())
    ranks.update((network, (0, 0, 0)) for network in sources.denied)
    return ranks


def to_unban(hosts: Mapping[str, Host], lifted: Collection[Network]) -> dict[str, list[str]]:
    """The bans of each host that lie in a lifted network."""
    if not lifted:
        return {}
    found = {
        name: sorted({ban.address for ban in host.bans if subtract([parse(ban.address)], lifted) == frozenset()})
        for name, host in hosts.items()
        if not host.missing
    }
    return {name: addresses for name, addresses in found.items() if addresses}


def reasons(address: Network, sources: Sources) -> Iterator[dict[str, Any]]:
    """Why an address or network would be blocked: all of what holds some of it."""
    for name, host in sources.hosts.items():
        for ban in host.bans:
            if intersect([parse(ban.address)], [address]):
                yield {
                    "source": "ban",
                    "address": ban.address,
                    "host": name,
                    "jail": ban.jail,
                    "since": ban.start,
                    "until": ban.end,
                    "count": ban.times,
                    "host_missing_since": host.missing,
                }
    for network in sorted(sources.denied):
        if intersect([network], [address]):
            yield {"source": "deny list", "address": str(network), "since": None, "until": None}
    for name, feed in sources.feeds.items():
        for text in feed.networks:
            if intersect([parse(text)], [address]):
                yield {"source": "feed", "address": text, "feed": name, "since": None, "until": None,
                       "fetched": feed.fetched}  # fmt: skip


def answers_of(hosts: Mapping[str, Mapping[str, Any]]) -> dict[str, Answer]:
    """What the hosts said; InvalidError if an address is none."""
    answers = {}
    for name, said in hosts.items():
        bans = tuple(Ban(*ban) for ban in said["bans"])
        wrong = sorted({ban.address for ban in bans if not _is_network(ban.address)})
        if wrong:
            raise InvalidError(f"bans of {name}: not an address: {some(wrong)}")
        answers[name] = Answer(bans, not said["restoring"])
    return answers


def _is_network(text: str) -> bool:
    try:
        parse(text)
    except AddressError:
        return False
    return True


def listing(parts: Sequence[str]) -> str:
    """Parts of a report, as sentences."""
    return " ".join(f"{part}." for part in parts if part)
