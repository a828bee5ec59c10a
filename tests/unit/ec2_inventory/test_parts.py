# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The parts of the aws_ec2 inventory that need no Ansible: reading pages, facts, threads, the cache."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict
from ansible_collections.rampart.ops.plugins.plugin_utils.ec2_inventory.cache import Answers, Cache, cached
from ansible_collections.rampart.ops.plugins.plugin_utils.ec2_inventory.facts import Facts
from ansible_collections.rampart.ops.plugins.plugin_utils.ec2_inventory.hostnames import Hostnames, separate
from ansible_collections.rampart.ops.plugins.plugin_utils.ec2_inventory.reading import Reader, cut
from ansible_collections.rampart.ops.plugins.plugin_utils.ec2_inventory.sweep import EXCLUDE, INCLUDE, Fleet, Page
from ansible_collections.rampart.ops.plugins.plugin_utils.ec2_inventory.together import Task, together
from ansible_collections.rampart.ops.plugins.plugin_utils.ec2_inventory.troubles import Trouble
from botocore.parsers import EC2QueryParser

sys.path.append(str(Path(__file__).parents[2] / "integration/inventory"))
from ec2_pages import page, result_shape, typical


def by_botocore(body: bytes) -> list[dict[str, Any]]:
    answer = EC2QueryParser().parse({"status_code": 200, "headers": {}, "body": body}, result_shape())
    found = []
    for reservation in answer["Reservations"]:
        for instance in reservation["Instances"]:
            tags = {tag["Key"]: tag["Value"] for tag in instance.pop("Tags", [])}
            found.append({**camel_dict_to_snake_dict(instance), "tags": tags})
    return found


def test_a_page_is_read_as_botocore_and_amazon_aws_read_it() -> None:
    body = page([typical(number) for number in range(20)])
    read = list(Reader(result_shape()).instances(body, "us-east-1"))
    for ours, theirs in zip(read, by_botocore(body), strict=True):
        assert (ours.pop("owner_id"), ours.pop("requester_id")) == ("123456789012", "")
        assert ours.pop("reservation_id") == "r-0123456789abcdef0"
        assert ours["placement"].pop("region") == "us-east-1"
        assert ours == theirs
        ours.pop("tags"), theirs.pop("tags")
        # The order of the keys too. Which class says UTC is nobody's business.
        assert re.sub(r"tzinfo=[\w.()]+\)", "", str(ours)) == re.sub(r"tzinfo=[\w.()]+\)", "", str(theirs))


def test_only_wanted_fields_are_read_and_nothing_else_changes() -> None:
    shape = result_shape()
    body = page([typical(number) for number in range(5)])
    wanted = frozenset({"instance_id", "tags", "placement", "security_groups", "state"})
    every = list(Reader(shape).instances(body, "us-east-1"))
    for some, one in zip(Reader(shape, wanted).instances(body, "us-east-1"), every, strict=True):
        assert some == {key: one[key] for key in wanted}


def test_cutting_leaves_text_alone() -> None:
    assert cut(b"<a><b>1</b>x<b>2</b></a>", b"b") == b"<a>x</a>"
    tags = [{"Key": "a", "Value": "<networkInterfaceSet>"}, {"Key": "b", "Value": "</networkInterfaceSet>"}]
    body = page([{**typical(1), "Tags": tags}])
    (instance,) = Reader(result_shape(), frozenset({"tags"})).instances(body, "us-east-1")
    assert instance["tags"] == {"a": "<networkInterfaceSet>", "b": "</networkInterfaceSet>"}


