# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The pure parts of the lab's AWS."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.aws import accounts, filter_patterns, journal, rates, validation, wire
from lab.aws.errors import AwsError
from lab.aws.schedules import is_cron, is_rate, is_timezone
from lab.aws.services.wafv2 import addresses, capacity
from lab.aws.switches import Switchboard


@given(st.text(min_size=1, max_size=40))
def test_account_ids_are_twelve_digits_and_stable(name: str) -> None:
    made = accounts.account_id(name)
    assert len(made) == 12
    assert made.isdigit()
    assert made[0] != "0"
    assert accounts.account_id(name.upper()) == accounts.account_id(name.upper().lower())


def test_account_by_name_or_by_id() -> None:
    assert accounts.account_of("123456789012") == "123456789012"
    assert accounts.account_of("lab") == accounts.account_id("LAB")


@pytest.mark.parametrize(
    ("header", "query", "expected"),
    [
        (
            "AWS4-HMAC-SHA256 Credential=AKIALAB_x-1/20260101/eu-west-1/wafv2/aws4_request, SignedHeaders=a",
            "",
            ("AKIALAB_x-1", "eu-west-1", "wafv2"),
        ),
        ("", "X-Amz-Credential=K%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&x=1", ("K", "us-east-1", "s3")),
        ("AWS AKID:signature", "", None),
        ("", "", None),
    ],
)
def test_credential_scope(header: str, query: str, expected: tuple[str, str, str] | None) -> None:
    found = accounts.credential(header, query)
    assert (found and (found.access_key, found.region, found.signing_name)) == expected


def test_regions_are_those_of_botocore() -> None:
    assert {"ap-northeast-2", "us-east-1"} <= accounts.regions()
    assert "xx-nowhere-9" not in accounts.regions()


@pytest.mark.parametrize(
    ("expression", "valid"),
    [
        ("cron(0 5 ? * * *)", True),
        ("cron(0 12 * * ? *)", True),
        ("cron(0/15 8-17 ? * MON-FRI 2026)", True),
        ("cron(0 0 L * ? *)", True),
        ("cron(0 0 ? * 6L *)", True),
        ("cron(0 0 ? JAN,MAR TUE#3 *)", True),
        ("cron(0 5 * * * *)", False),
        ("cron(0 5 ? * ? *)", False),
        ("cron(60 5 ? * * *)", False),
        ("cron(0 24 ? * * *)", False),
        ("cron(0 5 32 * ? *)", False),
        ("cron(0 5 ? 13 * *)", False),
        ("cron(0 5 ? * 8 *)", False),
        ("cron(0 5 ? * *)", False),
        ("cron(0/0 5 ? * * *)", False),
        ("0 5 ? * * *", False),
        ("", False),
    ],
)
def test_cron(expression: str, valid: bool) -> None:
    assert is_cron(expression) is valid


def test_rate_and_time_zone() -> None:
    assert [is_rate(f"rate({text})") for text in ("1 day", "2 days", "1 days", "2 day", "0 days", "1 week")] == [
        True, True, False, False, False, False,
    ]  # fmt: skip
    assert is_timezone("Asia/Seoul")
    assert not is_timezone("Mars/Olympus")
    assert not is_timezone("../../etc/passwd")


@given(st.ip_addresses(v=4), st.integers(1, 32))
def test_ipv4_networks_are_kept_as_they_are(address: ipaddress.IPv4Address, length: int) -> None:
    network = ipaddress.ip_network((int(address), length), strict=False)
    assert addresses.canonical(str(network), "IPV4") == str(network)


@given(st.ip_addresses(v=6), st.integers(1, 128))
def test_ipv6_networks_come_back_expanded_and_mean_the_same(address: ipaddress.IPv6Address, length: int) -> None:
    network = ipaddress.IPv6Network((int(address), length), strict=False)
    expanded = addresses.canonical(str(network), "IPV6")
    assert ipaddress.ip_network(expanded) == network
    assert expanded == addresses.canonical(expanded, "IPV6")
    assert len(expanded.partition("/")[0]) == 39


@pytest.mark.parametrize("text", ["192.0.2.1", "0.0.0.0/0", "192.0.2.1/24", "192.0.2.0/33", "::1/128", "x", "", "/24"])
def test_bad_ipv4_addresses(text: str) -> None:
    with pytest.raises(AwsError) as caught:
        addresses.canonical(text, "IPV4")
    assert (caught.value.code, caught.value.extra["Field"]) == ("WAFInvalidParameterException", "IP_ADDRESS")


def test_an_address_counts_once() -> None:
    assert addresses.canonical_set(["2001:DB8::/32", "2001:db8:0::/32"], "IPV6") == [
        "2001:0db8:0000:0000:0000:0000:0000:0000/32"
    ]


def _match(kind: str, field: str = "UriPath", transformations: tuple[str, ...] = ("NONE",), **more: Any) -> Any:
    listed = [{"Priority": index, "Type": name} for index, name in enumerate(transformations)]
    return {kind: {"FieldToMatch": {field: {}}, "TextTransformations": listed, **more}}


