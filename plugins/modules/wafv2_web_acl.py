#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: wafv2_web_acl
short_description: Manage the web ACLs of AWS WAF
version_added: 0.1.0
description:
  - Creates, changes and deletes web ACLs of AWS WAF (WAFv2), with their rules, logging and the resources they protect.
  - Everything is written in AWS's own terms, as in the API reference, and passed through as it is. Whatever the
    installed botocore knows of web ACLs can be used, rules with statements of any depth among it.
  - An option that is not given leaves that part of the web ACL as it is. AWS replaces a web ACL as a whole; the module
    reads it, merges and writes.
  - Everything is checked before the first write, most of it before the first call. A misspelt member is told with the
    one that was meant. The capacity that the rules need is counted by AWS and compared with O(max_capacity).
  - Several writers can work on one web ACL at once. When another one was faster, it is read and merged again.
  - A run that needs no change makes two calls, and for O(tags) and O(logging) one more each, for O(resources) one for
    each type of resource.
options:
  name:
    description: The name of the web ACL.
    type: str
    required: true
  scope:
    description:
      - Whether the web ACL is for regional resources, as load balancers, or for CloudFront (and Amplify).
      - Web ACLs for CloudFront live in C(us-east-1); the module talks to that region whatever O(region) says.
    type: str
    choices: [REGIONAL, CLOUDFRONT]
    required: true
  state:
    description:
      - V(present) - the web ACL exists and is as the options say.
      - V(absent) - the web ACL does not exist. Its resources are dissociated and its logging is ended first.
      - V(absent) with O(rules) and O(rules_mode=merge) - the web ACL stays, the rules of these names are not in it.
    type: str
    choices: [present, absent]
    default: present
  description:
    description: A description of the web ACL. An empty one clears it.
    type: str
  default_action:
    description:
      - What is done with a request that no rule ends, C(Allow) or C(Block), as AWS's structure C(DefaultAction).
      - Must be given to create a web ACL.
    type: dict
  rules:
    description:
      - The rules, each as AWS's structure C(Rule).
      - A rule in the list is the whole rule. What it does not say is not kept from the rule of this name that there is.
      - IP sets, regex pattern sets and rule groups can be referred to by C(Name) in the place of C(ARN).
      - C(Priority) can be left out. With O(rules_mode=exact) the rule then comes right after the one before it in the
        list. With O(rules_mode=merge) it keeps its priority, and a new rule comes after all others.
      - C(VisibilityConfig), or members of it, can be left out. Metrics and samples are then on, and the metric has the
        rule's name.
      - C(OverrideAction) of a rule group can be left out, which means C(None), the group's own actions.
      - C(SearchString) is written as text.
    type: list
    elements: dict
  rules_mode:
    description:
      - V(exact) - the web ACL has these O(rules) and no others.
      - V(merge) - O(rules) replace the rules of the same names or are added, others are not touched.
    type: str
    choices: [exact, merge]
    default: exact
  max_capacity:
    description:
      - How many web ACL capacity units (WCU) the rules may need, at most 5000. AWS charges extra above 1500.
      - It is looked at whenever O(rules) are given, also if nothing changes.
    type: int
    default: 1500
  visibility_config:
    description:
      - Metrics and samples of the web ACL as a whole, as AWS's structure C(VisibilityConfig). What is left out stays as
        it is.
      - A web ACL that is created without has metrics and samples on, and its name as the metric's.
    type: dict
  custom_response_bodies:
    description:
      - The bodies that custom responses refer to, by key. An empty dictionary removes all.
      - With O(rules_mode=merge) they are added to those that there are.
    type: dict
  captcha_config:
    description: How long a solved CAPTCHA is valid, as C(CaptchaConfig). An empty dictionary is AWS's default.
    type: dict
  challenge_config:
    description: How long a challenge is valid, as C(ChallengeConfig). An empty dictionary is AWS's default.
    type: dict
  token_domains:
    description: The domains that share tokens of challenges. An empty list is AWS's default.
    type: list
    elements: str
  association_config:
    description: How much of a request body is inspected, as C(AssociationConfig). An empty dictionary is AWS's default.
    type: dict
  data_protection_config:
    description: What is hidden in logs and samples, as C(DataProtectionConfig). An empty dictionary protects nothing.
    type: dict
  on_source_ddos_protection_config:
    description: The DDoS protection of load balancers, as C(OnSourceDDoSProtectionConfig).
    type: dict
    aliases: [on_source_d_do_s_protection_config]
  application_config:
    description: What the protected application is, as C(ApplicationConfig).
    type: dict
  monetization_config:
    description: How C(Monetize) actions are paid, as C(MonetizationConfig).
    type: dict
  resources:
    description:
      - The ARNs of the resources that the web ACL protects, for example of load balancers and API Gateway stages.
      - A resource has one web ACL. If it has another one it is taken from that, with a warning.
      - A CloudFront distribution is not among them. It names its web ACL itself.
    type: list
    elements: str
  resources_mode:
    description:
      - V(exact) - the web ACL protects these O(resources) and no others.
      - V(merge) - O(resources) are added to those that it protects.
    type: str
    choices: [exact, merge]
    default: exact
  logging:
    description:
      - Where requests are logged, as AWS's structure C(LoggingConfiguration) without C(ResourceArn). The names of log
        groups, Firehose streams and S3 buckets must begin with C(aws-waf-logs-).
      - An empty dictionary ends the logging.
    type: dict
