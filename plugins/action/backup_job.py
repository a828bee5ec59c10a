# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Shows how far the jobs are while the module of the same name would only wait: a module cannot print."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.rampart.ops.plugins.module_utils.backup.jobs import RUNNING, lost

# What says which backup is to be made; the rest says how AWS is reached.
ABOUT_THE_BACKUP = {
    "resource_arns",
    "backup_vault_name",
    "iam_role_arn",
    "idempotency_token",
    "max_age_minutes",
    "start_window_minutes",
    "complete_window_minutes",
    "lifecycle",
    "recovery_point_tags",
    "backup_options",
}
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 15.0


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no type hints
    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        seconds = args.get("wait_timeout", 7200)
        waits = boolean(args.get("wait", True)) and args.get("wait_until", "completed") == "completed"
        if not waits or self._task.check_mode or not str(seconds).isdecimal():
            return self._module(args, task_vars)
        started = self._module({**args, "wait": False}, task_vars)
        jobs = started.get("jobs") or []
        if not jobs:
            return started
        how = {key: value for key, value in args.items() if key not in ABOUT_THE_BACKUP}
        how["backup_job_ids"] = [job["backup_job_id"] for job in jobs]
        jobs = self._watch(how, jobs, time.monotonic() + int(seconds), task_vars)
        done = self._module({**how, "wait": True, "wait_timeout": 0}, task_vars)
        done["changed"] = started.get("changed", False)
        done["not_started"] = started.get("not_started", {})
        if "jobs" not in done:  # it could not look; the jobs are there all the same
            done["jobs"] = jobs
            done["recovery_point_arns"] = [job["recovery_point_arn"] for job in jobs if job["recovery_point_arn"]]
            done["msg"] = lost(done.get("msg", "Could not look at the jobs"), how["backup_job_ids"])
        if started.get("failed"):  # some could not be started
            done.update(failed=True, msg="; ".join(result["msg"] for result in (started, done) if result.get("msg")))
        if done.get("failed"):
            done["msg"] = done["msg"].replace("after 0 seconds", f"after {seconds} seconds")
        return done

    def _watch(
        self, how: Mapping[str, Any], jobs: list[dict[str, Any]], end: float, task_vars: dict[str, Any] | None
    ) -> list[dict[str, Any]]:
        """Look again and again until all are done or the time is up; show what has changed. Returns the last look."""
        shown: dict[str, str] = {}
        pause = FIRST_PAUSE
        while True:
            for job in jobs:
                line = f"{job['resource_arn']}: {job['state']} {job['percent_done'] or '0'} %"
                if shown.get(job["backup_job_id"]) != line:
                    shown[job["backup_job_id"]] = line
                    Display().display(line)
            left = end - time.monotonic()
            if left <= 0 or not any(job["state"] in RUNNING for job in jobs):
                return jobs
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, LONGEST_PAUSE)
            # Who cannot be asked just now is asked again; the last look tells what is wrong.
            jobs = self._module({**how, "wait": False}, task_vars).get("jobs") or jobs

    def _module(self, args: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        result: dict[str, Any] = self._execute_module(
            module_name="rampart.ops.backup_job", module_args=args, task_vars=task_vars
        )
        return result
