#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_recovery_point_info
short_description: List the recovery points of a resource in AWS Backup
version_added: 0.1.0
description:
  - Lists all recovery points of a resource in all vaults of the account and region, the newest first. Other
    collections have no module for it.
options:
  resource_arn:
    description: The ARN of the resource that was backed up. It need not exist any more.
    type: str
    required: true
attributes:
  check_mode:
    description: Does nothing but read.
    support: full
  diff_mode:
    description: Changes nothing, so that there is no difference to show.
    support: none
notes:
  - Needs the permission C(backup:ListRecoveryPointsByResource).
author:
  - The Rampart developers (@rampart-ops)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: List what can be restored of an instance
  rampart.ops.backup_recovery_point_info:
    resource_arn: arn:aws:ec2:eu-central-1:123456789012:instance/i-0123456789abcdef0
  register: points
"""

RETURN = r"""
recovery_points:
  description: The recovery points, the newest first.
  returned: always
  type: list
  elements: dict
  contains:
    recovery_point_arn:
      description: The ARN.
      returned: always
      type: str
      sample: arn:aws:ec2:eu-central-1::image/ami-0123456789abcdef0
    backup_vault_name:
      description: The vault.
      returned: always
      type: str
      sample: daily
    creation_date:
      description: When it was made.
      returned: always
      type: str
      sample: "2026-11-21T03:00:00+00:00"
    status:
      description: The status. What is V(COMPLETED) or V(AVAILABLE) can be restored.
      returned: always
      type: str
      sample: COMPLETED
"""

from typing import TYPE_CHECKING

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CLIENT_CONFIG, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.module import execute
from ansible_collections.rampart.ops.plugins.module_utils.backup.api import Backup
from ansible_collections.rampart.ops.plugins.module_utils.backup.rules import check_arns

if TYPE_CHECKING:
    from typing import Any

    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

ARGUMENT_SPEC = {"resource_arn": {"type": "str", "required": True}}


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    resource = module.params["resource_arn"]
    check_arns("resource_arn", [resource])
    points = Backup(module.client("backup", config=CLIENT_CONFIG), Deadline()).points_of(resource)
    return {
        "changed": False,
        "recovery_points": [
            {
                "recovery_point_arn": point.arn,
                "backup_vault_name": point.vault,
                "creation_date": point.created,
                "status": point.status,
            }
            for point in sorted(points, key=lambda each: each.created, reverse=True)
        ],
    }


def main() -> None:
    execute(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
