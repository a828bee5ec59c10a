# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What the role cloudwatch_agent renders is what AWS's own schema of the agent's configuration allows."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROOT = Path(__file__).parents[3]
ROLE = ROOT / "roles/cloudwatch_agent"
SCHEMA = json.loads((ROOT / "lab/cwagent/schema/schema.json").read_text())
RETENTIONS = SCHEMA["definitions"]["logsDefinition"]["definitions"]["retentionInDaysDefinition"]["enum"]


def render(expression: str, **variables: Any) -> Any:
    loader = DataLoader()
    known: dict[str, Any] = {"inventory_hostname": "web-1-i-0123456789abcdef0"}
    for file in ("defaults/main.yml", "vars/main.yml", "vars/Debian.yml"):
        known |= loader.load_from_file(str(ROLE / file), trusted_as_template=True)
    return Templar(loader=loader, variables={**known, **variables}).template(trust_as_template(expression))


def configuration(**variables: Any) -> dict[str, Any]:
    return dict(render("{{ __cloudwatch_agent_merged }}", **variables))


def problems(config: dict[str, Any]) -> list[str]:
    return [error.message for error in jsonschema.Draft4Validator(SCHEMA).iter_errors(config)]


@pytest.mark.parametrize(
    ("presets", "source", "endpoint", "region"),
    list(
        itertools.product(
            (["ssh"], ["nginx"], ["ssh", "nginx"]),
            ("journald", "file"),
            ("", "https://vpce-0.logs.ap-northeast-2.vpce.amazonaws.com"),
            ("", "ap-northeast-2"),
        )
    ),
)
def test_every_preset_is_valid(presets: list[str], source: str, endpoint: str, region: str) -> None:
    config = configuration(
        cloudwatch_agent_presets=presets,
        cloudwatch_agent_auth_source=source,
        cloudwatch_agent_logs_endpoint=endpoint,
        cloudwatch_agent_region=region,
    )
    assert not problems(config)
    assert config["agent"].get("region", "") == region
    assert config["logs"].get("endpoint_override", "") == endpoint
    collected = config["logs"]["logs_collected"]
    assert ("journald" in collected) == ("ssh" in presets and source == "journald")
    files = [entry["file_path"] for entry in collected.get("files", {}).get("collect_list", [])]
    assert ("/var/log/auth.log" in files) == ("ssh" in presets and source == "file")
    assert ("/var/log/nginx/access.log" in files) == ("nginx" in presets)


@pytest.mark.parametrize("days", RETENTIONS)
def test_every_retention_is_valid(days: int) -> None:
    config = configuration(cloudwatch_agent_auth_source="journald", cloudwatch_agent_log_retention_days=days)
    assert not problems(config)
    assert config["logs"]["logs_collected"]["journald"]["collect_list"][0]["retention_in_days"] == days


def test_the_role_offers_exactly_the_retentions_of_the_schema() -> None:
    specs = DataLoader().load_from_file(str(ROLE / "meta/argument_specs.yml"))
    options = specs["argument_specs"]["main"]["options"]
    assert options["cloudwatch_agent_log_retention_days"]["choices"] == RETENTIONS


@pytest.mark.parametrize(("returncode", "expected"), [(0, "files"), (1, "journald"), (3, "journald")])
def test_auto_reads_the_file_only_where_a_daemon_writes_it(returncode: int, expected: str) -> None:
    config = configuration(__cloudwatch_agent_syslog={"rc": returncode})
    assert list(config["logs"]["logs_collected"]) == [expected]


def test_what_the_user_says_is_added_and_wins() -> None:
    entry = {"file_path": "/var/log/app.log", "log_group_name": "/app"}
    config = configuration(
        cloudwatch_agent_presets=["nginx"],
        cloudwatch_agent_region="ap-northeast-2",
        cloudwatch_agent_config={
            "agent": {"region": "eu-west-1", "debug": True},
            "logs": {"logs_collected": {"files": {"collect_list": [entry]}}},
            "metrics": {"metrics_collected": {"mem": {"measurement": ["mem_used_percent"]}}},
        },
    )
    assert not problems(config)
    assert config["agent"] == {"run_as_user": "cwagent", "region": "eu-west-1", "debug": True}
    files = [item["file_path"] for item in config["logs"]["logs_collected"]["files"]["collect_list"]]
    assert files == ["/var/log/nginx/access.log", "/var/log/nginx/error.log", "/var/log/app.log"]


def test_the_schema_would_notice() -> None:
    config = configuration(cloudwatch_agent_auth_source="journald")
    config["logs"]["logs_collected"]["journald"]["collect_list"][0]["unit"] = "ssh"
    assert problems(config)


@pytest.mark.parametrize(
    ("distribution", "machine", "expected"),
    [
        ("Debian", "x86_64", "debian/amd64"),
        ("Debian", "aarch64", "ubuntu/arm64"),  # AWS has no debian/arm64
        ("Ubuntu", "x86_64", "ubuntu/amd64"),
        ("Ubuntu", "aarch64", "ubuntu/arm64"),
    ],
)
def test_package(distribution: str, machine: str, expected: str) -> None:
    url = render(
        "{{ __cloudwatch_agent_package }}", ansible_facts={"distribution": distribution, "architecture": machine}
    )
    bucket = "https://amazoncloudwatch-agent.s3.amazonaws.com"
    assert url == f"{bucket}/{expected}/latest/amazon-cloudwatch-agent.deb"
