# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""CloudWatch Logs Insights: queries that are evaluated, saved definitions, and the metric of incoming bytes."""

from __future__ import annotations

import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lab.aws import insights
from lab.aws.errors import AwsError
from lab.aws.registry import amend, operation

if TYPE_CHECKING:
    from lab.aws.call import Call

Params = dict[str, Any]
Place = tuple[str, str]

MAX_GROUPS = 50  # API_StartQuery: logGroupNames, "up to 50 log groups"
MAX_DEFINITIONS = 1000  # cloudwatch_limits_cwl.html
# An answer is never there at once; AWS needs seconds.
RUNNING_AFTER, COMPLETE_AFTER = 0.05, 0.2
# What becomes of the queries of a log group that has this tag.
FATE_TAG = "lab:query"
FATES = {"hang": "Running", "timeout": "Timeout", "fail": "Failed"}


@dataclass
class _Query:
    id: str
    text: str
    groups: list[str]
    started: float
    result: insights.Result
    scanned: int
    bytes: int
    fate: str | None = None
    cancelled: bool = False

    def status(self, now: float) -> str:
        if self.cancelled:
            return "Cancelled"
        if now - self.started < RUNNING_AFTER:
            return "Scheduled"
        if now - self.started < COMPLETE_AFTER:
            return "Running"
        return FATES[self.fate] if self.fate else "Complete"


_queries: dict[Place, dict[str, _Query]] = defaultdict(dict)
_definitions: dict[Place, dict[str, Params]] = defaultdict(dict)


def _place(call: Call) -> Place:
    return call.account, call.region


def _groups(call: Call) -> list[str]:
    given = [name for name in ("logGroupName", "logGroupNames", "logGroupIdentifiers") if call.params.get(name)]
    if len(given) != 1:
        message = "Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be specified"
        raise AwsError("InvalidParameterException", message, 400)
    named = call.params[given[0]]
    named = [named] if isinstance(named, str) else named
    names = [name.split(":log-group:")[-1].removesuffix(":*") for name in named]
    if len(names) > MAX_GROUPS:
        raise AwsError("InvalidParameterException", f"The maximum number of log groups is {MAX_GROUPS}", 400)
    for name in names:
        if name not in call.backend().groups:
            message = f"Log group '{name}' does not exist for account ID '{call.account}'"
            raise AwsError("ResourceNotFoundException", message, 400)
    return names


def _malformed(message: str, position: int) -> AwsError:
    location = {"startCharOffset": position, "endCharOffset": position}
    return AwsError(
        "MalformedQueryException", f"{message} ([{position},{position}])", 400,
        queryCompileError={"message": message, "location": location},
    )  # fmt: skip


@operation("logs", "StartQuery")
def start_query(call: Call) -> Params:
    names = _groups(call)
    if call.params.get("queryLanguage", "CWLI") != "CWLI":
        raise AwsError("NotImplemented", "The lab knows the query language CWLI only.", 501)
    # API_StartQuery: "Specified as epoch time, the number of seconds"; milliseconds are taken too.
    times = call.params["startTime"], call.params["endTime"]
    start, end = (value * 1000 if value < 10**11 else value for value in times)
    if end < start:
        raise AwsError("InvalidParameterException", "The start time must be before the end time", 400)
    groups = [call.backend().groups[name] for name in names]
    # moto keeps times as UTC without saying so.
    if all(end + 999 < group.creation_time.replace(tzinfo=UTC).timestamp() * 1000 for group in groups):
        raise _malformed(
            "Query's end date and time is either before the log groups creation time or exceeds the log groups log "
            "retention settings", 0,
        )  # fmt: skip
    try:
        query = insights.parsed(call.params["queryString"])
    except insights.QueryError as problem:
        raise _malformed(str(problem), problem.position) from None
    events = [
        insights.Event(event.timestamp, event.message, f"{group.name}/{name}/{event.event_id}")
        for group in groups
        for name, stream in group.streams.items()
        for event in stream.events
        if start <= event.timestamp < end + 1000
    ]
    scanned = sum(len(event.message.encode()) for event in events)
    fates = {tags.get(FATE_TAG) for tags in (_tags(call, name) for name in names)} & set(FATES)
    started = _Query(
        str(uuid.uuid4()), call.params["queryString"], names, call.now(),
        query.run(events, call.params.get("limit", insights.MAX_ROWS)), len(events), scanned, next(iter(fates), None),
    )  # fmt: skip
    _queries[_place(call)][started.id] = started
    return {"queryId": started.id}


