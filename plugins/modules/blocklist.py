#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: blocklist
short_description: Block in front of all hosts what any of them has banned
version_added: 0.1.0
description:
  - Decides from the bans of all hosts, from declared networks and from feeds what is blocked, and writes it to a pair
    of IP sets of AWS WAF. Networks that any host declares as protected, the hosts' own addresses and the
    controller's are cut out exactly, and so are lifted ones (M(rampart.ops.blocklist_lift)).
  - The hosts' own bans are what counts. What an ephemeral controller would forget is in an S3 bucket of the same
    account, namely what each host said last, the last good content of each feed, and what is lifted until when. The
    bans of a host that cannot be asked, or has vanished from the inventory, stay blocked until they end.
  - If not all fits, declared networks come first, then bans, then feeds. Of bans those that last longest, by the hour,
    come first; of the same hour those that were seen most often, on all hosts together.
  - If the memory cannot be read, nothing is changed.
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
  description:
    description: The description of the sets.
    type: str
    default: Addresses that attacked a host
  take_over:
    description:
      - Write the sets although they hold the bans of hosts of which the inventory has none. Without it that is an
        error, since two inventories that share sets by mistake would take each other's addresses out.
    type: bool
    default: false
attributes:
  check_mode:
    description: Reports what would change and writes nothing. Feeds are fetched only if they never were.
    support: full
  diff_mode:
    description: Shows the entries that are added and removed, at most 100 of each and the number of the others.
    support: full
notes:
  - Needs the permissions of M(rampart.ops.wafv2_ip_set) and C(s3:GetObject), C(s3:PutObject), C(s3:ListBucket) and
    C(s3:CreateBucket).
  - RV(ignore:changed) is about the IP sets. The memory is written when what it holds has changed.
seealso:
  - module: rampart.ops.blocklist_info
  - module: rampart.ops.blocklist_lift
  - module: rampart.ops.wafv2_ip_set
author:
  - The Rampart developers (@rampart-ops)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Read the bans
  rampart.ops.fail2ban_bans:
  register: bans

- name: Block them at the edge
  rampart.ops.blocklist:
    name: blocked
    scope: REGIONAL
    bans_variable: bans
    denied: ["198.51.100.0/24"]
    feeds:
      - name: spamhaus_drop_v4
      - name: ours
        url: https://www.example.com/deny.txt
  run_once: true
  delegate_to: localhost
"""

RETURN = r"""
ip_sets:
  description: The sets, as M(rampart.ops.wafv2_ip_set) returns them.
  returned: success
  type: list
  elements: dict
  sample: [{name: blocked-ipv4, state: present, address_count: 12, added: 2, removed: 1}]
asked:
  description: The hosts whose bans are known from themselves.
  returned: success
  type: list
  elements: str
  sample: [web-1]
kept:
  description: The hosts that could not be asked, since when, and how many of their bans are kept.
  returned: success
  type: list
  elements: dict
  sample: [{host: web-2, missing: '2026-11-21T00:20:17Z', bans: 3}]
restoring:
  description: The hosts that take their bans back after a restart. What they had before is kept.
  returned: success
  type: list
  elements: str
  sample: []
left_out:
  description: How many entries of each kind (deny list, ban, feed) found no place.
  returned: success
  type: dict
  sample: {feed: 120}
feeds:
  description: The feeds, how many networks each has, of when they are, and why the last attempt failed.
  returned: success
  type: list
  elements: dict
  sample: [{name: tor_exits, networks: 1300, fetched: '2026-11-21T00:20:17Z', problem: ''}]
lifted:
  description: The lifted networks, and until when.
  returned: success
  type: dict
  sample: {203.0.113.7/32: '2026-11-22T00:20:17Z'}
unban:
  description: The bans of each host that lie in a lifted network.
  returned: success
  type: dict
  sample: {web-1: [203.0.113.7]}
report:
  description: All of that in sentences.
  returned: success
  type: str
  sample: 'blocked-ipv4: 12 blocked (2 added, 1 removed).'
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from ansible_collections.rampart.ops.plugins.module_utils.aws.module import execute
from ansible_collections.rampart.ops.plugins.module_utils.blocklist.edge import ARGUMENT_SPEC, SOURCES_SPEC, Edge
from ansible_collections.rampart.ops.plugins.module_utils.blocklist.model import (
    Choice,
    State,
    check_owner,
    choose,
    listing,
    to_unban,
)
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.model import diff, report
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.reconcile import carry_out, plans_for, read_all

