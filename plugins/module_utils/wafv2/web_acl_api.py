# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The calls to AWS WAF about web ACLs, a method each. Nothing is decided here."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import Caller, CallError, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.shapes import dropped
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.api import Scoped, tag_list
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.web_acl import Model, WebAcl

# What AWS tells of a web ACL, and no update has: an old botocore may not know it.
_ONLY_TOLD = (
    "PostProcessFirewallManagerRuleGroups",
    "PreProcessFirewallManagerRuleGroups",
    "RetrofittedByFirewallManager",
)
_KEYS = ("Name", "Scope", "Id", "LockToken")
# The list of what a rule can refer to: operation and result.
_LISTS = {
    "ipset": ("list_ip_sets", "IPSets"),
    "regexpatternset": ("list_regex_pattern_sets", "RegexPatternSets"),
    "rulegroup": ("list_rule_groups", "RuleGroups"),
}
_REMEDIES = {
    "WAFAssociatedItemException": "something still uses it, for CloudFront a distribution: take it out there first",
    "WAFLogDestinationPermissionIssueException": "these credentials need the permissions on the log destination that "
    "https://docs.aws.amazon.com/waf/latest/developerguide/logging-destinations.html lists for it",
}
# A former PutLoggingConfiguration locks the service-linked role for about 20 seconds.
_TRANSIENT = ("WAFServiceLinkedRoleErrorException", "WAFTagOperationException")


