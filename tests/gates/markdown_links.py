"""Print every relative link in the repository's Markdown pages whose file or heading does not exist."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

CODE = re.compile(r"^ {0,3}(```|~~~).*?^ {0,3}\1|`[^`\n]+`", re.M | re.S)
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)|^\[[^\]]+\]:\s+(\S+)|(?:href|src)=\"([^\"]+)\"", re.M)
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.M)
ANCHOR = re.compile(r"<a (?:id|name)=\"([^\"]+)\"")


def anchors(text: str) -> set[str]:
    """The fragments a page offers: explicit anchors, and one per heading as GitHub spells it."""
    found = set(ANCHOR.findall(text))
    for heading in HEADING.findall(re.sub(r"^ {0,3}(```|~~~).*?^ {0,3}\1", "", text, flags=re.M | re.S)):
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        number = 0
        while (name := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(name)
    return found


def broken(page: Path) -> Iterator[str]:
    for groups in LINK.findall(CODE.sub("", page.read_text())):
        target = unquote(next(filter(None, groups)))
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        path, _, fragment = target.partition("#")
        file = page.parent / path if path else page
        if not file.exists() or (fragment and file.suffix == ".md" and fragment not in anchors(file.read_text())):
            yield f"{page}: {target}"


def main() -> int:
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.md", ":!playbooks/collections"]
    pages = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.splitlines()
    findings = [finding for page in map(Path, pages) if page.is_file() for finding in broken(page)]
    print("\n".join(findings))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
