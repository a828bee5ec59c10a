# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Filter patterns of CloudWatch Logs: terms, JSON expressions, and space-delimited fields.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from typing import Any

Matcher = Callable[[str], bool]
Lookup = Callable[[str], Any]
Test = Callable[[Lookup], bool]

_ABSENT = object()
_TERM = re.compile(r'\s*(?:([?-]?)(?:"((?:[^"\\]|\\.)*)"|%([^%]*)%|(\w+)))(?=\s|$)')
_TOKEN = re.compile(
    r"""\s*(?:(?P<paren>[()])|(?P<join>&&|\|\|)|(?P<op>!=|>=|<=|=|>|<)|(?P<words>IS\s+(?:NULL|TRUE|FALSE)|(?:NOT\s+)?EXISTS)\b
    |(?P<string>"(?:[^"\\]|\\.)*")|(?P<regex>%[^%]*%)|(?P<name>\$[\w.\[\]*-]*|[^\s()&|=<>!,"]+))""",
    re.VERBOSE,
)
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">": lambda left, right: left > right,
    "<": lambda left, right: left < right,
    ">=": lambda left, right: left >= right,
    "<=": lambda left, right: left <= right,
}


@functools.lru_cache(maxsize=256)
def compiled(pattern: str) -> Matcher:
    """The pattern as a function of a message; ValueError when it is none."""
    text = pattern.strip()
    if not text:
        return lambda message: True
    if text.startswith("{"):
        return _json(text)
    if text.startswith("["):
        return _fields(text)
    return _terms(text)


# --- terms -----------------------------------------------------------------------------------------------------------


def _terms(text: str) -> Matcher:
    """All terms, or any of those with a question mark; none of those with a minus."""
    required: list[Matcher] = []
    optional: list[Matcher] = []
    position = 0
    while position < len(text):
        match = _TERM.match(text, position)
        if match is None:
            raise ValueError(f"Invalid character(s) in term '{text[position:].strip()}'")
        sign, quoted, regex, word = match.groups()
        if regex is not None:
            test = _searches(regex)
        else:
            test = _contains(word if word is not None else re.sub(r"\\(.)", r"\1", quoted))
        if sign == "-":
            required.append(_negated(test))
        else:
            (optional if sign == "?" else required).append(test)
        position = match.end()
    # "?" terms next to others are ignored, as the guide says.
    if not required:
        return lambda message: any(test(message) for test in optional)
    return lambda message: all(test(message) for test in required)


def _searches(expression: str) -> Matcher:
    search = re.compile(expression).search
    return lambda message: bool(search(message))


def _contains(phrase: str) -> Matcher:
    return lambda message: phrase in message


def _negated(test: Matcher) -> Matcher:
    return lambda message: not test(message)


# --- expressions -----------------------------------------------------------------------------------------------------


