# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The names of hosts, by the preferences of the `hostnames` option."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from ansible.module_utils.common.text.converters import to_text

Instance = dict[str, Any]
# The value of one preference for an instance: a text, a list of them, or nothing.
Value = Callable[[Instance], Any]
# What a filter (Jinja) makes of a value.
Filter = Callable[[Any, str], Any]

# EC2's names of filters, and the path to the value in the variables of an instance.
ATTRIBUTES = {
    "affinity": "placement.affinity",
    "architecture": "architecture",
    "availability-zone": "placement.availability_zone",
    "block-device-mapping.attach-time": "block_device_mappings.ebs.attach_time",
    "block-device-mapping.delete-on-termination": "block_device_mappings.ebs.delete_on_termination",
    "block-device-mapping.device-name": "block_device_mappings.device_name",
    "block-device-mapping.status": "block_device_mappings.ebs.status",
    "block-device-mapping.volume-id": "block_device_mappings.ebs.volume_id",
    "client-token": "client_token",
    "dns-name": "public_dns_name",
    "group-id": "groups.group_id",
    "group-name": "groups.group_name",
    "host-id": "placement.host_id",
    "hypervisor": "hypervisor",
    "iam-instance-profile.arn": "iam_instance_profile.arn",
    "image-id": "image_id",
    "instance-id": "instance_id",
    "instance-lifecycle": "instance_lifecycle",
    "instance-state-code": "state.code",
    "instance-state-name": "state.name",
    "instance-type": "instance_type",
    "instance.group-id": "security_groups.group_id",
    "instance.group-name": "security_groups.group_name",
    "ip-address": "public_ip_address",
    "kernel-id": "kernel_id",
    "key-name": "key_name",
    "launch-index": "ami_launch_index",
    "launch-time": "launch_time",
    "monitoring-state": "monitoring.state",
    "network-interface.addresses.association.ip-owner-id":
        "network_interfaces.private_ip_addresses.association.ip_owner_id",
    "network-interface.addresses.association.public-ip":
        "network_interfaces.private_ip_addresses.association.public_ip",
    "network-interface.addresses.primary": "network_interfaces.private_ip_addresses.primary",
    "network-interface.addresses.private-ip-address": "network_interfaces.private_ip_address",
    "network-interface.association.allocation-id": "elastic_gpu_associations.elastic_gpu_id",
    "network-interface.association.association-id": "elastic_gpu_associations.elastic_gpu_association_id",
    "network-interface.association.ip-owner-id": "network_interfaces.association.ip_owner_id",
    "network-interface.association.public-ip": "network_interfaces.association.public_ip",
    "network-interface.attachment.attach-time": "network_interfaces.attachment.attach_time",
    "network-interface.attachment.attachment-id": "network_interfaces.attachment.attachment_id",
    "network-interface.attachment.delete-on-termination": "network_interfaces.attachment.delete_on_termination",
    "network-interface.attachment.device-index": "network_interfaces.attachment.device_index",
    "network-interface.attachment.instance-id": "instance_id",
    "network-interface.attachment.instance-owner-id": "owner_id",
    "network-interface.attachment.status": "network_interfaces.attachment.status",
    "network-interface.availability-zone": "placement.availability_zone",
    "network-interface.description": "network_interfaces.description",
    "network-interface.group-id": "network_interfaces.groups.group_id",
    "network-interface.group-name": "network_interfaces.groups.group_name",
    "network-interface.ipv6-addresses.ipv6-address": "network_interfaces.ipv6_addresses.ipv6_address",
    "network-interface.mac-address": "network_interfaces.mac_address",
    "network-interface.network-interface-id": "network_interfaces.network_interface_id",
    "network-interface.owner-id": "network_interfaces.owner_id",
    "network-interface.private-dns-name": "network_interfaces.private_dns_name",
    "network-interface.requester-managed": "network_interfaces.association.ip_owner_id",
    "network-interface.source-dest-check": "network_interfaces.source_dest_check",
    "network-interface.status": "network_interfaces.status",
    "network-interface.subnet-id": "network_interfaces.subnet_id",
    "network-interface.vpc-id": "network_interfaces.vpc_id",
    "owner-id": "owner_id",
    "placement-group-name": "placement.group_name",
    "platform": "platform",
    "private-dns-name": "private_dns_name",
    "private-ip-address": "private_ip_address",
    "product-code": "product_codes.product_code_id",
    "product-code.type": "product_codes.product_code_type",
    "ramdisk-id": "ramdisk_id",
    "reason": "state_transition_reason",
    "requester-id": "requester_id",
    "reservation-id": "reservation_id",
    "root-device-name": "root_device_name",
    "root-device-type": "root_device_type",
    "source-dest-check": "source_dest_check",
    "spot-instance-request-id": "spot_instance_request_id",
    "state-reason-code": "state_reason.code",
    "state-reason-message": "state_reason.message",
    "subnet-id": "subnet_id",
    "tag": "tags",
    "tag-key": "tags",
    "tag-value": "tags",
    "tenancy": "placement.tenancy",
    "virtualization-type": "virtualization_type",
    "vpc-id": "vpc_id",
}  # fmt: skip
DEFAULT = ("dns-name", "private-dns-name")
# The variables that Route 53's records may point to.
ROUTE53 = ("public_dns_name", "private_dns_name", "public_ip_address", "private_ip_address")


