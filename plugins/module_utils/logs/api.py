# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The calls to CloudWatch Logs, a method each. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import Caller, CallError
from ansible_collections.rampart.ops.plugins.module_utils.logs.model import Group

TOKEN = "nextToken"  # noqa: S105 - the name of a member


class Logs:
    """The log groups of a region."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def group(self, name: str, with_tags: bool) -> Group | None:
        purpose = f"look for the log group {name}"
        found = self._caller.items("describe_log_groups", purpose, "logGroups", token=TOKEN, logGroupNamePrefix=name)
        for each in found:
            if each["logGroupName"] == name:
                # The ARN in "arn" ends in ":*", with which tags cannot be asked for.
                arn = each.get("logGroupArn") or each["arn"][: -len(":*")]
                tags = self._tags(name, arn) if with_tags else {}
                return Group(name, each.get("retentionInDays", 0), each.get("kmsKeyId", ""), tags, arn)
        return None

    def _tags(self, name: str, arn: str) -> dict[str, str]:
        answer = self._caller.call("list_tags_for_resource", f"read the tags of {name}", resourceArn=arn)
        return dict(answer["tags"])

    def apply(self, name: str, group: Group | None, steps: Iterable[tuple[str, Any]]) -> None:
        """Walk a plan."""
        for step, value in steps:
            if step == "create":
                self._create(value)
            elif step == "delete":
                self._caller.call("delete_log_group", f"delete the log group {name}", logGroupName=name)
            elif step == "encrypt" and value:
                purpose = f"encrypt the log group {name} with {value}"
                self._caller.call("associate_kms_key", purpose, logGroupName=name, kmsKeyId=value)
            elif step == "encrypt":
                self._caller.call("disassociate_kms_key", f"take the key from the log group {name}", logGroupName=name)
            elif step == "retain" and value:
                purpose = f"set the retention of the log group {name}"
                self._caller.call("put_retention_policy", purpose, logGroupName=name, retentionInDays=value)
            elif step == "retain":
                purpose = f"keep the log group {name} for ever"
                self._caller.call("delete_retention_policy", purpose, logGroupName=name)
            elif step == "tag" and group is not None:
                self._tag(name, group.arn, value)

    def _create(self, group: Group) -> None:
        request: dict[str, Any] = {"logGroupName": group.name}
        request.update({"kmsKeyId": group.kms_key_id} if group.kms_key_id else {})
        request.update({"tags": dict(group.tags)} if group.tags else {})
        try:
            self._caller.call("create_log_group", f"create the log group {group.name}", **request)
        except CallError as error:
            # An agent was faster, or the answer to ourselves was lost.
            if error.code != "ResourceAlreadyExistsException":
                raise

    def _tag(self, name: str, arn: str, change: Any) -> None:
        if change.removed:
            purpose = f"remove tags of the log group {name}"
            self._caller.call("untag_resource", purpose, resourceArn=arn, tagKeys=list(change.removed))
        if change.set:
            self._caller.call("tag_resource", f"tag the log group {name}", resourceArn=arn, tags=dict(change.set))

    def subscription_filter(self, group: str, name: str) -> dict[str, str]:
        """Empty if there is none, or no such group."""
        purpose = f"look for the subscription filter {name} of {group}"
        request = {"logGroupName": group, "filterNamePrefix": name}
        try:
            for each in self._caller.items(
                "describe_subscription_filters", purpose, "subscriptionFilters", token=TOKEN, **request
            ):
                if each["filterName"] == name:
                    return {
                        "filter_pattern": each.get("filterPattern") or "",
                        "destination_arn": each["destinationArn"],
                        "role_arn": each.get("roleArn") or "",
                        "distribution": each.get("distribution") or "ByLogStream",
                    }
        except CallError as error:
            if error.code != "ResourceNotFoundException":
                raise
        return {}

    def put_subscription_filter(self, group: str, name: str, wanted: Mapping[str, str]) -> None:
        """Write it, or remove it if nothing is wanted."""
        request: dict[str, Any] = {"logGroupName": group, "filterName": name}
        if not wanted:
            self._caller.call("delete_subscription_filter", f"delete the subscription filter {name}", **request)
            return
        request.update(
            filterPattern=wanted["filter_pattern"],
            destinationArn=wanted["destination_arn"],
            distribution=wanted["distribution"],
        )
        request.update({"roleArn": wanted["role_arn"]} if wanted["role_arn"] else {})
        self._caller.call("put_subscription_filter", f"write the subscription filter {name} of {group}", **request)
