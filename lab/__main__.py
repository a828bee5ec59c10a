"""The lab from the shell: python -m lab up | down | status | clean."""

from __future__ import annotations

import argparse
import fcntl
import subprocess
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from lab import fleet, images, region
from lab.settings import DEFAULT_ACCOUNT, REGION, ROOT, STATE, LabError, endpoint


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start the region and a fleet; mend what is missing")
    up.add_argument("--account", default=DEFAULT_ACCOUNT, help="AWS account of the fleet (default: %(default)s)")
    up.add_argument("--fleet", type=Path, default=ROOT / "lab" / "fleet.yml", help="file that declares its hosts")
    down = commands.add_parser("down", help="remove one account's hosts; the region ends with its last host")
    down.add_argument("--account", default=DEFAULT_ACCOUNT)
    down.add_argument("--all", action="store_true", help="the hosts of every account")
    commands.add_parser("status", help="show what is up; exit status 1 unless region and hosts all are")
    commands.add_parser("clean", help="down --all, and remove the images that no other lab uses")
    given = parser.parse_args()
    try:
        if given.command == "status":
            return status()
        STATE.mkdir(exist_ok=True)
        with (STATE / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # one at a time: another account's end must not meet this one's start
            if given.command == "up":
                fleet.up(given.account, given.fleet.resolve())
            else:
                fleet.down(None if given.command == "clean" or given.all else given.account)
            if given.command == "clean":
                images.remove_unused()
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        print(f"lab: the region answers: {error} (its log: {region.LOG})", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"lab: {error.cmd[0]} failed with exit status {error.returncode}", file=sys.stderr)
        return 1
    return 0


def status() -> int:
    """Print the region and the hosts; return the exit status."""
    alive = region.healthy()
    print(f"{'region ' + REGION:28} {endpoint():24} {'up' if alive else 'down'}")
    well = alive
    mine = fleet.containers()
    for container in sorted(mine, key=lambda item: (item.account, item.host)):
        reachable = container.running and fleet.answers(container.address, 22)
        well = well and reachable
        label = f"{container.account}/{container.host}"
        print(f"{label:28} {container.address:24} {'up' if reachable else 'down'} ({container.state})")
    if not mine:
        print("no hosts: make lab-up")
    return 0 if well and mine else 1


if __name__ == "__main__":
    sys.exit(main())
