# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Only a good signature by the pinned primary key lets a package in. gpg and dpkg are the real ones."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from ansible_collections.rampart.ops.plugins.module_utils.signed_package import debian, host, model, redhat

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
        return model.reject(*host.verify(str(package), f"{package}.sig", key, debian.install_gpg), trusted)

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


class TestRpm:
    """The rpm of Debian is the real one; what it installs goes into a root of the test's own."""

    SPEC = """
Name: {name}
Version: {version}
Release: 1
Summary: x
License: x
BuildArch: noarch
%description
x
%files
"""

    def build(self, folder: Path, name: str = "agent", version: str = "1.300071.0b1") -> Path:
        folder.mkdir(exist_ok=True)
        spec = folder / f"{name}.spec"
        spec.write_text(self.SPEC.format(name=name, version=version))
        command = ["rpmbuild", "-bb", "--quiet", "--define", f"_topdir {folder}", str(spec)]
        subprocess.run(command, check=True, capture_output=True)
        return folder / f"RPMS/noarch/{name}-{version}-1.noarch.rpm"

    @pytest.fixture
    def rooted(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        root = tmp_path / "root"

        def run(command: list[str]) -> host.Result:
            database = ["--root", str(root), "--dbpath", "/rpmdb"] if "--eval" not in command else []
            database = [] if "--package" in command else database
            return host.run([command[0], *database, *command[1:]])

        (root / "rpmdb").mkdir(parents=True)
        monkeypatch.setattr(redhat, "run", run)
        return root

    def test_life_cycle(self, rooted: Path, tmp_path: Path) -> None:
        older, newer = (self.build(tmp_path / "build", version=version) for version in ("1.300070.0b1", "1.300071.0b1"))
        assert redhat.fields(str(newer)) == ("agent", "1.300071.0b1-1")
        assert redhat.installed_version("agent") is None
        for package, version in ((newer, "1.300071.0b1-1"), (older, "1.300070.0b1-1"), (newer, "1.300071.0b1-1")):
            redhat.install(str(package))
            assert redhat.installed_version("agent") == version
        redhat.remove("agent")
        assert redhat.installed_version("agent") is None
        with pytest.raises(model.SignedPackageError, match="could not remove agent"):
            redhat.remove("agent")

    @pytest.mark.parametrize(
        ("left", "right", "newer"),
        [("1.300071.0b1-1", "1.300070.0b1-1", True), ("1.9-1", "1.10-1", False), ("1.0-1", "1.0-1", False)],
    )
    def test_versions_are_compared_as_rpm_does(self, left: str, right: str, newer: bool) -> None:
        assert redhat.is_newer(left, right) is newer

    def test_a_version_cannot_be_a_program(self) -> None:
        with pytest.raises(model.SignedPackageError, match="is no version"):
            redhat.is_newer("1')) os.execute('touch /tmp/x')--", "1")

    def test_what_is_no_package_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "x.rpm").write_text("<html>")
        with pytest.raises(model.SignedPackageError, match="no RPM package"):
            redhat.fields(str(tmp_path / "x.rpm"))

    def test_a_tampered_package_is_refused_by_its_detached_signature(
        self, mirror: Path, other_mirror: Path, tmp_path: Path
    ) -> None:
        package = self.build(tmp_path / "build")
        with tempfile.TemporaryDirectory(prefix="gnupg-", dir="/tmp") as home:
            gpg = ["gpg", "--homedir", home, "--batch", "--quiet", "--no-tty"]
            for command in (["--import", str(mirror) + ".key"], ["--detach-sign", str(package)]):
                subprocess.run([*gpg, *command], check=True, capture_output=True)
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
        trusted = model.fingerprint((mirror / "assets/fingerprint").read_text())
        foreign = model.fingerprint((other_mirror / "assets/fingerprint").read_text())
        key = str(mirror / "assets/amazon-cloudwatch-agent.gpg")

        def refusal(by: str) -> str | None:
            return model.reject(*host.verify(str(package), f"{package}.sig", key, redhat.install_gpg), by)

        assert refusal(trusted) is None
        assert "the trusted key is" in str(refusal(foreign))
        with package.open("ab") as target:
            target.write(b"!")
        assert "was changed" in str(refusal(trusted))
