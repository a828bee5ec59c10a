#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: check_awx
short_description: Check what AWX is to have, before AWX sees it
version_added: 0.1.0
description:
  - Reads a file of variables of the role C(awx) and fails with one message that lists, by file and line,
    everything that AWX's API or a job would refuse. AWX is not asked.
  - "What is checked: options of the awx.awx modules, names and references, recurrence rules as AWX accepts them,
    prompts
    that a job template must ask for, playbooks that exist and that AWX offers, that the playbook reads the variables of
    surveys, schedules and templates, their types where a role specifies them, inputs and injectors of credential types,
    and that no secret is written in the file."
  - The modules of awx.awx check less. What they let pass, the API refuses half way through.
options:
  declaration:
    description: The file.
    type: path
    required: true
  project:
    description: The directory that AWX checks out.
    type: path
    required: true
  evaluate:
    description:
      - Whether to evaluate the file's templates too, so that a variable of the environment that is not set is found.
      - For this the file must also be among the play's C(vars_files).
    type: bool
    default: false
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
- name: Check what AWX is to have
  rampart.ops.check_awx:
    declaration: "{{ playbook_dir }}/vars/awx.yml"
    project: "{{ playbook_dir }}/.."
"""

RETURN = r"""
problems:
  description: One sentence for each problem, with file and line.
  returned: failure
  type: list
  elements: str
  sample: ["playbooks/vars/awx.yml:231: rrule: RRULE:FREQ=DAILY has no INTERVAL, which AWX requires. Add INTERVAL=1."]
"""
