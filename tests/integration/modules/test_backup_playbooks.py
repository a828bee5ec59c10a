# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""backup_now, backup_audit, backup_drill and restore, as an operator runs them, against the region."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from backup_modules import TRUST, back_up, launch, role

from lab.aws.testing import REPO, Aws


class Operator:
    """Somebody with an inventory of two instances, and a vault and roles as the role backup makes them."""

    def __init__(self, aws: Aws, directory: Path) -> None:
        self.aws = aws
        self.directory = directory
        self.hosts: dict[str, dict[str, Any]] = {}
        for name in ("web-1", "web-2"):
            arn = launch(aws, Name=name, Backup="daily")
            self.hosts[name] = {
                "ansible_connection": "local",
                "ansible_python_interpreter": sys.executable,
                "aws_instance_id": arn.rpartition("/")[2],
                "aws_owner_id": arn.split(":")[4],
                "aws_placement": {"region": arn.split(":")[3]},
                "arn": arn,
            }
        aws.client("backup").create_backup_vault(BackupVaultName="rampart")
        for name in ("rampart-backup", "rampart-restore"):
            role(aws, name)

    def start(self, playbook: str, **variables: Any) -> subprocess.Popen[str]:
        inventory = self.directory / "inventory.json"
        inventory.write_text(json.dumps({"web": {"hosts": self.hosts}}))
        return subprocess.Popen(
            [
                f"{Path(sys.executable).parent}/ansible-playbook",
                *("-i", str(inventory), f"{REPO}/playbooks/{playbook}.yml", "--extra-vars", json.dumps(variables)),
            ],
            cwd=self.directory,
            env={**self.aws.env, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", "PWD": str(self.directory)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, playbook: str, **variables: Any) -> tuple[int, str]:
        process = self.start(playbook, **variables)
        output, _nothing = process.communicate(timeout=180)
        return process.returncode, output

    def points(self, name: str) -> list[str]:
        answer = self.aws.client("backup").list_recovery_points_by_resource(ResourceArn=self.hosts[name]["arn"])
        return [each["RecoveryPointArn"] for each in answer["RecoveryPoints"]]

    def hook(self, name: str, flag: str, **more: Any) -> Path:
        """Hooks that write down what they do."""
        journal = self.directory / f"{name}.log"
        self.hosts[name]["snapshot_hooks"] = {
            "freeze": f"echo 'freeze' >> {journal}",
            "thaw": f"echo 'thaw' >> {journal}",
            **more,
        }
        self.hosts[name]["__snapshot_flag"] = flag
        return journal


@pytest.fixture
def operator(aws: Aws, tmp_path: Path) -> Operator:
    return Operator(aws, tmp_path)


def test_backup_now(operator: Operator) -> None:
    code, output = operator.run("backup_now", hosts="web")
    assert code == 0, output
    for name in ("web-1", "web-2"):
        (point,) = operator.points(name)
        assert point in output
        assert f"{operator.hosts[name]['arn']}: COMPLETED 100.0 %" in output  # what is shown while it waits


def test_backup_now_says_what_is_still_running(operator: Operator) -> None:
    tags = [{"Key": "lab:backup", "Value": "hang"}]
    operator.aws.client("ec2").create_tags(Resources=[operator.hosts["web-1"]["aws_instance_id"]], Tags=tags)
    code, output = operator.run("backup_now", hosts="web", snapshot_wait_minutes=0.1)
    assert code == 2
    words = " ".join(output.split())
    assert "still running after 6 seconds" in words
    assert f"of {operator.hosts['web-1']['arn']} (RUNNING, 50.0 %)" in words
    assert len(operator.points("web-2")) == 1


@pytest.mark.parametrize("variables", [{}, {"hosts": "db"}])
def test_backup_now_needs_hosts(operator: Operator, variables: dict[str, str]) -> None:
    code, output = operator.run("backup_now", **variables)
    assert code == 2
    assert "-e hosts=web" in output
    assert "StartBackupJob" not in operator.aws.operations()


def test_a_frozen_host_is_thawed(operator: Operator, tmp_path: Path) -> None:
    journal = operator.hook("web-1", str(tmp_path / "frozen"))
    code, output = operator.run("backup_now", hosts="web")
    assert code == 0, output
    assert journal.read_text().split() == ["freeze", "thaw"]
    assert not (tmp_path / "frozen").exists()


def test_a_frozen_host_is_thawed_when_the_backup_cannot_begin(operator: Operator, tmp_path: Path) -> None:
    journal = operator.hook("web-1", str(tmp_path / "frozen"))
    code, output = operator.run("backup_now", hosts="web-1", snapshot_vault="missing")
    assert code == 2
    assert "missing" in output
    assert journal.read_text().split() == ["freeze", "thaw"]


def test_a_frozen_host_thaws_itself_when_the_controller_dies(operator: Operator, tmp_path: Path) -> None:
    journal = operator.hook("web-1", str(tmp_path / "frozen"), timeout=4)
    operator.aws.fault(service="backup", operation="StartBackupJob", kind="delay", times=1, params={"seconds": 15})
    process = operator.start("backup_now", hosts="web-1")
    end = time.monotonic() + 60
    while not journal.exists() and time.monotonic() < end:
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert journal.read_text().split() == ["freeze"]
    end = time.monotonic() + 20
    while "thaw" not in journal.read_text() and time.monotonic() < end:
        time.sleep(0.2)
    assert journal.read_text().split() == ["freeze", "thaw"]


def test_backup_audit(operator: Operator, tmp_path: Path) -> None:
    operator.aws.client("iam").create_role(RoleName="backup", AssumeRolePolicyDocument=TRUST)
    launch(operator.aws, Name="scratch", Backup="no")
    back_up(operator.aws, operator.hosts["web-1"]["arn"], vault="rampart")
    shown = {"audit_metrics_hosts": ["web-1"], "node_exporter_textfile_directory": str(tmp_path / "textfile")}
    (tmp_path / "textfile").mkdir()
    code, output = operator.run("backup_audit", **shown)
    assert code == 2
    assert "1 of 2 resources have no backup that is fresh enough: web-2" in " ".join(output.split())
    report = json.loads((tmp_path / "backup-coverage/coverage.json").read_text())
    assert report["summary"] == {"total": 2, "protected": 1, "stale": 0, "unprotected": 1}
    assert [each["resource_name"] for each in report["resources"]] == ["web-2", "web-1"]
    html = (tmp_path / "backup-coverage/coverage.html").read_text()
    assert '<tr class="bad"><td>unprotected</td><td>web-2</td>' in html
    assert '<tr class="good"><td>protected</td><td>web-1</td>' in html
    assert "scratch" not in html
    assert [each.name for each in (tmp_path / "textfile").iterdir()] == ["backup.prom"]
    metrics = dict(line.rsplit(" ", 1) for line in (tmp_path / "textfile/backup.prom").read_text().splitlines())
    made, labels = (
        "backup_last_success_timestamp_seconds",
        {
            name: f'{{resource="{name}",resource_arn="{operator.hosts[name]["arn"]}",resource_type="EC2"}}'
            for name in ("web-1", "web-2")
        },
    )
    assert abs(int(metrics[made + labels["web-1"]]) - time.time()) < 600
    assert int(metrics[made + labels["web-2"]]) == 0
    assert int(metrics["backup_rpo_seconds" + labels["web-2"]]) == 26 * 3600
    assert abs(int(metrics["backup_audit_timestamp_seconds"]) - time.time()) < 600
    back_up(operator.aws, operator.hosts["web-2"]["arn"], vault="rampart")
    code, output = operator.run("backup_audit")
    assert code == 0, output
    assert "All 2 resources have a backup" in output

    # Whatever asks for it, not only instances.
    make_table(operator.aws, "orders", Backup="daily")
    # A tag that nothing has is a mistake rather than good news.
    code, output = operator.run("backup_audit", audit_tags={"Bakcup": "*"})
    assert code == 2
    assert "audit_allow_none=true" in output
    code, output = operator.run("backup_audit", audit_tags={"Bakcup": "*"}, audit_allow_none=True)
    assert code == 0, output

    code, output = operator.run("backup_audit")
    assert code == 2
    assert "1 of 3 resources have no backup that is fresh enough: orders" in " ".join(output.split())


def make_table(aws: Aws, name: str, **tags: str) -> str:
    made = aws.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    return str(made["TableDescription"]["TableArn"])


def test_backup_drill_and_restore(operator: Operator) -> None:
    code, output = operator.run("backup_drill")
    assert code == 2
    assert "None of the 2 resources has a backup" in output
    operator.aws.client("iam").create_role(RoleName="backup", AssumeRolePolicyDocument=TRUST)
    back_up(operator.aws, operator.hosts["web-1"]["arn"], vault="rampart")
    code, output = operator.run("backup_drill", drill_check_command=["true"])
    assert code == 0, output
    assert operator.hosts["web-1"]["aws_instance_id"] in output
    assert "RTO" in output
    assert running(operator.aws) == 2
    code, output = operator.run("backup_drill", drill_resource="web-1", drill_rpo_hours=0.0001)
    assert code == 2
    assert "0.0001 are allowed" in output

    arn = operator.hosts["web-1"]["arn"]
    (point,) = operator.points("web-1")
    code, output = operator.run("restore", restore_resource=arn)
    assert code == 0, output
    assert point in output
    assert "Nothing was restored" in output
    assert running(operator.aws) == 2
    group = operator.aws.client("ec2").create_security_group(GroupName="g", Description="g")["GroupId"]
    code, output = operator.run(
        "restore", restore_resource=arn, restore_point=point, restore_security_group_ids=[group]
    )
    assert code == 0, output
    assert f"was made of {point}" in " ".join(output.split())
    assert running(operator.aws) == 3


def test_a_table_and_a_database_are_drilled_and_restored(operator: Operator) -> None:
    aws = operator.aws
    aws.client("iam").create_role(RoleName="backup", AssumeRolePolicyDocument=TRUST)
    table = make_table(aws, "orders", Backup="daily")
    subnets = [each["SubnetId"] for each in aws.client("ec2").describe_subnets()["Subnets"]]
    rds = aws.client("rds")
    rds.create_db_subnet_group(DBSubnetGroupName="db", DBSubnetGroupDescription="db", SubnetIds=subnets)
    database = rds.create_db_instance(
        DBInstanceIdentifier="main",
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        MasterUsername="root",
        MasterUserPassword="hunter2hunter2",
        AllocatedStorage=20,
        DBSubnetGroupName="db",
    )["DBInstance"]["DBInstanceArn"]
    back_up(aws, table, database, vault="rampart")
    code, output = operator.run("backup_drill", drill_resource_types=["DynamoDB"], drill_resource="orders")
    assert code == 0, output
    assert table in output
    assert aws.client("dynamodb").list_tables()["TableNames"] == ["orders"]
    code, output = operator.run("backup_drill", drill_resource=database)
    assert code == 0, output
    assert len(rds.describe_db_instances()["DBInstances"]) == 1
    (job,) = [
        each["RestoreJobId"]
        for each in aws.client("backup").list_restore_jobs()["RestoreJobs"]
        if each["ResourceType"] == "RDS"
    ]
    groups = aws.client("backup").get_restore_job_metadata(RestoreJobId=job)["Metadata"]["VpcSecurityGroupIds"]
    (group,) = aws.client("ec2").describe_security_groups(GroupIds=json.loads(groups))["SecurityGroups"]
    assert (group["GroupName"], group["IpPermissions"], group["IpPermissionsEgress"]) == (
        "rampart-restore-test",
        [],
        [],
    )

    code, output = operator.run("restore", restore_resource=table, restore_point="newest", restore_name="orders-2")
    assert code == 0, output
    assert sorted(aws.client("dynamodb").list_tables()["TableNames"]) == ["orders", "orders-2"]
    code, output = operator.run("restore", restore_resource=table, restore_point="newest", restore_name="orders")
    assert code == 2
    assert "never restored over" in output
    code, output = operator.run("backup_drill", drill_sweep_only=True)
    assert code == 0, output


def running(aws: Aws) -> int:
    found = aws.client("ec2").describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])
    return sum(len(each["Instances"]) for each in found["Reservations"])
