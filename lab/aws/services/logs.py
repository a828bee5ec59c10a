# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""CloudWatch Logs: what moto lets pass."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lab.aws.errors import AwsError
from lab.aws.registry import rule

if TYPE_CHECKING:
    from lab.aws.call import Call

# API_PutRetentionPolicy: "Possible values are".
RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
MAX_SUBSCRIPTION_FILTERS = 2  # cloudwatch_limits_cwl.html: "2 per log group"
MAX_METRIC_FILTERS = 100


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
    if len(group.subscription_filters) == MAX_SUBSCRIPTION_FILTERS:
        group.subscription_filters.pop(call.params["filterName"])  # replaced; moto would count it as a third


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