attributes:
  check_mode:
    description:
      - Reports what would change and writes nothing.
      - Sets that O(rules) refer to and that do not exist yet are a warning, not an error.
    support: full
  diff_mode:
    description: Shows what changes, a line for each value, which names the rule and the place in it.
    support: full
notes:
  - Needs the permissions C(wafv2:ListWebACLs), C(wafv2:GetWebACL), C(wafv2:CreateWebACL), C(wafv2:UpdateWebACL),
    C(wafv2:DeleteWebACL) and C(wafv2:CheckCapacity); for references by name C(wafv2:ListIPSets),
    C(wafv2:ListRegexPatternSets) and C(wafv2:ListRuleGroups); for tags C(wafv2:ListTagsForResource),
    C(wafv2:TagResource) and C(wafv2:UntagResource); for logging C(wafv2:GetLoggingConfiguration),
    C(wafv2:PutLoggingConfiguration), C(wafv2:DeleteLoggingConfiguration) and those of the destination; for resources
    C(wafv2:ListResourcesForWebACL), C(wafv2:GetWebACLForResource), C(wafv2:AssociateWebACL),
    C(wafv2:DisassociateWebACL) and those of the service that the resource belongs to.
  - A web ACL that has members which the installed botocore does not know is not changed, because they would be lost.
  - Throttling, server errors and conflicts are waited out for up to two minutes. The SDK's own retries are off, unless
    O(aws_config) turns them on.
  - There is no module for regex pattern sets. A C(RegexMatchStatement) holds an expression in the rule itself, and an
    C(OrStatement) several; sets that exist can be referred to.
seealso:
  - module: rampart.ops.wafv2_ip_set
  - name: AWS WAF API reference
    description: The structures, with their members.
    link: https://docs.aws.amazon.com/waf/latest/APIReference/API_CreateWebACL.html
