# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The variables that a host carries, when not all of them: the `facts` option."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .expressions import Undecided, jmespath_search

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def path(keys: list[str]) -> Callable[[dict[str, Any]], Any]:
    """What JMESPath does with a path of names, without its interpreter."""

    def search(value: Any) -> Any:
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    return search


class Facts:
    """A selection out of the variables of an instance. Raises ValueError for what selects nothing."""

    def __init__(self, facts: list[Any], rename: Callable[[str], str]) -> None:
        self.used: set[str] = set()
        self._searches: list[tuple[str, Callable[[dict[str, Any]], Any]]] = []
        for fact in facts:
            if isinstance(fact, str) and NAME.fullmatch(fact):
                self._add(rename(fact), fact)
            elif isinstance(fact, dict) and all(isinstance(query, str) for query in fact.values()):
                for name, query in fact.items():
                    self._add(str(name), query)
            else:
                raise ValueError(f"facts: {fact!r} is no variable; write 'name: JMESPath' for an expression")

    def _add(self, name: str, query: str) -> None:
        # Whatever in a query looks like a name may be one of a variable.
        self.used |= set(NAME.findall(query))
        if all(map(NAME.fullmatch, query.split("."))):
            self._searches.append((name, path(query.split("."))))
            return
        try:
            self._searches.append((name, jmespath_search(query)))
        except Undecided as error:
            raise ValueError(f"facts: {name}: {query!r} is no JMESPath: {error.__cause__}") from error

    def of(self, instance: dict[str, Any]) -> dict[str, Any]:
        """The selected variables; what an instance does not have is left out."""
        found = ((name, search(instance)) for name, search in self._searches)
        return {name: value for name, value in found if value is not None}
