"""start-amazon-cloudwatch-agent, what the unit runs as root: translate, give the folders to run_as_user, become it."""

from __future__ import annotations

import os
import pwd
import stat
import sys
from pathlib import Path

from . import configuration, paths, translator


def main() -> int:
    if not any(part.suffix != paths.TMP_SUFFIX for part in paths.JSON_DIR.iterdir()):
        return 0  # like the real one: without a configuration there is nothing to run
    try:
        translator.translate(paths.JSON_DIR, paths.TOML, "auto", paths.COMMON_CONFIG, "remove")
        config = configuration.merge(configuration.read_parts(paths.JSON_DIR, "remove"))
        become(configuration.run_as_user(config))
    except (configuration.ConfigError, KeyError, OSError) as error:
        print(f"E! Cannot start: {error}", file=sys.stderr)
        return 1
    agent = str(paths.BIN / "amazon-cloudwatch-agent")
    pidfile = str(paths.VAR / "amazon-cloudwatch-agent.pid")
    return os.execv(agent, [agent, "-config", str(paths.TOML), "-pidfile", pidfile])  # noqa: S606


def become(user: str) -> None:
    """Own the writable folders and change to user with all its groups."""
    account = pwd.getpwnam(user)
    for top in (paths.LOGS, paths.ETC, paths.VAR):
        for path in (top, *top.rglob("*")):
            _own(path, account.pw_uid, account.pw_gid)
    if user != "root":
        os.initgroups(user, account.pw_gid)
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
        os.environ["HOME"] = account.pw_dir


def _own(path: Path, uid: int, gid: int) -> None:
    """Change the owner, but never of links, of executables, or of what everybody may write."""
    mode = path.lstat().st_mode
    if not stat.S_ISLNK(mode) and not (stat.S_ISREG(mode) and mode & 0o6113):
        os.chown(path, uid, gid)
