# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
name: cloudwatch_agent_problems
short_description: Say what is wrong with a configuration of the CloudWatch agent, without a host
version_added: 0.1.0
description:
  - Checks a configuration by a JSON Schema (draft 4), such as the one that the agent's own translator uses. What the
    schema allows can still be refused by the agent of a host.
options:
  _input:
    description: The configuration.
    type: dict
    required: true
  schema:
    description: The schema.
    type: dict
    required: true
author:
  - The Rampart developers (@rampart-ops)
"""

EXAMPLES = r"""
- name: Check a configuration
  ansible.builtin.assert:
    that: problems == []
    fail_msg: "{{ problems | join(' ') }}"
  vars:
    problems: "{{ {'logs': {}} | rampart.ops.cloudwatch_agent_problems(schema) }}"
    schema: "{{ lookup('ansible.builtin.file', 'schema.json') | from_json }}"
"""

RETURN = r"""
_value:
  description: The problems, each as C(path - reason); empty if there are none.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.rampart.ops.plugins.plugin_utils.json_schema import errors


def cloudwatch_agent_problems(configuration: Any, schema: Any) -> list[str]:
    if not isinstance(configuration, dict) or not isinstance(schema, dict):
        raise AnsibleFilterError("cloudwatch_agent_problems needs a configuration and a schema, both dictionaries")
    return list(errors(configuration, schema))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"cloudwatch_agent_problems": cloudwatch_agent_problems}
