# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What an IP set is, what is wanted of it, and the plan that leads from one to the other. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.model import (
    InvalidError,
    TagChange,
    check_tags,
    some,
    tag_change,
)
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.addresses import (
    Network,
    covering,
    distribute,
    fit,
    merge,
    networks_of,
    subtract,
)

# https://docs.aws.amazon.com/waf/latest/developerguide/limits.html
MAX_ADDRESSES = 10_000
# Half of the quota of IP sets of an account (100, for all of its sets): two families with so many sets each fill it.
MAX_SHARDS = 50
# A shrinking of up to so many entries is everyday; more than that at once is what max_shrink judges.
SHRINK_FLOOR = 10
# How many entries a diff and a result show; what lies beyond is counted.
SHOWN = 100

VERSIONS = {"IPV4": 4, "IPV6": 6}
_FAMILIES = {version: family for family, version in VERSIONS.items()}
_REMEDY = " (shards: more sets; aggregate: fewer entries)"
_NAME = re.compile(r"[\w\-]{1,128}", re.ASCII)
_DESCRIPTION = re.compile(r"[\w+=:#@/\-,.][\w+=:#@/\-,.\s]+[\w+=:#@/\-,.]", re.ASCII)


@dataclass(frozen=True)
class IpSet:
    """One IP set, as it is or as it shall be. Tags are None where nobody asked for them."""

    name: str
    version: int
    networks: frozenset[Network] = frozenset()
    description: str = ""
    tags: Mapping[str, str] | None = None
    id: str | None = None
    arn: str | None = None
    lock_token: str | None = None

    @property
    def family(self) -> str:
        return _FAMILIES[self.version]


@dataclass(frozen=True)
class Wanted:
    """What the user asks for. None means: as it is."""

    names: Mapping[int, str]  # by address family: 4, 6 or both
    state: str = "present"
    addresses: frozenset[Network] | None = None
    purge_addresses: bool = True
    protected: frozenset[Network] = frozenset()
    description: str | None = None
    tags: Mapping[str, str] | None = None
    purge_tags: bool = True
    aggregate: str = "none"  # or exact, lossy
    max_extra: int = 0  # what a lossy aggregation may cover in addition, for each family
    min_prefix: Mapping[int, int] = field(default_factory=lambda: {4: 8, 6: 19})
    max_shrink: int = 100  # percent of the entries that one run may drop
    shards: int = 1

    @property
    def deletes(self) -> bool:
        """Whether the sets themselves shall go, not some of their entries."""
        return self.state == "absent" and self.addresses is None

    @property
    def capacity(self) -> int:
        """How many entries the sets of one family hold together."""
        return MAX_ADDRESSES * self.shards

    def shard_names(self, version: int) -> list[str]:
        """The sets of a family. The first keeps the plain name, so that a second one can be added later."""
        name = self.names[version]
        return [name, *(f"{name}-shard{number}" for number in range(2, self.shards + 1))]

    def version_of(self, name: str) -> int | None:
        """The family to which a set of this name belongs, also one left over from when there were more shards."""
        for version, base in self.names.items():
            if name == base or (name.startswith(f"{base}-shard") and name[len(base) + 6 :].isdecimal()):
                return version
        return None

    def check(self) -> None:
        """Refuse what AWS would refuse, or what cannot be meant, before anything is asked or changed."""
        if not 1 <= self.shards <= MAX_SHARDS:
            raise InvalidError(f"shards: {self.shards} is not from 1 to {MAX_SHARDS}")
        for version in self.names:
            name = self.shard_names(version)[-1]
            if not _NAME.fullmatch(name):
                raise InvalidError(f"name: {name!r} is not 1 to 128 letters, digits, hyphens and underscores")
        if self.description and not (_DESCRIPTION.fullmatch(self.description) and len(self.description) <= 256):
            raise InvalidError("description: 3 to 256 letters, digits, blanks and +=:#@/-,. are allowed, no others")
        check_tags(self.tags)
        if not 0 <= self.max_shrink <= 100:
            raise InvalidError(f"max_shrink: {self.max_shrink} is not from 0 to 100 percent")
        if self.max_extra < 0:
            raise InvalidError(f"max_extra_addresses: {self.max_extra} is less than 0")
        if (self.aggregate == "lossy") != bool(self.max_extra):
            raise InvalidError("aggregate: lossy and max_extra_addresses, more than 0, need each other")
        self._check_addresses()

    def _check_addresses(self) -> None:
        foreign = sorted(network for network in self.addresses or () if network.version not in self.names)
        if foreign:
            (version,) = self.names
            raise InvalidError(f"addresses: not {_FAMILIES[version]}: {some(map(str, foreign))}")
        if self.state == "absent":
            return
        wide = sorted(network for network in self.addresses or () if network.prefix < self.min_prefix[network.version])
        if wide:
            raise InvalidError(
                f"addresses: wider than /{self.min_prefix[4]} for IPv4 or /{self.min_prefix[6]} for IPv6: "
                f"{some(map(str, wide))}. If they are meant, lower min_prefix_ipv4 or min_prefix_ipv6"
            )
        for version, name in self.names.items():
            count = len(networks_of(self.addresses or (), version))
            if count > self.capacity and self.aggregate == "none":
                raise InvalidError(
                    f"addresses: {count} of {_FAMILIES[version]}, the IP set {name} can hold {self.capacity}{_REMEDY}"
                )


