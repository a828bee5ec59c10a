# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""wafv2_ip_set against the region: what it does, with which calls, and what it makes of faults."""

from __future__ import annotations

import ipaddress
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lab.aws.testing import Aws

MODULE = "rampart.ops.wafv2_ip_set"
READ = ["ListIPSets", "GetIPSet"]


class Sets:
    """The module with this account, and the truth."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws

    def __call__(self, name: str = "blocked", check: bool = False, **args: Any) -> dict[str, Any]:
        self.aws.reset_journal()
        result = self.aws.run_module(MODULE, {"name": name, "scope": "REGIONAL", **args}, check=check)
        assert not result["failed"], result
        return result

    def fails(self, name: str = "blocked", **args: Any) -> str:
        self.aws.reset_journal()
        result = self.aws.run_module(MODULE, {"name": name, "scope": "REGIONAL", **args})
        assert result["failed"], result
        return str(result["msg"])

    @property
    def calls(self) -> list[str]:
        return self.aws.operations()

    def held(self, name: str = "blocked", scope: str = "REGIONAL") -> dict[str, Any] | None:
        """The set as the API returns it."""
        client = self.aws.client("wafv2", region="us-east-1" if scope == "CLOUDFRONT" else "ap-northeast-2")
        for summary in client.list_ip_sets(Scope=scope)["IPSets"]:
            if summary["Name"] == name:
                found: dict[str, Any] = client.get_ip_set(Name=name, Scope=scope, Id=summary["Id"])["IPSet"]
                return found
        return None

    def entries(self, name: str = "blocked") -> set[str]:
        held = self.held(name)
        assert held is not None
        return {str(ipaddress.ip_network(address)) for address in held["Addresses"]}


@pytest.fixture
def sets(aws: Aws) -> Sets:
    return Sets(aws)


def test_life_cycle_of_one_set(sets: Sets) -> None:
    """Create, again, modify, again, delete, again; each in check mode first."""
    one = {"ip_address_version": "IPV4", "description": "first words", "tags": {"Team": "ops", "my_Key": "As-is"}}
    create = {**one, "addresses": ["203.0.113.7", "198.51.100.0/24"]}
    modify = {**one, "addresses": ["203.0.113.7", "192.0.2.1"], "description": "other words", "tags": {"Team": "web"}}
    delete = {"ip_address_version": "IPV4", "state": "absent"}

    would = sets(check=True, **create)
    assert would["changed"]
    assert sets.calls == ["ListIPSets"]
    assert sets.held() is None
    did = sets(**create)
    assert did["changed"]
    assert sets.calls == ["ListIPSets", "CreateIPSet"]
    assert did["diff"] == would["diff"]
    assert "203.0.113.7/32" in did["diff"]["after"]
    held = sets.held()
    assert held is not None
    assert (did["id"], did["arn"], did["description"]) == (held["Id"], held["ARN"], "first words")
    assert (did["address_count"], did["added"], did["removed"]) == (2, 2, 0)
    assert sets.aws.client("wafv2").list_tags_for_resource(ResourceARN=did["arn"])["TagInfoForResource"]["TagList"] == [
        {"Key": "Team", "Value": "ops"},
        {"Key": "my_Key", "Value": "As-is"},
    ]

    for check in (True, False):
        again = sets(check=check, **create)
        assert not again["changed"]
        assert sets.calls == [*READ, "ListTagsForResource"]
        assert again["diff"] == {"before": "", "after": ""}
        assert (again["id"], again["tags"]) == (did["id"], one["tags"])

    would = sets(check=True, **modify)
    assert would["changed"]
    assert sets.calls == [*READ, "ListTagsForResource"]
    assert sets.entries() == {"203.0.113.7/32", "198.51.100.0/24"}
    did = sets(**modify)
    assert did["changed"]
    assert sets.calls == [*READ, "ListTagsForResource", "UpdateIPSet", "UntagResource", "TagResource"]
    assert did["diff"] == would["diff"]
    assert {key: did[key] for key in ("addresses", "description", "tags")} == {
        "addresses": ["192.0.2.1/32", "203.0.113.7/32"],
        "description": "other words",
        "tags": {"Team": "web"},
    }
    assert sets.entries() == {"203.0.113.7/32", "192.0.2.1/32"}
    for check in (True, False):
        assert not sets(check=check, **modify)["changed"]

    assert sets(check=True, **delete)["changed"]
    assert sets.held() is not None
    did = sets(**delete)
    assert did["changed"]
    assert sets.calls == [*READ, "DeleteIPSet"]
    assert (did["state"], did["removed"]) == ("absent", 2)
    assert sets.held() is None
    for check in (True, False):
        assert not sets(check=check, **delete)["changed"]
        assert sets.calls == ["ListIPSets"]


def test_both_families_in_one_call(sets: Sets) -> None:
    mixed = ["203.0.113.7", "2001:db8::1", "2001:db8:bad::/48"]
    did = sets(addresses=mixed)
    assert sets.calls == ["ListIPSets", "CreateIPSet", "CreateIPSet"]
    assert [(s["name"], s["ip_address_version"], s["address_count"]) for s in did["ip_sets"]] == [
        ("blocked-ipv4", "IPV4", 1),
        ("blocked-ipv6", "IPV6", 2),
    ]
    assert "arn" not in did
    assert sets.entries("blocked-ipv4") == {"203.0.113.7/32"}
    assert sets.entries("blocked-ipv6") == {"2001:db8::1/128", "2001:db8:bad::/48"}

    assert not sets(addresses=mixed)["changed"]
    assert sets.calls == ["ListIPSets", "GetIPSet", "GetIPSet"]

    assert sets(addresses=mixed[:2])["changed"]
    assert sets.calls == ["ListIPSets", "GetIPSet", "GetIPSet", "UpdateIPSet"]

    assert sets(state="absent")["changed"]
    assert sets.held("blocked-ipv4") is None
    assert sets.held("blocked-ipv6") is None


def test_two_empty_sets_exist_so_that_rules_can_refer_to_them(sets: Sets) -> None:
    assert sets(addresses=[])["changed"]
    assert sets.entries("blocked-ipv4") == sets.entries("blocked-ipv6") == set()
    assert not sets(addresses=[])["changed"]


@pytest.mark.parametrize(
    "spelling",
    [
        ["198.51.100.0/24", "203.0.113.7/32"],
        ["203.0.113.7", "203.0.113.7/32", " 198.51.100.77/24"],
    ],
)
def test_equal_meaning_is_no_change_ipv4(sets: Sets, spelling: list[str]) -> None:
    sets(ip_address_version="IPV4", addresses=["203.0.113.7/32", "198.51.100.0/24"])
    assert not sets(ip_address_version="IPV4", addresses=spelling)["changed"]
    assert sets.calls == READ


def test_equal_meaning_is_no_change_ipv6(sets: Sets) -> None:
    """Also when AWS holds another spelling than ours."""
    sets.aws.client("wafv2").create_ip_set(
        Name="blocked",
        Scope="REGIONAL",
        IPAddressVersion="IPV6",
        Addresses=["2001:0db8:0000:0000:0000:0000:0000:0001/128", "2001:0db8:00bad::/48".replace("00bad", "0bad")],
    )
    same = ["2001:DB8:BAD:0::/48", "2001:db8::1", "2001:db8:0::0:1/128"]
    assert not sets(ip_address_version="IPV6", addresses=same)["changed"]
    assert sets.calls == READ


def test_merge_and_remove(sets: Sets) -> None:
    family = {"ip_address_version": "IPV4"}
    sets(**family, addresses=["203.0.113.1", "203.0.113.2"])
    did = sets(**family, addresses=["203.0.113.2", "203.0.113.3"], purge_addresses=False)
    assert (did["changed"], did["added"], did["removed"]) == (True, 1, 0)
    assert sets.calls == [*READ, "UpdateIPSet"]
    assert not sets(**family, addresses=["203.0.113.3"], purge_addresses=False)["changed"]

    assert sets(**family, addresses=["203.0.113.1", "192.0.2.9"], state="absent", check=True)["removed"] == 1
    assert sets(**family, addresses=["203.0.113.1", "192.0.2.9"], state="absent")["removed"] == 1
    assert sets.entries() == {"203.0.113.2/32", "203.0.113.3/32"}
    assert not sets(**family, addresses=["203.0.113.1"], state="absent")["changed"]


def test_absent_with_an_empty_list_removes_nothing_and_says_so(sets: Sets) -> None:
    family = {"ip_address_version": "IPV4"}
    sets(**family, addresses=["203.0.113.1"])
    did = sets(**family, addresses=[], state="absent")
    assert not did["changed"]
    assert "nothing was removed" in did["msg"]
    assert sets.entries() == {"203.0.113.1/32"}


def test_removing_an_address_that_stays_covered_warns(sets: Sets) -> None:
    family = {"ip_address_version": "IPV4"}
    sets(**family, addresses=["203.0.113.0/24"])
    did = sets(**family, addresses=["203.0.113.1"], state="absent")
    assert not did["changed"]
    assert any("203.0.113.0/24" in str(warning) for warning in did["warnings"])


def test_absent_addresses_of_a_missing_set_are_absent(sets: Sets) -> None:
    assert not sets(ip_address_version="IPV4", addresses=["203.0.113.1"], state="absent")["changed"]
    assert sets.held() is None


def test_addresses_left_out_are_left_alone(sets: Sets) -> None:
    family = {"ip_address_version": "IPV4"}
    sets(**family, addresses=["203.0.113.1"])
    assert sets(**family, description="only this")["changed"]
    assert sets.entries() == {"203.0.113.1/32"}
    assert not sets(**family)["changed"]
    held = sets.held()
    assert held is not None
    assert held["Description"] == "only this"


def test_protected_addresses_are_never_in_the_set(sets: Sets) -> None:
    """Whether they are given, merged or were there before."""
    family = {"ip_address_version": "IPV4"}
    sets(
        **family, addresses=["203.0.113.0/29", "192.0.2.1"], protected=["203.0.113.5", "2001:db8::/32", "192.0.2.0/24"]
    )
    assert sets.entries() == {"203.0.113.0/30", "203.0.113.4/32", "203.0.113.6/31"}
    assert sets(**family, addresses=[], purge_addresses=False, protected=["203.0.113.4"])["removed"] == 1
    assert sets.entries() == {"203.0.113.0/30", "203.0.113.6/31"}
    assert not sets(**family, addresses=["203.0.113.4"], purge_addresses=False, protected=["203.0.113.4"])["changed"]


def test_cloudfront_talks_to_us_east_1(sets: Sets) -> None:
    sets(scope="CLOUDFRONT", ip_address_version="IPV4", addresses=["203.0.113.1"])
    assert {call["region"] for call in sets.aws.journal()} == {"us-east-1"}
    assert sets.held(scope="CLOUDFRONT") is not None
    assert sets.held() is None


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"addresses": ["0.0.0.0/0"]}, "every address"),
        ({"addresses": ["::/0"]}, "every address"),
        ({"addresses": ["203.0.113.1", "nonsense", "1.2.3.4/33"]}, "'nonsense' is not"),
        ({"addresses": ["2001:db8::1"], "ip_address_version": "IPV4"}, "not IPV4: 2001:db8::1/128"),
        ({"addresses": [str(ipaddress.ip_address(n)) for n in range(10_001)]}, "10001 of IPV4"),
        ({"addresses": [], "protected": ["0.0.0.0/0"]}, "protected: "),
        ({"addresses": [], "name": "with blanks"}, "name: "),
        ({"addresses": [], "description": "!"}, "description: "),
        ({"addresses": [], "tags": {"aws:x": "y"}}, "aws:x"),
    ],
)
def test_bad_input_is_refused_without_a_call(sets: Sets, args: dict[str, Any], words: str) -> None:
    assert words in sets.fails(**args)
    assert sets.calls == []


def test_a_set_of_the_other_family_is_left_alone(sets: Sets) -> None:
    sets(ip_address_version="IPV6", addresses=["2001:db8::1"])
    assert "IPV6, which AWS cannot change" in sets.fails(ip_address_version="IPV4", addresses=["203.0.113.1"])
    assert sets.entries() == {"2001:db8::1/128"}


def test_nothing_is_written_when_one_of_the_two_sets_cannot_be(sets: Sets) -> None:
    sets(name="blocked-ipv6", ip_address_version="IPV4", addresses=[])
    sets.fails(addresses=["203.0.113.1", "2001:db8::1"])
    assert sets.held("blocked-ipv4") is None


def test_a_set_beyond_the_first_page_is_found(sets: Sets) -> None:
    sets.aws.switch(page_size=2)
    for n in range(5):
        sets(name=f"other-{n}", ip_address_version="IPV4", addresses=[])
    sets(ip_address_version="IPV4", addresses=["203.0.113.1"])
    assert not sets(ip_address_version="IPV4", addresses=["203.0.113.1"])["changed"]
    assert sets.calls == ["ListIPSets", "ListIPSets", "ListIPSets", "GetIPSet"]


def test_ten_thousand_addresses(sets: Sets) -> None:
    many = [str(ipaddress.ip_address(0xCB000000 + 3 * n)) for n in range(10_000)]
    family = {"ip_address_version": "IPV4"}
    did = sets(**family, addresses=many)
    assert did["address_count"] == 10_000
    assert "addresses" not in did
    assert len(str(did["diff"])) < 10_000
    assert not sets(**family, addresses=list(reversed(many)))["changed"]
    assert "would hold 10001" in sets.fails(**family, addresses=["192.0.2.1"], purge_addresses=False)
    assert sets.calls == READ


# ----------------------------------------------------------------------------------------------------------- faults


@pytest.mark.parametrize("operation", ["ListIPSets", "GetIPSet", "UpdateIPSet"])
@pytest.mark.parametrize("kind", ["throttle", "error"])
def test_throttling_and_server_errors_are_waited_out(sets: Sets, operation: str, kind: str) -> None:
    family = {"ip_address_version": "IPV4"}
    sets(**family, addresses=["203.0.113.1"])
    sets.aws.fault(service="wafv2", operation=operation, kind=kind, times=2)
    assert sets(**family, addresses=["203.0.113.2"])["changed"]
    assert sets.calls.count(operation) == 3
    # A write is not sent again, but worked out anew.
    assert sets.calls.count("GetIPSet") == 3 if operation == "UpdateIPSet" else True
    assert sets.entries() == {"203.0.113.2/32"}


def test_a_throttled_write_does_not_undo_what_others_wrote_meanwhile(sets: Sets) -> None:
    family = {"ip_address_version": "IPV4", "purge_addresses": False}
    sets(**family, addresses=["203.0.113.1"])
    sets.aws.fault(service="wafv2", operation="UpdateIPSet", kind="throttle", times=1)
    sets.aws.fault(
        service="wafv2", operation="UpdateIPSet", kind="lock_race", times=1, params={"add": ["203.0.113.9/32"]}
    )
    assert sets(**family, addresses=["203.0.113.2"])["changed"]
    assert sets.entries() == {"203.0.113.1/32", "203.0.113.2/32", "203.0.113.9/32"}


@pytest.mark.parametrize("purge", [True, False])
def test_a_lost_lock_is_answered_by_reading_again(sets: Sets, purge: bool) -> None:
    family = {"ip_address_version": "IPV4", "purge_addresses": purge}
    sets(**family, addresses=["203.0.113.1"])
    sets.aws.fault(service="wafv2", operation="UpdateIPSet", kind="lock_race", times=2)
    assert sets(**family, addresses=["203.0.113.2"])["changed"]
    assert sets.calls == [*READ, "UpdateIPSet"] * 3
    assert "203.0.113.2/32" in sets.entries()
    assert ("203.0.113.1/32" in sets.entries()) is not purge


@pytest.mark.parametrize(
    ("operation", "before", "args"),
    [
        ("CreateIPSet", None, {"addresses": ["203.0.113.1"]}),
        ("UpdateIPSet", ["203.0.113.9"], {"addresses": ["203.0.113.1"]}),
        ("DeleteIPSet", ["203.0.113.9"], {"state": "absent"}),
    ],
)
def test_a_lost_answer_is_recognised_by_reading(
    sets: Sets, operation: str, before: list[str] | None, args: dict[str, Any]
) -> None:
    family = {"ip_address_version": "IPV4"}
    if before is not None:
        sets(**family, addresses=before)
    sets.aws.fault(service="wafv2", operation=operation, kind="lost_answer", times=1)
    did = sets(**family, **args)
    assert did["changed"]
    assert sets.calls.count(operation) <= 2
    if "state" in args:
        assert sets.held() is None
    else:
        held = sets.held()
        assert held is not None
        assert did["arn"] == held["ARN"]
        assert sets.entries() == {"203.0.113.1/32"}
    assert not sets(**family, **args)["changed"]


def test_a_list_that_is_behind_leads_to_no_second_set(sets: Sets) -> None:
    """AWS is eventually consistent: a set that was just made may not be listed yet."""
    sets.aws.fault(service="wafv2", operation="ListIPSets", kind="stale", times=1)
    sets.aws.client("wafv2").create_ip_set(
        Name="blocked", Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=["203.0.113.1/32"]
    )
    sets(ip_address_version="IPV4", purge_addresses=False, addresses=["203.0.113.2"])
    assert sets.calls == ["ListIPSets", "CreateIPSet", *READ, "UpdateIPSet"]
    assert sets.entries() == {"203.0.113.1/32", "203.0.113.2/32"}


def test_one_write_a_second_is_enough(sets: Sets) -> None:
    """That is what AWS permits."""
    sets.aws.switch(rates=True)
    assert sets(addresses=["203.0.113.1", "2001:db8::1"], tags={"a": "b"})["changed"]
    assert not sets(addresses=["203.0.113.1", "2001:db8::1"], tags={"a": "b"})["changed"]


@pytest.mark.parametrize("rates", [False, True])
def test_concurrent_writers_all_win(sets: Sets, rates: bool) -> None:
    """Processes that each add their own entry and remove their own of before: none is lost, none comes back. With AWS's
    rates on, most of their writes are throttled first."""
    family = {"ip_address_version": "IPV4"}
    writers = range(3)
    sets(**family, addresses=[f"198.51.100.{n}" for n in writers])
    sets.aws.switch(rates=rates)

    def write(n: int) -> list[dict[str, Any]]:
        common = {"name": "blocked", "scope": "REGIONAL", **family}
        return [
            sets.aws.run_module(MODULE, {**common, "addresses": [f"203.0.113.{n}"], "purge_addresses": False}),
            sets.aws.run_module(MODULE, {**common, "addresses": [f"198.51.100.{n}"], "state": "absent"}),
        ]

    sets.aws.reset_journal()
    with ThreadPoolExecutor() as pool:
        results = [result for pair in pool.map(write, writers) for result in pair]
    assert all(result["changed"] and not result["failed"] for result in results), results
    assert sets.entries() == {f"203.0.113.{n}/32" for n in writers}
    if rates:
        assert "ThrottlingException" in {call["error"] for call in sets.aws.journal(operation="UpdateIPSet")}


# ----------------------------------------------------------------------------------------------------------- guards


def test_what_shrinks_too_much_is_refused_before_a_write(sets: Sets) -> None:
    family = {"ip_address_version": "IPV4"}
    listed = [f"203.0.113.{n}" for n in range(0, 60, 2)]
    sets(**family, addresses=listed)
    for shorter in ([], listed[:10], [f"198.51.100.{n}" for n in range(0, 60, 2)]):
        assert "more than max_shrink (50 percent) allows" in sets.fails(**family, addresses=shorter)
        assert sets.calls == READ
    assert sets(**family, addresses=listed[:15])["removed"] == 15
    assert sets(**family, addresses=[], max_shrink=100)["removed"] == 15


def test_wide_networks_are_refused_unless_told(sets: Sets) -> None:
    assert "wider than /8" in sets.fails(addresses=["8.0.0.0/7"])
    assert "wider than /8 for IPv4 or /19 for IPv6: 2001::/16" in sets.fails(addresses=["2001::/16", "9.0.0.0/8"])
    assert sets.calls == []
    assert sets(addresses=["8.0.0.0/7", "2001::/16"], min_prefix_ipv4=7, min_prefix_ipv6=16)["changed"]


def test_aggregation(sets: Sets) -> None:
    family = {"ip_address_version": "IPV4"}
    pieces = ["203.0.113.0/25", "203.0.113.128/25", "203.0.113.7"]
    assert sets(**family, addresses=pieces, aggregate="exact")["addresses"] == ["203.0.113.0/24"]
    assert not sets(**family, addresses=["203.0.113.0/24"], aggregate="exact")["changed"]
    holed = sets(**family, addresses=pieces, aggregate="exact", protected=["203.0.113.0/25"])
    assert holed["addresses"] == ["203.0.113.128/25"]
    many = [str(ipaddress.ip_address(0xCB000000 + 4 * n)) for n in range(10_002)]
    assert "10002 of IPV4" in sets.fails(**family, addresses=many)
    assert "max_extra_addresses" in sets.fails(**family, addresses=many, aggregate="lossy")
    assert sets.calls == []
    did = sets(**family, addresses=many, aggregate="lossy", max_extra_addresses=12)
    assert did["address_count"] <= 10_000
    assert not sets(**family, addresses=many, aggregate="lossy", max_extra_addresses=12)["changed"]


def test_more_than_ten_thousand_go_to_shards(sets: Sets) -> None:
    """One changed address is one write; a lower number of shards moves what there is before it empties a set."""
    family = {"ip_address_version": "IPV4", "max_shrink": 100}
    names = ["blocked", "blocked-shard2", "blocked-shard3"]
    many = [str(ipaddress.ip_address(0xCB000000 + 2 * n)) for n in range(20_050)]
    sets.aws.switch(rates=True)
    did = sets(**family, addresses=many, shards=3)
    assert sets.calls == ["ListIPSets", *["CreateIPSet"] * 3]
    assert [ip_set["name"] for ip_set in did["ip_sets"]] == names
    assert sum(ip_set["address_count"] for ip_set in did["ip_sets"]) == len(many)
    sets.aws.switch(rates=False)

    assert not sets(**family, addresses=many, shards=3)["changed"]
    assert sets.calls == ["ListIPSets", *["GetIPSet"] * 3]
    for addresses in (many[1:], [*many[1:], "198.51.100.1"]):
        sets(**family, addresses=addresses, shards=3)
        assert sets.calls == ["ListIPSets", *["GetIPSet"] * 3, "UpdateIPSet"]

    few = many[1:9000]
    assert sets(**family, addresses=few, shards=1)["changed"]
    assert {len(sets.entries(name)) for name in names} == {len(few), 0}
    last = [call["parameters"]["Name"] for call in sets.aws.journal(operation="UpdateIPSet")]
    assert last == names
    assert not sets(**family, addresses=few, shards=1)["changed"]
    assert sets(ip_address_version="IPV4", state="absent")["changed"]
    assert [sets.held(name) for name in names] == [None] * 3


def test_a_set_with_a_similar_name_is_none_of_ours(sets: Sets) -> None:
    sets(name="blocked-2", ip_address_version="IPV4", addresses=["203.0.113.1"])
    sets(name="blocked-shards", ip_address_version="IPV4", addresses=["203.0.113.1"])
    sets(ip_address_version="IPV4", addresses=["203.0.113.2"])
    sets(ip_address_version="IPV4", state="absent")
    assert sets.entries("blocked-2") == sets.entries("blocked-shards") == {"203.0.113.1/32"}


def test_other_errors_are_told_once_and_at_once(sets: Sets) -> None:
    sets.aws.fault(
        service="wafv2",
        operation="ListIPSets",
        kind="error",
        params={
            "status": 400,
            "code": "AccessDeniedException",
            "message": "not authorized to perform wafv2:ListIPSets",
        },
    )
    message = sets.fails(addresses=["203.0.113.1"])
    assert "Could not list the IP sets" in message
    assert "wafv2:ListIPSets" in message
    assert sets.calls == ["ListIPSets"]


def test_wrong_credentials_are_named(sets: Sets) -> None:
    sets.aws.env["AWS_ACCESS_KEY_ID"] = "AKIAIOSFODNN7EXAMPLE"
    assert "check AWS_ACCESS_KEY_ID" in sets.fails(addresses=["203.0.113.1"])


def test_missing_region_is_named(sets: Sets) -> None:
    del sets.aws.env["AWS_REGION"], sets.aws.env["AWS_DEFAULT_REGION"]
    assert "region" in sets.fails(addresses=["203.0.113.1"])


def test_missing_credentials_are_named(sets: Sets) -> None:
    del sets.aws.env["AWS_ACCESS_KEY_ID"], sets.aws.env["AWS_SECRET_ACCESS_KEY"]
    assert "credentials" in sets.fails(addresses=["203.0.113.1"])


def test_an_endpoint_that_is_not_there_is_named(sets: Sets) -> None:
    sets.aws.env["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    assert "http://127.0.0.1:9" in sets.fails(addresses=["203.0.113.1"])
