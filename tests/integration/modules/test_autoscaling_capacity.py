# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""autoscaling_capacity against the region."""

from __future__ import annotations

import pytest
from backup_modules import Module

from lab.aws.testing import Aws


@pytest.fixture
def capacity(aws: Aws) -> Module:
    image = aws.client("ec2").describe_images()["Images"][0]["ImageId"]
    client = aws.client("autoscaling")
    client.create_launch_configuration(LaunchConfigurationName="web", ImageId=image, InstanceType="t3.micro")
    zone = aws.client("ec2").describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
    for name in ("web", "worker"):
        client.create_auto_scaling_group(
            AutoScalingGroupName=name,
            LaunchConfigurationName="web",
            MinSize=1,
            MaxSize=4,
            DesiredCapacity=1,
            AvailabilityZones=[zone],
            DefaultCooldown=77,
            HealthCheckGracePeriod=55,
            Tags=[{"Key": "Team", "Value": "shop"}],
        )
    return Module(aws, "autoscaling_capacity")


def group(aws: Aws, name: str = "web") -> dict[str, object]:
    found = aws.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]
    return {
        **{
            key: found[key]
            for key in ("MinSize", "MaxSize", "DesiredCapacity", "DefaultCooldown", "HealthCheckGracePeriod")
        },
        "Tags": [(tag["Key"], tag["Value"]) for tag in found["Tags"]],
    }


def test_up_again_and_down(capacity: Module) -> None:
    """Each change in check mode first; the second time nothing; and nothing but the sizes is touched."""
    before = group(capacity.aws)
    up = {"groups": [{"name": "web", "min_size": 2, "desired_capacity": 3}, {"name": "worker"}]}
    would = capacity(check=True, **up)
    assert would["changed"]
    assert group(capacity.aws) == before
    did = capacity(**up)
    assert did["diff"] == would["diff"]
    assert did["groups"][0] == {"name": "web", "min_size": 2, "max_size": 4, "desired_capacity": 3}
    assert group(capacity.aws) == {**before, "MinSize": 2, "DesiredCapacity": 3}
    assert not capacity(**up)["changed"]
    assert capacity(groups=[{"name": "web", "min_size": 1, "desired_capacity": 1}])["changed"]
    assert group(capacity.aws) == before


def test_nothing_is_changed_when_one_of_them_is_wrong(capacity: Module) -> None:
    before = group(capacity.aws)
    failed = capacity.fails(groups=[{"name": "web", "min_size": 2}, {"name": "shop", "min_size": 2}])
    assert "no Auto Scaling group shop" in failed
    assert group(capacity.aws) == before