@dataclass(frozen=True)
class Plan:
    """The steps from an IP set as it is to what is wanted: create, update, untag, tag, delete."""

    name: str
    before: IpSet | None
    after: IpSet | None
    steps: tuple[str, ...] = ()
    tags: TagChange = field(default_factory=TagChange)

    @property
    def added(self) -> frozenset[Network]:
        return _networks(self.after) - _networks(self.before)

    @property
    def removed(self) -> frozenset[Network]:
        return _networks(self.before) - _networks(self.after)


def plan(current: IpSet | None, version: int, wanted: Wanted) -> Plan:
    """What is to be done with the only set of one address family."""
    return plan_family({} if current is None else {wanted.names[version]: current}, version, wanted)[0]


def plan_family(found: Mapping[str, IpSet], version: int, wanted: Wanted) -> list[Plan]:
    """What is to be done with the sets of one address family, by what is there: its shards, and shards beyond those
    that are wanted, which are left over from when there were more of them and are emptied."""
    names = wanted.shard_names(version)
    names += sorted(set(found) - set(names))
    for name, current in found.items():
        if current.version != version and not wanted.deletes:
            raise InvalidError(
                f"the IP set {name} is of {current.family}, which AWS cannot change: delete it or take another name"
            )
    if wanted.deletes:
        return [Plan(name, found.get(name), None, ("delete",) if name in found else ()) for name in names]
    held = [found[name].networks if name in found else frozenset() for name in names]
    capacities = [MAX_ADDRESSES if number < wanted.shards else 0 for number in range(len(names))]
    target = _target(frozenset().union(*held), version, wanted)
    if len(target) > wanted.capacity:
        raise InvalidError(
            f"the IP set {names[0]} would hold {len(target)} entries, it can hold {wanted.capacity}{_REMEDY}"
        )
    if not wanted.purge_addresses or wanted.state == "absent":
        capacities[wanted.shards :] = [len(entries) for entries in held[wanted.shards :]]  # not ours to tidy up
    return [
        _plan_set(found.get(name), name, version, networks, wanted)
        for name, networks in zip(names, distribute(target, held, capacities))
    ]


def _plan_set(current: IpSet | None, name: str, version: int, networks: frozenset[Network], wanted: Wanted) -> Plan:
    if wanted.state == "absent" and current is None:
        return Plan(name, None, None)
    before = current or IpSet(name, version)
    tags = tag_change(before.tags or {}, None if wanted.state == "absent" else wanted.tags, wanted.purge_tags)
    after = replace(
        before,
        networks=networks,
        description=before.description
        if wanted.description is None or wanted.state == "absent"
        else wanted.description,
        tags=None if wanted.tags is None else tags.applied(before.tags or {}),
    )
    if current is None:
        return Plan(name, None, after, ("create",), tags)
    steps = []
    if after.networks != before.networks or after.description != before.description:
        steps.append("update")
    if tags.removed:
        steps.append("untag")
    if tags.set:
        steps.append("tag")
    return Plan(name, before, after, tuple(steps), tags)


