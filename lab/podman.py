"""podman under the lab's own configuration; as root by sudo where the caller is not root (bridges need it)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Any

from lab.settings import ROOT, LabError

CONFIG = ROOT / "lab" / "containers.conf"


def as_root() -> list[str]:
    """The words to put before a command that needs root.

    Raises LabError when there is neither root nor sudo.
    """
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        raise LabError("the lab's hosts need root: run as root, or install sudo and allow it for this user")
    return ["sudo"]


def podman(*args: str, check: bool = True, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run one podman command.

    Args:
        args: words after "podman".
        check: raise LabError with podman's own message when it fails.
        stdin: bytes for its standard input.
    """
    if shutil.which("podman") is None:
        raise LabError("podman is not installed: run 'make setup'")
    command = [*as_root(), "env", f"CONTAINERS_CONF={CONFIG}", "podman", *args]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False)
    if check and done.returncode:
        raise LabError(f"podman {' '.join(args[:2])} failed: {done.stderr.decode(errors='replace').strip()}")
    return done


def listing(*args: str) -> list[dict[str, Any]]:
    """The JSON answer of a podman listing command."""
    done = podman(*args, "--format", "json")
    found: list[dict[str, Any]] = json.loads(done.stdout or b"null") or []
    return found
