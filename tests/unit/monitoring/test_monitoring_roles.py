# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What the roles monitoring and nginx_exporter make of their variables, without a host."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template

ROLES = Path(__file__).parents[3] / "roles"


@pytest.fixture(autouse=True, scope="module")
def _lookups() -> None:
    """Templates look templates up."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # another test may have done it
        init_plugin_loader([])


def templar(role: str, **variables: Any) -> Templar:
    loader = DataLoader()
    loader.set_basedir(str(ROLES / role))
    known: dict[str, Any] = {
        "ansible_facts": {"os_family": "Debian", "default_ipv4": {"address": "10.0.0.5"}},
        "ansible_search_path": [str(ROLES / role)],
        "inventory_hostname": "mon-1",
        "role_path": str(ROLES / role),
    }
    for file in ("defaults/main.yml", "vars/main.yml"):
        known |= loader.load_from_file(str(ROLES / role / file), trusted_as_template=True)
    return Templar(loader=loader, variables={**known, **variables})


def render(role: str, expression: str, **variables: Any) -> Any:
    return templar(role, **variables).template(trust_as_template(expression))


def problems(**variables: Any) -> list[str]:
    return list(render("monitoring", "{{ __monitoring_problems }}", **variables))


def configuration(name: str, **variables: Any) -> dict[str, Any]:
    text = render("monitoring", f"{{{{ lookup('ansible.builtin.template', '{name}.yml.j2') }}}}", **variables)
    return dict(yaml.safe_load(text))


def test_the_defaults_are_good() -> None:
    assert problems() == []
    # As "--extra-vars monitoring_grafana=false" has it.
    assert problems(monitoring_grafana="false") == []


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"monitoring_grafana": True}, "monitoring_grafana_admin_password: Grafana needs one"),
        ({"monitoring_grafana": True, "monitoring_grafana_admin_password": "two\nlines"}, "Grafana needs one"),
        ({"monitoring_grafana_repository": "apt.grafana.com"}, "monitoring_grafana_repository: expected a URL"),
        ({"monitoring_grafana_key_url": "/gpg.key"}, "monitoring_grafana_key_url: expected a URL"),
        ({"monitoring_grafana_suite": "stable\n"}, "monitoring_grafana_suite: expected a word"),
        ({"monitoring_grafana_version": "$(id)"}, "monitoring_grafana_version: expected a version"),
        ({"monitoring_grafana_key_fingerprints": ["963FA27710458545"]}, "each of 40 hexadecimal digits"),
        ({"monitoring_grafana_key_fingerprints": []}, "each of 40 hexadecimal digits"),
        ({"monitoring_scrape_interval": "often"}, "monitoring_scrape_interval: expected a duration"),
        ({"monitoring_retention_size": "much"}, "monitoring_retention_size: expected a size"),
        ({"monitoring_probes": [{"target": "www.example.com"}]}, "expected a URL"),
        ({"monitoring_probes": [{"target": 'ws://a/b\r\nX: "y"'}]}, "expected a URL"),
        ({"monitoring_probes": [{"target": "http://a/", "hostname": "b\r\nX: y"}]}, "no name of a host"),
        ({"monitoring_probes": [{"target": "http://a/"}] * 2}, "named twice"),
        ({"monitoring_email_to": ["a@example.com"]}, "needs monitoring_email_from"),
        ({"monitoring_email_username": "a"}, "one is of no use without the other"),
        ({"monitoring_node_exporter_password": "a"}, "one is of no use without the other"),
        ({"monitoring_scrape_configs": [{"job_name": "node"}]}, "a job node of its own"),
        ({"monitoring_external_url": "https://a/ --web.enable-admin-api"}, "no blanks"),
        ({"ansible_facts": {"os_family": "RedHat"}}, "Debian and Ubuntu"),
    ],
)
def test_what_cannot_work_is_named(variables: dict[str, Any], words: str) -> None:
    assert [problem for problem in problems(**variables) if words in problem]


def test_the_instance_profile_and_its_region_are_the_default() -> None:
    for job in configuration("prometheus")["scrape_configs"]:
        for found in job.get("ec2_sd_configs", []):
            assert set(found) == {"port", "refresh_interval", "filters"}


def test_each_region_is_asked_for_running_instances_with_the_tag() -> None:
    jobs = {
        job["job_name"]: job
        for job in configuration("prometheus", monitoring_regions=["eu-west-1", "eu-west-3"])["scrape_configs"]
    }
    running = {"name": "instance-state-name", "values": ["running"]}
    production = {"name": "tag:Env", "values": ["production"]}
    assert [each["region"] for each in jobs["node"]["ec2_sd_configs"]] == ["eu-west-1", "eu-west-3"]
    assert all(each["filters"] == [running, production] for each in jobs["node"]["ec2_sd_configs"])
    web = {"name": "tag:Role", "values": ["web"]}
    assert all(each["filters"] == [running, production, web] for each in jobs["nginx"]["ec2_sd_configs"])


def test_exporters_are_read_by_tls_and_with_a_password_that_is_in_a_file() -> None:
    variables = {
        "monitoring_node_exporter_tls": {"ca_file": "/etc/ssl/ours.pem"},
        "monitoring_node_exporter_username": "prometheus",
        "monitoring_node_exporter_password": "Xn3verPrint",
    }
    jobs = {job["job_name"]: job for job in configuration("prometheus", **variables)["scrape_configs"]}
    assert jobs["node"]["scheme"] == "https"
    assert jobs["node"]["tls_config"] == {"ca_file": "/etc/ssl/ours.pem"}
    file = "/etc/prometheus/secrets/node-exporter-password"
    assert jobs["node"]["basic_auth"] == {"username": "prometheus", "password_file": file}
    assert render("monitoring", "{{ __monitoring_secret_files }}", **variables) == [
        {"dest": file, "secret_content": "Xn3verPrint", "mode": "0640", "group": "prometheus"}
    ]


def test_a_websocket_is_asked_for_by_a_whole_handshake() -> None:
    probe = {"target": "wss://www.example.com/ws?room=1"}
    module = configuration("blackbox", monitoring_probes=[probe])["modules"]["probe-1"]
    sent = [step["send"] for step in module["tcp"]["query_response"] if "send" in step]
    assert module["tcp"]["tls"] is True
    assert module["tcp"]["tls_config"] == {"server_name": "www.example.com"}
    assert sent[:2] == ["GET /ws?room=1 HTTP/1.1\r", "Host: www.example.com\r"]
    assert sent[-1] == "\r"
    target = configuration("prometheus", monitoring_probes=[probe])["scrape_configs"][-1]["static_configs"][0]
    assert target["labels"]["__param_target"] == "www.example.com:443"
    assert target["labels"]["instance"] == probe["target"]


def test_mail_and_slack_get_their_secrets_from_files() -> None:
    variables = {
        "monitoring_slack_webhook_url": "https://hooks.slack.com/services/Xn3verPrint",
        "monitoring_email_to": ["a@example.com", "b@example.com"],
        "monitoring_email_from": "mon@example.com",
        "monitoring_email_smarthost": "mail.example.com:587",
        "monitoring_email_username": "mon",
        "monitoring_email_password": "Xn3verPrint",
    }
    receiver = configuration("alertmanager", **variables)["receivers"][0]
    assert "Xn3verPrint" not in str(receiver)
    assert receiver["email_configs"][0]["to"] == "a@example.com, b@example.com"
    assert receiver["slack_configs"][0]["api_url_file"] == "/etc/prometheus/secrets/slack-webhook-url"


def test_grafana_is_told_where_to_listen_and_its_password_is_in_a_file() -> None:
    variables = {
        "monitoring_grafana": True,
        "monitoring_grafana_admin_password": "Xn3verPrint",
        "__monitoring_grafana_dashboards": {"rampart-fleet": {"title": "Fleet"}, "rampart-host": {"title": "Host"}},
    }
    assert problems(**variables) == []
    files = {file["dest"]: file for file in render("monitoring", "{{ __monitoring_grafana_files }}", **variables)}
    secret = files.pop("/etc/grafana/rampart/admin-password")
    assert (secret["secret_content"], secret["mode"], secret["group"]) == ("Xn3verPrint", "0640", "grafana")
    assert "Xn3verPrint" not in str(files)
    unit = files["/etc/systemd/system/grafana-server.service.d/hardening.conf"]["content"].splitlines()
    assert "Environment=GF_SERVER_HTTP_ADDR=127.0.0.1" in unit
    assert "Environment=GF_AUTH_ANONYMOUS_ENABLED=false" in unit
    assert "MemoryDenyWriteExecute=yes" not in unit
    sources = yaml.safe_load(files["/etc/grafana/provisioning/datasources/rampart.yaml"]["content"])["datasources"]
    assert [source["url"] for source in sources] == ["http://127.0.0.1:9090"]
    [provider] = yaml.safe_load(files["/etc/grafana/provisioning/dashboards/rampart.yaml"]["content"])["providers"]
    assert {Path(dest).stem for dest in files if dest.startswith(provider["options"]["path"])} == {
        "rampart-fleet",
        "rampart-host",
    }


def test_only_grafana_gets_grafana_s_environment() -> None:
    files = render("monitoring", "{{ __monitoring_unit_files }}")
    assert "GF_" not in str(files)
    assert str(files).count("MemoryDenyWriteExecute=yes") == 3


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("10.0.0.5:9113", True),
        ("127.0.0.1:9113", True),
        ("0.0.0.0:9113", False),
        (":9113", False),
        ("8.8.8.8:1", False),
    ],
)
def test_the_nginx_exporter_listens_on_private_addresses_only(address: str, private: bool) -> None:
    expression = "{{ __nginx_exporter_address is match(__nginx_exporter_private) }}"
    assert render("nginx_exporter", expression, nginx_exporter_listen_address=address) is private
