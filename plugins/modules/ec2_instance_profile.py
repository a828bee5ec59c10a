#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_instance_profile
short_description: Attach an instance profile to EC2 instances
version_added: 0.1.0
description:
  - Gives instances that have no instance profile this one. An instance that has another one keeps it, and with it the
    permissions that its applications work by, unless O(replace=true).
options:
  name:
    description: Name of the instance profile.
    type: str
    required: true
  instance_ids:
    description: The instances.
    type: list
    elements: str
    required: true
  replace:
    description: Whether an instance profile of another name is replaced.
    type: bool
    default: false
  state:
    description: V(absent) takes the instance profile of this name from those that have it.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Reports what would change, and changes nothing.
    support: full
  diff_mode:
    description: Shows what changes.
    support: full
author:
  - The Rampart developers (@rampart-ops)
"""

EXAMPLES = r"""
- name: Let the agents of two instances work
  rampart.ops.ec2_instance_profile:
    name: rampart-cloudwatch-agent
    instance_ids: [i-0123456789abcdef0, i-0fedcba9876543210]
"""

RETURN = r"""
attached:
  description: The instances that have the profile after the run.
  returned: always
  type: list
  elements: str
  sample: [i-0123456789abcdef0]
others:
  description: The instances that keep another profile, and its name.
  returned: always
  type: dict
  sample: {i-0fedcba9876543210: app}
"""

from typing import TYPE_CHECKING

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CLIENT_CONFIG, Caller, CallError, Deadline

if TYPE_CHECKING:
    from typing import Any

ARGUMENT_SPEC = {
    "name": {"type": "str", "required": True},
    "instance_ids": {"type": "list", "elements": "str", "required": True},
    "replace": {"type": "bool", "default": False},
    "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
}
# A profile that was just made is known to EC2 some seconds later: InvalidParameterValue until then.
TRANSIENT = frozenset({"InvalidParameterValue"})


def associations(caller: Caller, instance_ids: list[str]) -> dict[str, tuple[str, str]]:
    """Of the instances that have a profile: the association's id, and the profile's name."""
    filters = [
        {"Name": "instance-id", "Values": instance_ids},
        {"Name": "state", "Values": ["associating", "associated"]},
    ]
    found = caller.items(
        "describe_iam_instance_profile_associations",
        "look which instance profiles there are",
        "IamInstanceProfileAssociations",
        Filters=filters,
    )
    return {
        each["InstanceId"]: (each["AssociationId"], each["IamInstanceProfile"]["Arn"].rpartition("/")[2])
        for each in found
    }


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    name, wanted = params["name"], sorted(set(params["instance_ids"]))
    caller = Caller(module.client("ec2", config=CLIENT_CONFIG), Deadline(), TRANSIENT)
    held = associations(caller, wanted) if wanted else {}
    before = {instance: profile for instance, (_id, profile) in held.items()}
    after = dict(before)
    for instance in wanted:
        if params["state"] == "absent":
            if before.get(instance) == name:
                del after[instance]
        elif instance not in before or params["replace"]:
            after[instance] = name
    if not module.check_mode:
        write(caller, name, held, after)
    result: dict[str, Any] = {
        "changed": before != after,
        "attached": sorted(instance for instance, profile in after.items() if profile == name),
        "others": {instance: profile for instance, profile in after.items() if profile != name},
    }
    if module._diff:
        result["diff"] = {"before": before, "after": after}
    return result


def write(caller: Caller, name: str, held: dict[str, tuple[str, str]], after: dict[str, str]) -> None:
    profile = {"Name": name}
    for instance in sorted({*held, *after}):
        if instance not in held:
            purpose = f"attach the instance profile {name} to {instance}"
            caller.call("associate_iam_instance_profile", purpose, IamInstanceProfile=profile, InstanceId=instance)
        elif instance not in after:
            purpose = f"take the instance profile {name} from {instance}"
            caller.call("disassociate_iam_instance_profile", purpose, AssociationId=held[instance][0])
        elif after[instance] != held[instance][1]:
            purpose = f"replace the instance profile of {instance} by {name}"
            association = held[instance][0]
            caller.call(
                "replace_iam_instance_profile_association",
                purpose,
                IamInstanceProfile=profile,
                AssociationId=association,
            )


def main() -> None:
    module = AnsibleAWSModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        result = run(module)
    except CallError as error:
        module.fail_json_aws(error.cause, msg=error.message)
    else:
        module.exit_json(**result)


if __name__ == "__main__":
    main()
