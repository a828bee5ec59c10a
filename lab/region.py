"""The region's process: `python -m lab.aws` in the background, on loopback and on the hosts' bridge."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from lab.settings import MIRROR, STATE, LabError, endpoint, gateway, port

PID = STATE / "region.pid"
LOG = STATE / "region.log"
# A forgotten lab ends by itself: region and hosts.
LIFETIME = os.environ.get("LAB_LIFETIME", "12h")

# The shell outlives the server: when the lifetime is over (timeout's exit status 124) it takes the hosts down too.
SERVE = """
timeout --foreground "$1" "$2" -m lab.aws --host 127.0.0.1 --host "$3" --port "$4" --mirror "$5"
[ $? -ne 124 ] || "$2" -m lab down --all
"""


def healthy(timeout: float = 1.0) -> bool:
    """Whether a lab region answers on the lab's port (of this checkout or another)."""
    try:
        with urllib.request.urlopen(f"{endpoint()}/lab/health", timeout=timeout) as answer:  # noqa: S310 (own http URL)
            return bool(json.load(answer))
    except (OSError, ValueError, urllib.error.URLError):
        return False


def pid() -> int | None:
    """Process group of this checkout's region, None when it does not run."""
    try:
        group = int(PID.read_text())
        command = open(f"/proc/{group}/cmdline", "rb").read()  # noqa: PTH123, SIM115 (a line of /proc)
    except (OSError, ValueError):
        return None
    return group if b"lab.aws" in command else None


def start() -> bool:
    """Start the region unless it runs; return whether it was started.

    Raises LabError when the port is another program's or the region does not come up.
    """
    if pid() and healthy():
        return False
    stop()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port()))
        except OSError as error:
            raise LabError(
                f"port {port()} is taken by another program ({_holder() or error}): "
                "end it, or give the lab another one: LAB_PORT=5578 make ..."
            ) from error
    STATE.mkdir(exist_ok=True)
    with LOG.open("ab") as log:
        process = subprocess.Popen(
            ["sh", "-c", SERVE, "lab.aws", LIFETIME, sys.executable, gateway(), str(port()), str(MIRROR)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    PID.write_text(f"{process.pid}\n")
    deadline = time.monotonic() + 60
    while not healthy():
        if process.poll() is not None or time.monotonic() > deadline:
            tail = "\n".join(LOG.read_text(errors="replace").splitlines()[-15:])
            raise LabError(f"the region did not start; the end of {LOG}:\n{tail}")
        time.sleep(0.1)
    return True


def stop() -> None:
    """End this checkout's region and whatever hangs on it."""
    group = pid()
    if group:
        for signum in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(group, signum)
            except ProcessLookupError:
                break
            deadline = time.monotonic() + 5
            while _group_alive(group) and time.monotonic() < deadline:
                time.sleep(0.05)
    PID.unlink(missing_ok=True)


def _group_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    # A killed child of this very process stays visible until it is reaped.
    try:
        return os.waitpid(group, os.WNOHANG)[0] == 0
    except ChildProcessError:
        return True


def _holder() -> str:
    """Name of the program that listens on the lab's port, where ss can tell."""
    try:
        shown = subprocess.run(
            ["ss", "-Hltnp", f"sport = :{port()}"], capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        return ""
    return shown.partition("users:((")[2].partition("))")[0]
