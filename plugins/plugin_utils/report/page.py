# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""A page of tables and plots that stands alone: no script, nothing loaded from elsewhere, nothing believed."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

Row = Mapping[str, Any]

MAX_CELL = 400  # characters; the whole is in the JSON
MAX_BARS, MAX_LABEL = 15, 46
_WIDTH, _BAR, _HEIGHT, _MARGIN = 860, 22, 220, 60
# Control characters, and those by which text is shown in another order than it is written.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")

# Whatever a mistake lets through is neither run nor loaded.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
body { font-family: sans-serif; margin: 2em; color: #222; max-width: 75em }
table { border-collapse: collapse; margin: 1em 0 }
td, th { border: 1px solid #aaa; padding: .3em .6em; text-align: left; vertical-align: top; overflow-wrap: anywhere }
td.number { text-align: right; white-space: nowrap }
tr.good { background: #dfd } tr.bad { background: #fdd }
dl { display: grid; grid-template-columns: max-content auto; gap: .2em 1em } dt { font-weight: bold } dd { margin: 0 }
svg { display: block; max-width: 100%; font-size: 12px }
.s0 { fill: #7a9cc6 } .s1 { fill: #c0392b } .s2 { fill: #e09f3e } .s3 { fill: #6a994e }
.axis { stroke: #888; fill: none }
"""


class PageError(ValueError):
    """A section that cannot be drawn as it is declared."""


def page(
    title: str, lead: str, facts: Mapping[str, Any], sections: Iterable[Mapping[str, Any]], rows: Mapping[str, Any]
) -> str:
    """An HTML page: a headline, a sentence, facts by name, and a section for each of the named lists of rows.

    A section has a `name`, under which its rows are, a `title`, `columns` (headings by the names of fields) and perhaps
    a `note`, a `plot` and `levels` (the values of a field that are `good` and `bad`). Raises PageError.
    """
    parts = [_section(section, rows.get(section["name"]) or ()) for section in sections]
    told = "".join(f"<dt>{shown(name)}<dd>{shown(value)}\n" for name, value in facts.items())
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{shown(title)}</title>\n<style>{_STYLE}</style>\n<h1>{shown(title)}</h1>\n<p>{shown(lead)}</p>\n"
        f"<dl>\n{told}</dl>\n{''.join(parts)}</html>\n"
    )


def shown(value: Any, most: int = MAX_CELL) -> str:
    """A value as text of the page, whoever wrote it; of a list of dictionaries how many there are."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple)) and any(isinstance(each, Mapping) for each in value):
        value = len(value)
    text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    if len(text) > most:
        text = text[: most - 1] + "…"
    return html.escape(_UNSEEN.sub(lambda found: f"\\u{ord(found.group()):04x}", text))


def cell(row: Row, name: str) -> Any:
    """A field by its whole name, or by its path."""
    if name in row:
        return row[name]
    value: Any = row
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _section(section: Mapping[str, Any], rows: Sequence[Row]) -> str:
    columns: Mapping[str, str] = section["columns"]
    levels = section.get("levels") or {}
    head = f'<section id="{shown(section["name"])}">\n<h2>{shown(section.get("title") or section["name"])}</h2>\n'
    if section.get("note"):
        head += f"<p>{shown(section['note'], 2000)}</p>\n"
    if not rows:
        return f"{head}<p>Nothing.</p>\n</section>\n"
    lines = [f"<tr{_level(row, levels)}>{''.join(_td(cell(row, name)) for name in columns)}</tr>" for row in rows]
    headings = "".join(f"<th>{shown(heading)}</th>" for heading in columns.values())
    table = "<table>\n<tr>" + headings + "</tr>\n" + "\n".join(lines) + "\n</table>\n"
    plot = section.get("plot") or {}
    if plot.get("kind") == "timeline":
        # The plot says it all; the numbers are in the JSON.
        return f"{head}{timeline(rows, plot['time'], plot['values'])}</section>\n"
    if plot.get("kind") == "bars":
        return f"{head}{bars(rows, plot['label'], plot['value'])}{table}</section>\n"
    if plot:
        raise PageError(f"section {section['name']}: a plot is timeline or bars, not {plot.get('kind')}")
    return f"{head}{table}</section>\n"


def _level(row: Row, levels: Mapping[str, Any]) -> str:
    value = cell(row, levels["field"]) if levels else None
    return next((f' class="{level}"' for level in ("good", "bad") if value in levels.get(level, ())), "")


def _td(value: Any) -> str:
    return f"<td{'' if _number(value) is None else ' class=number'}>{shown(value)}</td>"


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def moment(value: Any) -> datetime | None:
    """A time as Logs Insights writes it: `2026-11-21 08:00:00.000`, or milliseconds since the epoch. In UTC."""
    number = _number(value)
    try:
        if number is not None:
            return datetime.fromtimestamp(number / 1000, timezone.utc)
        return datetime.strptime(str(value)[:19].replace("T", " "), "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
    except (OverflowError, OSError, ValueError):
        return None


# --- plots -----------------------------------------------------------------------------------------------------------


def bars(rows: Sequence[Row], label: str, value: str) -> str:
    """The first rows as horizontal bars."""
    drawn = [(str(cell(row, label) or "-"), _number(cell(row, value)) or 0) for row in rows[:MAX_BARS]]
    most = max([number for _name, number in drawn] + [1])
    left = 330
    lines = []
    for place, (name, number) in enumerate(drawn):
        top = place * _BAR
        width = max(1.0, number / most * (_WIDTH - left - 70))
        lines.append(
            f'<g><title>{shown(name)}: {number:g}</title><text x="{left - 8}" y="{top + 15}" text-anchor="end">'
            f'{shown(name, MAX_LABEL)}</text><rect class="s0" x="{left}" y="{top + 3}" width="{width:.1f}"'
            f' height="{_BAR - 6}"/><text x="{left + width + 6:.1f}" y="{top + 15}">{_count(number)}</text></g>'
        )
    return _svg(len(drawn) * _BAR + 6, "bars", lines)


def timeline(rows: Sequence[Row], time: str, values: Mapping[str, str]) -> str:
    """Columns over time, the named values stacked upon each other; a time without a row has none."""
    found = [(when, row) for when, row in ((moment(cell(row, time)), row) for row in rows) if when is not None]
    points = sorted(((when, [_number(cell(row, name)) or 0.0 for name in values]) for when, row in found), key=_first)
    if not points:
        return "<p>Nothing.</p>\n"
    times = [when.timestamp() for when, _counts in points]
    step = min([later - sooner for sooner, later in zip(times, times[1:]) if later > sooner] + [3600.0])
    begin, span = times[0], times[-1] - times[0] + step
    most = max([sum(counts) for _when, counts in points] + [1.0])
    scale = (_WIDTH - _MARGIN - 10) / span
    lines = []
    for (when, counts), at in zip(points, times):
        top = _HEIGHT - 30.0
        told = ", ".join(f"{_count(number)} {title}" for title, number in zip(values.values(), counts))
        lines.append(f"<g><title>{when:%Y-%m-%d %H:%M} UTC: {shown(told)}</title>")
        for place, number in enumerate(counts):
            height = number / most * (_HEIGHT - 60)
            top -= height
            if number:
                lines.append(
                    f'<rect class="s{place % 4}" x="{_MARGIN + (at - begin) * scale:.1f}" y="{top:.1f}"'
                    f' width="{max(0.5, step * scale - 0.5):.1f}" height="{height:.1f}"/>'
                )
        lines.append("</g>")
    lines.append(f'<path class="axis" d="M{_MARGIN} 20V{_HEIGHT - 30}H{_WIDTH - 10}"/>')
    lines.append(f'<text x="{_MARGIN - 6}" y="34" text-anchor="end">{_count(most)}</text>')
    for at, anchor in ((begin, "start"), (begin + span / 2, "middle"), (begin + span, "end")):
        written = datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%d %H:%M")
        x = _MARGIN + (at - begin) * scale
        lines.append(f'<text x="{x:.1f}" y="{_HEIGHT - 12}" text-anchor="{anchor}">{written}</text>')
    for place, title in enumerate(values.values()):
        x = _MARGIN + 10 + place * 150
        lines.append(f'<rect class="s{place % 4}" x="{x}" y="2" width="12" height="12"/>')
        lines.append(f'<text x="{x + 18}" y="13">{shown(title)}</text>')
    return _svg(_HEIGHT, "timeline", lines)


def _first(point: Any) -> Any:
    return point[0]


def _count(number: float) -> str:
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:,.1f}"


def _svg(height: int, kind: str, lines: Iterable[str]) -> str:
    body = "\n".join(lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{kind}" role="img" viewBox="0 0 {_WIDTH} {height}"'
        f' width="{_WIDTH}" height="{height}">\n{body}\n</svg>\n'
    )
