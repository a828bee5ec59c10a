# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The repository as AWX would see it: which playbooks it has, and which variables they read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.rampart.ops.plugins.plugin_utils.role_variables import Spec, specification

# Source: could_be_playbook and skip_directory of https://github.com/ansible/awx/blob/24.6.1/awx/main/utils/ansible.py
PLAYBOOK = re.compile(r"^\s*-?\s*(?:ansible\.builtin\.)?(?:hosts|include|import_playbook):", re.M)
NO_PLAYBOOKS = {"roles", "tasks", "group_vars", "host_vars"}
OURS = "rampart.ops."


class _Loose(yaml.SafeLoader):
    """Reads what has a tag of Ansible as nothing."""


_Loose.add_multi_constructor("!", lambda loader, suffix, node: None)


QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
# Where Ansible takes a string for an expression without braces.
BARE = {"when", "that", "until", "changed_when", "failed_when", "var"}


@dataclass(frozen=True)
class ReadPlaybook:
    """A playbook together with all that it imports and the roles that it uses."""

    expressions: tuple[str, ...]
    specs: Spec = field(default_factory=dict)

    def reads(self, variable: str) -> bool:
        word = re.compile(rf"(?<![\w.]){re.escape(variable)}\b")
        return any(word.search(expression) for expression in self.expressions)


class CheckedOutProject:
    """A directory that is what AWX would check out."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.requirements = any((root / name).exists() for name in ("requirements.yml", "requirements.yaml"))
        self.playbook = cache(self._playbook)

    def has(self, path: str) -> bool:
        return (self.root / path).exists()

    def _playbook(self, path: str) -> ReadPlaybook | str:
        """Return a playbook, or why AWX would not run it."""
        if re.fullmatch(r"\w+\.\w+\.\w+", path):
            return f"{path}: AWX takes a file of the project, not a playbook of a collection."
        file = self.root / path
        if not file.is_file():
            return f"the project has no {path}. {self._hint(path)}"
        if file.suffix not in (".yml", ".yaml") or NO_PLAYBOOKS & set(Path(path).parts[:-1]):
            return f"{path}: AWX offers no playbook from there."
        texts: list[str] = []
        roles: set[str] = set()
        try:
            self._gather(file, texts, roles)
        except yaml.YAMLError as error:
            return f"{path} is not YAML: {error}"
        except OSError as error:
            return f"{path} imports {error.filename}, which is not there."
        if not PLAYBOOK.search(texts[0]):
            return f"{path}: AWX offers only files with hosts: or import_playbook:."
        specs = {name: option for role in sorted(roles) for name, option in specification(role).items()}
        return ReadPlaybook(tuple(QUOTED.sub("", each) for text in texts for each in _expressions(text)), specs)

    def _hint(self, path: str) -> str:
        there = sorted(str(file.relative_to(self.root)) for file in (self.root / path).parent.glob("*.yml"))
        return f"There are: {', '.join(there)}." if there else ""

    def _gather(self, file: Path, texts: list[str], roles: set[str]) -> None:
        text = file.read_text(encoding="utf-8")
        texts.append(text)
        for word in _values(yaml.load(text, _Loose), {"import_playbook", "role", "roles", "name", "vars_files"}):  # noqa: S506
            if word.endswith((".yml", ".yaml")) and (file.parent / word).is_file():
                self._gather(file.parent / word, texts, roles)
            elif word.startswith(OURS) and word.count(".") == 2:
                self._gather_ours(word[len(OURS) :], texts, roles)

    def _gather_ours(self, name: str, texts: list[str], roles: set[str]) -> None:
        role = self.root / "roles" / name
        if name in roles or not role.is_dir():
            return
        roles.add(name)
        for part in ("tasks", "templates", "vars", "handlers"):
            for file in sorted((role / part).rglob("*")):
                if file.is_file():
                    texts.append(file.read_text(encoding="utf-8", errors="replace"))


def _expressions(text: str) -> Iterator[str]:
    """Yield what of a playbook, a file of tasks or a template is evaluated."""
    yield from re.findall(r"{[{%].*?[}%]}", text, re.S)
    with suppress(yaml.YAMLError):
        yield from _bare(yaml.load(text, _Loose))  # noqa: S506 - a safe loader


def _bare(tree: Any, key: str = "") -> Iterator[str]:
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from _bare(value, str(name))
    elif isinstance(tree, list):
        for each in tree:
            yield from _bare(each, key)
    elif isinstance(tree, str) and key in BARE:
        yield tree


def _values(tree: Any, keys: set[str]) -> Iterator[str]:
    """Yield the strings under these keys, which may have a collection's name before them, anywhere in a playbook."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if str(key).rpartition(".")[2] in keys | {"import_role", "include_role"}:
                for each in value if isinstance(value, list) else [value]:
                    if isinstance(each, str):
                        yield each
            yield from _values(value, keys)
    elif isinstance(tree, list):
        for each in tree:
            yield from _values(each, keys)