class WebAcls(Scoped):  # type: ignore[misc]
    """The web ACLs of one scope."""

    def __init__(self, client: Any, scope: str, deadline: Deadline) -> None:
        super().__init__(client, scope, deadline, _REMEDIES, _TRANSIENT)
        # Here a resource that is missing is not the web ACL, and stays missing.
        self._others = Caller(client, deadline, self.transient, frozenset({"WAFOptimisticLockException"}), _REMEDIES)
        # AWS takes a while to notice that nothing is associated any more.
        self._after_dissociation = Caller(
            client, deadline, self.transient | {"WAFAssociatedItemException"}, self.conflicts, _REMEDIES
        )
        self.model = model_of(client.meta.service_model)
        self._unknown: tuple[str, ...] = ()
        client.meta.events.register("after-call.wafv2.GetWebACL", self._remember_unknown)
        self._types = client.meta.service_model.shape_for("ResourceType").enum

    def find(self, name: str) -> dict[str, Any] | None:
        """The summary of a web ACL, if there is one of this name."""
        found: dict[str, Any] | None = self.listed("list_web_acls", "WebACLs", "list the web ACLs", [name]).get(name)
        return found

    def arns(self, kind: str, names: Collection[str]) -> dict[str, str]:
        """The ARNs, by name, of those IP sets, regex pattern sets or rule groups that exist."""
        operation, result = _LISTS[kind]
        found = self.listed(operation, result, f"list the {kind}s that rules refer to", names)
        return {name: item["ARN"] for name, item in found.items()}

    def get(self, name: str, web_acl_id: str) -> WebAcl:
        request = {"Name": name, "Scope": self.scope, "Id": web_acl_id}
        answer = self.caller.call("get_web_acl", f"read the web ACL {name}", **request)
        held = answer["WebACL"]
        held["Rules"] = sorted(held.get("Rules") or (), key=lambda rule: int(rule["Priority"]))
        return WebAcl(
            name=name,
            scope=self.scope,
            # An empty member is one that is not there, and AWS takes none that is empty.
            body={key: held[key] for key in self.model.members if held.get(key) not in (None, [], {}, "")},
            id=web_acl_id,
            arn=held["ARN"],
            lock_token=answer["LockToken"],
            capacity=held.get("Capacity"),
            unknown=self._unknown,
        )

    def _remember_unknown(self, http_response: Any, parsed: Mapping[str, Any], **_others: Any) -> None:
        if http_response.status_code == 200:
            answer = json.loads(http_response.content)["WebACL"]
            self._unknown = tuple(name for name in dropped(answer, parsed["WebACL"]) if name not in _ONLY_TOLD)

    def logging(self, web_acl: WebAcl) -> dict[str, Any]:
        """The logging configuration without the web ACL's ARN; empty if there is none."""
        purpose = f"read the logging configuration of {web_acl.name}"
        try:
            answer = self._others.call("get_logging_configuration", purpose, ResourceArn=web_acl.arn)
        except CallError as error:
            if error.code == "WAFNonexistentItemException":
                return {}
            raise
        held = answer["LoggingConfiguration"]
        return {key: value for key, value in held.items() if key != "ResourceArn" and value not in (None, [])}

    def resources(self, web_acl: WebAcl, types: Iterable[str]) -> frozenset[str]:
        """The ARNs of the associated resources of these types, as far as botocore knows the type."""
        found: set[str] = set()
        for kind in types:
            if kind in self._types:
                answer = self._others.call(
                    "list_resources_for_web_acl",
                    f"list the resources of {web_acl.name}",
                    WebACLArn=web_acl.arn,
                    ResourceType=kind,
                )
                found.update(answer.get("ResourceArns") or ())
        return frozenset(found)

    def protecting(self, resource: str) -> str | None:
        """The name of the web ACL that a resource has."""
        answer = self._others.call("get_web_acl_for_resource", f"read the web ACL of {resource}", ResourceArn=resource)
        held = answer.get("WebACL")
        return held["Name"] if held else None

    def capacity(self, rules: list[dict[str, Any]]) -> int:
        """The WCU that AWS counts for these rules."""
        answer = self._others.call("check_capacity", "check the rules", Scope=self.scope, Rules=rules)
        return int(answer["Capacity"])

    def create(self, web_acl: WebAcl) -> WebAcl:
        request = {"Name": web_acl.name, "Scope": self.scope, **web_acl.body}
        if web_acl.tags:
            request["Tags"] = tag_list(web_acl.tags)
        made = self.caller.call("create_web_acl", f"create the web ACL {web_acl.name}", **request)["Summary"]
        return replace(web_acl, id=made["Id"], arn=made["ARN"], lock_token=made["LockToken"])

    def update(self, web_acl: WebAcl) -> None:
        self.caller.call("update_web_acl", f"write the web ACL {web_acl.name}", **self._locked(web_acl), **web_acl.body)

    def delete(self, web_acl: WebAcl, dissociated: bool) -> None:
        caller = self._after_dissociation if dissociated else self.caller
        caller.call("delete_web_acl", f"delete the web ACL {web_acl.name}", **self._locked(web_acl))

    def log(self, web_acl: WebAcl, configuration: Mapping[str, Any]) -> None:
        request = {**configuration, "ResourceArn": web_acl.arn}
        request.pop("ManagedByFirewallManager", None)  # which AWS only tells
        self._others.call(
            "put_logging_configuration",
            f"write the logging of {web_acl.name}",
            LoggingConfiguration=request,
        )

    def unlog(self, web_acl: WebAcl) -> None:
        self.caller.call(
            "delete_logging_configuration", f"delete the logging of {web_acl.name}", ResourceArn=web_acl.arn
        )

    def associate(self, web_acl: WebAcl, resource: str) -> None:
        purpose = f"associate {resource} with {web_acl.name}"
        self._others.call("associate_web_acl", purpose, WebACLArn=web_acl.arn, ResourceArn=resource)

    def dissociate(self, resource: str) -> None:
        self._others.call("disassociate_web_acl", f"dissociate {resource}", ResourceArn=resource)

    def _locked(self, web_acl: WebAcl) -> dict[str, Any]:
        return {"Name": web_acl.name, "Scope": self.scope, "Id": web_acl.id, "LockToken": web_acl.lock_token}


def model_of(service: Any) -> Model:
    """The shapes of this version of botocore, from its model of the service."""
    members = service.operation_model("UpdateWebACL").input_shape.members
    return Model(
        members={name: shape for name, shape in members.items() if name not in _KEYS},
        name=members["Name"],
        logging=service.shape_for("LoggingConfiguration"),
    )
