#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_coverage_info
short_description: Find the resources that have no fresh backup in AWS Backup
version_added: 0.1.0
description:
  - For each resource that has certain tags, or that a plan selects, tells whether its newest recovery point is as fresh
    as it has to be, in which vault it is and how that is locked, which plans select the resource, which copies there
    are, and why the last backup job failed.
  - Each API is swept once, in pages of 1000 where AWS allows it; no call is made for a single resource. Recovery points
    are looked for from now backwards, and no further back than the oldest that would be fresh enough.
  - A resource without a fresh recovery point is told the time of its last backup as AWS Backup remembers it. That
    recovery point may not exist any more. One that should be fresh, and is not there, does not count.
  - A volume that is attached to an instance is in the backups of that instance, and a database that is a member of a
    cluster in those of the cluster; such a backup is as good for it as one of its own.
  - Continuous backups are judged by the time of the last backup that AWS Backup tells, too.
options:
  tags:
    description:
      - The tags of the resources that are asked about. All must fit.
      - The value is a text, a list of texts one of which must fit, or V(*) for any value.
      - Exactly one of O(tags) and O(backup_plan_name) is required.
    type: dict
  exempt_values:
    description:
      - Values of the tags of O(tags) by which a resource asks not to be backed up, for example V(no).
    type: list
    elements: str
    default: []
  backup_plan_name:
    description: The plan whose selections say which resources are asked about.
    type: str
  backup_selection_name:
    description: One selection of that plan. Without it, all of its selections.
    type: str
  resource_types:
    description:
      - The types of the resources.
      - Of other types than V(EC2) and V(EBS) those are found that have, or had, a tag, and those that a selection of
        O(backup_plan_name) names by ARN.
    type: list
    elements: str
    choices: [EC2, EBS, RDS, Aurora, DynamoDB, EFS, FSx, S3]
    default: [EC2, EBS, RDS, Aurora, DynamoDB, EFS, FSx, S3]
  rpo_hours:
    description:
      - The recovery point objective, which is how many hours old the newest recovery point may be.
      - A daily backup with a start window of 8 hours can rightly be 32 hours old before the next is there.
    type: float
    required: true
  rpo_tag:
    description:
      - A tag by which a resource declares its own objective in hours, instead of O(rpo_hours).
    type: str
attributes:
  check_mode:
    description: Does nothing but read.
    support: full
  diff_mode:
    description: Changes nothing, so that there is no difference to show.
    support: none
notes:
  - Needs the permissions C(backup:ListBackupVaults), C(backup:ListRecoveryPointsByBackupVault),
    C(backup:ListProtectedResources), C(backup:ListBackupJobs), C(backup:ListCopyJobs), C(backup:ListBackupPlans),
    C(backup:ListBackupSelections), C(backup:GetBackupSelection) and C(ec2:DescribeInstances); for volumes
    C(ec2:DescribeVolumes) and C(sts:GetCallerIdentity); for other types C(tag:GetResources), and
    C(rds:DescribeDBInstances) if there is a database.
author:
  - The Rampart developers (@rampart-ops)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Ask about everything that has the tag Backup
  rampart.ops.backup_coverage_info:
    tags:
      Backup: "*"
    rpo_hours: 26
    rpo_tag: BackupRpoHours
  register: coverage

- name: Fail if one of them has no fresh backup
  ansible.builtin.assert:
    that: coverage.summary.protected == coverage.summary.total

- name: Ask about the instances that a plan selects
  rampart.ops.backup_coverage_info:
    backup_plan_name: web
    resource_types: [EC2]
    rpo_hours: 26
"""

RETURN = r"""
resources:
  description: The resources, the worst first.
  returned: always
  type: list
  elements: dict
  contains:
    resource_arn:
      description: The ARN.
      returned: always
      type: str
      sample: arn:aws:ec2:eu-central-1:123456789012:instance/i-0123456789abcdef0
    resource_type:
      description: The type, in the words of AWS Backup.
      returned: always
      type: str
      sample: EC2
    resource_name:
      description: The tag C(Name), or the id.
      returned: always
      type: str
      sample: web-1
    resource_tags:
      description: The tags of the resource.
      returned: always
      type: dict
      sample: {Name: web-1, Backup: daily}
    part_of:
      description:
        - The ARN of the instance that a volume is attached to, or of the cluster that a database is a member of. Null
          for all others.
      returned: always
      type: str
      sample: null
    verdict:
      description:
        - V(protected), V(stale) if the newest recovery point is too old, or V(unprotected) if there is none.
      returned: always
      type: str
      sample: stale
    reason:
      description: Why, in words; empty if all is well.
      returned: always
      type: str
      sample: its newest recovery point is 50.2 hours old, 26 are allowed
    rpo_hours:
      description: The objective for this resource.
      returned: always
      type: float
      sample: 26
    age_hours:
      description: How old the newest recovery point is. Null if there is none.
      returned: always
      type: float
      sample: 50.2
    plans:
      description: The names of the plans that select the resource.
      returned: always
      type: list
      elements: str
      sample: [web]
    newest_recovery_point:
      description: The C(recovery_point_arn), C(creation_date) and C(backup_vault). Null if there is none.
      returned: always
      type: dict
      sample:
        recovery_point_arn: arn:aws:ec2:eu-central-1::image/ami-0123456789abcdef0
        creation_date: "2026-11-19T03:00:00+00:00"
        backup_vault: daily
    vault_lock:
      description: The mode of that vault's lock, V(governance) or V(compliance). Null if it is not locked.
      returned: always
      type: str
      sample: governance
    copies:
      description: The copies that were made in the last 7 days at least, with C(backup_vault_arn) and C(creation_date).
      returned: always
      type: list
      elements: dict
      sample: []
    last_failed_job:
      description:
        - The last backup job that failed, was aborted or expired, of at least the last 7 days, with C(backup_job_id),
          C(state), C(creation_date) and C(message). Null if there was none.
      returned: always
      type: dict
      sample: null
