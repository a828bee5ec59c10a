# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What the role fail2ban runs on a host: what keeps it from banning friends, its metrics, and its distributions."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

ROLE = Path(__file__).parents[2] / "roles/fail2ban"
NETWORK = re.compile(yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8"))["__fail2ban_network"])

GOOD = """
['set', 'syslogsocket', 'auto']
['add', 'sshd', 'systemd']
['multi-set', 'sshd', 'addfailregex', ['^x from <HOST>']]
['set', 'sshd', 'ignoreself', True]
['set', 'sshd', 'addignoreip', '127.0.0.0/8', '::1', '198.51.100.0/24', '2001:db8::/32', 'office.example']
['start', 'sshd']
"""


def check(tmp_path: Path, dump: str, *networks: str) -> tuple[int, str]:
    client = tmp_path / "fail2ban-client"
    client.write_text(f"#!/bin/sh\necho WARNING something >&2\ncat <<'END'\n{dump}\nEND\n")
    client.chmod(0o755)
    done = subprocess.run(
        [sys.executable, ROLE / "files/check.py", *networks],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_what_every_jail_ignores_is_accepted(tmp_path: Path) -> None:
    assert check(tmp_path, GOOD, "127.0.0.0/8", "::1", "198.51.100.7", "2001:db8:1::/48")[0] == 0


@pytest.mark.parametrize(
    ("dump", "network", "complaint"),
    [
        (GOOD, "203.0.113.5", "jail sshd could ban 203.0.113.5/32"),
        (GOOD, "198.51.0.0/16", "jail sshd could ban 198.51.0.0/16"),
        (GOOD, "2001:db9::1", "jail sshd could ban 2001:db9::1/128"),
        (
            GOOD + "['add', 'web', 'polling']\n['set', 'web', 'addignoreip', '127.0.0.1']",
            "198.51.100.7",
            "jail web could",
        ),
        (GOOD + "['add', 'web', 'polling']", "198.51.100.7", "jail web could ban"),
        (GOOD, "999.1.1.1", "no networks: 999.1.1.1"),
        (GOOD.replace("True", "False"), "198.51.100.7", "could ban the host's own addresses"),
        (
            "['set', 'dbpurgeage', '604800']" + GOOD + "['set', 'sshd', 'bantime', '604800']",
            "::1",
            "jail sshd bans for 604800 s, but the database forgets after dbpurgeage = 604800 s",
        ),
        (
            "['set', 'dbpurgeage', '604800']" + GOOD + "['set', 'sshd', 'bantime.maxtime', '604801']",
            "::1",
            "jail sshd bans for 604801 s",
        ),
        (GOOD + "['set', 'sshd', 'bantime.increment', True]", "::1", "jail sshd has no longest ban"),
    ],
)
def test_a_jail_that_could_ban_a_friend_is_refused(tmp_path: Path, dump: str, network: str, complaint: str) -> None:
    code, message = check(tmp_path, dump, network)
    assert code == 1 and complaint in message


@given(st.ip_addresses(), st.integers(16, 32))
def test_addresses_and_networks_are_accepted(address: object, prefix: int) -> None:
    assert NETWORK.match(str(address)) and NETWORK.match(f"{address}/{prefix}")


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0/0",
        "10.0.0.0/7",
        "10.0.0.256",
        "10.0.0",
        "10.0.0.0.0",
        "::/0",
        "2001::/15",
        "10.0.0.0/33",
        "::/129",
        "office.example",
        "",
        "1",
    ],
)
def test_the_whole_world_and_nonsense_are_not(text: str) -> None:
    assert not NETWORK.match(text)


def test_a_ban_for_ever_is_none_that_the_database_could_forget(tmp_path: Path) -> None:
    dump = "['set', 'dbpurgeage', '604800']" + GOOD + "['set', 'sshd', 'bantime', '-1']"
    assert check(tmp_path, dump, "::1")[0] == 0


# The instance metadata, as EC2 has it: two interfaces, of which one has no public address and no IPv6.
INTERFACE = "/latest/meta-data/network/interfaces/macs/"
METADATA = {
    INTERFACE: "02:00:00:00:00:01/\n02:00:00:00:00:02/",
    f"{INTERFACE}02:00:00:00:00:01/vpc-ipv4-cidr-blocks": "10.1.0.0/16\n10.2.0.0/16",
    f"{INTERFACE}02:00:00:00:00:01/vpc-ipv6-cidr-blocks": "2001:db8:1::/56",
    f"{INTERFACE}02:00:00:00:00:01/public-ipv4s": "203.0.113.80",
    f"{INTERFACE}02:00:00:00:00:02/vpc-ipv4-cidr-blocks": "10.1.0.0/16",
}


