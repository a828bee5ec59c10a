# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
name: report_page
short_description: Make an HTML page of tables and plots
version_added: 0.1.0
description:
  - Makes a page that stands alone. It has no script, loads nothing, and says so in a content security policy. All that
    is shown is escaped, and characters that cannot be seen are spelled out.
options:
  _input:
    description: Lists of rows, each a dictionary, by the name of the section that shows them.
    type: dict
    required: true
  title:
    description: The headline.
    type: str
    required: true
  lead:
    description: A sentence below it.
    type: str
    default: ""
  facts:
    description: What else is to be said, by name.
    type: dict
    default: {}
  sections:
    description: The sections in their order. Other keys are ignored.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name under which the rows are in the input.
        type: str
        required: true
      title:
        description: The heading. The name, if it is not given.
        type: str
      note:
        description: A paragraph below the heading.
        type: str
      columns:
        description: The headings of the columns by the names of the fields. A name with dots may also be a path.
        type: dict
        required: true
      plot:
        description:
          - A C(kind) V(bars) with the fields C(label) and C(value) is drawn above the table, of the first 15 rows.
          - A C(kind) V(timeline) with the field C(time) and with C(values), their titles by the names of the fields, is
            drawn instead of the table.
        type: dict
      levels:
        description: Which rows are coloured. The values of the C(field) that are C(good), and those that are C(bad).
        type: dict
author:
  - The Rampart developers (@rampart-ops)
"""

EXAMPLES = r"""
- name: Write a page
  ansible.builtin.copy:
    dest: /var/www/addresses.html
    mode: "0640"
    content: >-
      {{ {'addresses': [{'address': '203.0.113.7', 'requests': 42}]}
         | rampart.ops.report_page(title='Who asked', sections=sections) }}
  vars:
    sections:
      - name: addresses
        columns: {address: Address, requests: Requests}
        plot: {kind: bars, label: address, value: requests}
"""

RETURN = r"""
_value:
  description: The page.
  type: str
"""

from typing import TYPE_CHECKING

from ansible.errors import AnsibleFilterError
from ansible_collections.rampart.ops.plugins.plugin_utils.report.page import PageError, page

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any


def report_page(
    rows: Mapping[str, Any],
    title: str,
    sections: Iterable[Mapping[str, Any]],
    lead: str = "",
    facts: Mapping[str, Any] | None = None,
) -> str:
    try:
        return str(page(title, lead, facts or {}, sections, rows))
    except (PageError, KeyError) as error:
        raise AnsibleFilterError(f"report_page: {error}") from error


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"report_page": report_page}
