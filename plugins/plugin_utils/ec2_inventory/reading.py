# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""From DescribeInstances' XML to the variables of hosts.

botocore reads a page in a second for every thousand instances, and a second pass renames every key. This reads the
same answer by the same service model into the final names at once, a tenth of the work, and only the fields that are
wanted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict

Read = Callable[[ElementTree.Element], Any]
Member = tuple[str, str, Read]  # the tag, the variable, how to read it

# From this many elements on it is cheaper to cut a field out of the text than to parse it.
LARGE = 6
NAMESPACE = re.compile(rb'\sxmlns="[^"]*"')


def snake(name: str) -> str:
    """The name of a field as amazon.aws spells it."""
    spelled: str = next(iter(camel_dict_to_snake_dict({name: None})))
    return spelled


def cut(body: bytes, tag: bytes) -> bytes:
    """The body without the elements of a name. In text a "<" is always escaped, so that a tag is a tag."""
    first, *parts = body.split(b"<" + tag + b">")
    return b"".join([first, *(part.partition(b"</" + tag + b">")[2] for part in parts)])


class Reader:
    """Reads pages. `wanted` are the top-level variables to read, None for all."""

    def __init__(self, result_shape: Any, wanted: frozenset[str] | None = None) -> None:
        # Most values are repeated on every host; each is kept once.
        self._strings: dict[str, str] = {}
        self._times: dict[str, datetime] = {}
        self._structures: dict[str, Read] = {}
        reservation = result_shape.members["Reservations"].member
        instance = reservation.members["Instances"].member
        members = self._members(instance)
        self._cut: list[bytes] = []
        if wanted is not None:
            unwanted = {tag for tag, name, _read in members if name not in wanted}
            members = [member for member in members if member[1] in wanted]
            self._cut = [tag.encode() for tag in sorted(unwanted & self._cuttable(reservation))]
        self._instance = self._structure(members)
        self._wants_reservation = wanted is None or wanted & {"owner_id", "requester_id", "reservation_id"}

    def instances(self, body: bytes, region: str, region_by_zone: bool = False) -> Iterator[dict[str, Any]]:
        """The variables of each instance of a page. Raises ValueError when the page is not a whole answer."""
        for tag in self._cut:
            body = cut(body, tag)
        try:
            root = ElementTree.fromstring(NAMESPACE.sub(b"", body, count=1))  # noqa: S314 - the API's answer, by TLS
        except ElementTree.ParseError as error:
            raise ValueError(f"the answer breaks off or is no XML ({error})") from error
        if root.tag != "DescribeInstancesResponse":
            raise ValueError(f"the answer is a {root.tag}, no DescribeInstancesResponse")
        for reservation in root.iterfind("reservationSet/item"):
            common: dict[str, Any] = {}
            if self._wants_reservation:
                common = {
                    "owner_id": self._string_of(reservation.find("ownerId")),
                    "requester_id": self._string_of(reservation.find("requesterId")),
                    "reservation_id": self._string_of(reservation.find("reservationId")),
                }
            for node in reservation.iterfind("instancesSet/item"):
                instance = self._instance(node)
                instance.update(common)
                instance.setdefault("tags", {})
                placement = instance.setdefault("placement", {})
                zone = placement.get("availability_zone", "")
                placement["region"] = zone[:-1] if region_by_zone else region
                yield instance

    @staticmethod
    def _cuttable(reservation: Any) -> set[str]:
        """The tags of an instance's large fields whose name stands for nothing else."""
        tags: list[str] = []

        def walk(shape: Any) -> None:
            if shape.type_name == "structure":
                for name, member in shape.members.items():
                    tags.append(member.serialization.get("name", name))
                    walk(member)
            elif shape.type_name == "list":
                walk(shape.member)

        large = set()
        for name, member in reservation.members["Instances"].member.members.items():
            before = len(tags)
            walk(member)
            if len(tags) - before >= LARGE:
                large.add(member.serialization.get("name", name))
        tags.clear()
        walk(reservation)
        return {tag for tag in large if tags.count(tag) == 1}

    def _string_of(self, node: ElementTree.Element | None) -> str:
        return "" if node is None else self._string(node)

    def _string(self, node: ElementTree.Element) -> str:
        text = node.text or ""
        return self._strings.setdefault(text, text)

    def _timestamp(self, node: ElementTree.Element) -> datetime:
        text = node.text or ""
        if text not in self._times:
            try:
                self._times[text] = datetime.fromisoformat(text)
            except ValueError:  # before Python 3.11 "Z" is unknown there
                from botocore.utils import parse_timestamp

                self._times[text] = parse_timestamp(text)
        return self._times[text]

    def _tags(self, node: ElementTree.Element) -> dict[str, str]:
        return {self._string_of(item.find("key")): self._string_of(item.find("value")) for item in node}

    @staticmethod
    def _structure(members: list[Member]) -> Read:
        def read(node: ElementTree.Element) -> dict[str, Any]:
            found = {child.tag: child for child in node}
            # The model's order, not the answer's: botocore's, which shows where a mapping becomes groups.
            return {name: value(found[tag]) for tag, name, value in members if tag in found}

        return read

    def _members(self, shape: Any) -> list[Member]:
        return [
            (member.serialization.get("name", name), snake(name), self._reader(member, name))
            for name, member in shape.members.items()
        ]

    def _reader(self, shape: Any, name: str = "") -> Read:
        kind = shape.type_name
        if kind == "structure":
            if shape.name not in self._structures:
                self._structures[shape.name] = self._structure(self._members(shape))
            return self._structures[shape.name]
        if kind == "list":
            if name == "Tags":
                return self._tags
            item = self._reader(shape.member)
            return lambda node: [item(child) for child in node]
        readers: dict[str, Read] = {
            "boolean": lambda node: node.text == "true",
            "integer": lambda node: int(node.text or ""),
            "long": lambda node: int(node.text or ""),
            "float": lambda node: float(node.text or ""),
            "double": lambda node: float(node.text or ""),
            "timestamp": self._timestamp,
        }
        return readers.get(kind, self._string)
