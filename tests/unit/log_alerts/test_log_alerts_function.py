# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The function of the role log_alerts, with the rules that the role ships and a table that is a dictionary."""

from __future__ import annotations

import base64
import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

ROLE = Path(__file__).parents[3] / "roles/log_alerts"
sys.path.insert(0, str(ROLE / "files"))

import check_config  # noqa: E402
from rampart_alerts import digest, message, records  # noqa: E402
from rampart_alerts.channels import LaterError, NeverError  # noqa: E402
from rampart_alerts.countries import Countries  # noqa: E402
from rampart_alerts.handler import Alerts  # noqa: E402
from rampart_alerts.store import Store  # noqa: E402

VARIABLES = yaml.safe_load((ROLE / "vars/main.yml").read_text())
RULES = {rule["name"]: {**VARIABLES["__log_alerts_rule"], **rule} for rule in VARIABLES["__log_alerts_builtin_rules"]}
FINGERPRINT = "SHA256:" + "a" * 43
NOON = 1_795_262_400.0  # 2026-11-21 12:00:00 UTC


def fields(rule: str, text: str) -> dict[str, str] | None:
    return records.fields_of(records.record_of(text), RULES[rule])


# --- what lines say


BODIES = {
    "ssh_accepted": [
        (
            f"Accepted publickey for admin from 192.0.2.7 port 50022 ssh2: ED25519 {FINGERPRINT}",
            {"method": "publickey", "user": "admin", "address": "192.0.2.7", "key": FINGERPRINT},
        ),
        (
            f"Accepted publickey for kim from 2001:db8::7 port 22 ssh2: ED25519-CERT {FINGERPRINT} ID kim from x "
            "(serial 0) CA ED25519 SHA256:ca",
            {"method": "publickey", "user": "kim", "address": "2001:db8::7", "key": FINGERPRINT},
        ),
        (
            "Accepted keyboard-interactive/pam for lee from fe80::1%eth0 port 1 ssh2",
            {"method": "keyboard-interactive/pam", "user": "lee", "address": "fe80::1%eth0"},
        ),
    ],
    "ssh_failed": [
        (
            "Failed password for root from 198.51.100.9 port 4 ssh2",
            {"method": "password", "user": "root", "address": "198.51.100.9"},
        ),
        (
            "Failed password for invalid user oracle from 2001:db8::9 port 4 ssh2",
            {"method": "password", "user": "oracle", "address": "2001:db8::9"},
        ),
        # Who calls himself so puts the blame on nobody else.
        (
            "Failed password for invalid user x from 192.0.2.1 port 1 ssh2: y from 198.51.100.9 port 4 ssh2",
            {"method": "password", "user": "x from 192.0.2.1 port 1 ssh2: y", "address": "198.51.100.9"},
        ),
        (
            "Connection closed by authenticating user root 198.51.100.9 port 4 [preauth]",
            {"end": "Connection closed by", "user": "root", "address": "198.51.100.9"},
        ),
        (
            "Disconnected from invalid user a 192.0.2.1 port 1 [preauth] 198.51.100.9 port 4 [preauth]",
            {"end": "Disconnected from", "user": "a 192.0.2.1 port 1 [preauth]", "address": "198.51.100.9"},
        ),
    ],
}
DATES = {
    "rfc3164": "Nov  1 03:00:00 web-1 {program}[4711]: {body}",
    "rfc3339": "2026-11-01T03:00:00.123456+09:00 web-1 {program}[4711]: {body}",
    "rfc3339-utc": "2026-11-01T03:00:00Z web-1 {program}[4711]: {body}",
}


@pytest.mark.parametrize("program", ["sshd", "sshd-session"])
@pytest.mark.parametrize("shape", [*DATES, "journald", "journald-bytes", "journald-bare"])
@pytest.mark.parametrize(("rule", "body", "expected"), [(r, b, e) for r, cases in BODIES.items() for b, e in cases])
def test_sshd(rule: str, body: str, expected: dict[str, str], shape: str, program: str) -> None:
    entry: dict[str, Any] = {"SYSLOG_IDENTIFIER": program, "_COMM": program, "_PID": "4711", "_UID": "0"}
    if shape in DATES:
        line = DATES[shape].format(program=program, body=body)
    else:
        entry["MESSAGE"] = list(body.encode()) if shape == "journald-bytes" else body
        line = json.dumps(entry if shape == "journald-bare" else {"body": entry, "severity": "INFO"})
    assert fields(rule, line) == expected
    assert records.record_of(line).pid == "4711"


