# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""waf_report, as an operator runs it, over the logs of a region; its page in a real browser."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import waf_logs
from lab.aws.testing import REPO, Aws

GROUP = "aws-waf-logs-web"
BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome")
ARN = "arn:aws:wafv2:ap-northeast-2:123456789012:regional/webacl/web/1"


def play(aws: Aws, directory: Path, playbook: str, *options: str, **variables: Any) -> tuple[int, str]:
    """The exit code and the output, of which no line is broken."""
    inventory = directory / "inventory.json"
    inventory.write_text(json.dumps({"web": {"hosts": {}}}))
    done = subprocess.run(
        [
            f"{Path(sys.executable).parent}/ansible-playbook", "-i", str(inventory), f"{REPO}/playbooks/{playbook}.yml",
            "--extra-vars", json.dumps(variables), *options,
        ],
        cwd=directory,
        env={**aws.env, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_SHOW_CUSTOM_STATS": "1",
             "PWD": str(directory)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def traffic(aws: Aws) -> list[dict[str, Any]]:
    aws.client("logs").create_log_group(logGroupName=GROUP)
    now = int(time.time() * 1000)
    events = list(waf_logs.events(ARN, now - 20 * 3_600_000, now, 2000))
    waf_logs.write(aws.client("logs"), GROUP, events)
    aws.reset_journal()
    return events


def test_the_report_says_what_the_logs_say(aws: Aws, traffic: list[dict[str, Any]], tmp_path: Path) -> None:
    now = datetime.now(UTC)
    span = {"waf_report_start": (now - timedelta(days=1)).isoformat(), "waf_report_end": now.isoformat()}
    code, output = play(aws, tmp_path, "waf_report", **span)
    assert code == 0, output
    report = json.loads((tmp_path / "waf-report/waf.json").read_text())
    blocked = [event for event in traffic if event["action"] == "BLOCK"]
    counts = {"requests": 2000, "blocked": len(blocked), "false_positive_candidates": 1}
    assert report["counts"] == counts
    stats = " ".join(f"{name}: {counts[name]}" for name in sorted(counts))
    assert f"CUSTOM STATS: {'*' * 66} RUN: waf_report: {stats}" in output

    def told(query: str, field: str) -> dict[str, int]:
        return {row[field]: int(row["requests"]) for row in report["results"][query]}

    def counted(*path: str) -> dict[str, int]:
        return dict(Counter(event[path[0]][path[1]] if path[1:] else event[path[0]] for event in blocked))

    assert told("blocked-rules", "terminatingRuleId") == counted("terminatingRuleId")
    assert told("blocked-addresses", "httpRequest.clientIp") == counted("httpRequest", "clientIp")
    assert told("blocked-uris", "httpRequest.uri") == counted("httpRequest", "uri")
    agents = Counter(event["httpRequest"]["headers"][1]["value"] for event in blocked)
    assert told("blocked-user-agents", "header.value") == agents
    countries = {row["httpRequest.country"]: int(row["blocked"]) for row in report["results"]["blocked-countries"]}
    assert countries == counted("httpRequest", "country")
    hours = report["results"]["timeline"]
    assert sum(int(hour["blocked"]) for hour in hours) == len(blocked) and len(hours) > 15
    assert sum(int(hour["allowed"]) + int(hour["others"]) for hour in hours) == 2000 - len(blocked)

    # The editor whose uploads are too large now and then, and what for.
    (candidate,) = report["results"]["false-positive-candidates"]
    assert candidate["address"] == "203.0.113.5"
    samples = report["results"]["false-positive-samples"]
    assert len(samples) == int(candidate["blocked"]) > 0
    assert {sample["terminatingRuleId"] for sample in samples} == {waf_logs.COMMON}
    assert f"Requests: 2000, of which blocked: {len(blocked)}." in output
    assert "may have been blocked wrongly: 1 (203.0.113.5)." in output

    saved = aws.client("logs").describe_query_definitions(queryDefinitionNamePrefix="rampart/waf/")["queryDefinitions"]
    assert {each["name"].rpartition("/")[2] for each in saved} == set(report["results"]) - {"false-positive-samples"}
    assert all(each["logGroupNames"] == [GROUP] for each in saved)

    code, output = play(aws, tmp_path, "waf_report", "--check", **span)
    assert code == 0 and "changed=0" in output, output
    document = json.loads((REPO / "docs/iam-controller.json").read_text())
    allowed = {action for statement in document["Statement"] for action in statement["Action"]}
    asked = {f"{name}:{each}" for name in ("logs", "cloudwatch") for each in aws.operations(service=name)}
    assert "logs:StartQuery" in asked and asked <= allowed

    page = tmp_path / "waf-report/waf.html"
    assert page.stat().st_mode & 0o777 == 0o640
    console, seen = looked_at(page)
    assert console == []
    assert {waf_logs.HOSTILE, waf_logs.HOSTILE_URI.replace("\u202e", "\\u202e")} <= set(seen.texts)
    assert not set(seen.tags) & {"script", "img", "a", "link", "iframe"}
    assert seen.tags.count("svg") == 7 and seen.tags.count("rect") > 50
    # The browser would have said so.
    (tmp_path / "bad.html").write_text(page.read_text().replace("</h1>", f"</h1>{waf_logs.HOSTILE}"))
    console, _seen = looked_at(tmp_path / "bad.html")
    assert len([line for line in console if "violates the following Content Security Policy" in line]) >= 2


class Seen(HTMLParser):
    """The elements and the texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def looked_at(page: Path) -> tuple[list[str], Seen]:
    """What a browser says on its console about a page, and what it has made of it. Its picture lies beside the page."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    assert browser, f"no browser ({', '.join(BROWSERS)}): lab/setup.sh installs one"
    picture = page.with_suffix(".png")
    done = subprocess.run(
        [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0",
            f"--user-data-dir={page.parent}/profile", f"--screenshot={picture}", "--window-size=1200,4000",
            "--dump-dom", page.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 20_000
    return [line for line in done.stderr.splitlines() if ":CONSOLE" in line], Seen(done.stdout)


def test_what_would_cost_too_much_is_refused(aws: Aws, traffic: list[dict[str, Any]], tmp_path: Path) -> None:
    size = sum(len(waf_logs.text(event).encode()) for event in traffic)
    code, output = play(aws, tmp_path, "waf_report", waf_report_max_bytes=9 * size - 1)
    assert code == 2
    assert f"raise max_bytes to {9 * size} or more. Nothing was asked" in output
    assert not {"StartQuery", "PutQueryDefinition"} & set(aws.operations(service="logs"))
    assert not (tmp_path / "waf-report").exists()
    # Enough for all but the samples of the candidates.
    code, output = play(aws, tmp_path, "waf_report", waf_report_max_bytes=9 * size, waf_report_directory="other")
    assert code == 0, output
    assert "false-positive-samples" not in json.loads((tmp_path / "other/waf.json").read_text())["results"]


def test_without_log_groups_there_is_nothing_to_ask(aws: Aws, tmp_path: Path) -> None:
    code, output = play(aws, tmp_path, "waf_report")
    assert code == 0 and "No web ACL logs to CloudWatch in this region yet" in output
    code, output = play(aws, tmp_path, "waf_report", waf_report_log_groups=[GROUP])
    assert code == 2 and f"there is no log group {GROUP} in this account and region" in output
    assert aws.operations(service="logs") == ["DescribeLogGroups"] * 2


def test_what_is_asked_for_a_review(aws: Aws) -> None:
    """A rule, a group and a rule of a group are counted, and each is found where AWS WAF logs it."""
    counting = frozenset(["wordpress-xmlrpc", waf_logs.PHP, "SizeRestrictions_BODY"])
    now = int(time.time() * 1000)
    traffic = list(waf_logs.events(ARN, now - 3_600_000, now, 1000, counting=counting))
    aws.client("logs").create_log_group(logGroupName=GROUP)
    waf_logs.write(aws.client("logs"), GROUP, traffic)
    declared = yaml.safe_load((REPO / "playbooks/vars/waf_queries.yml").read_text())
    args = {"log_group_names": [GROUP], "queries": declared["waf_review_queries"]}
    result = aws.run_module("rampart.ops.cloudwatchlogs_insights_info", args)
    assert not result["failed"], result
    rows = {each["name"]: each["results"] for each in result["queries"]}
    for each in declared["waf_review_sections"]:  # what the page shows is there
        assert all(set(row) == set(each["columns"]) for row in rows.get(each["name"], ())), each["name"]

    counted = [event for event in traffic if event["nonTerminatingMatchingRules"]]
    assert all(event["action"] == "ALLOW" for event in counted)
    rules = Counter(event["nonTerminatingMatchingRules"][0]["ruleId"] for event in counted)
    assert {row["rule.ruleId"]: int(row["requests"]) for row in rows["counted-rules"]} == rules
    assert set(rules) == {"wordpress-xmlrpc", waf_logs.PHP}
    (inner,) = rows["counted-groups"]
    assert inner["group.terminatingRule.ruleId"] == waf_logs.PHP_PROBE.inner
    assert int(inner["requests"]) == rules[waf_logs.PHP]
    (override,) = rows["counted-overrides"]
    assert override["rule.ruleId"] == "SizeRestrictions_BODY" and int(override["requests"]) > 0
    for name, field in (("countries", "country"), ("uris", "uri"), ("addresses", "clientIp")):
        wanted = Counter(
            (event["nonTerminatingMatchingRules"][0]["ruleId"], event["httpRequest"][field]) for event in counted
        )
        found = {
            (row["rule.ruleId"], row[f"httpRequest.{field}"]): int(row["requests"]) for row in rows[f"counted-{name}"]
        }
        assert found == wanted
