# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What the dashboards and rules ask of Prometheus, and pictures of the answers.

expressions.py list [MINUTES]        prints, for ask.py, every expression of every dashboard and rule
expressions.py draw DIRECTORY        reads ask.py's answers, and writes a picture of each dashboard there
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILES = ROOT / "roles/monitoring/files"
sys.path.insert(0, str(ROOT / "playbooks/collections"))

from ansible_collections.rampart.ops.plugins.plugin_utils.monitoring.dashboards import models  # noqa: E402

# --- what is asked

TEXT = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')
LABELS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
SELECTOR = re.compile(r"(?<![\w:.])([a-zA-Z_:][\w:]*)?(\{[^}]*\})?(?!\s*\()(?![\w:])")
WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}


def selectors(expression: str) -> list[str]:
    """The series that an expression is about, whatever it asks of them: an alert that is quiet has no result."""
    texts: list[str] = []

    def hide(match: re.Match[str]) -> str:
        texts.append(match[0])
        return f"\0{len(texts) - 1}\0"

    bare = LABELS.sub("", re.sub(r"\[[^\]]*\]", "", TEXT.sub(hide, expression)))
    found = [match[0] for match in SELECTOR.finditer(bare) if match[0] and match[0].lower() not in WORDS]
    return [re.sub(r"\0(\d+)\0", lambda match: texts[int(match[1])], selector) for selector in found]


def rules() -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load((FILES / "rules.yml").read_text())["groups"]:
        for rule in group["rules"]:
            if "record" in rule:
                yield {"of": f"rule {rule['record']}", "expr": rule["expr"]}
            else:
                for selector in sorted(set(selectors(rule["expr"]))):
                    yield {"of": f"alert {rule['alert']}", "expr": selector}


def panels() -> Iterator[dict[str, Any]]:
    definition = yaml.safe_load((FILES / "dashboards.yml").read_text())
    for uid, model in models(definition).items():
        for panel in model["panels"]:
            for target in panel["targets"]:
                # Of one host, in Grafana; here of any.
                expression = target["expr"].replace('instance="$instance"', 'instance=~".+"')
                yield {"of": f"{uid}: {panel['title']}", "legend": target["legendFormat"], "expr": expression}


# --- what is drawn

UNIT, GAP, COLORS = 48, 8, "#5794f2 #73bf69 #ff9830 #b877d9 #f2495c #fade2a #8ab8ff #96d98d".split()
SERIES = 8  # no more lines in one panel


def number(value: float, unit: str) -> str:
    if unit == "percentunit":
        return f"{round(value * 100, 1):g} %"
    if unit == "s" and abs(value) >= 120:
        for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
            if abs(value) >= size:
                return f"{round(value / size, 1):g} {name}"
    suffix = {"bytes": "B", "Bps": "B/s", "s": "s", "reqps": "req/s", "ops": "ops/s"}.get(unit, "")
    for size, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g} {name}{suffix}"
    if unit == "s" and 0 < abs(value) < 0.1:
        return f"{value * 1000:.3g} ms"
    return f"{value:.3g} {suffix}".strip()


def text(x: float, y: float, size: int, content: str, color: str = "#d8d9da", anchor: str = "start") -> str:
    look = f'font-size="{size}" fill="{color}" text-anchor="{anchor}"'
    return f'<text x="{x:.0f}" y="{y:.0f}" {look}>{escape(content)}</text>'


def legend(pattern: str, labels: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), pattern)


def stat(panel: dict[str, Any], answers: list[dict[str, Any]], width: float, height: float) -> Iterator[str]:
    result = answers[0]["instant"]
    value = float(result[0]["value"][1]) if result else float("nan")
    defaults = panel["fieldConfig"]["defaults"]
    steps = [step for step in defaults["thresholds"]["steps"] if step["value"] is None or value >= step["value"]]
    color = {"green": "#73bf69", "red": "#f2495c"}[steps[-1]["color"]]
    yield text(width / 2, height / 2 + 24, 32, number(value, defaults["unit"]), color, "middle")


