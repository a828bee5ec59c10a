# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What rampart.ops.aws_ec2 does differently from amazon.aws.aws_ec2, and what it adds."""

from __future__ import annotations

import copy
import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_fork import Inventory
from ec2_pages import error, json_answer, pages, typical

NAMES = {"hostnames": ["tag:Name"]}


def instance(number: int, region: str = "us-east-1", **tags: str) -> dict[str, Any]:
    made = copy.deepcopy(typical(number, region))
    if tags:
        made["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    return made


def plain(value: Any) -> Any:
    """A variable as ansible-inventory prints it, without the marks of what is no template."""
    if isinstance(value, dict):
        return value["__ansible_unsafe"] if "__ansible_unsafe" in value else {k: plain(v) for k, v in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def variables(shown: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = plain(shown["_meta"]["hostvars"])
    for its in found.values():
        its.pop("ansible_local", None)  # Ansible's own
    return found


# The safe defaults


def test_tags_are_in_ec2_tags_and_expressions_know_both_names(inventory: Inventory) -> None:
    inventory.server.answers = {"*": pages([instance(1, Name="a", Role="web")])}
    keyed = [{"key": "tags.Role", "prefix": "old"}, {"key": "ec2_tags.Role", "prefix": "new"}]
    shown = inventory.list({**NAMES, "keyed_groups": keyed})
    assert variables(shown)["a"]["ec2_tags"] == {"Name": "a", "Role": "web"}
    assert "tags" not in variables(shown)["a"]
    assert shown["old_web"] == shown["new_web"] == {"hosts": ["a"]}
    assert variables(inventory.list({**NAMES, "legacy_tags": True}))["a"]["tags"] == {"Name": "a", "Role": "web"}


def test_the_region_is_the_one_that_was_asked(inventory: Inventory) -> None:
    zone = {"Placement": {"AvailabilityZone": "us-west-2-lax-1a"}}
    inventory.server.answers = {"*": pages([{**instance(1, Name="a"), **zone}])}
    config = {**NAMES, "regions": ["us-west-2"]}
    assert variables(inventory.list(config))["a"]["placement"]["region"] == "us-west-2"
    by_zone = inventory.list({**config, "region_from": "zone"})
    assert variables(by_zone)["a"]["placement"]["region"] == "us-west-2-lax-1"


def test_instances_of_one_name_stay_apart(inventory: Inventory) -> None:
    inventory.server.answers = {"*": pages([instance(1, Name="a"), instance(2, Name="a"), instance(3, Name="b")])}
    done = inventory.run(NAMES)
    ids = [f"i-{number:017x}" for number in (1, 2)]
    assert json.loads(done.stdout)["aws_ec2"]["hosts"] == [f"a-{ids[0]}", f"a-{ids[1]}", "b"]
    assert "2 instances are called 'a'" in done.said
    merged = inventory.list({**NAMES, "duplicate_hostnames": "merge"})
    assert merged["aws_ec2"]["hosts"] == ["a", "b"]
    assert variables(merged)["a"]["instance_id"] == ids[1]


def asked_filters(call: dict[str, str]) -> dict[str, list[str]]:
    found = {}
    for key, name in call.items():
        if match := re.fullmatch(r"Filter\.(\d+)\.Name", key):
            values = re.compile(rf"Filter\.{match[1]}\.Value\.\d+")
            found[name] = [value for key, value in call.items() if values.fullmatch(key)]
    return found


def test_only_running_instances_are_asked_for(inventory: Inventory) -> None:
    inventory.server.answers = {"*": pages([])}
    inventory.list({})
    assert asked_filters(inventory.server.calls[-1]) == {"instance-state-name": ["running"]}
    inventory.list({"filters": {"instance-state-name": ["stopped", "stopping"], "tag:Env": "x"}})
    assert asked_filters(inventory.server.calls[-1]) == {
        "instance-state-name": ["stopped", "stopping"],
        "tag:Env": ["x"],
    }


def test_a_hostname_filter_sees_a_value_and_never_runs_it(inventory: Inventory, tmp_path: Path) -> None:
    made = tmp_path / "made"
    evil = f"' ~ lookup('pipe', 'touch {made}') ~ '"
    inventory.server.answers = {"*": pages([instance(1, Name=evil), instance(2, Name="it's {{ 7 * 7 }}"), instance(3)])}
    shown = inventory.list({"hostnames": ["tag:Name | upper", "instance-id"]})
    assert not made.exists()
    assert shown["aws_ec2"]["hosts"] == [evil.upper(), "IT'S {{ 7 * 7 }}", "CACHE-3"]
    for chain in ("| title | trim", "| regex_replace('[^a-z0-9-]', '')", "| default('x')"):
        inventory.list({"hostnames": [f"tag:Name {chain}"]})
    assert not made.exists()


def test_an_instance_without_the_value_takes_the_next_name(inventory: Inventory) -> None:
    inventory.server.answers = {"*": pages([instance(1, Role="web")])}
    config = {"hostnames": ["tag:Name | upper", "ip-address | upper", "instance-id"]}
    assert inventory.list(config)["aws_ec2"]["hosts"] == ["3.0.0.1"]


@pytest.mark.parametrize("preference", ["key-name | lower", "tag:Name | upper", "key-name | default('x')"])
def test_a_missing_value_can_be_called_as_amazon_aws_calls_it(inventory: Inventory, preference: str) -> None:
    bare = {key: value for key, value in instance(1).items() if key not in ("KeyName", "Tags")}
    inventory.server.answers = {"*": pages([bare])}
    config = {"hostnames": [preference, "instance-id"]}
    theirs = inventory.list({**config, "plugin": "amazon.aws.aws_ec2"})["aws_ec2"]["hosts"]
    assert inventory.list({**config, "missing_hostnames": "none"})["aws_ec2"]["hosts"] == theirs
    assert inventory.list(config)["aws_ec2"]["hosts"] == [bare["InstanceId"]]


@pytest.mark.parametrize("expression", ["tags.Name", "tags.Name | title", "tags | dict2items"])
def test_what_looks_like_a_template_is_text(inventory: Inventory, tmp_path: Path, expression: str) -> None:
    made = tmp_path / "made"
    evil = f"{{{{ lookup('pipe', 'touch {made}') }}}}"
    inventory.server.answers = {"*": pages([instance(1, Name=evil, Role="web")])}
    keyed = [{"key": expression, "prefix": "x"}] if "dict2items" not in expression else []
    config = {"hostnames": ["instance-id"], "compose": {"x": expression}, "keyed_groups": keyed}
    shown = inventory.list(config)
    assert not made.exists()
    composed = next(iter(variables(shown).values()))["x"]
    assert "lookup" in json.dumps(composed).lower()


# What it is asked for


def test_filters_are_sweeps_and_exclusion_wins(inventory: Inventory) -> None:
    fleet = [instance(number, Name=f"n{number}") for number in range(4)]
    answers = {"one": fleet[:3], "two": fleet[2:], "not": fleet[1:2]}

    def answer(call: dict[str, str]) -> tuple[int, bytes]:
        return 200, pages(answers[asked_filters(call)["tag:x"][0]])[0]

    inventory.server.answer = answer
    config = {
        **NAMES,
        "filters": {"tag:x": "one"},
        "include_filters": [{"tag:x": "two"}],
        "exclude_filters": [{"tag:x": "not"}],
    }
    assert inventory.list(config)["aws_ec2"]["hosts"] == ["n0", "n2", "n3"]


def test_pages_are_asked_for_in_the_size_wanted(inventory: Inventory) -> None:
    inventory.server.answers = {"*": pages([instance(number) for number in range(12)], size=5)}
    shown = inventory.list({**NAMES, "page_size": 5})
    assert len(shown["aws_ec2"]["hosts"]) == 12
    assert [(call["MaxResults"], call.get("NextToken")) for call in inventory.server.calls] == [
        ("5", None),
        ("5", "1"),
        ("5", "2"),
    ]


def test_without_regions_the_enabled_ones_are_asked(inventory: Inventory) -> None:
    ready = inventory.server.from_pages
    regions = b"".join(
        b"<item><regionName>%s</regionName></item>" % name for name in (b"us-east-1", b"eu-west-1", b"ap-south-1")
    )
    inventory.server.answer = lambda call: (
        (200, b"<DescribeRegionsResponse><regionInfo>%s</regionInfo></DescribeRegionsResponse>" % regions)
        if call["Action"] == "DescribeRegions"
        else ready(call)
    )
    inventory.list({"regions": []})
    asked = {call["region"] for call in inventory.server.calls if call["Action"] == "DescribeInstances"}
    assert asked == {"us-east-1", "eu-west-1", "ap-south-1"}


def test_accounts_are_asked_with_their_own_credentials_and_regions(inventory: Inventory) -> None:
    fleets = {"AKIAONE": [instance(1, Name="one")], "AKIATWO": [instance(2, Name="two")], "ASIAROLE": [instance(3)]}
    assumed = (
        b"<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>"
        b"<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
        b"<Expiration>2036-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )
    inventory.server.answer = lambda call: (
        (200, assumed) if call["Action"] == "AssumeRole" else (200, pages(fleets[call["key"]])[0])
    )
    accounts = [
        {"name": "one", "access_key": "AKIAONE", "secret_key": "x", "regions": ["eu-west-1", "eu-west-2"]},
        {"name": "two", "access_key": "{{ 'AKIA' ~ 'TWO' }}", "secret_key": "x"},
        {"name": "three", "assume_role_arn": "arn:aws:iam::1:role/r", "external_id": "shared"},
    ]
    keyed = [{"key": "account_name", "prefix": "account"}]
    shown = inventory.list({**NAMES, "accounts": accounts, "keyed_groups": keyed})
    assert shown["account_one"]["hosts"] == ["one"]
    assert shown["account_two"]["hosts"] == ["two"]
    assert shown["account_three"]["hosts"] == ["cache-3"]
    sweeps = {(call["key"], call["region"]) for call in inventory.server.calls if call["Action"] == "DescribeInstances"}
    assert sweeps == {
        ("AKIAONE", "eu-west-1"),
        ("AKIAONE", "eu-west-2"),
        ("AKIATWO", "us-east-1"),
        ("ASIAROLE", "us-east-1"),
    }
    (role,) = [call for call in inventory.server.calls if call["Action"] == "AssumeRole"]
    assert (role["key"], role["ExternalId"]) == ("AKIARECORDED", "shared")


def test_credentials_of_an_account_may_be_encrypted(inventory: Inventory, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("open sesame")
    secret = VaultLib([("default", VaultSecret(b"open sesame"))]).encrypt("AKIAVAULT").decode()
    inventory.server.answers = {"*": pages([instance(1)])}
    path = inventory.write(NAMES)
    indented = secret.replace("\n", "\n      ")
    path.write_text(
        "plugin: rampart.ops.aws_ec2\nregions: [us-east-1]\naccounts:\n- name: one\n  secret_key: any\n"
        f"  access_key: !vault |\n      {indented}\n"
    )
    inventory.list(path, "--vault-password-file", str(password))
    assert [call["key"] for call in inventory.server.calls] == ["AKIAVAULT"]


def test_regions_are_asked_at_the_same_time_and_no_more_than_allowed(inventory: Inventory) -> None:
    now, most, lock = 0, 0, threading.Lock()
    body = pages([])[0]

    def answer(_call: dict[str, str]) -> tuple[int, bytes]:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(1)
        with lock:
            now -= 1
        return 200, body

    inventory.server.answer = answer
    regions = [f"us-test-{number}" for number in range(1, 9)]
    inventory.list({"regions": regions})
    assert most == 8
    most = 0
    inventory.list({"regions": regions, "concurrency": 3})
    assert most == 3


def test_facts_are_all_that_hosts_carry_and_not_all_that_expressions_see(inventory: Inventory) -> None:
    inventory.server.answers = {"*": pages([instance(1)])}
    shown = inventory.list(
        {
            "hostnames": ["network-interface.network-interface-id"],
            "facts": [
                "instance_id",
                "no_such",
                {"state": "state.name", "volumes": "block_device_mappings[].ebs.status"},
            ],
            "keyed_groups": [{"key": "security_groups | json_query('[].group_name')", "prefix": "sg"}],
            "groups": {
                "x86": "architecture == 'x86_64'",
                "net": "network_interfaces | map(attribute='status') | first == 'in-use'",
            },
            "compose": {"ansible_host": "private_ip_address"},
        }
    )
    (name,) = shown["aws_ec2"]["hosts"]
    assert name == f"eni-{1:017x}"
    assert variables(shown)[name] == {
        "instance_id": f"i-{1:017x}",
        "state": "running",
        "volumes": ["attached", "attached"],
        "ansible_host": "10.0.0.1",
    }
    assert {"sg_web", "sg_team_1", "x86", "net"} <= shown.keys()


def test_facts_and_names_of_variables(inventory: Inventory) -> None:
    inventory.server.answers = {"*": pages([instance(1)])}
    config = {**NAMES, "hostvars_prefix": "aws_", "facts": ["instance_id", {"zone": "placement.availability_zone"}]}
    shown = inventory.list({**config, "keyed_groups": [{"key": "aws_ec2_tags.Role", "prefix": ""}]})
    assert variables(shown)["app-1"] == {"aws_instance_id": f"i-{1:017x}", "zone": "us-east-1b"}
    assert shown["_app"]["hosts"] == ["app-1"]


def test_ssm_and_route53(inventory: Inventory) -> None:
    ready = inventory.server.from_pages
    inventory.server.answers = {"*": pages([instance(1), instance(2)])}
    zone = (
        "<HostedZone><Id>/hostedzone/Z1</Id><Name>example.com.</Name><CallerReference>x</CallerReference></HostedZone>"
    )
    record = (
        "<ResourceRecordSet><Name>shop.example.com.</Name><Type>A</Type><ResourceRecords><ResourceRecord>"
        "<Value>10.0.0.2</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>"
    )

    def route53(operation: str, items: str, content: str) -> tuple[int, bytes]:
        body = f"<{items}>{content}</{items}><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems>"
        root = f'{operation}Response xmlns="https://route53.amazonaws.com/doc/2013-04-01/"'
        return 200, f"<{root}>{body}</{operation}Response>".encode()

    def answer(call: dict[str, str]) -> tuple[int, bytes]:
        if call["Action"] == "AmazonSSM.GetInventory":
            content = [{"PlatformName": "Debian", "AgentType": "amazon-ssm-agent"}]
            entity = {"Id": f"i-{1:017x}", "Data": {"AWS:InstanceInformation": {"Content": content}}}
            return json_answer({"Entities": [entity]})
        if call["Action"] == "/2013-04-01/hostedzone":
            return route53("ListHostedZones", "HostedZones", zone)
        if call["Action"] == "/2013-04-01/hostedzone/Z1/rrset":
            return route53("ListResourceRecordSets", "ResourceRecordSets", record)
        return ready(call)

    inventory.server.answer = answer
    shown = inventory.list({**NAMES, "use_ssm_inventory": True, "route53_enabled": True})
    assert shown["aws_ec2"]["hosts"] == ["app-1", "shop.example.com"]
    assert variables(shown)["app-1"]["ssm_inventory"] == {"platform_name": "Debian", "agent_type": "amazon-ssm-agent"}
    other = inventory.list({**NAMES, "route53_enabled": True, "route53_hostnames": [".example.org"]})
    assert other["aws_ec2"]["hosts"] == ["app-1", "db-2"]


# The cache


@pytest.fixture
def cached(tmp_path: Path) -> dict[str, Any]:
    return {
        **NAMES,
        "cache": True,
        "cache_plugin": "ansible.builtin.jsonfile",
        "cache_connection": str(tmp_path / "cache"),
        "cache_timeout": 300,
    }


def test_from_the_cache_the_output_is_the_same_byte_for_byte(inventory: Inventory, cached: dict[str, Any]) -> None:
    inventory.server.answers = {"*": pages([instance(number) for number in range(5)], size=2)}
    config = {**cached, "compose": {"year": "launch_time.year", "when": "launch_time"}}
    first = inventory.run(config)
    calls = len(inventory.server.calls)
    assert inventory.run(config) == first
    assert len(inventory.server.calls) == calls == 3


def test_the_cache_answers_no_other_question(inventory: Inventory, cached: dict[str, Any]) -> None:
    inventory.server.answers = {"*": pages([instance(1)])}
    inventory.list(cached)
    inventory.list({**cached, "filters": {"tag:x": "y"}})
    inventory.list({**cached, "filters": {"tag:x": "y"}, "regions": ["eu-west-1"]})
    assert len(inventory.server.calls) == 3
    inventory.list({**cached, "filters": {"tag:x": "y"}, "regions": ["eu-west-1"], "groups": {"x": "true"}})
    assert len(inventory.server.calls) == 3


def test_flush_cache_asks_again(inventory: Inventory, cached: dict[str, Any]) -> None:
    inventory.server.answers = {"*": pages([instance(1)])}
    inventory.list(cached)
    inventory.server.answers = {"*": pages([instance(2)])}
    assert inventory.list(cached)["aws_ec2"]["hosts"] == ["app-1"]
    assert inventory.list(cached, "--flush-cache")["aws_ec2"]["hosts"] == ["db-2"]
    assert inventory.list(cached)["aws_ec2"]["hosts"] == ["db-2"]
    assert len(inventory.server.calls) == 2


def test_stale_answers_serve_while_ec2_fails_if_allowed(inventory: Inventory, cached: dict[str, Any]) -> None:
    config = {
        **cached,
        "cache_timeout": 1,
        "cache_stale_if_error": 600,
        "aws_config": {"retries": {"total_max_attempts": 1}},
    }
    inventory.server.answers = {"*": pages([instance(1)])}
    inventory.list(config)
    time.sleep(1.1)
    inventory.server.answer = lambda call: error("InternalError", "out of order", 500)
    done = inventory.run(config)
    assert done.returncode == 0
    assert json.loads(done.stdout)["aws_ec2"]["hosts"] == ["app-1"]
    assert "out of order" in done.said
    assert "Using the cached inventory of 0 minutes ago" in done.said
    assert inventory.run({**config, "cache_stale_if_error": 0}).returncode == 4


def test_an_inventory_that_lacks_a_region_is_not_cached(inventory: Inventory, cached: dict[str, Any]) -> None:
    ready = inventory.server.from_pages
    inventory.server.answers = {"*": pages([instance(1)])}
    inventory.server.answer = lambda call: (
        error("InternalError", "out of order", 500) if call["region"] == "eu-west-1" else ready(call)
    )
    config = {**cached, "regions": ["us-east-1", "eu-west-1"], "on_error": "warn"}
    config["aws_config"] = {"retries": {"total_max_attempts": 1}}
    for _ in range(2):
        assert "eu-west-1" in inventory.run(config).said
    assert len(inventory.server.calls) == 4


def test_a_broken_cache_is_asked_for_again(inventory: Inventory, cached: dict[str, Any], tmp_path: Path) -> None:
    inventory.server.answers = {"*": pages([instance(1)])}
    inventory.list(cached)
    (entry,) = [path for path in (tmp_path / "cache").iterdir() if not path.name.startswith(".")]
    entry.write_text('{"half": ')
    assert inventory.list(cached)["aws_ec2"]["hosts"] == ["app-1"]
    assert inventory.list(cached)["aws_ec2"]["hosts"] == ["app-1"]
    assert len(inventory.server.calls) == 2


def test_a_cache_that_forgets_and_a_lock_that_cannot_be_had(inventory: Inventory, cached: dict[str, Any]) -> None:
    inventory.server.answers = {"*": pages([instance(1)])}
    for _ in range(2):
        shown = inventory.list({**cached, "cache_plugin": "memory", "cache_connection": "/proc/nowhere"})
        assert shown["aws_ec2"]["hosts"] == ["app-1"]
    assert len(inventory.server.calls) == 2


# Within Ansible


def test_constructed_after_it_and_the_other_forms(inventory: Inventory, tmp_path: Path) -> None:
    inventory.server.answers = {"*": pages([instance(1), instance(2)])}
    path = inventory.write(NAMES)
    after = tmp_path / "later.constructed.yml"
    after.write_text(
        json.dumps({"plugin": "constructed", "keyed_groups": [{"key": "ec2_tags.Role", "prefix": "late"}]})
    )
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/aws_ec2.yml").write_text("from_group_vars: yes_it_is\n")
    env = {"AWS_ENDPOINT_URL": inventory.server.url}

    def run(*arguments: str) -> str:
        done = inventory.forker.run("-i", str(path), "-i", str(after), *arguments, **env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "@late_app:" in run("--graph")
    assert plain(json.loads(run("--host", "app-1")))["from_group_vars"] == "yes_it_is"
    exported = json.loads(run("--list", "--export", "--playbook-dir", str(tmp_path)))
    assert exported["aws_ec2"]["vars"] == {"from_group_vars": "yes_it_is"}
    limited = json.loads(run("--list", "--limit", "late_app"))
    assert limited["aws_ec2"]["hosts"] == ["app-1"]


def test_a_file_for_another_plugin_is_left_to_it(inventory: Inventory) -> None:
    inventory.server.answers = {"*": pages([instance(1)])}
    done = inventory.run({**NAMES, "plugin": "amazon.aws.aws_ec2"})
    assert done.returncode == 0
    assert "rampart" not in done.said
