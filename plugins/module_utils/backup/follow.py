# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Backup jobs that are under way: reading them, and waiting for them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CallError
from ansible_collections.rampart.ops.plugins.module_utils.backup.api import Backup
from ansible_collections.rampart.ops.plugins.module_utils.backup.jobs import BackupJob

# Jobs take minutes: the first looks are quick, then one every 15 seconds is enough. Until a job begins, somebody may
# hold still for it.
FIRST_PAUSE = 0.5
LONGEST_PAUSE = {"running": 1.0, "completed": 15.0}


def read(api: Backup, ids: Sequence[str]) -> dict[str, BackupJob]:
    """Jobs of before. Each of their vaults is swept once, whatever their number."""
    jobs: dict[str, BackupJob] = {}
    wanted, swept = set(ids), set()
    for job_id in ids:
        if job_id in jobs:
            continue
        job = jobs[job_id] = api.job(job_id)
        if len(ids) > 1 and job.vault not in swept:
            swept.add(job.vault)
            since = job.created - timedelta(seconds=1)
            jobs.update({each.id: each for each in api.jobs(job.vault, since) if each.id in wanted})
    return {job_id: jobs[job_id] for job_id in ids}


def look(api: Backup, jobs: dict[str, BackupJob]) -> None:
    """Bring the running jobs up to date: one sweep for each vault, whatever their number."""
    running = [job for job in jobs.values() if job.running]
    for vault in {job.vault for job in running}:
        since = min(job.created for job in running if job.vault == vault) - timedelta(seconds=1)
        for job in api.jobs(vault, since):
            for key, held in jobs.items():
                if held.id == job.id:
                    jobs[key] = job


def wait(api: Backup, jobs: dict[str, BackupJob], seconds: float, until: str) -> str | None:
    """Look until it is so, or the time is up. Returns why it cannot be looked any more, if it cannot."""
    end, pause = time.monotonic() + seconds, FIRST_PAUSE
    while any(job.waiting if until == "running" else job.running for job in jobs.values()):
        left = end - time.monotonic()
        if left <= 0:
            return None
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, LONGEST_PAUSE[until])
        try:
            look(api, jobs)
        except CallError as error:
            return f"{error.message}: {error.cause}"
    return None
