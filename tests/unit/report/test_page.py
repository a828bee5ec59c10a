# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The page of a report: read again as HTML, it says what the rows say, and nothing in them is markup."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from ansible_collections.rampart.ops.plugins.plugin_utils.report.page import MAX_CELL, PageError, moment, page, shown
from hypothesis import given
from hypothesis import strategies as st

ROWS = [{"a.b": "x", "n": "3", "level": "fine"}, {"a.b": "y", "n": 12, "level": "wrong"}]
SECTION: dict[str, Any] = {
    "name": "things",
    "columns": {"a.b": "Thing", "n": "How many"},
    "plot": {"kind": "bars", "label": "a.b", "value": "n"},
    "levels": {"field": "level", "good": ["fine"], "bad": ["wrong"]},
}
TIMELINE: dict[str, Any] = {
    "name": "times",
    "columns": {"t": "Time", "n": "How many"},
    "plot": {"kind": "timeline", "time": "t", "values": {"n": "things", "m": "others"}},
}


class Read(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())

    def names(self) -> set[str]:
        return {tag for tag, _attributes in self.tags}


def made(rows: list[dict[str, Any]], *sections: dict[str, Any], lead: str = "") -> str:
    return page("Title", lead, {"From": "here"}, sections, {"things": rows, "times": rows})


def test_rows_are_a_table_and_bars() -> None:
    read = Read(made(ROWS, SECTION, lead="All is well."))
    assert read.texts.count("x") == 2 and read.texts.count("y") == 2  # in the table and in the plot
    assert {"Title", "All is well.", "From", "here", "Thing", "How many"} <= set(read.texts)
    assert [attributes["class"] for tag, attributes in read.tags if tag == "tr" and attributes] == ["good", "bad"]
    widths = [float(attributes["width"] or 0) for tag, attributes in read.tags if tag == "rect"]
    assert widths[1] == pytest.approx(4 * widths[0], rel=0.01)


def test_a_time_line_is_to_scale_and_has_gaps() -> None:
    rows = [{"t": f"2026-11-21 {hour:02}:00:00.000", "n": n, "m": 1} for hour, n in ((3, 4), (0, 2), (1, 0))]
    read = Read(made(rows, TIMELINE))
    drawn = [attributes for tag, attributes in read.tags if tag == "rect" and attributes["width"] != "12"]
    places = sorted({float(each["x"] or 0) for each in drawn})
    assert len(places) == 3 and places[2] - places[1] == pytest.approx(2 * (places[1] - places[0]), rel=0.01)
    heights = [float(each["height"] or 0) for each in drawn if each["class"] == "s0"]
    assert heights[1] == pytest.approx(2 * heights[0], rel=0.01)
    assert {"2026-11-21 00:00", "2026-11-21 04:00", "things", "others"} <= set(read.texts)


def test_nothing_is_said_to_be_nothing() -> None:
    assert made([], SECTION, TIMELINE).count("Nothing.") == 2
    assert "<svg" not in made([{"t": "no time"}], TIMELINE)


@given(st.text(), st.text())
def test_whatever_the_text_it_is_only_text(one: str, two: str) -> None:
    harmless = made([{"a.b": "x", "n": 1, "level": "y"}], SECTION, lead="x")
    hostile = made([{"a.b": one, "n": two, "level": one}], SECTION, lead=two)
    assert [tag for tag, _attributes in Read(hostile).tags] == [tag for tag, _attributes in Read(harmless).tags]
    hostile.encode()


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("<script>alert('1')</script>", "&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt;"),
        ("a\u202egpj.php\x00", "a\\u202egpj.php\\u0000"),
        ("\ud800", "\\ud800"),
        ("x" * 1000, "x" * (MAX_CELL - 1) + "…"),
        (["a", "<b>"], "a, &lt;b&gt;"),
        ([{"a": 1}, {"a": 2}], "2"),
        (None, ""),
        (0, "0"),
    ],
)
def test_how_a_value_is_shown(value: Any, told: str) -> None:
    assert shown(value) == told


def test_the_page_forbids_what_it_does_not_need() -> None:
    read = Read(made(ROWS, SECTION, TIMELINE))
    policy = next(attributes["content"] for tag, attributes in read.tags if "http-equiv" in attributes)
    assert policy and "default-src 'none'" in policy and "script-src" not in policy
    assert not read.names() & {"script", "link", "img", "iframe", "a", "form", "object"}
    assert not [attributes for _tag, attributes in read.tags if {"src", "href"} & set(attributes)]


def test_times() -> None:
    assert moment("2026-11-21 08:00:00.000") == moment("2026-11-21T08:00:00Z") == moment(1795248000000)
    assert moment("x") is None and moment("9" * 400) is None and moment(1e300) is None


def test_a_plot_that_is_not_known() -> None:
    with pytest.raises(PageError, match="section things: a plot is timeline or bars, not pie"):
        made(ROWS, {**SECTION, "plot": {"kind": "pie"}})
