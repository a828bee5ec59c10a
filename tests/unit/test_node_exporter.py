# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Where the exporter may listen, what the role node_exporter makes of its variables, and what waits on a host."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLE = Path(__file__).parents[2] / "roles/node_exporter"


def render(expression: str, **variables: Any) -> Any:
    loader = DataLoader()
    known: dict[str, Any] = {"ansible_facts": {"default_ipv4": {"address": "10.0.0.5"}, "architecture": "aarch64"}}
    for file in ("defaults/main.yml", "vars/main.yml"):
        known |= loader.load_from_file(str(ROLE / file), trusted_as_template=True)
    return Templar(loader=loader, variables={**known, **variables}).template(trust_as_template(expression))


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("10.0.0.5:9100", True),
        ("127.0.0.1:9100", True),
        ("172.16.0.1:9100", True),
        ("172.31.255.1:9100", True),
        ("192.168.1.1:9100", True),
        ("100.64.0.1:9100", True),
        ("100.127.0.1:9100", True),
        ("[fd00::5]:9100", True),
        ("[::1]:9100", True),
        ("0.0.0.0:9100", False),
        (":9100", False),
        ("[::]:9100", False),
        ("10.0.0.5", False),
        ("172.32.0.1:9100", False),
        ("172.15.0.1:9100", False),
        ("192.169.1.1:9100", False),
        ("100.63.0.1:9100", False),
        ("100.128.0.1:9100", False),
        ("8.8.8.8:9100", False),
        ("[2001:db8::1]:9100", False),
        ("web.example.com:9100", False),
        ("10.0.0.5:9100 --web.listen-address=0.0.0.0:9100", False),
    ],
)
def test_only_private_addresses_are_listened_on(address: str, private: bool) -> None:
    assert render("{{ address is match(__node_exporter_private) }}", address=address) is private


def test_the_host_s_own_address_is_the_default() -> None:
    assert render("{{ __node_exporter_address }}") == "10.0.0.5:9100"


def test_a_host_without_an_address_listens_nowhere() -> None:
    address = render("{{ __node_exporter_address }}", ansible_facts={"default_ipv4": {}})
    assert not render("{{ address is match(__node_exporter_private) }}", address=address)


def test_arguments() -> None:
    arguments = render(
        "{{ __node_exporter_args }}",
        node_exporter_listen_address="[fd00::5]:9100",
        node_exporter_enabled_collectors=["systemd", "processes"],
        node_exporter_disabled_collectors=["zfs"],
        node_exporter_extra_args=["--collector.filesystem.mount-points-exclude=^/mnt"],
    )
    assert arguments == [
        "--web.listen-address=[fd00::5]:9100",
        "--collector.textfile.directory=/var/lib/node_exporter/textfile_collector",
        "--collector.systemd",
        "--collector.processes",
        "--no-collector.zfs",
        "--collector.filesystem.mount-points-exclude=^/mnt",
    ]


def test_a_web_configuration_is_an_argument() -> None:
    assert not [each for each in render("{{ __node_exporter_args }}") if "web.config" in each]
    for given in ("node_exporter_basic_auth_users", "node_exporter_tls_server_config"):
        arguments = render("{{ __node_exporter_args }}", **{given: {"key": "value"}})
        assert "--web.config.file=/etc/node_exporter/web.yml" in arguments


HASH = "$2b$05$abcdefghijklmnopqrstuuZ9mQvA1pXyfkEJ3c1Q0bPZ8uFqQw5sS"


@pytest.mark.parametrize(
    ("stored", "hashed"),
    [
        (HASH, True),
        (HASH.replace("2b", "2y"), True),
        ("correct horse battery staple", False),
        (HASH + "x", False),
        (HASH[:-1], False),
        ("$2b$99$" + HASH[7:], False),
        ("$6$salt$abcdefgh", False),
        ("", False),
    ],
)
def test_a_password_is_no_hash(stored: str, hashed: bool) -> None:
    unhashed = render("{{ __node_exporter_unhashed }}", node_exporter_basic_auth_users={"prometheus": stored})
    assert unhashed == ([] if hashed else ["prometheus"])


def test_each_architecture_has_an_archive_and_a_checksum_of_its_own() -> None:
    def of(architecture: str, expression: str) -> Any:
        facts = {"architecture": architecture, "default_ipv4": {"address": "10.0.0.5"}}
        return render(expression, ansible_facts=facts, node_exporter_source="release", node_exporter_version="1.10.2")

    urls = {each: of(each, "{{ __node_exporter_archive_url }}") for each in ("x86_64", "aarch64")}
    base = "https://github.com/prometheus/node_exporter/releases/download/v1.10.2/node_exporter-1.10.2.linux-"
    assert urls == {"x86_64": f"{base}amd64.tar.gz", "aarch64": f"{base}arm64.tar.gz"}
    checksums = [of(each, "{{ __node_exporter_checksum }}") for each in urls]
    assert len(set(checksums)) == 2 and {len(each) for each in checksums} == {64}
    assert of("riscv64", "{{ __node_exporter_checksum }}") == ""
    programs = {of(each, "{{ __node_exporter_program }}") for each in urls}
    assert len(programs) == 2


