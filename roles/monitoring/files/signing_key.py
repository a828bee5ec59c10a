"""Of the OpenPGP keys at a URL, print the trusted ones: signing_key.py URL FINGERPRINT... Exit 1 if there is none.

Managed by Ansible (rampart.ops.monitoring).
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

SMALL = 1 << 20  # no file of keys is longer
TRIES = 3


def fetch(url: str) -> bytes:
    """What is there. A server's refusal is final; anything else is tried again."""
    reason = ""
    for attempt in range(TRIES):
        try:
            with urllib.request.build_opener().open(url, timeout=20) as answer:
                return bytes(answer.read(SMALL))
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code}"
            if error.code < 500:
                break
        except OSError as error:
            reason = str(getattr(error, "reason", error))
        time.sleep(2**attempt)
    sys.exit(f"{url} cannot be read: {reason}")


def gpg(home: str, *arguments: str, stdin: bytes = b"") -> str:
    command = ["gpg", "--homedir", home, "--batch", "--no-tty", "--no-options", "--no-autostart", *arguments]
    # Not by its return code: it also wants to talk to an agent, which is of no use here.
    done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return done.stdout.decode()


def primaries(listing: str) -> set[str]:
    """Fingerprints of primary keys. Whoever makes a key can put another's below it, so that those say nothing."""
    found: set[str] = set()
    kind = ""
    for fields in (line.split(":") for line in listing.splitlines()):
        if fields[0] == "fpr" and kind == "pub":
            found.add(fields[9])
        elif fields[0] in ("pub", "sub"):
            kind = fields[0]
    return found


def trusted_keys(material: bytes, fingerprints: set[str], url: str) -> str:
    """Those keys alone, in ASCII armour, without what others say of them."""
    with tempfile.TemporaryDirectory(prefix="rampart-gpg-") as home:
        gpg(home, "--import", stdin=material)
        found = primaries(gpg(home, "--with-colons", "--list-keys"))
        if not found & fingerprints:
            there = ", ".join(sorted(found)) or "no OpenPGP key"
            sys.exit(f"none of the trusted keys is at {url}, but {there}")
        armour = gpg(home, "--armor", "--export-options", "export-minimal", "--export", *sorted(found & fingerprints))
        exported = pathlib.Path(home, "exported")
        exported.write_text(armour)
        strangers = primaries(gpg(home, "--with-colons", "--show-keys", str(exported))) - fingerprints
        if strangers or not armour:
            sys.exit(f"a key at {url} pretends to be a trusted one: {', '.join(sorted(strangers))}")
        return armour


print(trusted_keys(fetch(sys.argv[1]), set(sys.argv[2:]), sys.argv[1]), end="")
