# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""EventBridge: what moto answers with an error (Lambda and SNS targets), and what it matches though AWS does not."""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import threading
import uuid
from typing import TYPE_CHECKING, Any

from moto.events.models import EventPattern, EventTemplateParser, Rule

from lab.aws.errors import AwsError
from lab.aws.registry import operation, rule
from lab.aws.schedules import is_cron, is_rate, rate_seconds
from lab.aws.services import functions

if TYPE_CHECKING:
    from lab.aws.app import LabApplication
    from lab.aws.call import Call

Params = dict[str, Any]

_TICK = 0.5  # seconds between two looks at the schedules
MAX_TARGETS = 5  # eb-quota.html: "Targets: 5 per rule"
_OURS = re.compile(r"arn:aws[\w-]*:(lambda|sns):([a-z0-9-]+):(\d{12}):(.+)")

_moto_send = Rule.send_to_targets


def _send_to_targets(self: Any, original_event: Params, transform_input: bool = True) -> None:
    """In place of moto's method: a rule that is disabled or only has a schedule matches no event."""
    if self.state != "ENABLED" or not self.event_pattern.get_pattern():
        return
    everything = list(self.targets)
    self.targets = [each for each in everything if not _OURS.match(each["Arn"])]
    try:
        _moto_send(self, original_event, transform_input)
    finally:
        self.targets = everything
    if self.event_pattern.matches_event(original_event):
        for target in everything:
            match = _OURS.match(target["Arn"])
            if match:
                _deliver(target, match, original_event)


def _deliver(target: Params, match: re.Match[str], event: Params) -> None:
    """To a function or a topic that permits it; what cannot be delivered is lost, as on AWS without a queue."""
    from moto.backends import get_backend

    body = json.dumps(_input(target, event))
    service, region, account = match[1], match[2], match[3]
    with contextlib.suppress(Exception):
        backend = get_backend(service)[account][region]
        if service == "sns":
            if _publishable(json.loads(backend.topics[target["Arn"]].policy)):
                backend.publish(body, arn=target["Arn"])
            return
        function = backend.get_function(target["Arn"])
        if functions.permits(function, "events"):
            functions.runtime().later(function, body)


def _publishable(policy: Params) -> bool:
    """Whether the policy of a topic lets EventBridge publish; the one that a new topic has does not
    (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html)."""
    return any(
        statement["Effect"] == "Allow"
        and isinstance(statement["Principal"], dict)
        and "events.amazonaws.com" in statement["Principal"].get("Service", ())
        for statement in policy["Statement"]
    )


def emit(account: str, region: str, now: float, source: str, kind: str, resources: list[str], detail: Params) -> None:
    """An event of a service of AWS, on the default bus."""
    from moto.backends import get_backend

    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": kind,
        "source": source,
        "account": account,
        "time": now,
        "region": region,
        "resources": resources,
        "detail": detail,
    }
    for each in list(get_backend("events")[account][region].event_buses["default"].rules.values()):
        each.send_to_targets(event)


def _input(target: Params, event: Params) -> Any:
    """What the target gets: the event, a part of it, a constant, or a template filled from it."""
    shown = {name: value for name, value in event.items() if name not in ("ingestion-time", "replay-name")}
    if isinstance(shown.get("time"), int | float):
        moment = datetime.datetime.fromtimestamp(shown["time"], datetime.UTC)
        shown["time"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    if "Input" in target:
        return json.loads(target["Input"])
    if "InputPath" in target:
        value: Any = shown
        for part in target["InputPath"].removeprefix("$").strip(".").split("."):
            value = value.get(part) if part and isinstance(value, dict) else value
        return value
    if "InputTransformer" in target:
        transformer = target["InputTransformer"]
        return EventTemplateParser.parse(
            input_template=transformer.get("InputTemplate"),
            input_paths_map=transformer.get("InputPathsMap", {}),
            event=shown,
        )
    return shown


Rule.send_to_targets = _send_to_targets


# --- schedules -------------------------------------------------------------------------------------------------------


class Schedules:
    """Fires the rules with a rate, by the lab's time; those with cron(...) do not fire."""

    def __init__(self, app: LabApplication) -> None:
        self._app = app
        self._next: dict[str, float] = {}
        self._end = threading.Event()
        threading.Thread(target=self._run, name="schedules", daemon=True).start()

    def close(self) -> None:
        self._end.set()

    def _run(self) -> None:
        from moto.backends import get_backend

        while not self._end.wait(_TICK):
            for account, regions in list(get_backend("events").items()):
                now = self._app.clock.now(account)
                with contextlib.suppress(RuntimeError):  # a rule came while they were counted: at the next tick
                    for backend in list(regions.values()):
                        for bus in list(backend.event_buses.values()):
                            for scheduled in list(bus.rules.values()):
                                self._fire(scheduled, now)

    def _fire(self, scheduled: Any, now: float) -> None:
        expression = scheduled.scheduled_expression or ""
        if scheduled.state != "ENABLED" or not is_rate(expression):
            self._next.pop(scheduled.arn, None)
            return
        seconds = rate_seconds(expression)
        due = self._next.setdefault(scheduled.arn, now + seconds)
        if now < due:
            return
        self._next[scheduled.arn] = now + seconds
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": scheduled.account_id,
            "time": now,
            "region": scheduled.region_name,
            "resources": [scheduled.arn],
            "detail": {},
        }
        for target in list(scheduled.targets):
            match = _OURS.match(target["Arn"])
            if match:
                _deliver(target, match, event)


_schedules: Schedules | None = None


def attach(app: LabApplication) -> None:
    """Let the clock tick for the rules of this region."""
    global _schedules
    detach()
    _schedules = Schedules(app)


def detach() -> None:
    if _schedules:
        _schedules.close()


# --- operations ------------------------------------------------------------------------------------------------------


@rule("events", "PutRule")
def check_schedule(call: Call) -> None:
    expression = call.params.get("ScheduleExpression")
    if expression and not (is_cron(expression) or is_rate(expression)):
        raise AwsError("ValidationException", "Parameter ScheduleExpression is not valid.", 400)
    if not expression and not call.params.get("EventPattern"):
        message = "Parameter(s) EventPattern or ScheduleExpression must be specified."
        raise AwsError("ValidationException", message, 400)


@rule("events", "PutTargets")
def check_targets(call: Call) -> None:
    bus = call.backend().event_buses.get(call.params.get("EventBusName", "default").rpartition("/")[2])
    found = bus.rules.get(call.params["Rule"]) if bus else None
    present = {target["Id"] for target in found.targets} if found else set()
    if len(present | {target["Id"] for target in call.params["Targets"]}) > MAX_TARGETS:
        raise AwsError("LimitExceededException", "The requested resource exceeds the maximum number allowed.", 400)


@operation("events", "TestEventPattern")
def check_event_pattern(call: Call) -> Params:
    try:
        event, pattern = json.loads(call.params["Event"]), json.loads(call.params["EventPattern"])
    except ValueError:
        raise AwsError("InvalidEventPatternException", "Event pattern is not valid. Reason: not JSON", 400) from None
    missing = {"id", "account", "source", "time", "region", "resources", "detail-type"} - set(event)
    if missing:
        raise AwsError(
            "ValidationException", f"Parameter Event is not valid. Missing: {', '.join(sorted(missing))}", 400
        )
    return {"Result": EventPattern.load(json.dumps(pattern)).matches_event(event)}
