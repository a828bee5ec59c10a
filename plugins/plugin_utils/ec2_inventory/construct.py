# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Hosts, their variables and their groups, put into Ansible's inventory.

Constructable, Ansible's own class, does the same with its templating; it is the reference here and does what is not
beyond doubt. Everything else is done by functions compiled once.
"""

# Exact types are meant: True is an int too, and a subclass may answer differently.
# pylint: disable=unidiomatic-typecheck
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleError

from .expressions import NOT_LITERAL, Evaluate, Missing, Undecided, compiled

try:
    from ansible.utils.vars import validate_variable_name
except ImportError:  # before ansible-core 2.19
    validate_variable_name = None

SCALARS = (str, int, bool, float, datetime, type(None))
EMPTY = (None, "")


class Construct:
    """Adds hosts to the inventory of a plugin that is Constructable."""

    def __init__(self, plugin: Any, group: str, is_common_filter: Callable[[str], bool]) -> None:
        self._plugin = plugin
        self._inventory = plugin.inventory
        self._group: str = self._inventory.add_group(group)
        self._is_common_filter = is_common_filter
        self._strict: bool = plugin.get_option("strict")
        # Before ansible-core 2.19 templating has other rules: a value may be a template, and text may become a list.
        self._fast = validate_variable_name is not None and C.DEFAULT_HASH_BEHAVIOUR == "replace"
        self._good_names: set[str] = set()
        self._groups: dict[tuple[str, str | None], Any] = {}
        extra = frozenset(plugin.extra_vars if plugin.get_option("use_extra_vars") else ())
        self._compose = [
            (name, self._compiled(expression, extra)) for name, expression in plugin.get_option("compose").items()
        ]
        unsure = extra | {name for name, evaluate in self._compose if evaluate is None}
        self._conditions = [
            (name, self._compiled(condition, unsure)) for name, condition in plugin.get_option("groups").items()
        ]
        self._keyed = [(entry, self._keyed_group(entry, unsure)) for entry in plugin.get_option("keyed_groups")]

    def _compiled(self, expression: Any, engine_only: frozenset[str]) -> Evaluate | None:
        if not self._fast:
            return None
        try:
            return compiled(expression, engine_only, self._is_common_filter)
        except Undecided:
            return None

    def add(self, name: str, variables: dict[str, Any], carried: dict[str, Any]) -> None:
        """Add a host. It gets the variables `carried`; expressions see all of `variables`."""
        inventory = self._inventory
        # A host that another source has added has variables that we do not know; and Ansible gives the variables of a
        # host that is called like a group to the group.
        plain = not self._fast or name in inventory.hosts or name in inventory.groups
        inventory.add_host(name, group=self._group)
        if plain or not self._all_good(carried):
            for key, value in carried.items():
                inventory.set_variable(name, key, value)
        else:
            # What set_variable() adds to this is a copy of every value and a note of its origin, the larger part of
            # the time and of the memory that a host costs.
            inventory.hosts[name].vars.update(carried)
        if self._compose:
            variables, plain = self._composed(name, variables, plain)
        for group, condition in self._conditions:
            self._condition(group, condition, name, variables, plain)
        for entry, join in self._keyed:
            try:
                if plain or join is None:
                    raise Undecided
                join(name, variables)
            except Undecided:
                self._plugin._add_host_to_keyed_groups([entry], variables, name, strict=self._strict)

    def finish(self) -> None:
        self._inventory.add_child("all", self._group)

    def _all_good(self, carried: dict[str, Any]) -> bool:
        """Whether set_variable() would accept all names without a word."""
        for name in carried.keys() - self._good_names:
            try:
                validate_variable_name(name)
            except AnsibleError:
                return False
            self._good_names.add(name)
        return True

    def _composed(self, name: str, variables: dict[str, Any], plain: bool) -> tuple[dict[str, Any], bool]:
        """Compose; what groups then see, and whether only Ansible's templating can tell."""
        # As with amazon.aws, compositions do not see each other.
        seen = dict(variables)
        for key, evaluate in self._compose:
            try:
                if plain or evaluate is None:
                    raise Undecided
                value = evaluate(variables)
            except Missing:
                if self._strict:
                    self._by_engine(key, variables, name)
                continue
            except Undecided:
                plain = plain or evaluate is not None
                self._by_engine(key, variables, name)
                continue
            seen[key] = value
            if type(value) in SCALARS and self._all_good({key: value}):
                self._inventory.hosts[name].vars[key] = value
            else:
                self._inventory.set_variable(name, key, value)
        return (variables if plain else seen), plain

    def _by_engine(self, key: str, variables: dict[str, Any], name: str) -> None:
        expression = self._plugin.get_option("compose")[key]
        self._plugin._set_composite_vars({key: expression}, variables, name, strict=self._strict)

    def _condition(
        self, group: str, condition: Evaluate | None, name: str, variables: dict[str, Any], plain: bool
    ) -> None:
        try:
            if plain or condition is None:
                raise Undecided
            holds = condition(variables)
            if type(holds) is not bool:
                raise Undecided
            if holds:
                self._join(name, group)
            return
        except Missing:
            if not self._strict:
                return
        except Undecided:
            pass
        expression = self._plugin.get_option("groups")[group]
        self._plugin._add_host_to_composed_groups({group: expression}, variables, name, strict=self._strict)

    def _join(self, name: str, group: str, parent: str | None = None) -> None:
        known = self._groups.get((group, parent))
        if known is None:
            added = self._inventory.add_group(self._plugin._sanitize_group_name(group))
            known = self._groups[group, parent] = self._inventory.groups[added]
            if parent:
                over = self._plugin._sanitize_group_name(parent)
                self._inventory.add_group(over)
                self._inventory.add_child(over, added)
        known.add_host(self._inventory.hosts[name])

    def _keyed_group(self, entry: Any, unsure: frozenset[str]) -> Callable[[str, dict[str, Any]], None] | None:
        """Joins a host to the groups of an entry of keyed_groups; nothing where only Ansible can tell."""
        if not entry or not isinstance(entry, dict):
            return None
        default, trailing = entry.get("default_value"), entry.get("trailing_separator")
        parent = entry.get("parent_group")
        if default is not None and trailing is not None:
            return None
        if parent is not None and (not isinstance(parent, str) or NOT_LITERAL.search(parent)):
            return None
        evaluate = self._compiled(entry.get("key"), unsure)
        if evaluate is None:
            return None
        prefix, separator = entry.get("prefix", ""), entry.get("separator", "_")
        leading = "" if prefix == "" and self._plugin.get_option("leading_separator") is False else separator

        def join(name: str, variables: dict[str, Any]) -> None:
            try:
                key = evaluate(variables)
            except Missing:
                if self._strict:
                    raise Undecided from None
                return
            if key or (key in EMPTY and default is not None):
                for each in group_names(key, separator, default, trailing):
                    self._join(name, f"{prefix}{leading}{each}", parent)
            elif self._strict and key not in ([], {}):
                raise Undecided

        return join


def group_names(key: Any, separator: str, default: str | None, trailing: bool | None) -> list[Any]:
    """What a value of keyed_groups adds to the names of groups."""
    if type(key) not in (str, list, dict, type(None)):
        raise Undecided
    if not isinstance(key, dict):
        values = key if isinstance(key, list) else [key]
        return [default if value in EMPTY and default is not None else value for value in values]
    names = []
    for name, value in key.items():
        if value not in EMPTY:
            names.append(f"{name}{separator}{value}")
        elif default is not None:
            names.append(f"{name}{separator}{default}")
        else:
            names.append(name if trailing is False else f"{name}{separator}{value}")
    return names
