# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The part of the query language of CloudWatch Logs Insights that this project uses. What it does not know, it refuses.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html: the commands display, fields, filter,
limit, parse, sort, stats and unnest; arithmetic, comparisons, `like`, `in`; the functions in _FUNCTIONS and
_AGGREGATES.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

Record = dict[str, Any]
Expression = Callable[[Record], Any]

# CWL_QuerySyntax-Limit: "the default is 10,000", which is the most too.
MAX_ROWS = 10_000
# CWL_AnalyzeLogData-discoverable-fields: "a maximum of 200 log event fields from a JSON log".
MAX_FIELDS = 200
# CWL_QuerySyntax-Stats: "You can use as many as two stats commands in a single query."
MAX_STATS = 2

_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "%": operator.mod,
    "^": operator.pow,
}  # fmt: skip
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_SPANS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


class QueryError(ValueError):
    """A query that Insights would not take, or that this module does not know."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


@dataclass
class Event:
    """A log event: milliseconds since the epoch, and what was logged."""

    timestamp: int
    message: str
    pointer: str


@dataclass
class Result:
    rows: list[dict[str, str]]
    matched: int


# --- words -----------------------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<span>\d+(?:ms|[smhdw])\b)
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<name>(?:@?[A-Za-z_]\w*|`[^`]+`)(?:\.(?:\w+|`[^`]+`))*)
    |(?P<mark>!=|<=|>=|=~|[=<>()\[\],|+*%^-])
    |(?P<regex>/(?:[^/\\\n]|\\.)+/[a-z]*)
    |(?P<slash>/)""",
    re.VERBOSE,
)


class Token(NamedTuple):
    kind: str
    text: str
    position: int


def _tokens(query: str) -> Iterator[Token]:
    position, before = 0, Token("mark", "|", 0)
    while position < len(query):
        match = _TOKEN.match(query, position)
        if match is None:
            raise QueryError(f"unexpected symbol found {query[position]}", position)
        kind = str(match.lastgroup)
        if kind == "regex" and not (before.text in ("like", "=~") or before.kind in ("name", "string")):
            kind, text = "slash", "/"
        else:
            text = match[kind]
        if kind != "space":
            before = Token(kind, text, position)
            yield before
        position += len(text)
    yield Token("end", "", len(query))


# --- values ----------------------------------------------------------------------------------------------------------


def discovered(event: Event) -> Record:
    """The fields of an event: Insights' own, and those of a JSON object, flattened with dots."""
    record: Record = {"@timestamp": event.timestamp, "@message": event.message, "@ptr": event.pointer}
    if event.message.lstrip().startswith("{"):
        try:
            document = json.loads(event.message)
        except ValueError:
            return record
        for number, (name, value) in enumerate(_flattened(document, "")):
            if number == MAX_FIELDS:
                break
            record[name] = value
    return record


