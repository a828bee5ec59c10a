# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The calls to AWS WAF, a method each: retried while it makes sense, errors told in words. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import Caller, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.addresses import parse
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.model import VERSIONS, IpSet

_TRANSIENT = frozenset(
    {
        "LimitExceededException",
        "WAFInternalErrorException",
        "WAFTagOperationInternalErrorException",
        "WAFUnavailableEntityException",
    }
)
# Somebody else was faster, or an answer to ourselves was lost: the remedy is to read again, never to send again.
_CONFLICTS = frozenset({"WAFDuplicateItemException", "WAFNonexistentItemException", "WAFOptimisticLockException"})
_REMEDIES = {
    "WAFAssociatedItemException": "take it out of the web ACLs and rule groups that refer to it first",
}


# https://docs.aws.amazon.com/waf/latest/developerguide/limits.html: calls to any individual create, put or update.
WRITE_INTERVAL = 1.0


class Named(Protocol):
    """What tags belong to."""

    @property
    def name(self) -> str: ...

    @property
    def arn(self) -> str | None: ...


class Scoped:
    """What all resources of one scope have in common: lists by name, and tags."""

    conflicts = _CONFLICTS

    def __init__(
        self,
        client: Any,
        scope: str,
        deadline: Deadline,
        remedies: Mapping[str, str],
        transient: Iterable[str] = (),
    ) -> None:
        self.transient = _TRANSIENT.union(transient)
        self.caller = Caller(client, deadline, self.transient, self.conflicts, remedies)
        self.scope = scope
        self._pace = deadline.pace(WRITE_INTERVAL)

    def write(self, operation: str, purpose: str, **request: Any) -> dict[str, Any]:
        """A write that holds only for what was read: if it fails it is not sent again, because meanwhile somebody else
        may have written, or it was carried out and only its answer was lost."""
        self._pace.wait()
        try:
            answer: dict[str, Any] = self.caller.call(operation, purpose, resend=False, **request)
            return answer
        finally:
            self._pace.done()

    def listed(
        self,
        operation: str,
        result: str,
        purpose: str,
        names: Iterable[str],
        also: Callable[[str], bool] = lambda _name: False,
    ) -> dict[str, dict[str, Any]]:
        """The summaries (Id, ARN, LockToken) of those that exist, and of others by their name that are met; no more
        pages than necessary."""
        wanted = set(names)
        found: dict[str, dict[str, Any]] = {}
        page: dict[str, Any] = {"Scope": self.scope, "Limit": 100}
        while True:
            answer = self.caller.call(operation, purpose, **page)
            found.update(
                (item["Name"], item) for item in answer[result] if item["Name"] in wanted or also(item["Name"])
            )
            if not answer.get("NextMarker") or wanted <= found.keys():
                return found
            page["NextMarker"] = answer["NextMarker"]

    def tags(self, resource: Named) -> dict[str, str]:
        tags: dict[str, str] = {}
        page = {"ResourceARN": resource.arn}
        while True:
            answer = self.caller.call("list_tags_for_resource", f"read the tags of {resource.name}", **page)
            tags.update((tag["Key"], tag["Value"]) for tag in answer["TagInfoForResource"].get("TagList", []))
            if not answer.get("NextMarker"):
                return tags
            page["NextMarker"] = answer["NextMarker"]

    def tag(self, resource: Named, tags: Mapping[str, str]) -> None:
        self.caller.call("tag_resource", f"tag {resource.name}", ResourceARN=resource.arn, Tags=tag_list(tags))

    def untag(self, resource: Named, keys: Iterable[str]) -> None:
        self.caller.call("untag_resource", f"untag {resource.name}", ResourceARN=resource.arn, TagKeys=list(keys))


class Wafv2(Scoped):
    """The IP sets of one scope."""

    def __init__(self, client: Any, scope: str, deadline: Deadline) -> None:
        super().__init__(client, scope, deadline, _REMEDIES)

    def find(
        self, names: Iterable[str], also: Callable[[str], bool] = lambda _name: False
    ) -> dict[str, dict[str, Any]]:
        """The summaries of those sets that exist, and of others by their name."""
        return self.listed("list_ip_sets", "IPSets", "list the IP sets", names, also)

    def get(self, name: str, set_id: str) -> IpSet:
        request = {"Name": name, "Scope": self.scope, "Id": set_id}
        answer = self.caller.call("get_ip_set", f"read the IP set {name}", **request)
        body = answer["IPSet"]
        return IpSet(
            name=name,
            version=VERSIONS[body["IPAddressVersion"]],
            networks=frozenset(map(parse, body["Addresses"])),
            description=body.get("Description", ""),
            id=set_id,
            arn=body["ARN"],
            lock_token=answer["LockToken"],
        )

    def create(self, ip_set: IpSet) -> IpSet:
        request = {
            "Name": ip_set.name,
            "Scope": self.scope,
            "IPAddressVersion": ip_set.family,
            **_content(ip_set),
            **({"Tags": tag_list(ip_set.tags)} if ip_set.tags else {}),
        }
        summary = self.write("create_ip_set", f"create the IP set {ip_set.name}", **request)["Summary"]
        return replace(ip_set, id=summary["Id"], arn=summary["ARN"], lock_token=summary["LockToken"])

    def update(self, ip_set: IpSet) -> None:
        self.write("update_ip_set", f"write the IP set {ip_set.name}", **self._locked(ip_set), **_content(ip_set))

    def delete(self, ip_set: IpSet) -> None:
        self.write("delete_ip_set", f"delete the IP set {ip_set.name}", **self._locked(ip_set))

    def _locked(self, ip_set: IpSet) -> dict[str, Any]:
        return {"Name": ip_set.name, "Scope": self.scope, "Id": ip_set.id, "LockToken": ip_set.lock_token}


def _content(ip_set: IpSet) -> dict[str, Any]:
    """What an update replaces. AWS takes no empty description: one that is not sent is cleared."""
    content: dict[str, Any] = {"Addresses": [str(network) for network in sorted(ip_set.networks)]}
    if ip_set.description:
        content["Description"] = ip_set.description
    return content


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
