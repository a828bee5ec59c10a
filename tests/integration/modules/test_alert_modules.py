# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The small modules of the role log_alerts and playbooks/iam.yml: each step in check mode first, then twice."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lab.aws.testing import REPO, Aws

READS = ("List", "Get", "Describe")


def step(aws: Aws, module: str, args: dict[str, Any]) -> dict[str, Any]:
    """In check mode, for real, and again; what check mode promised is what came."""
    aws.reset_journal()
    promised = aws.run_module(f"rampart.ops.{module}", args, check=True)
    assert promised["changed"], promised
    assert not [name for name in aws.operations() if not name.startswith(READS)]
    done = aws.run_module(f"rampart.ops.{module}", args)
    assert done["changed"], done
    assert done["diff"] == promised["diff"]
    aws.reset_journal()
    again = aws.run_module(f"rampart.ops.{module}", args)
    assert (again["changed"], again["failed"]) == (False, False), again
    assert again["diff"]["before"] == done["diff"]["after"]
    assert not [name for name in aws.operations() if not name.startswith(READS)]
    return done


@pytest.fixture
def function(aws: Aws) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = aws.client("iam").create_role(RoleName="f", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("app.py", "def handle(event, context): pass")
    code = {"ZipFile": packed.getvalue()}
    made = aws.client("lambda").create_function(
        FunctionName="f", Runtime="python3.13", Handler="app.handle", Role=role, Code=code
    )
    return str(made["FunctionArn"])


def test_log_group(aws: Aws) -> None:
    logs, kms = aws.client("logs"), aws.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    name = {"log_group_name": "g"}
    logs.create_log_group(logGroupName="g-other")
    step(aws, "cloudwatchlogs_log_group", {**name, "retention": 30, "tags": {"Team": "ops", "my_key": "1"}})
    # Each of these once took a log group away, or was written in check mode, by another module.
    step(aws, "cloudwatchlogs_log_group", {**name, "retention": 1096})
    step(aws, "cloudwatchlogs_log_group", {**name, "kms_key_id": key, "tags": {"Team": "web"}})
    (group,) = [each for each in logs.describe_log_groups()["logGroups"] if each["logGroupName"] == "g"]
    assert (group["retentionInDays"], group["kmsKeyId"]) == (1096, key)
    assert logs.list_tags_for_resource(resourceArn=group["arn"].removesuffix(":*"))["tags"] == {"Team": "web"}
    step(aws, "cloudwatchlogs_log_group", {**name, "retention": 0, "kms_key_id": ""})
    assert not aws.run_module("rampart.ops.cloudwatchlogs_log_group", name)["changed"]
    refused = aws.run_module("rampart.ops.cloudwatchlogs_log_group", {**name, "kms_key_id": "alias/mine"})
    assert "is not the ARN of a key" in refused["msg"]
    step(aws, "cloudwatchlogs_log_group", {**name, "state": "absent"})
    assert [each["logGroupName"] for each in logs.describe_log_groups()["logGroups"]] == ["g-other"]


def test_a_log_group_behind_many_of_its_name_is_found(aws: Aws) -> None:
    for number in range(7):
        aws.client("logs").create_log_group(logGroupName=f"g{number}")
    aws.switch(page_size=2)
    assert not aws.run_module("rampart.ops.cloudwatchlogs_log_group", {"log_group_name": "g6"})["changed"]
    assert not aws.run_module("rampart.ops.cloudwatchlogs_log_group", {"log_group_name": "g", "state": "absent"})[
        "changed"
    ]


def test_subscription_filter_and_permission(aws: Aws, function: str) -> None:
    aws.client("logs").create_log_group(logGroupName="g")
    permission = {"function_name": "f", "statement_id": "logs", "principal": "logs.amazonaws.com"}
    wanted = {"log_group_name": "g", "filter_name": "s", "filter_pattern": "?a ?b", "destination_arn": function}
    refused = aws.run_module("rampart.ops.cloudwatchlogs_subscription_filter", wanted)
    assert refused["failed"]
    assert "Could not write the subscription filter s of g" in refused["msg"]
    step(aws, "lambda_permission", permission)
    step(
        aws, "lambda_permission", {**permission, "source_arn": "arn:aws:logs:ap-northeast-2:123456789012:log-group:g:*"}
    )
    step(aws, "lambda_permission", {**permission, "source_account": "123456789012"})
    step(aws, "cloudwatchlogs_subscription_filter", wanted)
    step(aws, "cloudwatchlogs_subscription_filter", {**wanted, "filter_pattern": '"a b"'})
    gone = {"log_group_name": "g", "filter_name": "s", "state": "absent"}
    step(aws, "cloudwatchlogs_subscription_filter", gone)
    assert not aws.run_module("rampart.ops.cloudwatchlogs_subscription_filter", {**gone, "log_group_name": "no"})[
        "changed"
    ]
    step(aws, "lambda_permission", {"function_name": "f", "statement_id": "logs", "state": "absent"})
    # What is to come cannot be written to yet, but check mode knows that it will be.
    for module, args in (
        ("lambda_permission", {**permission, "function_name": "none"}),
        ("cloudwatchlogs_subscription_filter", {**wanted, "log_group_name": "none"}),
    ):
        promised = aws.run_module(f"rampart.ops.{module}", args, check=True)
        assert (promised["failed"], promised["changed"]) == (False, True)


def test_rule(aws: Aws, function: str) -> None:
    targets = [{"id": "b", "arn": function}, {"id": "a", "arn": function, "input": '{"n": 1}'}]
    rule = {"name": "r", "schedule_expression": "rate(5 minutes)", "targets": targets}
    step(aws, "eventbridge_rule", rule)
    step(aws, "eventbridge_rule", {**rule, "schedule_expression": "rate(1 hour)", "description": "x"})
    step(aws, "eventbridge_rule", {**rule, "targets": targets[:1], "enabled": False})
    shown = aws.client("events").list_targets_by_rule(Rule="r")["Targets"]
    assert [each["Id"] for each in shown] == ["b"]
    step(aws, "eventbridge_rule", {"name": "r", "event_pattern": {"source": ["aws.ec2"]}, "targets": targets[:1]})
    refused = aws.run_module("rampart.ops.eventbridge_rule", {"name": "r2", "schedule_expression": "rate(1 minutes)"})
    assert "Could not write the rule r2" in refused["msg"]
    step(aws, "eventbridge_rule", {"name": "r", "state": "absent"})


def test_dashboard(aws: Aws) -> None:
    widget = {"type": "text", "width": 6, "height": 2, "properties": {"markdown": "# a"}}
    step(aws, "cloudwatch_dashboard", {"dashboard_name": "d", "dashboard_body": {"widgets": [widget]}})
    wider = {**widget, "width": 12}
    step(aws, "cloudwatch_dashboard", {"dashboard_name": "d", "dashboard_body": {"widgets": [wider]}})
    step(aws, "cloudwatch_dashboard", {"dashboard_name": "d", "state": "absent"})


def test_zip_is_the_same_whenever_its_contents_are(aws: Aws, tmp_path: Path) -> None:
    (tmp_path / "b.py").write_text("b = 1\n")
    files = [{"name": "b.py", "src": str(tmp_path / "b.py")}, {"name": "a/a.json", "content": "{}"}]
    checksums = set()
    for number, order in enumerate((files, files[::-1])):
        dest = tmp_path / f"{number}.zip"
        args = {"dest": str(dest), "files": order}
        assert aws.run_module("rampart.ops.zip_archive", args, check=True)["changed"]
        assert not dest.exists()
        checksums.add(aws.run_module("rampart.ops.zip_archive", args)["checksum"])
        assert not aws.run_module("rampart.ops.zip_archive", args)["changed"]
        (tmp_path / "b.py").touch()
    assert len(checksums) == 1
    assert (tmp_path / "0.zip").read_bytes() == (tmp_path / "1.zip").read_bytes()
    assert zipfile.ZipFile(dest).read("a/a.json") == b"{}"
    refused = aws.run_module(
        "rampart.ops.zip_archive", {"dest": str(dest), "files": [{"name": "x", "src": "/nowhere"}]}
    )
    assert "could not be made" in refused["msg"]


def playbook(aws: Aws, inventory: Path, *options: str, **variables: Any) -> tuple[int, str]:
    command = [f"{Path(sys.executable).parent}/ansible-playbook", "-i", str(inventory), "playbooks/iam.yml"]
    done = subprocess.run(
        [*command, "--extra-vars", json.dumps(variables), *options],
        cwd=REPO,
        env={**aws.env, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_agents_instance_profile(aws: Aws, tmp_path: Path) -> None:
    ec2, iam = aws.client("ec2"), aws.client("iam")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    ids = [each["InstanceId"] for each in ec2.run_instances(ImageId=image, MinCount=3, MaxCount=3)["Instances"]]
    iam.create_instance_profile(InstanceProfileName="app")
    ec2.associate_iam_instance_profile(IamInstanceProfile={"Name": "app"}, InstanceId=ids[2])
    hosts = {
        f"web-{number}": {"aws_instance_id": each, "aws_placement": {"region": "ap-northeast-2"}}
        for number, each in enumerate(ids)
    }
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}))

    def profiles() -> dict[str, str]:
        found = ec2.describe_iam_instance_profile_associations()["IamInstanceProfileAssociations"]
        return {each["InstanceId"]: each["IamInstanceProfile"]["Arn"].rpartition("/")[2] for each in found}

    aws.reset_journal()
    code, output = playbook(aws, inventory, "--check", "--diff")
    assert code == 0, output
    assert not [name for name in aws.operations() if not name.startswith((*READS, "AssumeRole"))]
    code, output = playbook(aws, inventory)
    assert code == 0, output
    name = "rampart-cloudwatch-agent"
    assert profiles() == {ids[0]: name, ids[1]: name, ids[2]: "app"}
    assert f"{ids[2]}" in output.partition("These instances have an instance profile of their own")[2]
    policy = iam.get_role_policy(RoleName=name, PolicyName=name)["PolicyDocument"]
    logs, metrics = policy["Statement"]
    assert logs["Action"] == ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    assert logs["Resource"] == [f"arn:aws:logs:*:{aws.account_id}:log-group:/rampart/*:*"]
    assert metrics["Condition"] == {"StringEquals": {"cloudwatch:namespace": "CWAgent"}}
    code, output = playbook(aws, inventory)
    assert "changed=0" in output, output
    code, output = playbook(aws, inventory, iam_agent_nam="x")
    assert code == 2
    assert "not iam_agent_nam" in output
    code, output = playbook(aws, inventory, iam_state="absent")
    assert code == 0, output
    assert profiles() == {ids[2]: "app"}
    assert iam.list_roles()["Roles"] == []
    code, output = playbook(aws, inventory, iam_state="absent")
    assert "changed=0" in output, output
