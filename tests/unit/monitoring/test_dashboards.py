# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The dashboards: what Grafana is given, and what of them and of the rules is asked of Prometheus in the lab."""

from __future__ import annotations

import importlib.util
import json
import re
import xml.etree.ElementTree as ElementTree
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.rampart.ops.plugins.filter.grafana_dashboards import grafana_dashboards

ROOT = Path(__file__).parents[3]
DEFINITION = yaml.safe_load((ROOT / "roles/monitoring/files/dashboards.yml").read_text())
MODELS = grafana_dashboards(DEFINITION)
TEXT = {"type": "string", "minLength": 1}
SOURCE = {"const": {"type": "prometheus", "uid": "${datasource}"}}


def exactly(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


# As Grafana documents it:
# https://grafana.com/docs/grafana/latest/visualizations/dashboards/build-dashboards/view-dashboard-json-model/
TARGET = exactly(refId={"pattern": "^[A-Z]$"}, expr=TEXT, legendFormat=TEXT, datasource=SOURCE)
PANEL = exactly(
    id={"type": "integer", "minimum": 1},
    type={"enum": ["timeseries", "stat"]},
    title=TEXT,
    gridPos=exactly(
        x={"type": "integer", "minimum": 0},
        y={"type": "integer", "minimum": 0},
        w={"type": "integer", "minimum": 1, "maximum": 24},
        h={"type": "integer", "minimum": 1},
    ),
    datasource=SOURCE,
    fieldConfig=exactly(
        defaults=exactly(
            unit=TEXT, thresholds=exactly(mode={"const": "absolute"}, steps={"type": "array", "minItems": 1})
        ),
        overrides={"type": "array"},
    ),
    options={"type": "object"},
    targets={"type": "array", "minItems": 1, "items": TARGET},
)
MODEL = exactly(
    uid={"pattern": "^[a-z0-9-]{1,40}$"},
    title=TEXT,
    tags={"type": "array"},
    timezone={"enum": ["browser", "utc"]},
    schemaVersion={"type": "integer"},
    refresh={"pattern": "^[0-9]+[sm]$"},
    time=exactly(**{"from": TEXT, "to": TEXT}),
    templating=exactly(list={"type": "array", "items": exactly(name=TEXT, type={"enum": ["datasource", "query"]})}),
    annotations=exactly(list={"type": "array"}),
    panels={"type": "array", "minItems": 1, "items": PANEL},
)


@pytest.fixture(scope="module")
def expressions() -> ModuleType:
    spec = importlib.util.spec_from_file_location("expressions", ROOT / "molecule/monitoring/expressions.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_the_four_dashboards() -> None:
    assert [model["title"] for model in MODELS.values()] == ["Fleet", "Host", "Web and attacks", "Backup and cost"]


@pytest.mark.parametrize("uid", MODELS)
def test_a_dashboard_is_what_grafana_documents(uid: str) -> None:
    jsonschema.validate(json.loads(json.dumps(MODELS[uid])), MODEL)


@pytest.mark.parametrize("uid", MODELS)
def test_panels_stand_beside_one_another(uid: str) -> None:
    panels = MODELS[uid]["panels"]
    cells = [
        {(x, y) for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])}
        for p in (panel["gridPos"] for panel in panels)
    ]
    assert all(max(x for x, _ in cell) < 24 for cell in cells)
    assert not any(one & other for one, other in combinations(cells, 2))
    for key in ("id", "title"):
        assert len({panel[key] for panel in panels}) == len(panels)


