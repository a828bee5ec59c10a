# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""From the instances to the hosts of Ansible's inventory: names, variables, and what is built of them."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict
from ansible.plugins.loader import filter_loader
from ansible.utils.unsafe_proxy import wrap_var

from .construct import Construct
from .expressions import Missing, Undecided, compiled, names
from .facts import Facts
from .hostnames import ROUTE53, Hostnames, Instance, separate

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19, where what is not marked as unsafe may be taken for a template
    trust_as_template = None


COMMON_FILTERS = {
    "d": "ansible.builtin.d",
    "default": "ansible.builtin.default",
    "json_query": "community.general.json_query",
    "regex_replace": "ansible.builtin.regex_replace",
}


def is_common_filter(name: str) -> bool:
    """Whether a filter is the one that everybody knows by this name, and not another one put in its place."""
    # What Ansible does not know is Jinja's own.
    return getattr(filter_loader.get(name), "ansible_name", None) == COMMON_FILTERS.get(name)


class Populator:
    """Puts instances into the inventory of a plugin."""

    def __init__(self, plugin: Any) -> None:
        self._plugin = plugin
        self._option = plugin.get_option
        self._prefix: str = self._option("hostvars_prefix") or ""
        self._suffix: str = self._option("hostvars_suffix") or ""

    def renamed(self, name: str) -> str:
        return f"{self._prefix}{name}{self._suffix}"

    def wanted(self, hostnames: Hostnames, facts: Facts | None) -> frozenset[str] | None:
        """The variables that somebody looks at; None when that may be all of them."""
        if facts is None:
            return None
        used = {"instance_id", "tags", "placement", *hostnames.used, *facts.used}
        expressions = [*self._option("compose").values(), *self._option("groups").values()]
        expressions += [entry.get("key") for entry in self._option("keyed_groups") if isinstance(entry, dict)]
        for expression in expressions:
            found = names(expression) if isinstance(expression, str) else None
            if found is None:
                return None
            used |= {name.removeprefix(self._prefix).removesuffix(self._suffix) for name in found}
        return frozenset(used)

    def filtered(self, value: Any, chain: str) -> Any:
        """A value through a chain of Jinja filters. It is a variable there: nothing in it is ever evaluated."""
        expression = f"value | {chain}"
        if trust_as_template is None:
            return self._plugin._compose(expression, {"value": wrap_var(value)})
        try:
            return compiled(expression, builtin=is_common_filter)({"value": value})
        except (Undecided, Missing):
            return self._plugin._compose(trust_as_template(expression), {"value": value})

    def route53_names(self, instance: Instance, records: dict[str, list[str]]) -> list[str]:
        values = [instance[attribute] for attribute in ROUTE53 if instance.get(attribute)]
        found = {name for value in values for name in records.get(value, [])}
        endings = tuple(self._option("route53_hostnames"))
        return sorted(name for name in found if not endings or name.endswith(endings))

    def populate(
        self,
        path: str,
        instances: list[Instance],
        hostnames: Hostnames,
        facts: Facts | None,
        ssm: dict[str, dict[str, Any]],
    ) -> None:
        named = [(instance, hostnames.of(instance)) for instance in instances]
        if self._option("duplicate_hostnames") == "separate":
            for name, ids in separate(named).items():
                self._plugin.warn(
                    f"{path}: {len(ids)} instances are called {name!r}: they are {name}-{ids[0]} and so on"
                )
        construct = Construct(self._plugin, "aws_ec2", is_common_filter)
        for instance, its_names in named:
            variables = self._variables(instance, ssm)
            carried = self._carried(instance, variables, facts)
            for name in its_names:
                construct.add(name, variables, carried)
        construct.finish()

    def _variables(self, instance: Instance, ssm: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """All that expressions see."""
        instance["ec2_tags"] = instance["tags"]
        if self._option("use_contrib_script_compatible_ec2_tag_keys"):
            instance.update({f"ec2_tag_{key}": value for key, value in instance["tags"].items()})
        if instance["instance_id"] in ssm:
            instance["ssm_inventory"] = camel_dict_to_snake_dict(ssm[instance["instance_id"]])
        if not self._prefix and not self._suffix:
            return self._marked(instance)
        return self._marked({self.renamed(key): value for key, value in instance.items()})

    def _carried(self, instance: Instance, variables: dict[str, Any], facts: Facts | None) -> dict[str, Any]:
        """What the host gets of it."""
        if facts is not None:
            return self._marked(facts.of(instance))
        tags = self.renamed("tags")
        if self._option("legacy_tags"):
            return {**variables, tags: dict(variables[tags])}
        return {key: value for key, value in variables.items() if key != tags}

    @staticmethod
    def _marked(variables: dict[str, Any]) -> dict[str, Any]:
        marked: dict[str, Any] = variables if trust_as_template else wrap_var(variables)
        return marked
