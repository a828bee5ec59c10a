# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""AWS Lambda in the lab: the code really runs, whoever invokes it."""

from __future__ import annotations

import base64
import io
import json
import time
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.aws.testing import Aws

HANDLER = """
import base64, gzip, json, os, sys, time
import boto3

def echo(event, context):
    print("seen", json.dumps(event))
    return {"event": event, "name": context.function_name, "arn": context.invoked_function_arn,
            "left": context.get_remaining_time_in_millis(), "env": dict(os.environ), "cwd": os.getcwd()}

def fails(event, context):
    raise ValueError("no good")

def sleeps(event, context):
    print("going to sleep")
    time.sleep(30)

def exits(event, context):
    os._exit(3)

def unmarshallable(event, context):
    return object()

def remember(event, context):
    text = json.dumps(event)
    if "awslogs" in event:
        text = gzip.decompress(base64.b64decode(event["awslogs"]["data"])).decode()
    boto3.client("ssm").put_parameter(Name=os.environ["TARGET"], Value=text, Type="String", Overwrite=True)
"""
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def archive() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("app.py", HANDLER)
    return packed.getvalue()


def make(aws: Aws, handler: str, name: str = "f", **more: Any) -> str:
    iam = aws.client("iam")
    try:
        role = iam.get_role(RoleName="function")["Role"]["Arn"]
    except ClientError:
        role = iam.create_role(RoleName="function", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    made = aws.client("lambda").create_function(
        FunctionName=name, Runtime="python3.12", Handler=handler, Role=role, Code={"ZipFile": archive()}, **more
    )
    return str(made["FunctionArn"])


def invoke(aws: Aws, event: Any = None, **more: Any) -> tuple[dict[str, Any], Any]:
    answer = aws.client("lambda").invoke(FunctionName="f", Payload=json.dumps(event or {}), **more)
    return answer, json.loads(answer["Payload"].read() or b"null")


def remembered(aws: Aws) -> Any:
    ssm = aws.client("ssm")

    def read() -> Any:
        try:
            return json.loads(ssm.get_parameter(Name="seen")["Parameter"]["Value"])
        except ClientError:
            return None

    return aws.eventually(read, 20)


def test_handler_contract(aws: Aws) -> None:
    arn = make(aws, "app.echo", Timeout=10, Environment={"Variables": {"COLOUR": "red"}})
    answer, result = invoke(aws, {"a": [1, "ü"]}, LogType="Tail")
    assert (answer["StatusCode"], answer["ExecutedVersion"], "FunctionError" in answer) == (200, "$LATEST", False)
    assert (result["event"], result["name"], result["arn"]) == ({"a": [1, "ü"]}, "f", arn)
    assert 5_000 < result["left"] <= 10_000
    env = result["env"]
    assert (env["COLOUR"], env["AWS_LAMBDA_FUNCTION_NAME"], env["AWS_REGION"]) == ("red", "f", "ap-northeast-2")
    assert env["LAMBDA_TASK_ROOT"] == result["cwd"]
    assert not any(name.startswith(("ANSIBLE", "PYTEST", "SSH", "VIRTUAL_ENV")) for name in env)
    assert 'seen {"a": [1' in base64.b64decode(answer["LogResult"]).decode()
    logs = aws.client("logs")
    stream = logs.describe_log_streams(logGroupName="/aws/lambda/f")["logStreams"][0]["logStreamName"]
    events = logs.get_log_events(logGroupName="/aws/lambda/f", logStreamName=stream)["events"]
    words = [event["message"].split()[0] for event in events]
    assert words == ["START", "seen", "END", "REPORT"]


@pytest.mark.parametrize(
    ("handler", "error", "message"),
    [
        ("app.fails", "ValueError", "no good"),
        ("app.absent", "Runtime.HandlerNotFound", "Handler 'absent' missing on module 'app'"),
        ("absent.echo", "Runtime.ImportModuleError", "Unable to import module 'absent'"),
        ("app.exits", "Runtime.ExitError", "exit status 3"),
        ("app.unmarshallable", "Runtime.MarshalError", "Unable to marshal response"),
    ],
)
def test_failures_are_reported_as_the_runtime_does(aws: Aws, handler: str, error: str, message: str) -> None:
    make(aws, handler)
    answer, result = invoke(aws)
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert result["errorType"] == error
    assert message in result["errorMessage"]


def test_timeout(aws: Aws) -> None:
    make(aws, "app.sleeps", Timeout=1)
    answer, result = invoke(aws, LogType="Tail")
    assert answer["FunctionError"] == "Unhandled"
    assert "Task timed out after 1.00 seconds" in result["errorMessage"]
    assert "going to sleep" in base64.b64decode(answer["LogResult"]).decode()


def test_function_calls_back_into_its_account(aws: Aws) -> None:
    make(aws, "app.remember", Timeout=20, Environment={"Variables": {"TARGET": "seen"}})
    answer, _result = invoke(aws, {"n": 1}, InvocationType="Event")
    assert answer["StatusCode"] == 202
    assert remembered(aws) == {"n": 1}
    assert invoke(aws, InvocationType="DryRun")[0]["StatusCode"] == 204


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"FunctionName": "none"}, "ResourceNotFoundException"),
        ({"FunctionName": "f", "Payload": b"{"}, "InvalidRequestContentException"),
        ({"FunctionName": "f", "InvocationType": "Event", "Payload": b'"' + b"a" * 1_100_000 + b'"'},
         "RequestTooLargeException"),
    ],
)  # fmt: skip
def test_bad_invocations(aws: Aws, params: dict[str, Any], code: str) -> None:
    make(aws, "app.echo")
    with pytest.raises(ClientError) as caught:
        aws.client("lambda").invoke(**params)
    assert caught.value.response["Error"]["Code"] == code