def graph(panel: dict[str, Any], answers: list[dict[str, Any]], width: float, height: float) -> Iterator[str]:
    unit = panel["fieldConfig"]["defaults"]["unit"]
    lines = [
        (legend(answer["legend"], series["metric"]), [(float(t), float(v)) for t, v in series["values"]])
        for answer in answers
        for series in answer["range"]
    ][:SERIES]
    points = [(t, v) for _, line in lines for t, v in line if v == v]  # without NaN
    if not points:
        return
    first, last = min(t for t, _ in points), max(t for t, _ in points)
    low, high = min(0.0, *(v for _, v in points)), max(v for _, v in points)
    high = high if high > low else low + 1
    left, right, top, bottom = 76, width - 12, 36, height - 48
    for step in range(5):
        y = bottom - (bottom - top) * step / 4
        yield f'<path d="M{left} {y:.0f}H{right:.0f}" stroke="#2c3235"/>'
        yield text(left - 6, y + 4, 11, number(low + (high - low) * step / 4, unit), "#8e8e8e", "end")
    for index, (_, line) in enumerate(lines):
        path = " ".join(
            f"{left + (right - left) * (t - first) / ((last - first) or 1):.1f},"
            f"{bottom - (bottom - top) * (v - low) / (high - low):.1f}"
            for t, v in line
            if v == v
        )
        yield f'<polyline points="{path}" fill="none" stroke="{COLORS[index]}" stroke-width="1.5"/>'
    yield text(left, bottom + 16, 11, f"{(last - first) / 60:.0f} minutes", "#8e8e8e")
    x = float(left)
    for index, (name, _) in enumerate(lines):
        if x + 7 * len(name) < right:
            yield text(x, height - 12, 11, f"— {name}", COLORS[index])
            x += 7 * len(name) + 30


def picture(model: dict[str, Any], answers: dict[str, list[dict[str, Any]]]) -> str:
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in model["panels"])
    size = f'width="{24 * UNIT + GAP}" height="{rows * UNIT // 2 + 48}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">',
        '<rect width="100%" height="100%" fill="#111217"/>',
        text(GAP, 30, 20, model["title"]),
    ]
    for panel in model["panels"]:
        place = {key: value * UNIT / (2 if key in "yh" else 1) for key, value in panel["gridPos"].items()}
        width, height = place["w"] - GAP, place["h"] - GAP
        parts.append(f'<g transform="translate({place["x"] + GAP:.0f} {place["y"] + 44:.0f})">')
        parts.append(f'<rect width="{width:.0f}" height="{height:.0f}" rx="2" fill="#181b1f"/>')
        parts.append(text(10, 20, 13, panel["title"]))
        mine = answers[f"{model['uid']}: {panel['title']}"]
        parts.extend((stat if panel["type"] == "stat" else graph)(panel, mine, width, height))
        parts.append("</g>")
    return "\n".join([*parts, "</svg>"]) + "\n"


def draw(directory: Path, found: list[dict[str, Any]]) -> None:
    answers: dict[str, list[dict[str, Any]]] = {}
    for answer in found:
        answers.setdefault(answer["of"], []).append(answer)
    directory.mkdir(parents=True, exist_ok=True)
    for uid, model in models(yaml.safe_load((FILES / "dashboards.yml").read_text())).items():
        (directory / f"{uid}.svg").write_text(picture(model, answers), encoding="utf-8")


def main() -> None:
    if sys.argv[1] == "draw":
        draw(Path(sys.argv[2]), json.load(sys.stdin))
        return
    minutes = {"minutes": float(sys.argv[2])} if len(sys.argv) > 2 else {}
    asked = [{**panel, **minutes} for panel in panels()] + ([] if minutes else list(rules()))
    json.dump(asked, sys.stdout)


if __name__ == "__main__":
    main()