def _target(held: frozenset[Network], version: int, wanted: Wanted) -> frozenset[Network]:
    """The entries that the sets of one family shall hold, given those that they hold."""
    given = held if wanted.addresses is None else frozenset(networks_of(wanted.addresses, version))
    if wanted.state == "absent":
        left: frozenset[Network] = subtract(held - given, wanted.protected)
        return left
    target: frozenset[Network] = subtract(given if wanted.purge_addresses else held | given, wanted.protected)
    if wanted.aggregate != "none":
        target = frozenset(merge(target))
    if wanted.aggregate == "lossy":
        joined = fit(target, wanted.capacity, wanted.max_extra, wanted.protected, wanted.min_prefix[version])
        if len(joined.networks) > wanted.capacity:
            raise InvalidError(
                f"{len(joined.networks)} entries of {_FAMILIES[version]} are left when {joined.extra} more addresses "
                f"are covered; {wanted.capacity} fit and max_extra_addresses is {wanted.max_extra}"
            )
        target = frozenset(joined.networks)
    if wanted.purge_addresses:
        _check_shrink(held, target, wanted)
    return target


def _check_shrink(held: frozenset[Network], target: frozenset[Network], wanted: Wanted) -> None:
    """Refuse to let go of more than was agreed: what falls silent must not open the edge."""
    allowed = max(SHRINK_FLOOR, len(held) * wanted.max_shrink // 100)
    surplus = held - target
    if len(surplus) <= allowed:
        return
    # What was joined, split or is now part of another entry is not gone, and what is protected shall be.
    gone = subtract(surplus, [*target, *wanted.protected])
    if len(gone) > allowed:
        raise InvalidError(
            f"{len(gone)} of {len(held)} entries would be dropped, more than max_shrink ({wanted.max_shrink} percent) "
            "allows. Look at where addresses come from; if this is meant, give max_shrink: 100 once"
        )


def still_covered(plan: Plan, wanted: Wanted) -> dict[Network, Network]:
    """Addresses that were to be removed, but lie in a wider entry that stays."""
    if wanted.state != "absent" or not wanted.addresses or plan.after is None:
        return {}
    found: dict[Network, Network] = covering(plan.after.networks, networks_of(wanted.addresses, plan.after.version))
    return found


def _networks(ip_set: IpSet | None) -> frozenset[Network]:
    return frozenset() if ip_set is None else ip_set.networks


def report(plan: Plan) -> dict[str, Any]:
    """What the module returns of one set."""
    ip_set = plan.after or plan.before
    result: dict[str, Any] = {
        "name": plan.name,
        "state": "absent" if plan.after is None else "present",
        "address_count": len(_networks(plan.after)),
        "added": len(plan.added),
        "removed": len(plan.removed),
    }
    if ip_set is not None:
        result.update(id=ip_set.id, arn=ip_set.arn, ip_address_version=ip_set.family, description=ip_set.description)
        if ip_set.tags is not None:
            result["tags"] = dict(ip_set.tags)
    if len(_networks(plan.after)) <= SHOWN:
        result["addresses"] = [str(network) for network in sorted(_networks(plan.after))]
    return result


def diff(plans: Iterable[Plan]) -> dict[str, str]:
    """Before and after of all plans that change something: the entries that come and go, capped, with their number."""
    changing = [plan for plan in plans if plan.steps]
    return {
        "before": "".join(_side(plan, plan.before, plan.removed) for plan in changing),
        "after": "".join(_side(plan, plan.after, plan.added) for plan in changing),
    }


def _side(plan: Plan, ip_set: IpSet | None, entries: frozenset[Network]) -> str:
    if ip_set is None:
        return ""
    lines = [f"{plan.name}: {ip_set.family}, {len(ip_set.networks)} entries"]
    if ip_set.description:
        lines.append(f"  description: {ip_set.description}")
    lines += [f"  tag {key}: {value}" for key, value in sorted((ip_set.tags or {}).items())]
    lines += [f"  - {network}" for network in sorted(entries)[:SHOWN]]
    if len(entries) > SHOWN:
        lines.append(f"  - ... and {len(entries) - SHOWN} more")
    return "\n".join(lines) + "\n"
