#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: wafv2_ip_set
short_description: Manage the IP sets of AWS WAF
version_added: 0.1.0
description:
  - Creates, changes and deletes IP sets of AWS WAF (WAFv2), one of one address family, or a pair of an IPv4 and an IPv6
    set from one mixed list.
  - Sets are compared by what they mean. Another spelling of the same network, host bits, duplicates and the order make
    no difference.
  - Several writers can work on one set at once. When another one was faster, the set is read and merged again.
  - Everything is checked before the first write. A run that needs no change makes two calls for one set, three when
    O(tags) are given.
  - Options are named as in M(community.aws.wafv2_ip_set) where they mean the same.
options:
  name:
    description:
      - The name of the IP set.
      - Without O(ip_address_version) it is the common part of two names, for example V(blocked) for C(blocked-ipv4) and
        C(blocked-ipv6).
    type: str
    required: true
  scope:
    description:
      - Whether the set is for a regional resource, as a load balancer, or for CloudFront.
      - Sets for CloudFront live in C(us-east-1); the module talks to that region whatever O(region) says.
    type: str
    choices: [REGIONAL, CLOUDFRONT]
    required: true
  ip_address_version:
    description:
      - The address family of the set, which AWS cannot change later.
      - If it is not given, O(addresses) can be of both families, and each family has its own set. Both exist, even if
        empty, so that rules can refer to them.
    type: str
    choices: [IPV4, IPV6]
  state:
    description:
      - V(present) - the set exists with these O(addresses).
      - V(absent) with O(addresses) - the set stays, these entries are not in it. An empty list removes nothing.
      - V(absent) without O(addresses) - the set does not exist.
    type: str
    choices: [present, absent]
    default: present
  addresses:
    description:
      - IP addresses, and networks in CIDR notation. An address is a network of one.
      - If it is not given, the entries are left as they are.
      - A network of prefix length 0 is refused, as is anything that is no address or of the wrong family, and more than
        10,000 entries for each of the O(shards).
    type: list
    elements: str
  purge_addresses:
    description:
      - V(true) - the set holds exactly O(addresses).
      - V(false) - O(addresses) are added to what is there.
      - It has no meaning with O(state=absent).
    type: bool
    default: true
  protected:
    description:
      - Addresses and networks, of either family, that are never in the set, whoever put them there.
      - They are cut out exactly. An entry that holds one of them is replaced by the networks around it.
    type: list
    elements: str
    default: []
  aggregate:
    description:
      - V(none) - every network is an entry of its own.
      - V(exact) - the fewest entries that hold exactly the same addresses.
      - V(lossy) - as V(exact), and if they do not fit, networks are joined where that covers the fewest addresses in
        addition, at most O(max_extra_addresses) of them, never one of O(protected).
      - An entry that was merged into a wider one cannot be removed by itself any more. Writers that remove their own
        entries with O(state=absent) need V(none).
    type: str
    choices: [none, exact, lossy]
    default: none
  max_extra_addresses:
    description:
      - How many addresses O(aggregate=lossy) may cover that nobody named, in each family. IPv6 is counted in networks
        of /64, each begun one as a whole.
    type: int
    default: 0
  min_prefix_ipv4:
    description:
      - Refuse IPv4 networks in O(addresses) that are wider than this, since such a one is a mistake more often than
        not.
    type: int
    default: 8
  min_prefix_ipv6:
    description: As O(min_prefix_ipv4), for IPv6.
    type: int
    default: 19
  max_shrink:
    description:
      - With O(purge_addresses=true), refuse to drop more than this percentage of the entries of a family in one run. A
        list that is short because its source failed must not open the edge.
      - V(100) allows everything. Up to 10 entries may always go, and those of O(protected) always do.
    type: int
    default: 50
  shards:
    description:
      - Spread the entries of each family over so many sets, since one can hold 10,000. The second is named
        C(<name>-shard2), and so on; a rule must refer to each of them.
      - An entry stays in the set that it is in, so that one changed address is one write.
      - Of sets that are left over from a higher number, the entries move to those that stay. The sets remain, empty,
        until O(state=absent) without O(addresses) deletes them all.
    type: int
    default: 1
  description:
    description:
      - A description of the set. An empty one clears it.
      - If it is not given, the description is left as it is.
    type: str
