# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""check_variables, as a playbook uses it, on hosts with wrong variables; and its parts on small specifications."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.rampart.ops.plugins.plugin_utils.role_variables import unknown_names, wrong_values

REPO = Path(__file__).resolve().parents[2]
SPECS = {
    "shop": {"shop_ports": {"type": "list", "elements": "int"}, "shop_state": {"type": "str"}},
    "shop_api": {"shop_api_ports": {"type": "list"}},
}


def check(tmp_path: Path, roles: list[str], variables: dict[str, Any], *flags: str) -> tuple[int, str]:
    """Check web-1 with these variables and web-2 with none; return the exit code and the output."""
    (tmp_path / "hosts.yml").write_text(json.dumps({"all": {"hosts": {"web-1": variables, "web-2": {}}}}))
    task = {"name": "Check", "rampart.ops.check_variables": {"roles": roles}}
    (tmp_path / "play.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-i", tmp_path / "hosts.yml", tmp_path / "play.yml", *flags],
        cwd=REPO,
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default", "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "web-2                      : ok=1" in done.stdout, done.stdout + done.stderr
    return done.returncode, done.stdout


def test_right_variables_pass_without_a_connection(tmp_path: Path) -> None:
    right = {
        "nginx_hardening_sites": [{"name": "a", "server_names": ["{{ inventory_hostname }}"], "root": "/srv"}],
        "fail2ban_bantime": "600",
        "fail2ban_ignore_networks": "{{ office }}",
        "office": ["198.51.100.0/24"],
        "ansible_host": "192.0.2.1",
    }
    for flags in ([], ["--check"]):
        assert check(tmp_path, ["nginx_hardening", "fail2ban"], right, *flags)[0] == 0


def test_what_a_playbook_reads_is_no_misspelt_variable_of_a_role(tmp_path: Path) -> None:
    assert check(tmp_path, ["waf"], {"waf_review_hours": 24})[0] == 0
    code, output = check(tmp_path, ["waf"], {"waf_revue_hours": 24})
    assert code == 2 and "waf_revue_hours: the role waf has no such variable" in output


def test_all_problems_of_a_host_are_named_at_once_with_their_remedies(tmp_path: Path) -> None:
    wrong = {
        "nginx_hardening_site": [],
        "nginx_hardning_policies": ["php"],
        "nginx_hardening_deny_status": 500,
        "nginx_hardening_sites": [{"server_names": "www.example.org", "root": "/srv"}],
        "fail2ban_ignore_networks": "198.51.100.0/24",
        "fail2ban_bantime": "ten minutes",
        "fail2ban_maxretry": "{{ not_defined_anywhere }}",
        "fail2ban_jails": None,
    }
    code, output = check(tmp_path, ["nginx_hardening", "fail2ban"], wrong)
    assert code == 2
    for expected in (
        "Variables of web-1",
        "nginx_hardening_site: the role nginx_hardening has no such variable. Did you mean nginx_hardening_sites?",
        "nginx_hardning_policies: no role reads this. Did you mean nginx_hardening_policies?",
        "value of nginx_hardening_deny_status must be one of: 403, 404, 444, got: 500",
        "nginx_hardening_sites[0].server_names: expected list, got str 'www.example.org'",
        "fail2ban_ignore_networks: expected list, got str '198.51.100.0/24'",
        "fail2ban_bantime",
        "fail2ban_maxretry: cannot be evaluated",
        "fail2ban_jails: expected dict, got nothing",
    ):
        assert expected in output, output
    assert "not_defined_anywhere" in output


def test_only_the_named_roles_are_looked_at(tmp_path: Path) -> None:
    assert check(tmp_path, ["fail2ban"], {"nginx_hardening_site": []})[0] == 0


def test_a_secret_is_not_printed() -> None:
    option = {"type": "list", "no_log": True}
    assert list(wrong_values("shop_password", option, "hunter2")) == [
        "shop_password: expected list, got str its value is not shown"
    ]
    number = {"type": "int", "no_log": True}
    assert "hunter2" not in "".join(wrong_values("shop_password", number, "hunter2"))


def test_the_longest_role_name_owns_a_variable() -> None:
    assert list(unknown_names(["shop_api_ports", "shop_ports"], SPECS, sorted(SPECS))) == []
    (problem,) = unknown_names(["shop_api_port"], SPECS, sorted(SPECS))
    assert "the role shop_api has no such variable. Did you mean shop_api_ports?" in problem
    only_shop = {"shop": SPECS["shop"]}
    assert list(unknown_names(["shop_api_port"], only_shop, sorted(SPECS))) == []


def test_a_stranger_s_variables_are_left_alone() -> None:
    strangers = ["http_port", "shopping_list", "_shop_ports", "__shop_state", "ansible_host", "groups", "ports"]
    assert list(unknown_names(strangers, SPECS, sorted(SPECS))) == []


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ({"type": "list", "elements": "int"}, [1, "2"], None),
        ({"type": "list", "elements": "int"}, [1, "two"], "unable to convert to int"),
        ({"type": "list", "elements": "dict"}, ["a"], "x[0]: expected dict, got str 'a'"),
        ({"type": "str"}, ["a"], "x: expected str, got list"),
        ({"type": "str"}, 5, None),
        ({"type": "bool"}, "yes", None),
        ({"type": "bool"}, "perhaps", "unable to convert to bool"),
        ({"type": "dict", "options": {"a": {"type": "list"}}}, {"a": "b"}, "x.a: expected list, got str 'b'"),
        ({"type": "dict", "options": {"a": {"type": "str"}}}, {"b": "c"}, "b. Supported parameters include: a"),
        ({"type": "list", "default": []}, None, "x: expected list, got nothing"),
        ({"type": "str"}, None, None),
    ],
)
def test_types(option: dict[str, Any], value: Any, problem: str | None) -> None:
    problems = list(wrong_values("x", option, value))
    assert problems == [] if problem is None else problem in problems[0]
