# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The calls to CloudWatch Logs Insights, a method each. Nothing is decided here."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import Caller, CallError, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.insights.model import Definition, Query, Span, row_of

_REMEDIES = {"LimitExceededException": "wait for other queries to end, or ask AWS for a higher quota"}
# GetMetricStatistics answers 1,440 values at most: API_GetMetricStatistics.
_HOUR, _MOST_VALUES = 3600, 1440


class Insights:
    """Logs Insights of one account and region."""

    def __init__(self, client: Any, deadline: Deadline) -> None:
        self._caller = Caller(client, deadline, remedies=_REMEDIES)

    def stored_bytes(self, name: str) -> int | None:
        """How much a log group holds; None if there is no such group."""
        purpose = f"look for the log group {name}"
        found = self._caller.items("describe_log_groups", purpose, "logGroups", "nextToken", logGroupNamePrefix=name)
        return next((int(each.get("storedBytes", 0)) for each in found if each["logGroupName"] == name), None)

    # --- saved queries -----------------------------------------------------------------------------------------------

    def definitions(self, prefix: str) -> list[Definition]:
        return [
            Definition(
                item["name"], item["queryString"], tuple(item.get("logGroupNames") or ()), item["queryDefinitionId"]
            )
            for item in self._caller.items(
                "describe_query_definitions",
                f"list the query definitions in {prefix}",
                "queryDefinitions",
                "nextToken",
                queryDefinitionNamePrefix=prefix,
            )
        ]

    def put_definition(self, definition: Definition) -> None:
        self._caller.call(
            "put_query_definition",
            f"save the query definition {definition.name}",
            name=definition.name,
            queryString=definition.query_string,
            logGroupNames=list(definition.log_group_names),
            **({"queryDefinitionId": definition.id} if definition.id else {}),
        )

    def delete_definition(self, definition: Definition) -> None:
        try:
            self._caller.call(
                "delete_query_definition",
                f"remove the query definition {definition.name}",
                queryDefinitionId=definition.id,
            )
        except CallError as error:
            if error.code != "ResourceNotFoundException":
                raise

    # --- queries -----------------------------------------------------------------------------------------------------

    def start_query(self, query: Query, groups: Iterable[str], span: Span) -> str:
        answer = self._caller.call(
            "start_query",
            f"start the query {query.name}",
            logGroupNames=list(groups),
            startTime=int(span.start.timestamp()),
            endTime=math.ceil(span.end.timestamp()),
            queryString=query.query_string,
            limit=query.limit,
        )
        return str(answer["queryId"])

    def query_results(self, query: Query, query_id: str) -> tuple[str, list[dict[str, str]], dict[str, float]]:
        """The status of a query, its rows and its statistics."""
        request: dict[str, Any] = {"queryId": query_id}
        rows: list[dict[str, str]] = []
        while True:
            answer = self._caller.call("get_query_results", f"read the results of query {query.name}", **request)
            rows += [row_of(fields) for fields in answer.get("results") or ()]
            if not answer.get("nextToken"):
                return answer["status"], rows, answer.get("statistics") or {}
            request["nextToken"] = answer["nextToken"]

    def stop_query(self, query: Query, query_id: str) -> None:
        try:
            self._caller.call("stop_query", f"stop the query {query.name}", queryId=query_id)
        except CallError as error:
            if error.code not in ("InvalidParameterException", "ResourceNotFoundException"):  # it has ended by itself
                raise


class Metrics:
    """CloudWatch of one account and region."""

    def __init__(self, client: Any, deadline: Deadline) -> None:
        self._caller = Caller(client, deadline)

    def incoming_bytes(self, group: str, span: Span) -> int | None:
        """What a log group has received in this time, uncompressed; None if CloudWatch knows nothing of it."""
        period = _HOUR * math.ceil(span.seconds / _HOUR / (_MOST_VALUES - 1))
        answer = self._caller.call(
            "get_metric_statistics",
            f"read how much log group {group} has received",
            Namespace="AWS/Logs",
            MetricName="IncomingBytes",
            Dimensions=[{"Name": "LogGroupName", "Value": group}],
            StartTime=_floor(span.start, period),
            EndTime=span.end,
            Period=period,
            Statistics=["Sum"],
        )
        values = [point["Sum"] for point in answer.get("Datapoints") or ()]
        return int(sum(values)) if values else None


def _floor(when: datetime, seconds: int) -> datetime:
    return datetime.fromtimestamp(int(when.timestamp()) // seconds * seconds, when.tzinfo)
