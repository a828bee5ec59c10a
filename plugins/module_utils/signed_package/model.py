# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Whether a package is wanted, and whether its signature is the trusted one. Pure: no files, processes or network."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

LATEST = "latest"

# What gpg reports beside VALIDSIG when a signature must not be trusted although the arithmetic is right.
DISTRUST = ("BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "NODATA", "FAILURE")


class SignedPackageError(Exception):
    """The package is not installed; the message says why, and what to do."""


class Record(NamedTuple):
    """Which version was installed, and by which signature file it was verified."""

    version: str
    signature: str


def fingerprint(text: str) -> str:
    """A fingerprint as gpg prints it: 40 digits without blanks. A key id is no fingerprint: it can be forged."""
    digits = re.sub(r"\s", "", text).upper()
    if not re.match(r"[0-9A-F]{40}$", digits):
        raise SignedPackageError(f"key_fingerprint must be the 40 hexadecimal digits of a primary key, got {text!r}")
    return digits


def digest(signature: bytes) -> str:
    """What a Record keeps of a signature file."""
    return hashlib.sha256(signature).hexdigest()


def is_version(installed: str | None, wanted: str) -> bool:
    """Whether a Debian version is the wanted one, which may be given without its revision."""
    return installed is not None and (installed == wanted or installed.startswith(wanted + "-"))


def up_to_date(installed: str | None, wanted: str, record: Record | None, signature: str | None) -> bool:
    """Whether nothing needs to be installed. For the latest version, the published signature tells that it is new."""
    if wanted != LATEST:
        return is_version(installed, wanted)
    return installed is not None and record is not None and record == Record(installed, signature or "")


def reject(status: str, returncode: int, trusted: str) -> str | None:
    """Why the signature that gpg has checked (its status lines) must be refused; None when it is good."""
    lines = [line.split()[1:] for line in status.splitlines() if line.startswith("[GNUPG:] ")]
    bad = [line for line in lines if line and line[0] in DISTRUST]
    valid = [line for line in lines if line and line[0] == "VALIDSIG"]
    good = [line for line in lines if line and line[0] == "GOODSIG"]
    if any(line[0] == "BADSIG" for line in bad):
        return "the signature is not of this file: it was changed, or is not complete"
    if any(line[0] in ("ERRSIG", "NODATA") for line in bad) and not valid:
        return f"no key with which to check the signature, or none in it: the trusted key is {trusted}"
    if bad or returncode != 0 or len(valid) != 1 or len(good) != 1:
        reported = ", ".join(line[0] for line in bad) or f"return code {returncode}"
        return f"gpg does not call the signature good ({reported})"
    primary = valid[0][-1]
    return None if primary == trusted else f"it was signed by {primary}, and the trusted key is {trusted}"


def refuse_contents(name: str, wanted: str, installed_is_newer: bool, package: str, version: str) -> str | None:
    """Why a package with a good signature is still not the one that was asked for."""
    if package != name:
        return f"the file holds the package {package}, not {name}"
    if wanted != LATEST and not is_version(version, wanted):
        return f"the file holds version {version}, not {wanted}"
    if wanted == LATEST and installed_is_newer:
        return f"it holds version {version}, older than what is installed: name that version to go back to it"
    return None
