"""The real agent's places on disk, and its version file."""

from __future__ import annotations

from pathlib import Path

AGENT = Path("/opt/aws/amazon-cloudwatch-agent")
BIN = AGENT / "bin"
ETC = AGENT / "etc"
LOGS = AGENT / "logs"
VAR = AGENT / "var"
STATE = LOGS / "state"

TOML = ETC / "amazon-cloudwatch-agent.toml"
JSON = ETC / "amazon-cloudwatch-agent.json"
JSON_DIR = ETC / "amazon-cloudwatch-agent.d"
COMMON_CONFIG = ETC / "common-config.toml"
LOG_FILE = LOGS / "amazon-cloudwatch-agent.log"
VERSION_FILE = BIN / "CWAGENT_VERSION"
SCHEMA = AGENT / "lib" / "schema.json"

UNIT = "amazon-cloudwatch-agent.service"
TMP_SUFFIX = ".tmp"  # the downloader's mark on a part that the translator has not accepted yet


def version() -> str:
    """Version of the package, as `ctl -a status` prints it."""
    return VERSION_FILE.read_text().strip()
