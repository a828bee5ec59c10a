# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What cannot be read is an error that names it, whatever Ansible's settings say of inventories that fail."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_fork import Inventory
from ec2_pages import error, page, pages, typical

FLEET = [typical(number) for number in range(4)]
# The settings that a user has who has none, and any other plugin that would guess at the file.
LENIENT = {
    "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "false",
    "ANSIBLE_INVENTORY_UNPARSED_IS_FAILED": "false",
}
QUICK = {"retries": {"total_max_attempts": 1}, "connect_timeout": 1, "read_timeout": 1}


def refused(inventory: Inventory, config: dict[str, Any], **env: str) -> str:
    """The one message of a run that must fail."""
    done = inventory.run({"aws_config": QUICK, **config}, "--list", **LENIENT, **env)
    assert done.returncode == 4, done
    assert done.stdout == ""
    assert "Traceback" not in done.said
    assert "never-shown" not in done.said
    lines = [line for line in done.said.splitlines() if line.strip()]
    assert len(lines) == 1, lines
    assert re.match(r"(\[ERROR\]: |ERROR! )rampart\.ops\.aws_ec2: ", lines[0])  # the mark is older versions' too
    assert str(inventory.directory) in lines[0]
    return lines[0]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_wrong_credentials(inventory: Inventory) -> None:
    inventory.server.answer = lambda call: error("AuthFailure", "AWS was not able to validate the credentials", 401)
    message = refused(inventory, {})
    assert "access key AKIARECORDED, region us-east-1" in message
    assert "AWS was not able to validate the credentials" in message
    assert "Check the credentials" in message


