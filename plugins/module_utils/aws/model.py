# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What resources of all AWS services have in common. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

MAX_TAGS = 50


class InvalidError(ValueError):
    """What is wanted cannot be: the message says what and why."""


@dataclass(frozen=True)
class TagChange:
    """The tags to set and the keys to remove."""

    set: Mapping[str, str] = field(default_factory=dict)
    removed: tuple[str, ...] = ()

    def applied(self, held: Mapping[str, str]) -> dict[str, str]:
        return {key: value for key, value in {**held, **self.set}.items() if key not in self.removed}


def tag_change(held: Mapping[str, str], wanted: Mapping[str, str] | None, purge: bool) -> TagChange:
    """From the tags that are held to the wanted ones; None means: as they are. Tags of AWS itself are left alone."""
    if wanted is None:
        return TagChange()
    surplus = [key for key in held if key not in wanted and not key.lower().startswith("aws:")]
    return TagChange(
        {key: value for key, value in wanted.items() if held.get(key) != value},
        tuple(sorted(surplus)) if purge else (),
    )


def check_tags(tags: Mapping[str, str] | None) -> None:
    """Refuse tags that AWS would refuse."""
    if tags and len(tags) > MAX_TAGS:
        raise InvalidError(f"tags: {len(tags)} tags, AWS allows {MAX_TAGS}")
    reserved = sorted(key for key in tags or {} if key.lower().startswith("aws:"))
    if reserved:
        raise InvalidError(f"tags: {', '.join(reserved)}: the prefix aws: is reserved")


def some(texts: Iterable[str], limit: int = 10) -> str:
    """The first few of a list, and how many more there are."""
    texts = list(texts)
    more = f" and {len(texts) - limit} more" if len(texts) > limit else ""
    return ", ".join(texts[:limit]) + more
