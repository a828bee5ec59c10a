# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Every job template's playbook as AWX runs it, on lab hosts: each for real, and again; then the acceptance, in check
mode, against the stand-in of AWX's API. What a job sees is from AWX's source (lab/awx/jobs.py); no AWX runs here."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from lab.awx import jobs, permissions
from lab.awx.server import Server

REPO = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
ACCOUNT = f"awx{os.getpid()}"  # one in which nobody has been
FLEET = """
hosts:
  web-1: {platform: debian13, role: web, backup: daily}
  mon-1: {platform: debian12, role: mon, backup: daily}
"""


class Fleet:
    """A lab with hosts of its own, and what AWX would know of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        fleet = folder / "fleet.yml"
        fleet.write_text(FLEET)
        subprocess.run(
            [sys.executable, "-m", "lab", "up", "--account", ACCOUNT, "--fleet", str(fleet)], cwd=REPO, check=True
        )
        state = Path(os.environ.get("LAB_STATE") or REPO / ".lab")
        shown = subprocess.run(
            ["sh", "-c", f". {shlex.quote(str(state))}/accounts/{ACCOUNT}/env; env"],
            cwd=REPO,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        self.env = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
        self.key = (state / "id_ed25519").read_text()
        self.credential = {
            "AWS_ACCESS_KEY_ID": self.env["AWS_ACCESS_KEY_ID"],
            "AWS_SECRET_ACCESS_KEY": self.env["AWS_SECRET_ACCESS_KEY"],
            "AWS_REGION": self.env["AWS_REGION"],
            "AWS_DEFAULT_REGION": self.env["AWS_REGION"],
            "AWS_ENDPOINT_URL": self.env["AWS_ENDPOINT_URL"],
        }
        self.task_env = {name: self.env[name] for name in ("LAB_GATEWAY", "LAB_PORT")}
        # No traffic passes through a web ACL of the lab.
        logged = [sys.executable, "-m", "lab.waf_logs", "--requests", "300"]
        subprocess.run(logged, cwd=REPO, env=self.env, check=True)
        self.project = folder / "project"
        jobs.sync(REPO, self.project)
        work = folder / "update"
        work.mkdir()
        self.inventory = jobs.update_inventory(
            self.project, "inventories/lab/aws_ec2.yml", work, self.credential | self.task_env
        )
        self.number = 0
        self.client("autoscaling").create_launch_configuration(
            LaunchConfigurationName="web", ImageId="ami-0123456789abcdef0", InstanceType="t3.micro"
        )
        self.client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName="web",
            LaunchConfigurationName="web",
            MinSize=0,
            MaxSize=1,
            AvailabilityZones=[f"{self.env['AWS_REGION']}a"],
        )

    def client(self, service: str) -> Any:
        keys = {name.lower(): self.env[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        place = {"region_name": self.env["AWS_REGION"], "endpoint_url": self.env["AWS_ENDPOINT_URL"]}
        return boto3.client(service, **place, **keys)

    def journal(self) -> list[dict[str, Any]]:
        """What Ansible called."""
        url = f"{self.env['AWS_ENDPOINT_URL']}/lab/journal?account={ACCOUNT}"
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - the lab's own
            calls = json.load(answer)["calls"]
        return [call for call in calls if "Ansible" in call["user_agent"]]

    def run(self, playbook: str, slice_of: list[str] | None = None, **options: Any) -> jobs.Result:
        self.number += 1
        work = self.folder / f"job-{self.number}"
        work.mkdir()
        job = jobs.Job(playbook, ssh_key=self.key, env=self.credential | self.task_env, **options)
        return jobs.run(self.project, self.inventory, job, work, slice_of or [])


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    try:
        yield Fleet(tmp_path_factory.mktemp("fleet"))
    finally:
        subprocess.run([sys.executable, "-m", "lab", "down", "--account", ACCOUNT], cwd=REPO, check=True)


def changes(result: jobs.Result) -> int:
    return sum(result.stats.get("changed", {}).values())


def hosts(fleet: Fleet) -> list[str]:
    return sorted(fleet.inventory["_meta"]["hostvars"])


def test_the_inventory_update_finds_the_fleet(fleet: Fleet) -> None:
    assert [host.rpartition("-i-")[0] for host in hosts(fleet)] == ["mon-1", "web-1"]


def test_each_playbook_runs_and_again_changes_nothing(fleet: Fleet) -> None:
    """In the order of a first day: converge, then what is scheduled, then what humans start."""
    for playbook, options in STEPS:
        first = fleet.run(playbook, extra_vars=options)
        assert first.good, f"{playbook}: {first.output[-4000:]}"
        last = first.output.rstrip().rpartition("PLAY RECAP")[0]
        assert first.artifacts or playbook not in SCHEDULED, f"{playbook} hands nothing to a workflow: {last[-500:]}"
        if playbook in STANDING:
            again = fleet.run(playbook, extra_vars=options)
            assert again.good and changes(again) == 0, f"{playbook}: {again.output[-4000:]}"


STANDING = ("playbooks/site.yml", "playbooks/block.yml", "playbooks/verify.yml")
SCHEDULED = (
    "playbooks/site.yml", "playbooks/block.yml", "playbooks/waf_report.yml", "playbooks/backup_audit.yml",
    "playbooks/backup_drill.yml",
)  # fmt: skip
STEPS: list[tuple[str, dict[str, Any]]] = [
    ("playbooks/site.yml", {}),
    ("playbooks/verify.yml", {}),
    ("playbooks/block.yml", {}),
    ("playbooks/blocked.yml", {"address": "192.0.2.1"}),
    ("playbooks/unblock.yml", {"address": "192.0.2.1"}),
    ("playbooks/backup_now.yml", {"hosts": "all"}),
    ("playbooks/waf_report.yml", {}),
    ("playbooks/waf_review.yml", {}),
    ("playbooks/backup_audit.yml", {}),
    ("playbooks/backup_drill.yml", {}),
    ("playbooks/restore.yml", {"restore_resource": "arn:aws:ec2:ap-northeast-2:123456789012:instance/i-01234567"}),
    ("playbooks/scale.yml", {"scale_groups": [{"name": "web", "max_size": 2}]}),
    ("playbooks/alerts.yml", {"log_alerts_slack_webhook_url": "http://127.0.0.1:9/none"}),
    ("playbooks/iam.yml", {}),
]


def test_every_job_template_is_run() -> None:
    declared = yaml.safe_load(re.sub("!unsafe ", "", (REPO / "playbooks/vars/awx.yml").read_text()))
    templates = {each["playbook"] for each in declared["awx_job_templates"]}
    assert templates - {"playbooks/hosts.yml"} == {playbook for playbook, _options in STEPS}  # which is sliced below


def test_two_slices_make_the_whole(fleet: Fleet) -> None:
    for host in hosts(fleet):
        result = fleet.run("playbooks/hosts.yml", slice_of=[host])
        assert result.good, result.output[-4000:]
        assert set(result.stats["ok"]) == {host, "localhost"}
        assert changes(result) == 0


def test_the_acceptance_passes_on_the_stand_in(fleet: Fleet, tmp_path: Path) -> None:
    server = Server(tmp_path, task_env=fleet.task_env)
    declared = tmp_path / "awx.yml"
    text = (REPO / "playbooks/vars/awx.yml").read_text()
    declared.write_text(text.replace("inventories/example/", "inventories/lab/"))
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ANSIBLE_", "AWS_", "RAMPART_"))}
    secrets = {
        "RAMPART_SSH_KEY": fleet.key,
        "RAMPART_VAULT_PASSWORD": "vault",
        "RAMPART_SLACK_TOKEN": "slack",
        "RAMPART_SLACK_WEBHOOK": "http://127.0.0.1:9/none",
        "RAMPART_EE_IMAGE": "rampart-ee:1",
        "RAMPART_GIT_URL": f"file://{REPO}",
    }
    done = subprocess.run(
        [
            BIN / "ansible-playbook",
            "-i",
            "localhost,",
            "playbooks/awx_accept.yml",
            "-e",
            f"declaration={os.path.relpath(declared, REPO / 'playbooks')}",
        ],
        cwd=REPO,
        env={**clean, **server.environment, **fleet.credential, **secrets, "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    server.stop()
    outputs = {job["name"]: job.get("result_stdout", "") for job in server.awx.objects["jobs"].values()}
    failed = {job["name"]: outputs[job["name"]][-3000:] for job in server.awx.objects["jobs"].values() if job["failed"]}
    assert done.returncode == 0, f"{done.stdout[-3000:]}{done.stderr}{failed}"
    declared_templates = [each["name"] for each in yaml.safe_load(re.sub("!unsafe ", "", text))["awx_job_templates"]]
    launched = {re.sub(r"^accept \d+ ", "", name) for name in outputs}
    assert launched == set(declared_templates) - {"Rampart scale"}  # for which nobody gave variables
    assert not server.awx.objects["job_templates"], "the acceptance left job templates behind"


def test_the_policies_allow_what_the_jobs_call_and_no_more(fleet: Fleet, tmp_path: Path) -> None:
    """What all of the tests above have called. Where a policy differs from that, the right one is written down."""
    account = fleet.client("sts").get_caller_identity()["Account"]
    tagged: dict[str, dict[str, str]] = {}
    for tag in fleet.client("ec2").describe_tags()["Tags"]:
        tagged.setdefault(tag["ResourceId"], {})[tag["Key"]] = tag["Value"]
    asked = list(permissions.needs(fleet.journal(), account, tagged))
    called = {need.action for need in asked}
    assert len(called) > 80
    documents = []
    for name, grants in permissions.POLICIES.items():
        file = REPO / f"docs/iam-{name}.json"
        documents.append(json.loads(file.read_text()))
        right = permissions.merged(documents[-1], permissions.policy(grants, called), grants)
        (tmp_path / file.name).write_text(permissions.written(right))
        assert documents[-1] == right, f"cp {tmp_path}/{file.name} docs/"
    denied = {(need.action, need.resource) for need in asked if not permissions.allows(documents, need, account)}
    assert not denied, sorted(denied)