if TYPE_CHECKING:
    from typing import Any

    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
    from ansible_collections.rampart.ops.plugins.module_utils.wafv2.addresses import Network
    from ansible_collections.rampart.ops.plugins.module_utils.wafv2.model import Plan

SPEC = {
    **ARGUMENT_SPEC,
    **SOURCES_SPEC,
    "description": {"type": "str", "default": "Addresses that attacked a host"},
    "take_over": {"type": "bool", "default": False},
}


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    edge = Edge(module)
    edge.read_hosts()
    protected, answers = edge.protected(), edge.answers
    edge.denied()
    edge.feeds()
    memory, api = edge.memory(), edge.api()
    before = memory.load()
    if before and not module.params["take_over"]:
        check_owner(before, edge.inventory)
    known = before or State()
    feeds = edge.refresh(known.feeds, fetch=not module.check_mode)
    sources = edge.sources(known, feeds)
    after = State(sources.hosts, feeds)
    restoring = [name for name, answer in answers.items() if not answer.complete]
    missing = [name for name in edge.inventory if name not in answers]
    # Of the first run it is not known what those hosts had blocked that say nothing now.
    purge = before is not None or not (restoring or missing)

    lifted: dict[Network, str] = {}
    choice = Choice(frozenset(), {})

    def plan_now() -> list[Plan]:
        nonlocal lifted, choice
        # In this order a lift that is written meanwhile is either seen here, or makes our lock tokens stale.
        found = read_all(api, edge.wanted)
        lifted = memory.lifted(edge.iso_now)
        never = protected | frozenset(lifted)
        choice = choose(sources, never, edge.wanted.capacity)
        wanted = replace(
            edge.wanted,
            addresses=choice.addresses,
            purge_addresses=purge,
            protected=never,
            description=module.params["description"],
            min_prefix=edge.min_prefix,
        )
        wanted.check()
        plans: list[Plan] = plans_for(found, wanted)
        return plans

    plans = plan_now()
    changed = any(plan.steps for plan in plans)
    if not module.check_mode:
        if after != before:
            memory.save(after)  # first: what is blocked is always remembered
        plans = carry_out(api, edge.deadline, plans, plan_now)

    result: dict[str, Any] = {
        "changed": changed,
        "ip_sets": [report(plan) for plan in plans],
        "asked": sorted(answers),
        "kept": [
            {"host": name, "missing": host.missing, "bans": len(host.bans)}
            for name, host in sources.hosts.items()
            if host.missing
        ],
        "restoring": sorted(restoring),
        "left_out": dict(choice.left_out),
        "feeds": [
            {"name": name, "networks": len(feed.networks), "fetched": feed.fetched, "problem": feed.problem}
            for name, feed in feeds.items()
        ],
        "lifted": {str(network): until for network, until in sorted(lifted.items())},
        "unban": to_unban(sources.hosts, lifted),
    }
    result["report"] = in_words(result, len(edge.inventory), missing, purge)
    for feed in result["feeds"]:
        if feed["problem"]:
            stands = f"its content of {feed['fetched']} stays" if feed["fetched"] else "there is no earlier content"
            module.warn(f"feed {feed['name']}: {feed['problem']}; {stands}")
    if module._diff:
        result["diff"] = diff(plans)
    return result


def in_words(result: dict[str, Any], hosts: int, missing: list[str], purge: bool) -> str:
    names = ", ".join
    kept = [f"{each['host']} ({each['bans']} bans, since {each['missing']})" for each in result["kept"]]
    left_out = [f"{count} of kind {kind}" for kind, count in result["left_out"].items()]
    text: str = listing(
        [
            *(
                f"{each['name']}: {each['address_count']} blocked ({each['added']} added, {each['removed']} removed)"
                for each in result["ip_sets"]
            ),
            f"{hosts - len(missing)} of {hosts} hosts asked",
            f"Not asked: {names(missing)}" if missing else "",
            f"Kept until they end, of {names(kept)}" if kept else "",
            f"fail2ban takes its bans back on {names(result['restoring'])}" if result["restoring"] else "",
            "" if purge else "Nothing was let go, since nothing is remembered of them yet",
            f"Lifted: {names(result['lifted'])}" if result["lifted"] else "",
            f"No place for {names(left_out)}: raise block_shards" if left_out else "",
        ]
    )
    return text


def main() -> None:
    execute(run, SPEC)


if __name__ == "__main__":
    main()
