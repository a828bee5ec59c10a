"""The policy's regular expressions, as Python reads them: what is plain is refused by none."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/attacks"))
from forms import corpus  # noqa: E402 - its folder is no package

VARIABLES: dict[str, Any] = yaml.safe_load((ROOT / "roles/nginx_hardening/vars/main/policy.yml").read_text("utf-8"))


def expanded(text: str) -> str:
    while "{{" in text:
        text = jinja2.Template(text).render(VARIABLES)
    return text


PLAIN = re.compile(expanded(VARIABLES["__nginx_hardening_plain"]), re.IGNORECASE | re.ASCII)
GROUPS = VARIABLES["__nginx_hardening_policies"]


def patterns(group: str) -> list[re.Pattern[str]]:
    rules = GROUPS[group]
    texts = [*rules.get("patterns", ()), *rules.get("uri", ()), *([rules["admin"]] if "admin" in rules else ())]
    return [re.compile(expanded(text), re.IGNORECASE | re.ASCII) for text in texts]


ALL = {group: patterns(group) for group in GROUPS}
# A path of plain segments, near to what the rules know: their own words, and what is like them.
WORDS = sorted(
    {word for rules in ALL.values() for rule in rules for word in re.findall(r"[\w-]{2,}", rule.pattern)}
    | {
        word
        for name in ("attacks", "legitimate")
        for _group, path in corpus(name)
        for word in re.findall(r"[\w-]+", path)
    }
)
SEGMENT = st.one_of(st.sampled_from(WORDS), st.text("abcdeghilmnoprstuvwxyz0123456789_-", max_size=6))
PATH = st.builds(
    lambda segments, suffixes: "/" + "/".join(segments) + "".join(f".{s}" for s in suffixes),
    st.lists(SEGMENT, min_size=1, max_size=4),
    st.lists(st.sampled_from(["js", "css", "html", "png", "map", "php", "bak", "min", "jpg", "env"]), max_size=3),
)


def refused(path: str) -> str:
    return next((group for group, rules in ALL.items() if any(rule.search(path) for rule in rules)), "")


@given(PATH)
@settings(max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_plain_is_refused_by_no_rule(path: str) -> None:
    if PLAIN.search(path):
        assert not refused(path), path


@pytest.mark.parametrize("word", WORDS)
def test_no_word_of_the_rules_is_plain(word: str) -> None:
    for path in (
        f"/{word}",
        f"/{word}/",
        f"/x/{word}",
        f"/{word}/x",
        f"/{word}/x.js",
        f"/{word}.html",
        f"/x/{word}.png",
    ):
        if PLAIN.search(path):
            assert not refused(path), path


@pytest.mark.parametrize("name", ["attacks", "wordpress_attacks"])
def test_no_attack_is_plain(name: str) -> None:
    assert not [path for _group, path in corpus(name) if PLAIN.search(path)]


def test_most_of_what_visitors_ask_for_is_plain() -> None:
    paths = [
        path
        for _group, path in corpus("legitimate")
        if "%" not in path and path.startswith(("/static", "/api", "/assets"))
    ]
    assert sum(bool(PLAIN.search(path)) for path in paths) > 0.7 * len(paths)


def test_corpora_are_large_enough() -> None:
    assert len(set(corpus("attacks"))) + len(set(corpus("wordpress_attacks"))) >= 1000
    assert len(set(corpus("legitimate"))) >= 300
    assert {group for group, _path in corpus("attacks")} == set(GROUPS) - {"wordpress_guard"}


def test_expressions_are_short_enough_for_nginx() -> None:
    for group, rules in ALL.items():
        for rule in rules:
            assert len(rule.pattern.replace("\\", "\\\\")) < 4000, group