summary:
  description: How many resources there are, and how many of each verdict.
  returned: always
  type: dict
  sample: {total: 3, protected: 1, stale: 1, unprotected: 1}
"""

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CLIENT_CONFIG, Caller, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.aws.module import execute
from ansible_collections.rampart.ops.plugins.module_utils.backup.api import Backup
from ansible_collections.rampart.ops.plugins.module_utils.backup.coverage import (
    TYPES,
    Objective,
    Resource,
    judge,
    summary,
)
from ansible_collections.rampart.ops.plugins.module_utils.backup.resources import Ec2, Rds, Tagged, Tags
from ansible_collections.rampart.ops.plugins.module_utils.backup.sweep import assignments, chosen, named, sweep

if TYPE_CHECKING:
    from typing import Any

    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

ARGUMENT_SPEC = {
    "tags": {"type": "dict"},
    "exempt_values": {"type": "list", "elements": "str", "default": []},
    "backup_plan_name": {"type": "str"},
    "backup_selection_name": {"type": "str"},
    "resource_types": {"type": "list", "elements": "str", "choices": list(TYPES), "default": list(TYPES)},
    "rpo_hours": {"type": "float", "required": True},
    "rpo_tag": {"type": "str"},
}
SECONDS = 300


def wanted_tags(tags: dict[str, Any] | None) -> dict[str, list[str]]:
    """The values of each key; none for any."""
    wanted = {
        str(key): [str(each) for each in (values if isinstance(values, list) else [values]) if each != "*"]
        for key, values in (tags or {}).items()
    }
    if tags is not None and not wanted:
        raise InvalidError("tags: without a tag everything would be asked about; name one")
    return wanted


def resources_of(module: AnsibleAWSModule, deadline: Deadline, tags: Tags) -> list[Resource]:
    """The resources of the types that are asked about, by tag."""

    def client(service: str) -> Any:
        return module.client(service, config=CLIENT_CONFIG)

    kinds = [kind for kind in TYPES if kind in module.params["resource_types"]]
    others = [kind for kind in kinds if kind not in ("EC2", "EBS")]
    resources: list[Resource] = []
    if others != kinds:
        ec2 = Ec2(client("ec2"), deadline)
        if "EC2" in kinds:
            resources += ec2.instances(tags)
        if "EBS" in kinds:
            account = Caller(client("sts"), deadline).call("get_caller_identity", "tell which account this is")
            resources += ec2.volumes(account["Account"], tags)
    if others:
        resources += Tagged(client("resourcegroupstaggingapi"), deadline).resources(others, tags)
    if any(each.type == "RDS" for each in resources):
        resources = list(Rds(client("rds"), deadline).in_clusters(resources))
    return resources


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    objective = Objective(module.params["rpo_hours"], module.params["rpo_tag"])
    objective.check()
    tags = wanted_tags(module.params["tags"])
    deadline = Deadline(SECONDS)
    client = module.client("backup", config=CLIENT_CONFIG)
    api = Backup(client, deadline)
    now = datetime.now(timezone.utc)

    plans = assignments(api)
    resources = resources_of(module, deadline, tags)
    if module.params["backup_plan_name"]:
        mine = chosen(plans, module.params["backup_plan_name"], module.params["backup_selection_name"])
        resources += named(mine, module.params["resource_types"], client.meta.region_name, resources)
        resources = [each for each in resources if any(one.content.selects(each.arn, each.tags) for one in mine)]
    exempt = set(module.params["exempt_values"])
    resources = [each for each in resources if not exempt & {each.tags.get(key) for key in tags}]
    found = sweep(api, plans, resources, objective, now)
    verdicts = judge(resources, found, objective, now)
    return {"changed": False, "resources": verdicts, "summary": summary(verdicts)}


def main() -> None:
    execute(
        run,
        ARGUMENT_SPEC,
        required_one_of=[("tags", "backup_plan_name")],
        mutually_exclusive=[("tags", "backup_plan_name")],
        required_by={"backup_selection_name": "backup_plan_name"},
    )


if __name__ == "__main__":
    main()
