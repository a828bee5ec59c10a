# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The objects of AWX that the role awx declares, and how they refer to one another."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.rampart.ops.plugins.plugin_utils.awx.source import Place


@dataclass(frozen=True)
class Kind:
    """A kind of object: the variable that lists them, the awx.awx module that makes them, what they refer to."""

    variable: str
    module: str
    references: Mapping[str, tuple[str, ...]]  # option -> kinds (variables) that its values may name


_NOTIFIED = {
    f"notification_templates_{event}": ("awx_notification_templates",)
    for event in ("started", "success", "error", "approvals")
}
_RUN = {
    "execution_environment": ("awx_execution_environments",),
    "instance_groups": ("awx_instance_groups",),
    "credentials": ("awx_credentials",),
    "inventory": ("awx_inventories",),
}
# Of no organization.
GLOBAL = {"awx_execution_environments", "awx_instance_groups", "awx_credential_types"}
TEMPLATES = ("awx_job_templates", "awx_workflow_job_templates", "awx_projects", "awx_inventory_sources")

# In the order in which they are made; they are removed in the opposite one.
KINDS = (
    Kind("awx_execution_environments", "execution_environment", {}),
    Kind("awx_instance_groups", "instance_group", {}),
    Kind("awx_credential_types", "credential_type", {}),
    Kind("awx_credentials", "credential", {"credential_type": ("awx_credential_types",)}),
    Kind("awx_notification_templates", "notification_template", {}),
    Kind(
        "awx_projects",
        "project",
        {"credential": ("awx_credentials",), "default_environment": ("awx_execution_environments",), **_NOTIFIED},
    ),
    Kind("awx_inventories", "inventory", {"instance_groups": ("awx_instance_groups",)}),
    Kind(
        "awx_inventory_sources",
        "inventory_source",
        {
            "inventory": ("awx_inventories",),
            "credential": ("awx_credentials",),
            "source_project": ("awx_projects",),
            "execution_environment": ("awx_execution_environments",),
            **_NOTIFIED,
        },
    ),
    Kind("awx_job_templates", "job_template", {"project": ("awx_projects",), **_RUN, **_NOTIFIED}),
    Kind("awx_workflow_job_templates", "workflow_job_template", {"inventory": ("awx_inventories",), **_NOTIFIED}),
    Kind("awx_schedules", "schedule", {"unified_job_template": TEMPLATES, **_RUN}),
)

JOB_TEMPLATES = next(kind for kind in KINDS if kind.variable == "awx_job_templates")

# What a new AWX has already. Source: https://docs.ansible.com/automation-controller/latest/html/userguide/credentials.html
# (types), and a running AWX 24.6.1 (the rest).
BUILT_IN: Mapping[str, frozenset[str]] = {
    "awx_credential_types": frozenset(
        {
            "Amazon Web Services",
            "Container Registry",
            "Ansible Galaxy/Automation Hub API Token",
            "GitHub Personal Access Token",
            "GitLab Personal Access Token",
            "HashiCorp Vault Secret Lookup",
            "Machine",
            "Network",
            "OpenShift or Kubernetes API Bearer Token",
            "Red Hat Ansible Automation Platform",
            "Source Control",
            "Vault",
        }
    ),
    "awx_execution_environments": frozenset({"AWX EE (latest)", "Control Plane Execution Environment"}),
    "awx_instance_groups": frozenset({"default", "controlplane"}),
    "awx_credentials": frozenset({"Ansible Galaxy"}),
}


def objects(declared: Mapping[str, Any]) -> Iterator[tuple[Kind, int, dict[str, Any]]]:
    """Yield kind, index and options of every declared object, the defaults of job templates filled in."""
    for kind in KINDS:
        for index, each in enumerate(declared.get(kind.variable) or []):
            yield kind, index, with_defaults(kind, each, declared)


def with_defaults(kind: Kind, each: Mapping[str, Any], declared: Mapping[str, Any]) -> dict[str, Any]:
    defaults = declared.get("awx_job_template_defaults") or {} if kind.variable == "awx_job_templates" else {}
    return {**defaults, **each}


