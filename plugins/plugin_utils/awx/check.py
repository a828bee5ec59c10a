# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What AWX, or a job of it, would refuse of a declaration; found without asking AWX.

The API's rules are those of AWX 24.6.1: https://github.com/ansible/awx/tree/24.6.1/awx
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Protocol

from ansible_collections.rampart.ops.plugins.plugin_utils.awx import rrule
from ansible_collections.rampart.ops.plugins.plugin_utils.awx.declaration import (
    BUILT_IN,
    JOB_TEMPLATES,
    KINDS,
    TEMPLATES,
    Kind,
    named,
    objects,
    with_defaults,
)
from ansible_collections.rampart.ops.plugins.plugin_utils.awx.source import Place
from ansible_collections.rampart.ops.plugins.plugin_utils.role_variables import Spec, wrong_values

Problem = tuple[Place, str]

# A prompt of a schedule or a workflow's node -> what its job template must ask for.
PROMPTS = {
    "job_type": "ask_job_type_on_launch",
    "limit": "ask_limit_on_launch",
    "job_tags": "ask_tags_on_launch",
    "skip_tags": "ask_skip_tags_on_launch",
    "diff_mode": "ask_diff_mode_on_launch",
    "verbosity": "ask_verbosity_on_launch",
    "inventory": "ask_inventory_on_launch",
    "credentials": "ask_credential_on_launch",
    "execution_environment": "ask_execution_environment_on_launch",
    "forks": "ask_forks_on_launch",
    "instance_groups": "ask_instance_groups_on_launch",
    "job_slice_count": "ask_job_slice_count_on_launch",
    "timeout": "ask_timeout_on_launch",
    "scm_branch": "ask_scm_branch_on_launch",
}
# The inputs of AWX's own credential types that can be declared here, and which of them are secret.
INPUTS: Mapping[str, tuple[Collection[str], Collection[str]]] = {
    "Amazon Web Services": ({"username", "password", "security_token"}, {"password", "security_token"}),
    "Machine": (
        {
            "username",
            "password",
            "ssh_key_data",
            "ssh_public_key_data",
            "ssh_key_unlock",
            "become_method",
            "become_username",
            "become_password",
        },
        {"password", "ssh_key_data", "ssh_key_unlock", "become_password"},
    ),
    "Source Control": (
        {"username", "password", "ssh_key_data", "ssh_key_unlock"},
        {"password", "ssh_key_data", "ssh_key_unlock"},
    ),
    "Vault": ({"vault_password", "vault_id"}, {"vault_password"}),
}
SURVEY_TYPES: Mapping[str, Any] = {
    "text": str,
    "textarea": str,
    "password": str,
    "multiplechoice": str,
    "multiselect": str,
    "integer": int,
    "float": (int, float),
}
MAY_BE_EMPTY = {"session_token", "security_token", "endpoint_url"}
NO_SECRETS = "a secret is not written here. Read it from the environment or from a vault."
SLACK = {"token", "channels", "hex_color"}
PROTECTED = {"HOME", "USER", "_", "TERM", "PATH"}  # of an inventory source's variables AWX drops these


class Playbook(Protocol):
    """A playbook together with all that it imports and the roles that it uses."""

    specs: Spec  # the public variables of its roles

    def reads(self, variable: str) -> bool:
        """Whether the variable is mentioned anywhere in it."""


class Project(Protocol):
    """The repository as AWX would check it out."""

    requirements: bool  # whether there is a requirements.yml

    def playbook(self, path: str) -> Playbook | str:
        """Return a playbook, or why AWX would not run it."""

    def has(self, path: str) -> bool:
        """Whether the path is there."""


Options = Mapping[str, Mapping[str, Any]]  # option of a module -> its documentation


def problems(declared: Mapping[str, Any], modules: Mapping[str, Options], project: Project) -> list[Problem]:
    """Return what is wrong with a declaration, each with the place of the entry.

    Args:
        declared: the variables of the role awx. Strings with C({{) are taken for what will be right when evaluated.
        modules: the documented options of each awx.awx module.
        project: the repository.
    """
    shapes = list(_shapes(declared))
    if shapes:
        return shapes
    checks = (
        _options,
        _names,
        _references,
        _organization,
        _credential_types,
        _credentials,
        _notifications,
        _sources,
        _job_templates,
        _workflows,
        _schedules,
    )
    return [problem for check in checks for problem in check(declared, modules, project)]


