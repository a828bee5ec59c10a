# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Real fail2ban servers for tests: the packages of Debian 12 and 13, unpacked, with jails that touch no firewall."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[3]
CACHE = REPO / ".cache/fail2ban"
# The older fail2ban needs a module that Python 3.12 has not.
SUITES = ["bookworm", "trixie"] if sys.version_info < (3, 12) else ["trixie"]

LOCAL = """
[Definition]
logtarget = {home}/fail2ban.log
socket = {home}/fail2ban.sock
pidfile = {home}/fail2ban.pid
dbfile = {dbfile}
"""
JAILS = """
[DEFAULT]
backend = polling
usedns = no
banaction = nothing
action = nothing
filter = attack
logpath = {home}/attacks.log
bantime = 600
maxretry = 100

[short]
enabled = true

[forever]
enabled = true
bantime = -1
"""


def mirror() -> str:
    """The Debian mirror that the lab was given, else the one that this machine's own packages come from."""
    if given := os.environ.get("LAB_DEBIAN_MIRROR"):
        return given
    listing = ["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Origin: Debian"]
    for line in subprocess.run(listing, check=True, capture_output=True, text=True).stdout.splitlines():
        codename, uri = line.split()
        if "-" not in codename:  # not updates, security or backports
            return uri
    raise AssertionError("this machine has no Debian mirror: set LAB_DEBIAN_MIRROR")


def package(suite: str) -> Path:
    """fail2ban of a Debian release, unpacked once into the cache."""
    root = CACHE / suite
    if not (root / "usr/bin/fail2ban-server").exists():
        apt = CACHE / f"apt-{suite}"
        (apt / "lists/partial").mkdir(parents=True, exist_ok=True)
        keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
        (apt / "sources.list").write_text(f"deb [signed-by={keyring}] {mirror()} {suite} main\n")
        options = {
            "Dir::Etc::SourceList": apt / "sources.list",
            "Dir::Etc::SourceParts": "-",
            "Dir::State::Lists": apt / "lists",
            "Dir::Cache": apt,
            "APT::Sandbox::User": "root",
        }
        command = ["apt-get", "-qq", *(f"-o{key}={value}" for key, value in options.items())]
        subprocess.run([*command, "update"], check=True, cwd=apt, timeout=300)
        subprocess.run([*command, "download", "fail2ban"], check=True, cwd=apt, timeout=300)
        (archive,) = apt.glob("fail2ban_*.deb")
        unpacked = CACHE / f"{suite}.new"
        subprocess.run(["dpkg-deb", "-x", archive, unpacked], check=True)
        shutil.rmtree(root, ignore_errors=True)
        unpacked.rename(root)
        shutil.rmtree(apt)
    return root


class Fail2ban:
    """A running server of its own, below one directory."""

    def __init__(self, home: Path, suite: str, dbfile: str | None = None) -> None:
        self.home = home
        self.socket = home / "fail2ban.sock"
        self._package = package(suite)
        self._env = {**os.environ, "PYTHONPATH": f"{self._package}/usr/lib/python3/dist-packages"}
        home.mkdir(parents=True)
        (home / "attacks.log").touch()
        config = home / "etc"
        shutil.copytree(self._package / "etc/fail2ban", config)
        for shipped in (config / "jail.d").iterdir():
            shipped.unlink()
        (config / "fail2ban.local").write_text(LOCAL.format(home=home, dbfile=dbfile or home / "bans.sqlite3"))
        (config / "jail.local").write_text(JAILS.format(home=home))
        (config / "filter.d/attack.conf").write_text("[Definition]\nfailregex = ^attack by <HOST>$\n")
        (config / "action.d/nothing.conf").write_text("[Definition]\nactionban =\nactionunban =\n")
        self.start()

    def start(self) -> None:
        self._run("server", "-xb", "start")
        self.client("ping")

    def client(self, *arguments: str) -> str:
        return self._run("client", *arguments)

    def stop(self) -> None:
        if self.socket.exists():
            self.client("stop")
            for _ in range(100):
                if not self.socket.exists():
                    return
                time.sleep(0.1)

    def _run(self, program: str, *arguments: str) -> str:
        command = [sys.executable, f"{self._package}/usr/bin/fail2ban-{program}", "-c", f"{self.home}/etc", *arguments]
        done = subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
