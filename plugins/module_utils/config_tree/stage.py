# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Running commands, and running a checker against a tree that only the checker sees.

The new files are laid over the live directory in a mount namespace of a child process: the checker finds them at their
final paths, with every relative include and permission as it will be, while the daemon and everybody else still see
the old ones. When the child ends, the kernel drops the whole stage.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from typing import Any, Callable, NamedTuple, NoReturn

from ansible_collections.rampart.ops.plugins.module_utils.config_tree.model import Command

CLONE_NEWNS = 0x00020000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000

# No checker or reload takes this long; one that waits for input must not hold the play for ever.
COMMAND_SECONDS = 120


class Outcome(NamedTuple):
    argv: list[str]
    rc: int
    output: str

    @property
    def command(self) -> str:
        """How to speak of it: a script or a document that is passed as a word is not for reading."""
        return " ".join("..." if len(word) > 80 else word for word in self.argv)


def environment() -> dict[str, str]:
    # Daemons live in sbin, which is not on every login's PATH; messages are searched, so they are in one language.
    path = os.environ.get("PATH", os.defpath)
    return dict(os.environ, LC_ALL="C", PATH=path + ":/usr/local/sbin:/usr/sbin:/sbin")


def available(argv: Command) -> bool:
    return shutil.which(argv[0], path=environment()["PATH"]) is not None


def run(argv: Command, seconds: int = COMMAND_SECONDS) -> Outcome:
    try:
        done = subprocess.run(
            argv,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        text = (error.stdout or b"").decode("utf-8", "replace")
        return Outcome(argv, 124, f"{text}\n(stopped after {seconds} s)")
    except OSError as error:
        return Outcome(argv, 127, f"{argv[0]}: {error.strerror}")
    return Outcome(argv, done.returncode, done.stdout.decode("utf-8", "replace").strip())


def run_until_failure(commands: list[Command]) -> Outcome | None:
    """The first command that fails, or None."""
    for argv in commands:
        outcome = run(argv)
        if outcome.rc != 0:
            return outcome
    return None


class CannotStage(Exception):
    """This host does not let us lay a private tree over the root (no privilege, no overlay, root missing)."""


def checked_on_stage(root: str, populate: Callable[[], None], commands: list[Command]) -> Outcome | None:
    """Run the commands while C(populate) has changed C(root) for them alone; return the first that fails."""
    real_root = os.path.realpath(root)
    if not os.path.isdir(real_root):
        raise CannotStage(f"{root} does not exist")
    workspace = tempfile.mkdtemp(prefix="rampart-stage-", dir="/run" if os.access("/run", os.W_OK) else None)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _report(writer, lambda: _stage(real_root, workspace), populate, commands)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        answer = stream.read()
    os.waitpid(child, 0)
    os.rmdir(workspace)
    report = json.loads(answer.decode("ascii")) if answer else {"cannot": "the staging process died"}
    if "cannot" in report:
        raise CannotStage(report["cannot"])
    return Outcome(*report["failed"]) if report["failed"] else None


def _report(writer: int, stage: Callable[[], None], populate: Callable[[], None], commands: list[Command]) -> NoReturn:
    """The child's whole life. It must never return into the module, whose output and clean-up belong to the parent."""
    report: dict[str, Any] = {}
    try:
        stage()
        populate()
        report = {"failed": run_until_failure(commands)}
    except BaseException as error:  # whatever it was, the parent decides
        report = {"cannot": f"{type(error).__name__}: {error}"}
    finally:
        try:
            payload = json.dumps(report).encode("ascii")
            while payload:
                payload = payload[os.write(writer, payload) :]
        finally:
            os._exit(0)


def _stage(root: str, workspace: str) -> None:
    """Give this process a private view in which root can be written without touching the real one."""
    import ctypes  # a minimal Python lacks it; the caller then falls back

    libc = ctypes.CDLL(None, use_errno=True)

    def call(what: str, rc: int) -> None:
        if rc != 0:
            raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")

    def mount(source: str, where: str, kind: str = "", flags: int = 0, options: str = "") -> None:
        arguments = [os.fsencode(word) or None for word in (source, where, kind)]
        call(f"mount {where}", libc.mount(*arguments, ctypes.c_ulong(flags), os.fsencode(options) or None))

    below = _mounts_below(root)
    call("unshare", libc.unshare(CLONE_NEWNS))
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    mount("tmpfs", workspace, "tmpfs", options="mode=0700")
    for part in ("lower", "upper", "work"):
        os.mkdir(os.path.join(workspace, part))
    # The upper directory becomes what others see as root: a daemon's checker may run as another user.
    status = os.stat(root)
    os.chown(os.path.join(workspace, "upper"), status.st_uid, status.st_gid)
    os.chmod(os.path.join(workspace, "upper"), status.st_mode & 0o7777)
    # Through a bind mount, because a path cannot be quoted inside the option string.
    lower = os.path.join(workspace, "lower")
    mount(root, lower, flags=MS_BIND | MS_REC)
    options = f"lowerdir={workspace}/lower,upperdir={workspace}/upper,workdir={workspace}/work"
    mount("overlay", root, "overlay", options=options)
    # An overlay shows what lies under its lower directory's mount points: put those mounts (/etc/resolv.conf in a
    # container, for one) back on top.
    for path in below:
        mount(lower + path[len(root) :], path, flags=MS_BIND)


def _mounts_below(root: str) -> list[str]:
    found = []
    with open("/proc/self/mountinfo", "rb") as stream:
        for line in stream:
            # Spaces and backslashes are written as octal escapes.
            path = line.split()[4].decode("unicode_escape").encode("latin-1")
            found.append(os.fsdecode(path))
    return sorted({path for path in found if path.startswith(root + "/")})