def test_bad_functions(aws: Aws) -> None:
    arn = make(aws, "app.echo")
    assert arn
    role = aws.client("iam").get_role(RoleName="function")["Role"]["Arn"]
    wanted = {"FunctionName": "g", "Runtime": "python3.12", "Handler": "a.b", "Role": role}
    for changes in ({"Code": {"ZipFile": b"no zip"}}, {"Code": {"ZipFile": archive()}, "Role": f"{role}x"}):
        with pytest.raises(ClientError, match="InvalidParameterValueException"):
            aws.client("lambda").create_function(**{**wanted, **changes})


def test_log_subscription_reaches_the_function_only_with_permission(aws: Aws) -> None:
    arn = make(aws, "app.remember", Timeout=20, Environment={"Variables": {"TARGET": "seen"}})
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="auth")
    logs.create_log_stream(logGroupName="auth", logStreamName="s")
    wanted = {"logGroupName": "auth", "filterName": "logins", "filterPattern": "Accepted", "destinationArn": arn}
    with pytest.raises(ClientError, match="Could not execute the lambda function"):
        logs.put_subscription_filter(**wanted)
    aws.client("lambda").add_permission(
        FunctionName="f", StatementId="logs", Action="lambda:InvokeFunction", Principal="logs.amazonaws.com"
    )
    logs.put_subscription_filter(**wanted)
    lines = ["Failed password for root", "Accepted publickey for admin from 192.0.2.7"]
    events = [{"timestamp": int(time.time() * 1000), "message": line} for line in lines]
    logs.put_log_events(logGroupName="auth", logStreamName="s", logEvents=events)
    seen = remembered(aws)
    assert (seen["messageType"], seen["logGroup"], seen["logStream"]) == ("DATA_MESSAGE", "auth", "s")
    assert seen["subscriptionFilters"] == ["logins"]
    assert [event["message"] for event in seen["logEvents"]] == [lines[1]]
    assert [len(event["id"]) for event in seen["logEvents"]] == [56]  # SubscriptionFilters.html: a string of digits


