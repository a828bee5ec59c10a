# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""nginx as it is on this host: the program, its files, the package that they came with."""

from __future__ import annotations

import fnmatch
import glob
import hashlib
import os
import re
from typing import Any, Callable, Iterable

from ansible_collections.rampart.ops.plugins.module_utils.nginx.model import (
    Directive,
    NginxError,
    Server,
    http_directives,
    insert,
    is_default,
    parse,
    same_address,
    servers,
)

# Not every user's PATH has it.
PROGRAM_DIRECTORIES = ["/usr/sbin", "/usr/local/sbin"]


def read(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
        return stream.read()


class Host:
    def __init__(self, run_command: Callable[..., Any], get_bin_path: Callable[..., Any]) -> None:
        self.run = run_command
        self.program = get_bin_path("nginx", opt_dirs=PROGRAM_DIRECTORIES)
        self.dpkg = get_bin_path("dpkg-query")

    def describe(
        self, ours: list[str], policy: str, adopt: list[str], insertion: str, replaced: list[str], paths: list[str]
    ) -> dict[str, Any]:
        """What the module returns. Raises NginxError for what cannot be read, and for names that nothing has."""
        about = self.run([self.program, "-V"])[2] if self.program else ""
        found = re.search(r"--conf-path=(\S+)", about)
        conf = found.group(1) if found else "/etc/nginx/nginx.conf"
        pristine = [path for path in replaced if os.path.exists(path) and self._is_pristine(path)]
        main = self.configuration(conf) if os.path.exists(conf) else []
        blocks = [block for block in servers(main) if block.path not in pristine]
        managed = {path for path in _paths(main) if any(fnmatch.fnmatch(path, pattern) for pattern in ours)}
        foreign = [block for block in blocks if block.path not in managed]
        adopted = self._adopted(foreign, adopt) if self.program else []
        return {
            "version": _match(r"nginx version: \S+?/([\d.]+)", about),
            "openssl": _match(r"running with OpenSSL ([\d.]+)", about) or _match(r"built with OpenSSL ([\d.]+)", about),
            "servers": [
                {
                    "path": block.path,
                    "line": block.line,
                    "server_names": block.names,
                    "listen": block.listens,
                    "ours": block.path in managed,
                    "covered": block.path in managed or block in adopted or _includes(block, policy, insertion),
                }
                for block in blocks
            ],
            "default_listen": sorted(
                {same_address(listen) for block in foreign for listen in block.listens if is_default(listen)}
            ),
            "http_directives": sorted(
                {directive.name for directive in http_directives(main) if directive.path not in managed}
            ),
            "edits": self._edits(adopted, insertion),
            "pristine": pristine,
            "existing": [path for path in replaced + paths if os.path.lexists(path)],
        }

    def configuration(self, conf: str) -> list[Directive]:
        base = os.path.dirname(conf)

        def include(pattern: str) -> Iterable[tuple[str, str]]:
            # Like nginx: relative to its configuration, sorted, and without files that begin with a dot.
            for path in sorted(glob.glob(os.path.join(base, pattern))):
                if os.path.isfile(path):
                    yield path, read(path)

        found: list[Directive] = parse(read(conf), conf, include)
        return found

    def _adopted(self, foreign: list[Server], adopt: list[str]) -> list[Server]:
        unknown = {name for name in adopt if name != "*"} - {name for block in foreign for name in block.names}
        if unknown:
            known = sorted({name for block in foreign for name in block.names})
            raise NginxError(
                f"no server block outside of the role's own has the name {', '.join(sorted(unknown))}; "
                f"there are: {', '.join(known) or 'none'}"
            )
        return [block for block in foreign if "*" in adopt or set(block.names) & set(adopt)]

    def _edits(self, adopted: list[Server], insertion: str) -> list[dict[str, Any]]:
        offsets: dict[str, set[int]] = {}
        for block in adopted:
            # A file may be enabled under several names; what is edited is the file.
            offsets.setdefault(os.path.realpath(block.path), set()).add(block.opened)
        edits = []
        for path, places in sorted(offsets.items()):
            text, status = read(path), os.stat(path)
            # From the file without our lines: a block that is adopted no longer loses its own.
            clean = [place - len(insertion) * text.count(insertion, 0, place) for place in places]
            edits.append(
                {
                    "dest": path,
                    "content": insert(text.replace(insertion, ""), clean, insertion),
                    "inserted": insertion,
                    "mode": f"{status.st_mode & 0o7777:04o}",
                    "owner": str(status.st_uid),
                    "group": str(status.st_gid),
                }
            )
        return edits

    def _is_pristine(self, path: str) -> bool:
        real = os.path.realpath(path)
        if not self.dpkg:
            return False
        rc, owner, _error = self.run([self.dpkg, "--search", real])
        if rc != 0:
            return False
        package = owner.partition(":")[0]
        listing = self.run([self.dpkg, "--show", "--showformat=${Conffiles}\n", package])[1]
        expected = _match(rf"(?m)^ ?{re.escape(real)} ([0-9a-f]{{32}})\b", listing)
        with open(real, "rb") as stream:
            # dpkg's own choice of digest; it guards against nobody.
            return bool(expected) and hashlib.md5(stream.read()).hexdigest() == expected  # noqa: S324


def _match(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found.group(1) if found else ""


def _paths(main: list[Directive]) -> set[str]:
    return {directive.path for directive in http_directives(main)}


def _includes(block: Server, policy: str, insertion: str) -> bool:
    # A block that is adopted no longer still has its line, and soon has not.
    if insertion and insertion.split()[-1].rstrip(";") in block.includes:
        return False
    patterns = (policy, f"*/{policy}")
    return any(fnmatch.fnmatch(included, pattern) for included in block.includes for pattern in patterns)
