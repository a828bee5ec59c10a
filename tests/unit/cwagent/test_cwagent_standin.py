# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The stand-in refuses what the real agent refuses, and loses no line."""

from __future__ import annotations

import base64
import dataclasses
import http.server
import json
import threading
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from lab import cwagent
from lab.cwagent.package import agent, configuration, downloader, schema, sources, translator
from lab.cwagent.package.cloudwatch import ApiError, Client, LogStream

ROLE = "roles/cloudwatch_agent"
SCHEMA_FILE = Path(cwagent.__file__).parent / "schema/schema.json"
SCHEMA = json.loads(SCHEMA_FILE.read_text())
FILES = {"file_path": "/var/log/a", "log_group_name": "g", "retention_in_days": 90}
JOURNAL = {"log_group_name": "g", "units": ["ssh"], "matches": [{"SYSLOG_FACILITY": "4"}]}


def logs(**collected: Any) -> dict[str, Any]:
    return {"logs": {"logs_collected": {kind: {"collect_list": entries} for kind, entries in collected.items()}}}


@pytest.mark.parametrize(
    ("config", "valid"),
    [
        (logs(files=[FILES]), True),
        (logs(journald=[JOURNAL]), True),
        ({**logs(files=[FILES], journald=[JOURNAL]), "agent": {"run_as_user": "cwagent", "region": "eu-west-1"}}, True),
        ({"metrics": {"metrics_collected": {"mem": {"measurement": ["used_percent"]}, "cpu": {}}}}, False),
        ({"metrics": {"metrics_collected": {"mem": {"measurement": ["used_percent"]}}}}, True),
        (logs(files=[{**FILES, "file_pat": "x"}]), False),
        (logs(files=[{"log_group_name": "g"}]), False),
        (logs(files=[{**FILES, "retention_in_days": 91}]), False),
        (logs(files=[{**FILES, "retention_in_days": "90"}]), False),
        (logs(files=[{**FILES, "filters": [{"type": "includes", "expression": "x"}]}]), False),
        (logs(journald=[]), False),
        (logs(journald=[JOURNAL, JOURNAL]), False),
        (logs(journald=[{**JOURNAL, "priority": "loud"}]), False),
        (logs(syslog=[FILES]), False),
        ({"logs": {}}, False),
        ({"logs": []}, False),
        ({"agent": {"metrics_collection_interval": 0}}, False),
    ],
)
def test_the_small_validator_judges_as_a_whole_one(config: dict[str, Any], valid: bool) -> None:
    assert jsonschema.Draft4Validator(SCHEMA).is_valid(config) is valid
    assert (not schema.errors(config, SCHEMA)) is valid


def test_the_message_names_the_place() -> None:
    problems = schema.errors(logs(files=[{**FILES, "file_pat": "x"}]), SCHEMA)
    assert problems == ["/logs/logs_collected/files/collect_list/0: Additional property file_pat is not allowed"]


class TestMerge:
    def test_files_are_collected_together(self) -> None:
        other = {**FILES, "file_path": "/var/log/b"}
        assert configuration.merge([logs(files=[FILES]), logs(files=[other, FILES])]) == logs(files=[FILES, other])

    def test_two_journals_are_a_conflict_as_in_the_real_agent(self) -> None:
        with pytest.raises(configuration.ConfigError, match="Different values are specified for journald"):
            configuration.merge([logs(journald=[JOURNAL]), logs(journald=[{"log_group_name": "h"}])])

    def test_two_regions_are_a_conflict(self) -> None:
        with pytest.raises(configuration.ConfigError, match="region"):
            configuration.merge([{"agent": {"region": "a"}}, {"agent": {"region": "b"}}])


