# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""rpm and dnf: one function per thing done."""

from __future__ import annotations

import shutil

from ansible_collections.rampart.ops.plugins.module_utils.signed_package.host import run
from ansible_collections.rampart.ops.plugins.module_utils.signed_package.model import SignedPackageError

SUFFIX = ".rpm"
VERSION = "%{VERSION}-%{RELEASE}"


def installed_version(name: str) -> str | None:
    done = run(["rpm", "--query", "--queryformat", VERSION, name])
    return done.output if done.returncode == 0 else None


def is_newer(left: str, right: str) -> bool:
    """By rpm's own comparison. Versions come from packages: none that could end the string gets into the program."""
    for version in (left, right):
        if not all(character.isalnum() or character in "._-+~^" for character in version):
            raise SignedPackageError(f"{version!r} is no version of a package")
    answer: str = run(["rpm", "--eval", f"%{{lua:print(rpm.vercmp('{left}', '{right}'))}}"]).output
    return answer.strip() == "1"


def fields(package: str) -> tuple[str, str]:
    """Name and version that a package file says it has. Its detached signature has been checked; rpm checks digests."""
    done = run(["rpm", "--query", "--nosignature", "--queryformat", "%{NAME} " + VERSION, "--package", package])
    name, _space, version = done.output.partition(" ")
    if done.returncode != 0:
        raise SignedPackageError(f"the file is no RPM package: {(done.errors or done.output).strip()}")
    return name, version


def install(package: str) -> None:
    """Install a package file, also an older one. AWS signs the file, not always the package inside."""
    done = run(["rpm", "--upgrade", "--oldpackage", "--nosignature", package])
    if done.returncode != 0:
        raise SignedPackageError(f"rpm could not install {package}: {(done.errors or done.output).strip()}")


def remove(name: str) -> None:
    done = run(["rpm", "--erase", name])
    if done.returncode != 0:
        raise SignedPackageError(f"rpm could not remove {name}: {(done.errors or done.output).strip()}")


def install_gpg() -> None:
    manager = "dnf" if shutil.which("dnf") else "yum"
    done = run([manager, "--assumeyes", "--quiet", "install", "gnupg2"])
    if done.returncode != 0:
        raise SignedPackageError(f"{manager} could not install gnupg2: {(done.errors or done.output).strip()}")
