# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What every module of a service of AWS does around its own work: its frame, and the way from a plan to a result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CallError, Deadline, carry_out
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)


class Plan(Protocol[S_co]):
    """The steps from what is there to what is wanted. None stands for what does not exist."""

    @property
    def before(self) -> S_co | None: ...

    @property
    def after(self) -> S_co | None: ...

    @property
    def steps(self) -> tuple[Any, ...]: ...


@dataclass(frozen=True)
class Converged(Generic[S]):
    """What was there, what is there now, and what the module returns of the change itself."""

    before: S | None
    after: S | None
    result: dict[str, Any]


def execute(run: Callable[[AnsibleAWSModule], dict[str, Any]], argument_spec: dict[str, Any], **frame: Any) -> None:
    """Run a module: `run` makes its result of its arguments.

    `frame` is what AnsibleAWSModule takes besides. What is wrong is told in words, and nowhere else: InvalidError,
    CallError, and a result with `failed` end in fail_json.
    """
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True, **frame)
    try:
        result = run(module)
    except InvalidError as error:
        module.fail_json(msg=str(error))
    except CallError as error:
        module.fail_json_aws(error.cause, msg=error.message)
    else:
        (module.fail_json if result.pop("failed", False) else module.exit_json)(**result)


def converge(
    module: AnsibleAWSModule,
    deadline: Deadline,
    plan_now: Callable[[], Plan[S]],
    write: Callable[[Plan[S]], S | None],
    describe: Callable[[S | None], dict[str, Any]],
) -> Converged[S]:
    """Carry a plan out, unless it is check mode. `plan_now` reads the world, also again after a conflict; `write` walks
    the steps and returns what is there then; `describe` is what a diff shows of it."""
    todo = plan_now()
    after = todo.after
    if todo.steps and not module.check_mode:
        after = carry_out(deadline, todo, write, plan_now)
    result: dict[str, Any] = {"changed": bool(todo.steps), "exists": after is not None}
    if module._diff:
        result["diff"] = {"before": describe(todo.before), "after": describe(after)}
    return Converged(todo.before, after, result)
