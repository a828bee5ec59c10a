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
    networks_of,
    subtract,
)

# https://docs.aws.amazon.com/waf/latest/developerguide/limits.html
MAX_ADDRESSES = 10_000
# How many entries a diff and a result show; what lies beyond is counted.
SHOWN = 100

VERSIONS = {"IPV4": 4, "IPV6": 6}
_FAMILIES = {version: family for family, version in VERSIONS.items()}
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

    @property
    def deletes(self) -> bool:
        """Whether the sets themselves shall go, not some of their entries."""
        return self.state == "absent" and self.addresses is None

    def check(self) -> None:
        """Refuse what AWS would refuse, or what cannot be meant, before anything is asked or changed."""
        for name in self.names.values():
            if not _NAME.fullmatch(name):
                raise InvalidError(f"name: {name!r} is not 1 to 128 letters, digits, hyphens and underscores")
        if self.description and not (_DESCRIPTION.fullmatch(self.description) and len(self.description) <= 256):
            raise InvalidError("description: 3 to 256 letters, digits, blanks and +=:#@/-,. are allowed, no others")
        check_tags(self.tags)
        foreign = sorted(network for network in self.addresses or () if network.version not in self.names)
        if foreign:
            (version,) = self.names
            raise InvalidError(f"addresses: not {_FAMILIES[version]}: {some(map(str, foreign))}")
        for version, name in self.names.items():
            count = len(networks_of(self.addresses or (), version))
            if count > MAX_ADDRESSES:
                raise InvalidError(
                    f"addresses: {count} of {_FAMILIES[version]}, the IP set {name} can hold {MAX_ADDRESSES}"
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
    """What is to be done with the set of one address family."""
    name = wanted.names[version]
    if current is not None and current.version != version and not wanted.deletes:
        raise InvalidError(
            f"the IP set {name} is of {current.family}, which AWS cannot change: delete it or take another name"
        )
    if wanted.deletes or (wanted.state == "absent" and current is None):
        return Plan(name, current, None, ("delete",) if current else ())

    before = current or IpSet(name, version)
    tags = tag_change(before.tags or {}, None if wanted.state == "absent" else wanted.tags, wanted.purge_tags)
    after = replace(
        before,
        networks=_target(before.networks, version, wanted),
        description=before.description
        if wanted.description is None or wanted.state == "absent"
        else wanted.description,
        tags=None if wanted.tags is None else tags.applied(before.tags or {}),
    )
    if len(after.networks) > MAX_ADDRESSES:
        raise InvalidError(f"the IP set {name} would hold {len(after.networks)} entries, it can hold {MAX_ADDRESSES}")
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
    """The entries that the set shall have."""
    given = wanted.addresses
    if given is not None:
        given = frozenset(networks_of(given, version))
    if given is None:
        target = held
    elif wanted.state == "absent":
        target = held - given
    elif wanted.purge_addresses:
        target = given
    else:
        target = held | given
    result: frozenset[Network] = subtract(target, wanted.protected)
    return result


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
