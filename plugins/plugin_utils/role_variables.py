# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Variables of hosts and jobs against the argument specifications of this collection's roles."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.yaml import yaml_load

ROLES = Path(__file__).parent.parent.parent / "roles"
PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"

SCALARS = ("str", "int", "float", "bool", "path", "bytes", "bits")

Spec = Mapping[str, Mapping[str, Any]]


def load(path: Path) -> dict[str, Any]:
    return dict(yaml_load(path.read_text(encoding="utf-8")) or {}) if path.exists() else {}


def specification(role: str) -> Spec:
    """The options of all entry points of a role."""
    entry_points = load(ROLES / role / "meta/argument_specs.yml").get("argument_specs", {})
    return {name: option for entry in entry_points.values() for name, option in entry.get("options", {}).items()}


def unknown_names(names: list[str], specs: Mapping[str, Spec], all_roles: list[str]) -> Iterator[str]:
    """Variables that carry a role's prefix but that the role does not read, or that all but carry one."""
    known = {name: role for role, spec in specs.items() for name in spec}
    for name in sorted(set(names) - set(known)):
        # The longest prefix decides, because one role's name may begin another's.
        owner = max((role for role in all_roles if name.startswith(f"{role}_")), key=len, default="")
        if owner in specs:
            hint = difflib.get_close_matches(name, specs[owner], n=1, cutoff=0.7)
            remedy = f"Did you mean {hint[0]}?" if hint else f"Its variables are: {', '.join(sorted(specs[owner]))}."
            yield f"{name}: the role {owner} has no such variable. {remedy}"
        elif not owner and not name.startswith("_"):  # what begins so is a role's own
            hint = difflib.get_close_matches(name, known, n=1, cutoff=0.93)
            if hint:
                yield f"{name}: no role reads this. Did you mean {hint[0]}?"


def wrong_containers(name: str, option: Mapping[str, Any], value: Any) -> Iterator[str]:
    """Lists and dictionaries must be such: nothing converts a role's variables, so a template would read a string
    letter by letter."""
    kind = option.get("type", "str")
    expected = {"list": list, "dict": dict}.get(kind)
    if value is None:
        if option.get("default") is not None or option.get("required"):
            yield f"{name}: expected {kind}, got nothing. Give it a value, or remove the line to have the default."
    elif not isinstance(value, expected) if expected else kind in SCALARS and isinstance(value, (list, dict)):
        yield f"{name}: expected {kind}, {got(option, value)}"
    elif kind == "list":
        element = {key: option[key] for key in ("options", "no_log") if key in option}
        for index, item in enumerate(value):
            yield from wrong_containers(f"{name}[{index}]", {**element, "type": option.get("elements", "raw")}, item)
    elif kind == "dict":
        for key, inner in option.get("options", {}).items():
            if value.get(key) is not None:
                yield from wrong_containers(f"{name}.{key}", inner, value[key])


def got(option: Mapping[str, Any], value: Any) -> str:
    text = "its value is not shown" if option.get("no_log") else repr(value)
    return f"got {type_name(value)} {text if len(text) < 80 else text[:76] + ' ...'}"


def type_name(value: Any) -> str:
    # Ansible hands out subclasses of the built-in types; users know the latter.
    return next((kind.__name__ for kind in (bool, int, float, str, list, dict) if isinstance(value, kind)), "value")


def wrong_values(name: str, option: Mapping[str, Any], value: Any) -> Iterator[str]:
    containers = list(wrong_containers(name, option, value))
    yield from containers
    if containers:
        return
    result = ArgumentSpecValidator({name: dict(option)}).validate({name: value})
    for message in result.error_messages:
        secret = option.get("no_log")
        yield f"{name}: " + ("the value (not shown) is not what the role accepts." if secret else message)
