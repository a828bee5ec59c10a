"""amazon-cloudwatch-agent-ctl: fetch, append or remove a configuration; start, stop, status."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys

from . import paths

CHANGES = {"fetch-config": "default", "append-config": "append", "remove-config": "remove"}


class CommandError(Exception):
    """A program that the command relies on failed; it has said why."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="amazon-cloudwatch-agent-ctl", description="STAND-IN of the lab")
    parser.add_argument("-a", dest="action", required=True, choices=["start", "stop", "status", "preun", *CHANGES])
    parser.add_argument("-m", dest="mode", default="ec2", choices=["ec2", "onPremise", "auto"])
    parser.add_argument("-c", dest="location", default="default")
    parser.add_argument("-s", dest="restart", action="store_true")
    options = parser.parse_args()
    try:
        if options.action in CHANGES:
            configure(options.location, options.mode, CHANGES[options.action])
            if options.restart:
                stop()
                start(options.mode)
        else:
            {"start": lambda: start(options.mode), "stop": stop, "status": status, "preun": preun}[options.action]()
    except CommandError:
        return 1
    return 0


def configure(location: str, mode: str, multi_config: str) -> None:
    """Fetch, translate, and only then accept the fetched part."""
    print("****** processing amazon-cloudwatch-agent ******")
    if location == "all":
        if multi_config != "remove":
            print('ignore cwa configuration "all" as it is only supported by action "remove-config"')
            return
        shutil.rmtree(paths.JSON_DIR)
        paths.JSON_DIR.mkdir()
    else:
        _run(
            "config-downloader", "--output-dir", paths.JSON_DIR, "--download-source", location,
            "--mode", mode, "--config", paths.COMMON_CONFIG, "--multi-config", multi_config,
        )  # fmt: skip
    if not any(paths.JSON_DIR.iterdir()):
        print("all amazon-cloudwatch-agent configurations have been removed")
        paths.TOML.unlink(missing_ok=True)
        return
    print("Start configuration validation...")
    _run(
        "config-translator", "--input", paths.JSON, "--input-dir", paths.JSON_DIR, "--output", paths.TOML,
        "--mode", mode, "--config", paths.COMMON_CONFIG, "--multi-config", multi_config,
    )  # fmt: skip
    _run("amazon-cloudwatch-agent", "-schematest", "-config", paths.TOML)
    print("Configuration validation succeeded")
    paths.TOML.chmod(0o664)
    if multi_config == "default":
        paths.JSON.unlink(missing_ok=True)
        for part in paths.JSON_DIR.iterdir():
            if part.suffix != paths.TMP_SUFFIX:
                part.unlink()
    for part in paths.JSON_DIR.glob(f"*{paths.TMP_SUFFIX}"):
        part.replace(part.with_suffix(""))


def start(mode: str) -> None:
    """Start and enable the unit; an agent without a configuration gets the default one first."""
    if running():
        print("amazon-cloudwatch-agent has already been started")
        return
    if not paths.TOML.exists():
        print("amazon-cloudwatch-agent is not configured. Applying amazon-cloudwatch-agent default configuration.")
        configure("default", mode, "default")
    for verb in (["daemon-reload"], ["enable", paths.UNIT], ["restart", paths.UNIT]):
        _run("/usr/bin/systemctl", *verb)


def stop() -> None:
    if not running():
        print("amazon-cloudwatch-agent has already been stopped")
        return
    _run("/usr/bin/systemctl", "stop", paths.UNIT)


def preun() -> None:
    """What the package runs before it is removed."""
    stop()
    for verb in (["disable", paths.UNIT], ["daemon-reload"], ["reset-failed"]):
        _run("/usr/bin/systemctl", *verb)


def status() -> None:
    started = subprocess.run(
        ["/usr/bin/systemctl", "show", "--property=ActiveEnterTimestamp", "--value", paths.UNIT],
        stdout=subprocess.PIPE, text=True, check=False,
    ).stdout.strip()  # fmt: skip
    state = {
        "status": "running" if running() else "stopped",
        "starttime": started if running() else "",
        "configstatus": "configured" if paths.TOML.exists() else "not configured",
        "version": paths.version(),
    }
    print(json.dumps(state, indent=2))


def running() -> bool:
    return subprocess.run(["/usr/bin/systemctl", "is-active", "--quiet", paths.UNIT], check=False).returncode == 0


def _run(program: object, *arguments: object) -> None:
    sys.stdout.flush()
    if subprocess.run([str(paths.BIN / str(program)), *map(str, arguments)], check=False).returncode != 0:
        raise CommandError(program)
