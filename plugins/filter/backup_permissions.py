# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
name: backup_permissions
short_description: Say what AWS Backup needs to be allowed for a backup policy
version_added: 0.1.0
description:
  - For the two roles that AWS Backup works in, what they need for the types of resources that the plans select, and no
    more.
  - Plans that may select any type, because a selection does not limit it, get AWS's own policies.
options:
  _input:
    description:
      - The plans, a list of dictionaries with C(rules), C(selections) and perhaps C(advanced_backup_settings), in the
        options of M(rampart.ops.backup_plan) and M(rampart.ops.backup_selection).
    type: list
    elements: dict
    required: true
  account:
    description: The number of the account.
    type: str
    required: true
  partition:
    description: The partition of AWS, such as C(aws) or C(aws-cn).
    type: str
    required: true
  types:
    description: The types, instead of those that the plans select.
    type: list
    elements: str
    choices: [EC2, EBS, RDS, Aurora, DynamoDB, EFS, FSx]
author:
  - The Rampart developers (@rampart-ops)
"""

EXAMPLES = r"""
- name: Show what backups of instances need
  ansible.builtin.debug:
    msg: "{{ plans | rampart.ops.backup_permissions('123456789012', 'aws') }}"
  vars:
    plans:
      - name: daily
        rules: [{rule_name: daily, target_backup_vault_name: daily}]
        selections: [{name: instances, resources: ['arn:aws:ec2:*:*:instance/*']}]
"""

RETURN = r"""
_value:
  description:
    - For C(backup) and C(restore) each the ARNs of AWS's policies to attach (C(managed)), the ARN of the boundary
      (C(boundary)), and the policy to put into the role (C(inline)).
  type: dict
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.rampart.ops.plugins.module_utils.backup.permissions import (
    BACKUP,
    RESTORE,
    TYPES,
    permissions,
    types_of,
    vss_of,
)


def backup_permissions(
    plans: Sequence[Mapping[str, Any]], account: str, partition: str, types: Sequence[str] | None = None
) -> dict[str, Any]:
    unknown = sorted(set(types or ()) - set(TYPES))
    if unknown:
        raise AnsibleFilterError(f"backup_permissions: {', '.join(unknown)}: the types are {', '.join(TYPES)}")
    wanted = list(types) if types else types_of(plans)
    rules = [rule for plan in plans for rule in plan.get("rules") or ()]
    vaults = [f"arn:{partition}:backup:*:{account}:backup-vault:{each['target_backup_vault_name']}" for each in rules]
    vaults += [
        copy["destination_backup_vault_arn"] for rule in rules for copy in rule.get("copy_actions") or ()
    ]  # in whatever account they are
    return {
        "backup": permissions(BACKUP, wanted, partition, vaults, vss_of(plans)),
        "restore": permissions(RESTORE, wanted, partition, ()),
    }


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"backup_permissions": backup_permissions}
