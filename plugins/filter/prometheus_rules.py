# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
name: prometheus_rules
short_description: Adapt alerting rules of Prometheus
version_added: 0.1.0
description:
  - Changes or removes alerts of a rule file by their names, and adds the address of its runbook to each.
options:
  _input:
    description: What a rule file of Prometheus holds.
    type: dict
    required: true
  changes:
    description:
      - What is to be different, by the name of the alert. It may have C(expr), C(for), C(labels) and C(annotations);
        the last two are added to those that are there. V(null) in place of them removes the alert.
    type: dict
    default: {}
  runbooks_url:
    description:
      - The page that has a section for each alert. The annotation C(runbook_url) becomes this, C(#) and the name of the
        alert in lower case. Empty for no such annotation.
    type: str
    default: ""
author:
  - The Rampart developers (@rampart-ops)
"""

EXAMPLES = r"""
- name: Show the rules for a host that is always busy, and has no fail2ban
  ansible.builtin.debug:
    msg: >-
      {{ lookup('ansible.builtin.file', 'rules.yml') | from_yaml
         | rampart.ops.prometheus_rules({'CpuBusy': {'for': '6h'}, 'Fail2banDown': none}) }}
"""

RETURN = r"""
_value:
  description: The rule file, adapted.
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.rampart.ops.plugins.plugin_utils.monitoring.rules import adapted


def prometheus_rules(rules: Any, changes: Any = None, runbooks_url: str = "") -> Any:
    try:
        return adapted(rules, changes or {}, runbooks_url)
    except (AttributeError, KeyError, TypeError) as error:
        raise AnsibleFilterError(f"prometheus_rules needs what a rule file of Prometheus holds: {error!r}") from error
    except ValueError as error:
        raise AnsibleFilterError(f"prometheus_rules: {error}") from error


class FilterModule:
    def filters(self) -> Mapping[str, Callable[..., Any]]:
        return {"prometheus_rules": prometheus_rules}
