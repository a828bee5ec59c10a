#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_usage_info
short_description: Find what still needs vaults and IAM roles of AWS Backup
version_added: 0.1.0
description:
  - Tells which backup plans, recovery points and restore testing plans work with certain vaults and IAM roles, so that
    these are not removed from under them. AWS deletes an empty vault although plans put their recovery points there,
    and a role although selections and recovery points need it.
  - IAM roles belong to an account and not to a region, and a plan may copy into the vaults of other regions. So all
    regions are looked at.
options:
  backup_vault_names:
    description: The names of vaults of this region.
    type: list
    elements: str
    default: []
  iam_role_names:
    description: The names of IAM roles.
    type: list
    elements: str
    default: []
  ignored_backup_plan_names:
    description: The names of plans of this region that are about to be removed.
    type: list
    elements: str
    default: []
  regions:
    description:
      - The regions to look at beside this one. Those that are enabled in the account, if it is empty.
      - A region that cannot be looked at counts as one that needs everything.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Changes nothing anyway.
    support: full
  diff_mode:
    description: Nothing changes.
    support: N/A
notes:
  - Needs the permissions C(backup:ListBackupVaults), C(backup:ListBackupPlans), C(backup:GetBackupPlan),
    C(backup:ListBackupSelections), C(backup:ListRecoveryPointsByBackupVault), C(backup:ListRestoreTestingPlans),
    C(backup:ListRestoreTestingSelections), and without O(regions) C(ec2:DescribeRegions).
author:
  - The Rampart developers (@rampart-ops)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Look what needs the vault and the role
  rampart.ops.backup_usage_info:
    backup_vault_names: [rampart]
    iam_role_names: [rampart-backup]
  register: used

- name: Remove the role, if nothing does
  amazon.aws.iam_role:
    name: rampart-backup
    state: absent
  when: used.iam_roles['rampart-backup'] == []
"""

RETURN = r"""
backup_vaults:
  description: What needs each of the vaults, in words. An empty list if nothing does, or there is no such vault.
  returned: always
  type: dict
  sample: {rampart: [backup plan rampart-daily of eu-central-1]}
iam_roles:
  description: What needs each of the roles, in words. An empty list if nothing does.
  returned: always
  type: dict
  sample: {rampart-backup: [the recovery points in vault rampart of eu-central-1]}
backup_plans:
  description: The names of the plans of this region that need one of the vaults or roles.
  returned: always
  type: list
  elements: str
  sample: [rampart-daily]
"""

from typing import TYPE_CHECKING

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CLIENT_CONFIG, Caller, CallError, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.module import execute
from ansible_collections.rampart.ops.plugins.module_utils.backup.api import Backup
from ansible_collections.rampart.ops.plugins.module_utils.backup.usage import Use, name_of, uses

if TYPE_CHECKING:
    from typing import Any

    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

ARGUMENT_SPEC = {
    "backup_vault_names": {"type": "list", "elements": "str", "default": []},
    "iam_role_names": {"type": "list", "elements": "str", "default": []},
    "ignored_backup_plan_names": {"type": "list", "elements": "str", "default": []},
    "regions": {"type": "list", "elements": "str", "default": []},
}
SECONDS = 300


def others(module: AnsibleAWSModule, deadline: Deadline, here: str) -> list[str]:
    """The names of the other regions."""
    regions = module.params["regions"]
    if not regions:
        ec2 = Caller(module.client("ec2", config=CLIENT_CONFIG), deadline)
        regions = [each["RegionName"] for each in ec2.call("describe_regions", "list the regions")["Regions"]]
    return sorted(set(regions) - {here})


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    vaults, roles = module.params["backup_vault_names"], module.params["iam_role_names"]
    deadline = Deadline(SECONDS)
    client = module.client("backup", config=CLIENT_CONFIG)
    here, api = client.meta.region_name, Backup(client, deadline)
    arns = {name: vault.arn for name, vault in api.vaults().items() if name in vaults}
    found = [each for each in uses(api, here, roles) if each.plan not in module.params["ignored_backup_plan_names"]]
    plans = [each for each in found if each.plan]
    for region in others(module, deadline, here):
        away = Backup(module.client("backup", config=CLIENT_CONFIG, region=region), deadline)
        try:
            found += uses(away, region, roles)
        except CallError as error:
            unknown = f"the region {region}, which could not be looked at ({error.code or error.message})"
            found.append(Use(unknown, frozenset(filter(None, arns.values())), frozenset(roles)))

    def needs(each: Use) -> bool:
        return bool(each.vaults & set(arns.values()) or {name_of(role) for role in each.roles} & set(roles))

    return {
        "changed": False,
        "backup_vaults": {name: [each.what for each in found if arns.get(name) in each.vaults] for name in vaults},
        "iam_roles": {name: [each.what for each in found if name in map(name_of, each.roles)] for name in roles},
        "backup_plans": sorted(each.plan for each in plans if each.plan and needs(each)),
    }


def main() -> None:
    execute(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