def templated(value: Any) -> bool:
    return isinstance(value, str) and "{{" in value


def close(name: str, known: Collection[str]) -> str:
    """Return a sentence that helps who has misspelt a name."""
    hint = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"Did you mean {hint[0]}?" if hint else f"There are: {', '.join(sorted(known)) or 'none'}."


def empty(written: Any, evaluated: Any, place: Place) -> Iterator[Problem]:
    """Yield the templates of which nothing came, for example of an environment variable that is not set.

    Args:
        written: an entry as the file has it.
        evaluated: the same entry after templating.
        place: where it is.
    """
    if isinstance(written, dict):
        for key, value in written.items():
            yield from empty(value, evaluated[key], (*place, key))
    elif isinstance(written, list):
        for index, value in enumerate(written):
            yield from empty(value, evaluated[index], (*place, index))
    elif templated(written) and evaluated in ("", None) and place[-1] not in MAY_BE_EMPTY:
        yield place, f"{place[-1]}: of {written} came nothing. Set it, or take the entry away."


def _shapes(declared: Mapping[str, Any]) -> Iterator[Problem]:
    variables = {kind.variable for kind in KINDS} | {"awx_organization", "awx_job_template_defaults"}
    for name, value in declared.items():
        if name not in variables:
            yield (name,), f"{name}: the role awx has no such variable. {close(name, variables)}"
        elif name in ("awx_organization", "awx_job_template_defaults"):
            if not isinstance(value, dict):
                yield (name,), f"{name}: expected options with values."
        elif not isinstance(value, list):
            yield (name,), f"{name}: expected a list."
        else:
            for index, each in enumerate(value):
                if not isinstance(each, dict) or not isinstance(each.get("name"), str) or not each["name"]:
                    yield (name, index), f"{name}: each entry needs a name."
    if not isinstance((declared.get("awx_organization") or {}), dict) or not (
        declared.get("awx_organization") or {}
    ).get("name"):
        yield ("awx_organization",), "awx_organization: it needs a name."


def _options(declared: Mapping[str, Any], modules: Mapping[str, Options], project: Project) -> Iterator[Problem]:
    listed: list[tuple[Place, str, Mapping[str, Any]]] = [
        (("awx_organization",), "organization", declared["awx_organization"])
    ]
    listed += [
        ((kind.variable, index), kind.module, each)
        for kind in KINDS
        for index, each in enumerate(declared.get(kind.variable) or [])
    ]
    listed.append((("awx_job_template_defaults",), "job_template", declared.get("awx_job_template_defaults") or {}))
    for place, module, each in listed:
        for option, value in each.items():
            if option in ("organization", "state", "new_name") or option not in modules[module]:
                known = set(modules[module]) - {"organization", "state", "new_name"}
                if option in modules[module]:
                    yield (*place, option), f"{option}: this is the role's to decide; take it away."
                else:
                    yield (*place, option), f"{option}: awx.awx.{module} has no such option. {close(option, known)}"
                continue
            choices = modules[module][option].get("choices")
            if choices and not templated(value) and value not in choices:
                yield (*place, option), f"{option}: {value} is none of {', '.join(map(str, choices))}."
            kind = modules[module][option].get("type")
            expected: Any = {"list": list, "dict": dict, "bool": bool, "int": int, "str": (str, int, float)}.get(
                str(kind)
            )
            if expected and not templated(value) and not isinstance(value, expected):
                yield (*place, option), f"{option}: expected {kind}, got {type(value).__name__}."


def _names(declared: Mapping[str, Any], modules: Mapping[str, Options], project: Project) -> Iterator[Problem]:
    for kind in KINDS:
        counted = Counter(each["name"] for each in declared.get(kind.variable) or [])
        for index, each in enumerate(declared.get(kind.variable) or []):
            if counted[each["name"]] > 1:
                yield (kind.variable, index, "name"), f"{each['name']}: {kind.variable} has this name twice."


