#!/usr/bin/env python3
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What an audit costs: backup_coverage_info over HTTP against the lab's AWS.

Run from the repository: .venv/bin/python benchmarks/coverage.py [--instances N] [--points-each N], 5,000 and 10 unless
said otherwise. It prints a table and exits with 1 if a target is missed: less than 60 calls of AWS, less than 5 s of
CPU. The alternative beside it asks AWS about each resource, as a loop would; of it, 100 resources are measured.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import resource
import socket
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lab.aws import accounts, paging
from lab.aws.server import application, serve
from lab.aws.services.backup.state import state_of
from lab.aws.testing import REPO

NAME, REGION = "coverage", "ap-northeast-2"
ENV = {
    **os.environ,
    "AWS_ACCESS_KEY_ID": f"AKIALAB_{NAME}",
    "AWS_SECRET_ACCESS_KEY": "lab",
    "AWS_REGION": REGION,
    "PYTHONPATH": f"{REPO}/playbooks/collections",
}
RUN = (
    "import runpy, sys; from ansible.module_utils import basic; basic._ANSIBLE_ARGS = sys.stdin.buffer.read();"
    "basic._ANSIBLE_PROFILE = 'legacy'; runpy.run_module(sys.argv[1], run_name='__main__')"
)
DAY = 86_400
SAMPLE = 100


def fill(app: Any, count: int, points_each: int) -> None:
    """A fleet with a recovery point a day of each instance, put there without the jobs that make them."""
    account = accounts.account_id(NAME)

    def call(service: str, operation: str, **params: Any) -> dict[str, Any]:
        answer: dict[str, Any] = app.moto.call(account, REGION, service, operation, params)
        return answer

    call("backup", "CreateBackupVault", BackupVaultName="daily")
    image = call("ec2", "RegisterImage", Name="debian", RootDeviceName="/dev/xvda")["ImageId"]
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Backup", "Value": "daily"}]}]
    ids: list[str] = []
    while len(ids) < count:
        wanted = min(50, count - len(ids))
        made = call("ec2", "RunInstances", ImageId=image, MinCount=wanted, MaxCount=wanted, TagSpecifications=tags)[
            "Instances"
        ]
        ids += [each["InstanceId"] for each in made]
    context: Any = type("Context", (), {"account": account, "region": REGION})
    from moto.backends import get_backend

    context.backend = staticmethod(lambda service="backup": get_backend(service)[account][REGION])
    now = time.time()
    held = state_of(context).recovery_points
    for number, instance in enumerate(ids):
        for day in range(points_each):
            created = now - day * DAY - number % 3600 - 3600
            arn = f"arn:aws:ec2:{REGION}::image/ami-{uuid.uuid4().hex[:17]}"
            held[arn] = {
                "RecoveryPointArn": arn,
                "BackupVaultName": "daily",
                "BackupVaultArn": f"arn:aws:backup:{REGION}:{account}:backup-vault:daily",
                "ResourceArn": f"arn:aws:ec2:{REGION}:{account}:instance/{instance}",
                "ResourceType": "EC2",
                "Status": "COMPLETED",
                "CreationDate": datetime.fromtimestamp(created, UTC),
                "CompletionDate": datetime.fromtimestamp(created + 600, UTC),
                "BackupSizeInBytes": 8 * 1024**3,
                "Lifecycle": {"DeleteAfterDays": 3650},
                "_created": created,
            }


def serve_filled(count: int, points_each: int) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = application(None, url)
    fill(app, count, points_each)
    # moto takes seconds to spell 5,000 instances, and would do so again for every page of them.
    whole: dict[str, Any] = {}
    original = paging.everything

    def everything(how: Any, params: dict[str, Any], invoke: Any) -> dict[str, Any]:
        if how.result != "Reservations":
            return original(how, params, invoke)
        key = json.dumps({name: value for name, value in params.items() if name not in (how.input_token, how.limit)})
        if key not in whole:
            whole[key] = original(how, params, invoke)
        return dict(whole[key])

    paging.everything = everything
    serve(app, [listener])
    print(url, flush=True)
    sys.stdin.read()


def calls(url: str) -> int:
    import urllib.request

    with urllib.request.urlopen(f"{url}/lab/journal?account={NAME}") as answer:  # noqa: S310 - our own server
        return len(json.load(answer)["calls"])


def measured(action: Any) -> tuple[Any, float, float]:
    """The result, the CPU seconds of the processes that were started, and the seconds on the clock."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    result = action()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return result, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.monotonic() - began


def audit(url: str) -> dict[str, Any]:
    arguments = {"tags": {"Backup": "*"}, "rpo_hours": 26, "_ansible_remote_tmp": "/tmp"}  # noqa: S108 - Ansible's own
    done = subprocess.run(
        [sys.executable, "-c", RUN, "ansible_collections.rampart.ops.plugins.modules.backup_coverage_info"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        env={**ENV, "AWS_ENDPOINT_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    if result.get("failed"):
        raise SystemExit(result["msg"])
    return result


EACH = """
import boto3, json, sys
backup = boto3.client("backup")
for arn in json.load(sys.stdin):
    page = backup.list_recovery_points_by_resource(ResourceArn=arn)
    max(each["CreationDate"] for each in page["RecoveryPoints"])
"""


def one_by_one(url: str, arns: list[str]) -> None:
    subprocess.run(
        [sys.executable, "-c", EACH],
        input=json.dumps(arns),
        env={**ENV, "AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": REGION},
        text=True,
        check=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=5000)
    parser.add_argument("--points-each", type=int, default=10)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.serve:
        serve_filled(wanted.instances, wanted.points_each)
        return 0
    size = [f"--instances={wanted.instances}", f"--points-each={wanted.points_each}"]
    server = subprocess.Popen(
        [sys.executable, __file__, "--serve", *size],
        cwd=REPO,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url = server.stdout.readline().strip() if server.stdout else ""
        warm = functools.partial(audit, url)
        warm_up(url)
        first = calls(url)
        result, cpu, wall = measured(warm)
        count = calls(url) - first
        if result["summary"] != {
            "total": wanted.instances,
            "protected": wanted.instances,
            "stale": 0,
            "unprotected": 0,
        }:
            raise SystemExit(f"wrong: {result['summary']}")
        arns = [each["resource_arn"] for each in result["resources"][:SAMPLE]]
        _none, cpu_each, wall_each = measured(functools.partial(one_by_one, url, arns))
    finally:
        server.kill()
        server.wait()
    points = wanted.instances * wanted.points_each
    print(f"{wanted.instances} instances, {points} recovery points     calls   CPU s   wall s")
    print(f"{'backup_coverage_info':42} {count:6} {cpu:7.1f} {wall:8.1f}")
    print(f"{f'one call for each resource, of {len(arns)}':42} {len(arns):6} {cpu_each:7.1f} {wall_each:8.1f}")
    return int(count >= 60 or cpu >= 5)


def warm_up(url: str) -> None:
    """moto spells the fleet once, which takes longer than a client waits."""
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "ec2",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=ENV["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key="lab",  # noqa: S106 - the lab's
        config=Config(read_timeout=600, retries={"total_max_attempts": 1}),
    )
    states = ["pending", "running", "stopping", "stopped"]
    filters = [{"Name": "instance-state-name", "Values": states}, {"Name": "tag-key", "Values": ["Backup"]}]
    client.describe_instances(Filters=filters, MaxResults=1000)


if __name__ == "__main__":
    sys.exit(main())
