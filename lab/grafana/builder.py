"""Makes the lab's repository, laid out and signed as apt wants it.

DIR/dists/stable/InRelease, main/binary-<arch>/Packages
DIR/pool/grafana_<version>_all.deb
DIR/gpg.key, fingerprint   public key, and its fingerprint
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from lab import packages

VERSION = "12.0.0+standin"
ARCHITECTURES = ("amd64", "arm64")
USER_ID = "Stand-in of Grafana (lab only)"
HERE = Path(__file__).parent
# Where Grafana's own package has them.
TREE = {
    "grafana": "usr/share/grafana/bin/grafana",
    "grafana-server.service": "usr/lib/systemd/system/grafana-server.service",
    "grafana-server": "etc/default/grafana-server",
    "grafana.ini": "usr/share/grafana/conf/sample.ini",
    "postinst": "DEBIAN/postinst",
    "prerm": "DEBIAN/prerm",
}
PROGRAMS = ("grafana", "postinst", "prerm")
CONTROL = f"""\
Package: grafana
Version: {VERSION}
Architecture: all
Section: net
Priority: optional
Depends: python3-yaml
Maintainer: The Rampart developers
Description: STAND-IN of Grafana, for the lab only
 Reads the environment, the provisioning and the command line of the real one.
"""


def build(out: Path, secret: Path) -> None:
    """Make the repository in out, signed by the key of the file secret (made if there is none).

    Nothing is done when it was made from the same sources.
    """
    stamp, digest = out / ".stamp", packages.digest(HERE)
    if stamp.exists() and stamp.read_text() == digest and secret.exists():
        return
    shutil.rmtree(out, ignore_errors=True)
    (out / "pool").mkdir(parents=True)
    with packages.keyring(secret, USER_ID, out / "gpg.key") as gnupg:
        index = _package(out)
        release = f"Suite: stable\nCodename: stable\nComponents: main\nArchitectures: {' '.join(ARCHITECTURES)}\n"
        release += f"Date: {datetime.now(UTC):%a, %d %b %Y %H:%M:%S} UTC\nSHA256:\n"
        suite = out / "dists/stable"
        for architecture in ARCHITECTURES:
            packages_file = suite / f"main/binary-{architecture}/Packages"
            packages_file.parent.mkdir(parents=True)
            packages_file.write_text(index)
            release += f" {_sha256(packages_file)} {len(index)} {packages_file.relative_to(suite)}\n"
        unsigned = suite / "Release"
        unsigned.write_text(release)
        packages.gpg(gnupg, "--clearsign", "--output", str(suite / "InRelease"), str(unsigned))
    stamp.write_text(digest)


def _package(out: Path) -> str:
    """Make the package; return the repository's index of it."""
    target = out / f"pool/grafana_{VERSION}_all.deb"
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        for source, place in TREE.items():
            path = root / place
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(HERE / "package" / source, path)
            path.chmod(0o755 if source in PROGRAMS else 0o644)
        (root / "DEBIAN/control").write_text(CONTROL)
        (root / "DEBIAN/conffiles").write_text("/etc/default/grafana-server\n")
        for path in [root, *root.rglob("*")]:
            if path.is_dir():
                path.chmod(0o755)
        packages.deb(root, target)
    size = target.stat().st_size
    return f"{CONTROL}Filename: {target.relative_to(out)}\nSize: {size}\nSHA256: {_sha256(target)}\n\n"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
