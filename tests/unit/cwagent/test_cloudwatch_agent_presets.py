# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What the role cloudwatch_agent renders is what AWS's own schema of the agent's configuration allows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.rampart.ops.plugins.plugin_utils.json_schema import errors

from lab.cwagent.package import configuration as agents
from lab.cwagent.package import paths, translator

ROOT = Path(__file__).parents[3]
ROLE = ROOT / "roles/cloudwatch_agent"
SCHEMA = json.loads((ROLE / "files/schema/schema.json").read_text())
PRESETS = DataLoader().load_from_file(str(ROLE / "meta/argument_specs.yml"))["argument_specs"]["main"]["options"][
    "cloudwatch_agent_presets"
]["choices"]
FAMILIES = ["Debian", "RedHat"]
RETENTIONS = SCHEMA["definitions"]["logsDefinition"]["definitions"]["retentionInDaysDefinition"]["enum"]


def render(expression: str, family: str = "Debian", **variables: Any) -> Any:
    loader = DataLoader()
    known: dict[str, Any] = {
        "inventory_hostname": "web-1-i-0123456789abcdef0",
        "cloudwatch_agent_prometheus_scrape_configs": [{"job_name": "app"}],
    }
    for file in ("defaults/main.yml", "vars/main.yml", f"vars/{family}.yml"):
        known |= loader.load_from_file(str(ROLE / file), trusted_as_template=True)
    return Templar(loader=loader, variables={**known, **variables}).template(trust_as_template(expression))


def configuration(family: str = "Debian", **variables: Any) -> dict[str, Any]:
    return dict(render("{{ __cloudwatch_agent_merged }}", family, **variables))


AUTH_LOGS = {"Debian": "/var/log/auth.log", "RedHat": "/var/log/secure"}


def problems(config: dict[str, Any]) -> list[str]:
    return [error.message for error in jsonschema.Draft4Validator(SCHEMA).iter_errors(config)]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("source", ["journald", "file"])
@pytest.mark.parametrize("endpoint", ["", "https://vpce-0.ap-northeast-2.vpce.amazonaws.com"])
@pytest.mark.parametrize(
    "presets", [[each] for each in PRESETS] + [PRESETS, ["ssh", "nginx"], ["ssh", "system"]], ids=str
)
def test_every_preset_is_valid_on_every_distribution(
    presets: list[str], endpoint: str, source: str, family: str
) -> None:
    region = "ap-northeast-2" if endpoint else ""
    config = configuration(
        family=family,
        cloudwatch_agent_presets=presets,
        cloudwatch_agent_auth_source=source,
        cloudwatch_agent_logs_endpoint=endpoint,
        cloudwatch_agent_metrics_endpoint=endpoint,
        cloudwatch_agent_region=region,
    )
    assert not problems(config)
    assert not errors(config, SCHEMA)
    assert config["agent"].get("region", "") == region
    senders = {"logs": {"ssh", "nginx", "fail2ban", "prometheus"}, "metrics": {"system", "statsd", "procstat"}}
    for section, those in senders.items():
        assert (section in config) == bool(those & set(presets))
        assert section not in config or config[section].get("endpoint_override", "") == endpoint
    collected = config.get("logs", {}).get("logs_collected", {})
    assert ("journald" in collected) == ("ssh" in presets and source == "journald")
    files = [entry["file_path"] for entry in collected.get("files", {}).get("collect_list", [])]
    assert (AUTH_LOGS[family] in files) == ("ssh" in presets and source == "file")
    assert ("/var/log/nginx/access.log" in files) == ("nginx" in presets)
    assert ("/var/log/fail2ban.log" in files) == ("fail2ban" in presets)
    measured = set(config.get("metrics", {}).get("metrics_collected", {}))
    assert ("mem" in measured) == ("system" in presets)
    assert {"statsd", "procstat"} & measured == {"statsd", "procstat"} & set(presets)


@pytest.fixture
def translate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """The lab agent's translator on an instance: several parts in, what the agent would run out."""
    monkeypatch.setattr(paths, "SCHEMA", ROLE / "files/schema/schema.json")
    monkeypatch.setattr(agents, "imds_region", lambda: "ap-northeast-2")
    (tmp_path / "parts").mkdir()

    def run(**parts: dict[str, Any]) -> dict[str, Any]:
        for name, part in parts.items():
            (tmp_path / f"parts/{name}.json").write_text(json.dumps(part))
        translator.translate(tmp_path / "parts", tmp_path / "out.toml", "auto", None, "remove")
        return dict(json.loads((tmp_path / "out.toml").read_text().partition("\n")[2])["config"])

    return run


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("source", ["journald", "file"])
def test_the_translator_takes_every_preset(
    translate: Callable[..., dict[str, Any]], source: str, family: str, tmp_path: Path
) -> None:
    for presets in [[each] for each in PRESETS] + [PRESETS]:
        config = configuration(family=family, cloudwatch_agent_presets=presets, cloudwatch_agent_auth_source=source)
        assert translate(agent=config) == config


