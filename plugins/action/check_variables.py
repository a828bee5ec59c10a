# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.rampart.ops.plugins.plugin_utils.role_variables import (
    PLAYBOOKS,
    ROLES,
    Spec,
    load,
    specification,
    unknown_names,
    wrong_values,
)


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no type hints
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset(("roles",))

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        roles = self._task.args.get("roles")
        all_roles = sorted(path.name for path in ROLES.iterdir() if path.is_dir())
        if not isinstance(roles, list) or not roles or not set(roles) <= set(all_roles):
            raise AnsibleError(f"roles: expected a list of some of {', '.join(all_roles)}, got {roles!r}")
        specs = {role: specification(role) for role in roles}
        problems = [
            # waf_report_hours is read by waf_report.yml, not by the role waf.
            *unknown_names(list(variables), specs, all_roles + [path.stem for path in PLAYBOOKS.glob("*.yml")]),
            *(problem for role in roles for problem in self._values(role, specs[role], variables)),
        ]
        host = variables.get("inventory_hostname")
        if problems:
            listed = "\n".join(f"  - {problem}" for problem in problems)
            return {
                **result,
                "failed": True,
                "problems": problems,
                "msg": f"Variables of {host} to be mended:\n{listed}",
            }
        return {**result, "changed": False}

    def _values(self, role: str, spec: Spec, variables: Mapping[str, Any]) -> Iterator[str]:
        # A default is right by the role's own tests, and may need facts that are gathered later.
        defaults = load(ROLES / role / "defaults/main.yml")
        evaluate: Callable[[Any], Any] = self._templar.template
        for name, option in sorted(spec.items()):
            if name not in variables:
                if option.get("required"):
                    yield f"{name}: the role {role} requires it."
            elif name not in defaults or variables[name] != defaults[name]:
                try:
                    value = evaluate(variables[name])
                except AnsibleError as error:
                    yield f"{name}: cannot be evaluated: {error.message}"
                else:
                    yield from wrong_values(name, option, value)
