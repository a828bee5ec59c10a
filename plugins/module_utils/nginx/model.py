# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""nginx's configuration language, read as nginx reads it. Pure: the files come from the caller.

The tokens are those of ngx_conf_read_token (https://github.com/nginx/nginx/blob/master/src/core/ngx_conf_file.c):
comments begin only where a token may, quotes only at the start of one, and ``${`` opens no block.
"""

from __future__ import annotations

import re
from typing import Callable, Iterable, Iterator, NamedTuple, Tuple

# Files cannot include each other for ever; nginx would run out of descriptors.
DEEPEST_INCLUDE = 20

# include(pattern) gives the path and text of each file that an "include" means.
Include = Callable[[str], Iterable[Tuple[str, str]]]


class NginxError(Exception):
    """This is not nginx's language; the message names file and line."""


class Token(NamedTuple):
    """A word, or (``quoted`` false) one of ``;``, ``{`` and ``}`` as ``mark``; C(end) is the offset behind it."""

    mark: bool
    text: str
    line: int
    start: int
    end: int


class Directive(NamedTuple):
    """``name args...;``, or with a block ``name args... {block}``. An ``include`` has what it includes as its block."""

    name: str
    args: tuple[str, ...]
    block: list[Directive] | None
    path: str
    line: int
    opened: int  # the offset behind "{" in the file, or -1
    start: int


class Server(NamedTuple):
    """A ``server`` block of the http context."""

    path: str
    line: int
    opened: int
    names: list[str]
    listens: list[str]
    includes: list[str]


LUA_BLOCK = re.compile(r"_by_lua_block$")


def tokens(text: str, path: str) -> Iterator[Token]:
    """Raises NginxError for a quote that is not closed."""
    position, line = 0, 1
    while position < len(text):
        character = text[position]
        if character == "\n":
            line += 1
        if character.isspace():
            position += 1
        elif character == "#":
            newline = text.find("\n", position)
            position = len(text) if newline < 0 else newline
        elif character in ";{}":
            yield Token(True, character, line, position, position + 1)
            position += 1
        else:
            word, end = _quoted(text, position, path, line) if character in "\"'" else _bare(text, position)
            yield Token(False, word, line, position, end)
            line += text.count("\n", position, end)
            position = end


def _quoted(text: str, start: int, path: str, line: int) -> tuple[str, int]:
    quote, position, word = text[start], start + 1, ""
    while position < len(text) and text[position] != quote:
        if text[position] == "\\" and text[position + 1 : position + 2] in (quote, "\\"):
            position += 1
        word += text[position]
        position += 1
    if position >= len(text):
        raise NginxError(f"{path}:{line}: the quote {quote} is not closed")
    return word, position + 1


def _bare(text: str, start: int) -> tuple[str, int]:
    position = start
    while position < len(text):
        character = text[position]
        if character.isspace() or character == ";" or (character == "{" and text[position - 1] != "$"):
            break
        # What follows a backslash is part of the word, whatever it is.
        position += 2 if character == "\\" else 1
    return text[start:position], min(position, len(text))


def parse(text: str, path: str, include: Include | None = None, depth: int = 0) -> list[Directive]:
    """The directives of a file. With ``include``, those of included files are the block of the ``include``."""
    if depth > DEEPEST_INCLUDE:
        raise NginxError(f"{path}: files include each other without end")
    stream = tokens(text, path)
    directives, closed = _block(stream, text, path, include, depth)
    if closed:
        raise NginxError(f"{path}:{closed.line}: unexpected }}")
    return directives


def _block(
    stream: Iterator[Token], text: str, path: str, include: Include | None, depth: int
) -> tuple[list[Directive], Token | None]:
    directives: list[Directive] = []
    words: list[Token] = []
    for token in stream:
        if not token.mark:
            words.append(token)
            continue
        if token.text == "}":
            if words:
                raise NginxError(f"{path}:{token.line}: unexpected }}")
            return directives, token
        if not words:
            raise NginxError(f"{path}:{token.line}: unexpected {token.text}")
        name, args = words[0].text, tuple(word.text for word in words[1:])
        block, opened = None, -1
        if token.text == "{":
            opened = token.end
            if LUA_BLOCK.search(name):
                block = _skip_lua(stream)
            else:
                block, closed = _block(stream, text, path, include, depth)
                if closed is None:
                    raise NginxError(f"{path}:{words[0].line}: the block of {name} is not closed")
        elif name == "include" and include and len(args) == 1:
            block = [
                directive
                for included, content in include(args[0])
                for directive in parse(content, included, include, depth + 1)
            ]
        directives.append(Directive(name, args, block, path, words[0].line, opened, words[0].start))
        words = []
    if words:
        raise NginxError(f"{path}:{words[0].line}: {words[0].text} is not ended by a semicolon")
    return directives, None


def _skip_lua(stream: Iterator[Token]) -> list[Directive]:
    """Lua is not nginx's language; its braces are balanced, and that must do."""
    level = 1
    for token in stream:
        level += {"{": 1, "}": -1}.get(token.text, 0) if token.mark else token.text.count("{") - token.text.count("}")
        if level <= 0:
            break
    return []


def flat(directives: Iterable[Directive]) -> Iterator[Directive]:
    """What nginx sees in one block: the directives with those of included files in the place of the ``include``."""
    for directive in directives:
        yield directive
        if directive.name == "include":
            yield from flat(directive.block or [])


def http_directives(main: Iterable[Directive]) -> list[Directive]:
    """What is set at the http level itself."""
    return [inner for http in flat(main) if http.name == "http" for inner in flat(http.block or [])]


def servers(main: Iterable[Directive]) -> list[Server]:
    """The server blocks of ``http``, in the order in which nginx meets them."""
    found = []
    for server in http_directives(main):
        if server.name != "server" or server.block is None or server.opened < 0:
            continue
        inside = list(flat(server.block))
        found.append(
            Server(
                server.path,
                server.line,
                server.opened,
                [name for inner in inside if inner.name == "server_name" for name in inner.args],
                [" ".join(inner.args) for inner in inside if inner.name == "listen"] or ["80"],
                [inner.args[0] for inner in inside if inner.name == "include" and inner.args],
            )
        )
    return found


def is_default(listen: str) -> bool:
    return bool({"default_server", "default"} & set(listen.split()[1:]))


def same_address(listen: str) -> str:
    """The address of a ``listen`` in one spelling: ``80``, ``*:80`` and ``0.0.0.0:80`` are the same socket."""
    address = listen.split()[0]
    if address.startswith("unix:"):
        return address
    if address.isdigit():
        return f"*:{address}"
    host, colon, port = address.rpartition(":")
    if not colon or address.endswith("]"):  # an address without a port
        host, port = address, "80"
    return f"{'*' if host in ('0.0.0.0', '*', '') else host}:{port}"  # noqa: S104 - compared, not bound


def insert(text: str, offsets: Iterable[int], insertion: str) -> str:
    """The text with the insertion at these offsets."""
    for offset in sorted(set(offsets), reverse=True):
        text = text[:offset] + insertion + text[offset:]
    return text


def blocks_with(directives: Iterable[Directive], name: str) -> Iterator[Directive]:
    """Every block, at any depth, that has a directive of this name of its own."""
    for directive in directives:
        if directive.block is None or directive.opened < 0:
            continue
        if any(inner.name == name for inner in directive.block):
            yield directive
        yield from blocks_with(directive.block, name)


def inherit_headers(config: str, headers: dict[str, str]) -> str:
    """Part of a server block in which no block loses the server's response headers.

    nginx inherits ``add_header`` only into blocks that have none of their own. So each of those gets the lines of
    ``headers`` ({name: the whole directive}), except for a header that the block sets itself.

    Raises NginxError if the text is not nginx's language.
    """
    directives = parse(config, "config")
    additions = {}
    for block in blocks_with(directives, "add_header"):
        own = own_headers(block.block or [])
        missing = [line for name, line in headers.items() if name.lower() not in own]
        additions[block.opened] = "".join(f" {line}" for line in missing)
    for offset in sorted(additions, reverse=True):
        config = config[:offset] + additions[offset] + config[offset:]
    return config


def own_headers(directives: Iterable[Directive]) -> set[str]:
    return {inner.args[0].lower() for inner in directives if inner.name == "add_header" and inner.args}