author:
  - The Rampart developers (@rampart-ops)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: A web ACL with a set of blocked addresses, a rate limit and two managed rule groups
  rampart.ops.wafv2_web_acl:
    name: site
    scope: REGIONAL
    default_action: {Allow: {}}
    rules:
      - Name: blocked
        Action: {Block: {}}
        Statement:
          IPSetReferenceStatement: {Name: blocked-ipv4}
      - Name: rate
        Action: {Block: {CustomResponse: {ResponseCode: 429}}}
        Statement:
          RateBasedStatement: {Limit: 2000, AggregateKeyType: IP}
      - Name: common
        OverrideAction: {Count: {}}
        Statement:
          ManagedRuleGroupStatement: {VendorName: AWS, Name: AWSManagedRulesCommonRuleSet}
      - Name: known-bad-inputs
        Statement:
          ManagedRuleGroupStatement:
            VendorName: AWS
            Name: AWSManagedRulesKnownBadInputsRuleSet
            RuleActionOverrides:
              - Name: Host_localhost_HEADER
                ActionToUse: {Count: {}}
    resources:
      - arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188
    logging:
      LogDestinationConfigs: ["arn:aws:logs:eu-central-1:123456789012:log-group:aws-waf-logs-site"]
      RedactedFields:
        - SingleHeader: {Name: authorization}

- name: Add or replace one rule, and leave the others alone
  rampart.ops.wafv2_web_acl:
    name: site
    scope: REGIONAL
    rules_mode: merge
    rules:
      - Name: no-xmlrpc
        Action: {Block: {}}
        Statement:
          ByteMatchStatement:
            SearchString: /xmlrpc.php
            FieldToMatch: {UriPath: {}}
            PositionalConstraint: EXACTLY
            TextTransformations: [{Priority: 0, Type: LOWERCASE}]

- name: Take that rule out
  rampart.ops.wafv2_web_acl:
    name: site
    scope: REGIONAL
    state: absent
    rules_mode: merge
    rules:
      - Name: no-xmlrpc

- name: Delete the web ACL
  rampart.ops.wafv2_web_acl:
    name: site
    scope: REGIONAL
    state: absent
"""

RETURN = r"""
exists:
  description: Whether the web ACL exists after the run.
  returned: success
  type: bool
  sample: true
web_acl:
  description: The web ACL in AWS's terms. Id and ARN are null for one that check mode did not create.
  returned: success
  type: dict
  sample:
    Name: site
    Id: 1b2c3d4e-5f60-4711-8a9b-0c1d2e3f4a5b
    ARN: arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/site/1b2c3d4e-5f60-4711-8a9b-0c1d2e3f4a5b
    Capacity: 903
    DefaultAction: {Allow: {}}
arn:
  description: The ARN of the web ACL.
  returned: if the web ACL exists or would
  type: str
  sample: arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/site/1b2c3d4e-5f60-4711-8a9b-0c1d2e3f4a5b
id:
  description: The id of the web ACL.
  returned: if the web ACL exists or would
  type: str
  sample: 1b2c3d4e-5f60-4711-8a9b-0c1d2e3f4a5b
capacity:
  description: The WCU that the web ACL needs, as AWS counts them.
  returned: success
  type: int
  sample: 903
capacity_by_rule:
  description:
    - The WCU of each rule as AWS documents them. Null where only AWS knows.
    - Their sum can be more than RV(capacity), because AWS may count a transformation once that several rules apply.
  returned: success
  type: dict
  sample: {blocked: 1, rate: 2, common: 700, known-bad-inputs: 200}
resources:
  description: The ARNs of the resources, of the types that were looked at.
  returned: if O(resources) was given
  type: list
  elements: str
  sample: ["arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188"]
logging:
  description: The logging configuration. Empty if there is none.
  returned: if O(logging) was given
  type: dict
  sample:
    LogDestinationConfigs: ["arn:aws:logs:eu-central-1:123456789012:log-group:aws-waf-logs-site"]
tags:
  description: The tags of the web ACL.
  returned: if O(tags) was given
  type: dict
  sample: {Team: ops}