class Hostnames:
    """Names instances. Raises ValueError for preferences that are none."""

    def __init__(
        self,
        preferences: list[Any],
        sanitize: Callable[[str], str],
        apply_filter: Filter,
        every: bool = False,
        route53: Callable[[Instance], list[str]] | None = None,
        missing_is_none: bool = False,
    ) -> None:
        self._every = every
        self._missing_is_none = missing_is_none
        self._sanitize_group_name = sanitize
        self._filter = apply_filter
        self._route53 = route53
        self.used: set[str] = set(ROUTE53) if route53 else set()
        self._preferences = [self._preference(preference) for preference in preferences or DEFAULT]

    def of(self, instance: Instance) -> list[str]:
        """All names of an instance when every one is asked for, else the first that there is."""
        names = self._route53(instance) if self._route53 else []
        if not self._every and names:
            return [self._sanitize(sorted(names)[0])]
        found = [self._sanitize(name) for name in names]
        for value in self._preferences:
            name = value(instance)
            if not self._every:
                if isinstance(name, list):
                    name = name[0] if name else None
                if name:
                    return [self._sanitize(name)]
            elif isinstance(name, list):
                found.extend(self._sanitize(each) for each in name)
            elif name and isinstance(name, str):
                found.append(self._sanitize(name))
        return found

    def _sanitize(self, name: Any) -> str:
        text = str.__str__(to_text(name))  # a name is plain text, also when a filter has made it of marked text
        return self._sanitize_group_name(text) if ":" in text else text

    def _preference(self, preference: Any) -> Value:
        if isinstance(preference, str):
            return self._source(preference)
        if not isinstance(preference, dict):
            raise ValueError(f"hostnames: {preference!r} is neither a string nor a dictionary")
        if "name" not in preference:
            raise ValueError(f"hostnames: {preference!r} has no 'name'")
        name = self._named(self._source(preference["name"]))
        prefix = self._named(self._source(preference["prefix"])) if "prefix" in preference else None
        separator = preference.get("separator", "_")

        def joined(instance: Instance) -> Any:
            last = name(instance)
            first = prefix(instance) if prefix and last else None
            return f"{first[0]}{separator}{last[0]}" if first and last else last

        return joined

    def _named(self, value: Value) -> Callable[[Instance], list[str]]:
        """The names in a value, in a list."""

        def named(instance: Instance) -> list[str]:
            found = value(instance)
            if isinstance(found, list):
                kept = found if self._every else found[:1]
                return [self._sanitize(each) for each in kept if each or self._every]
            if not found or (self._every and not isinstance(found, str)):
                return []
            return [self._sanitize(found)]

        return named

    def _source(self, preference: str) -> Value:
        source, pipe, filters = preference.partition("|")
        if pipe:
            value, chain = self._source(source.rstrip()), filters

            def filtered(instance: Instance) -> Any:
                found = value(instance)
                if found is None or found == [] or found == "":
                    if not self._missing_is_none:
                        return None
                    found = "None" if found is None else found
                return self._filter(found if isinstance(found, list) else to_text(found), chain)

            return filtered
        if source.startswith("tag:"):
            return self._tags(source[len("tag:") :])
        if source not in ATTRIBUTES:
            return lambda instance: source
        path = ATTRIBUTES[source].split(".")
        self.used.add(path[0])
        if path == ["tags"]:
            # EC2's own form of them, of which this preference makes a name.
            return lambda instance: _one([{"Key": key, "Value": value} for key, value in instance["tags"].items()])
        return lambda instance: _value(instance, path)

    @staticmethod
    def _tags(wanted: str) -> Value:
        several = "," in wanted
        pairs = [tag.partition("=") for tag in wanted.split(",")]

        def tags(instance: Instance) -> Any:
            has = instance["tags"]
            names = [
                f"{key}_{value}" if equals else has[key]
                for key, equals, value in pairs
                if (has.get(key) == value if equals else has.get(key))
            ]
            return names if several else names[0] if names else []

        return tags


def _one(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def _value(value: Any, path: list[str]) -> Any:
    """What a path leads to: through a list to the values of all its elements, a single one of them for itself."""
    for key in path:
        value = _step(value, key)
    return value


def _step(value: Any, key: str) -> Any:
    if isinstance(value, list):
        return _one([found for found in (_step(each, key) for each in value) if found])
    found = None if value is None else value.get(key)
    return _one(found) if isinstance(found, list) else found


def separate(named: list[tuple[Instance, list[str]]]) -> dict[str, list[str]]:
    """Give instances of one name their instance ids too, in place. The names in question, with their instances."""
    count = Counter(name for _instance, names in named for name in set(names))
    shared: dict[str, list[str]] = {}
    for instance, names in named:
        for place, name in enumerate(names):
            if count[name] > 1:
                names[place] = f"{name}-{instance['instance_id']}"
                if instance["instance_id"] not in shared.setdefault(name, []):
                    shared[name].append(instance["instance_id"])
    return shared
