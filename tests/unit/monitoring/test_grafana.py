# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Which key is trusted for Grafana's repository, and what the lab has in its place. gpg and dpkg are the real ones."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lab import grafana, packages
from lab.grafana.builder import VERSION

ROLE = Path(__file__).parents[3] / "roles/monitoring"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("repository")
    grafana.build(place / "grafana", place / "secret")
    return place / "grafana"


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("stranger")
    with packages.keyring(place / "secret", "Somebody else", place / "gpg.key"):
        pass
    return place / "gpg.key"


def fingerprint(key: Path) -> str:
    return key.with_name("fingerprint").read_text().strip()


def signing_key(key: Path, *fingerprints: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROLE / "files/signing_key.py"), key.as_uri(), *fingerprints]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def fingerprints_in(armour: str, place: Path) -> list[str]:
    place.write_text(armour)
    command = ["gpg", "--homedir", str(place.parent), "--with-colons", "--show-keys", str(place)]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:")]


def test_of_many_keys_only_the_trusted_one_is_taken(repository: Path, stranger: Path, tmp_path: Path) -> None:
    key = repository / "gpg.key"
    both = tmp_path / "both.asc"
    both.write_text(stranger.read_text() + key.read_text())
    done = signing_key(both, fingerprint(key), "0" * 40)
    assert (done.returncode, done.stderr) == (0, "")
    assert fingerprints_in(done.stdout, tmp_path / "taken.asc") == [fingerprint(key)]


def test_another_key_is_refused(stranger: Path) -> None:
    [trusted] = yaml.safe_load((ROLE / "defaults/main.yml").read_text())["monitoring_grafana_key_fingerprints"]
    done = signing_key(stranger, trusted)
    assert (done.returncode, done.stdout) == (1, "")
    assert "none of the trusted keys" in done.stderr
    assert fingerprint(stranger) in done.stderr


def test_a_trusted_key_below_another_one_is_not_trusted(tmp_path: Path) -> None:
    with packages.keyring(tmp_path / "secret", "Somebody else", tmp_path / "gpg.key") as home:
        packages.gpg(home, "--passphrase", "", "--quick-add-key", fingerprint(tmp_path / "gpg.key"), "rsa2048", "encr")
        (tmp_path / "gpg.key").write_text(packages.gpg(home, "--armor", "--export"))
    primary, below = fingerprints_in((tmp_path / "gpg.key").read_text(), tmp_path / "again.asc")
    assert signing_key(tmp_path / "gpg.key", primary).returncode == 0
    assert signing_key(tmp_path / "gpg.key", below).returncode == 1


@pytest.mark.parametrize(("content", "words"), [("no key", "no OpenPGP key"), (None, "cannot be read")])
def test_no_key_is_refused(tmp_path: Path, content: str | None, words: str) -> None:
    key = tmp_path / "gpg.key"
    if content is not None:
        key.write_text(content)
    done = signing_key(key, "0" * 40)
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr


def test_the_lab_s_repository_is_signed_and_whole(repository: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    packages.gpg(tmp_path, "--import", str(repository / "gpg.key"))
    suite = repository / "dists/stable"
    release = packages.gpg(tmp_path, "--decrypt", str(suite / "InRelease"))
    listed = [line.split() for line in release.partition("SHA256:\n")[2].splitlines()]
    assert {name for _digest, _size, name in listed} == {f"main/binary-{arch}/Packages" for arch in ("amd64", "arm64")}
    for digest, _size, name in listed:
        assert hashlib.sha256((suite / name).read_bytes()).hexdigest() == digest
        fields = dict(line.split(": ", 1) for line in (suite / name).read_text().splitlines() if ": " in line)
        package = repository / fields["Filename"]
        assert (fields["Package"], fields["Version"]) == ("grafana", VERSION)
        assert hashlib.sha256(package.read_bytes()).hexdigest() == fields["SHA256"]


def test_the_lab_s_secret_key_is_not_in_what_is_served(repository: Path) -> None:
    assert not [path for path in repository.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    assert "PRIVATE KEY" in repository.with_name("secret").read_text()
