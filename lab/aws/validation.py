# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Requests judged by botocore's own service models: unknown members, types, required members, enums and limits.

Each shape is compiled once into a function; a call then costs one walk over its parameters.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.utils import parse_timestamp
from moto.core.model import OperationModel

from lab.aws.errors import AwsError

Path = tuple[str, ...]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a request."""

    kind: str  # unknown, type, missing, constraint
    path: Path
    text: str
    value: Any = None


Check = Callable[[Any, Path, list[Problem]], None]

_INTEGERS = {"integer", "long", "short", "byte", "bigInteger"}
_FLOATS = {"float", "double", "bigDecimal"}
_TYPE_NAMES = {"structure": "a structure", "list": "a list", "map": "a map", "string": "a string"}
_CLASSES = {
    r"\p{L}": r"\w",
    r"\p{M}": "\u0300-\u036f",
    r"\p{N}": r"\d",
    r"\p{Z}": r"\s",
    r"\p{Zs}": r" \xa0\u1680\u2000-\u200a\u202f\u205f\u3000",
    r"\p{IsLetter}": r"\w",
    r"\p{IsDigit}": r"\d",
    r"\p{Alpha}": "A-Za-z",
    r"\p{Alnum}": "A-Za-z0-9",
    r"\p{Digit}": "0-9",
    r"\p{Lower}": "a-z",
    r"\p{Upper}": "A-Z",
    r"\p{Space}": r"\s",
    r"\p{Print}": r"\x20-\x7e",
    r"\p{Graph}": r"\x21-\x7e",
    r"\p{ASCII}": r"\x00-\x7f",
    r"\p{Punct}": r"!-/:-@\[-`{-~",
    r"\p{P}": r"!-#%-*,-/:;?@\[-\]_{}",
    r"\p{S}": r"$+<->^`|~",
}


@functools.cache
def pattern(text: str) -> re.Pattern[str] | None:
    """A pattern of the model (Java's syntax) for Python; None when Python cannot express it."""
    for name, members in _CLASSES.items():
        text = text.replace(name, members)
    # What lies beyond the basic plane Java writes as a pair of surrogates.
    text = re.sub(r"(?i)\\uD800\\uDC00-\\uDBFF\\uDFFF", lambda _: r"\U00010000-\U0010FFFF", text)
    try:
        return re.compile(text)
    except re.error:
        return None


class Validator:
    """The compiled shapes of one service."""

    def __init__(self) -> None:
        self._checks: dict[tuple[str, str], Check] = {}

    def problems(self, operation: OperationModel, params: dict[str, Any]) -> list[Problem]:
        """Everything that is wrong with the parameters of an operation, by the service's model."""
        found: list[Problem] = []
        if operation.input_shape is None:
            found.extend(Problem("unknown", (name,), "is not recognized") for name in params)
        else:
            self._check(operation.input_shape)(params, (), found)
        return found

    def _check(self, shape: Any) -> Check:
        # A shape's name does not say everything: members carry their own traits in the serialization only.
        key = (shape.type_name, shape.name)
        check = self._checks.get(key)
        if check is None:
            # A shape may contain itself: what it is compiled to must be there before it is.
            self._checks[key] = lambda value, path, found: self._checks[key](value, path, found)
            check = self._checks[key] = self._compile(shape)
        return check

    def _compile(self, shape: Any) -> Check:
        kind = shape.type_name
        if kind == "structure":
            return self._structure(shape)
        if kind == "list":
            return self._list(shape)
        if kind == "map":
            return self._map(shape)
        if kind == "string":
            return _string(shape)
        if kind in _INTEGERS or kind in _FLOATS:
            return _number(shape, kind in _INTEGERS)
        return {"boolean": _boolean, "timestamp": _timestamp, "blob": _blob}.get(kind, _anything)

    def _structure(self, shape: Any) -> Check:
        if getattr(shape, "is_document_type", False):
            return _anything
        members = {name: self._check(member) for name, member in shape.members.items()}
        required = tuple(shape.required_members)
        union = getattr(shape, "is_tagged_union", False)

        def check(value: Any, path: Path, found: list[Problem]) -> None:
            if not isinstance(value, dict):
                found.append(_wrong_type(value, path, "structure"))
                return
            for name in required:
                if value.get(name) is None:
                    found.append(Problem("missing", (*path, name), "Member must not be null"))
            for name, item in value.items():
                member = members.get(name)
                if member is None:
                    found.append(Problem("unknown", (*path, name), "is not recognized", item))
                elif item is not None:
                    member(item, (*path, name), found)
            if union and len(value) != 1:
                found.append(Problem("constraint", path, f"Exactly one of {', '.join(members)} must be set", value))

        return check

    def _list(self, shape: Any) -> Check:
        member = self._check(shape.member)
        size = _size(shape)

        def check(value: Any, path: Path, found: list[Problem]) -> None:
            if not isinstance(value, list):
                found.append(_wrong_type(value, path, "list"))
                return
            size(value, path, found)
            for index, item in enumerate(value, 1):
                member(item, (*path, str(index)), found)

        return check

    def _map(self, shape: Any) -> Check:
        key_check, value_check = self._check(shape.key), self._check(shape.value)
        size = _size(shape)

        def check(value: Any, path: Path, found: list[Problem]) -> None:
            if not isinstance(value, dict):
                found.append(_wrong_type(value, path, "map"))
                return
            size(value, path, found)
            for key, item in value.items():
                key_check(key, (*path, str(key)), found)
                value_check(item, (*path, str(key)), found)

        return check


def _wrong_type(value: Any, path: Path, kind: str) -> Problem:
    return Problem("type", path, f"{type(value).__name__} can not be converted to {_TYPE_NAMES.get(kind, kind)}", value)


def _size(shape: Any) -> Check:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")

    def check(value: Any, path: Path, found: list[Problem]) -> None:
        if least is not None and len(value) < least:
            text = f"Member must have length greater than or equal to {least}"
            found.append(Problem("constraint", path, text, value))
        if most is not None and len(value) > most:
            found.append(Problem("constraint", path, f"Member must have length less than or equal to {most}", value))

    return check


def _string(shape: Any) -> Check:
    size = _size(shape)
    enum = frozenset(shape.enum)
    listed = ", ".join(sorted(enum))
    written = shape.metadata.get("pattern")
    compiled = pattern(written) if written else None

    def check(value: Any, path: Path, found: list[Problem]) -> None:
        if not isinstance(value, str):
            found.append(_wrong_type(value, path, "string"))
            return
        size(value, path, found)
        if enum and value not in enum:
            found.append(Problem("constraint", path, f"Member must satisfy enum value set: [{listed}]", value))
        if compiled and not compiled.fullmatch(value):
            text = f"Member must satisfy regular expression pattern: {written}"
            found.append(Problem("constraint", path, text, value))

    return check


def _number(shape: Any, integer: bool) -> Check:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    accepted = (int,) if integer else (int, float)

    def check(value: Any, path: Path, found: list[Problem]) -> None:
        if isinstance(value, bool) or not isinstance(value, accepted):
            found.append(_wrong_type(value, path, shape.type_name))
            return
        if least is not None and value < least:
            text = f"Member must have value greater than or equal to {least}"
            found.append(Problem("constraint", path, text, value))
        if most is not None and value > most:
            found.append(Problem("constraint", path, f"Member must have value less than or equal to {most}", value))

    return check


def _boolean(value: Any, path: Path, found: list[Problem]) -> None:
    if not isinstance(value, bool):
        found.append(_wrong_type(value, path, "boolean"))


def _timestamp(value: Any, path: Path, found: list[Problem]) -> None:
    if isinstance(value, datetime.datetime):
        return
    try:
        parse_timestamp(value)
    except (ValueError, TypeError, OverflowError):
        found.append(_wrong_type(value, path, "timestamp"))


def _blob(value: Any, path: Path, found: list[Problem]) -> None:
    if isinstance(value, bytes) or hasattr(value, "read"):
        return
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError, TypeError):
        found.append(_wrong_type(value, path, "blob"))


