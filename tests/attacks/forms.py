"""The corpora, and the forms in which a path can be written so that servers still find what it means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
# What follows a name here is no part of it, for some server. (Not for what must stand at the very end.)
SUFFIXED = {"php", "public", "cgi", "wordpress", "dotfiles", "leftovers", "dumps"}
EXACT = re.compile(r"[?#]|%23$|shell$|[~/]$|%[0-9a-f]{2}$|[ .,+]$|\$DATA$|/\.\.$")


def corpus(name: str) -> Iterator[tuple[str, str]]:
    """The lines of a corpus: group and path."""
    group = ""
    for line in (HERE / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            group = line.strip("[]")
        elif line and not line.startswith("# "):
            yield group, line


def split(path: str) -> tuple[str, str]:
    bare, mark, query = path.partition("?")
    return bare, mark + query


def alternating(path: str) -> str:
    """Every other letter in the other case; escapes stay as they are."""
    parts = re.split(r"(%[0-9A-Fa-f]{2})", path)
    swapped = ("".join(c.upper() if i % 2 else c.lower() for i, c in enumerate(p)) for p in parts)
    return "".join(p if p.startswith("%") else s for p, s in zip(parts, swapped, strict=True))


def escaped(path: str, positions: int | None = None) -> str:
    """The first letters, or all, as escapes; those that are in escapes already, and slashes, stay."""
    out, left = [], positions
    for part in re.split(r"(%[0-9A-Fa-f]{2})", path):
        if part.startswith("%") and len(part) == 3:
            out.append(part)
            continue
        for character in part:
            if character.isalnum() and (left is None or left > 0):
                out.append(f"%{ord(character):02x}")
                left = None if left is None else left - 1
            else:
                out.append(character)
    return "".join(out)


def evasions(group: str, path: str) -> Iterator[str]:
    """The path, and every other way to write it that means the same."""
    yield path
    bare, query = split(path)
    yield bare + (query or "?x=/index.html&y=1")
    if group == "escapes":
        return
    yield alternating(bare) + query
    yield bare.upper().replace("%2E", "%2e") + query
    yield escaped(bare, 1) + query
    yield escaped(bare) + query
    yield "/" + bare + query
    yield bare.replace("/", "//") + query
    yield "/." + bare + query
    if not re.search(r"/\.\.;?(/|$)|%5c|%2f|;", bare):
        yield "/x/.." + bare + query
        yield "/x/y/../.." + bare + query
        yield "/./x//.." + bare + query
        yield "/%2e" + bare + query
        # Once more encoded: what an upstream makes of it that decodes twice.
        yield escaped(bare, 1).replace("%", "%25") + query
    if group in SUFFIXED and not EXACT.search(path):
        yield from (
            bare + end for end in ("/b", "/b.css", ";a=b", ";/b.js", "%20", "%00.html", "/../" + bare.lstrip("/"))
        )


def requests(group: str, path: str, host: str) -> Iterator[str]:
    """Request lines of HTTP/1.1, with everything that evasions() can do and more."""
    for form in dict.fromkeys(evasions(group, path)):
        yield f"GET {form} HTTP/1.1"
    yield f"GET http://{host}{path} HTTP/1.1"
    yield from (f"{method} {path} HTTP/1.1" for method in ("POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PROPFIND"))


# No path, but the noise of those who look for other protocols, and for proxies. nginx itself refuses it.
GARBAGE = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"\x03\x00\x00/*\xe0\x00\x00\x00\x00\x00Cookie: mstshash=Administr\r\n\r\n",
    b"SSH-2.0-Go\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\n\r\n",
    b"GET /x.php\x00.html HTTP/1.1\r\n\r\n",
    b"GET /%u0070ublic HTTP/1.1\r\n\r\n",
    b"GET /%zz HTTP/1.1\r\n\r\n",
    b"GET /../x HTTP/1.1\r\n\r\n",
    b"GET /..%2f..%2fetc/hosts HTTP/1.1\r\n\r\n",
    b"GET public/ HTTP/1.1\r\n\r\n",
    b"GET x.php HTTP/1.1\r\n\r\n",
    b"CONNECT example.com:443 HTTP/1.1\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"\r\n\r\nQUIT\r\n\r\n",
    b'{"id":1,"method":"mining.subscribe"}\n\n',
]
