"""Where the lab keeps things and which addresses it uses; the environment may move it out of the way of others.

LAB_PORT     TCP port of the region on loopback and on the bridge (default 5577)
LAB_SUBNET   IPv4 /24 of the hosts' bridge (default 10.89.77.0/24)
LAB_STATE    folder of what the lab generates (default .lab in the checkout); one folder is one lab
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATE = Path(os.environ.get("LAB_STATE") or ROOT / ".lab").resolve()
CACHE = ROOT / ".cache"
MIRROR = STATE / "mirror"
KEY = STATE / "id_ed25519"
KNOWN_HOSTS = STATE / "known_hosts"

REGION = "ap-northeast-2"
DEFAULT_ACCOUNT = "lab"


class LabError(Exception):
    """Something the operator can mend; the message says what and how."""


def port() -> int:
    """TCP port of the region (LAB_PORT)."""
    text = os.environ.get("LAB_PORT") or "5577"
    if not text.isdigit() or not 1024 <= int(text) <= 65535:
        raise LabError(f"LAB_PORT={text!r} is not a port between 1024 and 65535")
    return int(text)


def subnet() -> ipaddress.IPv4Network:
    """Network of the lab's bridge (LAB_SUBNET); its first address is the controller's."""
    text = os.environ.get("LAB_SUBNET") or "10.89.77.0/24"
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise LabError(f"LAB_SUBNET={text!r} is not an IPv4 network such as 10.89.77.0/24: {error}") from error
    if network.prefixlen != 24 or not network.is_private:
        raise LabError(f"LAB_SUBNET={text!r} must be a private /24, for example 10.89.78.0/24")
    return network


def network() -> str:
    """Name of the bridge among podman's networks."""
    return f"rampart-{subnet().network_address}"


def gateway() -> str:
    """The controller's address as the hosts see it."""
    return str(subnet()[1])


def endpoint() -> str:
    """URL of the region for programs on this machine."""
    return f"http://127.0.0.1:{port()}"


def account_dir(account: str) -> Path:
    """Folder of one account's generated files."""
    return STATE / "accounts" / account
