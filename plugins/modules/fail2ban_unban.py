#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: fail2ban_unban
short_description: Lift bans of fail2ban on a host
version_added: 0.1.0
description:
  - Lifts the bans of addresses in every jail that holds them.
options:
  addresses:
    description: The banned addresses, as M(rampart.ops.fail2ban_bans) returns them.
    type: list
    elements: str
    required: true
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
    description: Reports what would be lifted and lifts nothing.
    support: full
  diff_mode:
    description: The result says what was lifted.
    support: none
notes:
  - Must be run as root, to whom the socket belongs.
author:
  - The Rampart developers (@rampart-ops)
"""

EXAMPLES = r"""
- name: Let an address in again
  rampart.ops.fail2ban_unban:
    addresses: [203.0.113.7]
"""

RETURN = r"""
lifted:
  description: The addresses that were banned.
  returned: success
  type: list
  elements: str
  sample: [203.0.113.7]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.rampart.ops.plugins.module_utils.fail2ban.client import Fail2banError, Server
from ansible_collections.rampart.ops.plugins.module_utils.fail2ban.model import bans_of


def run(module: AnsibleModule) -> dict[str, object]:
    wanted = module.params["addresses"]
    with Server(module.params["socket"], module.params["timeout"]) as server:
        banned = {ban.address for ban in bans_of(server.ban_lists(), {}).bans}
        lifted = [address for address in dict.fromkeys(wanted) if address in banned]
        if lifted and not module.check_mode:
            server.ask("unban", *lifted)
    return {"changed": bool(lifted), "lifted": lifted}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "addresses": {"type": "list", "elements": "str", "required": True},
            "socket": {"type": "path", "default": "/run/fail2ban/fail2ban.sock"},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except (Fail2banError, ValueError) as error:
        module.fail_json(msg=f"Nothing was lifted: {error}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
