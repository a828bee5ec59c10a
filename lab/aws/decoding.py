# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""From the bytes of a request to the operation's parameters, losing nothing that validation must see.

Members that the model does not know stay in, under a name of their own; text that is not of its type stays text.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import json
from typing import Any

from botocore.utils import parse_timestamp
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request

from lab.aws.errors import AwsError
from lab.aws.wire import Target

JSON_PROTOCOLS = ("json", "rest-json")
QUERY_PROTOCOLS = ("query", "ec2")
_NOT_PARAMETERS = {"Action", "Version", "ContentType"}
_SIMPLE = str | int | float | bool | bytes


def wire_parameters(target: Target, request: Request) -> dict[str, Any]:
    """The parameters as they stand on the wire: named as in the model, scalars of the text protocols converted."""
    shape = target.operation.input_shape
    if target.protocol == "json":
        document: dict[str, Any] = _json_names(_json_object(request.data), shape)
        return document
    if target.protocol == "rest-json":
        return _rest_json(target, request, shape)
    if target.protocol in QUERY_PROTOCOLS:
        return _query(request, shape, target.protocol == "ec2")
    return _by_moto(target, request)


def typed_parameters(value: Any, shape: Any) -> Any:
    """Valid wire parameters as an operation wants them: datetimes, bytes; nulls left out."""
    if shape is None:
        return {}
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        if getattr(shape, "is_document_type", False):
            return value
        return {
            name: typed_parameters(item, shape.members[name])
            for name, item in value.items()
            if name in shape.members and item is not None
        }
    if kind == "list" and isinstance(value, list):
        return [typed_parameters(item, shape.member) for item in value]
    if kind == "map" and isinstance(value, dict):
        return {key: typed_parameters(item, shape.value) for key, item in value.items()}
    if kind == "timestamp" and not isinstance(value, datetime.datetime):
        return parse_timestamp(value)
    if kind == "blob" and isinstance(value, str):
        return base64.b64decode(value)
    return value


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise AwsError("SerializationException", "The request is not valid JSON.", 400) from None
    if not isinstance(document, dict):
        raise AwsError("SerializationException", "Start of structure or map expected.", 400)
    return document


def _json_names(value: Any, shape: Any) -> Any:
    """Keys of the wire (locationName) turned into the model's member names; other keys stay as they are."""
    if shape is None:
        return value
    if shape.type_name == "structure" and isinstance(value, dict):
        return value if getattr(shape, "is_document_type", False) else _body_members(value, shape.members)
    if shape.type_name == "list" and isinstance(value, list):
        return [_json_names(item, shape.member) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: _json_names(item, shape.value) for key, item in value.items()}
    return value


def _rest_json(target: Target, request: Request, shape: Any) -> dict[str, Any]:
    if shape is None:
        return {}
    found: dict[str, Any] = {}
    for name, member in shape.members.items():
        value = _outside_the_body(target, request, member, member.serialization.get("name", name))
        if value is not None:
            found[name] = value
    payload = shape.serialization.get("payload")
    if payload is None:
        in_body = {name: item for name, item in shape.members.items() if "location" not in item.serialization}
        return {**_body_members(_json_object(request.data), in_body), **found}
    if request.data:
        member = shape.members[payload]
        plain = member.type_name in ("blob", "string")
        found[payload] = request.data if plain else _json_names(_json_object(request.data), member)
    return found


def _outside_the_body(target: Target, request: Request, member: Any, wire_name: str) -> Any:
    """The value of a member that travels in the path, the query string or a header; None if it is not there."""
    location = member.serialization.get("location")
    if location == "uri" and wire_name in target.uri_params:
        return scalar(target.uri_params[wire_name], member)
    if location == "header" and wire_name in request.headers:
        return scalar(request.headers[wire_name], member)
    if location == "querystring" and wire_name in request.args:
        if member.type_name == "list":
            return [scalar(value, member.member) for value in request.args.getlist(wire_name)]
        return scalar(request.args[wire_name], member)
    return None


