# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""nginx's language as nginx reads it: what looks like a server block and is none, and the other way round."""

from __future__ import annotations

import pytest
from ansible_collections.rampart.ops.plugins.module_utils.nginx import model

MAIN = r"""
# server { listen 1; }
events {}
stream { server { listen 2; } }
http {
    log_format odd 'server { listen 3; } # no comment' "and \" server {";
    map $uri $x { default ""; "~^/a{2}}$" 1; ~^/b\;c 2; }
    server { listen 80; server_name one.example *.one.example; include snippets/policy.conf; }
    server
    { # server { listen 4; }
        server_name "two.example" 'three.example';
        listen 443 ssl default_server; listen [::]:443 ssl;
        set $y a}b; # a brace inside a word ends nothing
        set $z ${uri}x;
        location /server { return 200 "server { listen 5; }"; }
        content_by_lua_block { if x then t = { "}" , "{" } end }
    }
    include sites/*;
}
"""
FILES = {"sites/*": [("/n/sites/a", "server { server_name four.example; }\n"), ("/n/sites/b", "# empty\n")]}


def include(pattern: str) -> list[tuple[str, str]]:
    return FILES.get(pattern, [])


def test_only_the_server_blocks_of_http_are_found() -> None:
    found = model.servers(model.parse(MAIN, "/n/nginx.conf", include))
    assert [(block.path, block.line, block.names) for block in found] == [
        ("/n/nginx.conf", 8, ["one.example", "*.one.example"]),
        ("/n/nginx.conf", 9, ["two.example", "three.example"]),
        ("/n/sites/a", 1, ["four.example"]),
    ]
    assert [block.listens for block in found] == [["80"], ["443 ssl default_server", "[::]:443 ssl"], ["80"]]
    assert [block.includes for block in found] == [["snippets/policy.conf"], [], []]
    assert [MAIN[block.opened - 1] for block in found[:2]] == ["{", "{"]


def test_what_is_inserted_into_a_server_block_takes_effect_there_and_can_be_taken_out() -> None:
    insertion = "\n    include snippets/adopted.conf;"
    found = model.servers(model.parse(MAIN, "/n/nginx.conf", include))
    edited = model.insert(MAIN, [block.opened for block in found[:2]], insertion)
    again = model.servers(model.parse(edited, "/n/nginx.conf", include))
    assert [block.includes[0] for block in again[:2]] == ["snippets/adopted.conf"] * 2
    assert [block.names for block in again] == [block.names for block in found]
    assert edited.replace(insertion, "") == MAIN


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("http { server {", "the block of server is not closed"),
        ("http { } }", "f:1: unexpected }"),
        ("\nuser 'www;", "f:2: the quote ' is not closed"),
        ("events {}\nuser www", "f:2: user is not ended by a semicolon"),
        ("{}", "unexpected {"),
        ("http { listen }", "unexpected }"),
    ],
)
def test_what_nginx_would_not_read_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(model.NginxError, match="f") as raised:
        model.parse(text, "f")
    assert complaint in str(raised.value)


def test_files_that_include_each_other_end() -> None:
    with pytest.raises(model.NginxError, match="without end"):
        model.parse("include x;", "x", lambda _pattern: [("x", "include x;")])


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("80", "*:80"),
        ("*:80 default_server", "*:80"),
        ("0.0.0.0:80", "*:80"),
        ("[::]:80", "[::]:80"),
        ("[::]", "[::]:80"),
        ("127.0.0.1", "127.0.0.1:80"),
        ("unix:/run/x", "unix:/run/x"),
    ],
)
def test_one_address_has_one_spelling(listen: str, address: str) -> None:
    assert model.same_address(listen) == address


HEADERS = {"X-A": "add_header X-A $a always;", "X-B": "add_header X-B $b always;"}


def test_every_block_with_headers_of_its_own_gets_those_of_the_server() -> None:
    config = """location / { try_files $uri =404; }
location /a {
    add_header x-a "own { value";
    if ($slow) { add_header X-C c; }
    location /a/deep { expires 1d; }
}
# location /b { add_header X-D d; }
"""
    assert (
        model.inherit_headers(config, HEADERS)
        == """location / { try_files $uri =404; }
location /a { add_header X-B $b always;
    add_header x-a "own { value";
    if ($slow) { add_header X-A $a always; add_header X-B $b always; add_header X-C c; }
    location /a/deep { expires 1d; }
}
# location /b { add_header X-D d; }
"""
    )


def test_a_text_without_headers_stays_as_it_is() -> None:
    assert model.inherit_headers("access_log off;\n", HEADERS) == "access_log off;\n"
