# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""A host's nginx, in a directory: what is found, what is adopted, and what comes back."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.rampart.ops.plugins.module_utils.nginx.host import Host
from ansible_collections.rampart.ops.plugins.module_utils.nginx.model import NginxError

INSERTION = "\n    include snippets/adopted.conf;"
SHOP = b"server { server_name shop; }\r\nserver {\n server_name blog *.blog; listen 8080 default_server;\n}\n"


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    for directory in ("sites-available", "sites-enabled", "conf.d"):
        (tmp_path / directory).mkdir()
    (tmp_path / "nginx.conf").write_text("events {}\nhttp { include conf.d/*.conf; include sites-enabled/*; }\n")
    (tmp_path / "conf.d/rampart.conf").write_text("server { listen 80 default_server; server_name _; }\n")
    (tmp_path / "sites-available/shop").write_bytes(SHOP)
    (tmp_path / "sites-available/shop").chmod(0o640)
    for link in ("shop", "shop-again"):
        (tmp_path / "sites-enabled" / link).symlink_to("../sites-available/shop")
    (tmp_path / "sites-enabled/stock").write_text("server { listen 80 default_server; server_name stock; }\n")
    return tmp_path


def look(etc: Path, **options: Any) -> dict[str, Any]:
    stock = etc / "sites-enabled/stock"
    packaged = hashlib.md5(b"server { listen 80 default_server; server_name stock; }\n").hexdigest()  # noqa: S324

    def run(command: list[str]) -> tuple[int, str, str]:
        if command[-1] == "-V":
            built = "nginx version: nginx/1.22.1\nbuilt with OpenSSL 3.0.20 x (running with OpenSSL 3.0.22 y)\n"
            return 0, "", f"{built}configure arguments: --prefix=/x --conf-path={etc}/nginx.conf --with-x\n"
        if command[1] == "--search":
            return (0, f"nginx-common: {stock}\n", "") if command[-1] == str(stock) else (1, "", "")
        return 0, f"\n {etc}/other 00000000000000000000000000000000\n {stock} {packaged}\n", ""

    arguments: dict[str, Any] = {
        "ours": [f"{etc}/conf.d/rampart*.conf"],
        "policy": "snippets/policy*.conf",
        "adopt": [],
        "insertion": INSERTION,
        "replaced": [],
        "paths": [],
        **options,
    }
    return Host(run, lambda name, **_: f"/usr/sbin/{name}").describe(**arguments)


def uncovered(found: dict[str, Any]) -> list[str]:
    return [block["server_names"][0] for block in found["servers"] if not block["covered"]]


def test_what_is_not_ours_and_has_no_policy_is_uncovered(etc: Path) -> None:
    found = look(etc, paths=[f"{etc}/nginx.conf", f"{etc}/none"])
    assert (found["version"], found["openssl"]) == ("1.22.1", "3.0.22")
    assert uncovered(found) == ["shop", "blog", "shop", "blog", "stock"]
    assert found["default_listen"] == ["*:80", "*:8080"]
    assert found["edits"] == []
    assert found["http_directives"] == ["include", "server"]
    assert found["existing"] == [f"{etc}/nginx.conf"]
    (etc / "sites-available/shop").write_text(
        f"server {{ server_name shop; include {etc}/snippets/policy-php.conf; }}\n"
    )
    assert uncovered(look(etc)) == ["stock"]


def test_what_the_package_brought_does_not_count_and_what_was_changed_does(etc: Path) -> None:
    stock = str(etc / "sites-enabled/stock")
    found = look(etc, replaced=[stock])
    assert found["pristine"] == [stock] and "stock" not in uncovered(found)
    assert found["default_listen"] == ["*:8080"]
    Path(stock).write_text("server { listen 80 default_server; server_name mine; }\n")
    found = look(etc, replaced=[stock])
    assert found["pristine"] == [] and found["existing"] == [stock]
    assert "mine" in uncovered(found) and "*:80" in found["default_listen"]


def test_adoption_edits_the_file_once_however_it_is_enabled_and_again_changes_nothing(etc: Path) -> None:
    found = look(etc, adopt=["shop", "*.blog"])
    assert uncovered(found) == ["stock"]
    (edit,) = found["edits"]
    assert (edit["dest"], edit["mode"], edit["inserted"]) == (str(etc / "sites-available/shop"), "0640", INSERTION)
    assert edit["content"].count(INSERTION) == 2
    assert edit["content"].replace(INSERTION, "").encode() == SHOP
    (etc / "sites-available/shop").write_bytes(edit["content"].encode())
    assert look(etc, adopt=["shop", "*.blog"])["edits"] == [edit]


def test_a_block_that_is_adopted_no_longer_loses_its_line_and_another_keeps_its_own(etc: Path) -> None:
    (both,) = look(etc, adopt=["*"])["edits"][:1]
    (etc / "sites-available/shop").write_bytes(both["content"].encode())
    found = look(etc, adopt=["blog"])
    (edit,) = found["edits"]
    assert edit["content"] == SHOP.decode().replace("\nserver {", f"\nserver {{{INSERTION}")
    assert uncovered(found) == ["shop", "shop", "stock"]
    assert set(uncovered(look(etc))) == {"shop", "blog", "stock"}


def test_a_name_that_no_block_has_is_refused(etc: Path) -> None:
    with pytest.raises(NginxError, match=r"the name _, nobody; there are: \*.blog, blog, shop, stock"):
        look(etc, adopt=["nobody", "_", "shop"])
