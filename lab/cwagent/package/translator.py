"""config-translator: merge the parts, check them, write what the agent reads. Exit code 1 and a reason otherwise."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from . import configuration, paths


def main() -> int:
    parser = argparse.ArgumentParser(prog="config-translator", description="STAND-IN of the lab")
    parser.add_argument("-os", "--os", default="linux")
    for option in ("input", "input-dir", "output", "config"):
        parser.add_argument(f"-{option}", f"--{option}", type=Path)
    parser.add_argument("-mode", "--mode", default="ec2")
    parser.add_argument("-multi-config", "--multi-config", default="remove", choices=["default", "append", "remove"])
    options = parser.parse_args()
    try:
        translate(options.input_dir, options.output, options.mode, options.config, options.multi_config)
    except configuration.ConfigError as error:
        print(error, file=sys.stderr)
        print(
            f"Configuration validation first phase failed. Agent version: {paths.version()}. "
            "Verify the JSON input is only using features supported by this version.",
            file=sys.stderr,
        )
        return 1
    return 0


def translate(input_dir: Path, output: Path, mode: str, common: Path | None, multi_config: str) -> None:
    """Write the merged configuration. The stand-in's .toml is a comment and JSON: only the stand-in reads it."""
    credentials = configuration.common_config(common) if common else {}
    proxy = configuration.common_config(common, "proxy") if common else {}
    mode = configuration.detect_mode(mode)
    config = configuration.merge(configuration.read_parts(input_dir, multi_config))
    configuration.check(config)
    user = configuration.run_as_user(config)
    if mode == "onPremise" and os.geteuid() == 0 and user != "root" and "shared_credential_file" not in credentials:
        raise configuration.ConfigError("E! Credentials path is not set while runasuser is not root")
    region = config.get("agent", {}).get("region") or configuration.detect_region(mode, credentials)
    if not region:
        raise configuration.ConfigError(f"Region info is missing for mode: {mode}")
    name, file = configuration.profile(mode, credentials)
    runtime = {"mode": mode, "region": region, "profile": name, "shared_credential_file": str(file) if file else ""}
    output.write_text("# STAND-IN: JSON, not TOML\n" + json.dumps({"runtime": runtime, "config": config}, indent=1))
    output.with_name("env-config.json").write_text(
        json.dumps({name.upper(): value for name, value in proxy.items() if value}) + "\n"
    )
