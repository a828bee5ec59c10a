# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""backup_now, backup_audit, backup_drill and restore, as an operator runs them, against the region."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from backup_modules import TRUST, back_up, launch, role

from lab.aws.testing import DEFAULT_REGION, REPO, Aws


class Operator:
    """Somebody with an inventory of two instances, and a vault and roles as the role backup makes them."""

    def __init__(self, aws: Aws, directory: Path) -> None:
        self.aws = aws
        self.directory = directory
        self.hosts: dict[str, dict[str, Any]] = {}
        for name in ("web-1", "web-2"):
            self.launch(name)
        aws.client("backup").create_backup_vault(BackupVaultName="rampart")
        for name in ("rampart-backup", "rampart-restore"):
            role(aws, name)

    def launch(self, name: str, region: str = DEFAULT_REGION) -> None:
        arn = launch(self.aws, region, Name=name, Backup="daily")
        self.hosts[name] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "aws_instance_id": arn.rpartition("/")[2],
            "aws_owner_id": arn.split(":")[4],
            "aws_placement": {"region": region},
            "arn": arn,
        }

    def start(self, playbook: str, *options: str, **variables: Any) -> subprocess.Popen[str]:
        inventory = self.directory / "inventory.json"
        inventory.write_text(json.dumps({"web": {"hosts": self.hosts}}))
        return subprocess.Popen(
            [
                f"{Path(sys.executable).parent}/ansible-playbook",
                *("-i", str(inventory), f"{REPO}/playbooks/{playbook}.yml", "--extra-vars", json.dumps(variables)),
                *options,
            ],
            cwd=self.directory,
            env={**self.aws.env, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", "PWD": str(self.directory)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, playbook: str, *options: str, **variables: Any) -> tuple[int, str]:
        process = self.start(playbook, *options, **variables)
        output, _nothing = process.communicate(timeout=180)
        return process.returncode, output

    def points(self, name: str) -> list[str]:
        client = self.aws.client("backup", self.hosts[name]["aws_placement"]["region"])
        answer = client.list_recovery_points_by_resource(ResourceArn=self.hosts[name]["arn"])
        return [each["RecoveryPointArn"] for each in answer["RecoveryPoints"]]

    def tag(self, name: str, fate: str) -> None:
        """What becomes of the backups of a host: see lab/aws/services/backup/jobs.py."""
        tags = [{"Key": "lab:backup", "Value": fate}]
        self.aws.client("ec2").create_tags(Resources=[self.hosts[name]["aws_instance_id"]], Tags=tags)

    def hook(self, name: str, **more: Any) -> Hook:
        """Hooks that write down when they do what, and what the file says meanwhile that stands for the freeze."""
        made = Hook(self.directory / f"{name}.log", self.directory / f"{name}.frozen")
        note = "$(date +%s.%N) {} $(cat " + f"{made.flag} | wc -l)"
        self.hosts[name]["snapshot_hooks"] = {
            "freeze": f'echo "{note.format("freeze")}" >> {made.journal}',
            "thaw": f'echo "{note.format("thaw")}" >> {made.journal}',
            **more,
        }
        self.hosts[name]["__snapshot_flag_file"] = str(made.flag)
        return made


@dataclass
class Hook:
    """The hooks of a host: what they wrote down, and the file that is there while it is frozen."""

    journal: Path
    flag: Path

    @property
    def did(self) -> list[str]:
        """What they did, each of it while the flag was there."""
        lines = [line.split() for line in self.journal.read_text().splitlines()] if self.journal.exists() else []
        assert all(flagged == "1" for _moment, _what, flagged in lines), lines
        return [what for _moment, what, _flagged in lines]

    @property
    def thawed(self) -> float:
        """When it was thawed, in seconds of Unix time."""
        return float(self.journal.read_text().splitlines()[-1].split()[0])


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
    operator.tag("web-1", "hang")
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


def test_each_frozen_host_is_thawed_when_its_own_backup_has_begun(operator: Operator) -> None:
    """web-1 begins after it has thawed itself, web-2 late but in time, web-3 at once; web-4 is not frozen."""
    operator.launch("web-3")
    operator.launch("web-4")
    hooks = {
        "web-1": operator.hook("web-1", timeout=4),
        "web-2": operator.hook("web-2", timeout=120),
        "web-3": operator.hook("web-3"),
    }
    operator.hosts["web-3"]["snapshot_hooks"]["thaw"] += f"; mkdir {operator.directory}/again || exit 0; exit 1"
    operator.tag("web-1", "late")
    operator.tag("web-2", "late")
    code, output = operator.run("backup_now", hosts="web")
    assert code == 2, output
    assert [hook.did for hook in hooks.values()] == [
        ["freeze", "thaw"],
        ["freeze", "thaw"],
        ["freeze", "thaw", "thaw"],  # the first did not succeed
    ]
    assert not any(hook.flag.exists() for hook in hooks.values())
    begun = {
        job["ResourceArn"]: job["InitiationDate"].timestamp()
        for job in operator.aws.client("backup").list_backup_jobs()["BackupJobs"]
    }
    late = begun[operator.hosts["web-2"]["arn"]]
    assert hooks["web-1"].thawed < late
    assert hooks["web-3"].thawed < late  # does not wait for the others
    assert late <= hooks["web-2"].thawed < late + 60
    # All are waited for; only the one whose freeze was over too early is told.
    words = " ".join(output.split())
    for name in operator.hosts:
        (point,) = operator.points(name)
        assert f"{point}, job" in words
        assert (f"{name}: " in words.partition("Tell what")[2]) == (name == "web-1")
    assert "It has thawed itself after 4 seconds, before its backup had begun" in words
    assert f"Its recovery point {operator.points('web-1')[0]} is perhaps like one after a power cut" in words
    assert "a longer snapshot_hooks.timeout" in words


def test_check_mode_freezes_nothing(operator: Operator) -> None:
    hook = operator.hook("web-1")
    code, output = operator.run("backup_now", "--check", hosts="web")
    assert code == 0, output
    assert all(host["arn"] in output.partition("would be backed up")[2] for host in operator.hosts.values())
    assert (hook.did, hook.flag.exists()) == ([], False)
    assert "StartBackupJob" not in operator.aws.operations()


def test_a_frozen_host_is_thawed_when_the_backup_cannot_begin(operator: Operator) -> None:
    hook = operator.hook("web-1")
    code, output = operator.run("backup_now", hosts="web", snapshot_vault="missing")
    assert code == 2
    for name in operator.hosts:
        assert f"{name}: It is not backed up: " in " ".join(output.split())
    assert hook.did == ["freeze", "thaw"]
    assert not hook.flag.exists()


def test_a_look_that_fails_does_not_count_as_begun(operator: Operator) -> None:
    hook = operator.hook("web-1")
    operator.aws.fault(service="backup", operation="ListBackupJobs", kind="error", times=1, params=DENIED)
    code, output = operator.run("backup_now", hosts="web-1")
    assert code == 2
    assert hook.did == ["freeze", "thaw"]
    words = " ".join(output.split())
    assert "web-1: Its backup was not seen to begin: " in words
    (point,) = operator.points("web-1")  # it is waited for all the same
    assert f"{point}, job" in words


DENIED = {"status": 403, "code": "AccessDeniedException", "message": "no"}


def test_what_cannot_be_frozen_is_not_backed_up_and_hinders_nobody(operator: Operator) -> None:
    """No file can be made on web-1, web-3 is frozen already, web-5 takes too long, web-6 does not answer."""
    for name in ("web-3", "web-5", "web-6"):
        operator.launch(name)
    unwritable, taken = operator.hook("web-1"), operator.hook("web-3")
    operator.hosts["web-1"]["__snapshot_flag_file"] = f"{operator.directory}/missing/frozen"
    taken.flag.write_text("another\n")
    slow = operator.hook("web-5", freeze="sleep 600", timeout=4)
    absent = operator.hook("web-6")
    operator.hosts["web-6"] |= {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    code, output = operator.run("backup_now", hosts="web")
    assert code == 2
    words = " ".join(output.split()).partition("Tell what")[2]
    for name in ("web-1", "web-3", "web-5", "web-6"):
        assert f"{name}: It could not be frozen, and is not backed up: " in words
        assert operator.points(name) == []
    assert "Freezing needs root: set ansible_become" in words
    assert (unwritable.did, taken.did, absent.did) == ([], [], [])
    assert taken.flag.read_text() == "another\n"
    operator.aws.eventually(lambda: slow.did == ["thaw"] and not slow.flag.exists(), 30)
    assert "web-2: " not in words
    assert len(operator.points("web-2")) == 1
    assert operator.aws.operations().count("StartBackupJob") == 1


def test_hosts_of_two_regions(operator: Operator) -> None:
    operator.launch("web-3", "eu-central-1")
    operator.launch("web-4", "eu-west-1")  # which has no vault
    operator.aws.client("backup", "eu-central-1").create_backup_vault(BackupVaultName="rampart")
    hooks = [operator.hook(name) for name in ("web-3", "web-4")]
    code, output = operator.run("backup_now", hosts="web")
    assert code == 2
    words = " ".join(output.split())
    assert "web-4: It is not backed up: " in words
    for name in ("web-1", "web-2", "web-3"):
        assert f"{operator.points(name)[0]}, job" in words
        assert f"{name}: It" not in words
    assert [hook.did for hook in hooks] == [["freeze", "thaw"]] * 2


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"aws_owner_id": "210987654321"}, "web-1 is of account 210987654321, these credentials are of"),
        ({"snapshot_hooks": {"freeze": "true"}}, "snapshot_hooks of web-1 need freeze and thaw"),
    ],
)
def test_what_is_wrong_is_told_before_any_host_is_frozen(operator: Operator, facts: dict[str, Any], words: str) -> None:
    hook = operator.hook("web-2")
    operator.hosts["web-1"] |= facts
    code, output = operator.run("backup_now", hosts="web")
    assert code == 2
    assert words in " ".join(output.split())
    assert hook.did == []
    assert "StartBackupJob" not in operator.aws.operations()


def test_a_frozen_host_thaws_itself_when_the_controller_dies(operator: Operator) -> None:
    hook = operator.hook("web-1", timeout=6)
    operator.aws.fault(service="backup", operation="StartBackupJob", kind="delay", times=1, params={"seconds": 60})
    process = operator.start("backup_now", hosts="web-1")
    operator.aws.eventually(hook.journal.exists, 90)
    process.send_signal(signal.SIGKILL)
    process.wait()
    operator.aws.eventually(lambda: hook.did == ["freeze", "thaw"] and not hook.flag.exists(), 60)


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
