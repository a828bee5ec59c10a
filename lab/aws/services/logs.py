# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""CloudWatch Logs: what moto lets pass."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from moto.logs import models as moto_logs

from lab.aws import filter_patterns
from lab.aws.errors import AwsError
from lab.aws.registry import operation, rule
from lab.aws.services import functions

if TYPE_CHECKING:
    from lab.aws.call import Call

# API_PutRetentionPolicy: "Possible values are".
RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
MAX_SUBSCRIPTION_FILTERS = 2  # cloudwatch_limits_cwl.html: "2 per log group"
MAX_METRIC_FILTERS = 100
# API_PutLogEvents: "calculated as the sum of all event messages in UTF-8, plus 26 bytes for each log event"
MAX_BATCH, EVENT_OVERHEAD, MAX_EVENT = 1_048_576, 26, 1_048_576
DAY = 86_400_000


@rule("logs", "PutRetentionPolicy")
def check_retention(call: Call) -> None:
    days = call.params["retentionInDays"]
    if days not in RETENTION_DAYS:
        allowed = ", ".join(str(each) for each in sorted(RETENTION_DAYS))
        raise AwsError(
            "InvalidParameterException",
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{allowed}]",
            400,
        )


@rule("logs", "PutLogEvents")
def check_batch(call: Call) -> None:
    stamps = [event["timestamp"] for event in call.params["logEvents"]]
    sizes = [len(event["message"].encode()) + EVENT_OVERHEAD for event in call.params["logEvents"]]
    if stamps != sorted(stamps):
        raise _refused("Log events in a single PutLogEvents request must be in chronological order.")
    if stamps[-1] - stamps[0] > DAY:
        raise _refused("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
    if max(sizes) > MAX_EVENT:
        raise _refused(f"Log event too large: {max(sizes)} bytes exceeds limit of {MAX_EVENT}")
    if sum(sizes) > MAX_BATCH:
        raise _refused(f"Upload too large: {sum(sizes)} bytes exceeds limit of {MAX_BATCH}")


def _refused(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message, 400)


def _group(call: Call) -> str:
    name = str(call.params["logGroupName"])
    if name not in call.backend().groups:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.", 400)
    return name


@rule("logs", "PutSubscriptionFilter")
def check_subscription_filter(call: Call) -> None:
    group = call.backend().groups[_group(call)]
    others = [name for name in group.subscription_filters if name != call.params["filterName"]]
    if len(others) >= MAX_SUBSCRIPTION_FILTERS:
        raise AwsError("LimitExceededException", "Resource limit exceeded.", 400)
    destination = call.params["destinationArn"]
    if not re.fullmatch(r"arn:aws[\w-]*:(lambda|kinesis|firehose|logs):[a-z0-9-]+:\d{12}:.+", destination):
        raise AwsError("InvalidParameterException", "destinationArn is not a valid ARN", 400)
    if ":lambda:" in destination:
        _check_permission(call, destination)
    if len(group.subscription_filters) == MAX_SUBSCRIPTION_FILTERS:
        group.subscription_filters.pop(call.params["filterName"])  # replaced; moto would count it as a third


def _check_permission(call: Call, arn: str) -> None:
    """SubscriptionFilters.html: CloudWatch Logs sends a test message, which the function's policy must permit."""
    try:
        permitted = functions.permits(call.backend("lambda", arn.split(":")[3]).get_function(arn), "logs")
    except Exception:
        permitted = False
    if not permitted:
        message = (
            "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute "
            "your function."
        )
        raise AwsError("InvalidParameterException", message, 400)


@rule("logs", "PutMetricFilter")
def replace_metric_filter(call: Call) -> None:
    """A metric filter of the same name is replaced; moto keeps both."""
    name = _group(call)
    kept = call.backend().filters.metric_filters
    same = [each for each in kept if each["logGroupName"] == name and each["filterName"] == call.params["filterName"]]
    for each in same:
        kept.remove(each)
    if sum(each["logGroupName"] == name for each in kept) >= MAX_METRIC_FILTERS:
        raise AwsError("LimitExceededException", "Resource limit exceeded.", 400)
    if len(call.params["metricTransformations"]) != 1:
        raise AwsError("InvalidParameterException", "Exactly one metric transformation must be given", 400)


# --- keys ------------------------------------------------------------------------------------------------------------


@rule("logs", "CreateLogGroup", "AssociateKmsKey")
def check_key(call: Call) -> None:
    """encrypt-log-data-kms.html: the key must exist, and its policy must let CloudWatch Logs use it."""
    arn = call.params.get("kmsKeyId")
    if arn is None:
        return
    keys = call.backend("kms", arn.split(":")[3]).keys if re.fullmatch(r"arn:aws[\w-]*:kms:.+:key/.+", arn) else {}
    if arn.rpartition("/")[2] not in keys:
        raise _refused("The specified KMS key does not exist or is not allowed to be used with the log group.")


@operation("logs", "AssociateKmsKey")
def associate_key(call: Call) -> dict[str, Any]:
    call.backend().groups[_group(call)].kms_key_id = call.params["kmsKeyId"]
    return {}


@operation("logs", "DisassociateKmsKey")
def disassociate_key(call: Call) -> dict[str, Any]:
    call.backend().groups[_group(call)].kms_key_id = None
    return {}


# --- filter patterns -------------------------------------------------------------------------------------------------


@rule("logs", "PutMetricFilter", "PutSubscriptionFilter", "FilterLogEvents", "TestMetricFilter")
def check_filter_pattern(call: Call) -> None:
    try:
        filter_patterns.compiled(call.params.get("filterPattern") or "")
    except (ValueError, re.error) as problem:
        raise AwsError("InvalidParameterException", f"Invalid filter pattern: {problem}", 400) from None


@operation("logs", "TestMetricFilter")
def check_metric_filter(call: Call) -> dict[str, Any]:
    matches = filter_patterns.compiled(call.params["filterPattern"])
    messages = enumerate(call.params["logEventMessages"], 1)
    return {"matches": [{"eventNumber": n, "eventMessage": text} for n, text in messages if matches(text)]}


class _MessageFilter:
    """In place of moto's, which knows single terms only."""

    def __init__(self, pattern: str) -> None:
        self.matches = filter_patterns.compiled(pattern or "")


_send_everything = moto_logs.LogStream._send_log_events


def _send_what_matches(self: Any, service: str, destination_arn: str, filter_name: str, log_events: Any) -> None:
    """A subscription gets the events that match its pattern; moto sends it all of them, and numbers for ids."""
    matches = filter_patterns.compiled(self.log_group.subscription_filters[filter_name].filter_pattern or "")
    wanted = [{**event, "id": f"{event['id']:056}"} for event in log_events if matches(event["message"])]
    if wanted:
        _send_everything(self, service, destination_arn, filter_name, wanted)


moto_logs.EventMessageFilter = _MessageFilter
moto_logs.LogStream._send_log_events = _send_what_matches
