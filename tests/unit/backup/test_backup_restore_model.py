# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What AWS is told to make of a recovery point."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.backup.restore import Drill

ROLE = "arn:aws:iam::123456789012:role/restore"
INSTANCE = "arn:aws:ec2:eu-west-1:123456789012:instance/i-0123456789abcdef0"
VOLUME = "arn:aws:ec2:eu-west-1:123456789012:volume/vol-0123456789abcdef0"
DATABASE = "arn:aws:rds:eu-west-1:123456789012:db:orders"
# As AWS Backup tells it, of an instance that is protected, has a role, an address and a place.
INSTANCE_HAD = {
    "CapacityReservationSpecification": '{"CapacityReservationPreference":"open"}',
    "CpuOptions": '{"CoreCount":1,"ThreadsPerCore":1}',
    "CreditSpecification": '{"CpuCredits":"standard"}',
    "DisableApiTermination": "true",
    "EbsOptimized": "false",
    "HibernationOptions": '{"Configured":false}',
    "IamInstanceProfileName": "web",
    "InstanceInitiatedShutdownBehavior": "stop",
    "InstanceType": "t2.micro",
    "KeyName": "ops",
    "Monitoring": '{"State":"disabled"}',
    "NetworkInterfaces": '[{"PrivateIpAddress":"172.31.36.129"}]',
    "Placement": '{"AvailabilityZone":"eu-west-1c","GroupName":"","Tenancy":"default"}',
    "SecurityGroupIds": '["sg-1"]',
    "SubnetId": "subnet-1",
    "VpcId": "vpc-1",
    "aws:backup:request-id": "7ac9f761-50dc-4fa7-a801-0440c618f41e",
}


def drill(resource: str, **fields: Any) -> Drill:
    return Drill(**{"resource": resource, "role": ROLE, "copy_name": "copy", **fields})


def test_the_copy_of_an_instance_is_like_it_but_apart_and_can_be_removed() -> None:
    wanted = drill(INSTANCE, security_groups=["sg-2"], request_id="r")
    assert wanted.request_metadata(INSTANCE_HAD, None) == {
        "DisableApiTermination": "false",
        "EbsOptimized": "false",
        "InstanceInitiatedShutdownBehavior": "stop",
        "InstanceType": "t2.micro",
        "KeyName": "ops",
        "SecurityGroupIds": '["sg-2"]',
        "SubnetId": "subnet-1",
        "aws:backup:request-id": "r",
    }
    elsewhere = drill(INSTANCE, security_groups=["sg-2"], subnet="subnet-2", metadata={"instancetype": "t3.small"})
    told = elsewhere.request_metadata(INSTANCE_HAD, None)
    assert (told["SubnetId"], told["instancetype"]) == ("subnet-2", "t3.small")
    assert not {"VpcId", "Placement", "InstanceType", "aws:backup:request-id"} & set(told)


def test_the_copy_of_a_volume_is_in_the_zone_of_the_original() -> None:
    had = {"volumeId": "vol-0123456789abcdef0", "encrypted": "true", "aws:backup:request-id": "x", "Something": "new"}
    assert drill(VOLUME).request_metadata(had, "eu-west-1a") == {
        "volumeId": "vol-0123456789abcdef0",
        "encrypted": "true",
        "availabilityZone": "eu-west-1a",
    }


def test_the_copy_of_a_database_has_a_name_and_no_place_of_its_original() -> None:
    had = {
        "DBInstanceClass": "db.t3.micro",
        "DBInstanceIdentifier": "orders",
        "DBSnapshotIdentifier": "awsbackup:job-1",
        "DBSubnetGroupName": "private",
        "AvailabilityZone": "eu-west-1a",
        "MultiAZ": "true",
        "PubliclyAccessible": "true",
        "DeletionProtection": "true",
        "InformationalOnly:Engine": "postgres",
    }
    told = drill(DATABASE, security_groups=["sg-2"]).request_metadata(had, None)
    assert told == {
        "DBInstanceClass": "db.t3.micro",
        "DBInstanceIdentifier": "copy",
        "DBSubnetGroupName": "private",
        "MultiAZ": "true",
        "PubliclyAccessible": "false",
        "DeletionProtection": "false",
        "VpcSecurityGroupIds": json.dumps(["sg-2"]),
    }


@pytest.mark.parametrize("key", ["disableApiTermination", "aws:backup:request-id"])
def test_what_makes_a_copy_removable_and_known_is_not_the_user_s(key: str) -> None:
    with pytest.raises(InvalidError, match=f"restore_metadata: {key}"):
        drill(INSTANCE, security_groups=["sg-2"], metadata={key: "true"}).check()
