# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""One restore from beginning to end: start, wait, check, and remove the copy again, whatever happened."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CallError
from ansible_collections.rampart.ops.plugins.module_utils.backup.api import Backup
from ansible_collections.rampart.ops.plugins.module_utils.backup.resources import Copies
from ansible_collections.rampart.ops.plugins.module_utils.backup.restore import Drill, RecoveryPoint

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
# A restore cannot be stopped. When it is given up, its copy is still waited for, to be removed.
GRACE = 900.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DrillError(Exception):
    """The restore, or the check of the copy, did not do well."""


@dataclass
class Outcome:
    """What came of a restore, as far as it went."""

    job_id: str | None = None
    created_arn: str | None = None
    seconds: float | None = None
    check: Mapping[str, Any] | None = None
    error: str | None = None
    left: list[str] = field(default_factory=list)


class Restore:
    """The restore of a recovery point."""

    def __init__(self, api: Backup, copies: Copies, drill: Drill, point: RecoveryPoint, timeout: float) -> None:
        self._api = api
        self._copies = copies
        self._drill = drill
        self._point = point
        self._end = time.monotonic() + timeout

    def run(self, token: str, metadata: Mapping[str, str], check: Sequence[str], keep: bool) -> Outcome:
        outcome = Outcome()
        began = time.monotonic()
        with _signals_as_errors():
            try:
                with _signals_held():  # between the start and its answer nobody would know what to remove
                    outcome.job_id = self._api.start_restore(
                        self._point, self._drill.role, self._drill.kind, metadata, token
                    )
                outcome.created_arn = self._wait_for_job(outcome.job_id, self._end)
                self._name(outcome.created_arn)
                address = self._wait_until_usable(outcome.created_arn)
                if check:
                    outcome.check = self._check(check, outcome.created_arn, address)
                outcome.seconds = time.monotonic() - began
            except (DrillError, CallError) as error:
                outcome.error = _words(error)
            finally:
                with _signals_ignored():
                    self._tell(outcome)
                    if not keep:
                        self._clean_up(outcome)
        return outcome

    def _wait_for_job(self, job_id: str, end: float) -> str:
        for _look in _looks(end):
            job = self._api.restore_job(job_id)
            if job.status == "COMPLETED" and job.created_arn:
                return str(job.created_arn)
            if not job.running:
                raise DrillError(f"restore job {job_id} is {job.status}: {job.message or 'AWS says no more'}")
        raise DrillError(f"restore job {job_id} is still {job.status} ({job.percent or '0 %'}) when the time is up")

    def _name(self, arn: str) -> None:
        """So that nobody takes the copy for the original, and who finds it later knows what it is."""
        original = self._drill.resource.rpartition("/")[2]
        tags = {"Name": f"restored-{original}", "rampart:restored-from": self._point.arn}
        self._copies.name(_id(arn), tags)

    def _wait_until_usable(self, arn: str) -> str:
        """The private address of an instance that runs; nothing for a volume that is available."""
        state = ""
        for _look in _looks(self._end):
            if self._drill.kind == "EBS":
                state = self._copies.volume(_id(arn))["State"]
                if state == "available":
                    return ""
            else:
                instance = self._copies.instance(_id(arn))
                state = instance["State"]["Name"]
                if state == "running":
                    return str(instance.get("PrivateIpAddress", ""))
                if state not in ("pending", "running"):
                    break
        raise DrillError(f"the copy {arn} is {state}, not usable")

    def _check(self, argv: Sequence[str], arn: str, address: str) -> dict[str, Any]:
        environment = {
            **os.environ,
            "RESTORED_RESOURCE_ARN": arn,
            "RESTORED_RESOURCE_ID": _id(arn),
            "RESTORED_PRIVATE_IP": address,
        }
        left = max(1.0, self._end - time.monotonic())
        try:
            done = subprocess.run(
                list(argv), env=environment, timeout=left, capture_output=True, text=True, check=False
            )
        except subprocess.TimeoutExpired:
            raise DrillError(f"the check of the copy was not done after {left:.0f} seconds") from None
        except OSError as error:
            raise DrillError(f"the check of the copy could not be run: {error}") from error
        result = {"rc": done.returncode, "stdout": done.stdout[-10_000:], "stderr": done.stderr[-10_000:]}
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-500:]
            raise DrillError(f"the check of the copy failed with status {done.returncode}: {said}")
        return result

    def _tell(self, outcome: Outcome) -> None:
        """AWS Backup keeps the verdict with the job. That it cannot be told does not spoil the test."""
        if outcome.job_id and outcome.created_arn:
            try:
                self._api.put_validation(outcome.job_id, outcome.error is None, outcome.error or "the copy is usable")
            except CallError:
                return

    def _clean_up(self, outcome: Outcome) -> None:
        arn = outcome.created_arn
        try:
            if arn is None and outcome.job_id:
                arn = self._late_copy(outcome.job_id)
            if arn:
                outcome.left = [arn]
                outcome.left = self._remove(arn)
        except (DrillError, CallError) as error:
            outcome.left = outcome.left or [f"what restore job {outcome.job_id} makes"]
            outcome.error = f"{outcome.error + '; ' if outcome.error else ''}the copy is left: {_words(error)}"

    def _late_copy(self, job_id: str) -> str | None:
        if self._api.restore_job(job_id).status in ("ABORTED", "FAILED"):
            return None
        return self._wait_for_job(job_id, time.monotonic() + GRACE)

    def _remove(self, arn: str) -> list[str]:
        """Remove the copy; returns what is left of it, which is nothing."""
        if self._drill.kind == "EBS":
            self._copies.delete_volume(_id(arn))
            return []
        disks = [each["Ebs"] for each in self._copies.instance(_id(arn)).get("BlockDeviceMappings", ())]
        self._copies.terminate(_id(arn))
        staying = [disk["VolumeId"] for disk in disks if not disk.get("DeleteOnTermination")]
        if staying:
            for _look in _looks(time.monotonic() + GRACE):
                if self._copies.instance(_id(arn))["State"]["Name"] == "terminated":
                    break
            for volume in staying:
                self._copies.delete_volume(volume)
        return []


def _words(error: Exception) -> str:
    return f"{error.message}: {error.cause}" if isinstance(error, CallError) else str(error)


def _id(arn: str) -> str:
    return arn.rpartition("/")[2]


def _looks(end: float) -> Iterator[None]:
    """Look now, and again after pauses that grow, until the time is up."""
    pause = FIRST_PAUSE
    while True:
        yield
        left = end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, LONGEST_PAUSE)


@contextmanager
def _signals_as_errors() -> Iterator[None]:
    """Whoever ends the run, by ^C or kill, lets it clean up first."""

    def stop(number: int, _frame: Any) -> None:
        raise DrillError(f"the run was ended by {signal.Signals(number).name}")

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Signals wait until this is over."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _signals_ignored() -> Iterator[None]:
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
