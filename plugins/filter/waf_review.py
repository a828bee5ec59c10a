# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
name: waf_review
short_description: A verdict on each rule of a web ACL that counts
version_added: 0.1.0
description:
  - Says of each rule in Count what it would have stopped, and whether that may have been visitors, from results of
    CloudWatch Logs Insights over the web ACL's logs.
  - An address with 20 requests or more, of which the rule would have stopped no more than a tenth, looks like a
    visitor's.
options:
  _input:
    description:
      - The C(queries) that M(rampart.ops.cloudwatchlogs_insights_info) returned for C(waf_review_queries) of
        C(playbooks/vars/waf_queries.yml).
    type: list
    elements: dict
    required: true
  counted:
    description: The rules that count, and from which day each is enforced, as RV(rampart.ops.waf_policy#filter:_value).
    type: dict
    required: true
  samples:
    description: The C(queries) that the module returned for samples, each named as its rule.
    type: list
    elements: dict
    default: []
author:
  - The Rampart developers (@rampart-ops)
"""

EXAMPLES = r"""
- name: Show which rules can block
  ansible.builtin.debug:
    msg: "{{ (found.queries | rampart.ops.waf_review({'rate-limit': none})).can_block }}"
"""

RETURN = r"""
_value:
  description:
    - C(rules) with a C(verdict) each, C(visitors) whom they would have stopped, C(samples), the C(requests) that were
      let in, the rules that C(can_block), and C(page), the tables of a report.
  type: dict
"""

from typing import TYPE_CHECKING

from ansible.errors import AnsibleFilterError
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.rampart.ops.plugins.plugin_utils.waf.review import page_rows, review

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any


def waf_review(
    queries: Iterable[Mapping[str, Any]],
    counted: Mapping[str, str | None],
    samples: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    queries = list(queries)
    rows = {query["name"]: query["results"] for query in queries}
    events = [{**row, "rule": query["name"]} for query in samples for row in query["results"]]
    try:
        report = review(counted, rows, events, any(query["truncated"] for query in queries))
    except (KeyError, ValueError) as error:
        raise AnsibleFilterError(f"waf_review: these are not the results of waf_review_queries: {error!r}") from error
    # What attackers wrote is no template, wherever it goes.
    return dict(wrap_var({**report, "page": page_rows(report, rows)}))


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"waf_review": waf_review}
