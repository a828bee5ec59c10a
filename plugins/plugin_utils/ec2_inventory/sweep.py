# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Asking all accounts and regions at the same time, and putting their answers together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from . import api
from .api import Account
from .reading import Reader
from .together import Task, together
from .troubles import Trouble, trouble

INCLUDE, EXCLUDE = "include", "exclude"


@dataclass(frozen=True)
class Query:
    """What is asked of EC2."""

    accounts: tuple[Account, ...]
    include: list[list[dict[str, Any]]]
    exclude: list[list[dict[str, Any]]]
    page_size: int = 1000
    concurrency: int = 16


@dataclass(frozen=True)
class Page:
    """One page of one sweep, as it came."""

    account: str
    region: str
    kind: str
    body: bytes

    @property
    def place(self) -> str:
        return f"account {self.account!r}, region {self.region}" if self.account else f"region {self.region}"


def place(account: Account, region: str = "") -> str:
    return f"{account}, region {region}" if region else str(account)


class Sweep:
    """One round of questions; what it learned of the accounts serves the next."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._sessions: dict[Account, Any] = {}
        self.notes: list[str] = []  # what the user should know

    def instances(self) -> Iterator[Page | Trouble]:
        """All pages, in the order of their arrival, and what could not be asked."""
        tasks = [Task(place(account), partial(self._account, account)) for account in self._query.accounts]
        for task, item in together(tasks, self._query.concurrency):
            yield trouble(task.name, item) if isinstance(item, Exception) else item

    def _account(self, account: Account) -> Iterator[Task]:
        made = api.session(account)
        if account.assume_role_arn:
            api.assume_role(made, account)
        self._sessions[account] = made
        sweeps = [(EXCLUDE, filters) for filters in self._query.exclude]
        sweeps += [(INCLUDE, filters) for filters in self._query.include]
        for region in dict.fromkeys(account.regions or self._enabled(made, account)):
            ec2 = api.client(made, account, "ec2", region)
            for kind, filters in sweeps:
                yield Task(place(account, region), partial(self._pages, account, region, kind, ec2, filters))

    def _pages(
        self, account: Account, region: str, kind: str, ec2: Any, filters: list[dict[str, Any]]
    ) -> Iterator[Page]:
        for body in api.instance_pages(ec2, filters, self._query.page_size):
            yield Page(account.name, region, kind, body)

    def _enabled(self, made: Any, account: Account) -> list[str]:
        region = account.region or "us-east-1"
        try:
            return api.enabled_regions(api.client(made, account, "ec2", region))
        except Exception as error:
            problem = trouble(place(account, region), error)
            if not problem.forbidden:
                raise
            self.notes.append(
                f"{problem.where}: DescribeRegions is not permitted, asking every region that boto3 knows"
            )
            return list(made.get_available_regions("ec2"))

    @staticmethod
    def _one(call: Callable[..., Any], *arguments: Any) -> list[Any]:
        return [call(*arguments)]

    def ssm(self, ids: dict[tuple[str, str], list[str]]) -> Iterator[dict[str, dict[str, Any]] | Trouble]:
        """What Systems Manager knows of the instances of each account's name and region."""
        tasks = []
        for account, made in self._sessions.items():
            for (name, region), instances in ids.items():
                if name == account.name and instances:
                    ssm = api.client(made, account, "ssm", region)
                    tasks.append(
                        Task(
                            f"{place(account, region)}, SSM inventory",
                            partial(self._one, api.ssm_information, ssm, instances),
                        )
                    )
        for task, item in together(tasks, self._query.concurrency):
            yield trouble(task.name, item) if isinstance(item, Exception) else item

    def route53(self, excluded_zones: set[str]) -> Iterator[dict[str, list[str]] | Trouble]:
        """The records of each account's hosted zones."""
        tasks = []
        for account, made in self._sessions.items():
            region = account.region or (account.regions[0] if account.regions else "us-east-1")
            route53 = api.client(made, account, "route53", region)
            tasks.append(
                Task(
                    f"{account}, Route 53",
                    partial(self._one, api.route53_names, route53, excluded_zones),
                )
            )
        for task, item in together(tasks, self._query.concurrency):
            yield trouble(task.name, item) if isinstance(item, Exception) else item


class Fleet:
    """The instances of all pages: each once, without the excluded ones, in the order of their ids."""

    def __init__(self, shape: Any, wanted: frozenset[str] | None, region_by_zone: bool) -> None:
        self._reader = Reader(shape, wanted)
        self._ids = Reader(shape, frozenset({"instance_id"}))
        self._region_by_zone = region_by_zone
        self.clear()

    def clear(self) -> None:
        """Forget what was read so far."""
        self._found: dict[str, dict[str, Any]] = {}
        self._excluded: set[str] = set()
        self._regions: dict[tuple[str, str], list[str]] = {}
        self.asked = False  # whether anything was read at all

    def add(self, page: Page) -> None:
        """Read a page. Raises ValueError when it is not a whole answer."""
        if page.kind == EXCLUDE:
            self._excluded.update(each["instance_id"] for each in self._ids.instances(page.body, page.region))
            return
        self.asked = True
        for instance in self._reader.instances(page.body, page.region, self._region_by_zone):
            if page.account:
                instance["account_name"] = page.account
            self._found.setdefault(instance["instance_id"], instance)
            self._regions.setdefault((page.account, page.region), []).append(instance["instance_id"])

    def ids(self) -> dict[tuple[str, str], list[str]]:
        """The instances by account and region."""
        return {place: sorted(set(instances) - self._excluded) for place, instances in self._regions.items()}

    def instances(self) -> list[dict[str, Any]]:
        return [instance for key, instance in sorted(self._found.items()) if key not in self._excluded]
