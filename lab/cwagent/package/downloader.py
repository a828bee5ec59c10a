"""config-downloader: put a configuration part into amazon-cloudwatch-agent.d, marked .tmp until it is accepted."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from . import configuration, paths

DEFAULT_CONFIG = {
    "agent": {"run_as_user": "cwagent"},
    "metrics": {"metrics_collected": {"mem": {"measurement": ["mem_used_percent"]}}},
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="config-downloader", description="STAND-IN of the lab")
    parser.add_argument("--output-dir", type=Path, required=True)
    parser.add_argument("--download-source", required=True)
    parser.add_argument("--mode", default="ec2")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--multi-config", default="default", choices=["default", "append", "remove"])
    options = parser.parse_args()
    try:
        print(fetch(options.output_dir, options.download_source, options.mode, options.config, options.multi_config))
    except (configuration.ConfigError, OSError) as error:
        print(f"{error}\nFail to fetch the config!", file=sys.stderr)
        return 1
    return 0


def fetch(directory: Path, source: str, mode: str, common: Path, multi_config: str) -> str:
    """Fetch (or, for remove, delete) the part that source names."""
    credentials = configuration.common_config(common)
    kind, _, place = source.partition(":")
    if kind not in ("default", "file") or (kind == "file") != bool(place):
        raise configuration.ConfigError(f"E! downloadLocation {source} is malformated, or not known to the stand-in.")
    mode = configuration.detect_mode(mode)
    if kind != "default" and not configuration.detect_region(mode, credentials):
        raise configuration.ConfigError(
            "Unable to determine aws-region.\n"
            "E! Please make sure the credentials and region set correctly on your hosts."
        )
    for leftover in directory.glob(f"*{paths.TMP_SUFFIX}"):
        leftover.unlink()
    part = directory / (f"file_{re.sub('[/ :]', '_', Path(place).name)}" if place else "default")
    if multi_config == "remove":
        part.unlink()
        return f"Successfully removed the config file {part}"
    target = part.with_name(part.name + paths.TMP_SUFFIX)
    target.write_text(Path(place).read_text() if place else json.dumps(DEFAULT_CONFIG))
    return f"Successfully fetched the config and saved in {target}"