def test_what_is_no_whole_answer_is_refused() -> None:
    body = page([typical(1)])
    for broken in (b"", body[:-10], body[: len(body) // 2], b"<html></html>", b"{}"):
        with pytest.raises(ValueError, match="answer"):
            list(Reader(result_shape()).instances(broken, "us-east-1"))


def test_each_instance_counts_once_and_exclusion_wins() -> None:
    fleet = Fleet(result_shape(), None, False)
    made = [typical(number) for number in range(4)]
    fleet.add(Page("", "r1", INCLUDE, page([made[3], made[0], made[1]])))
    fleet.add(Page("", "r1", EXCLUDE, page([made[1]])))
    fleet.add(Page("", "r2", INCLUDE, page([made[2], made[0]])))
    ids = [f"i-{number:017x}" for number in (0, 2, 3)]
    assert [instance["instance_id"] for instance in fleet.instances()] == ids
    assert fleet.ids() == {("", "r1"): [ids[0], ids[2]], ("", "r2"): [ids[0], ids[1]]}


INSTANCE = next(iter(Reader(result_shape()).instances(page([typical(1)]), "us-east-1")))


@pytest.mark.parametrize(
    ("preferences", "names"),
    [
        ([], ["ec2-10-0-0-1.compute-1.amazonaws.com"]),
        (["tag:Name"], ["app-1"]),
        (["tag:Nope", "instance-id"], [f"i-{1:017x}"]),
        (["tag:Role=app,Name"], ["Role_app"]),
        (["tag:Role=web", "literal"], ["literal"]),
        ([{"name": "private-ip-address", "prefix": "tag:Role"}], ["app_10.0.0.1"]),
        ([{"name": "private-ip-address", "prefix": "tag:Nope"}], ["10.0.0.1"]),
        ([{"name": "literal", "prefix": "aws", "separator": "-"}], ["aws-literal"]),
        (["instance.group-name"], ["web"]),
        (["network-interface.addresses.primary"], ["True"]),
        (["launch-time"], ["2026_01_02_06_00_00_00_00"]),
        (["tag:Nope"], []),
    ],
)
def test_hostnames(preferences: list[Any], names: list[str]) -> None:
    def sanitize(name: str) -> str:
        return "".join(letter if letter.isalnum() else "_" for letter in name)

    assert Hostnames(preferences, sanitize, lambda value, chain: value).of(INSTANCE) == names


def test_every_hostname() -> None:
    named = Hostnames(["tag:Role,Name", "instance-id", "instance-state-code"], str, lambda value, chain: value, True)
    assert named.of(INSTANCE) == ["app", "app-1", f"i-{1:017x}"]


def test_names_are_separated_only_where_instances_share_them() -> None:
    named = [
        ({"instance_id": "i-1"}, ["a", "x"]),
        ({"instance_id": "i-2"}, ["a"]),
        ({"instance_id": "i-3"}, ["b", "b"]),
    ]
    assert separate(named) == {"a": ["i-1", "i-2"]}
    assert [names for _instance, names in named] == [["a-i-1", "x"], ["a-i-2"], ["b", "b"]]


def test_facts() -> None:
    facts = Facts(
        ["instance_id", "nope", {"zone": "placement.availability_zone", "none": "a.b.c"}], lambda name: f"x_{name}"
    )
    assert facts.of(INSTANCE) == {"x_instance_id": f"i-{1:017x}", "zone": "us-east-1b"}
    assert {"instance_id", "placement"} <= facts.used
    joined = Facts([{"groups": "security_groups[].group_name | join('+', @)"}], str)
    assert joined.of(INSTANCE) == {"groups": "web+team-1"}
    assert "security_groups" in joined.used


def test_tasks_run_together_within_the_bound_and_report_their_failures() -> None:
    lock = threading.Lock()
    running, most = 0, 0

    def work(number: int) -> Iterator[Any]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        yield number
        if number == 0:
            yield from (Task(str(more), lambda more=more: work(more)) for more in (10, 11))
        with lock:
            running -= 1
        if number == 3:
            raise OSError("three")

    said = list(together([Task(str(number), lambda number=number: work(number)) for number in range(6)], 3))
    assert sorted(item for _task, item in said if isinstance(item, int)) == [0, 1, 2, 3, 4, 5, 10, 11]
    assert [(task.name, str(item)) for task, item in said if isinstance(item, OSError)] == [("3", "three")]
    assert most == 3


def test_whoever_stops_listening_does_not_wait() -> None:
    def slow() -> Iterator[int]:
        yield 1
        time.sleep(60)

    began = time.monotonic()
    assert next(iter(together([Task("slow", slow)], 1)))[1] == 1
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("heard", [1, 1000])
def test_no_thread_is_left_behind(heard: int) -> None:
    before = threading.active_count()
    tasks = [Task(str(number), lambda: iter(range(50))) for number in range(10)]
    listening = together(tasks, 3)
    for _ in zip(range(heard), listening, strict=False):
        pass
    listening.close()
    end = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() <= before  # one of an earlier test may have ended meanwhile


class Store(dict[str, Any]):
    """A cache plugin."""

    def update_cache_if_changed(self) -> None:
        """Nothing to do: it is in memory."""


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    store = Store()
    return Cache(lambda: store, "key", "scope", str(tmp_path / "locks/.lock"))


def ask(cache: Cache, fetch: Any, timeout: float = 60, stale: float = 0, may_read: bool = True) -> Answers:
    return cached(cache, fetch, timeout, stale, may_read, lambda text: None, (Trouble,))


def answers(fetched: float | None = None) -> Answers:
    return Answers([Page("a", "r", INCLUDE, b"<x/>")], {}, {}, time.time() if fetched is None else fetched)


def failing() -> Answers:
    raise Trouble("here", "broken", "")


def test_parallel_jobs_ask_once(cache: Cache) -> None:
    asked = []

    def fetch() -> Answers:
        asked.append(1)
        time.sleep(0.2)
        return answers()

    jobs = [
        threading.Thread(target=ask, args=(cache, fetch), kwargs={"may_read": flush}) for flush in [True, False] * 4
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert len(asked) == 1


def test_fresh_and_stale(cache: Cache) -> None:
    first = ask(cache, lambda: answers(time.time() - 10))
    assert ask(cache, failing) == first
    with pytest.raises(Trouble):
        ask(cache, failing, timeout=5)
    assert ask(cache, failing, timeout=5, stale=60) == first
    with pytest.raises(Trouble):
        ask(cache, failing, may_read=False)
    assert ask(cache, answers, may_read=False).fetched > first.fetched
    assert ask(cache, failing, timeout=0)  # never too old


def test_what_is_not_whole_is_not_kept(cache: Cache) -> None:
    ask(cache, lambda: answers(0.0))
    assert cache.read() is None


def test_an_answer_to_another_question_is_none(tmp_path: Path) -> None:
    store = Store()
    caches = [Cache(lambda: store, "key", scope, str(tmp_path / "locks/.lock")) for scope in ("one", "two")]
    ask(caches[0], answers)
    assert caches[1].read() is None
    store["key"]["format"] = 0
    assert caches[0].read() is None
