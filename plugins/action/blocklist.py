# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Collects what all hosts have said, without a template in between: of many thousand bans one would take minutes."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

# Networks that a host declares, and where its own addresses are.
DECLARED = ("block_protected_networks", "fail2ban_ignore_networks")
OWN = (
    "ansible_host",
    "private_ip_address",
    "public_ip_address",
    "aws_private_ip_address",
    "aws_public_ip_address",
    "aws_ipv6_address",
)
# What is done once must not depend on which host comes first.
SAME = (
    "block_bucket",
    "block_feeds",
    "block_ip_set_name",
    "block_keep_days",
    "block_networks",
    "block_scope",
    "block_shards",
)
ADDRESS = re.compile(r"[0-9]+(\.[0-9]+){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]*")


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no type hints
    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = dict(self._task.args)
        name = arguments.get("bans_variable")
        if not isinstance(name, str) or not name.isidentifier():
            raise AnsibleError(f"bans_variable: expected the name of a variable, got {name!r}")
        controller = arguments.get("controller_variable")
        handle, path = tempfile.mkstemp(prefix="rampart-", suffix=".json")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(json.dumps(collected(variables["hostvars"], variables["groups"]["all"], name, controller)))
            result: dict[str, Any] = self._execute_module(
                module_args={**arguments, "hosts_file": path}, task_vars=task_vars
            )
        finally:
            os.unlink(path)
        return result


def collected(hostvars: Any, inventory: list[str], name: str, controller: str | None) -> dict[str, Any]:
    """What the module reads: the hosts, what those that answered said, and what must not be blocked."""
    answers = {}
    protected: set[str] = set()
    first: Mapping[str, Any] = {}
    for host in inventory:
        raw = hostvars.raw_get(host)
        first = first or raw
        for key in SAME:
            if raw.get(key) != first.get(key):
                raise AnsibleError(
                    f"{key} is not the same for {host} as for {inventory[0]}: set it for all, in group_vars/all. "
                    "Nothing was changed."
                )
        said = raw.get(name)
        if isinstance(said, Mapping) and isinstance(said.get("bans"), list):
            answers[str(host)] = {
                "bans": [[ban["jail"], ban["address"], ban["start"], ban["end"], ban["count"]] for ban in said["bans"]],
                "restoring": said.get("restoring", 0),
            }
        if controller and isinstance(raw.get(controller), Mapping):
            protected.update(match(raw[controller].get("stdout")))
        protected.update(own_and_declared(hostvars, host, raw))
    return {"inventory": [str(host) for host in inventory], "answers": answers, "protected": sorted(protected)}


def own_and_declared(hostvars: Any, host: str, raw: Mapping[str, Any]) -> Iterator[str]:
    templated = None
    for key in (*DECLARED, *OWN):
        value = raw.get(key)
        if value is None:
            continue
        if needs_template(value):
            templated = templated or hostvars[host]
            value = templated[key]
        if key in OWN:
            yield from match(value)
        elif isinstance(value, (list, tuple)):
            yield from map(str, value)
        elif value is not None:
            raise AnsibleError(f"{host}: {key}: expected a list, got {value!r}")
    yield from match(host)


def needs_template(value: Any) -> bool:
    return "{{" in str(value) or "{%" in str(value)


def match(value: Any) -> Iterator[str]:
    """The value, if it is an address and not a name."""
    if isinstance(value, str) and ADDRESS.fullmatch(value.strip()):
        yield str(value.strip())