attributes:
  check_mode:
    description: Reports what would change and writes nothing.
    support: full
  diff_mode:
    description: Shows the entries that are added and removed, at most 100 of each and the number of the others.
    support: full
notes:
  - Needs the permissions C(wafv2:ListIPSets), C(wafv2:GetIPSet), C(wafv2:CreateIPSet), C(wafv2:UpdateIPSet),
    C(wafv2:DeleteIPSet), and for tags C(wafv2:ListTagsForResource), C(wafv2:TagResource) and C(wafv2:UntagResource).
  - Writes are a second apart, as AWS demands. Throttling, server errors and conflicts are waited out for up to two
    minutes; a write that failed so is never sent again, but the set is read and the change worked out anew. The SDK's
    own retries are off, unless O(aws_config) turns them on.
seealso:
  - module: community.aws.wafv2_ip_set_info
author:
  - The Rampart developers (@rampart-ops)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Block exactly these addresses, in blocked-ipv4 and blocked-ipv6
  rampart.ops.wafv2_ip_set:
    name: blocked
    scope: REGIONAL
    addresses: ["203.0.113.7", "198.51.100.0/24", "2001:db8:bad::/48"]
    protected: ["198.51.100.10"]

- name: Add addresses to one set and leave the others in it
  rampart.ops.wafv2_ip_set:
    name: office
    scope: CLOUDFRONT
    ip_address_version: IPV4
    addresses: ["192.0.2.0/28"]
    purge_addresses: false
    tags:
      Team: ops

- name: Block a list of up to 30,000 networks, in three sets for each family
  rampart.ops.wafv2_ip_set:
    name: listed
    scope: REGIONAL
    addresses: "{{ lookup('ansible.builtin.file', 'networks.txt').splitlines() }}"
    shards: 3
    aggregate: exact
    max_shrink: 20

- name: Remove one address
  rampart.ops.wafv2_ip_set:
    name: blocked
    scope: REGIONAL
    state: absent
    addresses: ["203.0.113.7"]

- name: Delete both sets
  rampart.ops.wafv2_ip_set:
    name: blocked
    scope: REGIONAL
    state: absent
"""

RETURN = r"""
ip_sets:
  description:
    - The sets, IPv4 before IPv6.
    - For a single set, with O(ip_address_version), the keys of its entry are also returned at the top.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the set.
      returned: always
      type: str
      sample: blocked-ipv4
    state:
      description: Whether the set exists after the run.
      returned: always
      type: str
      sample: present
    id:
      description: The id of the set. Null for a set that check mode did not create.
      returned: if the set existed or exists
      type: str
      sample: 1b2c3d4e-5f60-4711-8a9b-0c1d2e3f4a5b
    arn:
      description: The ARN of the set. Null for a set that check mode did not create.
      returned: if the set existed or exists
      type: str
      sample: arn:aws:wafv2:eu-central-1:123456789012:regional/ipset/blocked-ipv4/1b2c3d4e-5f60-4711-8a9b-0c1d2e3f4a5b
    ip_address_version:
      description: The address family.
      returned: if the set existed or exists
      type: str
      sample: IPV4
    description:
      description: The description of the set.
      returned: if the set existed or exists
      type: str
      sample: Addresses that attacked a host
    address_count:
      description: The number of entries after the run.
      returned: always
      type: int
      sample: 12
    added:
      description: How many entries were added.
      returned: always
      type: int
      sample: 2
    removed:
      description: How many entries were removed.
      returned: always
      type: int
      sample: 1
    addresses:
      description: The entries after the run, sorted.
      returned: if there are not more than 100
      type: list
      elements: str
      sample: ["203.0.113.7/32"]
    tags:
      description: The tags of the set.
      returned: if O(tags) was given
      type: dict
      sample: {Team: ops}