class Metadata(BaseHTTPRequestHandler):
    def answer(self, text: str | None) -> None:
        self.send_response(404 if text is None else 200)
        self.end_headers()
        self.wfile.write((text or "").encode())

    def do_PUT(self) -> None:
        self.answer("token" if self.headers["X-aws-ec2-metadata-token-ttl-seconds"] else None)

    def do_GET(self) -> None:
        self.answer(METADATA.get(self.path) if self.headers["X-aws-ec2-metadata-token"] == "token" else None)

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture
def metadata() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def look(directory: Path, days: int, remember: bool, controller: str, **env: str) -> dict[str, Any]:
    arguments = [str(directory), str(days), "yes" if remember else "no", controller]
    done = subprocess.run(
        [sys.executable, ROLE / "files/look.py", *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def test_the_vpc_and_the_public_addresses_are_known_from_the_metadata(tmp_path: Path, metadata: str) -> None:
    seen = look(tmp_path / "none", 30, False, "198.51.100.7", AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata)
    assert seen["vpc"] == ["10.1.0.0/16", "10.2.0.0/16", "2001:db8:1::/56"]
    assert seen["own"] == ["203.0.113.80"]


def test_metadata_that_does_not_answer_is_no_vpc(tmp_path: Path) -> None:
    seen = look(tmp_path / "none", 30, False, "", AWS_EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.1:9")
    assert (seen["vpc"], seen["own"]) == ([], [])


def test_earlier_controllers_are_remembered_for_a_while(tmp_path: Path) -> None:
    directory = tmp_path / "controllers"
    assert look(directory, 30, False, "198.51.100.1")["controllers"] == []
    assert not directory.exists()  # check mode
    assert look(directory, 30, True, "198.51.100.1")["controllers"] == []
    assert look(directory, 30, True, "2001:db8::7")["controllers"] == ["198.51.100.1"]
    then = time.time() - 31 * 86400
    os.utime(directory / "198.51.100.1", (then, then))
    assert look(directory, 30, True, "198.51.100.3")["controllers"] == ["2001:db8::7"]
    assert look(directory, 0, True, "198.51.100.4")["controllers"] == []
    # Who returns is remembered anew.
    look(directory, 30, True, "198.51.100.1")
    assert "198.51.100.1" in look(directory, 30, True, "198.51.100.5")["controllers"]


def test_load_balancers_are_known_from_nginx(tmp_path: Path) -> None:
    nginx = tmp_path / "nginx"
    nginx.write_text(
        "#!/bin/sh\ncat <<'END'\nset_real_ip_from 10.0.0.0/8;\n  set_real_ip_from   2001:db8::/32 ;\n"
        "# set_real_ip_from 192.0.2.0/24;\nset_real_ip_from unix:;\nEND\n"
    )
    nginx.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    assert look(tmp_path / "none", 30, False, "", PATH=path)["proxies"] == ["10.0.0.0/8", "2001:db8::/32"]
    nginx.write_text("#!/bin/sh\nexit 1\n")
    assert look(tmp_path / "none", 30, False, "", PATH=path)["proxies"] is None


def test_metrics_say_when_fail2ban_does_not_answer(tmp_path: Path) -> None:
    package = tmp_path / "fail2ban/client"
    package.mkdir(parents=True)
    (package / "csocket.py").write_text(
        "class CSocket:\n    def __init__(self, path, timeout):\n        raise FileNotFoundError(path)\n"
    )
    target = tmp_path / "fail2ban.prom"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, ROLE / "files/metrics.py", target], env=environment, check=True)
    assert target.read_text() == (
        "# HELP fail2ban_up Whether fail2ban answers.\n# TYPE fail2ban_up gauge\nfail2ban_up 0\n"
    )
    assert target.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.glob("*.new")) == []


def test_every_distribution_has_its_facts() -> None:
    families = {"Debian": "apt", "RedHat": "dnf"}  # as Ansible names them; Ubuntu is Debian's, Amazon Linux RedHat's
    facts = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in (ROLE / "vars").glob("[A-Z]*.yml")}
    assert {name: found["__fail2ban_package_manager"] for name, found in facts.items()} == families
    assert all((ROLE / f"tasks/install_{manager}.yml").exists() for manager in families.values())
    assert all(set(found) == {"__fail2ban_package_manager", "__fail2ban_packages"} for found in facts.values())
    # The meta package brings a firewall that closes every port.
    assert "fail2ban" not in facts["RedHat"]["__fail2ban_packages"]
