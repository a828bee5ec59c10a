# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The part of JSON Schema (draft 4) that the CloudWatch agent's schema uses. It needs no library."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    Schema = dict[str, Any]


def errors(value: Any, root: Schema) -> list[str]:
    """What is wrong with value, each as "path: reason"; nothing when it is valid."""
    return list(_errors(value, root, root, ""))


def _errors(value: Any, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    if "$ref" in schema:
        yield from _errors(value, _resolve(schema["$ref"], root), root, path)
        return
    if "type" in schema and not _is(value, schema["type"]):
        yield f"{path or '/'}: {value!r} is not of type {schema['type']}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is not one of {schema['enum']}"
    if isinstance(value, dict):
        yield from _object(value, schema, root, path)
    elif isinstance(value, list):
        yield from _array(value, schema, root, path)
    elif isinstance(value, str):
        yield from _string(value, schema, path)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _number(value, schema, path)
    yield from _combined(value, schema, root, path)


def _object(value: dict[str, Any], schema: Schema, root: Schema, path: str) -> Iterator[str]:
    known = schema.get("properties", {})
    extra = schema.get("additionalProperties", True)
    yield from (f"{path or '/'}: {key} is required" for key in schema.get("required", []) if key not in value)
    if not schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value)):
        yield f"{path}: wrong number of properties ({len(value)})"
    patterns = schema.get("patternProperties", {})
    for key, item in value.items():
        here = f"{path}/{key}"
        matching = [known[key]] if key in known else [s for p, s in patterns.items() if re.search(p, key)]
        for each in matching:
            yield from _errors(item, each, root, here)
        if not matching and extra is False:
            yield f"{path or '/'}: Additional property {key} is not allowed"
        elif not matching and isinstance(extra, dict):
            yield from _errors(item, extra, root, here)


def _array(value: list[Any], schema: Schema, root: Schema, path: str) -> Iterator[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{path}: wrong number of items ({len(value)})"
    if schema.get("uniqueItems") and any(item in value[:index] for index, item in enumerate(value)):
        yield f"{path}: the items must be unique"
    items = schema.get("items")
    if isinstance(items, dict):
        for index, item in enumerate(value):
            yield from _errors(item, items, root, f"{path}/{index}")


def _string(value: str, schema: Schema, path: str) -> Iterator[str]:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{path}: wrong length ({len(value)})"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{path}: {value!r} does not match {schema['pattern']}"


def _number(value: float, schema: Schema, path: str) -> Iterator[str]:
    if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{path}: {value} is out of range"


def _combined(value: Any, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    def passing(key: str) -> int:
        return sum(not list(_errors(value, option, root, path)) for option in schema[key])

    for option in schema.get("allOf", []):
        yield from _errors(value, option, root, path)
    if "anyOf" in schema and not passing("anyOf"):
        yield f"{path or '/'}: must match at least one of the allowed forms"
    if "oneOf" in schema and passing("oneOf") != 1:
        yield f"{path or '/'}: must match exactly one of the allowed forms"
    if "not" in schema and not list(_errors(value, schema["not"], root, path)):
        yield f"{path or '/'}: matches a form that is not allowed"


def _resolve(reference: str, root: Schema) -> Schema:
    node: Any = root
    for step in reference[len("#/") :].split("/"):
        node = node[step]
    return cast("Schema", node)


def _is(value: Any, kind: str | list[str]) -> bool:
    if isinstance(kind, list):
        return any(_is(value, each) for each in kind)
    if kind in ("integer", "number"):
        return isinstance(value, int if kind == "integer" else (int, float)) and not isinstance(value, bool)
    python = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    return isinstance(value, python[kind])