@pytest.mark.parametrize(
    ("rule", "line", "expected"),
    [
        (
            "sudo",
            "Nov  1 03:00:00 web-1 sudo:    kim : TTY=pts/0 ; PWD=/home/kim ; USER=root ; COMMAND=/bin/ls ; COMMAND=x",
            {"user": "kim", "as": "root", "command": "/bin/ls ; COMMAND=x"},
        ),
        (
            "sudo",
            "Nov  1 03:00:00 web-1 sudo:    kim : PWD=/ ; USER=root ; GROUP=adm ; COMMAND=/bin/id",
            {"user": "kim", "as": "root", "command": "/bin/id"},
        ),
        (
            "sudo_refused",
            "Nov  1 03:00:00 web-1 sudo:    kim : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=ls",
            {"user": "kim", "reason": "user NOT in sudoers"},
        ),
        (
            "sudo_refused",
            "Nov  1 03:00:00 web-1 sudo: kim : 3 incorrect password attempts ; PWD=/ ; USER=root ; COMMAND=ls",
            {"user": "kim", "reason": "3 incorrect password attempts"},
        ),
        (
            "new_user",
            "2026-11-01T03:00:00+00:00 web-1 useradd[9]: new user: name=eve, UID=1001, GID=1001, home=/home/eve",
            {"user": "eve"},
        ),
        (
            "fail2ban_ban",
            "2026-11-21 03:00:00,123 fail2ban.actions        [12]: NOTICE  [sshd] Ban 198.51.100.9",
            {"jail": "sshd", "address": "198.51.100.9"},
        ),
        (
            "fail2ban_ban",
            "2026-11-21 03:00:00,123 fail2ban.actions        [12]: NOTICE  [recidive] Increase Ban 2001:db8::9",
            {"jail": "recidive", "address": "2001:db8::9"},
        ),
        (
            "nginx_errors",
            "2026/11/21 03:00:00 [error] 7#7: *5 connect() failed (111: Connection refused) while connecting "
            'to upstream, client: 192.0.2.7, server: www.example.com, request: "GET / HTTP/1.1"',
            {"address": "192.0.2.7"},
        ),
        ("nginx_errors", "2026/11/21 03:00:00 [emerg] 7#7: no space left on device", {}),
    ],
)
def test_others(rule: str, line: str, expected: dict[str, str]) -> None:
    assert fields(rule, line) == expected


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ("ssh_accepted", "Nov  1 03:00:00 web-1 logger: Accepted publickey for a from 192.0.2.1 port 1 ssh2"),
        ("ssh_failed", "Nov  1 03:00:00 web-1 sshd[1]: Failed none for invalid user a from 192.0.2.1 port 1 ssh2"),
        ("sudo", "Nov  1 03:00:00 web-1 sudo: kim : user NOT in sudoers ; TTY=a ; PWD=/ ; USER=root ; COMMAND=/bin/ls"),
        ("fail2ban_ban", "2026-11-21 03:00:00,123 fail2ban.actions [12]: NOTICE  [sshd] Unban 198.51.100.9"),
        (
            "nginx_errors",
            "2026/11/21 03:00:00 [error] 7#7: *5 access forbidden by rule, client: 192.0.2.7, server: a",
        ),
        ("nginx_errors", "2026/11/21 03:00:00 [warn] 7#7: nothing"),
        ("ssh_accepted", "{"),
        ("ssh_accepted", '{"body": null}'),
        ("ssh_accepted", ""),
    ],
)
def test_what_is_not_meant(rule: str, line: str) -> None:
    assert fields(rule, line) is None


