# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""rampart.ops.aws_ec2 and ansible-playbook against the lab's EC2, STS and IAM."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_fork import ROOT

from lab.aws.testing import Aws, Region

ROLE = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}
ENABLED = {"ANSIBLE_INVENTORY_ENABLED": "rampart.ops.aws_ec2"}


def start(aws: Aws, count: int, region: str = "ap-northeast-2", **tags: str) -> list[str]:
    ec2 = aws.client("ec2", region=region)
    image = ec2.register_image(Name=f"debian-{tags.get('Name')}", RootDeviceName="/dev/xvda")["ImageId"]
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    specification = [{"ResourceType": "instance", "Tags": pairs}]
    made = ec2.run_instances(ImageId=image, MinCount=count, MaxCount=count, TagSpecifications=specification)
    return sorted(instance["InstanceId"] for instance in made["Instances"])


def ansible(aws: Aws, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / ".venv/bin" / command[0]), *command[1:]],
        cwd=ROOT,
        env={**aws.env, **ENABLED, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def write(directory: Path, **config: Any) -> str:
    path = directory / "aws_ec2.yml"
    path.write_text(json.dumps({"plugin": "rampart.ops.aws_ec2", "regions": ["ap-northeast-2"], **config}))
    return str(path)


def test_the_fleet_over_pages_and_throttling(aws: Aws, tmp_path: Path) -> None:
    ids = start(aws, 7, Name="web", Role="web")
    stopped = start(aws, 1, Name="old", Role="web")
    aws.client("ec2").stop_instances(InstanceIds=stopped)
    aws.fault(service="ec2", operation="DescribeInstances", kind="throttle", times=1)
    aws.reset_journal()
    config = {"hostnames": ["tag:Name"], "keyed_groups": [{"key": "tags.Role", "prefix": ""}], "page_size": 5}
    config["filters"] = {"tag:Role": "{{ lookup('env', 'ROLE') }}"}
    path = write(tmp_path, **config)
    done = ansible(aws, "ansible-inventory", "-i", path, "--list", ANSIBLE_DEPRECATION_WARNINGS="true", ROLE="web")
    assert done.returncode == 0, done.stderr
    assert "DEPRECATION" not in done.stderr
    assert sorted(json.loads(done.stdout)["_web"]["hosts"]) == [f"web-{instance}" for instance in ids]
    assert set(aws.operations()) == {"DescribeInstances"}


def test_two_accounts_and_a_role(aws: Aws, aws_region: Region, tmp_path: Path) -> None:
    other = Aws(aws_region)
    role = other.client("iam").create_role(RoleName="inventory", AssumeRolePolicyDocument=json.dumps(ROLE))["Role"][
        "Arn"
    ]
    (here,) = start(aws, 1, Name="here")
    (there,) = start(other, 1, Name="there")
    accounts = [{"name": "home"}, {"name": "away", "assume_role_arn": role}]
    keyed = [{"key": "account_name", "prefix": "account"}]
    path = write(tmp_path, hostnames=["instance-id"], accounts=accounts, keyed_groups=keyed)
    done = ansible(aws, "ansible-inventory", "-i", path, "--list")
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["account_home"]["hosts"] == [here]
    assert shown["account_away"]["hosts"] == [there]


def test_the_projects_own_inventory_by_either_plugin(aws: Aws, tmp_path: Path) -> None:
    for name, role in (("web-1", "web"), ("web-1", "web"), ("mon-1", "mon")):
        start(aws, 1, Name=name, Role=role, Env="production")
    start(aws, 1, Name="bare", Env="production")
    graphs = set()
    for plugin in ("amazon.aws.aws_ec2", "rampart.ops.aws_ec2"):
        text, count = re.subn(
            r"(?m)^plugin: .*", f"plugin: {plugin}", (ROOT / "inventories/example/aws_ec2.yml").read_text()
        )
        assert count == 1
        if plugin.startswith("amazon"):  # whose older versions have the tags in "tags", and whose hosts may be stopped
            text = text.replace("aws_ec2_tags", "(aws_ec2_tags | default(aws_tags))")
            text = text.replace("filters:\n", "filters:\n  instance-state-name: running\n")
        path = tmp_path / "aws_ec2.yml"
        path.write_text(text)
        done = ansible(aws, "ansible-inventory", "-i", str(path), "--graph", ANSIBLE_INVENTORY_ENABLED=plugin)
        assert done.returncode == 0, done.stderr
        graphs.add(done.stdout)
    assert len(graphs) == 1
    assert "@web:" in graphs.pop()


def test_jobs_that_start_together_ask_once(aws: Aws, tmp_path: Path) -> None:
    start(aws, 2, Name="web")
    aws.fault(service="ec2", operation="DescribeInstances", kind="delay", times=1, params={"seconds": 3})
    aws.reset_journal()
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    command = [ROOT / ".venv/bin/ansible-inventory", "-i", write(tmp_path, **cache), "--list"]
    jobs = [
        subprocess.Popen(command, cwd=ROOT, env={**aws.env, **ENABLED}, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    outputs = {job.communicate(timeout=120)[0] for job in jobs}
    assert [job.returncode for job in jobs] == [0] * 4
    assert len(outputs) == 1
    assert aws.operations() == ["DescribeInstances"]


def test_the_inventory_update_of_awx(aws: Aws, tmp_path: Path) -> None:
    """The command and the environment of AWX, from a checkout and with its ansible.cfg."""
    (instance,) = start(aws, 1, Name="web", Env="production")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/aws_ec2.yml").write_text("ansible_user: admin\n")
    path, output = write(tmp_path, hostnames=["instance-id"]), tmp_path / "output.json"
    playbook = ["--playbook-dir", tmp_path]
    done = subprocess.run(
        [ROOT / ".venv/bin/ansible-inventory", "--list", "--export", "-i", path, "--output", output, *playbook],
        cwd=ROOT,
        env={
            **{name: value for name, value in aws.env.items() if name not in ("ANSIBLE_CONFIG", "PYTHONPATH")},
            "ANSIBLE_COLLECTIONS_PATHS": "/runner/requirements_collections",
            "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
            "ANSIBLE_HOST_PATTERN_MISMATCH": "error",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads(output.read_text())
    assert shown["aws_ec2"] == {"hosts": [instance], "vars": {"ansible_user": "admin"}}
    assert shown["_meta"]["hostvars"][instance]["ec2_tags"]["Env"] == {"__ansible_unsafe": "production"}


@pytest.mark.parametrize(
    ("config", "env", "cause"),
    [
        ({}, {"AWS_ACCESS_KEY_ID": "AKIAWRONG"}, "not able to validate the provided access credentials"),
        ({"regions": ["ap-nowhere-9"]}, {}, "ap-nowhere-9"),
        ({}, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Could not connect to the endpoint URL"),
        ({"accounts": [{"name": "away", "assume_role_arn": "no-arn"}]}, {}, "account 'away'"),
    ],
    ids=["credentials", "region", "endpoint", "role"],
)
def test_a_playbook_stops_before_its_first_task(
    aws: Aws, tmp_path: Path, config: dict[str, Any], env: dict[str, str], cause: str
) -> None:
    playbook = tmp_path / "play.yml"
    playbook.write_text(
        json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [{"ansible.builtin.ping": {}}]}])
    )
    env = {**env, "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "false", "ANSIBLE_INVENTORY_ENABLED": "auto,yaml,ini"}
    done = ansible(aws, "ansible-playbook", "-i", write(tmp_path, **config), str(playbook), **env)
    assert done.returncode == 4
    assert cause in done.stderr
    assert done.stderr.count("[ERROR]") == 1
    assert "[WARNING]" not in done.stderr
    assert "PLAY" not in done.stdout
