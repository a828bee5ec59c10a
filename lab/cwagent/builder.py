"""Makes the lab's mirror of the agent's packages, laid out and signed like AWS's bucket.

    DIR/{debian,ubuntu}/<arch>/{latest,<version>}/amazon-cloudwatch-agent.deb{,.sig}
    DIR/assets/amazon-cloudwatch-agent.gpg   public key
    DIR/assets/fingerprint                   its fingerprint
    DIR.key                                  secret key of this mirror, beside the folder so that it is never served

As in AWS's bucket there is nothing under debian/arm64.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Two versions, so that upgrade and rollback can be tried; the last one is the latest.
VERSIONS = ("1.300070.0standin", "1.300071.0standin")
TARGETS = ("debian/amd64", "ubuntu/amd64", "ubuntu/arm64")
NAME = "amazon-cloudwatch-agent"
USER_ID = "Stand-in of the Amazon CloudWatch agent (lab only)"
SOURCE_DATE_EPOCH = 1_767_225_600  # any constant: the same sources make the same package

HERE = Path(__file__).parent
AGENT = Path("opt/aws/amazon-cloudwatch-agent")
PROGRAMS = {
    "amazon-cloudwatch-agent": "agent",
    "amazon-cloudwatch-agent-ctl": "ctl",
    "config-downloader": "downloader",
    "config-translator": "translator",
    "start-amazon-cloudwatch-agent": "start",
}
LAUNCHER = """\
#!/usr/bin/python3 -B
import sys

sys.path.insert(0, "/opt/aws/amazon-cloudwatch-agent/lib")
from cwagent_standin.{module} import main

sys.exit(main())
"""
CONTROL = """\
Package: {name}
Version: {version}
Architecture: all
Section: admin
Priority: optional
Depends: python3 (>= 3.11)
Maintainer: The Rampart developers
Description: STAND-IN of the Amazon CloudWatch Agent, for the lab only
 Honours the paths, command line and configuration of the real agent, and
 ships log files and the journal to an endpoint that verifies no signature.
"""


def build(out: Path) -> None:
    """Make the mirror in out; nothing is done when it was made from the same sources."""
    stamp = out / ".stamp"
    digest = _digest()
    if stamp.exists() and stamp.read_text() == digest and all(path.exists() for path in _published(out)):
        return
    shutil.rmtree(out, ignore_errors=True)
    (out / "assets").mkdir(parents=True)
    with _keyring(out.with_name(out.name + ".key"), out / "assets") as gnupg:
        for version in VERSIONS:
            for directory in (version, "latest"):
                _publish(version, [out / target / directory for target in TARGETS], gnupg)
    stamp.write_text(digest)


def _publish(version: str, directories: list[Path], gnupg: Path) -> None:
    first = directories[0]
    first.mkdir(parents=True, exist_ok=True)
    package = first / f"{NAME}.deb"
    _package(version, package)
    package.with_name(package.name + ".sig").unlink(missing_ok=True)
    _gpg(gnupg, "--detach-sign", "--output", f"{package}.sig", str(package))
    for directory in directories[1:]:
        shutil.copytree(first, directory, dirs_exist_ok=True)


def _package(version: str, target: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        _tree(root, version)
        for path in [root, *root.rglob("*")]:
            executable = path.is_dir() or path.parent.name == "bin" or path.name in ("preinst", "prerm")
            path.chmod(0o755 if executable and path.name != "CWAGENT_VERSION" else 0o644)
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(SOURCE_DATE_EPOCH)}
        command = ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(root), str(target)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)


def _tree(root: Path, version: str) -> None:
    """The package's files under root."""
    agent = root / AGENT
    for directory in ("bin", "lib", "logs", "var", "etc/amazon-cloudwatch-agent.d"):
        (agent / directory).mkdir(parents=True)
    shutil.copytree(HERE / "package", agent / "lib/cwagent_standin", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HERE / "schema/schema.json", agent / "lib/schema.json")
    shutil.copy(HERE / "schema/LICENSE", agent / "lib/schema.LICENSE")
    for program, module in PROGRAMS.items():
        (agent / "bin" / program).write_text(LAUNCHER.format(module=module))
    (agent / "bin/CWAGENT_VERSION").write_text(f"{version}\n")
    shutil.copy(HERE / "debian/common-config.toml", agent / "etc/common-config.toml")
    units = root / "etc/systemd/system"
    units.mkdir(parents=True)
    shutil.copy(HERE / f"debian/{NAME}.service", units)
    control = root / "DEBIAN"
    control.mkdir()
    (control / "control").write_text(CONTROL.format(name=NAME, version=version))
    for script in ("preinst", "prerm", "conffiles"):
        shutil.copy(HERE / "debian" / script, control / script)


@contextmanager
def _keyring(secret: Path, assets: Path) -> Iterator[Path]:
    """A GnuPG home for the time of the build (its agent wants a short path); publishes key and fingerprint."""
    with tempfile.TemporaryDirectory(prefix="gnupg-", dir="/tmp") as home:
        gnupg = Path(home)
        try:
            if secret.exists():
                _gpg(gnupg, "--import", str(secret))
            else:
                _gpg(gnupg, "--passphrase", "", "--quick-generate-key", USER_ID, "rsa2048", "sign", "never")
                _gpg(gnupg, "--armor", "--output", str(secret), "--export-secret-keys")
                secret.chmod(0o600)
            _gpg(gnupg, "--armor", "--output", str(assets / f"{NAME}.gpg"), "--export")
            listing = _gpg(gnupg, "--with-colons", "--fingerprint", "--list-keys")
            fingerprint = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))
            (assets / "fingerprint").write_text(f"{fingerprint}\n")
            yield gnupg
        finally:
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)


def _gpg(home: Path, *arguments: str) -> str:
    command = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--no-tty", "--yes", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _published(out: Path) -> Iterator[Path]:
    yield out / "assets/fingerprint"
    for target in TARGETS:
        for version in (*VERSIONS, "latest"):
            yield out / target / version / f"{NAME}.deb.sig"


def _digest() -> str:
    sources = sorted(path for path in HERE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    digest = hashlib.sha256()
    for path in sources:
        digest.update(f"{path.relative_to(HERE)}\0".encode() + path.read_bytes())
    return digest.hexdigest()