@pytest.mark.parametrize("forged", [{"_COMM": "logger"}, {"_UID": "1000"}])
def test_nobody_can_say_in_the_journal_that_he_is_sshd(forged: dict[str, str]) -> None:
    text, _expected = BODIES["ssh_accepted"][0]
    entry = {"MESSAGE": text, "SYSLOG_IDENTIFIER": "sshd", "_COMM": "sshd", "_UID": "0"}
    assert fields("ssh_accepted", json.dumps({"body": entry})) is not None
    assert fields("ssh_accepted", json.dumps({"body": {**entry, **forged}})) is None


def batch(*lines: str, group: str = "/rampart/auth", host: str = "web-1", first: int = 0) -> dict[str, Any]:
    events = [
        {"id": f"{first + n:056d}", "timestamp": int(NOON * 1000), "message": line} for n, line in enumerate(lines)
    ]
    return {"messageType": "DATA_MESSAGE", "logGroup": group, "logStream": host, "logEvents": events}


def test_a_password_that_is_wrong_and_the_end_of_its_session_are_one_try() -> None:
    lines = [
        "Nov  1 03:00:00 h sshd[7]: Failed password for root from 198.51.100.9 port 4 ssh2",
        "Nov  1 03:00:01 h sshd[7]: Failed password for root from 198.51.100.9 port 4 ssh2",
        "Nov  1 03:00:02 h sshd[7]: Connection closed by authenticating user root 198.51.100.9 port 4 [preauth]",
        "Nov  1 03:00:02 h sshd[8]: Connection closed by authenticating user root 198.51.100.9 port 5 [preauth]",
    ]
    assert len(records.findings(batch(*lines), RULES.values())) == 3


# --- what is told


class Dynamo:
    """The four operations that the store uses, on a dictionary."""

    class exceptions:
        class TransactionCanceledException(Exception):
            def __init__(self) -> None:
                super().__init__()
                self.response = {"CancellationReasons": [{"Code": "ConditionalCheckFailed"}, {"Code": "None"}]}

        class ConditionalCheckFailedException(Exception):
            pass

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], dict[str, Any]] = {}

    @staticmethod
    def key(item: dict[str, Any]) -> tuple[str, str]:
        return item["pk"]["S"], item["sk"]["S"]

    def transact_write_items(self, TransactItems: list[dict[str, Any]]) -> None:
        puts = [each["Put"] for each in TransactItems]
        if any("ConditionExpression" in put and self.key(put["Item"]) in self.items for put in puts):
            raise self.exceptions.TransactionCanceledException
        self.items.update((self.key(put["Item"]), put["Item"]) for put in puts)

    def put_item(self, TableName: str, Item: dict[str, Any], **condition: Any) -> None:
        held, values = self.items.get(self.key(Item)), condition.get("ExpressionAttributeValues", {})
        if ":now" in values and held and float(held["until"]["N"]) > float(values[":now"]["N"]):
            raise self.exceptions.ConditionalCheckFailedException
        if ":owner" in values and (not held or held["owner"] != values[":owner"]):
            raise self.exceptions.ConditionalCheckFailedException
        self.items[self.key(Item)] = Item

    def delete_item(self, TableName: str, Key: dict[str, Any]) -> None:
        self.items.pop(self.key(Key), None)

    def query(self, ExpressionAttributeValues: dict[str, Any], **_rest: Any) -> dict[str, Any]:
        wanted = ExpressionAttributeValues[":pk"]["S"]
        return {"Items": [item for key, item in sorted(self.items.items()) if key[0] == wanted]}

    def get_paginator(self, _operation: str) -> Any:
        return SimpleNamespace(paginate=lambda **request: [self.query(**request)])


class Channel:
    name = "slack"
    pause = 1.0

    def __init__(self) -> None:
        self.told: list[str] = []
        self.answers: list[Exception] = []

    def send(self, text: str) -> None:
        if self.answers:
            raise self.answers.pop(0)
        self.told.append(text)


