# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
name: grafana_dashboards
short_description: Make Grafana's dashboards of a short definition
version_added: 0.1.0
description:
  - Lays panels out in rows, and writes the JSON model that Grafana reads for each dashboard.
options:
  _input:
    description:
      - The dashboards, each with C(uid), C(title), C(panels), and C(instance) if it shows one host at a time, which is
        a metric that every host has. The queries of the panels then have C($instance).
      - A panel has C(title), C(queries) (expressions of PromQL by their legends), and may have C(kind) (C(graph) or
        C(stat)), C(unit), C(max), and C(alarm), from which on a number is red.
    type: list
    elements: dict
    required: true
author:
  - The Rampart developers (@rampart-ops)
"""

EXAMPLES = r"""
- name: Show the dashboards
  ansible.builtin.debug:
    msg: "{{ lookup('ansible.builtin.file', 'dashboards.yml') | from_yaml | rampart.ops.grafana_dashboards }}"
"""

RETURN = r"""
_value:
  description: The JSON model of each dashboard, by its C(uid).
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.rampart.ops.plugins.plugin_utils.monitoring.dashboards import models


def grafana_dashboards(definition: Any) -> Any:
    try:
        return models(definition)
    except (AttributeError, TypeError) as error:
        raise AnsibleFilterError(f"grafana_dashboards needs a list of dashboards: {error}") from error
    except ValueError as error:
        raise AnsibleFilterError(f"grafana_dashboards: {error}") from error


class FilterModule:
    def filters(self) -> Mapping[str, Callable[..., Any]]:
        return {"grafana_dashboards": grafana_dashboards}
