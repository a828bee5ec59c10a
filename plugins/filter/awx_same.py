# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
name: awx_same
short_description: Whether AWX has an object as declared
version_added: 0.1.0
description:
  - Compares declared options with what AWX shows. A secret, which AWX does not show, counts as the same.
positional: found, nodes
options:
  _input:
    description: Options of the object, as an awx.awx module takes them.
    type: dict
    required: true
  found:
    description: What AWX has under its name.
    type: list
    elements: dict
    required: true
  nodes:
    description: The nodes that AWX has of a workflow.
    type: list
    elements: dict
    default: []
author:
  - The Rampart developers (@rampart-ops)
"""

EXAMPLES = r"""
- name: Say whether the notification is there as declared
  ansible.builtin.debug:
    msg: "{{ wanted | rampart.ops.awx_same(query('awx.awx.controller_api', 'notification_templates')) }}"
"""

RETURN = r"""
_value:
  description: Whether it is the same.
  type: bool
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.rampart.ops.plugins.plugin_utils.awx.declaration import same


class FilterModule:
    def filters(self) -> Mapping[str, Callable[..., Any]]:
        return {"awx_same": same}