"""

from typing import TYPE_CHECKING

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import CLIENT_CONFIG, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.module import converge, execute
from ansible_collections.rampart.ops.plugins.module_utils.wafv2 import rules
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.web_acl import (
    Wanted,
    changes,
    check,
    describe,
    read_logging,
    read_members,
    report,
)
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.web_acl_api import WebAcls
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.web_acl_reconcile import plan_now, write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
    from ansible_collections.rampart.ops.plugins.module_utils.wafv2.web_acl import Model

DEADLINE = 120

# Options that are members of the web ACL as AWS has it.
MEMBERS = {
    "description": "Description",
    "default_action": "DefaultAction",
    "visibility_config": "VisibilityConfig",
    "custom_response_bodies": "CustomResponseBodies",
    "captcha_config": "CaptchaConfig",
    "challenge_config": "ChallengeConfig",
    "token_domains": "TokenDomains",
    "association_config": "AssociationConfig",
    "data_protection_config": "DataProtectionConfig",
    "on_source_ddos_protection_config": "OnSourceDDoSProtectionConfig",
    "application_config": "ApplicationConfig",
    "monetization_config": "MonetizationConfig",
}

ARGUMENT_SPEC = {
    "name": {"type": "str", "required": True},
    "scope": {"type": "str", "required": True, "choices": ["REGIONAL", "CLOUDFRONT"]},
    "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
    "description": {"type": "str"},
    "default_action": {"type": "dict"},
    "rules": {"type": "list", "elements": "dict"},
    "rules_mode": {"type": "str", "default": "exact", "choices": ["exact", "merge"]},
    "max_capacity": {"type": "int", "default": 1500},
    "visibility_config": {"type": "dict"},
    "custom_response_bodies": {"type": "dict"},
    "captcha_config": {"type": "dict"},
    "challenge_config": {"type": "dict"},
    "token_domains": {"type": "list", "elements": "str", "no_log": False},
    "association_config": {"type": "dict"},
    "data_protection_config": {"type": "dict"},
    "on_source_ddos_protection_config": {"type": "dict", "aliases": ["on_source_d_do_s_protection_config"]},
    "application_config": {"type": "dict"},
    "monetization_config": {"type": "dict"},
    "resources": {"type": "list", "elements": "str"},
    "resources_mode": {"type": "str", "default": "exact", "choices": ["exact", "merge"]},
    "logging": {"type": "dict"},
    "tags": {"type": "dict", "aliases": ["resource_tags"]},
    "purge_tags": {"type": "bool", "default": True},
}


def wanted_of(params: Mapping[str, Any], region: str | None, model: Model) -> Wanted:
    """What the user asks for; InvalidError if it cannot be."""
    given = params["rules"]
    if given is not None:
        given = rules.read(given, model.rule) if params["state"] == "present" else rules.read_names(given)
    wanted = Wanted(
        name=params["name"],
        scope=params["scope"],
        state=params["state"],
        members=read_members(
            {member: params[option] for option, member in MEMBERS.items() if params[option] is not None}, model
        ),
        rules=given,
        rules_mode=params["rules_mode"],
        max_capacity=params["max_capacity"],
        resources=None if params["resources"] is None else frozenset(params["resources"]),
        resources_mode=params["resources_mode"],
        logging=read_logging(params["logging"], region, model),
        tags=None if params["tags"] is None else {str(key): str(value) for key, value in params["tags"].items()},
        purge_tags=params["purge_tags"],
    )
    check(wanted, model)
    return wanted


def run(module: AnsibleAWSModule) -> dict[str, Any]:
    scope = module.params["scope"]
    region = {"region": "us-east-1"} if scope == "CLOUDFRONT" else {}
    client = module.client("wafv2", config=CLIENT_CONFIG, **region)
    deadline = Deadline(DEADLINE)
    api = WebAcls(client, scope, deadline)
    wanted = wanted_of(module.params, client.meta.region_name, api.model)
    done = converge(
        module,
        deadline,
        lambda: plan_now(api, deadline, wanted, module.check_mode, module.warn),
        lambda plan: write(api, plan),
        lambda web_acl: describe(web_acl, api.model),
    )
    if "diff" in done.result:
        done.result["diff"] = changes(done.result["diff"])
    return {**done.result, **report(done.after)}


def main() -> None:
    execute(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
