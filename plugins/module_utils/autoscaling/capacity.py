# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""How large Auto Scaling groups are to be. No AWS in here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError


@dataclass(frozen=True)
class Capacity:
    """Sizes of one group, in instances."""

    name: str
    min_size: int
    max_size: int
    desired_capacity: int


@dataclass(frozen=True)
class Wanted:
    """What is asked for one group; None leaves a size as it is."""

    name: str
    min_size: int | None = None
    max_size: int | None = None
    desired_capacity: int | None = None


def plan(current: Mapping[str, Capacity], wanted: Iterable[Wanted]) -> list[Capacity]:
    """Return the sizes that each group is to have.

    A desired capacity that is not asked for follows a minimum or a maximum that passes it, as AWS has it
    (https://docs.aws.amazon.com/autoscaling/ec2/userguide/asg-capacity-limits.html).

    Raises:
        InvalidError: a group does not exist, is named twice, or its sizes contradict one another.
    """
    asked = list(wanted)
    names = [each.name for each in asked]
    missing = sorted(set(names) - set(current))
    if missing:
        raise InvalidError(f"there is no Auto Scaling group {', '.join(missing)} in this account and region")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidError(f"{', '.join(twice)}: named twice")
    return [_sized(current[each.name], each) for each in asked]


def _sized(now: Capacity, wanted: Wanted) -> Capacity:
    least = now.min_size if wanted.min_size is None else wanted.min_size
    most = now.max_size if wanted.max_size is None else wanted.max_size
    desired = wanted.desired_capacity
    if desired is None:
        desired = min(max(now.desired_capacity, least), most)
    if not 0 <= least <= desired <= most:
        raise InvalidError(
            f"{now.name}: min_size {least}, desired_capacity {desired} and max_size {most} must not decrease in this "
            f"order. It has {now.min_size}, {now.desired_capacity} and {now.max_size} now; name all three"
        )
    return Capacity(now.name, least, most, desired)