def known_names(declared: Mapping[str, Any], kinds: Collection[str]) -> set[str]:
    return {each["name"] for kind in kinds for each in declared.get(kind) or []}.union(
        *(BUILT_IN.get(kind, frozenset()) for kind in kinds)
    )


def _references(declared: Mapping[str, Any], modules: Mapping[str, Options], project: Project) -> Iterator[Problem]:
    listed: list[tuple[Place, Kind, Mapping[str, Any]]] = [
        ((kind.variable, index), kind, each)
        for kind in KINDS
        for index, each in enumerate(declared.get(kind.variable) or [])
    ]
    listed.append((("awx_job_template_defaults",), JOB_TEMPLATES, declared.get("awx_job_template_defaults") or {}))
    for place, kind, each in listed:
        for option, kinds in kind.references.items():
            known = known_names(declared, kinds)
            for inner, name in named(option, each):
                if name not in known and not templated(name):
                    what = " or ".join(variable[4:].replace("_", " ") for variable in kinds)
                    yield (*place, *inner), f"{option}: {name} is none of the declared {what}. {close(name, known)}"


def _organization(declared: Mapping[str, Any], modules: Mapping[str, Options], project: Project) -> Iterator[Problem]:
    if project.requirements and not declared["awx_organization"].get("galaxy_credentials"):
        yield (
            ("awx_organization",),
            "galaxy_credentials: without one AWX skips requirements.yml. Add galaxy_credentials: [Ansible Galaxy].",
        )


Inputs = Mapping[str, "tuple[Collection[str], Collection[str]]"]  # type of credential -> its fields, the secret ones


def _inputs(declared: Mapping[str, Any]) -> Inputs:
    own = {
        each["name"]: (each.get("inputs") or {}).get("fields") or []
        for each in declared.get("awx_credential_types") or []
    }
    return {
        **INPUTS,
        **{
            name: (
                {str(field.get("id")) for field in fields},
                {str(field.get("id")) for field in fields if field.get("secret")},
            )
            for name, fields in own.items()
        },
    }


def _credential_types(
    declared: Mapping[str, Any], modules: Mapping[str, Options], project: Project
) -> Iterator[Problem]:
    for index, each in enumerate(declared.get("awx_credential_types") or []):
        place: Place = ("awx_credential_types", index)
        ids = _inputs(declared)[each["name"]][0]
        for name in (each.get("inputs") or {}).get("required") or []:
            if name not in ids:
                yield (*place, "inputs", "required"), f"required: {name} is none of the fields. {close(name, ids)}"
        injected = [
            (where, variable, name)
            for where, values in (each.get("injectors") or {}).items()
            for variable, value in values.items()
            for name in re.findall(r"{{\s*([A-Za-z_]\w*)", str(value))
        ]
        for where, variable, name in injected:
            if name not in ids and name != "tower":
                yield (
                    (*place, "injectors", where, variable),
                    f"{variable}: {name} is none of the fields of {each['name']}. {close(name, ids)}",
                )


def _credentials(declared: Mapping[str, Any], modules: Mapping[str, Options], project: Project) -> Iterator[Problem]:
    inputs = _inputs(declared)
    for index, each in enumerate(declared.get("awx_credentials") or []):
        known, secrets = inputs.get(str(each.get("credential_type")), ((), ()))
        for name, value in (each.get("inputs") or {}).items() if known else ():
            place = ("awx_credentials", index, "inputs", name)
            if name not in known:
                yield place, f"{name}: {each['credential_type']} has no such input. {close(name, known)}"
            elif name in secrets and not templated(value):
                yield place, f"{name}: {NO_SECRETS}"