@pytest.mark.parametrize("uid", MODELS)
def test_only_a_dashboard_of_one_host_asks_for_the_chosen_one(uid: str) -> None:
    model = MODELS[uid]
    chosen = "instance" in [variable["name"] for variable in model["templating"]["list"]]
    for panel in model["panels"]:
        for target in panel["targets"]:
            assert ('instance="$instance"' in target["expr"]) == chosen, panel["title"]


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ([{"uid": "a", "title": "A"}], "dashboard a: lacks ['panels']"),
        ([{"uid": "a", "title": "A", "panels": [], "rows": 2}], "dashboard a: ['rows'] is not known"),
        ([{"uid": "a", "title": "A", "panels": [{"title": "P"}]}], "panel P: lacks ['queries']"),
        ([{"uid": "a", "title": "A", "panels": [{"title": "P", "queries": {}, "kind": "pie"}]}], "pie or short is not"),
        ([{"uid": "a", "title": "A", "panels": [{"title": "P", "queries": {}, "unit": "miles"}]}], "or miles is not"),
        ([{"uid": "a", "title": "A", "panels": []}] * 2, "two dashboards have the same uid"),
        ("a", "needs a list"),
        (None, "needs a list"),
    ],
)
def test_what_cannot_be_meant_is_refused(definition: Any, message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=re.escape(message)):
        grafana_dashboards(definition)


# --- what the lab asks of Prometheus


@pytest.mark.parametrize(
    ("expression", "series"),
    [
        ("up == 0", ["up"]),
        ("vector(1) > 2", []),
        ('rate(a[5m]) - rate(b_total{c="d"}[5m]) > 0.01', ["a", 'b_total{c="d"}']),
        ('predict_linear(a{b!="tmpfs"}[1h], 4 * 3600) < 0 and x:y:z < 0.4', ['a{b!="tmpfs"}', "x:y:z"]),
        ('sum by (instance, site) (a{status="5xx"}) / (sum without (b) (c) > 0.1)', ['a{status="5xx"}', "c"]),
        ("increase(a[10m]) > 20 unless resets(a[10m]) > 0", ["a", "a"]),
        ('time() - a{file=~".*/f\\\\.prom by (x) {"} > 600', ['a{file=~".*/f\\\\.prom by (x) {"}']),
        ('sum({__name__=~"a|b"}) or vector(0)', ['{__name__=~"a|b"}']),
        ("0 < a < time() + 14 * 86400", ["a"]),
        ("count(a offset 1d == bool 1) * on (x) group_left (y) b", ["a", "b"]),
    ],
)
def test_the_series_of_an_expression_are_found(expressions: ModuleType, expression: str, series: list[str]) -> None:
    assert expressions.selectors(expression) == series


def test_everything_that_rules_and_dashboards_ask_is_asked(expressions: ModuleType) -> None:
    rules = yaml.safe_load((ROOT / "roles/monitoring/files/rules.yml").read_text())["groups"]
    names = {f"alert {r['alert']}" if "alert" in r else f"rule {r['record']}" for g in rules for r in g["rules"]}
    titles = {f"{uid}: {panel['title']}" for uid, model in MODELS.items() for panel in model["panels"]}
    asked = [*expressions.rules(), *expressions.panels()]
    assert {question["of"] for question in asked} == names | titles
    assert not any("$" in question["expr"] for question in asked)


def test_each_dashboard_can_be_drawn(expressions: ModuleType, tmp_path: Path) -> None:
    values = [[1000.0 + second, str(second)] for second in range(10)] + [[1010.0, "NaN"]]
    metric = {"instance": "<web-1>", "site": "shop"}
    answers = [
        {
            **question,
            "instant": [{"metric": metric, "value": [1000, "7"]}],
            "range": [{"metric": metric, "values": values}],
        }
        for question in expressions.panels()
    ]
    expressions.draw(tmp_path, answers)
    assert {path.stem for path in tmp_path.iterdir()} == set(MODELS)
    for path in tmp_path.iterdir():
        texts = {element.text for element in ElementTree.parse(path).iter() if element.text}  # noqa: S314 # our own
        assert {panel["title"] for panel in MODELS[path.stem]["panels"]} <= texts
    assert "— <web-1>" in texts or path.stem != "rampart-fleet"


def test_the_pictures_in_the_docs_show_the_panels_that_there_are() -> None:
    for uid, model in MODELS.items():
        drawn = ElementTree.parse(ROOT / f"docs/dashboards/{uid}.svg")  # noqa: S314 # our own
        texts = {element.text for element in drawn.iter()}
        assert {panel["title"] for panel in model["panels"]} <= texts
