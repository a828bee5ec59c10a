"""Makes the lab's mirror of the agent's packages, laid out and signed like AWS's bucket.

    DIR/{debian,ubuntu}/<arch>/{latest,<version>}/amazon-cloudwatch-agent.deb{,.sig}
    DIR/assets/amazon-cloudwatch-agent.gpg   public key
    DIR/assets/fingerprint                   its fingerprint
    DIR.key                                  secret key of this mirror, beside the folder so that it is never served

As in AWS's bucket there is nothing under debian/arm64.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lab import packages

# Two versions, so that upgrade and rollback can be tried; the last one is the latest.
VERSIONS = ("1.300070.0standin", "1.300071.0standin")
TARGETS = ("debian/amd64", "ubuntu/amd64", "ubuntu/arm64")
NAME = "amazon-cloudwatch-agent"
USER_ID = "Stand-in of the Amazon CloudWatch agent (lab only)"

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
    digest = packages.digest(HERE)
    if stamp.exists() and stamp.read_text() == digest and all(path.exists() for path in _published(out)):
        return
    shutil.rmtree(out, ignore_errors=True)
    (out / "assets").mkdir(parents=True)
    public = out / "assets" / f"{NAME}.gpg"
    with packages.keyring(out.with_name(out.name + ".key"), USER_ID, public) as gnupg:
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
    packages.gpg(gnupg, "--detach-sign", "--output", f"{package}.sig", str(package))
    for directory in directories[1:]:
        shutil.copytree(first, directory, dirs_exist_ok=True)


def _package(version: str, target: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        _tree(root, version)
        for path in [root, *root.rglob("*")]:
            executable = path.is_dir() or path.parent.name == "bin" or path.name in ("preinst", "prerm")
            path.chmod(0o755 if executable and path.name != "CWAGENT_VERSION" else 0o644)
        packages.deb(root, target)


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


def _published(out: Path) -> Iterator[Path]:
    yield out / "assets/fingerprint"
    for target in TARGETS:
        for version in (*VERSIONS, "latest"):
            yield out / target / version / f"{NAME}.deb.sig"
