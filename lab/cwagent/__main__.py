"""python -m lab.cwagent build --out DIR"""

from __future__ import annotations

import argparse
from pathlib import Path

from .builder import build


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lab.cwagent", description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("build", help="make the package mirror, unless it is up to date")
    command.add_argument("--out", type=Path, required=True, metavar="DIR")
    build(parser.parse_args().out)


if __name__ == "__main__":
    main()
