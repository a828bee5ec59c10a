#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_job
short_description: Back up resources now, with AWS Backup
version_added: 0.1.0
description:
  - Starts a backup job for each of some resources and waits until all are done, or looks at jobs that were started
    before. Other collections have no module for it.
  - Everything is checked before the first job is started. If a job cannot be started, or fails, the others go on, are
    waited for and returned; then the module fails and says which did not do well, and why.
  - If AWS cannot be asked any more while the module waits, it fails and returns the jobs as they were when it last
    could. They go on.
options:
  resource_arns:
    description:
      - The ARNs of the resources.
      - Exactly one of O(resource_arns) and O(backup_job_ids) is required.
    type: list
    elements: str
  backup_job_ids:
    description:
      - Jobs that were started before. They are looked at, and waited for if O(wait) is V(true).
    type: list
    elements: str
  backup_vault_name:
    description: The vault of the recovery points. Required with O(resource_arns).
    type: str
  iam_role_arn:
    description: The role in which AWS Backup works. Required with O(resource_arns).
    type: str
  idempotency_token:
    description:
      - Names the request, so that it can be made again without another backup. AWS remembers it for some time.
      - Each resource gets its own from it. If it is not given, each run has its own, so that a lost answer does not
        make a second backup within the run.
    type: str
  max_age_minutes:
    description:
      - A resource with a job in this vault that is not older than this, and is done or still at it, gets no new one;
        that job is returned.
      - If it is not given, each run makes a backup.
    type: int
  start_window_minutes:
    description: Within how many minutes the job must have started. At least 60. AWS's default is 480.
    type: int
  complete_window_minutes:
    description: Within how many minutes the job must be done. At least 60 more than the start window.
    type: int
  lifecycle:
    description: What becomes of the recovery point with age. Without it, it is kept for ever.
    type: dict
    suboptions:
      move_to_cold_storage_after_days:
        description: After how many days it moves to cold storage, if its type can.
        type: int
      delete_after_days:
        description:
          - After how many days it is deleted. At least 90 days after it has moved to cold storage.
        type: int
      opt_in_to_archive_for_supported_resources:
        description: Whether snapshots of EBS volumes move to the archive, too.
        type: bool
  recovery_point_tags:
    description: Tags of the recovery point, at most 50, as written.
    type: dict
  backup_options:
    description:
      - Options of the resources' type, C(enabled) or C(disabled). C(WindowsVSS) is for instances, C(BackupACLs) and
        C(BackupObjectTags) are for buckets.
    type: dict
  wait:
    description: Whether to wait until all jobs are done. How far they are is shown meanwhile.
    type: bool
    default: true
  wait_until:
    description:
      - What to wait for. V(running) is over as soon as AWS Backup has begun all jobs, and looks every second.
    type: str
    choices: [running, completed]
    default: completed
  wait_timeout:
    description:
      - For how many seconds to wait at most. When they are over the module fails and names what is still running, or
        has not begun.
    type: int
    default: 7200
attributes:
  check_mode:
    description: Reports what would be started and starts nothing.
    details:
      - AWS does not tell which tokens it knows. Where a job of the last day may have had this O(idempotency_token),
        whether a real run would make a backup cannot be said; such resources are in RV(may_start), with a warning, and
        count as a change.
    support: partial
  diff_mode:
    description: Makes backups and changes nothing, so that there is no difference to show.
    support: none
notes:
  - Needs the permissions C(backup:StartBackupJob), C(backup:DescribeBackupJob), C(backup:ListBackupJobs) and
    C(iam:PassRole) for the role.
author:
  - The Rampart developers (@rampart-ops)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Back up two instances before a risky change
  rampart.ops.backup_job:
    resource_arns:
      - arn:aws:ec2:eu-central-1:123456789012:instance/i-0123456789abcdef0
      - arn:aws:ec2:eu-central-1:123456789012:instance/i-0fedcba9876543210
    backup_vault_name: daily
    iam_role_arn: arn:aws:iam::123456789012:role/backup
    lifecycle:
      delete_after_days: 7
  register: backup

- name: Back up only what has no backup of the last hour, and do not wait
  rampart.ops.backup_job:
    resource_arns: "{{ arns }}"
    backup_vault_name: daily
    iam_role_arn: arn:aws:iam::123456789012:role/backup
    max_age_minutes: 60
    wait: false
  register: backup

