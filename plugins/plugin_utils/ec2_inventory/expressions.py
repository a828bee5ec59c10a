# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Jinja expressions as Python functions, where the meaning is beyond doubt.

Ansible compiles an expression again for every host and runs it in an engine that knows lazy values, trust and origins.
The variables of an instance are plain data that is never a template, so for attribute paths, literals, comparisons,
JMESPath and the common filters a function gives the same value at a hundredth of the cost. Whatever is not listed here
is not compiled; whatever meets a value it was not made for raises Undecided. Ansible's own templating then decides.
"""

# Exact types are meant: True is an int too, and a subclass may answer differently.
# pylint: disable=unidiomatic-typecheck
from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from jinja2 import Environment, TemplateError, nodes
from jinja2.defaults import DEFAULT_NAMESPACE
from jinja2.parser import Parser

Variables = Mapping[str, Any]
Evaluate = Callable[[Variables], Any]

# A constant with these may be rendered once more, a backslash is read differently by Jinja and by Ansible.
NOT_LITERAL = re.compile(r"{{|{%|{#|\\")
# Names that Ansible adds to every template, besides Jinja's.
GLOBALS = frozenset(DEFAULT_NAMESPACE) | {
    "environment", "finalize", "group_names", "groups", "hostvars", "inventory_dir", "inventory_file",
    "inventory_hostname", "inventory_hostname_short", "lookup", "now", "omit", "playbook_dir", "q", "query", "undef",
    "vars",
}  # fmt: skip
# Through these an expression can reach variables that it does not name.
INDIRECT = frozenset({"hostvars", "lookup", "q", "query", "self", "vars"})
# An attribute of one of these types is that, and not a key.
TYPES = (dict, list, str, int, float, bool, datetime, type(None))


class Undecided(Exception):
    """Ansible's templating has to say what this is."""


class Missing(Exception):
    """The expression ends in an undefined value, which is an error in Ansible's templating."""


class _Undefined:
    """An undefined value on its way to default() or to an error."""


UNDEFINED = _Undefined()


def parse(expression: str) -> nodes.Expr:
    """The syntax tree. Raises Undecided for what Jinja alone does not understand."""
    try:
        parser = Parser(Environment(), expression, state="variable")  # noqa: S701 - nothing is rendered
        tree = parser.parse_expression()
        if not parser.stream.eos:
            raise Undecided
    except TemplateError as error:
        raise Undecided from error
    return tree


def names(expression: str) -> frozenset[str] | None:
    """The variables that an expression may use; None when that cannot be said."""
    try:
        tree = parse(expression)
    except Undecided:
        return None
    used = {node.name for node in tree.find_all(nodes.Name)}
    if isinstance(tree, nodes.Name):
        used.add(tree.name)
    return None if used & INDIRECT else frozenset(used)


def compiled(
    expression: Any, engine_only: frozenset[str] = frozenset(), builtin: Callable[[str], bool] = bool
) -> Evaluate:
    """A function of the variables that gives what Ansible's evaluation of the expression would give.

    It raises Missing where that is an error for an undefined value, and Undecided where it has to be asked. Raises
    Undecided itself when the expression is more than it understands, or names one of `engine_only`. `builtin` tells
    whether a filter of this name is the one that everybody knows.
    """
    if not isinstance(expression, str) or NOT_LITERAL.search(expression):
        raise Undecided
    tree = parse(expression)
    found = _Compiler(engine_only | GLOBALS, builtin).compile(tree)

    def evaluate(variables: Variables) -> Any:
        try:
            value = found(variables)
        except (Missing, Undecided):
            raise
        except Exception as error:
            raise Undecided from error
        if value is UNDEFINED:
            raise Missing
        return value

    return evaluate


def _present(value: Any) -> Any:
    if value is UNDEFINED:
        raise Missing
    return value


def _of(value: Any, *types: type) -> Any:
    """The value, when its type is exactly one of these."""
    if type(value) not in types:
        raise Undecided
    return value


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
    "in": lambda left, right: left in right,
    "notin": lambda left, right: left not in right,
}


