# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The counts that roles/nginx_hardening/files/responses.py makes of nginx's log, as systemd runs it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "roles/nginx_hardening/files/responses.py"
SITES = {"www.example.com": "shop", "example.com": "shop", "blog.example.com": "blog"}
WILD = {"*.example.com": "any", ".deep.example.com": "deep", "www.example.com": "shop"}


def line(host: str, status: int, refused: str = "") -> str:
    return json.dumps({"host": host, "path": "/", "status": status, "refused": refused}) + "\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access_json.log"
    path.write_text(line("www.example.com", 200))
    counts(path)
    return path


def write(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.writelines(lines)


def counts(log: Path, sites: dict[str, str] = SITES) -> dict[str, int]:
    """What is counted after a further run, without the zeros."""
    target = log.with_name("responses.prom")
    subprocess.run([sys.executable, SCRIPT, log, target, json.dumps(sites)], check=True)
    assert target.stat().st_mode & 0o777 == 0o644
    found = re.findall(r'^nginx_http_(\w+)_total\{site="(\w+)"(?:,status="(\w+)")?\} (\d+)$', target.read_text(), re.M)
    return {" ".join(filter(None, key)): int(value) for *key, value in found if value != "0"}


def test_all_that_can_be_counted_is_there_from_the_start(log: Path) -> None:
    text = log.with_name("responses.prom").read_text()
    assert text.count('nginx_http_responses_total{site="') == 3 * 5
    assert text.count('nginx_http_refused_requests_total{site="') == 3
    assert text.count("# TYPE ") == text.count("# HELP ") == 2


def test_what_was_in_the_log_before_is_not_counted(log: Path) -> None:
    assert counts(log) == {}


def test_responses_are_counted_once(log: Path) -> None:
    write(log, line("example.com", 200), line("www.example.com", 503), line("blog.example.com", 403, "php"))
    expected = {"responses shop 2xx": 1, "responses shop 5xx": 1, "responses blog 4xx": 1, "refused_requests blog": 1}
    assert counts(log) == expected
    assert counts(log) == expected
    write(log, line("example.com", 200))
    assert counts(log) == {**expected, "responses shop 2xx": 2}


def test_a_name_of_nobody_makes_no_series_of_its_own(log: Path) -> None:
    write(log, *(line(f"{n}.attacker.example", 444, "unknown") for n in range(50)))
    assert counts(log) == {"responses other 4xx": 50, "refused_requests other": 50}


def test_names_with_an_asterisk_are_matched_as_nginx_matches_them(log: Path) -> None:
    hosts = "www.example.com x.example.com a.b.example.com deep.example.com x.deep.example.com example.com"
    write(log, *(line(host, 200) for host in hosts.split()))
    expected = {"responses shop 2xx": 1, "responses any 2xx": 2, "responses deep 2xx": 2, "responses other 2xx": 1}
    assert counts(log, WILD) == expected


def test_a_site_can_have_all_other_names(log: Path) -> None:
    write(log, line("anything", 200), line("www.example.com", 200))
    assert counts(log, {"_": "rest", "www.example.com": "shop"}) == {"responses rest 2xx": 1, "responses shop 2xx": 1}


def test_a_line_that_is_not_whole_is_left_for_later(log: Path) -> None:
    whole = line("example.com", 200)
    write(log, whole, whole[:20])
    assert counts(log) == {"responses shop 2xx": 1}
    write(log, whole[20:])
    assert counts(log) == {"responses shop 2xx": 2}


def test_what_is_no_response_is_passed_over(log: Path) -> None:
    write(log, "garbage\n", "[]\n", "{}\n", line("example.com", 0), line("example.com", 200))
    assert counts(log) == {"responses shop 2xx": 1}


def test_bytes_that_are_no_text_are_no_reason_to_stop(log: Path) -> None:
    with log.open("ab") as file:
        file.write(b'{"host":"example.com","path":"/\xff\xfe","status":404,"refused":""}\n')
    assert counts(log) == {"responses shop 4xx": 1}


def test_nothing_is_lost_when_the_log_is_rotated(log: Path) -> None:
    write(log, line("example.com", 200))
    counts(log)
    write(log, line("example.com", 301))
    log.rename(log.with_name("access_json.log.1"))
    log.write_text(line("example.com", 404))
    assert counts(log) == {"responses shop 2xx": 1, "responses shop 3xx": 1, "responses shop 4xx": 1}
    assert counts(log) == {"responses shop 2xx": 1, "responses shop 3xx": 1, "responses shop 4xx": 1}


def test_a_log_that_was_emptied_is_read_from_its_start(log: Path) -> None:
    log.write_text("")
    assert counts(log) == {}
    write(log, line("example.com", 200))
    assert counts(log) == {"responses shop 2xx": 1}


def test_a_site_that_is_gone_is_counted_no_more(log: Path) -> None:
    target = log.with_name("responses.prom")
    target.write_text(target.read_text() + 'nginx_http_responses_total{site="old",status="2xx"} 7\n')
    assert counts(log) == {}


def test_a_log_that_is_not_there_yet_is_no_error(tmp_path: Path) -> None:
    subprocess.run([sys.executable, SCRIPT, tmp_path / "no.log", tmp_path / "no.prom", "{}"], check=True)
    assert not (tmp_path / "no.prom").exists()