@pytest.mark.parametrize(
    ("statement", "cost"),
    [
        ({"GeoMatchStatement": {"CountryCodes": ["DE"]}}, 1),
        ({"IPSetReferenceStatement": {"ARN": "a"}}, 1),
        ({"IPSetReferenceStatement": {"ARN": "a", "IPSetForwardedIPConfig": {"Position": "ANY"}}}, 5),
        ({"LabelMatchStatement": {"Scope": "LABEL", "Key": "k"}}, 1),
        (_match("ByteMatchStatement", PositionalConstraint="STARTS_WITH"), 2),
        (_match("ByteMatchStatement", PositionalConstraint="CONTAINS"), 10),
        (_match("ByteMatchStatement", transformations=("LOWERCASE",), PositionalConstraint="EXACTLY"), 12),
        (_match("ByteMatchStatement", field="AllQueryArguments", PositionalConstraint="EXACTLY"), 12),
        (_match("RegexMatchStatement", field="JsonBody"), 6),
        (_match("RegexPatternSetReferenceStatement", ARN="a"), 25),
        (_match("SizeConstraintStatement"), 1),
        (_match("SqliMatchStatement"), 20),
        (_match("SqliMatchStatement", SensitivityLevel="HIGH"), 30),
        (_match("XssMatchStatement", transformations=("URL_DECODE", "LOWERCASE")), 60),
        ({"RateBasedStatement": {}}, 2),
        ({"RateBasedStatement": {"CustomKeys": [{}, {}], "ScopeDownStatement": {"GeoMatchStatement": {}}}}, 63),
        ({"ManagedRuleGroupStatement": {"Name": "AWSManagedRulesCommonRuleSet"}}, 700),
        ({"RuleGroupReferenceStatement": {"ARN": "g"}}, 77),
        ({"NotStatement": {"Statement": {"GeoMatchStatement": {}}}}, 1),
        ({"AndStatement": {"Statements": [{"GeoMatchStatement": {}}, {"AsnMatchStatement": {}}]}}, 2),
    ],
)
def test_capacity_units(statement: Any, cost: int) -> None:
    assert capacity.statement_cost(statement, lambda arn: 77) == cost


def test_the_nine_managed_groups_of_the_web_need_more_than_the_basic_price_covers() -> None:
    groups = ("PHP", "WordPress", "BotControl", "Common", "KnownBadInputs", "Linux", "SQLi")
    lists = ("AnonymousIpList", "AmazonIpReputationList")
    names = [f"AWSManagedRules{name}RuleSet" for name in groups] + [f"AWSManagedRules{name}" for name in lists]
    assert sum(capacity.managed_rule_groups()[name]["capacity"] for name in names) == 1625


def test_rates_admit_what_is_documented() -> None:
    now = [0.0]
    limiter = rates.Rates(clock=lambda: now[0])

    def admitted(operation: str, count: int) -> int:
        return sum(limiter.admit("a", "r", "wafv2", operation) for _ in range(count))

    assert admitted("GetIPSet", 20) == 5
    assert admitted("UpdateIPSet", 20) == 1
    assert admitted("AssociateWebACL", 20) == 1
    assert admitted("DeleteIPSet", 20) == 20
    now[0] = 1.0
    assert (admitted("GetIPSet", 20), admitted("UpdateIPSet", 20), admitted("AssociateWebACL", 20)) == (5, 1, 0)
    now[0] = 2.0
    assert admitted("AssociateWebACL", 20) == 1
    assert limiter.admit("a", "r", "logs", "DescribeLogGroups")


def test_journal_masks_by_name_and_forgets_on_request() -> None:
    secret = {"Name": "n", "Password": "p", "Nested": {"SecretString": "s", "SecretArn": "arn"}, "LockToken": "t"}
    assert journal.masked(secret) == {
        "Name": "n",
        "Password": "***",
        "Nested": {"SecretString": "***", "SecretArn": "arn"},
        "LockToken": "t",
    }
    book = journal.Journal(size=2)
    for name in ("a", "b", "c"):
        book.add(journal.Entry(journal.now(), name, "r", "s", "o", {}))
    assert [entry["account"] for entry in book.entries()] == ["b", "c"]
    assert book.clear(lambda entry: entry.account == "b") == 1
    assert [entry["account"] for entry in book.entries()] == ["c"]


def test_journal_keeps_within_its_weight() -> None:
    book = journal.Journal(size=10, weight=100)
    for name in ("a", "b", "c"):
        book.add(journal.Entry(journal.now(), name, "r", "s", "o", {}), weight=60)
    assert [entry["account"] for entry in book.entries()] == ["c"]
    book.add(journal.Entry(journal.now(), "d", "r", "s", "o", {}), weight=30)
    assert [entry["account"] for entry in book.entries()] == ["c", "d"]


def test_switches_are_all_or_nothing() -> None:
    board = Switchboard()
    board.change({"page_size": 3})
    with pytest.raises(ValueError, match="rates"):
        board.change({"page_size": 5, "rates": 1})
    assert board.of("any").page_size == 3
    board.change({"rates": True}, account="a")
    assert (board.of("a").rates, board.of("a").page_size, board.of("b").rates) == (True, 3, False)
    board.reset("a")
    assert board.of("a").rates is False


