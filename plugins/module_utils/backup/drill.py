# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""One restore from beginning to end: note, start, wait, check, and remove the copy again, whatever happened."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CallError
from ansible_collections.rampart.ops.plugins.module_utils.backup.api import Backup
from ansible_collections.rampart.ops.plugins.module_utils.backup.copies import Shelf
from ansible_collections.rampart.ops.plugins.module_utils.backup.kinds import KINDS, REQUEST_ID, id_of
from ansible_collections.rampart.ops.plugins.module_utils.backup.ledger import Entry, due, entries
from ansible_collections.rampart.ops.plugins.module_utils.backup.restore import Drill, RecoveryPoint

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
# A restore cannot be stopped. When it is given up, its copy is still waited for, to be removed.
GRACE = 900.0
# How far the clocks of this machine and of AWS can be apart: AWS refuses signatures that are older or from the future.
# Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
SKEW = timedelta(minutes=5)
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


class Ledger:
    """The drills that are noted on a vault."""

    def __init__(self, api: Backup, vault_arn: str) -> None:
        self._api = api
        self._vault = vault_arn

    def write(self, entry: Entry) -> None:
        self._api.tag(self._vault, {entry.key: entry.value})

    def strike(self, entry: Entry) -> None:
        self._api.untag(self._vault, [entry.key])


