"""What AWX 24.6.1 was seen to refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dateutil import rrule, tz

if TYPE_CHECKING:
    from lab.awx.app import Awx

Record = Mapping[str, Any]
PROMPTS = ("job_type", "limit", "job_tags", "skip_tags", "diff_mode", "verbosity", "inventory", "job_slice_count")
ASKS = {"job_tags": "ask_tags_on_launch", "skip_tags": "ask_skip_tags_on_launch"}
REQUIRED = {
    "projects": ("name", "organization"),
    "inventories": ("name", "organization"),
    "inventory_sources": ("name", "inventory"),
    "job_templates": ("name", "project", "playbook"),
    "schedules": ("name", "rrule", "unified_job_template"),
    "credentials": ("name", "credential_type"),
    "credential_types": ("name", "kind"),
    "execution_environments": ("name", "image"),
}


class ApiError(Exception):
    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body


def check_object(awx: Awx, collection: str, data: Record) -> None:
    """Raise ApiError where AWX would not store this object."""
    for field in REQUIRED.get(collection, ()):
        if not data.get(field):
            raise ApiError(400, {field: ["This field is required."]})
    check = {
        "job_templates": _job_template,
        "schedules": _schedule,
        "credentials": _credential,
        "credential_types": _credential_type,
        "inventory_sources": _inventory_source,
        "workflow_job_template_nodes": _node,
    }.get(collection)
    if check:
        check(awx, data)


def check_prompts(template: Record, data: Record) -> None:
    for option in PROMPTS:
        ask = ASKS.get(option, f"ask_{option}_on_launch")
        if data.get(option) not in (None, "", {}) and not template.get(ask):
            raise ApiError(400, {option: ["Field is not configured to prompt on launch."]})
    given = data.get("extra_data") or data.get("extra_vars") or {}
    questions = (template.get("_survey") or {}).get("spec", []) if template.get("survey_enabled") else []
    asked = {question["variable"] for question in questions}
    if set(given) - asked and not template.get("ask_variables_on_launch"):
        names = ", ".join(sorted(set(given) - asked))
        raise ApiError(400, {"extra_data": [f"Variables {names} are not allowed on launch."]})
    missing = [
        q["variable"] for q in questions if q.get("required") and not q.get("default") and q["variable"] not in given
    ]
    if missing:
        raise ApiError(400, {"variables_needed_to_start": [f"'{name}' value missing" for name in missing]})


def _job_template(awx: Awx, data: Record) -> None:
    if data["playbook"] not in awx.playbooks.get(data["project"], []):
        raise ApiError(400, {"playbook": ["Playbook not found for project."]})


def _schedule(awx: Awx, data: Record) -> None:
    problems = list(rrule_problems(data["rrule"]))
    if problems:
        raise ApiError(400, {"rrule": problems})
    collection, template = awx.template(data["unified_job_template"])
    if collection == "job_templates":
        check_prompts(template, data)


def _node(awx: Awx, data: Record) -> None:
    if data.get("unified_job_template"):
        collection, template = awx.template(data["unified_job_template"])
        if collection == "job_templates":
            check_prompts(template, data)


def _credential(awx: Awx, data: Record) -> None:
    kind = awx.find("credential_types", data["credential_type"])
    fields = {field["id"] for field in (kind.get("inputs") or {}).get("fields", [])}
    unknown = sorted(set(data.get("inputs") or {}) - fields)
    if fields and unknown:
        raise ApiError(400, {"inputs": [f"Additional properties are not allowed ({unknown} were unexpected)"]})


def _credential_type(awx: Awx, data: Record) -> None:
    fields = {field["id"] for field in (data.get("inputs") or {}).get("fields", [])}
    for values in (data.get("injectors") or {}).values():
        for key, value in values.items():
            for name in re.findall(r"{{\s*(\w+)", str(value)):
                if name not in fields | {"tower"}:
                    raise ApiError(400, {"injectors": [f"{key} uses an undefined field ({name} is undefined)"]})


def _inventory_source(awx: Awx, data: Record) -> None:
    if data.get("source") == "scm" and not data.get("source_project"):
        raise ApiError(400, {"source_project": ["Project required for scm type sources."]})


def rrule_problems(value: str) -> Iterator[str]:
    """The API's own judgement, in its order. Source: validate_rrule in awx/api/serializers.py of AWX 24.6.1."""
    starts = re.findall(r"DTSTART(?:;[^:]+)?:[0-9]+T[0-9]+Z?", value)
    if not starts:
        yield "Valid DTSTART required in rrule. Value should start with: DTSTART:YYYYMMDDTHHMMSSZ"
    if re.search(r"DTSTART:[0-9]+T[0-9]+(?!\d|Z)", value):
        yield "DTSTART cannot be a naive datetime. Require ;TZINFO= or YYYYMMDDTHHMMSSZZ."
    if len(starts) > 1:
        yield "Multiple DTSTART is not supported."
    if "rrule:" not in value.lower():
        yield "One or more rule required in rrule."
    for rule in re.findall(r"RULE:\S*", value):
        if "interval" not in rule.lower():
            yield f"INTERVAL required in rrule: {rule}"
        if "secondly" in rule.lower():
            yield f"SECONDLY is not supported: {rule}"
        if re.search(r"BYDAY[:=]-?[0-9]+[a-zA-Z]{2}", rule):
            yield f"BYDAY with numeric prefix not supported: {rule}"
    zone = re.search(r"TZID=([^:;]+)", value)
    try:
        rrule.rrulestr(value, forceset=True)
        if zone and tz.gettz(zone[1]) is None:
            raise ValueError("A valid TZID must be provided (e.g., America/New_York)")
    except (ValueError, KeyError, TypeError) as error:
        yield f"rrule parsing failed validation: {error}"
