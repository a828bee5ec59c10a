# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""backup_job against the region."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from backup_modules import Module, launch, role

from lab.aws.testing import Aws


@pytest.fixture
def job(aws: Aws) -> Module:
    aws.client("backup").create_backup_vault(BackupVaultName="daily")
    return Module(aws, "backup_job", backup_vault_name="daily", iam_role_arn=role(aws))


def held(aws: Aws) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = aws.client("backup").list_backup_jobs()["BackupJobs"]
    return jobs


def test_many_resources_at_once(job: Module) -> None:
    arns = [launch(job.aws, Name=f"n{n}") for n in range(3)]
    would = job(check=True, resource_arns=arns)
    assert would["changed"]
    assert (would["to_start"], would["jobs"], held(job.aws)) == (arns, [], [])
    did = job(
        resource_arns=arns, lifecycle={"delete_after_days": 7}, recovery_point_tags={"CostCenter": "1", "my_key": "x"}
    )
    assert did["changed"]
    assert [each["resource_arn"] for each in did["jobs"]] == arns
    assert {each["state"] for each in did["jobs"]} == {"COMPLETED"}
    # One sweep for each look, whatever the number of jobs.
    assert job.calls.count("StartBackupJob") == 3
    assert set(job.calls) == {"StartBackupJob", "ListBackupJobs"}
    client = job.aws.client("backup")
    for arn, each in zip(arns, did["jobs"], strict=True):
        (point,) = client.list_recovery_points_by_resource(ResourceArn=arn)["RecoveryPoints"]
        assert point["RecoveryPointArn"] == each["recovery_point_arn"]
        assert each["recovery_point_arn"] in did["recovery_point_arns"]
    shown = client.describe_recovery_point(
        BackupVaultName="daily", RecoveryPointArn=did["jobs"][0]["recovery_point_arn"]
    )
    assert shown["Lifecycle"] == {"DeleteAfterDays": 7}
    image = did["jobs"][0]["recovery_point_arn"].rpartition("/")[2]
    tags = job.aws.client("ec2").describe_tags(Filters=[{"Name": "resource-id", "Values": [image]}])["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"CostCenter": "1", "my_key": "x"}


def test_what_is_fresh_enough_is_not_made_again(job: Module) -> None:
    old, new = launch(job.aws, Name="old"), launch(job.aws, Name="new")
    first = job(resource_arns=[old], wait=False)["jobs"][0]
    assert first["state"] == "CREATED"
    would = job(check=True, resource_arns=[old, new], max_age_minutes=60)
    assert would["to_start"] == [new]
    did = job(resource_arns=[old, new], max_age_minutes=60)
    assert did["changed"]
    assert did["jobs"][0]["backup_job_id"] == first["backup_job_id"]
    assert [each["state"] for each in did["jobs"]] == ["COMPLETED", "COMPLETED"]
    for check in (True, False):
        again = job(check=check, resource_arns=[old, new], max_age_minutes=60)
        assert not again["changed"]
        assert [each["backup_job_id"] for each in again["jobs"]] == [each["backup_job_id"] for each in did["jobs"]]
    assert len(held(job.aws)) == 2
    assert job(resource_arns=[old], wait=False)["changed"]


def test_a_token_makes_one_backup(job: Module) -> None:
    arns = [launch(job.aws, Name="a"), launch(job.aws, Name="b")]
    would = job(check=True, resource_arns=arns, idempotency_token="release-42")
    assert (would["changed"], would["to_start"], would["may_start"]) == (True, arns, [])
    first = job(resource_arns=arns, idempotency_token="release-42", wait=False)
    assert first["changed"]
    # AWS does not tell tokens: that it cannot be said is what is said.
    other = launch(job.aws, Name="c")
    would = job(check=True, resource_arns=[*arns, other], idempotency_token="release-42")
    assert (would["changed"], would["to_start"], would["may_start"]) == (True, [other], arns)
    assert "cannot be said" in str(would["warnings"][0])
    # With an age there is no doubt: the job is there.
    would = job(check=True, resource_arns=arns, idempotency_token="release-42", max_age_minutes=60)
    assert (would["changed"], would["to_start"], would["may_start"]) == (False, [], [])
    again = job(resource_arns=arns, idempotency_token="release-42", wait=False)
    assert not again["changed"]
    assert [each["backup_job_id"] for each in again["jobs"]] == [each["backup_job_id"] for each in first["jobs"]]
    assert job(resource_arns=arns, idempotency_token="release-43", wait=False)["changed"]
    assert len(held(job.aws)) == 4


def test_jobs_of_before_are_waited_for(job: Module) -> None:
    arn = launch(job.aws, Name="a")
    ids = [each["backup_job_id"] for each in job(resource_arns=[arn], wait=False)["jobs"]]
    options, job.options = job.options, {}
    assert not job(backup_job_ids=ids, wait=False)["changed"]
    done = job(backup_job_ids=ids)
    assert done["jobs"][0]["state"] == "COMPLETED"
    assert "not found" in job.fails(backup_job_ids=["A1B2"]).lower()
    job.options = options


def test_a_time_out_says_what_is_still_running(job: Module) -> None:
    arn = launch(job.aws, Name="a")
    message = job.fails(resource_arns=[arn], wait_timeout=1)
    (left,) = held(job.aws)
    assert f"still running after 1 seconds: {left['BackupJobId']} of {arn}" in message
    assert "wait for them with backup_job_ids" in message


def test_a_job_that_hangs_does_not_hide_the_others(job: Module) -> None:
    hangs, ends = launch(job.aws, **{"Name": "a", "lab:backup": "hang"}), launch(job.aws, Name="b")
    result = job.aws.run_module(job.name, {**job.options, "resource_arns": [hangs, ends], "wait_timeout": 6})
    assert result["failed"]
    assert [each["state"] for each in result["jobs"]] == ["RUNNING", "COMPLETED"]
    assert f"of {hangs} (RUNNING, 50.0 %)" in result["msg"]
    assert ends not in result["msg"]
    assert len(result["recovery_point_arns"]) == 1


def test_a_job_that_fails_does_not_hide_the_others(job: Module) -> None:
    client = job.aws.client("backup")
    client.put_backup_vault_lock_configuration(BackupVaultName="daily", MinRetentionDays=30)
    arn, gone = launch(job.aws, Name="a"), "arn:aws:ec2:ap-northeast-2:123456789012:instance/i-0123456789abcdef0"
    message = job.fails(resource_arns=[gone, arn], lifecycle={"delete_after_days": 1})
    assert f"not started: {gone}: Could not start a backup" in message
    assert f"of {arn} (FAILED): Retention settings conflict with the vault lock" in message
    result = job.aws.run_module(
        job.name, {**job.options, "resource_arns": [gone, arn], "lifecycle": {"delete_after_days": 30}}
    )
    assert result["failed"]
    assert len(result["recovery_point_arns"]) == 1


def test_waiting_until_they_run(job: Module) -> None:
    soon, late = launch(job.aws, Name="a"), launch(job.aws, **{"Name": "b", "lab:backup": "late"})
    begun = job(resource_arns=[soon], wait_until="running", wait_timeout=60)
    assert begun["jobs"][0]["state"] == "RUNNING"
    result = job.aws.run_module(
        job.name, {**job.options, "resource_arns": [soon, late], "wait_until": "running", "wait_timeout": 4}
    )
    assert result["failed"]
    assert f"of {late} (CREATED, 0.0 %)" in result["msg"].partition("not begun after 4 seconds: ")[2]
    assert soon not in result["msg"]
    assert [each["resource_arn"] for each in result["jobs"]] == [soon, late]


def test_jobs_of_before_are_read_by_vault(job: Module) -> None:
    arns = [launch(job.aws, Name=f"n{n}") for n in range(4)]
    ids = [each["backup_job_id"] for each in job(resource_arns=arns, wait=False)["jobs"]]
    options, job.options = job.options, {}
    found = job(backup_job_ids=ids[::-1], wait=False)
    assert [each["backup_job_id"] for each in found["jobs"]] == ids[::-1]
    found = job(backup_job_ids=ids, wait=False)
    assert [each["backup_job_id"] for each in found["jobs"]] == ids
    assert job.calls == ["DescribeBackupJob", "ListBackupJobs"]
    job.options = options


DENIED = {"status": 403, "code": "ExpiredTokenException", "message": "expired"}


def test_who_cannot_look_any_more_keeps_the_jobs(job: Module) -> None:
    arns = [launch(job.aws, Name="a"), launch(job.aws, Name="b")]
    job.aws.fault(service="backup", operation="ListBackupJobs", kind="error", times=1, params=DENIED)
    result = job.aws.run_module(job.name, {**job.options, "resource_arns": arns})
    assert (result["failed"], result["changed"]) == (True, True)
    assert [each["resource_arn"] for each in result["jobs"]] == arns
    assert "The jobs go on" in result["msg"]
    assert all(each["backup_job_id"] in result["msg"] for each in result["jobs"])


def test_who_cannot_look_any_more_in_a_playbook_keeps_the_jobs(job: Module, tmp_path: Path) -> None:
    """The action looks by itself, and the last look is a run of the module of its own."""
    arns = [launch(job.aws, Name="a"), launch(job.aws, Name="b")]
    job.aws.fault(service="backup", operation="DescribeBackupJob", kind="error", times=1000, params=DENIED)
    shown = "{% if it.changed %}{{ it.jobs | map(attribute='resource_arn') }} {{ it.msg }}{% endif %}"
    tasks: list[dict[str, Any]] = [
        {job.name: {**job.options, "resource_arns": arns, "wait_timeout": 2}, "register": "it", "ignore_errors": True},
        {"ansible.builtin.copy": {"content": shown, "dest": str(tmp_path / "shown"), "mode": "0600"}},
    ]
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    play = [{"hosts": "localhost", "gather_facts": False, "vars": local, "tasks": tasks}]
    (tmp_path / "play.json").write_text(json.dumps(play))
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", tmp_path / "play.json"],
        env=job.aws.env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    words = (tmp_path / "shown").read_text()
    assert all(words.count(arn) == 1 for arn in arns)
    assert "The jobs go on" in words
    assert all(each["BackupJobId"] in words for each in held(job.aws))


@pytest.mark.parametrize("kind", ["throttle", "error", "lost_answer"])
def test_a_fault_does_not_make_a_second_backup(job: Module, kind: str) -> None:
    arn = launch(job.aws, Name="a")
    for operation in ("StartBackupJob", "ListBackupJobs"):
        job.aws.fault(service="backup", operation=operation, kind=kind, times=2)
    assert job(resource_arns=[arn])["changed"]
    assert len(held(job.aws)) == 1


def test_twelve_pages(job: Module) -> None:
    arns = [launch(job.aws, Name=f"n{n}") for n in range(12)]
    job.aws.switch(page_size=1)
    assert len(job(resource_arns=arns)["recovery_point_arns"]) == 12


TABLE = "arn:aws:dynamodb:ap-northeast-2:123456789012:table/orders"
INSTANCE = "arn:aws:ec2:ap-northeast-2:123456789012:instance/i-0123456789abcdef0"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({}, "one of the following is required"),
        ({"resource_arns": ["i-1"]}, "not an ARN: i-1"),
        ({"resource_arns": ["arn:aws:ec2:*:*:instance/*"]}, "a job is about one resource"),
        ({"resource_arns": [INSTANCE, INSTANCE]}, "given twice"),
        ({"resource_arns": [INSTANCE], "backup_job_ids": ["x"]}, "mutually exclusive"),
        ({"resource_arns": [INSTANCE], "backup_vault_name": "x"}, "2 to 50"),
        ({"resource_arns": [INSTANCE], "iam_role_arn": "x"}, "not the ARN of an IAM role"),
        ({"resource_arns": [INSTANCE], "start_window_minutes": 59}, "at least 60"),
        ({"resource_arns": [INSTANCE], "start_window_minutes": 0}, "at least 60"),
        ({"resource_arns": [INSTANCE], "complete_window_minutes": 500}, "at least 540"),
        ({"resource_arns": [INSTANCE], "complete_window_minutes": 0}, "at least 540"),
        ({"resource_arns": [INSTANCE], "backup_options": {"WindowsVSS": "True"}}, "must be enabled or disabled"),
        ({"resource_arns": [INSTANCE], "backup_options": {"Nonsense": "enabled"}}, "Nonsense is none"),
        ({"resource_arns": [INSTANCE], "backup_options": {"BackupACLs": "disabled"}}, "for buckets only"),
        ({"resource_arns": [INSTANCE, TABLE], "backup_options": {"WindowsVSS": "enabled"}}, f"not for {TABLE}"),
        (
            {
                "resource_arns": [INSTANCE],
                "lifecycle": {"move_to_cold_storage_after_days": 10, "delete_after_days": 99},
            },
            "at least 100",
        ),
        ({"resource_arns": [INSTANCE], "recovery_point_tags": {str(n): "" for n in range(51)}}, "at most 50"),
    ],
)
def test_bad_input_is_refused_without_a_call(job: Module, args: dict[str, Any], words: str) -> None:
    assert words in job.fails(**args)
    assert job.calls == []
