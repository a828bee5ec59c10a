# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What the lab adds to moto, by service and operation: rules, operations of its own, amendments of moto's answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab.aws.call import Call

Params = dict[str, Any]
Operation = Callable[["Call"], Params]
Rule = Callable[["Call"], None]
Amendment = Callable[["Call", Params], Params]
Key = tuple[str, str]

operations: dict[Key, Operation] = {}
rules: dict[Key, list[Rule]] = defaultdict(list)
amendments: dict[Key, list[Amendment]] = defaultdict(list)
unlocked: set[Key] = set()
races: dict[str, Callable[[Call, Params], None]] = {}


def operation(service: str, name: str, lock: bool = True) -> Callable[[Operation], Operation]:
    """The function answers this operation instead of moto. `lock=False`: it may take long, or call back."""

    def register(function: Operation) -> Operation:
        operations[service, name] = function
        if not lock:
            unlocked.add((service, name))
        return function

    return register


def rule(service: str, *names: str) -> Callable[[Rule], Rule]:
    """The function judges these operations before they are carried out; it raises AwsError to refuse."""

    def register(function: Rule) -> Rule:
        for name in names:
            rules[service, name].append(function)
        return function

    return register


def amend(service: str, *names: str) -> Callable[[Amendment], Amendment]:
    """The function changes moto's answer to these operations (or acts on it)."""

    def register(function: Amendment) -> Amendment:
        for name in names:
            amendments[service, name].append(function)
        return function

    return register


def race(service: str) -> Callable[[Callable[[Call, Params], None]], Callable[[Call, Params], None]]:
    """The function makes somebody else's write to what the call is about to change."""

    def register(function: Callable[[Call, Params], None]) -> Callable[[Call, Params], None]:
        races[service] = function
        return function

    return register
