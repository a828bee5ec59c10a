# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The calls to AWS WAF, a method each: retried while it makes sense, errors told in words. Nothing is decided here."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.wafv2.addresses import parse
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.model import VERSIONS, IpSet

with suppress(ImportError):  # AnsibleAWSModule says so
    from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, HTTPClientError

# Waiting is done here, against one deadline, and nowhere else.
CLIENT_CONFIG = {"retries": {"total_max_attempts": 1}, "connect_timeout": 10, "read_timeout": 20}
DEADLINE = 60.0

_TRANSIENT = {
    "InternalFailure",
    "InternalServerError",
    "InternalServiceError",
    "LimitExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "WAFInternalErrorException",
    "WAFTagOperationInternalErrorException",
    "WAFUnavailableEntityException",
}
# Somebody else was faster, or an answer to ourselves was lost: the remedy is to read again, never to send again.
_CONFLICT = {"WAFDuplicateItemException", "WAFNonexistentItemException", "WAFOptimisticLockException"}
_REMEDY = {
    "AccessDeniedException": "give these credentials the permission it names",
    "ExpiredTokenException": "renew the session's credentials",
    "InvalidClientTokenId": "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or the profile",
    "InvalidSignatureException": "check AWS_SECRET_ACCESS_KEY and the clock of this machine",
    "UnrecognizedClientException": "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or the profile",
    "WAFAssociatedItemException": "take it out of the web ACLs and rule groups that refer to it first",
}
# A wrong endpoint does not get right by waiting; a hiccup of name resolution does.
_CONNECTION_ATTEMPTS = 3


class WafError(Exception):
    """A call that failed for good."""

    def __init__(self, message: str, cause: Exception) -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause


class ConflictError(WafError):
    """The set is not any more what it was when it was read."""


class Deadline:
    """The time that is left for a whole run, and waiting within it."""

    def __init__(
        self,
        seconds: float = DEADLINE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._end = clock() + seconds

    def wait(self, attempt: int) -> bool:
        """Wait longer with each attempt, at random so that writers do not meet again; False when the time is up."""
        pause = random.uniform(0.1, min(8.0, 0.4 * 2.0**attempt))  # noqa: S311 - no secret depends on it
        if self._clock() + pause > self._end:
            return False
        self._sleep(pause)
        return True


class Wafv2:
    """The IP sets of one scope."""

    def __init__(self, client: Any, scope: str, deadline: Deadline) -> None:
        self._client = client
        self._scope = scope
        self._deadline = deadline

    def find(self, names: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The summaries (Id, ARN, LockToken) of those sets that exist; no more pages than necessary."""
        wanted = set(names)
        found: dict[str, dict[str, Any]] = {}
        page: dict[str, Any] = {"Scope": self._scope, "Limit": 100}
        while True:
            answer = self._call("list_ip_sets", "list the IP sets", page)
            found.update((item["Name"], item) for item in answer["IPSets"] if item["Name"] in wanted)
            if not answer.get("NextMarker") or len(found) == len(wanted):
                return found
            page["NextMarker"] = answer["NextMarker"]

    def get(self, name: str, set_id: str) -> IpSet:
        request = {"Name": name, "Scope": self._scope, "Id": set_id}
        answer = self._call("get_ip_set", f"read the IP set {name}", request)
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
            answer = self._call("list_tags_for_resource", f"read the tags of {ip_set.name}", page)
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
        summary = self._call("create_ip_set", f"create the IP set {ip_set.name}", request)["Summary"]
        return replace(ip_set, id=summary["Id"], arn=summary["ARN"], lock_token=summary["LockToken"])

    def update(self, ip_set: IpSet) -> None:
        self._call("update_ip_set", f"write the IP set {ip_set.name}", {**self._locked(ip_set), **_content(ip_set)})

    def delete(self, ip_set: IpSet) -> None:
        self._call("delete_ip_set", f"delete the IP set {ip_set.name}", self._locked(ip_set))

    def tag(self, ip_set: IpSet, tags: Mapping[str, str]) -> None:
        self._call("tag_resource", f"tag {ip_set.name}", {"ResourceARN": ip_set.arn, "Tags": _tag_list(tags)})

    def untag(self, ip_set: IpSet, keys: Iterable[str]) -> None:
        self._call("untag_resource", f"untag {ip_set.name}", {"ResourceARN": ip_set.arn, "TagKeys": list(keys)})

    def _locked(self, ip_set: IpSet) -> dict[str, Any]:
        return {"Name": ip_set.name, "Scope": self._scope, "Id": ip_set.id, "LockToken": ip_set.lock_token}

    def _call(self, operation: str, purpose: str, request: dict[str, Any]) -> dict[str, Any]:
        attempt = 0
        while True:
            try:
                answer: dict[str, Any] = getattr(self._client, operation)(**request)
                return answer
            except (BotoCoreError, ClientError) as error:
                attempt += 1
                if not _is_transient(error, attempt) or not self._deadline.wait(attempt):
                    raise _translated(error, purpose, attempt) from error


def _is_transient(error: Exception, attempt: int) -> bool:
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return _code(error) in _TRANSIENT or status >= 500
    if isinstance(error, EndpointConnectionError):
        return attempt < _CONNECTION_ATTEMPTS
    return isinstance(error, HTTPClientError)  # time-outs and lost connections


def _translated(error: Exception, purpose: str, attempts: int) -> WafError:
    code = _code(error)
    message = f"Could not {purpose}"
    if attempts > 1:
        message += f" in {attempts} attempts"
    if code in _REMEDY:
        message += f" ({_REMEDY[code]})"
    return (ConflictError if code in _CONFLICT else WafError)(message, error)


def _code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""


def _content(ip_set: IpSet) -> dict[str, Any]:
    """What an update replaces. AWS takes no empty description: one that is not sent is cleared."""
    content: dict[str, Any] = {"Addresses": [str(network) for network in sorted(ip_set.networks)]}
    if ip_set.description:
        content["Description"] = ip_set.description
    return content


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