def test_another_roles_part_is_appended_to_all_presets(translate: Callable[..., dict[str, Any]]) -> None:
    ours = configuration(cloudwatch_agent_presets=PRESETS, cloudwatch_agent_auth_source="journald")
    entry = {"file_path": "/var/log/app.log", "log_group_name": "/app"}
    app = {
        "agent": ours["agent"],
        "logs": {"logs_collected": {"files": {"collect_list": [entry]}}},
        "metrics": {"metrics_collected": {"procstat": [{"exe": "app", "measurement": ["cpu_usage"]}]}},
    }
    both = translate(agent=ours, app=app)
    files = ours["logs"]["logs_collected"]["files"]["collect_list"]
    assert both["logs"]["logs_collected"]["files"]["collect_list"] == [*files, entry]
    assert [each["exe"] for each in both["metrics"]["metrics_collected"]["procstat"]] == ["sshd", "app"]
    assert both["logs"]["logs_collected"]["journald"] == ours["logs"]["logs_collected"]["journald"]


def test_the_metric_that_an_alarm_names_has_one_dimension() -> None:
    config = configuration(cloudwatch_agent_presets=["system"])
    assert config["agent"]["omit_hostname"] is True
    assert config["metrics"]["metrics_collected"]["mem"] == {
        "measurement": ["used_percent"],
        "append_dimensions": {"Host": "web-1-i-0123456789abcdef0"},
    }
    assert config["metrics"]["namespace"] == "CWAgent"


@pytest.mark.parametrize(
    ("family", "source", "paths"),
    [
        ("Debian", "file", []),
        ("RedHat", "file", ["/var/log/secure", "/var/log/nginx", "/var/log/fail2ban.log"]),
        ("RedHat", "journald", ["/var/log/nginx", "/var/log/fail2ban.log"]),
    ],
)
def test_acls_where_no_group_may_read(family: str, source: str, paths: list[str]) -> None:
    found = render(
        "{{ __cloudwatch_agent_acl_paths }}",
        family,
        cloudwatch_agent_presets=["ssh", "nginx", "fail2ban"],
        cloudwatch_agent_auth_source=source,
        cloudwatch_agent_readable_paths=["/srv/log"],
    )
    assert found == [*paths, "/srv/log"]


def test_our_reading_of_the_schema_is_the_librarys() -> None:
    """On what is wrong in one place, both see the same place."""
    good = configuration(cloudwatch_agent_presets=PRESETS, cloudwatch_agent_auth_source="file")

    def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        yield path
        for key, each in inner:
            yield from leaves(each, (*path, key))

    for path in leaves(good):
        for wrong in (None, 7, {"x": 1}, []):
            bad = json.loads(json.dumps(good))
            target = bad
            for key in path[:-1]:
                target = target[key]
            if path:
                target[path[-1]] = wrong
            else:
                bad = wrong
            assert bool(errors(bad, SCHEMA)) == bool(problems(bad)), (path, wrong)


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
    ("family", "distribution", "machine", "expected"),
    [
        ("Debian", "Debian", "x86_64", "debian/amd64/latest/amazon-cloudwatch-agent.deb"),
        # AWS has no debian/arm64.
        ("Debian", "Debian", "aarch64", "ubuntu/arm64/latest/amazon-cloudwatch-agent.deb"),
        ("Debian", "Ubuntu", "x86_64", "ubuntu/amd64/latest/amazon-cloudwatch-agent.deb"),
        ("Debian", "Ubuntu", "aarch64", "ubuntu/arm64/latest/amazon-cloudwatch-agent.deb"),
        ("RedHat", "Amazon", "x86_64", "amazon_linux/amd64/latest/amazon-cloudwatch-agent.rpm"),
        ("RedHat", "Amazon", "aarch64", "amazon_linux/arm64/latest/amazon-cloudwatch-agent.rpm"),
        ("RedHat", "Rocky", "x86_64", "redhat/amd64/latest/amazon-cloudwatch-agent.rpm"),
    ],
)
def test_package(family: str, distribution: str, machine: str, expected: str) -> None:
    facts = {"distribution": distribution, "architecture": machine}
    url = render("{{ __cloudwatch_agent_package }}", family, ansible_facts=facts)
    assert url == f"https://amazoncloudwatch-agent.s3.amazonaws.com/{expected}"
    own = render(
        "{{ __cloudwatch_agent_package }}",
        family,
        ansible_facts=facts,
        cloudwatch_agent_package_file_url="file:///a.deb",
    )
    assert own == "file:///a.deb"
