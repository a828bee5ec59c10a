#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_vault
short_description: Manage the vaults of AWS Backup
version_added: 0.1.0
description:
  - Creates, changes and deletes backup vaults with their lock, access policy, notifications and tags.
  - In contrast to M(amazon.aws.backup_vault) it manages all of these, tells a vault that does not exist from one that
    may not be seen, and refuses a change of the key instead of passing it over.
  - What is not given is left as it is. Everything is checked before the first write.
options:
  backup_vault_name:
    description:
      - The name of the vault, 2 to 50 letters, digits, hyphens and underscores.
    type: str
    required: true
    aliases: [name]
  state:
    description:
      - V(present) - the vault exists as described.
      - V(absent) - the vault does not exist. A vault that holds recovery points is refused.
    type: str
    choices: [present, absent]
    default: present
  encryption_key_arn:
    description:
      - The ARN of the KMS key that encrypts the recovery points. AWS Backup's own key is the default.
      - AWS cannot change it later, so that another one than the vault has is refused. An alias is refused too.
    type: str
  access_policy:
    description:
      - The resource policy of the vault. V({}) removes it.
      - Policies are compared by meaning.
    type: json
  lock:
    description:
      - The vault lock, which keeps recovery points from being deleted before their time.
    type: dict
    suboptions:
      mode:
        description:
          - V(governance) - those who may can change and remove the lock.
          - V(compliance) - after O(lock.changeable_for_days) nobody can, not the root user and not AWS.
          - V(none) - there is no lock.
        type: str
        choices: [none, governance, compliance]
        required: true
      min_retention_days:
        description: Backup jobs whose lifecycle is shorter fail. At least 1.
        type: int
      max_retention_days:
        description: Backup jobs whose lifecycle is longer fail. At most 36500.
        type: int
      changeable_for_days:
        description:
          - For how many days from now a lock of mode V(compliance) can still be changed or removed. At least 3.
          - It is used when the lock is written, and not compared with a lock that is there.
        type: int
      confirm_immutable_after:
        description:
          - The date (C(YYYY-MM-DD), UTC) from which nobody can undo a lock of mode V(compliance), which is today and
            O(lock.changeable_for_days).
          - Such a lock is only written if this is right. It is not asked for when the lock is there already.
        type: str
  notifications:
    description:
      - Which events of the vault are told to which SNS topic. The topic's policy must allow it to
        C(backup.amazonaws.com).
    type: dict
    suboptions:
      sns_topic_arn:
        description: The topic. Required unless O(notifications.backup_vault_events) is empty.
        type: str
      backup_vault_events:
        description:
          - The events, for example V(COPY_JOB_FAILED). An empty list removes the notifications.
          - V(BACKUP_JOB_COMPLETED) and V(RESTORE_JOB_COMPLETED) are also told of jobs that failed or expired. A
            subscription of the topic can be filtered by the message attribute C(State).
          - Events that AWS takes but does not send any more, such as V(BACKUP_JOB_FAILED), are refused. To be told of
            failures alone, use M(rampart.ops.eventbridge_rule), as the role P(rampart.ops.backup#role) does.
        type: list
        elements: str
        required: true
  creator_request_id:
    description:
      - Names the request to create the vault, so that it can be sent again.
      - If it is not given, each run has its own.
    type: str
attributes:
  check_mode:
    description: Reports what would change and writes nothing.
    support: full
  diff_mode:
    description: Shows the vault before and after.
    support: full
notes:
  - Needs the permissions C(backup:ListBackupVaults), C(backup:CreateBackupVault), C(backup:DeleteBackupVault), and for
    what is given those to get, put and delete it, C(backup:ListTags), C(backup:TagResource) and
    C(backup:UntagResource); for a key of your own C(kms:CreateGrant), C(kms:GenerateDataKey), C(kms:Decrypt),
    C(kms:RetireGrant) and C(kms:DescribeKey).
seealso:
  - module: amazon.aws.backup_vault_info
author:
  - The Rampart developers (@rampart-ops)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Keep a vault that tells how its jobs ended
  rampart.ops.backup_vault:
    backup_vault_name: daily
    notifications:
      sns_topic_arn: arn:aws:sns:eu-central-1:123456789012:backup-jobs
      backup_vault_events: [BACKUP_JOB_COMPLETED, RESTORE_JOB_COMPLETED, COPY_JOB_FAILED]
    tags:
      Team: ops

- name: Lock it so that administrators can still change their mind
  rampart.ops.backup_vault:
    backup_vault_name: daily
    lock:
      mode: governance
      min_retention_days: 7

- name: Lock it for good, after 14 days to think about it
  rampart.ops.backup_vault:
    backup_vault_name: archive
    lock:
      mode: compliance
      min_retention_days: 365
      changeable_for_days: 14
      confirm_immutable_after: "2027-01-15"

- name: Deny everybody to delete recovery points
  rampart.ops.backup_vault:
    backup_vault_name: archive
    access_policy:
      Version: "2012-10-17"
      Statement:
        - Effect: Deny
          Principal: "*"
          Action: backup:DeleteRecoveryPoint
          Resource: "*"

- name: Delete an empty vault
  rampart.ops.backup_vault:
    backup_vault_name: daily
    state: absent
"""

RETURN = r"""
exists:
  description: Whether the vault exists after the run.
  returned: always
  type: bool
  sample: true
vault:
  description: The vault after the run, empty if it does not exist.
  returned: always
  type: dict
  contains:
    backup_vault_name:
      description: The name.
      returned: always
      type: str
      sample: daily
    backup_vault_arn:
      description: The ARN. Null for a vault that check mode did not create.
      returned: always
      type: str
      sample: arn:aws:backup:eu-central-1:123456789012:backup-vault:daily
    encryption_key_arn:
      description: The key that encrypts the recovery points. Empty for a vault that check mode did not create.
      returned: if known
      type: str
      sample: arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
    creation_date:
      description: When the vault was created. Null for a vault that check mode did not create.
      returned: always
      type: str
      sample: "2026-11-21T03:00:00+00:00"
    locked:
      description: Whether the vault is locked.
      returned: always
      type: bool
      sample: true
    lock:
      description: The lock, with C(mode), C(min_retention_days), C(max_retention_days) and C(immutable_from).
      returned: if the vault is locked
      type: dict
      sample: {mode: governance, min_retention_days: 7, max_retention_days: null}
    access_policy:
      description: The resource policy.
      returned: if O(access_policy) was given and there is one
      type: dict
      sample: {Version: "2012-10-17", Statement: []}
    notifications:
      description: The topic and its events.
      returned: if O(notifications) was given and there are any
      type: dict
      sample:
        sns_topic_arn: arn:aws:sns:eu-central-1:123456789012:backup-jobs
        backup_vault_events: [BACKUP_JOB_COMPLETED]
    number_of_recovery_points:
      description: How many recovery points the vault holds.
      returned: always
      type: int
      sample: 35
    tags:
      description: The tags.
      returned: if O(tags) was given
      type: dict
      sample: {Team: ops}
"""

import json
import uuid
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CLIENT_CONFIG, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.aws.module import converge, execute
from ansible_collections.rampart.ops.plugins.module_utils.backup.api import Backup
from ansible_collections.rampart.ops.plugins.module_utils.backup.ledger import without
from ansible_collections.rampart.ops.plugins.module_utils.backup.vault import (
    Notifications,
    Plan,
    Vault,
    Wanted,
    WantedLock,
    describe,
    plan,
    report,
)

if TYPE_CHECKING:
    from typing import Any

    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

ARGUMENT_SPEC = {
    "backup_vault_name": {"type": "str", "required": True, "aliases": ["name"]},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "encryption_key_arn": {"type": "str", "no_log": False},
    "access_policy": {"type": "json"},
    "lock": {
        "type": "dict",
        "options": {
            "mode": {"type": "str", "choices": ["none", "governance", "compliance"], "required": True},
            "min_retention_days": {"type": "int"},
            "max_retention_days": {"type": "int"},
            "changeable_for_days": {"type": "int"},
            "confirm_immutable_after": {"type": "str"},
        },
    },
    "notifications": {
        "type": "dict",
        "options": {
            "sns_topic_arn": {"type": "str"},
            "backup_vault_events": {"type": "list", "elements": "str", "required": True},
        },
    },
    "creator_request_id": {"type": "str"},
    "tags": {"type": "dict", "aliases": ["resource_tags"]},
    "purge_tags": {"type": "bool", "default": True},
}


def wanted_of(params: dict[str, Any]) -> Wanted:
    """What the user asks for; InvalidError if it cannot be read."""
    lock, notifications, tags = params["lock"], params["notifications"], params["tags"]
    if lock:
        lock = WantedLock(
            **{key: value for key, value in lock.items() if key != "confirm_immutable_after"},
            confirmed=lock["confirm_immutable_after"],
        )
    policy = None
    if params["access_policy"] is not None:
        try:
            policy = json.loads(params["access_policy"] or "{}")
        except ValueError as error:
            raise InvalidError(f"access_policy: not JSON: {error}") from error
        if not isinstance(policy, dict):
            raise InvalidError("access_policy: a policy is a dictionary")
    return Wanted(
        name=params["backup_vault_name"],
        state=params["state"],
        encryption_key_arn=params["encryption_key_arn"],
        lock=lock or None,
        policy=policy,
        notifications=Notifications(
            notifications["sns_topic_arn"] or "", frozenset(notifications["backup_vault_events"])
        )
        if notifications
        else None,
        tags=None if tags is None else {str(key): str(value) for key, value in tags.items()},
        purge_tags=params["purge_tags"],
    )


def read(api: Backup, wanted: Wanted) -> Vault | None:
    """The vault as far as it is asked about."""
    vault = api.vaults().get(wanted.name)
    if vault is None or wanted.state == "absent":
        return vault
    return replace(
        vault,
        policy=None if wanted.policy is None else api.vault_policy(wanted.name),
        notifications=None if wanted.notifications is None else api.vault_notifications(wanted.name),
        tags=None if wanted.tags is None else without(api.tags(vault.arn)),
    )


def write(api: Backup, todo: Plan, wanted: Wanted, request_id: str) -> Vault | None:
    name, after = wanted.name, todo.after
    changeable = wanted.lock.changeable_for_days if wanted.lock else None
    for step in todo.steps:
        if step == "create":
            made = api.create_vault(after, request_id)
            after = replace(after, arn=made["BackupVaultArn"], creation_date=made.get("CreationDate"))
        elif step == "delete":
            api.delete_vault(name)
        elif step == "put_policy":
            api.put_vault_policy(name, after.policy)
        elif step == "delete_policy":
            api.delete_vault_policy(name)
        elif step == "put_notifications":
            api.put_vault_notifications(name, after.notifications)
        elif step == "delete_notifications":
            api.delete_vault_notifications(name)
        elif step == "untag":
            api.untag(after.arn, todo.tags.removed)
        elif step == "tag":
            api.tag(after.arn, todo.tags.set)
        elif step == "put_lock":
            api.put_vault_lock(name, after.lock, changeable)
        elif step == "delete_lock":
            api.delete_vault_lock(name)
    return after


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    wanted = wanted_of(module.params)
    deadline = Deadline()
    api = Backup(module.client("backup", config=CLIENT_CONFIG), deadline)
    wanted.check(api.vault_events())
    request_id = module.params["creator_request_id"] or str(uuid.uuid4())

    def plan_now() -> Plan:
        return plan(read(api, wanted), wanted, datetime.now(timezone.utc))

    done = converge(module, deadline, plan_now, lambda todo: write(api, todo, wanted, request_id), describe)
    return {**done.result, "vault": report(done.after)}


def main() -> None:
    execute(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
