# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Every operation that our plugins call is carried out by the lab or by moto, and by none that only pretends to."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest
from botocore import xform_name
from moto.backends import get_backend
from moto.core.utils import camelcase_to_underscores, get_service_model

from lab.aws import registry, services
from lab.aws.testing import REPO

# Services whose clients our plugins make. A client of another one must be added here; the test below sees to it.
SERVICES = ("backup", "cloudwatch", "ec2", "iam", "logs", "wafv2", "sns", "kms", "events", "lambda", "ssm", "sts", "s3",
            "elbv2", "resourcegroupstaggingapi", "autoscaling")  # fmt: skip
# Operations that moto answers without doing what they say (tried call by call): nobody may rely on them.
PRETENDED = {
    ("ssm", "SendCommand"),
    ("ce", "GetCostAndUsage"),
    ("athena", "StartQueryExecution"),
    ("guardduty", "CreateFilter"),
}


@functools.cache
def operations_of(service: str) -> dict[str, str]:
    """client method -> operation."""
    return {xform_name(name): name for name in get_service_model(service).operation_names}


def plugin_files() -> list[Path]:
    return sorted(path for path in (REPO / "plugins").rglob("*.py") if "test" not in path.parts)


def names_in(path: Path) -> tuple[set[str], set[str]]:
    """(attribute names and strings that may be client methods, services named in client("...") calls)."""
    used, clients = set(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            used.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            used.add(node.value)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "client":
            clients |= {each.value for each in node.args[:1] if isinstance(each, ast.Constant)}
    return used, {name for name in clients if isinstance(name, str)}


def used_operations() -> set[tuple[str, str]]:
    """(service, operation), over all plugins: a file may use the services it makes clients of, or is filed under."""
    found = set()
    for path in plugin_files():
        used, clients = names_in(path)
        filed = {part for part in (*path.parent.parts, path.stem) for service in SERVICES if part == service}
        for service in clients | filed:
            if service in SERVICES:
                found |= {(service, operations_of(service)[name]) for name in used if name in operations_of(service)}
    return found


def implemented_by_moto(service: str, operation: str) -> bool:
    module = type(get_backend(service)["123456789012"]).__module__ and get_backend(service).backend.__module__
    responses = __import__(module.rpartition(".")[0] + ".responses", fromlist=["responses"])
    wanted = camelcase_to_underscores(operation)
    return any(callable(getattr(each, wanted, None)) for each in vars(responses).values() if isinstance(each, type))


def test_every_client_is_known_here() -> None:
    made = set().union(*(names_in(path)[1] for path in plugin_files()))
    assert made <= set(SERVICES), f"add to SERVICES: {made - set(SERVICES)}"


def test_the_search_finds_what_is_there() -> None:
    assert {("wafv2", "UpdateIPSet"), ("wafv2", "ListIPSets"), ("backup", "UpdateBackupPlan")} <= used_operations()


@pytest.mark.parametrize("target", sorted(used_operations()), ids=".".join)
def test_operation_is_carried_out(target: tuple[str, str]) -> None:
    services.load()
    service, operation = target
    assert target not in PRETENDED
    assert target in registry.operations or implemented_by_moto(service, operation)


def test_the_registry_names_operations_that_exist() -> None:
    services.load()
    for table in (registry.operations, registry.rules, registry.amendments):
        for service, operation in table:
            assert operation in get_service_model(service).operation_names, f"{service}.{operation}"
