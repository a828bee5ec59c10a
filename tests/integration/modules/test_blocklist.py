# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""blocklist, blocklist_lift and blocklist_info against the region: memory, feeds, places, faults."""

from __future__ import annotations

import gzip
import ipaddress
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lab.aws.testing import Aws

HOUR = 3600
FRIEND = "192.0.2.7"


def iso(seconds: float) -> str:
    """So long after now."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def ban(address: str, end: float | None = HOUR, times: int = 1, jail: str = "sshd") -> list[Any]:
    return [jail, address, iso(-60), None if end is None else iso(end), times]


class Edge:
    """The modules on a pair of sets of one account, with what the hosts say."""

    def __init__(self, aws: Aws, directory: Path) -> None:
        self.aws = aws
        self.scope = "REGIONAL"
        self.directory = directory
        self.inventory = ["web-1", "web-2"]
        self.answers: dict[str, Any] = {}
        self._journal: list[dict[str, Any]] = []
        self.protected = ["192.0.2.0/24", "2001:db8:f::/48"]
        for host in self.inventory:
            self.say(host)

    def say(self, host: str, *bans: list[Any], restoring: int = 0) -> None:
        self.answers[host] = {"bans": list(bans), "restoring": restoring}

    def __call__(self, name: str = "blocklist", check: bool = False, **args: Any) -> dict[str, Any]:
        self.aws.reset_journal()
        said = {"inventory": self.inventory, "answers": self.answers, "protected": self.protected}
        path = self.directory / "hosts.json"
        path.write_text(json.dumps(said))
        common = {"name": "blocked", "scope": self.scope, "bans_variable": "bans", "hosts_file": str(path)}
        result = self.aws.run_module(f"rampart.ops.{name}", {**common, **args}, check=check)
        self._journal = self.aws.journal()
        return result

    def run(self, **args: Any) -> dict[str, Any]:
        result = self(**args)
        assert not result["failed"], result
        self.is_sane()
        return result

    def fails(self, **args: Any) -> str:
        result = self(**args)
        assert result["failed"], result
        self.is_sane()
        return str(result["msg"])

    def is_sane(self) -> None:
        """Whatever happened: no friend is blocked, and nothing that is wide."""
        for entry in map(ipaddress.ip_network, self.blocked()):
            assert not any(entry.overlaps(friend) for friend in map(ipaddress.ip_network, self.protected)
                           if friend.version == entry.version)  # fmt: skip

    def blocked(self) -> set[str]:
        client = self.aws.client("wafv2", region=self.region)
        found: set[str] = set()
        for item in client.list_ip_sets(Scope=self.scope)["IPSets"]:
            entries = client.get_ip_set(Name=item["Name"], Scope=self.scope, Id=item["Id"])["IPSet"]["Addresses"]
            found.update(str(ipaddress.ip_network(address)) for address in entries)
        return found

    def calls(self, *services: str) -> list[str]:
        return [call["operation"] for call in self._journal if call["service"] in services]

    @property
    def region(self) -> str:
        """https://docs.aws.amazon.com/waf/latest/APIReference/API_ListIPSets.html: CloudFront's are in us-east-1."""
        return "us-east-1" if self.scope == "CLOUDFRONT" else "ap-northeast-2"

    @property
    def bucket(self) -> str:
        return f"rampart-{self.aws.account_id}-{self.region}"

    def memory(self) -> dict[str, Any]:
        s3 = self.aws.client("s3", region=self.region)
        body = s3.get_object(Bucket=self.bucket, Key="blocked/state.json.gz")["Body"].read()
        state: dict[str, Any] = json.loads(gzip.decompress(body))
        return state

    def put_memory(self, body: bytes) -> None:
        self.aws.client("s3").put_object(Bucket=self.bucket, Key="blocked/state.json.gz", Body=body)

    def change_memory(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Let time pass, for what is remembered."""
        state = self.memory()
        change(state)
        self.put_memory(gzip.compress(json.dumps(state).encode()))

    def let_feeds_be_due(self) -> None:
        self.change_memory(lambda state: [feed.update(tried=iso(-2 * HOUR)) for feed in state["feeds"].values()])


@pytest.fixture
def edge(aws: Aws, tmp_path: Path) -> Edge:
    return Edge(aws, tmp_path)


class Publisher:
    """A server that publishes one list, and counts who asks for it."""

    def __init__(self) -> None:
        publisher = self
        self.body: bytes = b""
        self.status = 200
        self.asked = 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                publisher.asked += 1
                self.send_response(publisher.status)
                self.send_header("Content-Length", str(len(publisher.body)))
                self.end_headers()
                self.wfile.write(publisher.body)

            def log_message(self, *_arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/list"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def publish(self, *networks: str, status: int = 200) -> None:
        self.body, self.status = "\n".join(["# a list", *networks, ""]).encode(), status


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    publisher = Publisher()
    yield publisher
    publisher.server.shutdown()
    publisher.server.server_close()


# ------------------------------------------------------------------------------------------------- the life of a ban


def test_a_ban_comes_and_goes_with_the_fewest_calls(edge: Edge) -> None:
    edge.say("web-1", ban("203.0.113.7"), ban("2001:db8:bad::1"), ban(FRIEND))
    would = edge(check=True)
    assert would["changed"]
    assert edge.calls("wafv2", "s3") == ["GetObject", "ListIPSets", "ListObjectsV2"]
    assert edge.blocked() == set()

    did = edge.run()
    assert did["changed"]
    assert did["diff"] == would["diff"]
    assert edge.blocked() == {"203.0.113.7/32", "2001:db8:bad::1/128"}
    assert "blocked-ipv4: 1 blocked (1 added, 0 removed). blocked-ipv6: 1 blocked" in did["report"]

    read = ["GetObject", "ListIPSets", "GetIPSet", "GetIPSet", "ListObjectsV2"]
    for check in (True, False):
        assert not edge.run(check=check)["changed"]
        assert edge.calls("wafv2", "s3") == read

    edge.say("web-2", ban("203.0.113.7"))
    assert not edge.run()["changed"]  # one more host bans it: only the memory is written
    assert edge.calls("wafv2", "s3") == [*read, "PutObject"]
    edge.say("web-1")
    assert edge.run()["changed"]
    assert edge.calls("wafv2", "s3") == [*read, "PutObject", "UpdateIPSet"]
    assert edge.blocked() == {"203.0.113.7/32"}
    edge.say("web-2", ban("203.0.113.7", end=-1))
    edge.run()
    assert edge.blocked() == set()


def test_cloudfront_is_served_and_remembered_in_its_region(edge: Edge) -> None:
    edge.scope = "CLOUDFRONT"
    edge.say("web-1", ban("203.0.113.7"), ban("2001:db8:bad::1"), ban(FRIEND))
    assert edge.run()["changed"]
    assert edge.blocked() == {"203.0.113.7/32", "2001:db8:bad::1/128"}
    assert edge.memory()["hosts"]["web-1"]
    assert not edge.run()["changed"]
    edge.scope = "REGIONAL"
    assert edge.blocked() == set()
    edge.scope = "CLOUDFRONT"
    edge.say("web-1")
    assert edge.run()["changed"]
    assert edge.blocked() == set()


def test_bans_of_a_silent_host_stay_until_they_end(edge: Edge) -> None:
    edge.say("web-1", ban("203.0.113.1"), ban("203.0.113.2"), ban("203.0.113.3", end=None))
    edge.say("web-2", ban("203.0.113.4"))
    edge.run()
    del edge.answers["web-1"]
    edge.say("web-2")
    silent = edge.run()
    assert edge.blocked() == {f"203.0.113.{n}/32" for n in (1, 2, 3)}
    assert [(kept["host"], kept["bans"]) for kept in silent["kept"]] == [("web-1", 3)]
    assert not edge.run()["changed"]
    assert edge.calls("s3") == ["GetObject", "ListObjectsV2"]

    def end_first(state: dict[str, Any]) -> None:
        state["hosts"]["web-1"]["bans"][0][3] = iso(-1)

    edge.change_memory(end_first)
    edge.inventory.remove("web-1")  # as when a source of the inventory fails
    edge.run()
    assert edge.blocked() == {f"203.0.113.{n}/32" for n in (2, 3)}

    # What has no end stays only for a time.
    edge.change_memory(lambda state: state["hosts"]["web-1"].update(missing=iso(-8 * 24 * HOUR)))
    edge.run(keep_days=9)
    assert edge.blocked() == {f"203.0.113.{n}/32" for n in (2, 3)}
    edge.run()
    assert edge.blocked() == {"203.0.113.2/32"}


def test_nothing_goes_while_a_host_takes_its_bans_back(edge: Edge) -> None:
    edge.say("web-1", ban("203.0.113.1"), ban("203.0.113.2"))
    edge.run()
    edge.say("web-1", ban("203.0.113.1"), ban("203.0.113.3"), restoring=1)
    assert edge.run()["restoring"] == ["web-1"]
    assert edge.blocked() == {f"203.0.113.{n}/32" for n in (1, 2, 3)}
    edge.say("web-1", ban("203.0.113.1"))
    edge.run()
    assert edge.blocked() == {"203.0.113.1/32"}


def test_without_a_memory_nothing_goes_before_all_hosts_were_asked(edge: Edge) -> None:
    edge.say("web-1", ban("203.0.113.1"))
    edge.run()
    edge.aws.client("s3").delete_object(Bucket=edge.bucket, Key="blocked/state.json.gz")
    del edge.answers["web-1"]
    edge.say("web-2", ban("203.0.113.2"))
    assert "Nothing was let go" in edge.run()["report"]
    assert edge.blocked() == {"203.0.113.1/32", "203.0.113.2/32"}


@pytest.mark.parametrize("fault", ["denied", "broken", "foreign"])
def test_a_memory_that_cannot_be_read_leaves_everything_as_it_is(edge: Edge, fault: str) -> None:
    edge.say("web-1", ban("203.0.113.1"))
    edge.run()
    edge.say("web-1", ban("203.0.113.2"))
    if fault == "denied":
        params = {"status": 403, "code": "AccessDenied", "message": "no"}
        edge.aws.fault(service="s3", operation="GetObject", kind="error", params=params)
    else:
        edge.put_memory(b"<html>" if fault == "broken" else gzip.compress(b'{"format": 99}'))
    assert ("s3:GetObject" if fault == "denied" else "cannot be used") in edge.fails()
    assert edge.calls("wafv2") == []
    assert edge.blocked() == {"203.0.113.1/32"}


def test_two_inventories_cannot_share_sets_by_mistake(edge: Edge) -> None:
    edge.say("web-1", ban("203.0.113.1"))
    edge.run()
    edge.inventory, edge.answers = ["app-1"], {}
    edge.say("app-1", ban("203.0.113.2"))
    assert "hosts of which this inventory has none: web-1, web-2" in edge.fails()
    assert edge.blocked() == {"203.0.113.1/32"}
    edge.run(take_over=True)
    assert edge.blocked() == {"203.0.113.1/32", "203.0.113.2/32"}
    assert not edge.run()["changed"]


# ------------------------------------------------------------------------------------------------------------- feeds


def test_a_feed_is_fetched_once_an_hour_and_kept_when_it_goes_wrong(edge: Edge, publisher: Publisher) -> None:
    feeds = {"feeds": [{"name": "ours", "url": publisher.url}]}
    listed = [f"198.51.100.{n}" for n in range(20)]
    entries = {f"{address}/32" for address in listed}
    publisher.publish(*listed, f"{FRIEND} ; a friend", "", "; nothing")
    did = edge.run(**feeds)
    assert edge.blocked() == entries
    assert did["feeds"][0]["networks"] == 21
    for check in (False, True):
        assert not edge.run(check=check, **feeds)["changed"]
        assert edge.calls("s3") == ["GetObject", "ListObjectsV2"]
    assert publisher.asked == 1

    page = b"<!DOCTYPE html><html><title>Sorry</title></html>"
    for body, status, words in (
        (page, 200, "is not an IP address"),
        (page, 503, "503"),
        (b"", 200, "fewer than min_entries"),
        (b"# all is well\n", 200, "fewer than min_entries"),
        ("\n".join(listed[:9]).encode(), 200, "shrank from 21 to 9"),
        ("\n".join([*listed, "0.0.0.0/1"]).encode(), 200, "wider than /8"),
        ("\n".join([*listed, "0.0.0.0/0"]).encode(), 200, "every address"),
        (b"\xff\xfe\x00", 200, "not text"),
    ):
        publisher.body, publisher.status = body, status
        edge.let_feeds_be_due()
        did = edge.run(**feeds)
        assert not did["changed"], words
        assert words in str(did["warnings"])
        assert words in did["feeds"][0]["problem"]
        assert edge.blocked() == entries
        asked = publisher.asked
        edge.run(**feeds)  # a failed fetch is not repeated at once either
        assert publisher.asked == asked

    publisher.publish(*listed[:12])
    edge.let_feeds_be_due()
    did = edge.run(**feeds)
    assert not did.get("warnings")
    assert edge.blocked() == {f"{address}/32" for address in listed[:12]}
    edge.run()  # declared no more
    assert edge.blocked() == set()


def test_a_feed_that_never_worked_and_one_that_is_down(edge: Edge, publisher: Publisher) -> None:
    publisher.publish("<html>")
    edge.say("web-1", ban("203.0.113.1"))
    feeds = [{"name": "page", "url": publisher.url}, {"name": "down", "url": "http://127.0.0.1:9/"},
             {"name": "gone", "path": "/nonexistent"}]  # fmt: skip
    did = edge.run(feeds=feeds)
    assert len(did["warnings"]) == 3
    assert edge.blocked() == {"203.0.113.1/32"}


def test_spamhaus_drop_is_whole_or_not_believed(edge: Edge, publisher: Publisher) -> None:
    lines = [{"cidr": f"198.51.{n}.0/24", "sblid": f"SBL{n}", "rir": "ripencc"} for n in range(4)]
    end = {"type": "metadata", "timestamp": 1763700000, "size": 4, "records": 4, "copyright": "(c) 2026"}
    feeds = {"feeds": [{"name": "spamhaus_drop_v4", "url": publisher.url}]}
    publisher.body = "\n".join(map(json.dumps, [*lines, end])).encode()
    edge.run(**feeds)
    entries = {f"198.51.{n}.0/24" for n in range(4)}
    assert edge.blocked() == entries
    for body, words in (
        ("\n".join(map(json.dumps, lines)), "number of records, is missing"),
        ("\n".join(map(json.dumps, [*lines[:3], end])), "says that it has 4 records, and has 3"),
        ('{"error": "rate limited"}', "None"),
        ("[]", "no object"),
    ):
        publisher.body = body.encode()
        edge.let_feeds_be_due()
        assert words in edge.run(**feeds)["feeds"][0]["problem"]
        assert edge.blocked() == entries


def test_a_file_is_read_in_each_run(edge: Edge) -> None:
    path = edge.directory / "deny.txt"
    feeds = {"feeds": [{"name": "file", "path": str(path), "min_entries": 0, "max_shrink": 100}]}
    path.write_text("198.51.100.1\n2001:db8::1 # somebody\n")
    edge.run(**feeds)
    assert edge.blocked() == {"198.51.100.1/32", "2001:db8::1/128"}
    path.write_text("")
    edge.run(**feeds)
    assert edge.blocked() == set()
    assert not edge.run(**feeds)["changed"]
    assert "PutObject" not in edge.calls("s3")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"denied": ["nobody"]}, "denied: 'nobody' is not"),
        ({"denied": ["8.0.0.0/7"]}, "wider than min_prefix: 8.0.0.0/7"),
        ({"feeds": [{"name": "x"}]}, "x needs a url or a path"),
        ({"feeds": [{"name": "x", "url": "http://a/", "path": "/b"}]}, "x needs a url or a path"),
        ({"feeds": [{"name": "x", "url": "file:///etc/passwd"}]}, "not of http"),
        ({"feeds": [{"name": "x", "path": "/a"}, {"name": "x", "path": "/b"}]}, "more than once"),
        ({"feeds": [{"name": "x", "path": "/a", "max_shrink": 101}]}, "101"),
        ({"shards": 0}, "shards"),
        ({"name": "a b"}, "name"),
    ],
)
def test_what_cannot_be_is_refused_without_a_call(edge: Edge, args: dict[str, Any], words: str) -> None:
    name = args.pop("name", "blocked")
    edge.aws.reset_journal()
    said = {"inventory": [], "answers": {}, "protected": []}
    (edge.directory / "hosts.json").write_text(json.dumps(said))
    common = {"scope": "REGIONAL", "bans_variable": "bans", "hosts_file": str(edge.directory / "hosts.json")}
    result = edge.aws.run_module("rampart.ops.blocklist", {**common, "name": name, **args})
    assert result["failed"]
    assert words in result["msg"]
    assert edge.aws.journal() == []


# ------------------------------------------------------------------------------------------------- places and lifting


def test_what_does_not_fit_is_chosen_by_the_rule_and_reported(edge: Edge) -> None:
    """Declared, then the bans that last longest, by the hour, and were seen most often, then feeds."""
    base = int(ipaddress.ip_address("100.64.0.0"))
    many = [str(ipaddress.ip_address(base + n)) for n in range(10_002)]
    long = [ban(address, end=10 * HOUR, times=2) for address in many[:9996]]
    rest = [
        ban(many[9996], end=10 * HOUR),  # seen once there, twice elsewhere: the first of these
        ban(many[9997], end=None),
        ban(many[9998], end=HOUR, times=99),
        ban(many[9999], end=10 * HOUR),
    ]
    edge.say("web-1", *long, *rest)
    edge.say("web-2", ban(many[9996], end=HOUR, times=2))
    path = edge.directory / "feed"
    path.write_text("198.51.100.1\n")
    args = {"denied": ["198.51.100.0/28"], "feeds": [{"name": "file", "path": str(path)}]}
    did = edge.run(**args)
    assert edge.blocked() >= {"198.51.100.0/28", *(f"{many[n]}/32" for n in (9996, 9997, 9999))}
    assert did["left_out"] == {"ban": 0, "feed": 1} | {"ban": 1}
    assert f"{many[9998]}/32" not in edge.blocked()
    assert "No place for 1 of kind ban, 1 of kind feed" in did["report"]
    assert not edge.run(**args)["changed"]
    did = edge.run(**args, shards=2)
    assert did["left_out"] == {}
    assert len(edge.blocked()) == 10_002


def test_lifting(edge: Edge) -> None:
    edge.say("web-1", ban("203.0.113.7"), ban("203.0.113.8"))
    edge.say("web-2", ban("2001:db8:bad::7"))
    edge.run(denied=["198.51.100.0/30"])
    everything = edge.blocked()

    def lifting(**args: Any) -> dict[str, Any]:
        name = args.pop("module", "blocklist_lift")
        result = edge(name, **args)
        assert not result["failed"], result
        return result

    assert lifting(check=True, address="203.0.113.7")["ip_sets"][0]["removed"] == 1
    assert edge.blocked() == everything
    did = lifting(address="203.0.113.7", hours=48)
    assert did["unban"] == {"web-1": ["203.0.113.7"]}
    assert iso(48 * HOUR - 60) < did["until"] <= iso(48 * HOUR)
    assert edge.blocked() == everything - {"203.0.113.7/32"}
    lifting(address="198.51.100.1")
    did = edge.run(denied=["198.51.100.0/30"])
    assert not did["changed"]
    assert did["unban"] == {"web-1": ["203.0.113.7"]}
    assert edge.blocked() == {"203.0.113.8/32", "2001:db8:bad::7/128", "198.51.100.0/32", "198.51.100.2/31"}
    lifting(address="2001:db8:bad::/48")
    assert edge.run(denied=["198.51.100.0/30"])["unban"]["web-2"] == ["2001:db8:bad::7"]

    why = edge("blocklist_info", address="203.0.113.7")
    assert why["blocked"] == {}
    assert [(reason["host"], reason["jail"]) for reason in why["reasons"]] == [("web-1", "sshd")]
    assert list(why["lifted"]) == ["203.0.113.7/32"]

    for address in ("203.0.113.7", "198.51.100.1", "2001:db8:bad::/48"):
        assert lifting(address=address, state="absent")["changed"]
        assert not lifting(address=address, state="absent")["changed"]
    edge.run(denied=["198.51.100.0/30"])
    assert edge.blocked() == everything


def test_a_lift_ends_by_time(edge: Edge) -> None:
    edge.say("web-1", ban("203.0.113.7"))
    edge.run()
    edge("blocklist_lift", address="203.0.113.7")
    assert edge.blocked() == set()
    client = edge.aws.client("s3")
    (lift,) = client.list_objects_v2(Bucket=edge.bucket, Prefix="blocked/lifted/")["Contents"]
    client.delete_object(Bucket=edge.bucket, Key=lift["Key"])
    client.put_object(Bucket=edge.bucket, Key=lift["Key"].rpartition("/")[0] + f"/{iso(-1)}", Body=b"{}")
    did = edge.run()
    assert did["lifted"] == did["unban"] == {}
    assert edge.blocked() == {"203.0.113.7/32"}


def test_a_lift_at_the_same_time_is_never_undone(edge: Edge) -> None:
    """It comes after blocklist has read what is lifted, and before blocklist writes the sets."""
    edge.say("web-1", ban("203.0.113.7"))
    edge.run()
    edge.say("web-1", ban("203.0.113.7"), ban("203.0.113.8"))
    edge.aws.fault(service="wafv2", operation="UpdateIPSet", kind="delay", times=1, params={"seconds": 6})
    runs: list[dict[str, Any]] = []
    blocking = threading.Thread(target=lambda: runs.append(edge()))
    blocking.start()
    edge.aws.eventually(lambda: "PutObject" in edge.aws.operations(service="s3"), 30)
    time.sleep(0.5)  # the write of the set is on its way
    lifting = Edge(edge.aws, edge.directory)("blocklist_lift", address="203.0.113.7")
    assert not runs, "too slow: it was written before"
    assert not lifting["failed"], lifting
    blocking.join()
    assert not runs[0]["failed"], runs
    assert edge.blocked() == {"203.0.113.8/32"}


# ------------------------------------------------------------------------------------------------------------ faults


@pytest.mark.parametrize(
    ("service", "operation", "kind"),
    [
        ("wafv2", "ListIPSets", "throttle"),
        ("wafv2", "GetIPSet", "error"),
        ("wafv2", "UpdateIPSet", "throttle"),
        ("wafv2", "UpdateIPSet", "lost_answer"),
        ("wafv2", "UpdateIPSet", "lock_race"),
        ("s3", "GetObject", "lost_answer"),
        ("s3", "PutObject", "error"),
        ("s3", "ListObjectsV2", "throttle"),
    ],
)
def test_faults_of_aws_are_waited_out(edge: Edge, service: str, operation: str, kind: str) -> None:
    edge.say("web-1", ban("203.0.113.1"))
    edge.run()
    params = {"add": ["203.0.113.99/32", f"{FRIEND}/32"]} if kind == "lock_race" else {}
    edge.aws.fault(service=service, operation=operation, kind=kind, times=1, params=params)
    edge.say("web-1", ban("203.0.113.2"))
    did = edge.run()
    assert did["changed"]
    assert edge.blocked() == {"203.0.113.2/32"}
    assert not edge.run()["changed"]
