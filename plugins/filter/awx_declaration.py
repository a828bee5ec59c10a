# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
name: awx_declaration
short_description: The objects of AWX, ready to be made
version_added: 0.1.0
description:
  - Fills in the defaults of job templates and the organization, and puts a prefix before all names.
options:
  _input:
    description: The variables of the role C(awx).
    type: dict
    required: true
  prefix:
    description: Put before every declared name, and wherever one of them is referred to.
    type: str
    default: ""
author:
  - The Rampart developers (@rampart-ops)
"""

EXAMPLES = r"""
- name: Show the job templates as AWX will have them
  ansible.builtin.debug:
    msg: "{{ (awx | rampart.ops.awx_declaration(prefix='try ')).awx_job_templates }}"
"""

RETURN = r"""
_value:
  description: The same variables, complete.
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.rampart.ops.plugins.plugin_utils.awx.declaration import complete


class FilterModule:
    def filters(self) -> Mapping[str, Callable[..., Any]]:
        return {"awx_declaration": complete}
