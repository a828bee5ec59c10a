#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: autoscaling_capacity
short_description: Size Auto Scaling groups before and after a peak
version_added: 0.1.0
description:
  - Sets the sizes of Auto Scaling groups and touches nothing else of them. All groups are looked at in one call and
    checked before the first is changed.
  - M(amazon.aws.autoscaling_group) sets cooldown, health checks, termination policies and tags to its own defaults when
    it is only to resize. That is why there is this module.
  - Groups are created by what made the service. This module does not.
options:
  groups:
    description: The groups. What is left out of a group stays as it is.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the group.
        type: str
        required: true
      min_size:
        description: The least number of instances.
        type: int
      max_size:
        description: The greatest number of instances.
        type: int
      desired_capacity:
        description:
          - The number of instances to have now. Without it the group keeps its number, within the minimum and maximum.
        type: int
attributes:
  check_mode:
    description: Says what would change, and changes nothing.
    support: full
  diff_mode:
    description: Shows the sizes before and after.
    support: full
notes:
  - Needs the permissions C(autoscaling:DescribeAutoScalingGroups) and C(autoscaling:UpdateAutoScalingGroup).
author:
  - The Rampart developers (@rampart-ops)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Be ready for the peak
  rampart.ops.autoscaling_capacity:
    groups:
      - name: web
        min_size: 4
        desired_capacity: 6
"""

RETURN = r"""
groups:
  description: The groups as they are now, or would be in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the group.
      returned: always
      type: str
      sample: web
    min_size:
      description: The least number of instances.
      returned: always
      type: int
      sample: 4
    max_size:
      description: The greatest number of instances.
      returned: always
      type: int
      sample: 8
    desired_capacity:
      description: The number of instances that it is to have.
      returned: always
      type: int
      sample: 6
"""

from dataclasses import asdict
from typing import TYPE_CHECKING

from ansible_collections.rampart.ops.plugins.module_utils.autoscaling.capacity import Capacity, Wanted, plan
from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CLIENT_CONFIG, Caller, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.aws.module import execute

if TYPE_CHECKING:
    from typing import Any

    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

SIZES = ("min_size", "max_size", "desired_capacity")
ARGUMENT_SPEC = {
    "groups": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {"name": {"type": "str", "required": True}, **{size: {"type": "int"} for size in SIZES}},
    },
}


def capacities(caller: Caller, names: list[str]) -> dict[str, Capacity]:
    found = caller.items(
        "describe_auto_scaling_groups",
        "read the Auto Scaling groups",
        "AutoScalingGroups",
        AutoScalingGroupNames=names,
        MaxRecords=100,
    )
    return {
        group["AutoScalingGroupName"]: Capacity(
            group["AutoScalingGroupName"], group["MinSize"], group["MaxSize"], group["DesiredCapacity"]
        )
        for group in found
    }


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    wanted = [Wanted(**group) for group in module.params["groups"]]
    if not wanted:
        raise InvalidError("groups: name at least one group")
    caller = Caller(
        module.client("autoscaling", config=CLIENT_CONFIG), Deadline(), frozenset({"ScalingActivityInProgress"})
    )
    before = capacities(caller, [each.name for each in wanted])
    after = plan(before, wanted)
    changed = [each for each in after if each != before[each.name]]
    if not module.check_mode:
        for each in changed:
            caller.call(
                "update_auto_scaling_group",
                f"resize the Auto Scaling group {each.name}",
                AutoScalingGroupName=each.name,
                MinSize=each.min_size,
                MaxSize=each.max_size,
                DesiredCapacity=each.desired_capacity,
            )
    result: dict[str, Any] = {"changed": bool(changed), "groups": [asdict(each) for each in after]}
    if module._diff:
        result["diff"] = {
            "before": {each.name: asdict(before[each.name]) for each in changed},
            "after": {each.name: asdict(each) for each in changed},
        }
    return result


def main() -> None:
    execute(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
