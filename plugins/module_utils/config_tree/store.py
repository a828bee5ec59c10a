# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Reading and replacing files on the managed host, and the record of what was there before."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
from typing import Callable, Iterable, Mapping, NamedTuple

from ansible_collections.rampart.ops.plugins.module_utils.config_tree.model import (
    ConfigTreeError,
    Node,
    Tree,
    decode,
    encode,
)

# Gives a new file the security label that belongs to its final path: label(temporary, final).
Label = Callable[[str, str], None]


def read(path: str) -> Node | None:
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(status.st_mode):
        return Node("link", os.fsencode(os.readlink(path)), 0, 0, 0)
    if not stat.S_ISREG(status.st_mode):
        raise ConfigTreeError(f"{path} exists and is neither a regular file nor a symbolic link")
    with open(path, "rb") as stream:
        return Node("file", stream.read(), stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)


def read_all(root: str, paths: Iterable[str]) -> Tree:
    """The live tree. A parent directory that leads out of root is refused: the checker would not see that file."""
    real_root = os.path.realpath(root)
    tree: Tree = {}
    for path in paths:
        parent = os.path.realpath(os.path.dirname(path))
        if parent != real_root and not parent.startswith(real_root + "/"):
            raise ConfigTreeError(f"{path}: its directory is a symbolic link that leads out of {root}")
        tree[path] = read(path)
    return tree


def _temporary(path: str) -> str:
    # Hidden, so that no daemon's "include *.conf" or "*" picks it up; fixed, so that the next run finds leftovers.
    directory, base = os.path.split(path)
    return os.path.join(directory, f".{base}.rampart")


def _discard(path: str) -> None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(path)


def _fsync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_beside(path: str, node: Node, label: Label | None) -> None:
    temporary = _temporary(path)
    _discard(temporary)
    if node.kind == "link":
        os.symlink(os.fsdecode(node.data), temporary)
        return
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(node.data)
        os.fchown(descriptor, node.uid, node.gid)
        os.fchmod(descriptor, node.mode)
        stream.flush()
        os.fsync(descriptor)
    if label is not None:
        label(temporary, path)


def missing_directories(paths: Iterable[str]) -> list[str]:
    """The directories to be made for these files, parents first."""
    missing = set()
    for path in paths:
        directory = os.path.dirname(path)
        while not os.path.isdir(directory):
            missing.add(directory)
            directory = os.path.dirname(directory)
    return sorted(missing)


def remove_empty_directories(directories: Iterable[str]) -> list[str]:
    """Take out those that are empty; return those that must stay."""
    kept = []
    for directory in sorted(directories, reverse=True):
        try:
            os.rmdir(directory)
        except FileNotFoundError:
            pass
        except OSError:
            kept.append(directory)
    return sorted(kept)


def write_all(changes: Mapping[str, Node | None], label: Label | None = None) -> None:
    """Put every file in place, each by one rename, and only after all of them are safely on the disk."""
    current = ""
    try:
        for current in missing_directories(path for path, node in changes.items() if node):
            os.mkdir(current)
            os.chmod(current, 0o755)  # noqa: S103 - as all of /etc; secrets are guarded by the files' own modes
            if label is not None:
                label(current, current)
        for current, node in changes.items():
            if node is not None:
                _write_beside(current, node, label)
    except OSError as error:
        discard_leftovers(changes)
        raise ConfigTreeError(f"nothing was replaced: cannot write {current}: {error.strerror}") from error
    for path, node in changes.items():
        if node is None:
            _discard(path)
        else:
            os.rename(_temporary(path), path)
    for directory in sorted({os.path.dirname(path) for path in changes}):
        if os.path.isdir(directory):
            _fsync_directory(directory)


def discard_leftovers(paths: Iterable[str]) -> None:
    for path in paths:
        _discard(_temporary(path))


class Saved(NamedTuple):
    """A tree as it was, the directories that we made for what came after it, what was inserted into files, and which
    paths were taken away."""

    files: Tree
    directories: list[str]
    inserted: dict[str, str]
    removed: list[str]

    @property
    def exists(self) -> bool:
        return bool(self.files or self.directories)


class Record:
    """C(<state_dir>/<name>/): what was there before the set (manifest), and the way back from an open run (undo)."""

    def __init__(self, state_dir: str, name: str) -> None:
        self.base = state_dir
        self.name = name
        self.directory = os.path.join(state_dir, name)
        self._lock: int | None = None

    def open(self) -> None:
        """Create the directory and keep other runs for the same set out until this process ends."""
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        lock = os.open(os.path.join(self.directory, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise ConfigTreeError("another run is installing this set on this host right now") from error
        self._lock = lock

    def _load(self, directory: str, base: str) -> Saved:
        path = os.path.join(directory, base)
        try:
            with open(path, encoding="ascii") as stream:
                document = json.load(stream)
            inserted, removed = dict(document.get("inserted", {})), list(document.get("removed", []))
            return Saved(decode(document["files"]), list(document["directories"]), inserted, removed)
        except (FileNotFoundError, NotADirectoryError):
            return Saved({}, [], {}, [])
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigTreeError(
                f"{path} is damaged ({error}); it holds the files from before the set: restore it from a backup, "
                "or remove it to accept the present files as the originals"
            ) from error

    def _save(self, base: str, saved: Saved) -> None:
        path = os.path.join(self.directory, base)
        document = {**saved._asdict(), "files": encode(saved.files)}
        write_all({path: Node("file", json.dumps(document, sort_keys=True).encode("ascii"), 0o600, 0, 0)})

    def manifest(self) -> Saved:
        return self._load(self.directory, "manifest.json")

    def undo(self) -> Saved:
        return self._load(self.directory, "undo.json")

    def save_manifest(self, manifest: Saved) -> None:
        self._save("manifest.json", manifest)

    def save_undo(self, way_back: Saved) -> None:
        self._save("undo.json", way_back)

    def finish(self) -> None:
        _discard(os.path.join(self.directory, "undo.json"))

    def forget(self) -> None:
        self.finish()
        _discard(os.path.join(self.directory, "manifest.json"))

    def exists(self) -> bool:
        return any(os.path.exists(os.path.join(self.directory, base)) for base in ("manifest.json", "undo.json"))

    def close(self) -> None:
        """Let others in, and leave no trace of a set of which there is nothing to remember."""
        if self._lock is None:
            return
        if not self.exists():
            _discard(os.path.join(self.directory, "lock"))
            remove_empty_directories([self.directory])
        os.close(self._lock)
        self._lock = None

    def owners(self, paths: Iterable[str]) -> dict[str, str]:
        """Which of these paths belong to another set, and to which."""
        wanted = set(paths)
        found: dict[str, str] = {}
        others = os.listdir(self.base) if os.path.isdir(self.base) else []
        for other in sorted(others):
            if other != self.name:
                files = self._load(os.path.join(self.base, other), "manifest.json").files
                found.update(dict.fromkeys(wanted & set(files), other))
        return found
