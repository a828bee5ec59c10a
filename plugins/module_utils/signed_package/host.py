# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What is alike on every distribution: downloads, gpg, the record of what was verified."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.error import HTTPError, URLError

from ansible.module_utils.urls import open_url
from ansible_collections.rampart.ops.plugins.module_utils.signed_package.model import Record, SignedPackageError

TRIES = 3
SMALL = 1 << 20  # neither a key nor a signature is longer


class Result(NamedTuple):
    returncode: int
    output: str
    errors: str


def run(command: list[str]) -> Result:
    environment: dict[str, str] = dict(os.environ, LC_ALL="C", DEBIAN_FRONTEND="noninteractive")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=environment, check=False)
    return Result(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


def fetch(url: str, path: str, timeout: int) -> None:
    """Download url to path. A server's final answer is final; anything transient is tried again."""
    for attempt in range(TRIES):
        try:
            with open_url(url, timeout=timeout) as reply, open(path, "wb") as target:
                shutil.copyfileobj(reply, target)
            return
        except HTTPError as error:
            reason, transient = f"HTTP {error.code} {error.reason}", error.code >= 500 or error.code == 429
        except (URLError, OSError, ValueError) as error:
            cause = getattr(error, "reason", error)
            reason, transient = str(cause), not isinstance(cause, (FileNotFoundError, ValueError))
        if not transient or attempt == TRIES - 1:
            break
        time.sleep(2**attempt)
    raise SignedPackageError(f"{url} could not be downloaded: {reason}")


def fetch_small(url: str, timeout: int) -> bytes:
    with tempfile.NamedTemporaryFile() as target:
        fetch(url, target.name, timeout)
        with open(target.name, "rb") as source:
            return source.read(SMALL)


def verify(package: str, signature: str, key: str, install_gpg: Callable[[], None]) -> tuple[str, int]:
    """What gpg says of the signature (its status lines and return code), knowing the keys of one file only."""
    if shutil.which("gpg") is None:
        install_gpg()
    home = tempfile.mkdtemp(prefix="rampart-gpg-")
    try:
        gpg = ["gpg", "--homedir", home, "--batch", "--no-tty", "--no-options", "--no-autostart", "--status-fd", "1"]
        # Not by its return code: gpg also wants to talk to an agent, which a host that only verifies does not have.
        imported = run([*gpg, "--import", key])
        if "[GNUPG:] IMPORT_OK " not in imported.output:
            raise SignedPackageError(f"the downloaded key cannot be read: {imported.errors.strip()}")
        checked = run([*gpg, "--trust-model", "always", "--verify", signature, package])
        return checked.output, checked.returncode
    finally:
        shutil.rmtree(home, ignore_errors=True)


def read_record(path: str) -> Record | None:
    try:
        with open(path) as source:
            stored = json.load(source)
        return Record(stored["version"], stored["signature"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_record(path: str, record: Record) -> None:
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    fresh = path + ".new"
    with open(fresh, "w") as target:
        json.dump(record._asdict(), target)
    os.replace(fresh, path)