def _tags(call: Call, group: str) -> dict[str, str]:
    return dict(call.moto({"logGroupName": group}, "ListTagsLogGroup").get("tags") or {})


def _query(call: Call) -> _Query:
    found = _queries[_place(call)].get(call.params["queryId"])
    if found is None:
        raise AwsError("ResourceNotFoundException", f"Query {call.params['queryId']} does not exist", 400)
    return found


@operation("logs", "GetQueryResults")
def get_query_results(call: Call) -> Params:
    query = _query(call)
    status = query.status(call.now())
    complete = status == "Complete"
    rows = query.result.rows if complete else []
    return {
        "queryLanguage": "CWLI",
        "status": status,
        "results": [[{"field": name, "value": value} for name, value in row.items()] for row in rows],
        "statistics": {
            "recordsMatched": float(query.result.matched if complete else 0),
            "recordsScanned": float(query.scanned if complete else 0),
            "bytesScanned": float(query.bytes if complete else 0),
        },
    }


@operation("logs", "StopQuery")
def stop_query(call: Call) -> Params:
    query = _query(call)
    if query.status(call.now()) not in ("Scheduled", "Running"):
        raise AwsError("InvalidParameterException", f"Query {query.id} is not running", 400)
    query.cancelled = True
    return {"success": True}


@operation("logs", "DescribeQueries")
def describe_queries(call: Call) -> Params:
    now, group, status = call.now(), call.params.get("logGroupName"), call.params.get("status")
    return {
        "queries": [
            {
                "queryId": query.id,
                "queryString": query.text,
                "status": query.status(now),
                "createTime": int(query.started * 1000),
                "logGroupName": query.groups[0],
            }
            for query in _queries[_place(call)].values()
            if group in (None, *query.groups) and status in (None, query.status(now))
        ]
    }


# --- saved definitions -----------------------------------------------------------------------------------------------


@operation("logs", "PutQueryDefinition")
def put_query_definition(call: Call) -> Params:
    held = _definitions[_place(call)]
    given = call.params.get("queryDefinitionId")
    if given and given not in held:
        raise AwsError("ResourceNotFoundException", "Query definition does not exist", 400)
    if not given and len(held) >= MAX_DEFINITIONS:
        raise AwsError("LimitExceededException", "Resource limit exceeded.", 400)
    # AWS does not ask that names be unique, and replaces everything, also what an update leaves out.
    definition = {
        "queryLanguage": call.params.get("queryLanguage", "CWLI"),
        "queryDefinitionId": given or str(uuid.uuid4()),
        "name": call.params["name"],
        "queryString": call.params["queryString"],
        "lastModified": int(call.now() * 1000),
        "logGroupNames": list(call.params.get("logGroupNames") or []),
    }
    held[definition["queryDefinitionId"]] = definition
    return {"queryDefinitionId": definition["queryDefinitionId"]}


@operation("logs", "DescribeQueryDefinitions")
def describe_query_definitions(call: Call) -> Params:
    prefix = call.params.get("queryDefinitionNamePrefix", "")
    found = [each for each in _definitions[_place(call)].values() if each["name"].startswith(prefix)]
    return {"queryDefinitions": sorted(found, key=lambda each: str(each["name"]))}


@operation("logs", "DeleteQueryDefinition")
def delete_query_definition(call: Call) -> Params:
    if _definitions[_place(call)].pop(call.params["queryDefinitionId"], None) is None:
        raise AwsError("ResourceNotFoundException", "Query definition does not exist", 400)
    return {"success": True}


# --- metrics ---------------------------------------------------------------------------------------------------------


@amend("logs", "PutLogEvents")
def count_incoming_bytes(call: Call, answer: Params) -> Params:
    """CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html: IncomingBytes, uncompressed, at the time of arrival."""
    size = sum(len(event["message"].encode()) for event in call.params["logEvents"])
    datum = {
        "MetricName": "IncomingBytes",
        "Dimensions": [{"Name": "LogGroupName", "Value": call.params["logGroupName"]}],
        "Value": size,
        "Unit": "Bytes",
        "Timestamp": datetime.fromtimestamp(call.now(), UTC).replace(tzinfo=None),  # as moto keeps times
    }
    call.backend("cloudwatch").put_metric_data("AWS/Logs", [datum])
    return answer
