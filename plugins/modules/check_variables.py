#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: check_variables
short_description: Check a host's variables against the roles that read them
version_added: 0.1.0
description:
  - Compares the variables of the host with the argument specifications of roles of this collection, and fails with one
    message that lists every problem and its remedy. Nothing is sent to the host.
  - Ansible ignores a variable whose name is misspelt, and turns a string that stands for a list into the list of its
    characters only when a template reads it. Both are found here, before anything is changed.
  - A variable that begins with a role's name and an underscore must be one of the role's. Give helpers of your own
    another name.
options:
  roles:
    description: Names of roles of this collection.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    description: It changes nothing, so check mode makes no difference.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
notes:
  - This is an action plugin. It runs on the controller.
author:
  - The Rampart developers (@rampart-ops)
"""

EXAMPLES = r"""
- name: Refuse misspelt and mistyped variables before anything is changed
  hosts: web
  gather_facts: false
  tasks:
    - name: Check the variables of all roles of this play
      rampart.ops.check_variables:
        roles: [nginx_hardening, fail2ban]
"""

RETURN = r"""
problems:
  description: One sentence for each problem.
  returned: failure
  type: list
  elements: str
  sample: ["fail2ban_ignore_networks: expected list, got str '198.51.100.0/24'"]
"""
