# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The function: takes batches of log events, alarms and the clock's tick; keeps the news; tells what is due.

News is kept before it is told and forgotten after, so that whatever ends the function in between loses nothing.
"""

from __future__ import annotations

import base64
import functools
import gzip
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from . import countries, digest, records
from .channels import LaterError, Mail, NeverError, Slack
from .digest import Piece
from .message import Writer
from .store import Store

RESERVE = 12  # seconds that one more message may take
BACK_OFF = 10  # seconds until the next try after one that failed
QUEUE = 5  # seconds to wait for another sender to come to an end
AGENT_SILENT = "agent_silent"


class Alerts:
    """The function's parts, put together once for each execution environment."""

    def __init__(
        self,
        config: Mapping[str, Any],
        store: Store,
        channels: list[Any],
        bury: Callable[[Mapping[str, Any]], None],
        country: Callable[[str], str],
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._config = config
        self._rules: dict[str, records.Rule] = {rule["name"]: rule for rule in config["rules"]}
        self._store = store
        self._channels = channels
        self._bury = bury
        self._writer = Writer(config, country)
        self._clock = clock
        self._sleep = sleep

    def take(self, event: Mapping[str, Any]) -> bool:
        """Keep what is new in an event. True if something is to be told now: what is collected waits for the clock."""
        news: list[Piece] = []
        if "awslogs" in event:
            batch = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
            # CONTROL_MESSAGE: CloudWatch Logs tries whether the function can be reached.
            if batch["messageType"] == "DATA_MESSAGE":
                found = records.findings(batch, self._rules.values())
                news = digest.pieces(found, self._rules, self._config["known_addresses"])
        elif "alarmData" in event:
            news = [_alarm(event)]
        names = [channel.name for channel in self._channels]
        new = sum(self._store.add(piece, names, self._clock()) for piece in news)
        if news:
            print(json.dumps({"pieces": len(news), "new": new}))
            return any(not self._rule(piece["rule"])["window"] for piece in news)
        return "awslogs" not in event

    def tell(self, owner: str, seconds_left: Callable[[], float]) -> None:
        """Tell what is due, on every channel for itself."""
        undelivered = {}
        for channel in self._channels:
            if not self._lease(channel.name, owner, seconds_left):
                continue
            waiting = 1
            try:
                waiting = undelivered[channel.name] = self._drain(channel, seconds_left)
            finally:
                # Who does not listen is left in peace for a while.
                self._store.give_lease(channel.name, owner, self._clock() + (BACK_OFF if waiting else 0))
        _measure(undelivered, self._config["name"], self._clock())

    def _lease(self, channel: str, owner: str, seconds_left: Callable[[], float]) -> bool:
        """Whoever cannot have it within seconds leaves the news to the one who has it, or to the next tick."""
        end = self._clock() + QUEUE
        while not self._store.take_lease(channel, owner, self._clock()):
            if self._clock() > end or seconds_left() < RESERVE:
                return False
            self._sleep(0.25)
        return True

    def _drain(self, channel: Any, seconds_left: Callable[[], float]) -> int:
        """Tell everything that is due, also what comes meanwhile; how much of it could not be told."""
        first = True
        while True:
            group = self._due(channel.name)
            if not group:
                return 0
            if seconds_left() < RESERVE:
                return len(group)
            if not first and channel.pause:
                self._sleep(channel.pause)
            first = False
            try:
                self._tell_one(channel, group)
            except (LaterError, ClientError, BotoCoreError) as error:
                print(json.dumps({"channel": channel.name, "rule": group[0][2]["rule"], "later": str(error)}))
                self._give_up_on(channel.name, group, str(error))
                return len(group)

    def _due(self, channel: str) -> list[tuple[str, float, Piece]]:
        """All pending news of the rule that has been due longest."""
        pending: dict[str, list[tuple[str, float, Piece]]] = {}
        for entry in self._store.pending(channel):
            pending.setdefault(entry[2]["rule"], []).append(entry)
        if not pending:
            return []
        told_at = self._store.told_at(channel)
        quiet, zone = self._config["quiet_hours"], self._config["time_zone"]
        moments = {
            name: digest.due_at(self._rule(name), group[0][1], told_at.get(name, 0.0), quiet, zone)
            for name, group in pending.items()
        }
        name = min(moments, key=lambda each: moments[each])
        return pending[name] if moments[name] <= self._clock() else []

    def _rule(self, name: str) -> records.Rule:
        """One that has been taken out of the configuration is told at once, for the last time."""
        return self._rules.get(name, {"name": name, "window": 0, "repeat": 0, "threshold": 1})

    def _tell_one(self, channel: Any, group: list[tuple[str, float, Piece]]) -> None:
        news = digest.summed(piece for _key, _since, piece in group)
        rule = self._rule(news["rule"])
        keys = [key for key, _since, _piece in group]
        if news["count"] >= rule["threshold"]:
            try:
                channel.send(self._writer.text(news))
            except NeverError as error:
                self._bury({"channel": channel.name, "why": str(error), "news": news})
            if rule["window"]:
                self._store.told(channel.name, rule["name"], self._clock())
        self._store.done(channel.name, keys)

    def _give_up_on(self, channel: str, group: list[tuple[str, float, Piece]], why: str) -> None:
        """What could not be told for so long goes into the dead-letter queue, whole."""
        limit = self._clock() - self._config["give_up_after"]
        for key, since, piece in group:
            if since < limit:
                self._bury({"channel": channel, "why": why, "news": piece})
                self._store.done(channel, [key])


def _alarm(event: Mapping[str, Any]) -> Piece:
    """What CloudWatch sends of an alarm: "Lambda function alarm actions" in its guide."""
    alarm = event["alarmData"]
    moment = int(time.mktime(time.strptime(alarm["state"]["timestamp"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone)
    host = alarm["alarmName"].rpartition(":")[2]
    fields = {"host": host, "state": alarm["state"]["value"]}
    found = records.Finding(AGENT_SILENT, f"{event['alarmArn']}/{alarm['state']['timestamp']}", moment * 1000, fields)
    return digest.pieces([found], {AGENT_SILENT: {"window": 0}}, [])[0]


def _measure(undelivered: Mapping[str, int], name: str, now: float) -> None:
    """A metric by way of the log: CloudWatch's "embedded metric format"."""
    for channel, count in undelivered.items():
        metric = {"Namespace": "Rampart/LogAlerts", "Dimensions": [["Name", "Channel"]]}
        metric["Metrics"] = [{"Name": "Undelivered", "Unit": "Count"}]  # type: ignore[assignment]
        embedded = {"_aws": {"Timestamp": int(now * 1000), "CloudWatchMetrics": [metric]}}
        print(json.dumps({**embedded, "Name": name, "Channel": channel, "Undelivered": count}))


@functools.cache
def _alerts() -> Alerts:
    root = Path(os.environ["LAMBDA_TASK_ROOT"])
    config = json.loads((root / "config.json").read_text(encoding="utf-8"))
    client = functools.partial(
        boto3.client, config=Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 3})
    )
    channels: list[Any] = []
    if config["slack_parameter"]:
        channels.append(Slack(client("ssm"), config["slack_parameter"]))
    if config["topic_arn"]:
        channels.append(Mail(client("sns"), config["topic_arn"]))

    def bury(letter: Mapping[str, Any]) -> None:
        sqs = client("sqs")
        url = sqs.get_queue_url(QueueName=config["dead_letter_queue"])["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(letter, ensure_ascii=False))

    store = Store(client("dynamodb"), config["table"])
    return Alerts(config, store, channels, bury, countries.Countries(root / "countries.csv").of)


def handle(event: Mapping[str, Any], context: Any) -> None:
    """The entry point. It fails only while nothing is kept yet: then AWS Lambda delivers the event again."""
    alerts = _alerts()
    if alerts.take(event):
        alerts.tell(context.aws_request_id, lambda: context.get_remaining_time_in_millis() / 1000)
