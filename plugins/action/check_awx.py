# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.parsing.plugin_docs import read_docstring
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import module_loader
from ansible_collections.rampart.ops.plugins.plugin_utils.awx import source
from ansible_collections.rampart.ops.plugins.plugin_utils.awx.check import Options, Problem, empty, problems
from ansible_collections.rampart.ops.plugins.plugin_utils.awx.declaration import KINDS
from ansible_collections.rampart.ops.plugins.plugin_utils.awx.project import CheckedOutProject


def options(module: str) -> Options:
    """The documented options of a module of awx.awx."""
    found = module_loader.find_plugin_with_context(f"awx.awx.{module}")
    if not found.resolved:
        raise AnsibleError("The collection awx.awx is missing: ansible-galaxy collection install awx.awx")
    documentation: dict[str, Any] = read_docstring(found.plugin_resolved_path)["doc"]
    return dict(documentation["options"])


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no type hints
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset(("declaration", "project", "evaluate"))

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        file = Path(self._task.args["declaration"])
        project = CheckedOutProject(Path(self._task.args["project"]).resolve())
        name = str(file.relative_to(project.root)) if file.is_relative_to(project.root) else str(file)
        try:
            read = source.read(file, name)
        except source.SourceError as error:
            return {**result, "failed": True, "problems": [str(error)], "msg": str(error)}
        modules = {module: options(module) for module in ["organization", *(kind.module for kind in KINDS)]}
        found = problems(read.content, modules, project)
        if not found and self._task.args.get("evaluate"):
            found = list(self._empty(read.content, task_vars or {}))
        if found:
            listed = [
                f"{read.where(place)}: {message}"
                for place, message in sorted(found, key=lambda each: read.lines.get(each[0], 0))
            ]
            return {
                **result,
                "failed": True,
                "problems": listed,
                "msg": "AWX could not have this:\n" + "\n".join(listed),
            }
        return {**result, "changed": False}

    def _empty(self, declared: Mapping[str, Any], variables: Mapping[str, Any]) -> Iterator[Problem]:
        """What is to come from the environment or from a vault must have come, unless its field may be empty."""
        for kind in KINDS:
            if declared.get(kind.variable) and kind.variable in variables:
                yield from empty(declared[kind.variable], self._evaluated(variables[kind.variable]), (kind.variable,))

    def _evaluated(self, value: Any) -> Any:
        evaluate: Callable[[Any], Any] = self._templar.template
        return evaluate(value)