def test_a_mirror_is_a_directory_or_the_archive_itself() -> None:
    mirror = render("{{ __node_exporter_archive_url }}", node_exporter_release_url="file:///srv/mirror/")
    assert mirror == "file:///srv/mirror/v1.10.2/node_exporter-1.10.2.linux-arm64.tar.gz"
    archive = "https://mirror.example.com/ne.tar.gz"
    assert render("{{ __node_exporter_archive_url }}", node_exporter_release_url=archive) == archive


# --- files/host-metrics.sh, with package managers that say what they are told to


class Host:
    """A host on which only this program and what it calls of the base system exist."""

    def __init__(self, directory: Path) -> None:
        self.programs = directory / "bin"
        self.programs.mkdir()
        for name in ("awk", "cat", "chmod", "date", "mktemp", "mv", "openssl", "rm", "sort", "stat", "tail"):
            found = next(path for folder in os.get_exec_path() if (path := Path(folder) / name).exists())
            (self.programs / name).symlink_to(found)
        self.target = directory / "out/host.prom"
        self.target.parent.mkdir()

    def program(self, name: str, script: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def measure(self, *certificates: str) -> tuple[int, dict[str, str]]:
        command = ["/bin/sh", str(ROLE / "files/host-metrics.sh"), str(self.target), *certificates]
        code = subprocess.run(command, env={"PATH": str(self.programs)}, check=False).returncode
        assert [path for path in self.target.parent.iterdir() if path != self.target] == []
        lines = self.target.read_text().splitlines() if self.target.exists() else []
        assert len(lines) == len(set(lines))
        return code, dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


APT = """cat <<'END'
Inst libssl3 [3.0.11-1] (3.0.15-1 Debian:12.9/stable, Debian-Security:12/stable-security [amd64])
Inst openssl [3.0.11-1] (3.0.15-1 Debian:12.9/stable, Debian-Security:12/stable-security [amd64]) []
Inst bash [5.2-1] (5.2-2 Debian:12.9/stable [amd64])
Inst linux-image-6.1.0-28-amd64 (6.1.119-1 Debian:12.9/stable [amd64])
Remv obsolete [1.0]
Conf bash (5.2-2 Debian:12.9/stable [amd64])
END"""


def test_apt_upgrades_are_counted_by_origin_and_new_packages_are_none(host: Host) -> None:
    host.program("apt-get", APT)
    code, found = host.measure()
    assert code == 0
    assert {name: value for name, value in found.items() if name.startswith("apt_upgrades")} == {
        'apt_upgrades_pending{origin="Debian:12.9/stable",arch="amd64"}': "1",
        'apt_upgrades_pending{origin="Debian:12.9/stable, Debian-Security:12/stable-security",arch="amd64"}': "2",
    }
    assert found["node_reboot_required"] in ("0", "1")
    assert 0 <= int(found["apt_package_cache_timestamp_seconds"]) <= time.time()
    assert host.target.stat().st_mode & 0o777 == 0o644


def test_no_upgrade_is_a_zero_and_a_broken_apt_is_a_failure_that_keeps_the_old_file(host: Host) -> None:
    host.program("apt-get", "exit 0")
    code, found = host.measure()
    assert (code, found['apt_upgrades_pending{origin="",arch=""}']) == (0, "0")
    host.program("apt-get", "exit 100")
    code, kept = host.measure()
    assert code != 0
    assert kept == found


@pytest.mark.parametrize(
    ("updates", "restart", "expected"),
    [
        ("exit 0", "exit 0", {'yum_upgrades_pending{origin=""}': "0", "node_reboot_required": "0"}),
        (
            "printf '\\nkernel.x86_64  6.1.2-1.amzn2023  amazonlinux\\nbash.x86_64 5.2-1 amazonlinux\\n"
            "Obsoleting Packages\\nold.noarch 1-1 amazonlinux\\n'; exit 100",
            "echo 'Reboot is required to fully utilize these updates.'; exit 1",
            {'yum_upgrades_pending{origin="amazonlinux"}': "2", "node_reboot_required": "1"},
        ),
        ("exit 1", "exit 0", None),
        ("exit 0", "echo 'No such command'; exit 1", None),
    ],
)
def test_dnf_upgrades(host: Host, updates: str, restart: str, expected: dict[str, str] | None) -> None:
    host.program("dnf", f'case "$*" in *check-update) {updates};; *needs-restarting*) {restart};; esac')
    code, found = host.measure()
    assert (code == 0, found) == (expected is not None, expected or {})


def test_the_end_of_a_certificate(host: Host, tmp_path: Path) -> None:
    certificate = tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-days", "2"]
    subprocess.run([*command, "-keyout", "/dev/null", "-out", str(certificate)], check=True, capture_output=True)
    host.program("apt-get", "exit 0")
    code, found = host.measure(str(certificate), "/nowhere.pem")
    assert code == 0
    end = int(found[f'certificate_not_after_timestamp_seconds{{path="{certificate}"}}'])
    assert abs(end - time.time() - 2 * 86400) < 600
    assert found['certificate_not_after_timestamp_seconds{path="/nowhere.pem"}'] == "0"
