# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Queries of CloudWatch Logs Insights from their start to their end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CallError, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.insights.api import Insights, Metrics
from ansible_collections.rampart.ops.plugins.module_utils.insights.model import Query, Run, Span

# What is wrong with one query does not hinder the others.
_OF_ONE_QUERY = ("MalformedQueryException", "LimitExceededException", "InvalidParameterException")


def estimated_bytes(logs: Insights, metrics: Metrics, groups: Iterable[str], span: Span) -> int:
    """What one query over this time is likely to scan. Where CloudWatch has no figures, all that is stored."""
    total = 0
    for group in groups:
        stored = logs.stored_bytes(group)
        if stored is None:
            raise InvalidError(f"there is no log group {group} in this account and region")
        received = metrics.incoming_bytes(group, span)
        total += stored if received is None else received
    return total


def run_all(
    logs: Insights, queries: Iterable[Query], groups: Sequence[str], span: Span, deadline: Deadline
) -> list[Run]:
    """Start all, wait for all; what is still running when the time is up is stopped, for it costs."""
    runs = [Run(query) for query in queries]
    try:
        for run in runs:
            _start(logs, run, groups, span)
        attempt = 0
        while any(run.is_running for run in runs):
            for run in runs:
                if run.is_running:
                    run.status, run.rows, run.statistics = logs.query_results(run.query, run.id)
            attempt += 1
            if any(run.is_running for run in runs) and not deadline.wait(attempt):
                break
    finally:
        for run in runs:
            if run.id and run.is_running:
                logs.stop_query(run.query, run.id)
                run.status, run.error = "Cancelled", "it had not ended when the time was up, and was stopped"
    for run in runs:
        if not run.error and run.status != "Complete":
            run.error = f"AWS ended it with status {run.status}"
    return runs


def _start(logs: Insights, run: Run, groups: Sequence[str], span: Span) -> None:
    try:
        run.id = logs.start_query(run.query, groups, span)
    except CallError as error:
        if error.code not in _OF_ONE_QUERY:
            raise
        run.status, run.error = "Failed", f"it could not be started: {error.cause}"


def problems(runs: Iterable[Run]) -> str:
    """What went wrong, each thing once."""
    names: dict[str, list[str]] = {}
    for run in runs:
        if not run.succeeded:
            names.setdefault(run.error, []).append(run.query.name)
    return "; ".join(
        f"{'query' if len(which) == 1 else 'queries'} {', '.join(which)}: {error}" for error, which in names.items()
    )
