#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: blocklist_lift
short_description: Lift a network from the edge, and keep it lifted
version_added: 0.1.0
description:
  - Takes an address or network out of the IP sets that M(rampart.ops.blocklist) writes, exactly, also where it lies in
    a wider entry, and keeps it out for a time, whatever bans it.
options:
  name:
    description: The common part of the sets' names, for example V(blocked) for C(blocked-ipv4) and C(blocked-ipv6).
    type: str
    required: true
  scope:
    description: Whether the sets are for regional resources or for CloudFront, as in M(rampart.ops.wafv2_ip_set).
    type: str
    choices: [REGIONAL, CLOUDFRONT]
    required: true
  shards:
    description: Over how many sets each family is spread, as in M(rampart.ops.wafv2_ip_set).
    type: int
    default: 1
  bucket:
    description:
      - The S3 bucket of the memory. It must belong to the account of the credentials.
      - The default is C(rampart-<account>-<region>). It is created if it is missing.
    type: str
  bans_variable:
    description: The name of the variable in which each host has the result of M(rampart.ops.fail2ban_bans).
    type: str
    required: true
  controller_variable:
    description: The name of the variable in which each host has, as C(stdout), the address that the controller comes
      from.
    type: str
  hosts_file:
    description: A JSON file with what all hosts said. The action plugin makes it.
    type: path
  address:
    description: The address or network.
    type: str
    required: true
  state:
    description:
      - V(present) - it is lifted for O(hours), counted from now.
      - V(absent) - it is lifted no more. The next M(rampart.ops.blocklist) blocks it again if there is a reason.
    type: str
    choices: [present, absent]
    default: present
  hours:
    description: How long it stays lifted.
    type: float
    default: 24
  reason:
    description: Why, for those who look later.
    type: str
    default: ""
attributes:
  check_mode:
    description: Reports what would change and writes nothing.
    support: full
  diff_mode:
    description: Shows the entries that are added and removed.
    support: full
notes:
  - Needs the permissions of M(rampart.ops.blocklist) and C(s3:DeleteObject).
seealso:
  - module: rampart.ops.blocklist
author:
  - The Rampart developers (@rampart-ops)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Lift an address for two days
  rampart.ops.blocklist_lift:
    name: blocked
    scope: REGIONAL
    bans_variable: bans
    address: 203.0.113.7
    hours: 48
    reason: a customer's scanner
  run_once: true
  delegate_to: localhost
"""

RETURN = r"""
until:
  description: Until when it is lifted. Null if it is not.
  returned: success
  type: str
  sample: '2026-11-22T00:20:17Z'
ip_sets:
  description: The sets, as M(rampart.ops.wafv2_ip_set) returns them.
  returned: success
  type: list
  elements: dict
  sample: [{name: blocked-ipv4, state: present, address_count: 12, added: 0, removed: 1}]
unban:
  description: The bans of each host that lie in the network.
  returned: success
  type: dict
  sample: {web-1: [203.0.113.7]}
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.aws.module import execute
from ansible_collections.rampart.ops.plugins.module_utils.blocklist.edge import (
    ARGUMENT_SPEC,
    SOURCES_SPEC,
    Edge,
    networks,
)
from ansible_collections.rampart.ops.plugins.module_utils.blocklist.model import Host, to_unban
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.model import diff, report
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.reconcile import carry_out, plan_all

if TYPE_CHECKING:
    from typing import Any

    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

SPEC = {
    **ARGUMENT_SPEC,
    **{name: SOURCES_SPEC[name] for name in ("bans_variable", "controller_variable", "hosts_file")},
    "address": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "hours": {"type": "float", "default": 24},
    "reason": {"type": "str", "default": ""},
}


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    edge = Edge(module)
    (network,) = networks("address", [module.params["address"]])
    if not 0 < module.params["hours"] <= 24 * 365:
        raise InvalidError(f"hours: {module.params['hours']:g} is not more than 0 and at most a year")
    edge.read_hosts()
    answers = edge.answers
    memory = edge.memory()
    lifted = memory.lifted(edge.iso_now)
    if module.params["state"] == "absent":
        if network in lifted and not module.check_mode:
            memory.end_lifts([network], edge.iso_now)
        return {"changed": network in lifted, "until": None, "ip_sets": [], "unban": {}}

    until = edge.later(3600 * module.params["hours"])
    api = edge.api()
    # Taken out of what there is; nothing is created or added.
    wanted = replace(edge.wanted, state="absent", addresses=frozenset(), protected=frozenset([network]))
    if not module.check_mode:
        memory.lift(network, until, module.params["reason"])  # first: from now on nobody puts it back
    plans = plan_all(api, wanted)
    if not module.check_mode:
        plans = carry_out(api, edge.deadline, plans, lambda: plan_all(api, wanted))
    hosts = {name: Host(answer.bans) for name, answer in answers.items()}
    result: dict[str, Any] = {
        "changed": True,
        "until": until,
        "ip_sets": [report(plan) for plan in plans],
        "unban": to_unban(hosts, [network]),
    }
    if module._diff:
        result["diff"] = diff(plans)
    return result


def main() -> None:
    execute(run, SPEC)


if __name__ == "__main__":
    main()