class _Parser:
    """or := and ("||" and)*; and := test ("&&" test)*; test := "(" or ")" | name op value | name IS/EXISTS words."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None:
                raise ValueError(f"Invalid expression near '{text[position:].strip()}'")
            self._tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
            position = match.end()
        self._next = 0

    def parse(self) -> Test:
        test = self._or()
        if self._next != len(self._tokens):
            raise ValueError(f"Unexpected '{self._tokens[self._next][1]}'")
        return test

    def _take(self, kind: str, text: str | None = None) -> str | None:
        if self._next < len(self._tokens):
            found, value = self._tokens[self._next]
            if found == kind and text in (None, value):
                self._next += 1
                return value
        return None

    def _or(self) -> Test:
        tests = [self._and()]
        while self._take("join", "||"):
            tests.append(self._and())
        return lambda lookup: any(test(lookup) for test in tests)

    def _and(self) -> Test:
        tests = [self._test()]
        while self._take("join", "&&"):
            tests.append(self._test())
        return lambda lookup: all(test(lookup) for test in tests)

    def _test(self) -> Test:
        if self._take("paren", "("):
            test = self._or()
            if not self._take("paren", ")"):
                raise ValueError("A parenthesis is not closed")
            return test
        name = self._take("name")
        if name is None:
            raise ValueError("A name is missing")
        words = self._take("words")
        if words:
            return _words(name, re.sub(r"\s+", " ", words))
        operator = self._take("op")
        if operator is None:
            return lambda lookup: lookup(name) is not _ABSENT
        for kind in ("string", "regex", "name"):
            value = self._take(kind)
            if value is not None:
                return _comparison(name, operator, kind, value)
        raise ValueError(f"A value is missing after '{operator}'")


def _words(name: str, words: str) -> Test:
    tests: dict[str, Callable[[Any], bool]] = {
        "IS NULL": lambda value: value is None,
        "IS TRUE": lambda value: value is True,
        "IS FALSE": lambda value: value is False,
        "NOT EXISTS": lambda value: value is _ABSENT,
        "EXISTS": lambda value: value is not _ABSENT,
    }
    return lambda lookup: tests[words](lookup(name))


def _comparison(name: str, operator: str, kind: str, value: str) -> Test:
    if operator in _OPERATORS:
        limit = float(value.strip('"'))
        compare = _OPERATORS[operator]
        return lambda lookup: (number := _number(lookup(name))) is not None and compare(number, limit)
    equal = _equality(kind, value)
    if operator == "=":
        return lambda lookup: lookup(name) is not _ABSENT and equal(lookup(name))
    return lambda lookup: lookup(name) is not _ABSENT and not equal(lookup(name))


def _equality(kind: str, value: str) -> Callable[[Any], bool]:
    if kind == "regex":
        found = re.compile(value.strip("%")).search
        return lambda seen: bool(found(str(seen)))
    text = re.sub(r"\\(.)", r"\1", value[1:-1]) if kind == "string" else value
    wanted = _number(text) if kind == "name" else None
    wild = re.compile(".*".join(re.escape(part) for part in text.split("*")), re.DOTALL)
    return lambda seen: (wanted is not None and _number(seen) == wanted) or bool(wild.fullmatch(str(seen)))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is _ABSENT:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


# --- JSON ------------------------------------------------------------------------------------------------------------


def _json(text: str) -> Matcher:
    if not text.endswith("}"):
        raise ValueError("A brace is not closed")
    test = _Parser(text[1:-1]).parse()

    def matches(message: str) -> bool:
        try:
            document = json.loads(message)
        except ValueError:
            return False
        return isinstance(document, dict) and test(lambda selector: _select(document, selector))

    return matches


def _select(document: Any, selector: str) -> Any:
    value = document
    for name, index in re.findall(r"\.?([\w-]+)|\[(\d+)\]", selector.removeprefix("$")):
        if name and isinstance(value, dict) and name in value:
            value = value[name]
        elif index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        else:
            return _ABSENT
    return value


# --- space-delimited fields ------------------------------------------------------------------------------------------


def _fields(text: str) -> Matcher:
    if not text.endswith("]"):
        raise ValueError("A bracket is not closed")
    entries = [entry.strip() for entry in text[1:-1].split(",")]
    # The ellipsis stands for any number of fields.
    gap = next((index for index, entry in enumerate(entries) if entry == "..."), None)
    before = entries if gap is None else entries[:gap]
    after = [] if gap is None else entries[gap + 1 :]
    if "..." in before + after:
        raise ValueError("The ellipsis may stand once")
    tests = [_Parser(entry).parse() for entry in before], [_Parser(entry).parse() for entry in after]

    def matches(message: str) -> bool:
        words = [quoted or bracketed or plain for quoted, bracketed, plain in
                 re.findall(r'"([^"]*)"|\[([^\]]*)\]|(\S+)', message)]  # fmt: skip
        if len(words) < len(before) + len(after) or (gap is None and len(words) != len(before)):
            return False
        tail = words[len(words) - len(after) :] if after else []
        pairs = [*zip(tests[0], words, strict=False), *zip(tests[1], tail, strict=True)]
        return all(test(_always(word)) for test, word in pairs)

    return matches


def _always(word: str) -> Lookup:
    return lambda _name: word
