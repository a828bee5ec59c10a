# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""dpkg and apt: one function per thing done."""

from __future__ import annotations

from ansible_collections.rampart.ops.plugins.module_utils.signed_package.host import run
from ansible_collections.rampart.ops.plugins.module_utils.signed_package.model import SignedPackageError

SUFFIX = ".deb"
APT = ["apt-get", "--yes", "--quiet", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"]
KEEP_CONFFILES = ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]


def installed_version(name: str) -> str | None:
    done = run(["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", name])
    status, _space, version = done.output.partition(" ")
    return version if done.returncode == 0 and status == "installed" else None


def is_newer(left: str, right: str) -> bool:
    return bool(run(["dpkg", "--compare-versions", left, "gt", right]).returncode == 0)


def fields(package: str) -> tuple[str, str]:
    """Name and version that a package file says it has."""
    done = run(["dpkg-deb", "--show", "--showformat=${Package} ${Version}", package])
    name, _space, version = done.output.partition(" ")
    if done.returncode != 0:
        raise SignedPackageError(f"the file is no Debian package: {done.errors.strip()}")
    return name, version


def install(package: str) -> None:
    """Install a package (a name, or the path of a file); package lists are fetched only if it fails without."""
    command = [*APT, *KEEP_CONFFILES, "--allow-downgrades", "install", package]
    done = run(command)
    if done.returncode != 0 and run([*APT, "update"]).returncode == 0:
        done = run(command)
    if done.returncode != 0:
        raise SignedPackageError(f"apt-get could not install {package}: {(done.errors or done.output).strip()}")


def remove(name: str) -> None:
    done = run([*APT, "purge", name])
    if done.returncode != 0:
        raise SignedPackageError(f"apt-get could not remove {name}: {(done.errors or done.output).strip()}")


def install_gpg() -> None:
    install("gpg")
