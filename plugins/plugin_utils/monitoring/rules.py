# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Rules of Prometheus as data, in the form of its rule files.

https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FIELDS = {"expr": str, "for": str, "labels": Mapping, "annotations": Mapping}


def adapted(rules: Mapping[str, Any], changes: Mapping[str, Mapping[str, Any] | None], runbooks_url: str) -> Any:
    """The rule file with the changes, and with the address of its section of the runbooks at each alert.

    changes has fields of alerts by their names; in place of the fields, None removes an alert. Labels and annotations
    are added to those that are there. Raises ValueError for an alert that does not exist and a field that is none.
    """
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule}
    for name, change in changes.items():
        if name not in alerts:
            raise ValueError(f"there is no alert {name}; there are {', '.join(sorted(alerts))}")
        for field, value in (change or {}).items():
            if field not in FIELDS:
                raise ValueError(f"alert {name}: {field} is none of {', '.join(FIELDS)}")
            if not isinstance(value, FIELDS[field]):
                raise ValueError(f"alert {name}: {field} is {value!r}")
    return {"groups": [dict(group, rules=_group(group, changes, runbooks_url)) for group in rules["groups"]]}


def _group(group: Mapping[str, Any], changes: Mapping[str, Any], runbooks_url: str) -> list[dict[str, Any]]:
    kept = [rule for rule in group["rules"] if changes.get(rule.get("alert"), {}) is not None]
    return [_rule(rule, changes, runbooks_url) if "alert" in rule else dict(rule) for rule in kept]


def _rule(rule: Mapping[str, Any], changes: Mapping[str, Any], runbooks_url: str) -> dict[str, Any]:
    change = changes.get(rule["alert"], {})
    runbook = {"runbook_url": f"{runbooks_url}#{rule['alert'].lower()}"} if runbooks_url else {}
    both = {part: {**rule[part], **change.get(part, {})} for part in ("labels", "annotations")}
    return {**rule, **change, **both, "annotations": {**runbook, **both["annotations"]}}
