"""Make of the files of denied addresses one that nginx cannot stumble over: denied.py DIRECTORY TRUSTED DENIED.

Reads DIRECTORY/denied/*.conf, lines such as "203.0.113.7 1;" and "2001:db8::/32 1;", and writes DIRECTORY/denied.geo.
The mark DIRECTORY/denied/changed, by which a writer calls it, is taken away first.
TRUSTED and DENIED are addresses and networks, with commas between them. Those denied are added; those trusted, the
proxies in front of this host, are taken out, since their health checks speak for nobody. A line that is neither an
address nor a network, or that takes in too much, is left out and named on the error output.
"""

import ipaddress
import os
import pathlib
import re
import subprocess
import sys
import time

LINE = re.compile(r"(\S+)\s+1\s*;\s*(?:#.*)?$")
SHORTEST = {4: 8, 6: 16}


def network(text):
    found = ipaddress.ip_network(text, strict=False)
    mapped = getattr(found.network_address, "ipv4_mapped", None)
    if mapped is not None and found.prefixlen >= 96:
        found = ipaddress.ip_network(f"{mapped}/{found.prefixlen - 96}")
    if found.prefixlen < SHORTEST[found.version]:
        raise ValueError(f"{text} takes in too much")
    return found


def lines(directory):
    for file in sorted(directory.glob("denied/*.conf")):
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError as error:  # removed meanwhile, or a directory
            print(f"{file}: {error.strerror}", file=sys.stderr)
            continue
        for number, line in enumerate(text.splitlines(), 1):
            stripped = line.strip()
            if not stripped or stripped.startswith("#"):
                continue
            try:
                match = LINE.match(stripped)
                if not match:
                    raise ValueError("expected an address or network and '1;'")
                yield network(match[1])
            except ValueError as error:
                print(f"{file}:{number}: left out: {error}", file=sys.stderr)


def without(networks, trusted):
    """The networks without the trusted ones, as few networks as can say it."""
    left = []
    for version in SHORTEST:
        some = list(ipaddress.collapse_addresses(n for n in networks if n.version == version))
        for hole in (t for t in trusted if t.version == version):
            some = [piece for n in some for piece in cut(n, hole)]
        left += some
    return left


def cut(whole, hole):
    if not whole.overlaps(hole):
        return [whole]
    return [] if whole.subnet_of(hole) else whole.address_exclude(hole)


def write(directory, trusted, denied):
    networks = sorted(without([*denied, *lines(directory)], trusted), key=lambda n: (n.version, n))
    rows = "".join(f"    {n} 1;\n" for n in networks)
    text = f'# Made by denied.py of denied/*.conf.\ngeo $rampart_denied {{\n    default "";\n{rows}}}\n'
    target = directory / "denied.geo"
    if target.is_file() and target.read_text(encoding="utf-8") == text:
        return False
    new = directory / ".denied.geo.new"
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(target)
    return True


def main():
    directory = pathlib.Path(sys.argv[1])
    trusted, denied = ([network(word) for word in words.split(",") if word] for words in sys.argv[2:4])
    (directory / "denied/changed").unlink(missing_ok=True)
    # Until nothing has changed for a second: who writes a new file and then renames it calls this by the first, and
    # systemd does not notice the second while this runs. The last look is the last thing that is done.
    quiet = 0
    while True:
        if write(directory, trusted, denied):
            subprocess.run(["systemctl", "try-reload-or-restart", "nginx.service"], check=False)
            quiet = 0
        elif quiet == 5:
            break
        quiet += 1
        time.sleep(0.2)


main()
