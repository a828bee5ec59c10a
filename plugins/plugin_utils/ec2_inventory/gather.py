# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""From the options to all that EC2 has to say: whom to ask and what, the cache, and what to do about failures."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import get_cache_plugin
from ansible_collections.amazon.aws.plugins.module_utils.transformation import ansible_dict_to_boto3_filter_list
from ansible_collections.amazon.aws.plugins.plugin_utils.botocore import get_aws_connection_info

from .api import Account, result_shape
from .cache import Answers, Cache, cached
from .sweep import Fleet, Page, Query, Sweep
from .troubles import Trouble

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19
    trust_as_template = None

CREDENTIALS = ("profile", "access_key", "secret_key", "session_token")
SAID = {*CREDENTIALS, "name", "assume_role_arn", "external_id", "regions", "endpoint_url"}


def account_of(said: dict[str, Any], common: dict[str, Any]) -> Account:
    """An element of the `accounts` option. What it does not say is common to all."""
    if not said.get("name"):
        raise AnsibleParserError("accounts: one of them has no name")
    if unknown := said.keys() - SAID:
        raise AnsibleParserError(f"accounts: {said['name']}: unknown keys: {', '.join(sorted(unknown))}")
    if said.get("profile") and said.get("access_key"):
        raise AnsibleParserError(f"accounts: {said['name']}: give a profile or an access_key, not both")
    if any(said.get(key) for key in CREDENTIALS):
        common = {**common, **dict.fromkeys(CREDENTIALS), "assume_role_arn": None}
    regions = said.get("regions") or common["regions"]
    return Account(**{**common, **said, "regions": tuple(regions)})


