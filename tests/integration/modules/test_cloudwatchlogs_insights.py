# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Saved queries and queries of CloudWatch Logs Insights against the region."""

from __future__ import annotations

import time
from typing import Any

import pytest

from lab import waf_logs
from lab.aws.testing import Aws

GROUP = "aws-waf-logs-web"
COUNT = {"name": "count", "query_string": "stats count(*) as n by action"}


def run(aws: Aws, name: str, check: bool = False, **args: Any) -> dict[str, Any]:
    result = aws.run_module(f"rampart.ops.cloudwatchlogs_{name}", args, check=check)
    assert not result["failed"], result
    return result


def fails(aws: Aws, name: str, **args: Any) -> dict[str, Any]:
    result = aws.run_module(f"rampart.ops.cloudwatchlogs_{name}", args)
    assert result["failed"], result
    return result


# --- saved queries ---------------------------------------------------------------------------------------------------


def saved(aws: Aws) -> dict[str, str]:
    found = aws.client("logs").describe_query_definitions()["queryDefinitions"]
    return {each["name"]: each["queryString"] for each in found}


def test_the_life_of_a_folder_of_queries(aws: Aws) -> None:
    logs = aws.client("logs")
    logs.put_query_definition(name="rampart/wafer", queryString="limit 1")  # begins alike, is elsewhere
    both = [COUNT, {"name": "rows", "query_string": "limit 5\n"}]
    wanted: dict[str, Any] = {"folder": "rampart/waf", "definitions": both, "log_group_names": [GROUP]}
    predicted = run(aws, "query_definitions", check=True, **wanted)
    assert predicted["changed"] and set(saved(aws)) == {"rampart/wafer"}
    assert run(aws, "query_definitions", **wanted)["diff"] == predicted["diff"]
    assert set(saved(aws)) == {"rampart/wafer", "rampart/waf/count", "rampart/waf/rows"}
    assert not run(aws, "query_definitions", **wanted)["changed"]

    ids = {each["name"]: each["queryDefinitionId"] for each in logs.describe_query_definitions()["queryDefinitions"]}
    logs.put_query_definition(name="rampart/waf/count", queryString="limit 9")  # of the same name, by somebody else
    changed = [{"name": "count", "query_string": "stats count(*) as requests"}]
    result = run(aws, "query_definitions", **{**wanted, "definitions": changed})
    assert result["names"] == ["rampart/waf/count"]
    assert saved(aws) == {"rampart/wafer": "limit 1", "rampart/waf/count": "stats count(*) as requests"}
    left = logs.describe_query_definitions(queryDefinitionNamePrefix="rampart/waf/")["queryDefinitions"]
    assert len(left) == 1 and left[0]["logGroupNames"] == [GROUP]
    assert ids["rampart/waf/rows"] not in {each["queryDefinitionId"] for each in left}

    assert run(aws, "query_definitions", folder="rampart/waf", state="absent")["changed"]
    assert set(saved(aws)) == {"rampart/wafer"}
    assert not run(aws, "query_definitions", folder="rampart/waf", state="absent")["changed"]


def test_bad_definitions_are_refused_without_a_call(aws: Aws) -> None:
    assert "all saved queries" in fails(aws, "query_definitions", folder="/", definitions=[COUNT])["msg"]
    assert "named twice" in fails(aws, "query_definitions", folder="a", definitions=[COUNT, COUNT])["msg"]
    assert "characters" in fails(
        aws, "query_definitions", folder="a", definitions=[{"name": "n", "query_string": "x" * 10_001}]
    )["msg"]  # fmt: skip
    assert [name for name in aws.operations() if not name.startswith("Describe")] == []


# --- queries ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def traffic(aws: Aws) -> list[dict[str, Any]]:
    aws.client("logs").create_log_group(logGroupName=GROUP)
    now = int(time.time() * 1000)
    events = list(waf_logs.events("arn:aws:wafv2:r:1:regional/webacl/web/1", now - 3_600_000, now, 300))
    waf_logs.write(aws.client("logs"), GROUP, events)
    return events


def test_queries_are_run_and_counted(aws: Aws, traffic: list[dict[str, Any]]) -> None:
    rows = {"name": "rows", "query_string": "fields httpRequest.uri", "limit": 7}
    result = run(aws, "insights_info", log_group_names=[GROUP], queries=[COUNT, rows])
    counted = {row["action"]: int(row["n"]) for row in result["queries"][0]["results"]}
    assert counted["BLOCK"] == sum(event["action"] == "BLOCK" for event in traffic)
    assert sum(counted.values()) == 300
    assert [set(row) for row in result["queries"][1]["results"]] == [{"httpRequest.uri"}] * 7
    size = sum(len(waf_logs.text(event)) for event in traffic)
    assert result["bytes_scanned"] == result["estimated_bytes"] == 2 * size
    assert not result["changed"]


