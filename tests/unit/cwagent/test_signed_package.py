# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Only a good signature by the pinned primary key lets a package in. gpg and dpkg are the real ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ansible_collections.rampart.ops.plugins.module_utils.signed_package import debian, model

AWS = "937616F3450B7D806CBD9725D58167303B789C72"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9376 16F3 450B 7D80 6CBD  9725 D581 6730 3B78 9C72", AWS),
        (AWS.lower(), AWS),
    ],
)
def test_fingerprint_is_normalised(text: str, expected: str) -> None:
    assert model.fingerprint(text) == expected


@pytest.mark.parametrize("text", ["", "D58167303B789C72", "0x" + AWS, AWS[:-1], AWS + "0", "Z" * 40])
def test_anything_but_a_whole_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(model.SignedPackageError, match="40 hexadecimal digits"):
        model.fingerprint(text)


@pytest.mark.parametrize(
    ("installed", "wanted", "signature", "expected"),
    [
        ("1.300071.0b1-1", "1.300071.0b1", None, True),
        ("1.300071.0b1-1", "1.300071.0b1-1", None, True),
        ("1.300071.0b10-1", "1.300071.0b1", None, False),
        (None, "1.300071.0b1", None, False),
        ("1.0-1", "latest", "seen", True),
        ("1.0-1", "latest", "new", False),
        ("0.9-1", "latest", "seen", False),
        (None, "latest", "seen", False),
    ],
)
def test_up_to_date(installed: str | None, wanted: str, signature: str | None, expected: bool) -> None:
    assert model.up_to_date(installed, wanted, model.Record("1.0-1", "seen"), signature) is expected


def test_latest_without_a_record_is_not_taken_on_trust() -> None:
    assert not model.up_to_date("1.0-1", "latest", None, "seen")


@pytest.mark.parametrize(
    ("package", "version", "wanted", "installed_is_newer", "reason"),
    [
        ("agent", "2.0-1", "latest", False, None),
        ("agent", "2.0-1", "2.0", True, None),
        ("other", "2.0-1", "latest", False, "the package other"),
        ("agent", "1.0-1", "2.0", False, "version 1.0-1, not 2.0"),
        ("agent", "1.0-1", "latest", True, "older than what is installed"),
    ],
)
def test_contents(package: str, version: str, wanted: str, installed_is_newer: bool, reason: str | None) -> None:
    refused = model.refuse_contents("agent", wanted, installed_is_newer, package, version)
    assert refused is None if reason is None else reason in str(refused)


class TestWithGpg:
    """The lab's mirror, another mirror's key, and what an attacker would do to the files."""

    @pytest.fixture
    def package(self, mirror: Path, tmp_path: Path) -> Path:
        source = mirror / "debian/amd64/latest"
        return shutil.copytree(source, tmp_path / "copy") / "amazon-cloudwatch-agent.deb"

    def refusal(self, package: Path, assets: Path, trusted: str) -> str | None:
        key = str(assets / "amazon-cloudwatch-agent.gpg")
        return model.reject(*debian.verify(str(package), f"{package}.sig", key), trusted)

    def test_good(self, mirror: Path, package: Path) -> None:
        trusted = model.fingerprint((mirror / "assets/fingerprint").read_text())
        assert self.refusal(package, mirror / "assets", trusted) is None

    def test_tampered(self, mirror: Path, package: Path) -> None:
        trusted = model.fingerprint((mirror / "assets/fingerprint").read_text())
        with package.open("ab") as target:
            target.write(b"!")
        assert "was changed" in str(self.refusal(package, mirror / "assets", trusted))

    def test_key_is_not_the_pinned_one(self, mirror: Path, package: Path) -> None:
        assert f"the trusted key is {AWS}" in str(self.refusal(package, mirror / "assets", AWS))

    def test_signed_by_a_stranger(self, mirror: Path, other_mirror: Path, package: Path) -> None:
        trusted = model.fingerprint((mirror / "assets/fingerprint").read_text())
        foreign = other_mirror / "debian/amd64/latest/amazon-cloudwatch-agent.deb"
        shutil.copy(f"{foreign}.sig", f"{package}.sig")
        assert self.refusal(package, mirror / "assets", trusted)
        # With the stranger's key beside it the arithmetic is right, and it is still not the trusted key.
        assert "the trusted key is" in str(self.refusal(foreign, other_mirror / "assets", trusted))

    def test_no_signature_in_the_file(self, mirror: Path, package: Path) -> None:
        trusted = model.fingerprint((mirror / "assets/fingerprint").read_text())
        Path(f"{package}.sig").write_text("<html>not found</html>")
        assert self.refusal(package, mirror / "assets", trusted)

    def test_unreadable_key(self, package: Path, tmp_path: Path) -> None:
        (tmp_path / "amazon-cloudwatch-agent.gpg").write_text("no key")
        with pytest.raises(model.SignedPackageError, match="key cannot be read"):
            self.refusal(package, tmp_path, AWS)


@pytest.mark.parametrize("status", ["EXPKEYSIG", "REVKEYSIG", "EXPSIG"])
def test_expired_or_revoked_is_refused_although_valid(status: str) -> None:
    lines = f"[GNUPG:] {status} ABC somebody\n[GNUPG:] VALIDSIG {AWS} 2026-01-01 1 0 4 0 1 10 00 {AWS}\n"
    assert status in str(model.reject(lines, 0, AWS))


def test_nothing_but_silence_is_refused() -> None:
    assert model.reject("", 0, AWS)


def test_two_signatures_are_refused() -> None:
    line = f"[GNUPG:] GOODSIG ABC somebody\n[GNUPG:] VALIDSIG {AWS} 2026-01-01 1 0 4 0 1 10 00 {AWS}\n"
    assert model.reject(line, 0, AWS) is None
    assert model.reject(line + line, 0, AWS)
