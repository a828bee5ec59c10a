#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: blocklist_info
short_description: Say why an address is blocked
version_added: 0.1.0
description:
  - Returns every reason for which M(rampart.ops.blocklist) blocks an address or network - which host's jail banned it,
    since when, until when, which feed or declaration holds it -, what keeps it from being blocked, and whether the IP
    sets hold it now.
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
  denied:
    description: Networks to block, declared by you.
    type: list
    elements: str
    default: []
  feeds:
    description:
      - Lists of networks to block that others publish. A feed is fetched once an hour at most, however often this runs.
      - When a fetch fails, or brings a page in place of a list, nothing, half of it or suspiciously little, the last
        good content stays, with a warning.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Its name. V(spamhaus_drop_v4), V(spamhaus_drop_v6) and V(tor_exits) need nothing else.
        type: str
        required: true
      url:
        description: Where it is, by HTTP.
        type: str
      path:
        description: A file of the controller in place of O(feeds[].url), read in each run.
        type: path
      format:
        description:
          - V(text) - a network or address at the beginning of each line; comments begin with C(#) or C(;).
          - V(spamhaus_json) - the JSON lines of Spamhaus DROP.
          - The default is the format of a feed that is known by its name, else V(text).
        type: str
        choices: [text, spamhaus_json]
      max_shrink:
        description: Do not believe a content that has lost more than this percentage of the last good one's entries.
        type: int
        default: 50
      min_entries:
        description: Do not believe a content with fewer entries. With V(0), an empty list is one.
        type: int
        default: 1
  min_prefix_ipv4:
    description: Wider IPv4 networks are an error in O(denied), and make a feed's content unbelievable.
    type: int
    default: 8
  min_prefix_ipv6:
    description: As O(min_prefix_ipv4), for IPv6.
    type: int
    default: 19
  keep_days:
    description:
      - How many days a ban without an end is kept when its host cannot be asked any more. Others are kept until they
        end.
    type: int
    default: 7
  address:
    description: The address or network.
    type: str
    required: true
attributes:
  check_mode:
    description: Reads the same in check mode.
    support: full
  diff_mode:
    description: There is nothing that could change.
    support: none
notes:
  - Needs C(wafv2:ListIPSets), C(wafv2:GetIPSet), C(s3:GetObject) and C(s3:ListBucket).
  - Feeds are not fetched; what is remembered of them counts.
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
- name: Ask why an address is blocked
  rampart.ops.blocklist_info:
    name: blocked
    scope: REGIONAL
    bans_variable: bans
    address: 203.0.113.7
  run_once: true
  delegate_to: localhost
  register: why
"""

RETURN = r"""
blocked:
  description: The entries of the IP sets that hold some of the address or network.
  returned: success
  type: dict
  sample: {blocked-ipv4: [203.0.113.7/32]}
reasons:
  description: Why it is blocked, or would be in the next run.
  returned: success
  type: list
  elements: dict
  contains:
    source:
      description: V(ban), V(deny list) or V(feed).
      returned: always
      type: str
      sample: ban
    address:
      description: The address or network that is to be blocked.
      returned: always
      type: str
      sample: 203.0.113.7
    host:
      description: The host that bans it.
      returned: of a ban
      type: str
      sample: web-1
    jail:
      description: The jail that bans it there.
      returned: of a ban
      type: str
      sample: sshd
    feed:
      description: The feed that lists it.
      returned: of a feed
      type: str
      sample: tor_exits
    since:
      description: Since when, if that is known.
      returned: always
      type: str
      sample: '2026-11-21T00:20:17Z'
    until:
      description: Until when. Null if it has no end.
      returned: always
      type: str
      sample: '2026-11-21T00:30:17Z'
lifted:
  description: The lifted networks that hold some of it, and until when.
  returned: success
  type: dict
  sample: {}
protected:
  description: The protected networks that hold some of it.
  returned: success
  type: list
  elements: str
  sample: []
report:
  description: All of that in lines.
  returned: success
  type: list
  elements: str
  sample: ['203.0.113.7: banned by jail sshd of web-1 since 2026-11-21T00:20:17Z, until 2026-11-21T00:30:17Z']
"""

from typing import TYPE_CHECKING

from ansible_collections.rampart.ops.plugins.module_utils.aws.module import execute
from ansible_collections.rampart.ops.plugins.module_utils.blocklist.edge import (
    ARGUMENT_SPEC,
    SOURCES_SPEC,
    Edge,
    networks,
)
from ansible_collections.rampart.ops.plugins.module_utils.blocklist.model import State, reasons
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.addresses import intersect
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.reconcile import read_all

if TYPE_CHECKING:
    from typing import Any

    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

SPEC = {**ARGUMENT_SPEC, **SOURCES_SPEC, "address": {"type": "str", "required": True}}


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    edge = Edge(module)
    (network,) = networks("address", [module.params["address"]])
    edge.read_hosts()
    protected = edge.protected()
    memory = edge.memory()
    state = memory.load() or State()
    sources = edge.sources(state, state.feeds)
    entries = {
        name: [str(entry) for entry in sorted(ip_set.networks) if intersect([entry], [network])]
        for name, ip_set in read_all(edge.api(), edge.wanted).items()
    }
    result: dict[str, Any] = {
        "changed": False,
        "blocked": {name: found for name, found in entries.items() if found},
        "reasons": list(reasons(network, sources)),
        "lifted": {
            str(lift): until for lift, until in memory.lifted(edge.iso_now).items() if intersect([lift], [network])
        },
        "protected": [str(each) for each in sorted(protected) if intersect([each], [network])],
    }
    result["report"] = in_words(module.params["address"], result)
    return result


def in_words(address: str, result: dict[str, Any]) -> list[str]:
    lines = [f"{address} is in {name}: {', '.join(found)}" for name, found in result["blocked"].items()]
    if not lines:
        lines = [f"{address} is not blocked at the edge"]
    for reason in result["reasons"]:
        if reason["source"] == "ban":
            text = f"banned by jail {reason['jail']} of {reason['host']} since {reason['since']}"
            text += f", until {reason['until']}" if reason["until"] else ", for ever"
            text += f", {reason['count']} times" if reason["count"] and reason["count"] > 1 else ""
            if reason["host_missing_since"]:
                text += f"; remembered, since the host cannot be asked since {reason['host_missing_since']}"
        elif reason["source"] == "feed":
            text = f"in the feed {reason['feed']} of {reason['fetched']}, as long as it lists it"
        else:
            text = "declared in block_networks, as long as it is"
        lines.append(f"{reason['address']}: {text}")
    lines += [f"{network}: lifted until {until}, so not blocked" for network, until in result["lifted"].items()]
    lines += [f"{network}: protected, so not blocked" for network in result["protected"]]
    return lines


def main() -> None:
    execute(run, SPEC)


if __name__ == "__main__":
    main()