class TestParts:
    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr("lab.cwagent.package.paths.SCHEMA", SCHEMA_FILE)
        monkeypatch.setattr(configuration, "imds_region", lambda: "")
        monkeypatch.delenv("AWS_REGION", raising=False)
        monkeypatch.setattr("os.geteuid", lambda: 0)
        (tmp_path / "parts").mkdir()
        (tmp_path / "part.json").write_text(json.dumps({**logs(files=[FILES]), "agent": {"run_as_user": "cwagent"}}))
        (tmp_path / "credentials").write_text("[AmazonCloudWatchAgent]\nregion = eu-west-1\naws_access_key_id = A\n")
        return tmp_path

    def common(self, folder: Path, credentials: str = "") -> Path:
        path = folder / "common-config.toml"
        path.write_text(f"[credentials]\nshared_credential_file = {json.dumps(credentials)}\n" if credentials else "")
        return path

    def fetch(self, folder: Path, common: Path) -> str:
        return downloader.fetch(folder / "parts", f"file:{folder}/part.json", "auto", common, "default")

    def test_a_fetched_part_waits_until_it_is_accepted(self, folder: Path) -> None:
        common = self.common(folder, str(folder / "credentials"))
        self.fetch(folder, common)
        assert [path.name for path in (folder / "parts").iterdir()] == ["file_part.json.tmp"]
        with pytest.raises(configuration.ConfigError, match="No agent's json config"):
            configuration.read_parts(folder / "parts", "remove")
        translator.translate(folder / "parts", folder / "out.toml", "auto", common, "default")
        assert json.loads((folder / "out.toml").read_text().partition("\n")[2])["runtime"]["region"] == "eu-west-1"

    def test_no_region_no_configuration(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        common = self.common(folder)
        with pytest.raises(configuration.ConfigError, match="Unable to determine aws-region"):
            self.fetch(folder, common)
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        assert "Successfully" in self.fetch(folder, common)

    def test_another_user_than_root_needs_a_credentials_file(self, folder: Path) -> None:
        self.fetch(folder, self.common(folder, str(folder / "credentials")))
        with pytest.raises(configuration.ConfigError, match="Credentials path is not set"):
            translator.translate(folder / "parts", folder / "out.toml", "auto", self.common(folder), "default")
        assert not (folder / "out.toml").exists()


class TestFile:
    @pytest.fixture
    def log(self, tmp_path: Path) -> Path:
        return tmp_path / "app.log"

    def source(self, log: Path, **options: Any) -> sources.FileSource:
        state = sources.State(log.parent / "state.json")
        return sources.FileSource(str(log), state, sources.Filters(options.get("filters", [])))

    def lines(self, source: sources.FileSource) -> list[str]:
        found = []
        while event := source.read():
            found.append(event[1])
        return found

    def append(self, log: Path, text: str) -> None:
        with log.open("a") as file:
            file.write(text)

    def test_from_the_beginning_by_whole_lines(self, log: Path) -> None:
        source = self.source(log)
        assert self.lines(source) == []
        self.append(log, "one\ntwo\nthr")
        assert self.lines(source) == ["one", "two"]
        self.append(log, "ee\n")
        assert self.lines(source) == ["three"]

    def test_a_restart_repeats_only_what_was_not_shipped(self, log: Path) -> None:
        self.append(log, "one\n")
        source = self.source(log)
        assert self.lines(source) == ["one"]
        source.commit()
        self.append(log, "two\n")
        assert self.lines(source) == ["two"]
        source.close()
        assert self.lines(self.source(log)) == ["two"]

    def test_rotation_loses_nothing(self, log: Path) -> None:
        self.append(log, "one\n")
        source = self.source(log)
        assert self.lines(source) == ["one"]
        self.append(log, "two\n")
        log.rename(log.with_name("app.log.1"))
        self.append(log, "three\n")
        assert self.lines(source) == ["two", "three"]

    def test_rotation_while_the_agent_was_down_loses_nothing(self, log: Path) -> None:
        self.append(log, "one\n")
        source = self.source(log)
        self.lines(source)
        source.commit()
        source.close()
        self.append(log, "two\n")
        log.rename(log.with_name("app.log.1"))
        self.append(log, "three\n")
        assert self.lines(self.source(log)) == ["two", "three"]

    def test_truncation(self, log: Path) -> None:
        self.append(log, "one is long\n")
        source = self.source(log)
        self.lines(source)
        log.write_text("two\n")
        assert self.lines(source) == ["two"]

    def test_filters(self, log: Path) -> None:
        self.append(log, "keep\nkeep not\ndrop\n")
        filters = [{"type": "include", "expression": "^keep"}, {"type": "exclude", "expression": "not"}]
        assert self.lines(self.source(log, filters=filters)) == ["keep"]

    def test_a_batch_ends_when_it_is_full_or_old(self, log: Path) -> None:
        clock = iter(range(100))
        self.append(log, "x\n" * 50)
        events = sources.batch(self.source(log), 5, threading.Event(), lambda: float(next(clock)))
        assert 0 < len(events) < 10


def test_a_long_event_is_cut_to_what_the_service_takes() -> None:
    text = sources.clip("é" * sources.MAX_EVENT)
    assert len(text.encode()) <= sources.MAX_EVENT
    assert text.endswith(sources.TRUNCATED)


def test_what_a_proxy_is_configured_for_goes_through_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the role's template writes it, through the translator, into the environment of the agent."""
    seen: list[tuple[str, str]] = []

    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, self.headers["Proxy-Authorization"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    names = {"cloudwatch_agent_http_proxy": f"http://user:word@127.0.0.1:{server.server_port}"}
    template = (Path(cwagent.__file__).parents[2] / ROLE / "templates/common-config.toml.j2").read_text()
    defaults = {"cloudwatch_agent_https_proxy": "", "cloudwatch_agent_no_proxy": "169.254.169.254,logs.here"}
    variables = {"__cloudwatch_agent_credentials_file": "", **defaults, **names}
    common = tmp_path / "common-config.toml"
    common.write_text(Templar(DataLoader(), variables=variables).template(trust_as_template(template)))
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/a.json").write_text(json.dumps(logs(files=[FILES])))
    monkeypatch.setattr("lab.cwagent.package.paths.SCHEMA", SCHEMA_FILE)
    monkeypatch.setattr(configuration, "imds_region", lambda: "eu-west-1")
    translator.translate(tmp_path / "parts", tmp_path / "out.toml", "auto", common, "remove")
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in json.loads((tmp_path / "env-config.json").read_text()).items():
        monkeypatch.setenv(name, value)
    client = Client("logs", "http://logs.there", "eu-west-1", lambda: ("AKIALAB_x", ""))
    client.query("PutMetricData", "2010-08-01", {})
    with pytest.raises(OSError):
        dataclasses.replace(client, endpoint="http://logs.here").query("PutMetricData", "2010-08-01", {})
    server.shutdown()
    server.server_close()
    assert seen == [("http://logs.there", "Basic " + base64.b64encode(b"user:word").decode())]


class FakeClient:
    """Answers each call by the next of the given results; an exception is raised."""

    def __init__(self, *results: Any) -> None:
        self.results = list(results)
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def json(self, target: str, body: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((target.rpartition(".")[2], body))
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return dict(result)


def put(client: FakeClient) -> bool:
    class Impatient(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            return self.is_set()

    return agent.put(LogStream(client, "g", "s", 90), [(2, "b"), (1, "a")], Impatient())  # type: ignore[arg-type]


def test_a_missing_group_is_created_with_its_retention() -> None:
    client = FakeClient(ApiError("ResourceNotFoundException", ""), {}, {}, {}, {})
    assert put(client)
    assert [call[0] for call in client.calls] == [
        "PutLogEvents", "CreateLogGroup", "PutRetentionPolicy", "CreateLogStream", "PutLogEvents",
    ]  # fmt: skip
    assert client.calls[2][1]["retentionInDays"] == 90
    assert [event["message"] for event in client.calls[-1][1]["logEvents"]] == ["a", "b"]


def test_a_group_of_somebody_else_keeps_its_retention() -> None:
    exists = ApiError("ResourceAlreadyExistsException", "")
    client = FakeClient(ApiError("ResourceNotFoundException", ""), exists, {}, {})
    assert put(client)
    assert "PutRetentionPolicy" not in [call[0] for call in client.calls]


def test_an_outage_is_waited_out() -> None:
    client = FakeClient(OSError("refused"), ApiError("ServiceUnavailableException", ""), ApiError("500", ""), {})
    assert put(client)
    assert len(client.calls) == 4


def test_a_batch_that_is_never_taken_does_not_block_the_rest() -> None:
    client = FakeClient(ApiError("InvalidParameterException", ""))
    assert put(client)
    assert len(client.calls) == 1


def test_the_build_is_repeated_only_when_needed(mirror: Path) -> None:
    package = mirror / "debian/amd64/latest/amazon-cloudwatch-agent.deb"
    before = package.stat().st_mtime_ns
    cwagent.build(mirror)
    assert package.stat().st_mtime_ns == before
    fingerprint = (mirror / "assets/fingerprint").read_text()
    package.with_name(package.name + ".sig").unlink()
    cwagent.build(mirror)
    assert package.with_name(package.name + ".sig").exists()
    assert (mirror / "assets/fingerprint").read_text() == fingerprint


def test_the_secret_key_is_not_in_what_is_served(mirror: Path) -> None:
    assert not [path for path in mirror.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    assert "PRIVATE KEY" in mirror.with_name("mirror.key").read_text()
    assert mirror.with_name("mirror.key").stat().st_mode & 0o077 == 0
