# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Values in a service's own terms, judged by botocore's model of that service before anything is sent. No I/O.

A shape is one of botocore's (botocore.model.Shape); nothing of botocore is imported here.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

# As many values are listed in a message; of longer enumerations only the nearest value is named.
_LISTED = 12
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def fitted(value: Any, shape: Any, where: str, unions: Collection[str] = ()) -> tuple[Any, list[str]]:
    """The value as botocore takes it, and what is wrong with it.

    Members that are null or an empty list count as left out. Numbers and booleans may come as text, as templates yield
    them; text becomes bytes where the service takes bytes. `unions` are the structures, by the name of their shape,
    that need exactly one member: the models of most services do not say so themselves.
    """
    problems: list[str] = []
    return _fit(value, shape, where, unions, problems), problems


def canonical(
    value: Any, shape: Any, defaults: Mapping[str, Mapping[str, Any]], caseless: Collection[tuple[str, str]] = ()
) -> Any:
    """A form in which values are equal if they mean the same.

    `defaults` are what the service means where a member is left out, by the name of the structure; `caseless` are
    the texts, as (structure, member), whose case makes no difference. The order of a list makes none.
    """
    if shape.type_name == "structure":
        result = dict(defaults.get(shape.name, {}))
        for name, member in shape.members.items():
            if value.get(name) is not None and value[name] != []:
                text = (shape.name, name) in caseless
                result[name] = _lower(value[name]) if text else canonical(value[name], member, defaults, caseless)
        return result
    if shape.type_name == "list":
        return sorted((canonical(item, shape.member, defaults, caseless) for item in value), key=_sorting)
    if shape.type_name == "map":
        return {key: canonical(item, shape.value, defaults, caseless) for key, item in value.items()}
    return value


def dropped(answer: Any, parsed: Any, where: str = "") -> Iterator[str]:
    """The members of an answer, as JSON, that botocore left out because its model does not know them."""
    if isinstance(answer, dict) and isinstance(parsed, dict):
        for name, item in answer.items():
            place = f"{where}.{name}" if where else name
            if name in parsed:
                yield from dropped(item, parsed[name], place)
            elif item is not None:
                yield place
    elif isinstance(answer, list) and isinstance(parsed, list):
        for number, (item, other) in enumerate(zip(answer, parsed)):
            yield from dropped(item, other, f"{where}[{number}]")


def _lower(value: Any) -> Any:
    return sorted(item.lower() for item in value) if isinstance(value, list) else value.lower()


def _sorting(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


def _fit(value: Any, shape: Any, where: str, unions: Collection[str], problems: list[str]) -> Any:
    kind = shape.type_name
    if kind == "structure":
        return _structure(value, shape, where, unions, problems)
    if kind == "list":
        return _list(value, shape, where, unions, problems)
    if kind == "map":
        return _map(value, shape, where, unions, problems)
    if kind == "blob":
        return value if isinstance(value, bytes) else str(value).encode("utf-8")
    simple = {"string": _string, "integer": _integer, "long": _integer, "boolean": _boolean}.get(kind)
    return simple(value, shape, where, problems) if simple else value


def _structure(value: Any, shape: Any, where: str, unions: Collection[str], problems: list[str]) -> Any:
    if not isinstance(value, Mapping):
        problems.append(f"{where}: a dictionary is needed, not {value!r}")
        return value
    given = {name: item for name, item in value.items() if item is not None and item != []}
    unknown = [name for name in given if name not in shape.members]
    problems += [f"{where}: {shape.name} has no member {name}{nearest(str(name), shape.members)}" for name in unknown]
    result = {
        name: _fit(item, shape.members[name], f"{where}.{name}", unions, problems)
        for name, item in given.items()
        if name in shape.members
    }
    missing = [name for name in shape.required_members if name not in given]
    if missing and not unknown:  # a misspelt member is told once
        problems.append(f"{where}: {', '.join(missing)} must be given")
    if shape.name in unions and len(given) != 1:
        problems.append(f"{where}: exactly one of {', '.join(shape.members)} is needed")
    return result


def _list(value: Any, shape: Any, where: str, unions: Collection[str], problems: list[str]) -> Any:
    if not isinstance(value, (list, tuple)):
        problems.append(f"{where}: a list is needed, not {value!r}")
        return value
    _check_size(len(value), shape, f"{where}: {len(value)} items", problems)
    return [_fit(item, shape.member, f"{where}[{n}]", unions, problems) for n, item in enumerate(value)]


def _map(value: Any, shape: Any, where: str, unions: Collection[str], problems: list[str]) -> Any:
    if not isinstance(value, Mapping):
        problems.append(f"{where}: a dictionary is needed, not {value!r}")
        return value
    for key in value:
        _string(key, shape.key, where, problems)
    return {key: _fit(item, shape.value, f"{where}.{key}", unions, problems) for key, item in value.items()}


def _boolean(value: Any, _shape: Any, where: str, problems: list[str]) -> Any:
    found = value if isinstance(value, bool) else _BOOLEANS.get(str(value).lower())
    if found is None:
        problems.append(f"{where}: true or false is needed, not {value!r}")
    return found


def _string(value: Any, shape: Any, where: str, problems: list[str]) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        problems.append(f"{where}: a text is needed, not {value!r}")
        return value
    if shape.enum:
        if value not in shape.enum:
            values = f" (one of {', '.join(shape.enum)})" if len(shape.enum) <= _LISTED else ""
            problems.append(f"{where}: {value!r} is not a {shape.name}{values}{nearest(value, shape.enum)}")
        return value
    if _check_size(len(value), shape, f"{where}: {len(value)} characters", problems):
        pattern = _pattern(shape.metadata.get("pattern"))
        if pattern and not pattern.fullmatch(value):
            problems.append(f"{where}: {value!r} does not match {pattern.pattern}")
    return value


def _integer(value: Any, shape: Any, where: str, problems: list[str]) -> Any:
    if isinstance(value, str) and re.fullmatch(r"-?\d+", value.strip()):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        problems.append(f"{where}: a whole number is needed, not {value!r}")
        return value
    _check_size(value, shape, f"{where}: {value}", problems)
    return value


def _check_size(size: int, shape: Any, what: str, problems: list[str]) -> bool:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        problems.append(f"{what}, AWS takes no less than {least}")
        return False
    if most is not None and size > most:
        problems.append(f"{what}, AWS takes no more than {most}")
        return False
    return True


def _pattern(text: str | None) -> re.Pattern[str] | None:
    """A pattern of the model, which is Java's; None if Python does not know it so."""
    try:
        return re.compile(text, re.ASCII) if text else None
    except re.error:
        return None


def nearest(name: str, known: Collection[str]) -> str:
    """The known name that was meant, as the end of a sentence: written in another way, or misspelt."""
    plain = {each.replace("_", "").lower(): each for each in known}
    found = difflib.get_close_matches(name.replace("_", "").replace("-", "").lower(), plain, 1, 0.6)
    return f": did you mean {plain[found[0]]}?" if found else ""