@pytest.mark.parametrize(
    ("written", "matches", "does_not"),
    [
        (r"^[\w\-]+$", "a-b_1", "a b"),
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "Größe 1", "a|b"),
        (r"[\p{Alnum}]+", "Ab1", "a-b"),
    ],
)
def test_patterns_of_the_models(written: str, matches: str, does_not: str) -> None:
    compiled = validation.pattern(written)
    assert compiled is not None
    assert compiled.fullmatch(matches)
    assert not compiled.fullmatch(does_not)


SSHD = "Nov 21 10:00:01 web-1 sshd[42]: Accepted publickey for admin from 192.0.2.7 port 1"
ACCESS = '192.0.2.7 - frank [10/Oct/2026:13:25:15] "GET /index.php HTTP/1.1" 404 1534'
EVENT = '{"code": 403, "user": {"name": "root", "ids": [7, 8]}, "ok": false, "none": null, "text": "a b"}'


@pytest.mark.parametrize(
    ("pattern", "message", "matches"),
    [
        ("", SSHD, True),
        ("Accepted", SSHD, True),
        ("Accepted admin", SSHD, True),
        ("Accepted root", SSHD, False),
        ("accepted", SSHD, False),
        ('"Accepted publickey"', SSHD, True),
        ('"publickey Accepted"', SSHD, False),
        ("?Failed ?Accepted", SSHD, True),
        ("?Failed ?Invalid", SSHD, False),
        ("Accepted -root", SSHD, True),
        ("Accepted -admin", SSHD, False),
        ('-"from 192.0.2.7"', SSHD, False),
        ("%Accepted (publickey|password)%", SSHD, True),
        ("%^Accepted%", SSHD, False),
        ("[ip, id, user, time, request, status, size]", ACCESS, True),
        ("[ip, id, user, time, request, status]", ACCESS, False),
        ("[ip, id, user, time, request, status = 4*, size]", ACCESS, True),
        ("[ip, id, user, time, request = *.php*, status = 404 || status = 410, size > 1000]", ACCESS, True),
        ("[ip, id, user, time, request, status != 404, size]", ACCESS, False),
        ("[..., status = 404, size]", ACCESS, True),
        ("[ip = 192.0.2.7, ...]", ACCESS, True),
        ("[ip = %^198%, ...]", ACCESS, False),
        ("{ $.code = 403 }", EVENT, True),
        ("{ $.code >= 404 }", EVENT, False),
        ("{ $.code != 200 && $.user.name = root }", EVENT, True),
        ('{ ($.code = 200 || $.code = 403) && $.user.name = "ro*" }', EVENT, True),
        ("{ $.user.ids[1] = 8 }", EVENT, True),
        ("{ $.user.ids[2] = 8 }", EVENT, False),
        ("{ $.ok IS FALSE }", EVENT, True),
        ("{ $.none IS NULL }", EVENT, True),
        ("{ $.code NOT EXISTS }", EVENT, False),
        ("{ $.absent NOT EXISTS }", EVENT, True),
        ("{ $.absent != 1 }", EVENT, False),
        ('{ $.text = "a b" }', EVENT, True),
        ("{ $.text = %^a% }", EVENT, True),
        ("{ $.code = 403 }", SSHD, False),
    ],
)
def test_filter_patterns(pattern: str, message: str, matches: bool) -> None:
    assert filter_patterns.compiled(pattern)(message) is matches


@pytest.mark.parametrize(
    "pattern", ["a:b", '"open', "{ $.a = 1", "{ $.a = }", "{ ($.a = 1 }", "{ }", "[a, b", "[..., a, ...]", "%(%"]
)
def test_filter_patterns_that_are_none(pattern: str) -> None:
    with pytest.raises((ValueError, re.error)):
        filter_patterns.compiled(pattern)


@given(st.text(max_size=30), st.text(max_size=30))
def test_filter_patterns_never_fail_but_by_refusal(pattern: str, message: str) -> None:
    try:
        matcher = filter_patterns.compiled(pattern)
    except (ValueError, re.error):
        return
    assert matcher(message) in (True, False)


@pytest.mark.parametrize(
    ("remote", "server", "host", "local"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1:5577", True),
        ("127.0.0.1", "127.0.0.1", "localhost:5577", True),
        ("::1", "::1", "[::1]:5577", True),
        ("10.89.77.1", "10.89.77.1", "10.89.77.1:5577", True),
        ("10.89.77.5", "10.89.77.1", "10.89.77.1:5577", False),
        ("127.0.0.1", "127.0.0.1", "rebound.example:5577", False),
        ("127.0.0.1", "127.0.0.1", "", False),
        ("", "127.0.0.1", "127.0.0.1:5577", False),
    ],
)
def test_who_is_on_this_machine(remote: str, server: str, host: str, local: bool) -> None:
    assert wire.is_local({"REMOTE_ADDR": remote, "SERVER_NAME": server, "HTTP_HOST": host}) is local