def _anything(_value: Any, _path: Path, _found: list[Problem]) -> None:
    pass


# Where the model of the operation names none of _MODELLED, the protocol's common error is used; these differ.
_MODELLED = (
    "ValidationException",
    "InvalidParameterException",
    "InvalidParameterValueException",
    "InvalidRequestException",
)
_COMMON = {"json": "ValidationException", "rest-json": "ValidationException", "query": "ValidationError"}
_SERVICE = {
    "lambda": "ValidationException",  # not the InvalidParameterValueException in its model, which is for semantics
    "events": "ValidationException",
    "sns": "InvalidParameter",
}


def refusal(service: str, protocol: str, operation: OperationModel, found: list[Problem]) -> AwsError:
    """The problems as the one error that the service answers."""
    if protocol == "ec2":
        return _ec2_refusal(found[0])
    wrong = [problem for problem in found if problem.kind in ("type", "unknown")]
    if wrong and protocol in ("json", "rest-json"):
        text = "; ".join(f"{_place(problem)}: {problem.text}" for problem in wrong)
        return AwsError("SerializationException", text, 400)
    modelled = {shape.name for shape in operation.error_shapes}
    code = _SERVICE.get(service) or next((name for name in _MODELLED if name in modelled), _COMMON[protocol])
    if service == "backup" and all(problem.kind == "missing" for problem in found):
        code = "MissingParameterValueException"
    texts = [
        f"Value {_quoted(problem.value)} at '{_place(problem)}' failed to satisfy constraint: {problem.text}"
        for problem in found
    ]
    plural = "s" if len(texts) > 1 else ""
    return AwsError(code, f"{len(texts)} validation error{plural} detected: {'; '.join(texts)}", 400)


def _ec2_refusal(problem: Problem) -> AwsError:
    name = ".".join(problem.path)
    if problem.kind == "unknown":
        return AwsError("UnknownParameter", f"The parameter {name} is not recognized", 400)
    if problem.kind == "missing":
        return AwsError("MissingParameter", f"The request must contain the parameter {name}", 400)
    text = f"Invalid value {_quoted(problem.value)} for parameter {name}: {problem.text}"
    return AwsError("InvalidParameterValue", text, 400)


def _place(problem: Problem) -> str:
    parts = []
    for part in problem.path:
        parts.extend([part, "member"] if part.isdigit() else [part[:1].lower() + part[1:]])
    return ".".join(parts)


def _quoted(value: Any) -> str:
    if value is None:
        return "null"
    text = str(value)
    return f"'{text if len(text) <= 200 else text[:200] + '...'}'"