"""

from typing import TYPE_CHECKING

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CLIENT_CONFIG, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError, some
from ansible_collections.rampart.ops.plugins.module_utils.aws.module import execute
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.addresses import parse_all
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.api import Wafv2
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.model import (
    VERSIONS,
    Wanted,
    diff,
    report,
    still_covered,
)
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.reconcile import carry_out, plan_all

if TYPE_CHECKING:
    from typing import Any

    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

# AWS permits one write a second for all writers of an account together; a dozen of them on one set need this long.
DEADLINE = 120

ARGUMENT_SPEC = {
    "name": {"type": "str", "required": True},
    "scope": {"type": "str", "required": True, "choices": ["REGIONAL", "CLOUDFRONT"]},
    "ip_address_version": {"type": "str", "choices": ["IPV4", "IPV6"]},
    "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
    "addresses": {"type": "list", "elements": "str"},
    "purge_addresses": {"type": "bool", "default": True},
    "protected": {"type": "list", "elements": "str", "default": []},
    "aggregate": {"type": "str", "default": "none", "choices": ["none", "exact", "lossy"]},
    "max_extra_addresses": {"type": "int", "default": 0},
    "min_prefix_ipv4": {"type": "int", "default": 8},
    "min_prefix_ipv6": {"type": "int", "default": 19},
    "max_shrink": {"type": "int", "default": 50},
    "shards": {"type": "int", "default": 1},
    "description": {"type": "str"},
    "tags": {"type": "dict", "aliases": ["resource_tags"]},
    "purge_tags": {"type": "bool", "default": True},
}


def wanted_of(params: dict[str, Any]) -> Wanted:
    """What the user asks for; InvalidError if it cannot be."""
    name, family = params["name"], params["ip_address_version"]
    names = {VERSIONS[family]: name} if family else {VERSIONS[f]: f"{name}-{f.lower()}" for f in VERSIONS}
    addresses, errors = (None, []) if params["addresses"] is None else parse_all(params["addresses"])
    protected, protected_errors = parse_all(params["protected"])
    for option, wrong in (("addresses", errors), ("protected", protected_errors)):
        if wrong:
            raise InvalidError(f"{option}: {some(wrong)}")
    tags = params["tags"]
    wanted = Wanted(
        names=names,
        state=params["state"],
        addresses=addresses,
        purge_addresses=params["purge_addresses"],
        protected=protected,
        description=params["description"],
        tags=None if tags is None else {str(key): str(value) for key, value in tags.items()},
        purge_tags=params["purge_tags"],
        aggregate=params["aggregate"],
        max_extra=params["max_extra_addresses"],
        min_prefix={4: params["min_prefix_ipv4"], 6: params["min_prefix_ipv6"]},
        max_shrink=params["max_shrink"],
        shards=params["shards"],
    )
    wanted.check()
    return wanted


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    wanted = wanted_of(module.params)
    scope = module.params["scope"]
    region = {"region": "us-east-1"} if scope == "CLOUDFRONT" else {}
    deadline = Deadline(DEADLINE + 2 * len(wanted.names) * wanted.shards)
    api = Wafv2(module.client("wafv2", config=CLIENT_CONFIG, **region), scope, deadline)

    plans = plan_all(api, wanted)
    changed = any(plan.steps for plan in plans)
    if not module.check_mode:
        plans = carry_out(api, deadline, plans, lambda: plan_all(api, wanted))

    for plan in plans:
        for network, wider in sorted(still_covered(plan, wanted).items()):
            module.warn(f"{network} is not an entry of {plan.name}, but lies in {wider}, which is")
    ip_sets = [report(plan) for plan in plans]
    result = {"changed": changed, "ip_sets": ip_sets, **(ip_sets[0] if len(ip_sets) == 1 else {})}
    if wanted.state == "absent" and wanted.addresses is not None and not wanted.addresses:
        result["msg"] = "addresses is empty: nothing was removed. To delete the set, leave addresses out."
    if module._diff:
        result["diff"] = diff(plans)
    return result


def main() -> None:
    execute(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
