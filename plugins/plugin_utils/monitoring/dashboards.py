# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Grafana's dashboards out of a short definition.

https://grafana.com/docs/grafana/latest/visualizations/dashboards/build-dashboards/view-dashboard-json-model/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# Grafana's names of units (packages/grafana-data/src/valueFormats/categories.ts).
UNITS = ("short", "percentunit", "bytes", "Bps", "s", "reqps", "ops")
DASHBOARD = {"uid", "title", "panels"}
PANEL = {"title", "queries"}
COLUMNS = 24
SIZES = {"stat": (4, 4), "graph": (12, 8)}  # columns and rows
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def models(definition: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The JSON model of each dashboard, by its uid. Raises ValueError, which says what is wrong with the definition."""
    found = {str(dashboard.get("uid")): _model(dashboard) for dashboard in definition}
    if len(found) < len(definition):
        raise ValueError("two dashboards have the same uid")
    return found


def _model(dashboard: Mapping[str, Any]) -> dict[str, Any]:
    _keys(dashboard, DASHBOARD, {"instance"}, f"dashboard {dashboard.get('uid')}")
    return {
        "uid": dashboard["uid"],
        "title": dashboard["title"],
        "tags": ["rampart"],
        "timezone": "browser",
        "editable": False,
        "schemaVersion": 36,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": list(_variables(dashboard))},
        "annotations": {"list": []},
        "panels": list(_panels(dashboard["panels"])),
    }


def _variables(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    if "instance" in dashboard:
        query = f"label_values({dashboard['instance']}, instance)"
        yield {
            "name": "instance",
            "label": "Host",
            "type": "query",
            "datasource": SOURCE,
            "query": {"query": query, "refId": "instance"},
            "definition": query,
            "refresh": 2,  # whenever the time range changes: hosts come and go
            "sort": 1,
        }


def _panels(panels: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    column = row = height = 0
    for number, panel in enumerate(panels, 1):
        _keys(panel, PANEL, {"kind", "unit", "max", "alarm"}, f"panel {panel.get('title')}")
        kind, unit = panel.get("kind", "graph"), panel.get("unit", "short")
        if kind not in SIZES or unit not in UNITS:
            raise ValueError(f"panel {panel['title']}: {kind} or {unit} is not known")
        columns, rows = SIZES[kind]
        if column + columns > COLUMNS or rows != (height or rows):
            column, row, height = 0, row + height, 0
        place = {"x": column, "y": row, "w": columns, "h": rows}
        column, height = column + columns, rows
        yield {
            "id": number,
            "type": {"graph": "timeseries"}.get(kind, kind),
            "title": panel["title"],
            "gridPos": place,
            "datasource": SOURCE,
            "fieldConfig": {"defaults": _field(panel, unit), "overrides": []},
            "options": _options(kind),
            "targets": [
                {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": expression, "legendFormat": legend}
                for index, (legend, expression) in enumerate(panel["queries"].items())
            ],
        }


def _field(panel: Mapping[str, Any], unit: str) -> dict[str, Any]:
    steps = [{"color": "green", "value": None}]
    if "alarm" in panel:
        steps.append({"color": "red", "value": panel["alarm"]})
    limits = {"min": 0, "max": panel["max"]} if "max" in panel else {}
    return {"unit": unit, "thresholds": {"mode": "absolute", "steps": steps}, **limits}


def _options(kind: str) -> dict[str, Any]:
    if kind == "stat":
        return {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "colorMode": "value"}
    return {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}, "tooltip": {"mode": "multi"}}


def _keys(item: Mapping[str, Any], needed: set[str], possible: set[str], where: str) -> None:
    missing, unknown = needed - set(item), set(item) - needed - possible
    if missing or unknown:
        raise ValueError(f"{where}: lacks {sorted(missing)}" if missing else f"{where}: {sorted(unknown)} is not known")
