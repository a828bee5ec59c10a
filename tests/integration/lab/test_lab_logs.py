# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""CloudWatch Logs: retention, filters and their patterns."""

from __future__ import annotations

import json
import time

import pytest
from botocore.exceptions import ClientError

from lab.aws.testing import Aws


def write(aws: Aws, group: str, *messages: str) -> None:
    logs = aws.client("logs")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now = int(time.time() * 1000)
    events = [{"timestamp": now + n, "message": message} for n, message in enumerate(messages)]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)


def found(aws: Aws, group: str, pattern: str) -> list[str]:
    events = aws.client("logs").filter_log_events(logGroupName=group, filterPattern=pattern)["events"]
    return [event["message"] for event in events]


def test_every_retention_that_aws_names_is_taken(aws: Aws) -> None:
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="g")
    for days in (1, 30, 1096, 2192, 2557, 2922, 3288, 3653):
        logs.put_retention_policy(logGroupName="g", retentionInDays=days)
    assert logs.describe_log_groups()["logGroups"][0]["retentionInDays"] == 3653


def test_patterns_select(aws: Aws) -> None:
    documents = [json.dumps({"i": number, "user": {"name": "root"}}) for number in range(5)]
    write(aws, "g", *documents, "Accepted publickey for admin", "Failed password for root")
    assert found(aws, "g", "{ $.i = 3 }") == [documents[3]]
    assert found(aws, "g", "{ $.i > 2 && $.user.name = root }") == documents[3:]
    assert found(aws, "g", "?Accepted ?Failed") == ["Accepted publickey for admin", "Failed password for root"]
    assert found(aws, "g", '"publickey for"') == ["Accepted publickey for admin"]
    with pytest.raises(ClientError, match="InvalidParameterException"):
        found(aws, "g", "{ $.i = ")


def test_a_metric_filter_of_the_same_name_is_replaced(aws: Aws) -> None:
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="g")
    for pattern in ("one", "two"):
        logs.put_metric_filter(
            logGroupName="g",
            filterName="f",
            filterPattern=pattern,
            metricTransformations=[{"metricName": "m", "metricNamespace": "n", "metricValue": "1"}],
        )
    filters = logs.describe_metric_filters(logGroupName="g")["metricFilters"]
    assert [each["filterPattern"] for each in filters] == ["two"]
    tested = logs.test_metric_filter(filterPattern="two", logEventMessages=["one two", "three"])
    assert [match["eventNumber"] for match in tested["matches"]] == [1]


def test_one_of_two_subscription_filters_can_be_replaced(aws: Aws) -> None:
    logs, kinesis = aws.client("logs"), aws.client("kinesis")
    logs.create_log_group(logGroupName="g")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    arn = kinesis.describe_stream_summary(StreamName="s")["StreamDescriptionSummary"]["StreamARN"]

    def put(name: str, pattern: str) -> None:
        logs.put_subscription_filter(logGroupName="g", filterName=name, filterPattern=pattern, destinationArn=arn)

    for name, pattern in (("a", "x"), ("b", "y"), ("a", "z")):
        put(name, pattern)
    with pytest.raises(ClientError, match="LimitExceededException"):
        put("c", "x")
    filters = logs.describe_subscription_filters(logGroupName="g")["subscriptionFilters"]
    assert {each["filterName"]: each["filterPattern"] for each in filters} == {"a": "z", "b": "y"}