def test_more_than_a_page_of_rows(aws: Aws, traffic: list[dict[str, Any]]) -> None:
    aws.switch(page_size=90)
    each = {"name": "each", "query_string": "stats count(*) by httpRequest.requestId"}
    result = run(aws, "insights_info", log_group_names=[GROUP], queries=[each])
    assert len(result["queries"][0]["results"]) == 300 and not result["queries"][0]["truncated"]


def test_what_would_cost_too_much_is_not_started(aws: Aws, traffic: list[dict[str, Any]]) -> None:
    size = sum(len(waf_logs.text(event)) for event in traffic)
    refused = fails(aws, "insights_info", log_group_names=[GROUP], queries=[COUNT, COUNT], max_bytes=2 * size - 1)
    assert f"raise max_bytes to {2 * size} or more" in refused["msg"]
    assert "StartQuery" not in aws.operations(service="logs")
    run(aws, "insights_info", log_group_names=[GROUP], queries=[COUNT, COUNT], max_bytes=2 * size)


def test_what_is_stored_bounds_the_cost_where_there_is_no_metric(aws: Aws, traffic: list[dict[str, Any]]) -> None:
    long_ago = {"start_time": "2026-01-01T00:00:00Z", "end_time": "2026-01-01T01:00:00Z"}
    refused = fails(aws, "insights_info", log_group_names=[GROUP], queries=[COUNT], max_bytes=1000, **long_ago)
    assert "would scan about" in refused["msg"]


def test_a_malformed_query_is_named_and_does_not_hinder_the_others(aws: Aws, traffic: list[dict[str, Any]]) -> None:
    wrong = {"name": "wrong", "query_string": "fields a | guess"}
    again = {**wrong, "name": "again"}
    result = fails(aws, "insights_info", log_group_names=[GROUP], queries=[wrong, COUNT, again])
    assert result["msg"].startswith("queries wrong, again: it could not be started: ")
    assert result["msg"].count("unexpected symbol found guess") == 1
    assert [each["status"] for each in result["queries"]] == ["Failed", "Complete", "Failed"]
    assert len(result["queries"][1]["results"]) == 2


@pytest.mark.parametrize(("fate", "words"), [("hang", "was stopped"), ("timeout", "status Timeout")])
def test_a_query_that_does_not_end_is_named(aws: Aws, traffic: list[dict[str, Any]], fate: str, words: str) -> None:
    run(aws, "log_group", log_group_name=GROUP, tags={"lab:query": fate})
    result = fails(aws, "insights_info", log_group_names=[GROUP], queries=[COUNT], timeout=2)
    assert result["msg"].startswith("query count: ") and words in result["msg"]
    assert ("StopQuery" in aws.operations(service="logs")) == (fate == "hang")
    assert aws.client("logs").describe_queries(status="Running")["queries"] == []


def test_throttling_is_waited_out(aws: Aws, traffic: list[dict[str, Any]]) -> None:
    aws.fault(service="logs", operation="GetQueryResults", kind="throttle", times=2)
    aws.fault(service="logs", operation="StartQuery", kind="throttle")
    run(aws, "insights_info", log_group_names=[GROUP], queries=[COUNT])


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"log_group_names": ["a b"]}, "log group 'a b'"),
        ({"log_group_names": []}, "name 1 to 50 log groups"),
        ({"log_group_names": [f"g{n}" for n in range(51)]}, "name 1 to 50 log groups"),
        ({"hours": 0}, "hours: must be more than 0"),
        ({"start_time": "yesterday"}, "'yesterday' is no time like"),
        ({"start_time": "2026-01-02", "end_time": "2026-01-01"}, "is not before the end"),
        ({"start_time": "2999-01-02", "end_time": "2999-01-03"}, "has not come yet"),
        ({"queries": [{**COUNT, "limit": 10_001}]}, "limit: 10001 is not between"),
    ],
)
def test_bad_input_is_refused_without_a_call(aws: Aws, args: dict[str, Any], words: str) -> None:
    assert words in fails(aws, "insights_info", **{"log_group_names": [GROUP], "queries": [COUNT], **args})["msg"]
    assert aws.operations() == []


def test_no_such_log_group(aws: Aws) -> None:
    assert f"no log group {GROUP}" in fails(aws, "insights_info", log_group_names=[GROUP], queries=[COUNT])["msg"]
