"""Reading, merging and checking the agent's configuration as the real translator does it."""

from __future__ import annotations

import configparser
import json
import os
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from . import paths, schema

Config = dict[str, Any]

DEFAULT_PROFILE = "AmazonCloudWatchAgent"
IMDS = "http://169.254.169.254/latest"
MODES = ("ec2", "onPremise", "onPrem", "auto")
# Sections that the real agent merges key by key; everything else may be said once only, or equally. journald is
# not among them: two parts that both collect from the journal are a conflict.
MERGED = {
    "/agent",
    "/logs",
    "/logs/logs_collected",
    "/logs/logs_collected/files",
    "/logs/metrics_collected",
    "/metrics",
    "/metrics/metrics_collected",
    "/traces",
    "/traces/traces_collected",
}
APPENDED = {"/logs/logs_collected/files/collect_list", "/metrics/metrics_collected/procstat"}


class ConfigError(Exception):
    """The configuration cannot be used; the message says where and why."""


def read_parts(directory: Path, multi_config: str) -> list[Config]:
    """Parts in directory: the fetched ones (.tmp) for default, all for append, the accepted ones for remove."""
    chosen: dict[str, Path] = {}
    for path in sorted(directory.iterdir()):
        fetched = path.suffix == paths.TMP_SUFFIX
        if path.is_file() and (fetched if multi_config == "default" else multi_config == "append" or not fetched):
            chosen[path.name.removesuffix(paths.TMP_SUFFIX)] = path
    if not chosen:
        raise ConfigError("No agent's json config was found.")
    return [_load(path) for path in chosen.values()]


def merge(parts: list[Config]) -> Config:
    """One configuration out of several; two different values for one key are refused."""
    result: Config = {}
    for part in parts:
        _merge(part, result, "")
    return result


def check(config: Config) -> None:
    """Refuse what AWS's own schema refuses, and what cannot run on Linux."""
    problems = schema.errors(config, json.loads(paths.SCHEMA.read_text()))
    if "windows_events" in config.get("logs", {}).get("logs_collected", {}):
        problems.append("/logs/logs_collected/windows_events: not on Linux")
    if problems:
        raise ConfigError("\n".join(["E! Invalid Json input schema.", *problems]))


def common_config(path: Path, section: str = "credentials") -> dict[str, str]:
    """A section of common-config.toml."""
    try:
        parsed = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"E! Failed to parse common-config file {path} with error: {error}") from error
    return {key: str(value) for key, value in parsed.get(section, {}).items()}


def detect_mode(mode: str) -> str:
    """ec2 or onPremise; auto asks the instance metadata service."""
    if mode not in MODES:
        raise ConfigError(f"Invalid mode: {mode}")
    if mode == "auto":
        return "ec2" if imds_region() else "onPremise"
    return "onPremise" if mode == "onPrem" else mode


def imds_region() -> str:
    """Region by the instance metadata service, or nothing where there is none."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        request = urllib.request.Request(  # noqa: S310 - a constant http address
            f"{IMDS}/api/token", method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"}
        )
        token = opener.open(request, timeout=0.5).read().decode()
        request = urllib.request.Request(  # noqa: S310
            f"{IMDS}/meta-data/placement/region", headers={"X-aws-ec2-metadata-token": token}
        )
        region: str = opener.open(request, timeout=0.5).read().decode().strip()
    except (OSError, urllib.error.URLError):
        return ""
    return region


def profile(mode: str, credentials: dict[str, str]) -> tuple[str, Path | None]:
    """Profile and shared credentials file that common-config.toml chooses."""
    name = credentials.get("shared_credential_profile") or (DEFAULT_PROFILE if mode == "onPremise" else "default")
    file = credentials.get("shared_credential_file")
    return name, Path(file) if file else None


def detect_region(mode: str, credentials: dict[str, str]) -> str:
    """Region of AWS_REGION or the profile (in its file, or in `config` beside it), else that of the instance.

    As in the real agent, the first two count only where a profile or a file of credentials is chosen.
    """
    name, file = profile(mode, credentials)
    if (credentials or mode == "onPremise") and os.environ.get("AWS_REGION"):
        return os.environ["AWS_REGION"]
    for path, section in ((file, name), (file.parent / "config" if file else None, f"profile {name}")):
        found = _section(path, section).get("region", "")
        if found:
            return found
    return imds_region() if mode == "ec2" else ""


def keys(name: str, file: Path | None) -> tuple[str, str]:
    """Access key id and session token of the profile, read afresh so that rotated keys are picked up."""
    section = _section(file, name)
    if "aws_access_key_id" not in section:
        raise ConfigError(f"no credentials for profile {name} in {file}")
    return section["aws_access_key_id"], section.get("aws_session_token", "")


def run_as_user(config: Config) -> str:
    """User that the agent changes to; root when none is named."""
    user = config.get("agent", {}).get("run_as_user", "root")
    if not isinstance(user, str):
        raise ConfigError(f"E! run_as_user is not string {user}")
    return user or "root"


def _section(path: Path | None, name: str) -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read([path] if path else [])
    except (OSError, configparser.Error) as error:
        raise ConfigError(f"E! Failed to read {path}: {error}") from error
    return dict(parser[name]) if parser.has_section(name) else {}


def _load(path: Path) -> Config:
    try:
        part = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"E! Failed to read {path}: {error}") from error
    if not isinstance(part, dict):
        raise ConfigError(f"E! {path}: not a JSON object")
    return part


def _merge(source: Config, result: Config, path: str) -> None:
    for key, value in source.items():
        here = f"{path}/{key}"
        if here in MERGED and isinstance(value, dict):
            _merge(value, result.setdefault(key, {}), here)
        elif here in APPENDED and isinstance(value, list):
            known = result.setdefault(key, [])
            known.extend(item for item in value if item not in known)
        elif result.setdefault(key, value) != value:
            raise ConfigError(f"{here} : Different values are specified for {key}")
