# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Words: a piece of news as text, in the chosen language, with nothing in it that a receiver could act upon."""

from __future__ import annotations

import datetime
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dateutil import tz

from .digest import COUNTED, SAMPLES, Piece, known_address

LONGEST = 2900  # block-kit: "text" of a section holds 3,000 characters
SHOWN = 5  # of the values that were counted
_MENTION = re.compile(r"@(?=channel|here|everyone|all)", re.IGNORECASE)


def harmless(text: str, longest: int = 120) -> str:
    """Text from a log: nothing that steers a terminal, turns the direction of writing, or calls people."""
    shown = "".join(
        character if unicodedata.category(character)[0] != "C" else f"\\x{ord(character):02x}" for character in text
    )
    shown = _MENTION.sub("\N{FULLWIDTH COMMERCIAL AT}", shown)
    return shown if len(shown) <= longest else shown[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"


def mrkdwn(text: str) -> str:
    """Escaped as Slack asks for it: https://docs.slack.dev/messaging/formatting-message-text#escaping"""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def slack(text: str) -> dict[str, Any]:
    """The body for an incoming webhook. plain_text takes no markup; "text" is what a notification shows."""
    return {
        "text": mrkdwn(text.partition("\n")[0]),
        "mrkdwn": False,
        "blocks": [{"type": "section", "text": {"type": "plain_text", "text": text[:LONGEST], "emoji": False}}],
    }


class Writer:
    """Writes in one language, and knows whose keys and addresses are known."""

    def __init__(self, config: Mapping[str, Any], country: Callable[[str], str]) -> None:
        texts = json.loads(Path(__file__).with_name("texts.json").read_text(encoding="utf-8"))
        self._texts = texts[config["language"]]
        self._titles = {rule["name"]: rule.get("title") for rule in config["rules"]}
        self._keys = config["known_keys"]
        self._addresses = config["known_addresses"]
        self._zone = tz.gettz(config["time_zone"])
        self._country = country

    def text(self, piece: Piece) -> str:
        """The whole message; its first line says the most."""
        rule, samples = piece["rule"], piece["samples"]
        words = {**self._texts["any"], **self._texts.get(rule, {})}
        if self._titles.get(rule):
            words["many"] = "{title}: {count}"
        if piece["count"] == 1 and "one" in words:
            lines = [words["one"].format_map(self._values(samples[0])), self._when(piece)]
        else:
            title = harmless(self._titles.get(rule) or rule)
            lines = [words["many"].format(count=piece["count"], title=title), self._when(piece)]
            if "one" in words:
                lines += ["- " + words["one"].format_map(self._values(each)) for each in samples]
                if piece["count"] > len(samples):
                    lines.append(self._texts["more"].format(count=piece["count"] - len(samples)))
            if "one" not in words or piece["count"] > SAMPLES:
                lines += self._counts(piece)
        return "\n".join(line for line in lines if line)

    def _values(self, sample: Mapping[str, str]) -> Mapping[str, str]:
        values = {name: self._value(name, value) for name, value in sample.items()}
        key = values.pop("key", "")
        values["by_key"] = self._texts["by_key"].format(key=key) if key else ""
        return _Empty(values)

    def _value(self, name: str, value: str) -> str:
        if name == "address":
            entry = known_address(value, self._addresses)
            notes = [self._country(value), (entry or {}).get("name", "")]
            told = ", ".join(harmless(note) for note in notes if note)
            return harmless(value) + (f" ({told})" if told else "")
        if name == "key":
            owner = self._keys.get(value)
            return f"{harmless(owner)} ({harmless(value)})" if owner else harmless(value)
        if name == "state":
            return str(self._texts["states"].get(value, harmless(value)))
        return harmless(value)

    def _counts(self, piece: Piece) -> list[str]:
        lines = []
        for name in COUNTED:
            counted = sorted(piece["by"].get(name, {}).items(), key=lambda pair: (-pair[1], pair[0]))
            if counted:
                shown = ", ".join(f"{self._value(name, value)} x{count}" for value, count in counted[:SHOWN])
                more = f" +{len(counted) - SHOWN}" if len(counted) > SHOWN else ""
                lines.append(f"{self._texts['fields'][name]}: {shown}{more}")
        return lines

    def _when(self, piece: Piece) -> str:
        first, last = (datetime.datetime.fromtimestamp(piece[end] / 1000, self._zone) for end in ("first", "last"))
        start = f"{first:%Y-%m-%d %H:%M:%S}"
        return f"{start} {first:%Z}" if last == first else f"{start} - {last:%H:%M:%S} {last:%Z}"


class _Empty(dict[str, str]):
    """A field that the log did not name is shown as such."""

    def __missing__(self, key: str) -> str:
        return "?"
