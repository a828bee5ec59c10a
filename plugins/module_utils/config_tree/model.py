# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What a set of configuration files is, and how two states of it differ. Pure: no files, no processes, no clock."""

from __future__ import annotations

import base64
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional


class ConfigTreeError(Exception):
    """The set cannot be installed; the message names the file or command and what to do."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details


class Node(NamedTuple):
    """A regular file, or (kind ``link``) a symbolic link whose target is in C(data)."""

    kind: str
    data: bytes
    mode: int
    uid: int
    gid: int


# What is, or shall be, at a path; None is "nothing".
Tree = Dict[str, Optional[Node]]
Command = List[str]


def encode(tree: Mapping[str, Node | None]) -> dict[str, Any]:
    return {
        path: node and dict(node._asdict(), data=base64.b64encode(node.data).decode("ascii"))
        for path, node in tree.items()
    }


def decode(document: Mapping[str, Any]) -> Tree:
    return {
        path: node and Node(**dict(node, data=base64.b64decode(node["data"], validate=True)))
        for path, node in document.items()
    }


def commands(option: str, value: list[Any] | None) -> list[Command]:
    """Normalise one command, or a list of commands, to a list of argument lists."""
    if not value:
        return []
    nested = [value] if not isinstance(value[0], list) else value
    for argv in nested:
        if not isinstance(argv, list) or not argv or not all(isinstance(word, (str, int)) for word in argv):
            raise ConfigTreeError(
                f"{option}: expected one command as a list of words, or a list of such commands, got {argv!r}"
            )
    return [[str(word) for word in argv] for argv in nested]


def check_paths(root: str, paths: Iterable[str]) -> None:
    """Refuse, before anything is touched, paths that are relative, doubled, nested in one another or outside root."""
    if not _is_plain(root) or root == "/":
        raise ConfigTreeError(f"root: {root!r} is not a plain absolute directory path")
    seen = set()
    for path in paths:
        if not _is_plain(path):
            raise ConfigTreeError(f"{path!r} is not a plain absolute path (no '..', '//' or trailing '/')")
        if not path.startswith(root + "/"):
            raise ConfigTreeError(f"{path} lies outside root {root}, so it could not be checked before it is live")
        if path in seen:
            raise ConfigTreeError(f"{path} is listed twice")
        seen.add(path)
    for path in seen:
        parent = path.rpartition("/")[0]
        while parent != root:
            if parent in seen:
                raise ConfigTreeError(f"{parent} cannot be a file: {path} lies in it")
            parent = parent.rpartition("/")[0]


def _is_plain(path: str) -> bool:
    parts = path.split("/")
    return len(parts) > 1 and parts[0] == "" and all(part not in ("", ".", "..") for part in parts[1:])


def target(
    desired: Mapping[str, Node | None],
    originals: Mapping[str, Node | None],
    live: Mapping[str, Node | None],
    inserted: Mapping[str, str],
    removed: Iterable[str] = (),
) -> Tree:
    """What each path shall hold: what is declared, or for paths that are managed no longer, what was there before.

    A file with C(inserted) text belongs to the administrator, who may have edited it since: it only loses that text.
    What is at a path that was taken away (C(removed)) is his too: it came later.
    """
    theirs = {path for path in removed if live.get(path)}
    wanted: Tree = {path: node for path, node in originals.items() if path not in desired and path not in theirs}
    for path in set(wanted) & set(inserted):
        node = live[path]
        text = inserted[path].encode("utf-8", "surrogateescape")
        wanted[path] = node and node._replace(data=node.data.replace(text, b""))
    wanted.update(desired)
    return wanted


def difference(live: Mapping[str, Node | None], wanted: Mapping[str, Node | None]) -> Tree:
    return {path: wanted[path] for path in sorted(wanted) if live[path] != wanted[path]}


def render_diff(live: Mapping[str, Node | None], changes: Mapping[str, Node | None]) -> list[dict[str, str]]:
    """One before/after pair per changed file, in the form that ``--diff`` prints."""
    entries = []
    for path, node in changes.items():
        before = live[path]
        same_content = before is not None and node is not None and before[:2] == node[:2]
        entries.append(
            {
                "before_header": f"{path} ({_attributes(before)})",
                "after_header": f"{path} ({_attributes(node)})",
                "before": _attributes(before) + "\n" if same_content else _text(before),
                "after": _attributes(node) + "\n" if same_content else _text(node),
            }
        )
    return entries


def _attributes(node: Node | None) -> str:
    if node is None:
        return "absent"
    if node.kind == "link":
        return "symbolic link"
    return f"mode {node.mode:04o}, owner {_owner(node.uid)}, group {_owner(node.gid)}"


def _owner(number: int) -> str:
    return str(number) if number >= 0 else "to be created"


def _text(node: Node | None) -> str:
    if node is None:
        return ""
    if node.kind == "link":
        return f"-> {node.data.decode('utf-8', 'replace')}\n"
    if not node.mode & 0o004:  # what others may not read on the host is not for a log either
        return f"(not shown: mode {node.mode:04o}, {len(node.data)} bytes)\n"
    try:
        return node.data.decode("utf-8")
    except UnicodeDecodeError:
        return f"(binary, {len(node.data)} bytes)\n"


def blame(paths: Iterable[str], output: str) -> list[str]:
    """The changed files that a checker's output names; all of them when it names none."""
    every = list(paths)
    return [path for path in every if path in output] or every