- name: Wait for them later
  rampart.ops.backup_job:
    backup_job_ids: "{{ backup.jobs | map(attribute='backup_job_id') }}"
"""

RETURN = r"""
jobs:
  description: The jobs, in the order of the resources or ids. In check mode only those that are there already.
  returned: always
  type: list
  elements: dict
  contains:
    backup_job_id:
      description: The id.
      returned: always
      type: str
      sample: A1B2C3D4-0000-4000-8000-0123456789AB
    resource_arn:
      description: The resource.
      returned: always
      type: str
      sample: arn:aws:ec2:eu-central-1:123456789012:instance/i-0123456789abcdef0
    state:
      description: The state, for example V(RUNNING) or V(COMPLETED).
      returned: always
      type: str
      sample: COMPLETED
    percent_done:
      description: How far it is.
      returned: always
      type: str
      sample: "100.0"
    status_message:
      description: What AWS says of a job that failed.
      returned: always
      type: str
      sample: ""
    recovery_point_arn:
      description: The recovery point. Null until there is one.
      returned: always
      type: str
      sample: arn:aws:ec2:eu-central-1::image/ami-0123456789abcdef0
    backup_vault_name:
      description: The vault.
      returned: always
      type: str
      sample: daily
    backup_size_in_bytes:
      description: The size. Null until it is known.
      returned: always
      type: int
      sample: 8589934592
    creation_date:
      description: When the job was made.
      returned: always
      type: str
      sample: "2026-11-21T03:00:00+00:00"
    completion_date:
      description: When it was done. Null until then.
      returned: always
      type: str
      sample: "2026-11-21T03:07:00+00:00"
recovery_point_arns:
  description: The recovery points of all jobs that are done.
  returned: always
  type: list
  elements: str
  sample: ["arn:aws:ec2:eu-central-1::image/ami-0123456789abcdef0"]
not_started:
  description: Of the resources whose job could not be started, why.
  returned: always
  type: dict
  sample: {}
may_start:
  description:
    - The resources of which only AWS knows whether a job was started with this O(idempotency_token) in the last day.
  returned: in check mode
  type: list
  elements: str
  sample: []
to_start:
  description: The resources for which check mode would start a job.
  returned: in check mode
  type: list
  elements: str
  sample: []
