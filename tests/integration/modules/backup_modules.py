# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What the tests of the backup modules share: a module with an account, and the truth as the API tells it."""

from __future__ import annotations

import json
import time
from typing import Any

from lab.aws.testing import DEFAULT_REGION, Aws

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


class Module:
    """A module with some options that are the same in each call."""

    def __init__(self, aws: Aws, name: str, **options: Any) -> None:
        self.aws = aws
        self.name = f"rampart.ops.{name}"
        self.options = options

    def __call__(self, check: bool = False, **args: Any) -> dict[str, Any]:
        self.aws.reset_journal()
        result = self.aws.run_module(self.name, {**self.options, **args}, check=check)
        assert not result["failed"], result
        return result

    def fails(self, check: bool = False, **args: Any) -> str:
        self.aws.reset_journal()
        result = self.aws.run_module(self.name, {**self.options, **args}, check=check)
        assert result["failed"], result
        return str(result["msg"])

    def unchanged(self, **args: Any) -> dict[str, Any]:
        """Nothing to change, in check mode and without; returns the latter's result."""
        for check in (True, False):
            result = self(check=check, **args)
            assert not result["changed"], result["diff"]
            assert result["diff"]["before"] == result["diff"]["after"]
            assert not [call for call in self.calls if not call.startswith(("List", "Get", "Describe"))]
        return result

    def changed(self, **args: Any) -> dict[str, Any]:
        """Something to change, as check mode says; it writes nothing itself. Returns the result of the second."""
        would = self(check=True, **args)
        assert would["changed"]
        assert not [call for call in self.calls if not call.startswith(("List", "Get", "Describe"))]
        did = self(**args)
        assert did["changed"]
        return did

    @property
    def calls(self) -> list[str]:
        return self.aws.operations()


def role(aws: Aws, name: str = "backup") -> str:
    """A role that AWS Backup can assume."""
    made = aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    return str(made["Role"]["Arn"])


def trail(aws: Aws) -> list[str]:
    """The operations that wrote."""
    return [call for call in aws.operations() if not call.startswith(("List", "Get", "Describe"))]


def launch(aws: Aws, region: str = DEFAULT_REGION, **tags: str) -> str:
    """A running instance; returns its ARN."""
    made = aws.client("ec2", region).run_instances(
        ImageId="ami-12c6146b",
        MinCount=1,
        MaxCount=1,
        InstanceType="t3.micro",
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        ],
    )
    return f"arn:aws:ec2:{region}:{made['OwnerId']}:instance/{made['Instances'][0]['InstanceId']}"


def back_up(aws: Aws, *arns: str, delete_after_days: int | None = None, vault: str = "daily") -> None:
    """Backup jobs that are done when this returns, one way or the other."""
    client = aws.client("backup")
    try:
        arn = aws.client("iam").get_role(RoleName="backup")["Role"]["Arn"]
    except aws.client("iam").exceptions.NoSuchEntityException:
        arn = role(aws)
    lifecycle = {"Lifecycle": {"DeleteAfterDays": delete_after_days}} if delete_after_days else {}
    aws.switch(prompt_backups=True)
    jobs = [
        client.start_backup_job(BackupVaultName=vault, ResourceArn=each, IamRoleArn=arn, **lifecycle)["BackupJobId"]
        for each in arns
    ]
    for job in jobs:
        while client.describe_backup_job(BackupJobId=job)["State"] not in ("COMPLETED", "FAILED"):
            time.sleep(0.3)
    aws.switch(prompt_backups=False)
