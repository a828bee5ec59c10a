# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Behaviour that is off by default for speed, and on by request, for all accounts or for one."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any


@dataclass(frozen=True)
class Switches:
    """`page_size`: at most so many items in a page of a list (0: AWS's own size). `rates`: enforce request rates.
    `prompt_backups`: backup jobs are done as soon as somebody looks."""

    page_size: int = 0
    rates: bool = False
    prompt_backups: bool = False

    def changed(self, wanted: dict[str, Any]) -> Switches:
        """These switches with some of them set otherwise; ValueError if one of them is wrong."""
        kinds = {field.name: type(getattr(self, field.name)) for field in fields(self)}
        for name, value in wanted.items():
            if name not in kinds:
                raise ValueError(f"unknown switch: {name}; there are {', '.join(kinds)}")
            if isinstance(value, bool) != (kinds[name] is bool) or not isinstance(value, bool | int | float):
                raise ValueError(f"{name}: {value!r} is not of type {kinds[name].__name__}")
            if value < 0:
                raise ValueError(f"{name}: {value!r} is negative")
        return replace(self, **{name: kinds[name](value) for name, value in wanted.items()})


class Switchboard:
    """The switches of every account: its own where it set any, else those of the region."""

    def __init__(self) -> None:
        self.default = Switches()
        self._of_account: dict[str, Switches] = {}

    def of(self, account: str | None) -> Switches:
        return self._of_account.get(account, self.default) if account else self.default

    def change(self, wanted: dict[str, Any], account: str | None = None) -> dict[str, Any]:
        changed = self.of(account).changed(wanted)
        if account:
            self._of_account[account] = changed
        else:
            self.default = changed
        return asdict(changed)

    def reset(self, account: str | None = None) -> dict[str, Any]:
        if account:
            self._of_account.pop(account, None)
        else:
            self.default = Switches()
        return asdict(self.of(account))