"""

import uuid
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CLIENT_CONFIG, CallError, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import some
from ansible_collections.rampart.ops.plugins.module_utils.aws.module import execute
from ansible_collections.rampart.ops.plugins.module_utils.backup.api import Backup
from ansible_collections.rampart.ops.plugins.module_utils.backup.follow import read, wait
from ansible_collections.rampart.ops.plugins.module_utils.backup.jobs import BackupJob, Wanted, lost, report, trouble
from ansible_collections.rampart.ops.plugins.module_utils.backup.rules import camel

if TYPE_CHECKING:
    from typing import Any

    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

ARGUMENT_SPEC = {
    "resource_arns": {"type": "list", "elements": "str"},
    "backup_job_ids": {"type": "list", "elements": "str"},
    "backup_vault_name": {"type": "str"},
    "iam_role_arn": {"type": "str"},
    "idempotency_token": {"type": "str", "no_log": False},
    "max_age_minutes": {"type": "int"},
    "start_window_minutes": {"type": "int"},
    "complete_window_minutes": {"type": "int"},
    "lifecycle": {
        "type": "dict",
        "options": {
            "move_to_cold_storage_after_days": {"type": "int"},
            "delete_after_days": {"type": "int"},
            "opt_in_to_archive_for_supported_resources": {"type": "bool"},
        },
    },
    "recovery_point_tags": {"type": "dict"},
    "backup_options": {"type": "dict"},
    "wait": {"type": "bool", "default": True},
    "wait_until": {"choices": ["running", "completed"], "default": "completed"},
    "wait_timeout": {"type": "int", "default": 7200},
}


def wanted_of(params: dict[str, Any]) -> Wanted:
    texts = {
        key: {str(k): str(v) for k, v in (params[key] or {}).items()}
        for key in ("recovery_point_tags", "backup_options")
    }
    age = params["max_age_minutes"]
    return Wanted(
        resources=params["resource_arns"],
        vault=params["backup_vault_name"],
        role=params["iam_role_arn"],
        token=params["idempotency_token"],
        max_age=None if age is None else timedelta(minutes=age),
        start_window=params["start_window_minutes"],
        complete_window=params["complete_window_minutes"],
        lifecycle=camel(params["lifecycle"] or {}),
        tags=texts["recovery_point_tags"],
        options=texts["backup_options"],
    )


def earlier_jobs(api: Backup, wanted: Wanted) -> list[BackupJob]:
    now = datetime.now(timezone.utc)
    return list(api.jobs(wanted.vault, now - wanted.looks_back)) if wanted.looks_back else []


def would_start(module: AnsibleAWSModule, todo: list[str], earlier: list[BackupJob]) -> dict[str, Any]:
    """What a real run would start, and of what only AWS knows whether it was asked for with this token before."""
    known = {job.resource for job in earlier} if module.params["idempotency_token"] else set()
    unsure = [arn for arn in todo if arn in known]
    if unsure:
        module.warn(
            "Whether these would be backed up cannot be said: they were in the last day, perhaps with this "
            f"idempotency_token: {some(unsure)}"
        )
    return {"to_start": [arn for arn in todo if arn not in known], "may_start": unsure}


def start(
    api: Backup, wanted: Wanted, earlier: list[BackupJob], check_mode: bool
) -> tuple[dict[str, BackupJob], list[str], dict[str, str], bool]:
    """By resource the jobs; the resources that would get one; why some could not be started; whether any was."""
    now = datetime.now(timezone.utc)
    jobs = wanted.reusable(earlier, now)
    todo = [arn for arn in wanted.resources if arn not in jobs]
    if check_mode:
        return jobs, todo, {}, bool(todo)
    known = {job.id for job in earlier}
    errors: dict[str, str] = {}
    started = False
    for arn, request in wanted.requests(todo, str(uuid.uuid4())).items():
        try:
            made = api.start_job(request)
        except CallError as error:
            errors[arn] = f"{error.message}: {error.cause}"
            continue
        started = started or made["BackupJobId"] not in known
        jobs[arn] = BackupJob(made["BackupJobId"], arn, "CREATED", made["CreationDate"], vault=wanted.vault)
    return jobs, [], errors, started


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params, seconds, until = module.params, module.params["wait_timeout"], module.params["wait_until"]
    ids = params["backup_job_ids"]
    wanted = None if ids is not None else wanted_of(params)
    if wanted:
        wanted.check()
    waits = params["wait"] and not module.check_mode
    api = Backup(module.client("backup", config=CLIENT_CONFIG), Deadline(60 + (seconds if waits else 0)))
    errors: dict[str, str] = {}
    todo: list[str] = []
    earlier: list[BackupJob] = []
    changed = False
    if wanted:
        earlier = earlier_jobs(api, wanted)
        jobs, todo, errors, changed = start(api, wanted, earlier, module.check_mode)
        jobs = {arn: jobs[arn] for arn in wanted.resources if arn in jobs}
    else:
        jobs = read(api, ids)
    blind = wait(api, jobs, seconds, until) if waits else None
    result = {
        "changed": changed,
        "jobs": [report(job) for job in jobs.values()],
        "recovery_point_arns": [job.recovery_point for job in jobs.values() if job.recovery_point],
        "not_started": errors,
        **(would_start(module, todo, earlier) if module.check_mode else {}),
    }
    problem = trouble(jobs.values() if waits and not blind else [], errors, seconds, until == "running")
    if blind:
        problem = f"{problem + '; ' if problem else ''}{lost(blind, [job.id for job in jobs.values()])}"
    if problem:
        result.update(failed=True, msg=f"Not everything is backed up. {problem}")
    return result


def main() -> None:
    execute(
        run,
        ARGUMENT_SPEC,
        required_one_of=[("resource_arns", "backup_job_ids")],
        mutually_exclusive=[("resource_arns", "backup_job_ids")],
        required_by={"resource_arns": ["backup_vault_name", "iam_role_arn"]},
    )


if __name__ == "__main__":
    main()
