# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Single rules of services of which nothing else had to be changed."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from lab.aws.errors import AwsError
from lab.aws.registry import amend, operation, rule

if TYPE_CHECKING:
    from lab.aws.call import Call


@rule("guardduty", "CreateDetector")
def one_detector(call: Call) -> None:
    """API_CreateDetector: "You can have only one detector per account per Region"."""
    if call.backend().detectors:
        message = "The request is rejected because a detector already exists for the current account."
        raise AwsError("BadRequestException", message, 400)


@rule("cloudformation", "UpdateStack")
def something_to_update(call: Call) -> None:
    """API_UpdateStack answers a ValidationError when neither template nor parameters differ."""
    stack = next(
        (each for each in call.backend().stacks.values() if call.params["StackName"] in (each.name, each.stack_id)),
        None,
    )
    body = call.params.get("TemplateBody")
    if stack is None or (body is None and not call.params.get("UsePreviousTemplate")):
        return
    given = {each["ParameterKey"]: each.get("ParameterValue") for each in call.params.get("Parameters", [])}
    same_parameters = all(stack.parameters.get(key) == value for key, value in given.items())
    same_tags = "Tags" not in call.params or {tag["Key"]: tag["Value"] for tag in call.params["Tags"]} == stack.tags
    if body in (None, stack.template) and same_parameters and same_tags:
        raise AwsError("ValidationError", "No updates are to be performed.", 400)


@rule("config", "DescribeConfigRules")
def known_rules(call: Call) -> None:
    """API_DescribeConfigRules: NoSuchConfigRuleException."""
    missing = set(call.params.get("ConfigRuleNames", [])) - set(call.backend().config_rules)
    if missing:
        name = sorted(missing)[0]
        raise AwsError("NoSuchConfigRuleException", f"The ConfigRule '{name}' provided in the request is invalid.", 400)


@operation("cloudtrail", "DeleteTrail")
def delete_trail(call: Call) -> dict[str, Any]:
    """API_DeleteTrail takes a name or an ARN; moto forgets to look for the latter."""
    return call.moto({"Name": call.params["Name"].rpartition("/")[2]})


@rule("cloudwatch", "PutMetricData")
def check_metric_data(call: Call) -> None:
    """API_PutMetricData: up to 1,000 metrics in a request, and no namespace of AWS's own."""
    namespace, data = call.params["Namespace"], call.params.get("MetricData", [])
    if namespace.startswith("AWS/"):
        raise AwsError("InvalidParameterValue", f"The value {namespace} for parameter Namespace is invalid.", 400)
    if len(data) > 1000:
        message = "The collection MetricData must not have a size greater than 1000."
        raise AwsError("InvalidParameterValue", message, 400)
    for each in data:
        given = [name for name in ("Value", "Values", "StatisticValues") if name in each]
        if len(given) != 1:
            message = "Exactly one of the parameters Value, Values and StatisticValues must be given."
            raise AwsError("InvalidParameterCombination", message, 400)


@operation("kms", "ScheduleKeyDeletion")
def schedule_key_deletion(call: Call) -> dict[str, Any]:
    """API_ScheduleKeyDeletion takes a key id or an ARN; moto stumbles over the latter."""
    return call.moto({**call.params, "KeyId": call.params["KeyId"].rpartition("/")[2]})


@amend("dynamodb", "CreateTable", "DescribeTable", "DeleteTable", "UpdateTable")
def name_the_table(call: Call, answer: dict[str, Any]) -> dict[str, Any]:
    """API_TableDescription has a TableId, which moto leaves out."""
    member = "Table" if "Table" in answer else "TableDescription"
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{call.account}/{call.region}/{answer[member]['TableName']}")
    return {**answer, member: {"TableId": str(identity), **answer[member]}}
