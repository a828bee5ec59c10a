# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""CloudWatch Logs Insights: the lab's answers are those of a count by hand over the same events."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab import waf_logs
from lab.aws.testing import Aws

GROUP = "aws-waf-logs-web"
ARN = "arn:aws:wafv2:ap-northeast-2:123456789012:regional/webacl/web/1"
NOW = int(time.time() * 1000)
TRAFFIC = list(waf_logs.events(ARN, NOW - 6 * 3_600_000, NOW, 600, counting=frozenset([waf_logs.PHP])))


@pytest.fixture
def logs(aws: Aws) -> Any:
    client = aws.client("logs")
    client.create_log_group(logGroupName=GROUP)
    waf_logs.write(client, GROUP, TRAFFIC)
    return client


def start(logs: Any, query: str, **changes: Any) -> str:
    request = {"logGroupName": GROUP, "startTime": NOW // 1000 - 86_400, "endTime": NOW // 1000 + 86_400, **changes}
    return str(logs.start_query(queryString=query, **request)["queryId"])


def ask(logs: Any, query: str, **changes: Any) -> list[dict[str, str]]:
    query_id = start(logs, query, **changes)
    assert logs.get_query_results(queryId=query_id)["status"] in ("Scheduled", "Running")  # never at once, as in AWS
    while True:
        answer = logs.get_query_results(queryId=query_id)
        if answer["status"] not in ("Scheduled", "Running"):
            assert answer["status"] == "Complete"
            return [{field["field"]: field["value"] for field in row} for row in answer["results"]]
        time.sleep(0.05)


def blocked() -> list[dict[str, Any]]:
    return [event for event in TRAFFIC if event["action"] == "BLOCK"]


def test_grouping_and_counting(logs: Any) -> None:
    found = ask(logs, 'filter action = "BLOCK" | stats count(*) as n by httpRequest.clientIp | sort n desc')
    wanted = Counter(event["httpRequest"]["clientIp"] for event in blocked())
    assert {row["httpRequest.clientIp"]: int(row["n"]) for row in found} == wanted
    assert [int(row["n"]) for row in found] == sorted(wanted.values(), reverse=True)
    assert len(wanted) > 3


def test_bins_and_the_span(logs: Any) -> None:
    found = ask(logs, "stats count(*) as n by bin(1h)", startTime=(NOW - 2 * 3_600_000) // 1000)
    assert sum(int(row["n"]) for row in found) == sum(
        event["timestamp"] >= (NOW - 2 * 3_600_000) // 1000 * 1000 for event in TRAFFIC
    )
    assert all(row["bin(1h)"].endswith(":00:00.000") for row in found)


def test_lists_are_unnested(logs: Any) -> None:
    query = """fields jsonParse(@message) as event
        | unnest event.nonTerminatingMatchingRules into rule
        | filter rule.action = "COUNT"
        | stats count(*) as n, count_distinct(httpRequest.clientIp) as addresses by rule.ruleId"""
    counted = [event for event in TRAFFIC if event["nonTerminatingMatchingRules"]]
    addresses = {event["httpRequest"]["clientIp"] for event in counted}
    assert ask(logs, query) == [
        {"rule.ruleId": waf_logs.PHP, "n": str(len(counted)), "addresses": str(len(addresses))}
    ]  # fmt: skip
    assert counted


def test_a_header_is_parsed_out_of_the_message(logs: Any) -> None:
    query = r"""filter action = "BLOCK"
        | parse @message /(?i)"name":"user-agent","value":"(?<agent>(?:[^"\\]|\\.)*)"/
        | stats count(*) as n by agent"""
    agents = {row["agent"] for row in ask(logs, query)}
    assert waf_logs.HOSTILE.replace('"', '\\"') in agents  # as JSON writes it
    assert "sqlmap/1.8#stable" in agents


def test_rows_without_stats_come_newest_first_with_a_pointer(logs: Any) -> None:
    rows = ask(logs, "fields @timestamp, httpRequest.uri | limit 5")
    assert [set(row) for row in rows] == [{"@timestamp", "httpRequest.uri", "@ptr"}] * 5
    assert [row["httpRequest.uri"] for row in rows] == [event["httpRequest"]["uri"] for event in TRAFFIC[:-6:-1]]


def test_pages_of_results(logs: Any) -> None:
    query_id = start(logs, "stats count(*) as n by httpRequest.requestId")
    time.sleep(0.3)
    first = logs.get_query_results(queryId=query_id, maxItems=400)
    second = logs.get_query_results(queryId=query_id, maxItems=400, nextToken=first["nextToken"])
    assert (len(first["results"]), len(second["results"])) == (400, 200)
    assert "nextToken" not in second
    assert first["statistics"]["recordsScanned"] == 600
    assert first["statistics"]["bytesScanned"] == sum(len(waf_logs.text(event)) for event in TRAFFIC)


def test_a_query_can_be_stopped_and_a_tag_decides_its_fate(logs: Any) -> None:
    query_id = start(logs, "stats count(*)")
    assert logs.stop_query(queryId=query_id)["success"]
    assert logs.get_query_results(queryId=query_id)["status"] == "Cancelled"
    arn = logs.describe_log_groups()["logGroups"][0]["arn"].removesuffix(":*")
    logs.tag_resource(resourceArn=arn, tags={"lab:query": "timeout"})
    query_id = start(logs, "stats count(*)")
    time.sleep(0.3)
    assert logs.get_query_results(queryId=query_id)["status"] == "Timeout"


@pytest.mark.parametrize(
    "query",
    [
        "nonsense", "fields a | stats", "filter a =", "stats median(a) by b", "filter cidr(a)", "limit 0",
        "filter a like /(/", "stats count(*) by a | stats count(*) by b | stats count(*)", "sort a", "fields 'x",
    ],
)  # fmt: skip
def test_what_is_wrong_or_not_known_is_refused(logs: Any, query: str) -> None:
    with pytest.raises(ClientError) as refused:
        start(logs, query)
    assert refused.value.response["Error"]["Code"] == "MalformedQueryException"
    assert "location" in refused.value.response["queryCompileError"]


def test_incoming_bytes_are_counted(aws: Aws, logs: Any) -> None:
    answer = aws.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Logs", MetricName="IncomingBytes", Dimensions=[{"Name": "LogGroupName", "Value": GROUP}],
        StartTime=NOW // 1000 - 3600, EndTime=NOW // 1000 + 86_400, Period=86_400, Statistics=["Sum"],
    )  # fmt: skip
    assert sum(each["Sum"] for each in answer["Datapoints"]) == sum(len(waf_logs.text(event)) for event in TRAFFIC)


def test_definitions_are_replaced_as_a_whole(aws: Aws) -> None:
    logs = aws.client("logs")
    saved = logs.put_query_definition(name="a/b", queryString="limit 1", logGroupNames=["g"])["queryDefinitionId"]
    logs.put_query_definition(name="a/b", queryString="limit 1")  # names need not be unique
    logs.put_query_definition(name="a/c", queryString="limit 2", queryDefinitionId=saved)
    found = logs.describe_query_definitions(queryDefinitionNamePrefix="a/")["queryDefinitions"]
    assert [(each["name"], each["queryString"], each["logGroupNames"]) for each in found] == [
        ("a/b", "limit 1", []), ("a/c", "limit 2", []),
    ]  # fmt: skip
    assert logs.delete_query_definition(queryDefinitionId=saved)["success"]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        logs.delete_query_definition(queryDefinitionId=saved)