class Gatherer:
    """Gets the instances for a plugin that has its options."""

    def __init__(self, plugin: Any, path: str) -> None:
        self._plugin = plugin
        self._path = path
        self._option = plugin.get_option
        if not 5 <= self._option("page_size") <= 1000:
            raise AnsibleParserError("page_size must be 5 to 1000, as EC2 has it")
        if self._option("concurrency") < 1:
            raise AnsibleParserError("concurrency must be at least 1")

    def gather(self, may_read: bool, wanted: frozenset[str] | None) -> tuple[Fleet, Answers]:
        """The instances, from the cache if that is allowed and fresh. Raises Trouble."""
        fleet = Fleet(result_shape(), wanted, self._option("region_from") == "zone")
        query = self._query()
        if not self._option("cache"):
            return fleet, self._fetch(query, fleet, keep=False)
        fetched: list[Answers] = []

        def fetch() -> Answers:
            fetched.append(self._fetch(query, fleet, keep=True))
            return fetched[0]

        timeout, stale = self._option("cache_timeout"), self._option("cache_stale_if_error")
        key = self._plugin.get_cache_key(self._path)
        cache = Cache(lambda: self._open_cache(timeout, stale), key, self._scope(query), self._lock(key))
        answers = cached(cache, fetch, timeout, stale, may_read, self._plugin.warn, (Trouble,))
        if answers not in fetched:
            fleet.clear()
            for page in answers.pages:
                fleet.add(page)
        return fleet, answers

    # What is asked

    def _query(self) -> Query:
        filters = self._option("filters")
        include = ([filters] if filters else []) + self._option("include_filters")
        return Query(
            self._accounts(),
            [self._api_filters(block) for block in include or [{}]],
            [self._api_filters(block) for block in self._option("exclude_filters")],
            self._option("page_size"),
            self._option("concurrency"),
        )

    def _accounts(self) -> tuple[Account, ...]:
        region, endpoint_url, connection = get_aws_connection_info(self._plugin)
        common = {
            "profile": connection.get("profile_name"),
            "access_key": connection["aws_access_key_id"],
            "secret_key": connection["aws_secret_access_key"],
            "session_token": connection["aws_session_token"],
            "assume_role_arn": self._option("assume_role_arn"),
            "region": region,
            "regions": tuple(self._option("regions")),
            "endpoint_url": endpoint_url,
            "config": connection.get("aws_config"),
        }
        accounts = tuple(account_of(self._templated(said), common) for said in self._option("accounts"))
        if len({account.name for account in accounts}) < len(accounts):
            raise AnsibleParserError("accounts: two of them have the same name")
        return accounts or (Account(**common),)

    def _templated(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._templated(each) for key, each in value.items() if each is not None}
        if isinstance(value, list):
            return [self._templated(each) for each in value]
        # As with the options that have the same names, lookups included, which older versions have to be told.
        told = {} if trust_as_template else {"disable_lookups": False}
        found = self._plugin.templar.template(value, **told)
        return found if isinstance(found, (list, int)) else str(found)  # what was encrypted is no str yet

    def _api_filters(self, block: dict[str, Any]) -> list[dict[str, Any]]:
        filters: list[dict[str, Any]] = ansible_dict_to_boto3_filter_list(block)
        if "instance-state-name" not in block:
            filters.append({"Name": "instance-state-name", "Values": self._option("instance_states")})
        return filters

    # The cache

    def _open_cache(self, timeout: int, stale: int) -> Any:
        given = {"_uri": self._option("cache_connection"), "_prefix": self._option("cache_prefix")}
        options = {key: value for key, value in given.items() if value is not None}
        # How old an answer may be is decided by us; the plugin only has to forget what nobody will want.
        lifetime = timeout + stale if timeout else 0
        return get_cache_plugin(self._option("cache_plugin"), _timeout=lifetime, **options)

    def _scope(self, query: Query) -> str:
        """A name for the question, so that the answer to another one is not taken for its answer."""
        whom = [
            (
                each.name,
                each.profile,
                each.access_key,
                each.assume_role_arn,
                each.endpoint_url,
                each.region,
                each.regions,
            )
            for each in query.accounts
        ]
        also = [self._option(name) for name in ("use_ssm_inventory", "route53_enabled", "route53_excluded_zones")]
        asked = json.dumps([whom, query.include, query.exclude, also], default=str)
        return hashlib.sha256(asked.encode()).hexdigest()

    def _lock(self, key: str) -> str:
        place = os.path.expandvars(os.path.expanduser(self._option("cache_connection") or ""))
        if not os.path.isabs(place):  # not a directory but, say, a server
            place = os.path.join(os.path.expanduser(C.ANSIBLE_HOME), "locks")
        return os.path.join(place, f".{key}.lock")

    # The answers

    def _fetch(self, query: Query, fleet: Fleet, keep: bool) -> Answers:
        """Ask, reading the pages as they come. What is not whole has no time, and is not cached."""
        answers = Answers(fetched=time.time())
        sweep = Sweep(query)
        left_out: list[Trouble] = []
        for item in sweep.instances():
            problem = item if isinstance(item, Trouble) else self._read(item, fleet)
            if problem:
                left_out.append(self._leave_out(problem))
            elif keep and isinstance(item, Page):
                answers.pages.append(item)
        for note in sweep.notes:
            self._plugin.warn(note)
        if left_out and not fleet.asked and not all(map(self._permitted, left_out)):
            raise left_out[0]
        if self._option("use_ssm_inventory"):
            for known in self._present(sweep.ssm(fleet.ids()), left_out):
                answers.ssm.update(known)
        if self._option("route53_enabled"):
            excluded = {zone.removesuffix(".") for zone in self._option("route53_excluded_zones")}
            for records in self._present(sweep.route53(excluded), left_out):
                for value, names in records.items():
                    answers.records[value] = sorted({*answers.records.get(value, []), *names})
        if left_out:
            answers.fetched = 0.0
        return answers

    def _present(self, items: Iterator[Any], left_out: list[Trouble]) -> Iterator[Any]:
        """The items that are no trouble."""
        for item in items:
            if isinstance(item, Trouble):
                left_out.append(self._leave_out(item))
            else:
                yield item

    @staticmethod
    def _read(page: Any, fleet: Fleet) -> Trouble | None:
        try:
            fleet.add(page)
        except ValueError as error:
            return Trouble(f"{page.place}, DescribeInstances", str(error), "Try again; look at a proxy in between.")
        return None

    def _permitted(self, problem: Trouble) -> bool:
        return problem.forbidden and not self._option("strict_permissions")

    def _leave_out(self, problem: Trouble) -> Trouble:
        """Warn of what is left out, when that is wanted."""
        if not self._permitted(problem) and self._option("on_error") == "fail":
            raise problem
        self._plugin.warn(f"Left out of the inventory: {problem}")
        return problem
