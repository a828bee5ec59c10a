# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What holds for every role: its public variables are the same, typed and documented, in defaults and specification."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = sorted(path.parents[1] for path in (Path(__file__).parents[2] / "roles").glob("*/tasks/main.yml"))


def load(path: Path) -> dict[str, Any]:
    return (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.exists() else {}


def options(role: Path) -> dict[str, dict[str, Any]]:
    return dict(load(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"])


@pytest.fixture(params=ROLES, ids=lambda role: role.name)
def role(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def test_there_are_roles() -> None:
    assert len(ROLES) >= 4


def test_defaults_are_those_of_the_specification(role: Path) -> None:
    specified = {name: option["default"] for name, option in options(role).items() if "default" in option}
    assert load(role / "defaults/main.yml") == specified


def test_public_variables_carry_the_role_s_name_and_internal_ones_are_marked(role: Path) -> None:
    assert [name for name in options(role) if not name.startswith(f"{role.name}_")] == []
    internal = [name for path in (role / "vars").glob("*.yml") for name in load(path)]
    assert [name for name in internal if not name.startswith(f"__{role.name}_")] == []


def test_every_option_is_typed_and_described(role: Path) -> None:
    def check(where: str, specified: dict[str, dict[str, Any]]) -> None:
        for name, option in specified.items():
            assert option.get("type"), f"{where}.{name} has no type"
            assert option["type"] != "list" or option.get("elements"), f"{where}.{name} does not say what it lists"
            assert option.get("description"), f"{where}.{name} is not described"
            check(f"{where}.{name}", option.get("options", {}))

    check(role.name, options(role))


def test_roles_leave_escalation_to_the_inventory(role: Path) -> None:
    found = [str(path) for path in (role / "tasks").glob("*.yml") if "become:" in path.read_text(encoding="utf-8")]
    assert [path for path in found if "ansible_become: false" not in Path(path).read_text(encoding="utf-8")] == []