def _flattened(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flattened(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _flattened(inner, f"{path}.{number}")
    elif value is not None:
        yield path, int(value) if isinstance(value, bool) else value


def _number(value: Any) -> float | int | None:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() else number


def _time(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{milliseconds % 1000:03}"


class _Moment(int):
    """Milliseconds that are shown as a time."""


def _shown(name: str, value: Any) -> str:
    if isinstance(value, _Moment) or name == "@timestamp":
        return _time(value)
    if isinstance(value, dict | list):
        return json.dumps(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(int(value)) if isinstance(value, bool) else str(value)


def _field(path: str) -> Expression:
    """A field by its whole name, or an attribute of what jsonParse or unnest gave."""
    names = [part.strip("`") for part in re.findall(r"`[^`]+`|[^.`]+", path)]
    whole = ".".join(names)

    def read(record: Record) -> Any:
        if whole in record:
            value = record[whole]
            return _Moment(value) if whole == "@timestamp" else value
        value = record.get(names[0])
        for name in names[1:]:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    return read


def _compared(left: Any, sign: str, right: Any) -> bool:
    """A comparison with a field that is not there is never true."""
    if left is None or right is None:
        return False
    numbers = (_number(left), _number(right))
    return bool(_COMPARISONS[sign](*(numbers if None not in numbers else (str(left), str(right)))))


def _calculated(left: Any, sign: str, right: Any) -> Any:
    one, two = _number(left), _number(right)
    if one is None or two is None or (sign in "/%" and not two):
        return None
    return _ARITHMETIC[sign](one, two)


def _json_parse(value: Any) -> Any:
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return None


def _coalesce(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _contains(text: Any, part: Any) -> int:
    return int(text is not None and str(part) in str(text))


# name -> (how many arguments at least, at most, what it does)
_FUNCTIONS: dict[str, tuple[int, int, Callable[..., Any]]] = {
    "coalesce": (1, 20, _coalesce),
    "ispresent": (1, 1, lambda value: value is not None),
    "jsonparse": (1, 1, _json_parse),
    "strcontains": (2, 2, _contains),
    "strlen": (1, 1, lambda value: None if value is None else len(str(value))),
    "tolower": (1, 1, lambda value: None if value is None else str(value).lower()),
}


def _numbers(values: Iterable[Any]) -> list[float | int]:
    return [number for number in map(_number, values) if number is not None]


def _extreme(choose: Callable[..., Any]) -> Callable[[list[Any]], Any]:
    def find(values: list[Any]) -> Any:
        if values and all(isinstance(value, _Moment) for value in values):
            return choose(values)
        numbers = _numbers(values)
        return choose(numbers) if numbers else None

    return find


_AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "avg": lambda values: sum(_numbers(values)) / len(_numbers(values)) if _numbers(values) else None,
    "count": len,
    "count_distinct": lambda values: len({str(value) for value in values}),
    "max": _extreme(max),
    "min": _extreme(min),
    "sum": lambda values: sum(_numbers(values)),
}


@dataclass
class Named:
    """An expression and the name under which it is shown."""

    name: str
    value: Expression
    aggregate: Callable[[list[Any]], Any] | None = None


# --- commands --------------------------------------------------------------------------------------------------------


@dataclass
class Query:
    """A query that has been understood."""

    commands: list[Callable[[list[Record]], list[Record]]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    stats: int = 0
    sorted: bool = False
    limit: int = MAX_ROWS
    matched: int = 0

    def run(self, events: Iterable[Event], limit: int = MAX_ROWS) -> Result:
        """The rows for these events."""
        records = [discovered(event) for event in events]
        self.matched = len(records)
        for command in self.commands:
            records = command(records)
        if not self.stats and not self.sorted:  # CWL_QuerySyntax: the newest first
            records = sorted(records, key=lambda record: -record["@timestamp"])
        names = self.shown or ["@timestamp", "@message"]
        shown = names if self.stats else [*names, "@ptr"]
        rows = [
            {name: value for name in shown if (value := self._cell(record, name)) is not None} for record in records
        ]
        return Result(rows[: min(limit, self.limit)], self.matched)

    @staticmethod
    def _cell(record: Record, name: str) -> str | None:
        value = record[name] if name in record else _field(name)(record)
        return None if value is None else _shown(name, value)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._next = 0
        self._query = Query()

    # --- reading

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _fail(self, message: str | None = None) -> QueryError:
        found = self._token.text or "the end of the query"
        return QueryError(message or f"unexpected symbol found {found}", self._token.position)

    def _is(self, *texts: str) -> bool:
        return self._token.kind in ("mark", "name", "slash") and self._token.text.lower() in texts

    def _take(self, *texts: str) -> str | None:
        if self._is(*texts):
            self._next += 1
            return self._tokens[self._next - 1].text.lower()
        return None

    def _kind(self, kind: str) -> str:
        if self._token.kind != kind:
            raise self._fail()
        self._next += 1
        return self._tokens[self._next - 1].text

    def _need(self, text: str) -> None:
        if self._take(text) is None:
            raise self._fail()

    def _list(self, read: Callable[[], Any]) -> list[Any]:
        items = [read()]
        while self._take(","):
            items.append(read())
        return items

    # --- commands

    def parse(self) -> Query:
        while True:
            name = self._kind("name").lower()
            command = getattr(self, f"_{name}_command", None)
            if command is None:
                self._next -= 1
                raise self._fail()
            command()
            if self._token.kind == "end":
                return self._query
            self._need("|")

    def _fields_command(self) -> None:
        named = self._list(self._named)
        self._query.shown += [each.name for each in named if each.name not in self._query.shown]

        def apply(records: list[Record]) -> list[Record]:
            return [{**record, **{each.name: each.value(record) for each in named}} for record in records]

        self._query.commands.append(apply)

    def _display_command(self) -> None:
        self._query.shown = []
        self._fields_command()

    def _filter_command(self) -> None:
        test = self._or()
        before_stats = not self._query.stats

        def apply(records: list[Record]) -> list[Record]:
            kept = [record for record in records if test(record)]
            if before_stats:
                self._query.matched = len(kept)
            return kept

        self._query.commands.append(apply)

    def _parse_command(self) -> None:
        source = _field(self._kind("name"))
        if self._token.kind == "regex":
            pattern = _compiled(self._kind("regex"), self._token.position)
            names = list(pattern.groupindex)
        else:
            glob = _unquoted(self._kind("string"))
            self._need("as")
            names = self._list(lambda: self._kind("name"))
            if glob.count("*") != len(names):
                raise self._fail("the glob expression has not as many wildcards as there are names")
            wanted = "(.*?)".join(re.escape(part) for part in glob.split("*"))
            pattern = re.compile(wanted + ("$" if glob.endswith("*") else ""), re.DOTALL)

        def apply(records: list[Record]) -> list[Record]:
            found = []
            for record in records:
                match = pattern.search(str(source(record) or ""))
                values = (match.groups() if not pattern.groupindex else match.groupdict().values()) if match else ()
                found.append({**record, **dict(zip(names, values, strict=False))})
            return found

        self._query.commands.append(apply)

    def _unnest_command(self) -> None:
        source = _field(self._kind("name"))
        self._need("into")
        name = self._kind("name")

        def apply(records: list[Record]) -> list[Record]:
            return [
                {**record, name: item}
                for record in records
                if (value := source(record)) is not None
                for item in (value if isinstance(value, list) else [value])
            ]

        self._query.commands.append(apply)

    def _stats_command(self) -> None:
        self._query.stats += 1
        if self._query.stats > MAX_STATS:
            raise self._fail("more than two stats commands")
        if self._query.sorted or self._query.limit != MAX_ROWS:
            raise self._fail("sort and limit must come after the last stats command")
        aggregates = self._list(self._aggregate)
        keys = self._list(self._named) if self._take("by") else []
        self._query.shown = [each.name for each in [*keys, *aggregates]]

        def apply(records: list[Record]) -> list[Record]:
            groups: dict[tuple[Any, ...], list[Record]] = {}
            for record in records:
                groups.setdefault(tuple(_hashable(key.value(record)) for key in keys), []).append(record)
            return [
                {
                    **{key.name: value for key, value in zip(keys, values, strict=True) if value is not None},
                    **{each.name: _aggregated(each, group) for each in aggregates},
                }
                for values, group in groups.items()
            ]

        self._query.commands.append(apply)

    def _sort_command(self) -> None:
        self._query.sorted = True

        def order() -> tuple[Expression, bool]:
            value = self._expression()
            direction = self._take("asc", "desc")
            if direction is None:
                raise self._fail("say asc or desc: which of them is meant otherwise is not documented")
            return value, direction == "desc"

        orders = self._list(order)

        def apply(records: list[Record]) -> list[Record]:
            for value, descending in reversed(orders):
                records = sorted(records, key=lambda record: _sort_key(value(record)), reverse=descending)
            return records

        self._query.commands.append(apply)

    def _limit_command(self) -> None:
        number = self._kind("number")
        if not number.isdigit() or not 0 < int(number) <= MAX_ROWS:
            self._next -= 1
            raise self._fail(f"limit must be between 1 and {MAX_ROWS}")
        self._query.limit = limit = int(number)
        if not self._query.stats and not self._query.sorted:
            return  # of the newest first
        self._query.commands.append(lambda records: records[:limit])

    # --- expressions

    def _named(self) -> Named:
        start = self._token.position
        value = self._expression()
        text = self._text[start : self._token.position].strip()
        return Named(self._kind("name") if self._take("as") else text, value)

    def _aggregate(self) -> Named:
        start = self._token.position
        name = self._kind("name").lower()
        if name not in _AGGREGATES:
            self._next -= 1
            raise self._fail()
        self._need("(")
        value: Expression = lambda _record: 1  # noqa: E731 - count of everything
        if name == "count" and (self._take("*") or self._is(")")):
            pass
        else:
            value = self._expression()
        self._need(")")
        text = self._text[start : self._token.position].strip()
        return Named(self._kind("name") if self._take("as") else text, value, _AGGREGATES[name])

    def _or(self) -> Expression:
        tests = [self._and()]
        while self._take("or"):
            tests.append(self._and())
        return tests[0] if len(tests) == 1 else lambda record: any(test(record) for test in tests)

    def _and(self) -> Expression:
        tests = [self._not()]
        while self._take("and"):
            tests.append(self._not())
        return tests[0] if len(tests) == 1 else lambda record: all(test(record) for test in tests)

    def _not(self) -> Expression:
        if self._take("not"):
            test = self._not()
            return lambda record: not test(record)
        return self._comparison()

    def _comparison(self) -> Expression:
        left = self._sum()
        negated = self._take("not") is not None
        if self._take("like", "=~"):
            test = self._like(left)
        elif self._take("in"):
            self._need("[")
            wanted = self._list(self._sum)
            self._need("]")

            def test(record: Record) -> bool:
                return any(_compared(left(record), "=", each(record)) for each in wanted)

        elif negated:
            raise self._fail()
        else:
            sign = self._take(*_COMPARISONS)
            if sign is None:
                return left
            right = self._sum()
            return lambda record: _compared(left(record), sign, right(record))
        return (lambda record: not test(record)) if negated else test

    def _like(self, left: Expression) -> Callable[[Record], bool]:
        if self._token.kind == "regex":
            pattern = _compiled(self._kind("regex"), self._token.position)
            return lambda record: bool(pattern.search(str(left(record) if left(record) is not None else "")))
        part = _unquoted(self._kind("string"))
        return lambda record: bool(_contains(left(record), part))

    def _expression(self) -> Expression:
        return self._or()

    def _sum(self) -> Expression:
        return self._chain(self._product, "+", "-")

    def _product(self) -> Expression:
        return self._chain(self._primary, "*", "/", "%", "^")

    def _chain(self, read: Callable[[], Expression], *signs: str) -> Expression:
        left = read()
        while sign := self._take(*signs):
            left = _calculation(left, sign, read())
        return left

    def _primary(self) -> Expression:
        kind, text, _position = self._token
        if kind == "string":
            self._next += 1
            constant: Any = _unquoted(text)
            return lambda _record: constant
        if kind == "number":
            self._next += 1
            constant = _number(text)
            return lambda _record: constant
        if self._take("("):
            inner = self._or()
            self._need(")")
            return inner
        if kind != "name":
            raise self._fail()
        self._next += 1
        return self._call(text.lower()) if self._is("(") else _field(text)

    def _call(self, name: str) -> Expression:
        if name == "bin":
            self._need("(")
            number, unit = re.fullmatch(r"(\d+)(\w+)", self._kind("span")).groups()  # type: ignore[union-attr]
            self._need(")")
            width = int(number) * _SPANS[unit]
            return lambda record: _Moment(record["@timestamp"] // width * width)
        if name not in _FUNCTIONS:
            self._next -= 1
            raise self._fail()
        least, most, function = _FUNCTIONS[name]
        self._need("(")
        arguments = self._list(self._expression)
        self._need(")")
        if not least <= len(arguments) <= most:
            raise self._fail(f"Invalid arguments for function {name}")
        return lambda record: function(*(argument(record) for argument in arguments))


def _calculation(left: Expression, sign: str, right: Expression) -> Expression:
    return lambda record: _calculated(left(record), sign, right(record))


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def _compiled(text: str, position: int) -> re.Pattern[str]:
    body, _slash, flags = text[1:].rpartition("/")
    try:
        pattern = re.sub(r"\(\?<(?=[A-Za-z])", "(?P<", body.replace("\\/", "/"))
        return re.compile(pattern, re.IGNORECASE if "i" in flags else 0)
    except re.error as problem:
        raise QueryError(f"Invalid regular expression: {problem}", position) from None


def _hashable(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value


def _aggregated(each: Named, group: list[Record]) -> Any:
    values = [value for record in group if (value := each.value(record)) is not None]
    return each.aggregate(values) if each.aggregate else None


def _sort_key(value: Any) -> tuple[int, float, str]:
    number = _number(value)
    if number is not None:
        return (1, number, "")
    return (0, 0, "") if value is None else (2, 0, str(value))


def parsed(query: str) -> Query:
    """Understand a query; QueryError if Insights would refuse it or if this module does not know it."""
    return _Parser(query).parse()
