# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""A YAML file together with the line of each of its entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Place = tuple[Any, ...]  # keys and indices that lead from the top to an entry


class SourceError(Exception):
    """The file cannot be read; the message names file, line and cause."""


@dataclass(frozen=True)
class Source:
    path: str
    content: Mapping[str, Any]
    lines: Mapping[Place, int]

    def where(self, place: Place) -> str:
        """Return C(file:line) of an entry, or of the nearest one around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return f"{self.path}:{self.lines.get(place, 1)}"


class _Reader(yaml.SafeLoader):
    """Reads Ansible's tags (!unsafe, !vault) as the strings that they mark."""

    def lined(self, node: yaml.Node, place: Place, lines: dict[Place, int]) -> Any:
        lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            self.flatten_mapping(node)
            result = {}
            for key_node, value_node in node.value:
                key = self.construct_object(key_node, deep=True)
                if key in result:
                    raise SourceError(f"{self.name}:{key_node.start_mark.line + 1}: {key} is there twice.")
                # A key on a line of its own stands before its value: the key's line is where one looks.
                lines[(*place, key)] = key_node.start_mark.line + 1
                result[key] = self.lined(value_node, (*place, key), lines)
            return result
        if isinstance(node, yaml.SequenceNode):
            return [self.lined(each, (*place, index), lines) for index, each in enumerate(node.value)]
        return self.construct_object(node, deep=True)


def _marked(reader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    return reader.construct_scalar(node)


_Reader.add_constructor("!unsafe", _marked)
_Reader.add_constructor("!vault", _marked)


def read(path: Path, name: str) -> Source:
    """Read a YAML file whose top is a mapping.

    Args:
        path: the file.
        name: what messages are to call it.

    Raises:
        SourceError: it cannot be read, is not YAML, or is not a mapping.
    """
    lines: dict[Place, int] = {}
    try:
        reader = _Reader(path.read_text(encoding="utf-8"))
        reader.name = name
        node = reader.get_single_node()
        content = reader.lined(node, (), lines) if node else {}
    except OSError as error:
        raise SourceError(f"{name}: {error.strerror}.") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SourceError(f"{name}:{line}: this is not YAML: {error.problem}.") from error
    if not isinstance(content, dict):
        raise SourceError(f"{name}:1: expected variables, got {type(content).__name__}.")
    return Source(name, content, lines)