def _notifications(declared: Mapping[str, Any], modules: Mapping[str, Options], project: Project) -> Iterator[Problem]:
    for index, each in enumerate(declared.get("awx_notification_templates") or []):
        configuration = each.get("notification_configuration") or {}
        place = ("awx_notification_templates", index, "notification_configuration")
        if each.get("notification_type") == "slack":
            for name in sorted(set(configuration) - SLACK):
                yield (*place, name), f"{name}: Slack's are {', '.join(sorted(SLACK))}."
            for name in sorted({"token", "channels"} - set(configuration)):
                yield place, f"{name} is missing."
        for name in sorted({"token", "password"} & set(configuration)):
            if not templated(configuration[name]):
                yield (*place, name), f"{name}: {NO_SECRETS}"


def _sources(declared: Mapping[str, Any], modules: Mapping[str, Options], project: Project) -> Iterator[Problem]:
    for index, each in enumerate(declared.get("awx_inventory_sources") or []):
        place: Place = ("awx_inventory_sources", index)
        if each.get("source") == "scm":
            for option in ("source_project", "source_path"):
                if not each.get(option):
                    yield place, f"{option} is missing; a source from a project needs it."
            path = each.get("source_path")
            if path and not templated(path) and not project.has(path):
                yield (*place, "source_path"), f"source_path: the project has no {path}."
        for name in sorted(PROTECTED & set(each.get("source_vars") or {})):
            yield (*place, "source_vars", name), f"{name}: AWX lets nobody set this variable of the environment."


def _job_templates(declared: Mapping[str, Any], modules: Mapping[str, Options], project: Project) -> Iterator[Problem]:
    for kind, index, each in objects(declared):
        if kind.variable != "awx_job_templates":
            continue
        place: Place = (kind.variable, index)
        for option in ("project", "playbook", "inventory"):
            if not each.get(option):
                yield place, f"{option} is missing."
        if not isinstance(each.get("playbook"), str) or templated(each["playbook"]):
            continue
        playbook = project.playbook(each["playbook"])
        if isinstance(playbook, str):
            yield (*place, "playbook"), f"playbook: {playbook}"
            continue
        yield from _extra_vars((*place, "extra_vars"), each.get("extra_vars"), each["playbook"], playbook)
        if each.get("survey_spec"):
            yield from _survey((*place, "survey_spec"), each["survey_spec"], each["playbook"], playbook)
            if not each.get("survey_enabled"):
                yield (*place, "survey_spec"), "survey_spec: nobody is asked without survey_enabled: true."


def _extra_vars(place: Place, values: Any, path: str, playbook: Playbook) -> Iterator[Problem]:
    for name, value in (values or {}).items():
        if name in playbook.specs:
            if not templated(value):
                yield from (((*place, name), problem) for problem in wrong_values(name, playbook.specs[name], value))
        elif not playbook.reads(name):
            yield (*place, name), f"{name}: neither {path} nor a role of it reads this variable."


def _survey(place: Place, survey: Any, path: str, playbook: Playbook) -> Iterator[Problem]:
    for key in ("name", "description", "spec"):
        if not isinstance(survey, dict) or key not in survey:
            yield place, f"survey_spec: {key} is missing."
            return
    counted = Counter(question.get("variable") for question in survey["spec"])
    for index, question in enumerate(survey["spec"]):
        here = (*place, "spec", index)
        missing = [key for key in ("question_name", "variable", "type", "required") if key not in question]
        if missing:
            yield here, f"survey_spec: a question has no {', '.join(missing)}."
            continue
        variable, kind = question["variable"], question["type"]
        if counted[variable] > 1:
            yield (*here, "variable"), f"{variable}: two questions have this variable."
        if not playbook.reads(variable) and variable not in playbook.specs:
            yield (*here, "variable"), f"{variable}: neither {path} nor a role of it reads this variable."
        if kind not in SURVEY_TYPES:
            yield (*here, "type"), f"type: {kind} is none of {', '.join(sorted(SURVEY_TYPES))}."
            continue
        if kind.startswith("multi") and not question.get("choices"):
            yield here, f"{variable}: {kind} needs choices."
        default = question.get("default", "")
        if default != "" and (not isinstance(default, SURVEY_TYPES[kind]) or isinstance(default, bool)):
            yield (*here, "default"), f"default: expected {kind}, got {type(default).__name__} {default}."