class _Compiler:
    def __init__(self, engine_only: frozenset[str], builtin: Callable[[str], bool]) -> None:
        self._engine_only = engine_only
        self._builtin = builtin

    def compile(self, node: nodes.Node | None) -> Evaluate:
        method: Callable[[Any], Evaluate] | None = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise Undecided
        return method(node)

    def _name(self, node: nodes.Name) -> Evaluate:
        name = node.name
        if name in self._engine_only:
            raise Undecided
        return lambda variables: variables.get(name, UNDEFINED)

    def _const(self, node: nodes.Const) -> Evaluate:
        value = node.value
        return lambda variables: value

    def _getattr(self, node: nodes.Getattr) -> Evaluate:
        return self._key(node.node, node.attr)

    def _getitem(self, node: nodes.Getitem) -> Evaluate:
        if not isinstance(node.arg, nodes.Const):
            raise Undecided
        key = node.arg.value
        if isinstance(key, str):
            return self._key(node.node, key)
        if type(key) is not int:
            raise Undecided
        of = self.compile(node.node)

        def item(variables: Variables) -> Any:
            value = of(variables)
            if type(value) is list:
                return value[key] if -len(value) <= key < len(value) else UNDEFINED
            if value is UNDEFINED:
                return value
            raise Undecided

        return item

    def _key(self, node: nodes.Node, key: str) -> Evaluate:
        # Jinja takes tags.items for the method, and an underscore for something to protect.
        if key.startswith("_") or any(hasattr(kind, key) for kind in TYPES):
            raise Undecided
        of = self.compile(node)

        def attribute(variables: Variables) -> Any:
            value = of(variables)
            return value.get(key, UNDEFINED) if type(value) is dict else UNDEFINED

        return attribute

    def _compare(self, node: nodes.Compare) -> Evaluate:
        if len(node.ops) != 1:
            raise Undecided
        compare = COMPARISONS[node.ops[0].op]
        left, right = self.compile(node.expr), self.compile(node.ops[0].expr)
        contains = node.ops[0].op in ("in", "notin")

        def holds(variables: Variables) -> bool:
            one, other = left(variables), right(variables)
            if contains and one is UNDEFINED:
                raise Undecided  # in an empty list nothing looks at it
            return compare(_present(one), _present(other))

        return holds

    def _and(self, node: nodes.And) -> Evaluate:
        left, right = self.compile(node.left), self.compile(node.right)
        return lambda variables: _present(left(variables)) and right(variables)

    def _or(self, node: nodes.Or) -> Evaluate:
        left, right = self.compile(node.left), self.compile(node.right)
        return lambda variables: _present(left(variables)) or right(variables)

    def _not(self, node: nodes.Not) -> Evaluate:
        of = self.compile(node.node)
        return lambda variables: not _present(of(variables))

    def _condexpr(self, node: nodes.CondExpr) -> Evaluate:
        if node.expr2 is None:
            raise Undecided
        test, one, other = self.compile(node.test), self.compile(node.expr1), self.compile(node.expr2)
        return lambda variables: one(variables) if _present(test(variables)) else other(variables)

    def _concat(self, node: nodes.Concat) -> Evaluate:
        parts = [self.compile(part) for part in node.nodes]
        return lambda variables: "".join([str(_of(part(variables), str, int)) for part in parts])

    def _add(self, node: nodes.Add) -> Evaluate:
        left, right = self.compile(node.left), self.compile(node.right)
        return lambda variables: _of(left(variables), str) + _of(right(variables), str)

    def _list(self, node: nodes.List) -> Evaluate:
        items = [self.compile(item) for item in node.items]
        return lambda variables: [_of(item(variables), str, int, bool) for item in items]

    def _test(self, node: nodes.Test) -> Evaluate:
        if node.name not in ("defined", "undefined") or node.args or node.kwargs:
            raise Undecided
        of = self.compile(node.node)
        if node.name == "defined":
            return lambda variables: of(variables) is not UNDEFINED
        return lambda variables: of(variables) is UNDEFINED

    def _filter(self, node: nodes.Filter) -> Evaluate:
        method = getattr(self, f"_filter_{node.name}", None)
        if method is None or node.node is None or node.kwargs or node.dyn_args or node.dyn_kwargs:
            raise Undecided
        if not self._builtin(node.name):
            raise Undecided
        found: Evaluate = method(self.compile(node.node), node.args)
        return found

    def _filter_default(self, of: Evaluate, args: list[nodes.Expr]) -> Evaluate:
        if len(args) not in (1, 2) or (len(args) == 2 and not isinstance(args[1], nodes.Const)):
            raise Undecided
        other = self.compile(args[0])
        also_empty = len(args) == 2 and bool(args[1].value)  # type: ignore[attr-defined]

        def default(variables: Variables) -> Any:
            value = of(variables)
            if value is UNDEFINED or (also_empty and not value):
                return other(variables)
            return value

        return default

    _filter_d = _filter_default

    def _on_text(self, of: Evaluate, change: Callable[[str], Any]) -> Evaluate:
        def text(variables: Variables) -> Any:
            value = of(variables)
            return value if value is UNDEFINED else change(_of(value, str))

        return text

    @staticmethod
    def _constants(args: list[nodes.Expr], kind: type, count: int) -> list[Any]:
        values = [arg.value for arg in args if isinstance(arg, nodes.Const) and type(arg.value) is kind]
        if len(values) != len(args) or len(values) != count:
            raise Undecided
        return values

    def _filter_lower(self, of: Evaluate, args: list[nodes.Expr]) -> Evaluate:
        self._constants(args, str, 0)
        return self._on_text(of, str.lower)

    def _filter_upper(self, of: Evaluate, args: list[nodes.Expr]) -> Evaluate:
        self._constants(args, str, 0)
        return self._on_text(of, str.upper)

    def _filter_replace(self, of: Evaluate, args: list[nodes.Expr]) -> Evaluate:
        old, new = self._constants(args, str, 2)
        return self._on_text(of, lambda text: text.replace(old, new))

    def _filter_regex_replace(self, of: Evaluate, args: list[nodes.Expr]) -> Evaluate:
        pattern, new = self._constants(args, str, 2)
        try:
            change = re.compile(pattern)
        except re.error as error:
            raise Undecided from error
        return self._on_text(of, lambda text: change.sub(new, text))

    def _filter_json_query(self, of: Evaluate, args: list[nodes.Expr]) -> Evaluate:
        (query,) = self._constants(args, str, 1)
        search = jmespath_search(query)

        def asked(variables: Variables) -> Any:
            value = of(variables)
            return value if value is UNDEFINED else search(value)

        return asked


def jmespath_search(query: str) -> Callable[[Any], Any]:
    """A compiled JMESPath query. Raises Undecided when there is none in it, or no jmespath."""
    try:
        import jmespath  # type: ignore[import-untyped]

        search: Callable[[Any], Any] = jmespath.compile(query).search
    except Exception as error:
        raise Undecided from error
    return search
