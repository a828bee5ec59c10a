# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Every request that botocore can write must be read as what was meant, and nothing in it taken for an error."""

from __future__ import annotations

import datetime
import io
from typing import Any

import pytest
from botocore.serialize import create_serializer
from moto.core.request import Request
from moto.core.utils import get_service_model

from lab.aws import call, decoding, validation, wire

MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
SERVICES = [
    "backup", "wafv2", "logs", "events", "lambda", "ssm", "secretsmanager", "kms", "config", "guardduty",
    "iam", "sts", "sns", "elbv2", "cloudformation", "autoscaling", "cloudwatch", "sqs", "ec2",
    "resourcegroupstaggingapi", "scheduler", "budgets", "cloudtrail",
]  # fmt: skip


def sample(shape: Any, depth: int = 0, seen: tuple[str, ...] = ()) -> Any:
    """A value of the shape with every member set, as far as it goes."""
    kind = shape.type_name
    if kind == "structure":
        if getattr(shape, "is_document_type", False):
            return {"any": "thing"}
        if shape.name in seen or depth > 6:
            return None
        members = {
            name: sample(member, depth + 1, (*seen, shape.name))
            for name, member in shape.members.items()
            if not member.serialization.get("hostLabel")
        }
        given = {name: value for name, value in members.items() if value is not None}
        if getattr(shape, "is_tagged_union", False):
            return dict(list(given.items())[:1])
        return given or None
    if kind == "list":
        item = sample(shape.member, depth + 1, seen)
        return None if item is None else [item, item]
    if kind == "map":
        item = sample(shape.value, depth + 1, seen)
        return None if item is None else {sample(shape.key): item}
    if kind == "string":
        return shape.enum[0] if shape.enum else "a"
    if kind in ("float", "double"):
        return 1.5
    return {"boolean": True, "timestamp": MOMENT, "blob": b"ab"}.get(kind, 7)


def read_back(service: str, operation: Any, params: dict[str, Any]) -> tuple[dict[str, Any], list[validation.Problem]]:
    model = get_service_model(service)
    protocol = str(model.resolved_protocol)
    request = create_serializer(protocol, include_validation=False).serialize_to_request(params, operation)
    environ = call._environ(request, "eu-west-1", model)
    target = wire.find_target(wire.rewound(environ, environ["wsgi.input"].read()), model.signing_name)
    assert target.operation.name == operation.name
    environ = call._environ(request, "eu-west-1", model)
    found = decoding.wire_parameters(target, Request(environ))
    return found, validation.Validator().problems(target.operation, found)


def comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, io.IOBase):
        return value.read()
    return value


@pytest.mark.parametrize("service", SERVICES)
def test_every_request_is_understood(service: str) -> None:
    model = get_service_model(service)
    names = list(model.operation_names)
    for name in names[:: 8 if len(names) > 400 else 1]:
        operation = model.operation_model(name)
        if operation.input_shape is None or operation.has_event_stream_input:
            continue
        params = sample(operation.input_shape) or {}
        found, problems = read_back(service, operation, params)
        misread = [problem for problem in problems if problem.kind in ("unknown", "type")]
        assert not misread, f"{service}.{name}: {misread}"
        typed = comparable(decoding.typed_parameters(found, operation.input_shape))
        for key, value in params.items():
            assert typed.get(key) == value, f"{service}.{name}.{key}"


def test_most_patterns_of_the_models_can_be_checked() -> None:
    written = set()
    for service in SERVICES:
        model = get_service_model(service)
        written |= {shape["pattern"] for shape in model._service_description["shapes"].values() if "pattern" in shape}
    unread = [text for text in written if validation.pattern(text) is None]
    assert len(unread) <= len(written) * 0.01, unread
