"""Debian packages of the lab's own, and the keys that sign them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCE_DATE_EPOCH = 1_767_225_600  # any constant: the same sources make the same package


def deb(root: Path, target: Path) -> None:
    """Make the package file target of the tree below root, which has DEBIAN/control."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(SOURCE_DATE_EPOCH)}
    command = ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(root), str(target)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)


@contextmanager
def keyring(secret: Path, user_id: str, public: Path) -> Iterator[Path]:
    """A GnuPG home for the time of a build (its agent wants a short path), with the secret key of the file secret.

    Makes that key if there is none. Publishes it at public, and its fingerprint in the file "fingerprint" beside it.
    """
    with tempfile.TemporaryDirectory(prefix="gnupg-", dir="/tmp") as home:
        gnupg = Path(home)
        try:
            if secret.exists():
                gpg(gnupg, "--import", str(secret))
            else:
                gpg(gnupg, "--passphrase", "", "--quick-generate-key", user_id, "rsa2048", "sign", "never")
                gpg(gnupg, "--armor", "--output", str(secret), "--export-secret-keys")
                secret.chmod(0o600)
            gpg(gnupg, "--armor", "--output", str(public), "--export")
            listing = gpg(gnupg, "--with-colons", "--fingerprint", "--list-keys")
            fingerprint = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))
            public.with_name("fingerprint").write_text(f"{fingerprint}\n")
            yield gnupg
        finally:
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)


def gpg(home: Path, *arguments: str) -> str:
    """What gpg prints. Raises CalledProcessError."""
    command = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--no-tty", "--yes", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def digest(folder: Path) -> str:
    """Of all sources below a folder, and of this file, as hexadecimal digits."""
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    result = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(files):
        result.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return result.hexdigest()
