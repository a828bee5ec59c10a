# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Both plugins on the shapes that amazon.aws tries its own on, in its tests/unit/plugins/inventory/test_aws_ec2.py.

The instances and configurations are written anew after those shapes: what a host is called, which variables it has, and
which instances remain must be the same, byte for byte.
"""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from ansible_fork import Inventory
from ec2_pages import page
from test_same_as_amazon import LIKE_AMAZON, assert_same, without_ec2_tags

WHEN = datetime.datetime(2017, 10, 31, 12, 59, 25, tzinfo=datetime.UTC)


def tags(**pairs: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


def instance(number: int = 0, **fields: Any) -> dict[str, Any]:
    return {
        "InstanceId": f"i-{number:017x}",
        "Placement": {"AvailabilityZone": "us-east-1a"},
        "PublicDnsName": f"host-{number}.example.com",
        "PrivateDnsName": f"host-{number}.internal",
        **fields,
    }


def interface(*groups: str, address: str = "098.76.54.321") -> dict[str, Any]:
    """A network interface with these security groups, and an address that is none."""
    association = {"PublicIp": "12.345.67.890", "PublicDnsName": "ec2-12-345.example.com", "IpOwnerId": "amazon"}
    return {
        "NetworkInterfaceId": "eni-12345678",
        "Status": "in-use",
        "Description": "",
        "SourceDestCheck": True,
        "Attachment": {"Status": "attached", "DeviceIndex": 0, "DeleteOnTermination": True, "AttachTime": WHEN},
        "Groups": [{"GroupName": name, "GroupId": f"sg-{name}"} for name in groups],
        "Ipv6Addresses": [],
        "PrivateIpAddress": address,
        "PrivateIpAddresses": [{"PrivateIpAddress": address, "Primary": True, "Association": association}],
        "Association": association,
    }


# The classic one, with everything of 2017 in it.
CLASSIC = instance(
    1,
    Monitoring={"State": "disabled"},
    State={"Code": 16, "Name": "running"},
    EbsOptimized=False,
    LaunchTime=WHEN,
    PublicIpAddress="12.345.67.890",
    PrivateIpAddress="098.76.54.321",
    ProductCodes=[],
    StateTransitionReason="",
    ClientToken="",
    SecurityGroups=[{"GroupName": "default", "GroupId": "sg-12345678"}],
    NetworkInterfaces=[interface("default")],
    Placement={"Tenancy": "default", "GroupName": "", "AvailabilityZone": "us-east-1c"},
    BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"Status": "attached", "AttachTime": WHEN}}],
    Tags=tags(ansible="test", Name="aws_ec2"),
    AmiLaunchIndex=0,
)  # fmt: skip
FLEET = [
    CLASSIC,
    instance(2),  # no tags at all
    instance(3, Tags=[]),
    instance(4, Tags=tags(os_provider="RedHat")),
    instance(5, Tags=tags(os_provider="RedHat", os_release="8")),
    instance(6, Tags=tags(os_provider="RedHat", os_release="7", Name="my-name", Phase="dev", os_version="RHEL")),
    # Nothing, one and several of what a preference leads to, in one and in several interfaces.
    instance(7, NetworkInterfaces=[interface("a")], SecurityGroups=[]),
    instance(8, NetworkInterfaces=[interface("a", "b")], SecurityGroups=[{"GroupName": "a"}, {"GroupName": "b"}]),
    instance(9, NetworkInterfaces=[interface("a", "b"), interface("c", "d", address="a:/b")]),
    instance(10, NetworkInterfaces=[interface("a", "b"), interface()]),
    # Names that have to be made fit.
    instance(11, PublicDnsName="first-host://", PrivateDnsName="a:b"),
    instance(12, PublicDnsName="", Tags=tags(Name="a:/b", Phase="x:y")),
]
HOSTNAMES: list[list[Any]] = [
    [],
    ["ip-address", "dns-name"],
    ["private-dns-name"],
    ["tag:os_version"],
    ["tag:os_version", "dns-name"],
    [{"name": "tag:Name", "prefix": "tag:Phase"}],
    [{"name": "tag:Name", "prefix": "tag:Phase", "separator": "-"}],
    [{"name": "tag:Name", "prefix": "tag:OSVersion", "separator": "-"}, "instance-id"],
    [{"name": "tag:Name", "separator": "-"}],
    [{"name": "tag:Name", "prefix": "tag:Phase"}, "private-dns-name"],
    [{"name": "tag:Name", "prefix": "tag:Phase"}, "tag:os_version"],
    ["private-dns-name", {"name": "tag:Name", "separator": "-"}],
    [{"name": "private-ip-address", "separator": "_", "prefix": "tag:Name"}],
    ["OSRelease"],
    ["ansible.aws.unexpected.file"],
    ["instance.group-id"],
    ["instance.group-name", "instance-id"],
    ["network-interface.group-id"],
    ["network-interface.group-name", "dns-name"],
    ["network-interface.addresses.private-ip-address"],
    ["owner-id"],
    ["tag:os_provider"],
    ["tag:OS_Provider"],
    ["tag:tag:os_provider"],
    ["tag:os_provider=RedHat"],
    ["tag:os_provider=CoreOS"],
    ["tag:os_provider=RedHat,os_release=7"],
    ["tag:os_provider,os_release"],
    ["tag:os_provider=RedHat,os_release"],
    [{"value": "some_value"}],  # refused by both
]


@pytest.mark.parametrize("hostnames", HOSTNAMES, ids=str)
def test_names(inventory: Inventory, hostnames: list[Any]) -> None:
    assert_same(inventory, FLEET, {"hostnames": hostnames})


def test_all_names_at_once(inventory: Inventory) -> None:
    every = [preference for hostnames in HOSTNAMES[:-1] for preference in hostnames]
    assert_same(inventory, FLEET, {"hostnames": every, "allow_duplicated_hosts": True})


@pytest.mark.parametrize(
    "config",
    [
        {"hostvars_prefix": "pre", "hostvars_suffix": "post"},
        {"use_contrib_script_compatible_ec2_tag_keys": True},
        {"hostvars_prefix": "a_", "hostvars_suffix": "_b", "use_contrib_script_compatible_ec2_tag_keys": True},
        {"use_contrib_script_compatible_sanitization": True, "keyed_groups": [{"key": "tags.Name", "prefix": "a-b"}]},
        {"strict": True, "keyed_groups": [{"key": "tags.os_provider | default('none')"}]},
    ],
    ids=str,
)
def test_variables(inventory: Inventory, config: dict[str, Any]) -> None:
    assert_same(inventory, FLEET, config)


@pytest.mark.parametrize(
    ("included", "excluded", "left"),
    [
        ([], [], [1, 2, 4]),  # without a filter all of them
        ([4, 1, 2], [], [1, 2, 4]),
        ([], [4, 1, 2], []),
        ([1, 2], [4], [1, 2]),
        ([1, 2], [1], [2]),
        ([1, 1, 2], [], [1, 2]),
    ],
)
def test_filters(inventory: Inventory, included: list[int], excluded: list[int], left: list[int]) -> None:
    """As EC2 would: each filter leads to the instance of that tag."""
    fleet = {number: instance(number, Tags=tags(n=str(number))) for number in (1, 2, 4)}

    def answer(call: dict[str, str]) -> tuple[int, bytes]:
        place = next((key[: -len("Name")] for key, value in call.items() if value == "tag:n"), None)
        found = [fleet[int(call[f"{place}Value.1"])]] if place else list(fleet.values())
        return 200, page(found)

    inventory.server.answer = answer
    config: dict[str, Any] = {
        "include_filters": [{"tag:n": str(number)} for number in included],
        "exclude_filters": [{"tag:n": str(number)} for number in excluded],
    }
    theirs = inventory.run({**config, "plugin": "amazon.aws.aws_ec2"}, "--list")
    ours = inventory.run({**config, **LIKE_AMAZON}, "--list")
    assert (theirs.returncode, ours.returncode) == (0, 0), (theirs.stderr, ours.stderr)
    assert without_ec2_tags(ours.stdout, config) == theirs.stdout
    assert [number for number in fleet if f'"i-{number:017x}"' in ours.stdout] == left


@pytest.mark.parametrize(
    "name", ["inventory_aws_ec2.yml", "inventory_aws_ec2.yaml", "inventory_aws_EC2.yaml", "aws_ec2_inventory.yml"]
)
def test_names_of_files(inventory: Inventory, name: str) -> None:
    inventory.server.answers = {"*": [page(FLEET[:1])]}
    taken = []
    for plugin in ("amazon.aws.aws_ec2", "rampart.ops.aws_ec2"):
        done = inventory.run(inventory.write({"plugin": plugin}, name), "--list")
        taken.append(done.returncode == 0 and "host-1.example.com" in done.stdout)
    assert taken == [name.endswith(("aws_ec2.yml", "aws_ec2.yaml"))] * 2