def _body_members(document: dict[str, Any], members: dict[str, Any]) -> dict[str, Any]:
    names = {member.serialization.get("name", name): name for name, member in members.items()}
    return {
        names.get(key, key): _json_names(item, members[names[key]]) if key in names else item
        for key, item in document.items()
        if item is not None
    }


def scalar(text: str, shape: Any) -> Any:
    """A text of the wire as a value of its type; text that is none stays text, for validation to refuse."""
    kind = shape.type_name
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
        if kind == "blob":
            return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return text
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    return text


class _Node(dict[str, "_Node"]):
    """A tree of dotted parameter names; `text` is the value at this very name."""

    text: str | None = None


def _query(request: Request, shape: Any, ec2: bool) -> dict[str, Any]:
    root = _Node()
    for key, text in request.values.items():
        if key in _NOT_PARAMETERS or key.startswith("X-Amz-"):
            continue
        node = root
        for part in key.split("."):
            node = node.setdefault(part, _Node())
        node.text = text
    result = _structure(root, shape, ec2) if shape is not None else {}
    result.update({name: _remains(node) for name, node in root.items()})
    return result


def _remains(node: _Node) -> Any:
    """What nobody asked for, so that validation can name it."""
    return node.text if not node else {name: _remains(child) for name, child in node.items()}


def _wire_name(shape: Any, name: str, ec2: bool) -> str:
    serialization = shape.serialization
    if ec2:
        if "queryName" in serialization:
            return str(serialization["queryName"])
        if "name" in serialization:
            return str(serialization["name"][0].upper() + serialization["name"][1:])
        return name
    return str(serialization.get("locationNameForQueryCompatibility") or serialization.get("name", name))


def _take(node: _Node, shape: Any, ec2: bool) -> Any:
    kind = shape.type_name
    if kind == "structure":
        found = _structure(node, shape, ec2)
        found.update({name: _remains(child) for name, child in node.items()})
        return found
    if kind == "list":
        return _list(node, shape, ec2)
    if kind == "map":
        return _map(node, shape, ec2)
    if node or node.text is None:
        return _remains(node)
    return scalar(node.text, shape)


def _structure(node: _Node, shape: Any, ec2: bool) -> dict[str, Any]:
    found = {}
    for name, member in shape.members.items():
        wire_name = _wire_name(member, name, ec2)
        if not ec2 and member.type_name == "list" and member.serialization.get("flattened"):
            wire_name = _wire_name(member.member, wire_name, ec2)
        child = node.pop(wire_name, None)
        if child is not None:
            found[name] = _take(child, member, ec2)
    return found


def _list(node: _Node, shape: Any, ec2: bool) -> Any:
    if not node:
        return [] if node.text == "" else node.text
    if not ec2 and not shape.serialization.get("flattened"):
        wrapper = node.pop(_wire_name(shape.member, "member", ec2), None)
        if wrapper is None:
            return _remains(node)
        node = wrapper
    numbers = sorted((key for key in node if key.isdigit()), key=int)
    if len(numbers) != len(node):
        return _remains(node)
    return [_take(node[number], shape.member, ec2) for number in numbers]


def _map(node: _Node, shape: Any, ec2: bool) -> Any:
    if not node:
        return {} if node.text == "" else node.text
    if not shape.serialization.get("flattened"):
        wrapper = node.pop("entry", None)
        if wrapper is None:
            return _remains(node)
        node = wrapper
    key_name, value_name = _wire_name(shape.key, "key", ec2), _wire_name(shape.value, "value", ec2)
    found = {}
    for number in sorted((key for key in node if key.isdigit()), key=int):
        pair = node[number]
        if key_name not in pair:
            return _remains(node)
        value = pair.get(value_name)
        found[str(pair[key_name].text)] = _take(value, shape.value, ec2) if value is not None else ""
    return found


def _by_moto(target: Target, request: Request) -> dict[str, Any]:
    """REST-XML: moto's own parser, which drops what it does not know."""
    try:
        parsed = PROTOCOL_PARSERS[target.protocol](target.operation).parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": request.data,
                "url_path": request.path,
                "url_params": target.uri_params,
            }
        )
    except Exception:  # a body that is no XML at all: moto answers that itself
        return {}
    return parsed if isinstance(parsed, dict) else {}