class Function:
    """The function with a clock that stands still until it is moved."""

    def __init__(self, rules: dict[str, Any] | None = None, **config: Any) -> None:
        self.now = NOON
        self.channel = Channel()
        self.buried: list[Any] = []
        self.dynamo = Dynamo()
        self.left = 50.0
        self.config = {
            "name": "alerts",
            "language": "en",
            "time_zone": "UTC",
            "rules": list({**RULES, **(rules or {})}.values()),
            "known_keys": {FINGERPRINT: "Kim's laptop"},
            "known_addresses": [],
            "quiet_hours": {},
            "give_up_after": 86_400,
            **config,
        }
        self.alerts = Alerts(
            self.config, Store(self.dynamo, "t"), [self.channel], self.buried.append, lambda _address: "",
            clock=lambda: self.now, sleep=self.sleep,
        )  # fmt: skip

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self, event: dict[str, Any]) -> list[str]:
        if "logEvents" in event:
            event = {"awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(event).encode())).decode()}}
        if self.alerts.take(event):
            self.alerts.tell("me", lambda: self.left)
        return self.channel.told

    def tick(self, seconds: float = 60) -> list[str]:
        self.now += seconds
        return self({})

    def pending(self) -> list[str]:
        return [key[1] for key in self.dynamo.items if key[0] == "pending#slack"]


def accepted(user: str = "kim", address: str = "192.0.2.7") -> str:
    return f"Nov  1 03:00:00 h sshd[1]: Accepted publickey for {user} from {address} port 1 ssh2: RSA {FINGERPRINT}"


def failed(number: int, user: str = "root", address: str = "198.51.100.9") -> str:
    return f"Nov  1 03:00:00 h sshd[{number}]: Connection closed by invalid user {user} {address} port 1 [preauth]"


def test_a_login_says_all() -> None:
    (text,) = Function()(batch(accepted()))
    assert text.splitlines() == [
        f"kim logged in to web-1 by SSH from 192.0.2.7, by publickey, key Kim's laptop ({FINGERPRINT})",
        "2026-11-21 12:00:00 UTC",
    ]


def test_korean() -> None:
    function = Function(language="ko", time_zone="Asia/Seoul")
    (text,) = function(batch(accepted()))
    assert text.startswith("kim 님이 web-1에 SSH로 로그인했습니다. 주소 192.0.2.7, 방식 publickey, 키 Kim's laptop")
    assert "2026-11-21 21:00:00 KST" in text


def test_both_languages_say_the_same_things() -> None:
    texts = json.loads((ROLE / "files/rampart_alerts/texts.json").read_text())

    def shape(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shape(inner) for key, inner in value.items()}
        return sorted(part.partition("}")[0] for part in value.split("{")[1:])

    assert shape(texts["en"]) == shape(texts["ko"])
    assert set(RULES) <= set(texts["en"])


def test_the_same_event_is_told_once() -> None:
    function = Function()
    for _ in range(3):
        function(batch(accepted()))
    assert len(function.tick()) == 1


def test_five_hundred_tries_are_one_message() -> None:
    function = Function()
    for start in range(0, 500, 50):
        assert function(batch(*(failed(n, user=f"u{n % 9}") for n in range(start, start + 50)), first=start)) == []
        function(
            batch(*(failed(n, user=f"u{n % 9}") for n in range(start, start + 50)), first=start)
        )  # delivered again
    (text,) = function.tick()
    assert text.splitlines()[0] == "500 failed logins by SSH"
    assert "addresses: 198.51.100.9 x500" in text
    assert "users: u0 x56" in text
    assert function.tick() == [text]
    assert function.pending() == []


def test_a_storm_that_goes_on_is_told_again_after_an_hour_with_all_of_it() -> None:
    function = Function()
    for minute in range(120):
        function(batch(*(failed(n) for n in range(30)), first=minute * 30))
        function.tick()
    assert [text.splitlines()[0].split()[0] for text in function.channel.told] == ["30", "1800"]


def test_a_few_wrong_passwords_are_nobodys_business() -> None:
    function = Function()
    function(batch(*(failed(n) for n in range(5))))
    assert function.tick(120) == []
    assert function.pending() == []


def test_many_logins_at_one_time_are_one_message() -> None:
    lines = [accepted(f"user{n}") for n in range(200)]
    (text,) = Function()(batch(*lines))
    assert text.splitlines()[0] == "200 logins by SSH"
    assert "user0 logged in to web-1" in text
    assert "... and 190 more" in text
    assert len(text) < message.LONGEST


@pytest.mark.parametrize("failures", [1, 3, 10])
def test_what_did_not_arrive_is_told_later_and_once(failures: int) -> None:
    function = Function()
    function.channel.answers = [LaterError("Slack answered 500")] * failures
    function(batch(accepted()))
    for _ in range(failures + 3):
        function.tick()
    assert len(function.channel.told) == 1
    assert function.buried == []


def test_who_does_not_listen_is_left_in_peace() -> None:
    function = Function()
    function.channel.answers = [LaterError("Slack answered 429")] * 2
    for number in range(2):
        function(batch(accepted(f"u{number}"), first=number))
    assert len(function.channel.answers) == 1, "it was asked once, not twice"
    function.tick()
    (text,) = function.tick()
    assert text.startswith("2 logins")


def test_what_never_arrives_is_buried_whole() -> None:
    function = Function()
    function.channel.answers = [LaterError("Slack answered 404")] * 100
    function(batch(accepted()))
    function.tick(86_401)
    (letter,) = function.buried
    assert letter["news"]["samples"][0]["user"] == "kim"
    assert function.pending() == []


def test_a_message_that_is_refused_does_not_keep_the_others() -> None:
    function = Function()
    function.channel.answers = [NeverError("Slack answered 400")]
    function(batch(accepted()))
    assert len(function.buried) == 1
    assert len(function(batch(accepted("lee"), first=9))) == 1


def test_while_somebody_else_tells_the_news_waits() -> None:
    function = Function()
    assert function.alerts._store.take_lease("slack", "other", function.now)
    assert function(batch(accepted())) == []
    assert len(function.pending()) == 1
    # The other one was ended by its time-out: its lease ends too.
    assert len(function.tick(61)) == 1


def test_without_time_left_nothing_is_begun() -> None:
    function = Function()
    function.left = 3
    assert function(batch(accepted())) == []
    function.left = 50
    assert len(function.tick()) == 1


@pytest.mark.parametrize(
    ("address", "told"),
    [("192.0.2.7", 0), ("::ffff:192.0.2.7", 0), ("192.0.3.7", 1), ("2001:db8::7", 1), ("not an address", 0)],
)
def test_known_addresses(address: str, told: int) -> None:
    function = Function(
        known_addresses=[
            {"network": "192.0.2.0/24", "name": "office"},
            {"network": "2001:db8::/32", "name": "Busan", "tell": True},
        ]
    )
    texts = function(batch(accepted(address=address)))
    assert len(texts) == told
    assert not told or ("(Busan)" in texts[0]) == (":" in address)


def test_quiet_hours_hold_back_what_may_wait() -> None:
    function = Function(
        time_zone="Asia/Seoul", quiet_hours={"start": "20:00", "end": "07:00", "rules": ["new_user", "ssh_failed"]}
    )  # it is 21:00 in Seoul
    function(batch("Nov  1 03:00:00 h useradd[1]: new user: name=eve, UID=1"))
    assert len(function(batch(accepted(), first=5))) == 1
    for _ in range(9 * 60):
        function.tick()
    assert len(function.channel.told) == 1
    for _ in range(62):
        function.tick()
    assert function.channel.told[1].startswith("New user eve on web-1")


@pytest.mark.parametrize(
    ("hour", "held"), [(-14.5, True), (-14, False), (0, True), (9.9, True), (10, False), (12, False)], ids=str
)
def test_the_end_of_quiet_hours(hour: float, held: bool) -> None:
    """21:00 in Seoul, and hours later; quiet from 20:00 to 07:00."""
    rule = {"name": "r", "window": 0, "repeat": 0}
    moment = NOON + hour * 3600
    due = digest.due_at(rule, moment, 0, {"start": "20:00", "end": "07:00", "rules": ["r"]}, "Asia/Seoul")
    assert (due > moment) == held
    assert not held or (due - (NOON + 10 * 3600)) % 86_400 == 0


def test_control_messages_and_other_groups_are_nothing() -> None:
    function = Function()
    assert function({**batch(accepted()), "messageType": "CONTROL_MESSAGE"}) == []
    assert function(batch(accepted(), group="/elsewhere")) == []
    assert function.dynamo.items.keys() <= {("lease#slack", "-")}


def test_a_rule_of_ones_own() -> None:
    own = {**VARIABLES["__log_alerts_rule"], "name": "mine", "log_group": "/app", "title": "Payment {0} failed",
           "patterns": ["FATAL (?P<what>.*)"], "window": 0}  # fmt: skip
    (text,) = Function({"mine": own})(batch("FATAL {user} x", group="/app"))
    assert text.splitlines()[0] == "Payment {0} failed: 1"


# --- harmless


@pytest.mark.parametrize("text", ["\x1b[2J", "a\x00b", "\u202eevil", "\u200bx", "a\nb", "\ud800"])
def test_nothing_steers_the_reader(text: str) -> None:
    shown = message.harmless(text)
    assert shown.isprintable()
    assert "\\x" in shown


def test_markup_and_mentions_do_nothing() -> None:
    body = message.slack(message.harmless("<!channel> <@U1> @channel @HERE *b* & <http://x|y>"))
    assert not set("<>") & set(body["text"])
    assert "@channel" not in json.dumps(body, ensure_ascii=False)
    assert "@HERE" not in json.dumps(body, ensure_ascii=False)
    assert body["blocks"][0]["text"]["type"] == "plain_text"


def test_a_long_name_does_not_fill_the_message() -> None:
    assert len(message.harmless("x" * 5000)) == 120


# --- countries


@pytest.fixture
def countries(tmp_path: Path) -> Iterator[Countries]:
    (tmp_path / "countries.csv").write_text("203.0.113.0/24,KR\n198.51.100.0/25,US\n2001:db8::/32,JP\n")
    yield Countries(tmp_path / "countries.csv")


@pytest.mark.parametrize(
    ("address", "country"),
    [
        ("203.0.113.255", "KR"),
        ("203.0.114.0", ""),
        ("198.51.100.127", "US"),
        ("198.51.100.128", ""),
        ("::ffff:203.0.113.1", "KR"),
        ("2001:db8:1::", "JP"),
        ("1.1.1.1", ""),
        ("nowhere", ""),
    ],
)
def test_countries(countries: Countries, address: str, country: str) -> None:
    assert countries.of(address) == country


# --- the configuration is tried on the controller


def problems(**changes: Any) -> str:
    groups = ["/rampart/auth", "/rampart/fail2ban", "/rampart/nginx/error"]
    config = {**Function().config, "log_groups": groups, "country_file": "", **changes}
    return " ".join(check_config.problems(config))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"log_groups": []}, "rule ssh_accepted: its log group /rampart/auth is not among the log groups"),
        ({"known_addresses": [{"network": "office"}]}, "known address office"),
        ({"known_keys": {"AAAAC3": "x"}}, "this is no fingerprint"),
        ({"time_zone": "Mars/Phobos"}, "there is none of this name"),
        ({"quiet_hours": {"start": "22:00"}}, "they need start, end and rules"),
        ({"quiet_hours": {"start": "25:00", "end": "07:00", "rules": []}}, "'25:00' is no time of day"),
        ({"quiet_hours": {"start": "22:00", "end": "07:00", "rules": ["sodu"]}}, "there is no rule sodu"),
        ({"country_file": "/nowhere"}, "country file /nowhere"),
        ({"rules": [{**RULES["sudo"], "patterns": ["("]}]}, "'(' is no regular expression"),
        ({"rules": [{**RULES["sudo"], "window": 0, "threshold": 5}]}, "a threshold needs a window"),
        (
            {"rules": [{"name": "x", "window": 0, "repeat": 0, "threshold": 1, "terms": []}]},
            "rule x: it needs log_group",
        ),
    ],
)
def test_configurations(changes: dict[str, Any], words: str) -> None:
    assert words in problems(**changes)
    assert bool(words) == bool(problems(**changes))