class Restore:
    """The restore of a recovery point. With a ledger it is a drill, whose copy goes again."""

    def __init__(
        self, api: Backup, shelf: Shelf, drill: Drill, point: RecoveryPoint, timeout: float, ledger: Ledger | None
    ) -> None:
        self._api = api
        self._shelf = shelf
        self._copies = shelf.of(drill.kind.name)
        self._drill = drill
        self._point = point
        self._end = time.monotonic() + timeout
        self._ledger = ledger

    def run(self, entry: Entry, metadata: Mapping[str, str], check: Sequence[str]) -> Outcome:
        outcome = Outcome()
        began = time.monotonic()
        with _signals_as_errors():
            try:
                with _signals_held():  # between the start and its answer nobody would know what to remove
                    entry = self._start(entry, metadata, outcome)
                outcome.created_arn = self._wait_for_job(entry.job_id or "", self._end)
                self._mark(outcome.created_arn, entry)
                address = self._wait_until_usable(outcome.created_arn)
                if check:
                    outcome.check = self._check(check, outcome.created_arn, address)
                outcome.seconds = time.monotonic() - began
            except (DrillError, CallError) as error:
                outcome.error = _words(error)
            finally:
                with _signals_ignored():
                    self._tell(outcome)
                    if self._ledger:
                        self._clean_up(self._ledger, entry, outcome)
        return outcome

    def _start(self, entry: Entry, metadata: Mapping[str, str], outcome: Outcome) -> Entry:
        if self._ledger:
            self._ledger.write(entry)
        drill = self._drill
        try:
            outcome.job_id = self._api.start_restore(self._point, drill.role, drill.kind.name, metadata, entry.id)
        except CallError as error:
            if self._ledger and error.refused:
                with suppress(CallError):  # a sweep finds then that nothing came of it
                    self._ledger.strike(entry)
                self._ledger = None
            raise
        entry = replace(entry, job_id=outcome.job_id)
        if self._ledger:
            self._ledger.write(entry)
        return entry

    def _wait_for_job(self, job_id: str, end: float) -> str:
        for _look in looks(end):
            job = self._api.restore_job(job_id)
            if job.status == "COMPLETED" and job.created_arn:
                return str(job.created_arn)
            if not job.running:
                raise DrillError(f"restore job {job_id} is {job.status}: {job.message or 'AWS says no more'}")
        raise DrillError(f"restore job {job_id} is still {job.status} ({job.percent or '0 %'}) when the time is up")

    def _mark(self, arn: str, entry: Entry) -> None:
        """So that nobody takes the copy for the original, and who finds it later knows what it is."""
        tags = {"Name": self._drill.copy_name, "rampart:restored-from": self._point.arn}
        if self._ledger:
            tags.update({"rampart:drill": entry.id, "rampart:drill-until": entry.until.isoformat()})
        self._copies.mark(arn, tags)

    def _wait_until_usable(self, arn: str) -> str:
        """The address of a copy that is as it should be; nothing for a type that has none."""
        for _look in looks(self._end):
            state = self._copies.state(arn)
            if state.usable:
                return str(state.address)
            if state.hopeless:
                break
        raise DrillError(f"the copy {arn} is {state.word}, not usable")

    def _check(self, argv: Sequence[str], arn: str, address: str) -> dict[str, Any]:
        environment = {
            **os.environ,
            "RESTORED_RESOURCE_ARN": arn,
            "RESTORED_RESOURCE_ID": id_of(arn),
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

    def _clean_up(self, ledger: Ledger, entry: Entry, outcome: Outcome) -> None:
        try:
            if entry.job_id and outcome.created_arn is None and self._api.restore_job(entry.job_id).running:
                self._wait_for_job(entry.job_id, time.monotonic() + GRACE)
        except (DrillError, CallError):
            pass  # what it has made by now is looked for anyhow
        try:
            outcome.left = [outcome.created_arn] if outcome.created_arn else []
            clear(self._api, self._shelf, ledger, entry, datetime.now(timezone.utc))
            outcome.left = []
        except (DrillError, CallError) as error:
            outcome.left = outcome.left or [f"what {entry} makes"]
            outcome.error = f"{outcome.error + '; ' if outcome.error else ''}the copy is left: {_words(error)}"


def clear(api: Backup, shelf: Shelf, ledger: Ledger, entry: Entry, now: datetime) -> str | None:
    """Remove what a drill has made, and strike it out; the ARN of what there was. DrillError if that cannot be done."""
    if entry.kind not in KINDS:
        raise DrillError(f"{entry} is of a type that is not known here")
    copies = shelf.of(entry.kind)
    if KINDS[entry.kind].name_key:
        # By its name also if its job is not known, or failed: it may have made it all the same.
        arn = _made_by(api, entry) or copies.find(entry.name)
    else:
        entry = _with_job(api, ledger, entry)
        arn = _made_by(api, entry)
    if arn:
        with suppress(CallError):  # of who may only remove what is marked: a drill may have ended before that
            copies.mark(arn, {"rampart:drill": entry.id})
        copies.remove(arn, lambda: looks(time.monotonic() + GRACE))
    elif entry.job_id is None and now < entry.until:
        raise DrillError(
            f"{entry}: whether AWS has begun its restore will be known when its time is over; sweep again then"
        )
    ledger.strike(entry)
    return arn


def sweep(
    api: Backup, shelf: Shelf, now: datetime, only_expired: bool, check_mode: bool
) -> tuple[list[str], list[str]]:
    """Remove what drills have left that did not come to their own end: what was removed, and what could not be."""
    swept, left = [], []
    for vault in api.vaults().values():
        for entry in due(entries(api.tags(vault.arn)), now, only_expired):
            if check_mode:
                swept.append(str(entry))
                continue
            try:
                swept.append(clear(api, shelf, Ledger(api, vault.arn), entry, now) or str(entry))
            except (DrillError, CallError) as error:
                left.append(_words(error))
    return swept, left


def _with_job(api: Backup, ledger: Ledger, entry: Entry) -> Entry:
    """With the restore job of a drill that ended before it could be noted, if one was begun at all.

    AWS keeps what a job was asked for, and in it the id of the request.
    """
    if entry.job_id is not None:
        return entry
    unknown = []
    for job_id in api.restore_jobs(entry.kind, entry.began - SKEW, entry.until + SKEW):
        request_id = api.restore_job_metadata(job_id).get(REQUEST_ID)
        if request_id == entry.request_id:
            entry = replace(entry, job_id=job_id)
            ledger.write(entry)
            return entry
        if request_id is None:
            unknown.append(job_id)
    if unknown:
        ledger.strike(entry)  # asking again would tell no more
        raise DrillError(
            f"{entry} ended while its restore was asked for, and AWS does not tell which restore job is its own: look "
            f"whether one of {', '.join(unknown)} is nobody else's, and remove what it has made"
        )
    return entry


def _made_by(api: Backup, entry: Entry) -> str | None:
    if entry.job_id is None:
        return None
    try:
        job = api.restore_job(entry.job_id)
    except CallError as error:
        if error.code == "ResourceNotFoundException":  # AWS forgets jobs after some weeks
            return None
        raise
    if job.running:
        raise DrillError(f"{entry} is still {job.status} ({job.percent or '0 %'}): what it makes can be removed later")
    if job.created_arn and job.created_arn == job.source:
        raise DrillError(f"{entry} says that it has made {job.created_arn}, the original: nothing is removed")
    return str(job.created_arn) if job.created_arn else None


def _words(error: Exception) -> str:
    return f"{error.message}: {error.cause}" if isinstance(error, CallError) else str(error)


def looks(end: float) -> Iterator[None]:
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