def named(option: str, each: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Yield the names that an option of an object holds, and where in the object they are."""
    value = each.get(option)
    if isinstance(value, str):
        yield (option,), value
    elif isinstance(value, list):
        yield from (((option, index), name) for index, name in enumerate(value) if isinstance(name, str))


def prefixed(declared: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the declaration with a prefix to all its names, so that it can live beside the original in one AWX.

    Schedules come disabled: two copies of one schedule would run everything twice.
    """
    names = {kind.variable: {each["name"] for each in declared.get(kind.variable) or []} for kind in KINDS}
    organization = dict(declared["awx_organization"])
    result = {**declared, "awx_organization": {**organization, "name": prefix + organization["name"]}}

    def renamed(option: str, value: Any, kinds: tuple[str, ...]) -> Any:
        if isinstance(value, list):
            return [renamed(option, each, kinds) for each in value]
        return prefix + value if any(value in names[kind] for kind in kinds) else value

    def moved(kind: Kind, each: Mapping[str, Any]) -> dict[str, Any]:
        new = {
            option: renamed(option, value, kind.references[option]) if option in kind.references else value
            for option, value in each.items()
        }
        if "workflow_nodes" in new:
            new["workflow_nodes"] = [
                {**node, "unified_job_template": template_moved(node["unified_job_template"])}
                for node in new["workflow_nodes"]
            ]
        return new

    def template_moved(template: Mapping[str, Any]) -> dict[str, Any]:
        return {**template, "name": renamed("name", template["name"], TEMPLATES)}

    for kind in KINDS:
        if kind.variable in declared:
            result[kind.variable] = [
                {
                    **moved(kind, each),
                    "name": prefix + each["name"],
                    **({"enabled": False} if kind.variable == "awx_schedules" else {}),
                }
                for each in declared[kind.variable]
            ]
    result["awx_job_template_defaults"] = moved(JOB_TEMPLATES, declared.get("awx_job_template_defaults") or {})
    return result


def complete(declared: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the declaration as the modules need it: prefixed, with defaults, and everything in the organization."""
    source = prefixed(declared, prefix) if prefix else dict(declared)
    organization = {"organization": source["awx_organization"]["name"]}
    result = {"awx_organization": source["awx_organization"]}
    for kind in KINDS:
        owned = {} if kind.variable in GLOBAL else organization
        result[kind.variable] = [
            {**owned, **with_defaults(kind, each, source)} for each in source.get(kind.variable) or []
        ]
    for workflow in result["awx_workflow_job_templates"]:
        workflow["workflow_nodes"] = [
            _node(node, organization["organization"]) for node in workflow.get("workflow_nodes") or []
        ]
    return result


def _node(node: Mapping[str, Any], organization: str) -> dict[str, Any]:
    """A workflow's node as awx.awx takes it: what a template is looked up in is said by its type."""
    template = node["unified_job_template"]
    owner = {"organization": {"name": organization}}
    lookup = {
        "inventory_source": {"inventory": owner},
        "workflow_approval": {},
    }.get(template["type"], owner)
    return {**node, "unified_job_template": {**lookup, **template}}


def same(
    declared: Mapping[str, Any], found: Collection[Mapping[str, Any]], nodes: Collection[Mapping[str, Any]] = ()
) -> bool:
    """Whether AWX has an object as declared, as far as it shows it: a secret it shows as C($encrypted$).

    Args:
        declared: options of the object.
        found: what AWX has under its name.
        nodes: the nodes that AWX has of a workflow.
    """
    if len(found) != 1 or not same_nodes(declared.get("workflow_nodes") or (), nodes):
        return False
    there = next(iter(found))
    return all(
        _like(value, there.get(option))
        for option, value in declared.items()
        if option not in ("organization", "inventory", "workflow_nodes")
        and not option.startswith("notification_templates")
    ) and declared.get("inventory") == (there.get("summary_fields") or {}).get("inventory", {}).get("name")


def _like(declared: Any, shown: Any) -> bool:
    if isinstance(declared, Mapping) and isinstance(shown, Mapping):
        return all(_like(value, shown.get(key)) for key, value in declared.items())
    return shown in ("$encrypted$", declared)


FOLLOWERS = ("success_nodes", "failure_nodes", "always_nodes")


def same_nodes(declared: Collection[Mapping[str, Any]], there: Collection[Mapping[str, Any]]) -> bool:
    """Whether a workflow has the declared nodes, with what each runs, its prompts and what follows it."""
    identifiers = {node["id"]: node["identifier"] for node in there}
    shown = {node["identifier"]: node for node in there}
    if sorted(shown) != sorted(node["identifier"] for node in declared):
        return False
    for node in declared:
        found = shown[node["identifier"]]
        template = (found.get("summary_fields") or {}).get("unified_job_template") or {}
        if not _like(
            {k: node["unified_job_template"].get(k, "") for k in ("name", "description")}
            if node["unified_job_template"]["type"] == "workflow_approval"
            else {"name": node["unified_job_template"]["name"]},
            template,
        ):
            return False
        if any(
            not _like(value, found.get(key))
            for key, value in node.items()
            if key not in ("unified_job_template", "related")
        ):
            return False
        for outcome in FOLLOWERS:
            followers = {each["identifier"] for each in (node.get("related") or {}).get(outcome) or ()}
            if followers != {identifiers.get(number) for number in found.get(outcome) or ()}:
                return False
    return True