def _prompts(place: Place, each: Mapping[str, Any], template: Mapping[str, Any], project: Project) -> Iterator[Problem]:
    """What a schedule or a node may say only if the job template asks for it."""
    for option, ask in PROMPTS.items():
        if option in each and not template.get(ask):
            yield (*place, option), f"{option}: AWX refuses it, since {template['name']} has no {ask}: true."
    surveyed = {question.get("variable") for question in (template.get("survey_spec") or {}).get("spec") or []}
    given = each.get("extra_data") or {}
    for name in given:
        if name not in surveyed and not template.get("ask_variables_on_launch"):
            yield (
                (*place, "extra_data", name),
                f"{name}: AWX refuses it, since {template['name']} neither has a question for it nor "
                "ask_variables_on_launch: true.",
            )
    playbook = project.playbook(str(template.get("playbook")))
    if not isinstance(playbook, str):
        yield from _extra_vars((*place, "extra_data"), given, str(template["playbook"]), playbook)
    needed = {
        question["variable"]
        for question in (template.get("survey_spec") or {}).get("spec") or []
        if question.get("required") and not question.get("default")
    }
    for name in sorted(needed - set(given)):
        yield place, f"extra_data: {template['name']} requires an answer for {name}, and nobody is there to give it."


def _by_name(declared: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        each["name"]: with_defaults(JOB_TEMPLATES, each, declared) for each in declared.get("awx_job_templates") or []
    }


def _schedules(declared: Mapping[str, Any], modules: Mapping[str, Options], project: Project) -> Iterator[Problem]:
    templates = _by_name(declared)
    for index, each in enumerate(declared.get("awx_schedules") or []):
        place: Place = ("awx_schedules", index)
        if not isinstance(each.get("rrule"), str):
            yield place, "rrule is missing."
        elif not templated(each["rrule"]):
            yield from (((*place, "rrule"), f"rrule: {problem}") for problem in rrule.problems(each["rrule"]))
        if not each.get("unified_job_template"):
            yield place, "unified_job_template is missing: what is it that runs?"
        elif each["unified_job_template"] in templates:
            yield from _prompts(place, each, templates[each["unified_job_template"]], project)


_TYPES = {
    "job_template": ("awx_job_templates",),
    "workflow_job_template": ("awx_workflow_job_templates",),
    "project": ("awx_projects",),
    "inventory_source": ("awx_inventory_sources",),
}


def _workflows(declared: Mapping[str, Any], modules: Mapping[str, Options], project: Project) -> Iterator[Problem]:
    templates = _by_name(declared)
    for index, each in enumerate(declared.get("awx_workflow_job_templates") or []):
        nodes = each.get("workflow_nodes") or []
        identifiers = Counter(node.get("identifier") for node in nodes)
        for number, node in enumerate(nodes):
            place: Place = ("awx_workflow_job_templates", index, "workflow_nodes", number)
            if identifiers[node.get("identifier")] > 1 or not node.get("identifier"):
                yield place, f"identifier: {node.get('identifier')} must be there, and once."
            for outcome, followers in (node.get("related") or {}).items():
                for follower in followers if isinstance(followers, list) else []:
                    name = follower.get("identifier") if isinstance(follower, dict) else None
                    if outcome.endswith("_nodes") and name not in identifiers:
                        yield (
                            (*place, "related", outcome),
                            f"{outcome}: no node is {name}. {close(str(name), [str(i) for i in identifiers])}",
                        )
            template = node.get("unified_job_template") or {}
            name, kind = template.get("name"), template.get("type")
            if kind == "workflow_approval":
                continue
            here = (*place, "unified_job_template")
            if kind not in _TYPES:
                yield here, f"type: {kind} is none of {', '.join(sorted([*_TYPES, 'workflow_approval']))}."
            elif name not in known_names(declared, _TYPES[kind]):
                yield here, f"{name} is no declared {kind}. {close(str(name), known_names(declared, _TYPES[kind]))}"
            elif name in templates and kind == "job_template":
                yield from _prompts(place, node, templates[name], project)


__all__ = ["TEMPLATES", "Playbook", "Problem", "Project", "problems"]