def test_event_rule_reaches_the_function_and_the_topic(aws: Aws) -> None:
    arn = make(aws, "app.remember", Timeout=20, Environment={"Variables": {"TARGET": "seen"}})
    events, sns, sqs = aws.client("events"), aws.client("sns"), aws.client("sqs")
    topic = sns.create_topic(Name="t")["TopicArn"]
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["my.app"], "detail": {"n": [1]}}))
    events.put_rule(Name="only-a-schedule", ScheduleExpression="rate(1 day)")
    for rule, target in (("r", arn), ("only-a-schedule", arn)):
        events.put_targets(Rule=rule, Targets=[{"Id": "f", "Arn": target}])
    events.put_targets(Rule="r", Targets=[{"Id": "t", "Arn": topic, "InputPath": "$.detail"}])

    def put(number: int) -> None:
        entry = {"Source": "my.app", "DetailType": "Test", "Detail": json.dumps({"n": number})}
        assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0

    put(1)  # neither the function nor the topic permits it yet
    aws.client("lambda").add_permission(
        FunctionName="f", StatementId="events", Action="lambda:InvokeFunction", Principal="events.amazonaws.com"
    )
    aws.let_events_publish(topic)
    put(2)
    put(1)
    seen = remembered(aws)
    assert (seen["source"], seen["detail-type"], seen["detail"]) == ("my.app", "Test", {"n": 1})
    assert seen["time"].endswith("Z")
    bodies = [json.loads(each["Body"])["Message"] for _ in range(2) for each in
              sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])]  # fmt: skip
    assert [json.loads(body) for body in bodies] == [{"n": 1}]
    logs = aws.client("logs")

    def ran() -> Any:
        try:
            return logs.describe_log_streams(logGroupName="/aws/lambda/f")["logStreams"]
        except ClientError:
            return None

    assert len(aws.eventually(ran)) == 1


def test_what_a_function_fails_at_three_times_is_buried(aws: Aws) -> None:
    sqs = aws.client("sqs")
    queue = sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    make(aws, "app.fails", Timeout=10, DeadLetterConfig={"TargetArn": arn})
    shown = aws.client("lambda").get_function_configuration(FunctionName="f")
    assert shown["DeadLetterConfig"] == {"TargetArn": arn}
    invoke(aws, {"n": 7}, InvocationType="Event")
    (letter,) = aws.eventually(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"), 30)
    assert json.loads(letter["Body"]) == {"n": 7}
    events = aws.client("logs").filter_log_events(logGroupName="/aws/lambda/f")["events"]
    assert sum(event["message"].startswith("START") for event in events) == 3


def test_a_rate_fires_by_the_accounts_clock(aws: Aws) -> None:
    arn = make(aws, "app.remember", Timeout=20, Environment={"Variables": {"TARGET": "seen"}})
    aws.client("lambda").add_permission(
        FunctionName="f", StatementId="events", Action="lambda:InvokeFunction", Principal="events.amazonaws.com"
    )
    events = aws.client("events")
    events.put_rule(Name="tick", ScheduleExpression="rate(10 minutes)")
    events.put_targets(Rule="tick", Targets=[{"Id": "f", "Arn": arn}])
    time.sleep(1.5)  # it must have been seen once
    aws.advance_clock(600)
    seen = remembered(aws)
    assert (seen["source"], seen["detail-type"]) == ("aws.events", "Scheduled Event")
    assert seen["resources"][0].endswith("rule/tick")


def test_event_pattern_can_be_tried(aws: Aws) -> None:
    event = {
        "id": "1",
        "account": "123456789012",
        "source": "aws.ec2",
        "time": "2026-01-01T00:00:00Z",
        "region": "ap-northeast-2",
        "resources": [],
        "detail-type": "x",
        "detail": {"state": "running"},
    }
    events = aws.client("events")
    tried = [
        events.test_event_pattern(Event=json.dumps(event), EventPattern=json.dumps({"detail": {"state": [state]}}))
        for state in ("running", "stopped")
    ]
    assert [each["Result"] for each in tried] == [True, False]