def test_no_credentials(inventory: Inventory) -> None:
    message = refused(inventory, {"access_key": "", "secret_key": ""}, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert "Unable to locate credentials" in message
    assert "AWS_PROFILE" in message


def test_an_unknown_profile(inventory: Inventory) -> None:
    message = refused(inventory, {"accounts": [{"name": "prod", "profile": "nobody"}]})
    assert "account 'prod' (profile 'nobody')" in message
    assert "~/.aws/config" in message


def test_a_dead_endpoint(inventory: Inventory) -> None:
    message = refused(inventory, {"endpoint_url": "http://127.0.0.1:9"})
    assert "region us-east-1" in message
    assert 'Could not connect to the endpoint URL: "http://127.0.0.1:9/"' in message
    assert "endpoint_url" in message


def test_a_time_out(inventory: Inventory, silent_port: int) -> None:
    message = refused(inventory, {"endpoint_url": f"http://127.0.0.1:{silent_port}"})
    assert "region us-east-1" in message
    assert "Read timeout on endpoint URL" in message
    assert "aws_config" in message


def test_an_unknown_region(inventory: Inventory) -> None:
    inventory.server.answer = lambda call: error("AuthFailure", "no such region", 401)
    assert "region us-nowhere-9" in refused(inventory, {"regions": ["us-nowhere-9"]})


def test_a_region_that_is_no_name(inventory: Inventory) -> None:
    message = refused(inventory, {"regions": ["us east 1"]})
    assert "us east 1" in message
    assert "Check regions" in message


@pytest.mark.parametrize(
    ("broken", "cause"),
    [
        (lambda body: body[: len(body) // 2], "breaks off"),
        (lambda body: b"<html><body>proxy</body></html>", "html"),
        (lambda body: b"", "breaks off"),
    ],
    ids=["half", "another page", "nothing"],
)
def test_a_page_that_fails_halfway(inventory: Inventory, broken: Any, cause: str) -> None:
    first, second = pages(FLEET, size=2)
    inventory.server.answers = {"*": [first, broken(second)]}
    message = refused(inventory, {})
    assert "region us-east-1" in message
    assert cause in message


def test_a_sweep_that_fails_at_its_second_page(inventory: Inventory) -> None:
    first = page(FLEET[:2], "1")
    inventory.server.answer = lambda call: (
        error("InternalError", "An internal error has occurred", 500) if "NextToken" in call else (200, first)
    )
    assert "An internal error has occurred" in refused(inventory, {})


def test_a_region_that_fails_among_others(inventory: Inventory) -> None:
    inventory.server.answers = {"*": pages(FLEET)}
    ready = inventory.server.from_pages
    inventory.server.answer = lambda call: (
        error("InternalError", "out of order", 500) if call["region"] == "eu-west-1" else ready(call)
    )
    regions = ["us-east-1", "eu-west-1", "us-west-2"]
    assert "region eu-west-1: " in refused(inventory, {"regions": regions})

    done = inventory.run({"regions": regions, "on_error": "warn", "aws_config": QUICK}, "--list", **LENIENT)
    assert done.returncode == 0
    assert len(json.loads(done.stdout)["aws_ec2"]["hosts"]) == len(FLEET)
    assert "Left out of the inventory" in done.said
    assert "eu-west-1" in done.said


def test_nothing_that_could_be_read_is_an_error_even_when_failures_are_warnings(inventory: Inventory) -> None:
    inventory.server.answer = lambda call: error("InternalError", "out of order", 500)
    done = inventory.run({"on_error": "warn", "aws_config": QUICK}, "--list", **LENIENT)
    assert done.returncode == 4
    assert "rampart.ops.aws_ec2: " in done.said


def test_a_missing_permission(inventory: Inventory) -> None:
    inventory.server.answers = {"*": pages(FLEET)}
    ready = inventory.server.from_pages
    inventory.server.answer = lambda call: (
        error("UnauthorizedOperation", "You are not authorized", 403) if call["region"] == "eu-west-1" else ready(call)
    )
    regions = ["us-east-1", "eu-west-1"]
    assert "strict_permissions" in refused(inventory, {"regions": regions})
    done = inventory.run({"regions": regions, "strict_permissions": False}, "--list", **LENIENT)
    assert len(json.loads(done.stdout)["aws_ec2"]["hosts"]) == len(FLEET)
    assert "eu-west-1" in done.said


def test_a_role_that_cannot_be_assumed(inventory: Inventory) -> None:
    denied = (
        b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>"
        b"<Message>not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>"
    )
    inventory.server.answers = {"*": pages(FLEET)}
    ready = inventory.server.from_pages
    inventory.server.answer = lambda call: (403, denied) if call["Action"] == "AssumeRole" else ready(call)
    role = "arn:aws:iam::111122223333:role/inventory"
    accounts = [{"name": "home"}, {"name": "away", "assume_role_arn": role}]
    message = refused(inventory, {"accounts": accounts})
    assert "account 'away'" in message
    assert role in message
    assert "sts:AssumeRole" in message


@pytest.mark.parametrize(
    ("config", "cause"),
    [
        ({"hostnames": [{"prefix": "tag:Name"}]}, "has no 'name'"),
        ({"hostnames": [3]}, "neither a string nor a dictionary"),
        ({"facts": ["state.name"]}, "write 'name: JMESPath'"),
        ({"facts": [{"x": "a[["}]}, "no JMESPath"),
        ({"page_size": 5000}, "page_size must be 5 to 1000"),
        ({"concurrency": 0}, "concurrency"),
        ({"accounts": [{"profile": "x"}]}, "has no name"),
        ({"accounts": [{"name": "a", "profil": "x"}]}, "unknown keys: profil"),
        ({"accounts": [{"name": "a"}, {"name": "a"}]}, "the same name"),
        ({"instance_states": ["up"]}, "instance_states"),
        ({"profile": "x", "access_key": "y"}, "both a profile and access tokens"),
    ],
)
def test_bad_options(inventory: Inventory, config: dict[str, Any], cause: str) -> None:
    inventory.server.answers = {"*": pages(FLEET)}
    assert cause in refused(inventory, config)
    assert not inventory.server.calls


def test_a_strict_expression_names_the_host_and_the_expression(inventory: Inventory) -> None:
    inventory.server.answers = {"*": pages(FLEET)}
    message = refused(inventory, {"strict": True, "compose": {"x": "tags.Nowhere"}, "hostnames": ["tag:Name"]})
    assert "Could not set x for host web-0" in message
    assert "Nowhere" in message
