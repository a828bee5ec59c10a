#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: fail2ban_bans
short_description: Read the bans that fail2ban holds on a host
version_added: 0.1.0
description:
  - Returns every ban that is in force in any jail, from fail2ban's server itself.
  - Changes nothing, in check mode or without.
  - If fail2ban cannot be asked, the module fails. An empty list means that nobody is banned, and nothing else.
options:
  socket:
    description: Where fail2ban's server listens.
    type: path
    default: /run/fail2ban/fail2ban.sock
  timeout:
    description: How many seconds to wait for an answer.
    type: int
    default: 10
attributes:
  check_mode:
    description: Reads the same in check mode.
    support: full
  diff_mode:
    description: There is nothing that could change.
    support: none
notes:
  - Must be run as root, to whom the socket belongs.
author:
  - The Rampart developers (@rampart-ops)
"""

EXAMPLES = r"""
- name: Read the bans
  rampart.ops.fail2ban_bans:
  register: held

- name: Show who attacked SSH
  ansible.builtin.debug:
    msg: "{{ held.bans | selectattr('jail', 'equalto', 'sshd') | map(attribute='address') }}"
"""

RETURN = r"""
bans:
  description: The bans, in the order of the jails and of their end.
  returned: success
  type: list
  elements: dict
  contains:
    jail:
      description: The jail that banned.
      returned: always
      type: str
      sample: sshd
    address:
      description: The banned address or network, as fail2ban writes it.
      returned: always
      type: str
      sample: 203.0.113.7
    start:
      description: When the ban began, in UTC.
      returned: always
      type: str
      sample: '2026-11-21T00:20:17Z'
    end:
      description: When the ban ends, in UTC. Null if it lasts for ever.
      returned: always
      type: str
      sample: '2026-11-21T00:30:17Z'
    count:
      description:
        - How often this jail has banned the address, as far as fail2ban's database remembers.
        - Null if fail2ban keeps no database or the database cannot be read.
      returned: always
      type: int
      sample: 3
jails:
  description: The names of all jails, also of those that hold no ban.
  returned: success
  type: list
  elements: str
  sample: [nginx-php-probe, sshd]
skipped:
  description: How many bans were left out because they are not of an address (a jail can ban user names, for example).
  returned: success
  type: int
  sample: 0
restoring:
  description:
    - How many bans the database of fail2ban holds as running that its jails do not have (yet).
    - After a restart or a reload the server takes them back one by one; until then RV(bans) is not all.
  returned: success
  type: int
  sample: 0
"""

import os
import shutil
import sqlite3
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.rampart.ops.plugins.module_utils.fail2ban.client import (
    Fail2banError,
    Server,
    ban_counts,
    remembered,
)
from ansible_collections.rampart.ops.plugins.module_utils.fail2ban.model import bans_of, iso, restoring


def run(module: AnsibleModule) -> dict[str, object]:
    # fail2ban writes local times; a task's own TZ must not shift them.
    os.environ.pop("TZ", None)
    time.tzset()

    with Server(module.params["socket"], module.params["timeout"]) as server:
        lists = server.ban_lists()
        database = server.database()
    counts = {}
    running = set()
    if database:
        try:
            counts = ban_counts(database)
            running = remembered(database, time.time())
        except sqlite3.Error as error:
            module.warn(f"fail2ban's database {database} cannot be read, so counts are not known: {error}")
    bans, skipped = bans_of(lists, counts)
    return {
        "changed": False,
        "jails": list(lists),
        "bans": [dict(vars(ban), start=iso(ban.start), end=iso(ban.end)) for ban in bans],
        "skipped": skipped,
        "restoring": restoring(running, lists, bans),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "socket": {"type": "path", "default": "/run/fail2ban/fail2ban.sock"},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except (Fail2banError, ValueError) as error:
        absent = "" if shutil.which("fail2ban-client") else " (fail2ban is not installed)"
        module.fail_json(msg=f"The bans are not known: {error}{absent}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
