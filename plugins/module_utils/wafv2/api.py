# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The calls to AWS WAF, a method each: retried while it makes sense, errors told in words. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

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


class Wafv2:
    """The IP sets of one scope."""

    def __init__(self, client: Any, scope: str, deadline: Deadline) -> None:
        self._caller = Caller(client, deadline, _TRANSIENT, _CONFLICTS, _REMEDIES)
        self._scope = scope

    def find(self, names: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The summaries (Id, ARN, LockToken) of those sets that exist; no more pages than necessary."""
        wanted = set(names)
        found: dict[str, dict[str, Any]] = {}
        page: dict[str, Any] = {"Scope": self._scope, "Limit": 100}
        while True:
            answer = self._caller.call("list_ip_sets", "list the IP sets", **page)
            found.update((item["Name"], item) for item in answer["IPSets"] if item["Name"] in wanted)
            if not answer.get("NextMarker") or len(found) == len(wanted):
                return found
            page["NextMarker"] = answer["NextMarker"]

    def get(self, name: str, set_id: str) -> IpSet:
        request = {"Name": name, "Scope": self._scope, "Id": set_id}
        answer = self._caller.call("get_ip_set", f"read the IP set {name}", **request)
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

    def tags(self, ip_set: IpSet) -> dict[str, str]:
        tags: dict[str, str] = {}
        page = {"ResourceARN": ip_set.arn}
        while True:
            answer = self._caller.call("list_tags_for_resource", f"read the tags of {ip_set.name}", **page)
            tags.update((tag["Key"], tag["Value"]) for tag in answer["TagInfoForResource"].get("TagList", []))
            if not answer.get("NextMarker"):
                return tags
            page["NextMarker"] = answer["NextMarker"]

    def create(self, ip_set: IpSet) -> IpSet:
        request = {
            "Name": ip_set.name,
            "Scope": self._scope,
            "IPAddressVersion": ip_set.family,
            **_content(ip_set),
            **({"Tags": _tag_list(ip_set.tags)} if ip_set.tags else {}),
        }
        summary = self._caller.call("create_ip_set", f"create the IP set {ip_set.name}", **request)["Summary"]
        return replace(ip_set, id=summary["Id"], arn=summary["ARN"], lock_token=summary["LockToken"])

    def update(self, ip_set: IpSet) -> None:
        self._caller.call(
            "update_ip_set", f"write the IP set {ip_set.name}", **self._locked(ip_set), **_content(ip_set)
        )

    def delete(self, ip_set: IpSet) -> None:
        self._caller.call("delete_ip_set", f"delete the IP set {ip_set.name}", **self._locked(ip_set))

    def tag(self, ip_set: IpSet, tags: Mapping[str, str]) -> None:
        self._caller.call("tag_resource", f"tag {ip_set.name}", ResourceARN=ip_set.arn, Tags=_tag_list(tags))

    def untag(self, ip_set: IpSet, keys: Iterable[str]) -> None:
        self._caller.call("untag_resource", f"untag {ip_set.name}", ResourceARN=ip_set.arn, TagKeys=list(keys))

    def _locked(self, ip_set: IpSet) -> dict[str, Any]:
        return {"Name": ip_set.name, "Scope": self._scope, "Id": ip_set.id, "LockToken": ip_set.lock_token}


def _content(ip_set: IpSet) -> dict[str, Any]:
    """What an update replaces. AWS takes no empty description: one that is not sent is cleared."""
    content: dict[str, Any] = {"Addresses": [str(network) for network in sorted(ip_set.networks)]}
    if ip_set.description:
        content["Description"] = ip_set.description
    return content


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
