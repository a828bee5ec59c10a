# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""playbooks/alerts.yml and its function: what hosts log is told to a webhook, once, whatever the webhook answers."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.aws.testing import REPO, Aws, Region
from lab.webhook import Webhook

NAME = "rampart-log-alerts"
SECRET = "T0SECRET/B0SECRET/Xn3verPrintTh1s"
KEY = "SHA256:" + "a" * 43
WINDOW = 10
ACCEPTED = "Accepted publickey for {user} from {address} port 50022 ssh2: ED25519 " + KEY
FAILED = "Connection closed by invalid user {user} {address} port {port} [preauth]"


def journal(message: Any, comm: str = "sshd-session", **fields: str) -> str:
    """An entry as the agent ships it."""
    body = {"MESSAGE": message, "SYSLOG_IDENTIFIER": comm, "_COMM": comm, "_UID": "0", "_PID": "7", **fields}
    return json.dumps({"body": body}, separators=(",", ":"))


class Pipeline:
    """The playbook with this account, hosts that log, and the webhook."""

    def __init__(self, aws: Aws, webhook: Webhook, file: Path) -> None:
        self.aws = aws
        self.file = file
        self.webhook = webhook
        self.first_output = ""
        self.calls: set[str] = set()
        self.logs = aws.client("logs")
        self.variables: dict[str, Any] = {
            "log_alerts_slack_webhook_url": f"{webhook.url}/services/{SECRET}",
            "log_alerts_channels": ["slack", "mail"],
            "log_alerts_mail_addresses": ["ops@example.com"],
            "log_alerts_known_keys": [{"name": "Kim's laptop", "fingerprint": KEY}],
            "log_alerts_rules": [{"name": "ssh_failed", "window": WINDOW, "repeat": 0}],
            "log_alerts_hosts": [{"name": "web-1", "dimensions": {"Host": "web-1"}}],
        }

    def __call__(self, *options: str, **variables: Any) -> str:
        code, output = self.run(*options, **variables)
        assert code == 0, output
        return output

    def run(self, *options: str, **variables: Any) -> tuple[int, str]:
        self.aws.reset_journal()
        self.file.write_text(json.dumps({**self.variables, **variables}))
        done = subprocess.run(
            [
                f"{Path(sys.executable).parent}/ansible-playbook",
                *("-i", "nobody,", "playbooks/alerts.yml", "--extra-vars", f"@{self.file}", *options),
            ],
            cwd=REPO,
            env={**self.aws.env, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            timeout=240,
        )
        self.calls |= {
            f"{call['service']}:{call['operation']}" for call in self.aws.journal() if "Ansible" in call["user_agent"]
        }
        return done.returncode, done.stdout + done.stderr

    @property
    def writes(self) -> list[str]:
        """What the playbook wrote; the function, which the clock wakes, has its own calls."""
        reads = ("List", "Get", "Describe", "AssumeRole")
        calls = [call["operation"] for call in self.aws.journal() if "Ansible" in call["user_agent"]]
        return [name for name in calls if not name.startswith(reads)]

    def log(self, *messages: str, group: str = "/rampart/auth", host: str = "web-1") -> None:
        with contextlib.suppress(self.logs.exceptions.ResourceAlreadyExistsException):
            self.logs.create_log_stream(logGroupName=group, logStreamName=host)
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": message} for message in messages]
        self.logs.put_log_events(logGroupName=group, logStreamName=host, logEvents=events)

    def tick(self) -> None:
        """What the schedule does every minute, now and to its end."""
        self.invoke({"source": "aws.events"})

    def invoke(self, event: dict[str, Any]) -> None:
        answer = self.aws.client("lambda").invoke(FunctionName=NAME, Payload=json.dumps(event))
        assert "FunctionError" not in answer, answer["Payload"].read()

    def told(self, count: int, seconds: float = 20) -> list[str]:
        """The messages, when there are so many."""
        self.aws.eventually(lambda: len(self.webhook.told()) >= count, seconds)
        return self.webhook.told()


@pytest.fixture(scope="module")
def webhook() -> Iterator[Webhook]:
    server = Webhook()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def deployed(aws_region: Region, webhook: Webhook, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """One for all tests of this module: they are told apart by what they log. Check mode comes first."""
    made = Pipeline(Aws(aws_region), webhook, tmp_path_factory.mktemp("alerts") / "variables.json")
    made("--check", "--diff")
    assert made.writes == []
    made.first_output = made("-vvv", "--diff")
    return made


@pytest.fixture
def pipeline(deployed: Pipeline) -> Iterator[Pipeline]:
    deployed.webhook.received.clear()
    yield deployed
    deployed.webhook.answers.clear()


def test_the_second_run_changes_nothing(pipeline: Pipeline) -> None:
    assert "changed=0" in pipeline("--diff")
    assert pipeline.writes == []


def test_a_login_is_told_once_within_seconds(pipeline: Pipeline) -> None:
    began = time.time()
    pipeline.log(journal(ACCEPTED.format(user="kim", address="203.0.113.7")))
    (text,) = pipeline.told(1, 10)
    assert pipeline.webhook.received[0]["at"] - began < 10
    for word in ("kim", "203.0.113.7", "Kim's laptop", KEY, "web-1"):
        assert word in text
    pipeline.tick()
    assert len(pipeline.webhook.received) == 1


def test_a_batch_that_is_delivered_again_is_told_once(pipeline: Pipeline) -> None:
    line = "2026-11-21T03:00:00.1+09:00 web-2 sshd[9]: " + ACCEPTED.format(user="lee", address="2001:db8::7")
    batch = {
        "messageType": "DATA_MESSAGE",
        "logGroup": "/rampart/auth",
        "logStream": "web-2",
        "subscriptionFilters": [NAME],
        "logEvents": [{"id": "3" * 56, "timestamp": int(time.time() * 1000), "message": line}],
    }
    data = base64.b64encode(gzip.compress(json.dumps(batch).encode())).decode()
    for _ in range(3):
        pipeline.invoke({"awslogs": {"data": data}})
    assert len(pipeline.webhook.received) == 1
    assert "2001:db8::7" in pipeline.told(1)[0]


def test_a_storm_is_one_message_with_its_count(pipeline: Pipeline) -> None:
    for start in range(0, 500, 50):
        tries = range(start, start + 50)
        pipeline.log(*(journal(FAILED.format(user=f"u{n % 7}", address="198.51.100.9", port=n + 1)) for n in tries))
    time.sleep(WINDOW + 1)
    pipeline.aws.eventually(lambda: not pipeline.tick() and pipeline.webhook.told(), 20)
    pipeline.tick()
    (text,) = pipeline.webhook.told()
    assert "500" in text
    assert "198.51.100.9 x500" in text
    assert "web-1 x500" in text


@pytest.mark.parametrize("answers", [[429, 500], ["silence"], [404]], ids=str)
def test_whatever_the_webhook_answers_nothing_is_lost(pipeline: Pipeline, answers: list[Any]) -> None:
    pipeline.webhook.answers[:] = answers
    users = ["ahn", "bae", "cho"]
    for user in users:
        pipeline.log(journal(ACCEPTED.format(user=user, address="203.0.113.8")))

    def all_told() -> bool:
        pipeline.tick()
        return sum("\n".join(pipeline.webhook.told()).count(f"{user} logged in") for user in users) >= len(users)

    pipeline.aws.eventually(all_told, 60)
    pipeline.tick()
    everything = "\n".join(pipeline.webhook.told())
    assert [everything.count(f"{user} logged in") for user in users] == [1, 1, 1]
    assert pipeline.webhook.answers == []


def test_what_slack_refuses_for_good_is_kept_in_the_dead_letter_queue(pipeline: Pipeline) -> None:
    pipeline.webhook.answers[:] = [400]
    pipeline.log(journal(ACCEPTED.format(user="dead", address="203.0.113.8")))
    sqs = pipeline.aws.client("sqs")
    url = sqs.get_queue_url(QueueName=NAME)["QueueUrl"]
    (letter,) = pipeline.aws.eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"), 20)
    body = json.loads(letter["Body"])
    assert (body["channel"], body["news"]["samples"][0]["user"]) == ("slack", "dead")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=letter["ReceiptHandle"])


def test_while_the_table_does_not_answer_nothing_is_lost(pipeline: Pipeline) -> None:
    """AWS Lambda delivers again what the function could not keep."""
    pipeline.aws.fault(
        service="dynamodb", operation="TransactWriteItems", kind="error", times=3,
        params={"status": 400, "code": "ProvisionedThroughputExceededException"},
    )  # fmt: skip
    pipeline.log(journal(ACCEPTED.format(user="table", address="203.0.113.8")))
    (text,) = pipeline.told(1, 30)
    assert "table" in text


def test_a_name_from_the_log_cannot_act(pipeline: Pipeline) -> None:
    name = "<!channel> @channel *b* \x1b[2J\u202ex from 192.0.2.1 port 1"
    line = journal(list(FAILED.format(user=name, address="198.51.100.66", port=5).encode()))
    pipeline.log(*[line] * 25)
    time.sleep(WINDOW + 1)
    pipeline.aws.eventually(lambda: not pipeline.tick() and pipeline.webhook.told(), 20)
    (sent,) = pipeline.webhook.received
    assert sent["body"]["blocks"][0]["text"]["type"] == "plain_text"
    assert "<" not in sent["body"]["text"]
    (text,) = pipeline.webhook.told()
    assert "198.51.100.66 x25" in text
    assert "192.0.2.1 x" not in text
    assert "@channel" not in text
    assert not {"\x1b", "\u202e"} & set(text)


def test_mail_gets_the_same(pipeline: Pipeline) -> None:
    sns, sqs = pipeline.aws.client("sns"), pipeline.aws.client("sqs")
    queue = sqs.create_queue(QueueName="mailbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = next(each["TopicArn"] for each in sns.list_topics()["Topics"] if each["TopicArn"].endswith(f":{NAME}"))
    addresses = [each["Endpoint"] for each in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]]
    assert addresses == ["ops@example.com"]
    mine = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
    pipeline.log(journal(ACCEPTED.format(user="mina", address="203.0.113.7")))
    (message,) = pipeline.aws.eventually(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"), 20)
    body = json.loads(message["Body"])
    assert body["Subject"].startswith("mina logged in to web-1")
    assert KEY in body["Message"]
    sns.unsubscribe(SubscriptionArn=mine)


def test_a_silent_host_is_told_by_its_alarm(pipeline: Pipeline) -> None:
    alarms = pipeline.aws.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{NAME}:")["MetricAlarms"]
    (alarm,) = alarms
    assert (alarm["TreatMissingData"], alarm["Threshold"]) == ("breaching", 1.0)
    function = pipeline.aws.client("lambda").get_function(FunctionName=NAME)["Configuration"]
    assert [arn.split(":")[6] for arn in alarm["AlarmActions"]] == [NAME]
    assert function["DeadLetterConfig"]["TargetArn"].endswith(f":{NAME}")
    state = {"value": "ALARM", "timestamp": "2026-11-21T03:00:00.000+0000", "reason": "no data"}
    alarm_event = {"alarmName": alarm["AlarmName"], "state": state}
    event = {"source": "aws.cloudwatch", "alarmArn": alarm["AlarmArn"], "alarmData": alarm_event}
    pipeline.invoke(event)
    pipeline.invoke(event)
    (text,) = pipeline.webhook.told()
    assert "web-1 has fallen silent" in text


def test_the_secret_is_nowhere(pipeline: Pipeline) -> None:
    parameter = pipeline.aws.client("ssm").get_parameter(Name="/rampart/log-alerts/slack-webhook")["Parameter"]
    assert parameter["Type"] == "SecureString"
    secret = SECRET.rpartition("/")[2]
    group = f"/aws/lambda/{NAME}"
    events = pipeline.logs.get_paginator("filter_log_events").paginate(logGroupName=group)
    function_log = "\n".join(event["message"] for page in events for event in page["events"])
    assert "later" in function_log, "the failures of the other tests stand in it"
    for where in (function_log, pipeline.first_output, json.dumps(pipeline.aws.journal())):
        assert secret not in where
    code, refused = pipeline.run("-vvv", "--diff", log_alerts_slack_webhook_url=f"ftp://{SECRET}")
    assert code != 0
    assert secret not in refused


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"log_alerts_rules": [{"name": "sudo", "patterns": ["("]}]}, "rule sudo: '(' is no regular expression"),
        ({"log_alerts_rule": []}, "Did you mean log_alerts_rules"),
        ({"log_alerts_channels": ["mail"], "log_alerts_mail_addresses": []}, "mail needs log_alerts_mail_addresses"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_touched(
    pipeline: Pipeline, wrong: dict[str, Any], words: str
) -> None:
    code, output = pipeline.run(**wrong)
    assert code == 2
    assert words in " ".join(output.split())
    assert pipeline.writes == []


def test_only_what_changed_is_updated(pipeline: Pipeline) -> None:
    url = f"{pipeline.webhook.url}/services/another/{SECRET}"
    output = pipeline("-vvv", "--diff", log_alerts_language="ko", log_alerts_slack_webhook_url=url)
    assert SECRET not in output
    assert sorted(pipeline.writes) == ["PutParameter", "UpdateFunctionCode"]
    pipeline.log(journal(ACCEPTED.format(user="kim", address="203.0.113.9")))
    assert "로그인했습니다" in pipeline.told(1)[0]


def test_absent_leaves_nothing_but_the_logs(pipeline: Pipeline) -> None:
    pipeline("--check", log_alerts_state="absent")
    assert pipeline.writes == []
    pipeline(log_alerts_state="absent")
    client = pipeline.aws.client
    assert client("lambda").list_functions()["Functions"] == []
    assert client("dynamodb").list_tables()["TableNames"] == []
    assert client("events").list_rules()["Rules"] == []
    assert client("cloudwatch").describe_alarms()["MetricAlarms"] == []
    assert client("cloudwatch").list_dashboards()["DashboardEntries"] == []
    assert client("ssm").describe_parameters()["Parameters"] == []
    assert client("sns").list_topics()["Topics"] == []
    assert client("iam").list_roles()["Roles"] == []
    groups = [group["logGroupName"] for group in pipeline.logs.describe_log_groups()["logGroups"]]
    assert groups == ["/rampart/auth", "/rampart/fail2ban", "/rampart/nginx/access", "/rampart/nginx/error"]
    for group in groups:
        assert pipeline.logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"] == []
    assert "changed=0" in pipeline(log_alerts_state="absent")


def test_the_controllers_policies_allow_all_that_was_done(deployed: Pipeline) -> None:
    documents = [json.loads((REPO / f"docs/iam-{name}.json").read_text()) for name in ("controller", "alerts")]
    allowed = {action for each in documents for statement in each["Statement"] for action in statement["Action"]}
    assert sorted(deployed.calls - allowed) == []
