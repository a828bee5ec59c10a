# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The alerting rules: promtool runs their tests, which can fail; no alert lacks a test or a section in the runbooks."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.rampart.ops.plugins.filter.prometheus_rules import prometheus_rules

ROOT = Path(__file__).parents[3]
PROMTOOL = Path(sys.executable).parent / "promtool"  # lab/setup.sh puts it there
RULES_FILE = ROOT / "roles/monitoring/files/rules.yml"
RULES = yaml.safe_load(RULES_FILE.read_text())
TESTS = sorted((Path(__file__).parent / "rules").glob("*.yml"))
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule}
RECORDS = {rule["record"] for group in RULES["groups"] for rule in group["rules"] if "record" in rule}
URL = "https://example.com/runbooks.md"


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)


def run_tests(rules: dict[str, Any], directory: Path) -> str:
    """What promtool prints on the tests, of which each file is given these rules."""
    (directory / "rules.yml").write_text(json.dumps(rules))
    files = []
    for path in TESTS:
        test = yaml.safe_load(path.read_text())
        assert [(path.parent / file).resolve() for file in test["rule_files"]] == [RULES_FILE]
        files.append(directory / path.name.replace(".yml", ".json"))
        files[-1].write_text(json.dumps({**test, "rule_files": ["rules.yml"]}))
    result = promtool("test", "rules", *files)
    return result.stdout + result.stderr


def with_expression(expression: str) -> dict[str, Any]:
    rules = copy.deepcopy(RULES)
    for group in rules["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                rule.update({"expr": expression, "for": "0s"})
    return rules


def failed(output: str, expected: str) -> set[str]:
    """The alerts of the failed tests in which this was to be."""
    return set(re.findall(rf"alertname: (\w+), time: [^,]+,\s+exp:\[{expected}", output))


def test_each_alert_fires_and_is_quiet_when_it_should() -> None:
    result = promtool("test", "rules", *TESTS)
    assert result.returncode == 0, result.stdout + result.stderr


def test_an_alert_that_never_fires_fails_its_test(tmp_path: Path) -> None:
    assert failed(run_tests(with_expression("vector(1) > 2"), tmp_path), r"\s+0:") == set(ALERTS)


def test_an_alert_that_always_fires_fails_its_test(tmp_path: Path) -> None:
    assert failed(run_tests(with_expression("vector(1)"), tmp_path), r"\]") == set(ALERTS)


def test_each_recording_rule_has_a_test() -> None:
    tested = {
        part
        for path in TESTS
        for test in yaml.safe_load(path.read_text())["tests"]
        for query in test.get("promql_expr_test", [])
        for part in re.findall(r"[\w:]+", query["expr"])
    }
    assert tested >= RECORDS


def test_each_alert_has_a_section_in_the_runbooks_and_no_other_has() -> None:
    sections = re.split(r"^### ", (ROOT / "docs/runbooks.md").read_text(), flags=re.MULTILINE)[1:]
    assert [section.split("\n", 1)[0] for section in sections] == list(ALERTS)
    for section in sections:
        assert re.search(r"^\*\*Means\*\* \S.*^\*\*Do\*\* \S", section, re.MULTILINE | re.DOTALL), section


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_says_how_bad_it_is_and_what_is_the_matter(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "description"}
    assert "$labels" in "".join(rule["annotations"].values())


# --- what the role makes of them


def alert(rules: dict[str, Any], name: str) -> dict[str, Any] | None:
    found = [rule for group in rules["groups"] for rule in group["rules"] if rule.get("alert") == name]
    return found[0] if found else None


def test_each_alert_gets_the_address_of_its_section() -> None:
    result = prometheus_rules(RULES, {}, URL)
    for name in ALERTS:
        assert alert(result, name)["annotations"]["runbook_url"] == f"{URL}#{name.lower()}"
    assert prometheus_rules(RULES) == RULES


def test_fields_are_replaced_and_labels_and_annotations_added() -> None:
    change = {"for": "0s", "labels": {"team": "night"}, "annotations": {"runbook_url": "https://elsewhere.example"}}
    before = copy.deepcopy(RULES)
    result = prometheus_rules(RULES, {"NginxDown": change}, URL)
    changed = alert(result, "NginxDown")
    assert changed["for"] == "0s"
    assert changed["expr"] == ALERTS["NginxDown"]["expr"]
    assert changed["labels"] == {"severity": "critical", "team": "night"}
    assert changed["annotations"] == {**ALERTS["NginxDown"]["annotations"], **change["annotations"]}
    assert alert(result, "Fail2banDown")["for"] == "5m"
    assert before == RULES


def test_an_alert_can_be_removed() -> None:
    result = prometheus_rules(RULES, {"Fail2banDown": None})
    assert alert(result, "Fail2banDown") is None
    assert sum(len(group["rules"]) for group in result["groups"]) == len(ALERTS) + len(RECORDS) - 1


def test_prometheus_takes_the_result(tmp_path: Path) -> None:
    changes: dict[str, Any] = dict.fromkeys(list(ALERTS)[::2]) | {"NginxDown": {"expr": "nginx_up < 1"}}
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(prometheus_rules(RULES, changes, URL)))
    result = promtool("check", "rules", tmp_path / "rules.yml")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("rules", "changes", "message"),
    [
        (RULES, {"NginxDwon": {"for": "1m"}}, "there is no alert NginxDwon; there are AlertmanagerNotificationsFail,"),
        (RULES, {"NginxDown": {"four": "1m"}}, "alert NginxDown: four is none of expr, for, labels, annotations"),
        (RULES, {"NginxDown": {"for": 60}}, "alert NginxDown: for is 60"),
        (RULES, {"NginxDown": {"labels": "critical"}}, "alert NginxDown: labels is 'critical'"),
        (RULES, ["NginxDown"], "needs what a rule file"),
        ("groups: []", {}, "needs what a rule file"),
        ({}, {}, "needs what a rule file"),
    ],
)
def test_what_cannot_be_meant_is_refused(rules: Any, changes: Any, message: str) -> None:
    apply: Callable[..., Any] = prometheus_rules
    with pytest.raises(AnsibleFilterError, match=re.escape(message)):
        apply(rules, changes)
