"""The API: generic objects, their associations, and the few actions that the awx.awx modules ask for."""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from werkzeug.wrappers import Request, Response

from lab.awx.rules import ApiError, check_object, check_prompts

Record = dict[str, Any]
Json = Mapping[str, Any] | list[Any]
# Runs a job or an update to its end and returns whether it did well, and its output.
Execute = Callable[["Awx", Record], tuple[bool, str]]

VERSION = "24.6.1"
ENCRYPTED = "$encrypted$"
TEMPLATES = ("job_templates", "workflow_job_templates", "projects", "inventory_sources", "workflow_approval_templates")
TYPES = {
    "job_templates": "job_template",
    "workflow_job_templates": "workflow_job_template",
    "projects": "project",
    "inventory_sources": "inventory_source",
    "workflow_approval_templates": "workflow_approval",
}
COLLECTIONS = (
    "organizations",
    "execution_environments",
    "instance_groups",
    "credential_types",
    "credentials",
    "notification_templates",
    "inventories",
    "workflow_job_template_nodes",
    "schedules",
    "hosts",
    "jobs",
    "project_updates",
    "inventory_updates",
    "labels",
    *TEMPLATES,
)
# By what an object is told from others of its kind, besides its name.
OWNER = {
    "schedules": "unified_job_template",
    "inventory_sources": "inventory",
    "workflow_job_template_nodes": "workflow_job_template",
    "hosts": "inventory",
}
DEFAULTS: Mapping[str, Record] = {
    "job_templates": {
        **dict.fromkeys(("ask_scm_branch_on_launch", "ask_diff_mode_on_launch", "ask_variables_on_launch"), False),
        **dict.fromkeys(("ask_limit_on_launch", "ask_tags_on_launch", "ask_skip_tags_on_launch"), False),
        **dict.fromkeys(("ask_job_type_on_launch", "ask_verbosity_on_launch", "ask_inventory_on_launch"), False),
        **dict.fromkeys(("ask_credential_on_launch", "survey_enabled", "ask_job_slice_count_on_launch"), False),
        "job_type": "run",
        "job_slice_count": 1,
    },
    "projects": {"scm_revision": "", "scm_type": ""},
    "schedules": {"enabled": True, "extra_data": {}},
}


class Awx:
    """The objects of one AWX."""

    def __init__(self, execute: Execute, token: str) -> None:
        self.execute = execute
        self.token = token
        self.lock = threading.RLock()
        self.ids = itertools.count(1)
        self.objects: dict[str, dict[int, Record]] = {name: {} for name in COLLECTIONS}
        self.associated: dict[tuple[str, int, str], list[int]] = {}
        self.playbooks: dict[int, list[str]] = {}  # project -> what its last sync found
        self.requests: list[tuple[str, str]] = []
        for name, kind in (("Machine", "ssh"), ("Vault", "vault"), ("Source Control", "scm")):
            self.add("credential_types", {"name": name, "kind": kind, "managed": True})
        galaxy = self.add("credential_types", {"name": "Ansible Galaxy/Automation Hub API Token", "kind": "galaxy"})
        self.add("credentials", {"name": "Ansible Galaxy", "credential_type": galaxy["id"], "organization": None})
        for name in ("default", "controlplane"):
            self.add("instance_groups", {"name": name})
        self.add("organizations", {"name": "Default"})

    # --- objects ------------------------------------------------------------------------------------------------------
    def add(self, collection: str, fields: Mapping[str, Any]) -> Record:
        number = next(self.ids)
        record = {**DEFAULTS.get(collection, {}), **fields, "id": number}
        self.objects[collection][number] = record
        return record

    def find(self, collection: str, number: int) -> Record:
        try:
            return self.objects[collection][number]
        except KeyError:
            raise ApiError(404, {"detail": "Not found."}) from None

    def template(self, number: int) -> tuple[str, Record]:
        """A unified job template, whatever its kind."""
        for collection in TEMPLATES:
            if number in self.objects[collection]:
                return collection, self.objects[collection][number]
        raise ApiError(400, {"unified_job_template": [f'Invalid pk "{number}" - object does not exist.']})

    def linked(self, collection: str, number: int, name: str) -> list[Record]:
        target = association_target(name)
        return [self.objects[target][each] for each in self.associated.get((collection, number, name), [])]

    def remove(self, collection: str, number: int) -> None:
        self.find(collection, number)
        del self.objects[collection][number]
        for kind, key in (
            ("schedules", "unified_job_template"),
            ("workflow_job_template_nodes", "workflow_job_template"),
            ("hosts", "inventory"),
            ("inventory_sources", "inventory"),
        ):
            for each in [n for n, record in self.objects[kind].items() if record.get(key) == number]:
                self.remove(kind, each)
        if collection == "organizations":
            for kind in ("projects", "inventories", "credentials", "workflow_job_templates", "notification_templates"):
                for each in [n for n, record in self.objects[kind].items() if record.get("organization") == number]:
                    self.remove(kind, each)
        for (kind, owner, name), members in list(self.associated.items()):
            if kind == collection and owner == number:
                del self.associated[kind, owner, name]
            elif association_target(name) == collection and number in members:
                members.remove(number)

    # --- what a client sees -------------------------------------------------------------------------------------------
    def shown(self, collection: str, record: Mapping[str, Any]) -> Record:
        url = f"/api/v2/{collection}/{record['id']}/"
        kind = TYPES.get(
            collection, collection.removesuffix("ies") + "y" if collection.endswith("ies") else collection[:-1]
        )
        related = {name: f"{url}{name}/" for name in ("launch", "update", "survey_spec", "playbooks", "schedules")}
        for key in ("organization", "inventory", "project"):
            if record.get(key):
                related[key] = f"/api/v2/{'inventories' if key == 'inventory' else key + 's'}/{record[key]}/"
        summary = {
            key: {k: there[k] for k in ("id", "name", "description") if k in there}
            for key, where in (("inventory", "inventories"), ("organization", "organizations"), ("project", "projects"))
            if record.get(key) and (there := self.objects[where].get(record[key]))
        }
        result = {**record, "url": url, "type": kind, "related": related, "summary_fields": summary}
        if collection == "workflow_job_template_nodes":
            for outcome in ("success_nodes", "failure_nodes", "always_nodes"):
                result[outcome] = self.associated.get((collection, record["id"], outcome), [])
            if record.get("unified_job_template"):
                where, template = self.template(record["unified_job_template"])
                related["unified_job_template"] = f"/api/v2/{where}/{template['id']}/"
                summary["unified_job_template"] = {k: template.get(k, "") for k in ("name", "description")}
        if collection == "credentials":
            secret = self.secrets(record.get("credential_type"))
            result["inputs"] = {
                k: ENCRYPTED if k in secret and v else v for k, v in (record.get("inputs") or {}).items()
            }
        if collection == "notification_templates":
            configuration = record.get("notification_configuration") or {}
            result["notification_configuration"] = {
                k: ENCRYPTED if k in ("token", "password") else v for k, v in configuration.items()
            }
        return result

    def secrets(self, credential_type: int | None) -> set[str]:
        fields = (self.objects["credential_types"].get(credential_type or 0, {}).get("inputs") or {}).get(
            "fields"
        ) or []
        built_in = {"password", "ssh_key_data", "ssh_key_unlock", "become_password", "vault_password"}
        return {field["id"] for field in fields if field.get("secret")} or built_in

    # --- jobs ---------------------------------------------------------------------------------------------------------
    def run(self, collection: str, fields: Mapping[str, Any]) -> Record:
        job = self.add(collection, {**fields, "status": "running", "finished": None, "failed": False, "elapsed": 0.0})

        def work() -> None:
            good, output = self.execute(self, job)
            with self.lock:
                job.update(status="successful" if good else "failed", failed=not good, result_stdout=output)
                job["finished"] = "2026-01-01T00:00:00Z"

        threading.Thread(target=work, daemon=True).start()
        return job


def approval(data: Record) -> Record:
    """An approval has no other fields; AWX ignores what else it is sent, which the awx.awx modules do."""
    return {key: data[key] for key in ("name", "description", "timeout") if key in data}


def association_target(name: str) -> str:
    if name.startswith("notification_templates"):
        return "notification_templates"
    if name.endswith("_nodes"):
        return "workflow_job_template_nodes"
    return {"galaxy_credentials": "credentials"}.get(name, name)


class Application:
    """WSGI application of one AWX."""

    def __init__(self, awx: Awx) -> None:
        self.awx = awx

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        try:
            with self.awx.lock:
                self.awx.requests.append((request.method, request.path))
                if (
                    request.path != "/api/v2/ping/"
                    and request.headers.get("Authorization") != f"Bearer {self.awx.token}"
                ):
                    raise ApiError(401, {"detail": "Authentication credentials were not provided."})
                status, body = self.answer(request)
        except ApiError as error:
            status, body = error.status, error.body
        response = Response(
            json.dumps(body) if status != 204 else "",
            status,
            {"X-API-Product-Name": "AWX", "X-API-Product-Version": VERSION},
            content_type="application/json",
        )
        return response(environ, start_response)

    def answer(self, request: Request) -> tuple[int, Json]:
        found = re.fullmatch(r"/api/v2/(\w+)(?:/([^/]+))?(?:/(\w+))?/?", request.path)
        if not found:
            raise ApiError(404, {"detail": "Not found."})
        collection, key, sub = found.groups()
        data: Record = json.loads(request.get_data() or b"{}") if request.method in ("POST", "PATCH", "PUT") else {}
        if collection == "ping":
            return 200, {"version": VERSION, "ha": False}
        if collection == "unified_job_templates" and not key:
            return self.listed([(c, r) for c in TEMPLATES for r in self.awx.objects[c].values()], request)
        if collection not in COLLECTIONS:
            raise ApiError(404, {"detail": "Not found."})
        if key is None:
            if request.method == "POST":
                return self.create(collection, data)
            return self.listed([(collection, r) for r in self.awx.objects[collection].values()], request)
        record = self.awx.find(collection, self.number(collection, unquote(key)))
        if sub is None:
            return self.one(collection, record, request.method, data)
        return self.below(collection, record, sub, request, data)

    def number(self, collection: str, key: str) -> int:
        if key.isdigit():
            return int(key)
        name, _, organization = key.partition("++")  # AWX's named URLs
        owners = {r["id"] for r in self.awx.objects["organizations"].values() if r["name"] == organization}
        for number, record in self.awx.objects[collection].items():
            if record.get("name") == name and (not organization or record.get("organization") in owners):
                return number
        raise ApiError(404, {"detail": "Not found."})

    def listed(self, records: list[tuple[str, Record]], request: Request) -> tuple[int, Json]:
        wanted = {k: v for k, v in request.args.items() if k not in ("page_size", "page", "order_by")}
        either = {k.removeprefix("or__"): v for k, v in wanted.items() if k.startswith("or__")}
        every = {k: v for k, v in wanted.items() if not k.startswith("or__")}

        def matches(collection: str, record: Record) -> bool:
            view = {**record, "type": TYPES.get(collection)}
            owner = self.awx.objects["organizations"].get(record.get("organization") or 0, {})
            view["organization__name"] = owner.get("name")
            workflow = self.awx.objects["workflow_job_templates"].get(record.get("workflow_job_template") or 0, {})
            view["workflow_job_template__name"] = workflow.get("name")
            if "organization" in every and collection == "job_templates":
                view["organization"] = (
                    self.awx.objects["projects"].get(record.get("project", 0), {}).get("organization")
                )
            if "organization" in every and collection == "inventory_sources":
                view["organization"] = self.awx.objects["inventories"].get(record["inventory"], {}).get("organization")
            same = all(str(view.get(k)) == v for k, v in every.items())
            return same and (not either or any(str(view.get(k)) == v for k, v in either.items()))

        results = [self.awx.shown(c, r) for c, r in records if matches(c, r)]
        return 200, {"count": len(results), "next": None, "previous": None, "results": results}

    def create(self, collection: str, data: Record) -> tuple[int, Json]:
        owner = OWNER.get(collection, "organization")
        name = "identifier" if collection == "workflow_job_template_nodes" else "name"
        for record in self.awx.objects[collection].values():
            if record.get(name) == data.get(name) and record.get(owner) == data.get(owner):
                raise ApiError(400, {"__all__": [f"{collection} with this {owner} and {name} already exists."]})
        check_object(self.awx, collection, data)
        record = self.awx.add(collection, data)
        if collection == "projects":
            record["current"] = self.sync(record)["id"]
        return 201, self.shown_project(collection, record)

    def shown_project(self, collection: str, record: Record) -> Record:
        result = self.awx.shown(collection, record)
        if collection == "projects" and record.get("current"):
            update = self.awx.objects["project_updates"][record["current"]]
            result["related"]["last_update"] = f"/api/v2/project_updates/{update['id']}/"
            if not update["finished"]:
                result["related"]["current_update"] = f"/api/v2/project_updates/{update['id']}/"
                result["summary_fields"] = {"current_update": {"id": update["id"]}}
        return result

    def one(self, collection: str, record: Record, method: str, data: Record) -> tuple[int, Json]:
        if method == "DELETE":
            self.awx.remove(collection, record["id"])
            return 204, {}
        if method in ("PATCH", "PUT"):
            check_object(self.awx, collection, {**record, **data})
            for field, value in (approval(data) if collection == "workflow_approval_templates" else data).items():
                kept = (
                    {k: record.get(field, {}).get(k) if v == ENCRYPTED else v for k, v in value.items()}
                    if isinstance(value, dict)
                    else value
                )
                record[field] = kept
            if collection == "projects":
                record["current"] = self.sync(record)["id"]
        return 200, self.shown_project(collection, record)

    def below(self, collection: str, record: Record, sub: str, request: Request, data: Record) -> tuple[int, Json]:
        if sub == "survey_spec":
            if request.method == "POST":
                record["_survey"] = data
            return 200, record.get("_survey", {})
        if sub == "playbooks":
            return 200, self.awx.playbooks.get(record["id"], [])
        if sub == "create_approval_template":
            template = self.awx.add("workflow_approval_templates", approval(data))
            record["unified_job_template"] = template["id"]
            return 201, self.awx.shown("workflow_approval_templates", template)
        if request.method == "POST" and sub == "update":
            if collection == "projects":
                record["current"] = self.sync(record)["id"]
                return 202, self.awx.shown("project_updates", self.awx.objects["project_updates"][record["current"]])
            update = self.awx.run("inventory_updates", {"inventory_source": record["id"], "name": record["name"]})
            return 202, {**self.awx.shown("inventory_updates", update), "inventory_update": update["id"]}
        if request.method == "POST" and sub == "launch":
            check_prompts(record, data)
            job = self.awx.run("jobs", {"job_template": record["id"], "name": record["name"], "launched_with": data})
            return 201, {**self.awx.shown("jobs", job), "job": job["id"]}
        if sub == "stdout":
            return 200, {"content": record.get("result_stdout", "")}
        members = self.awx.associated.setdefault((collection, record["id"], sub), [])
        if request.method == "GET":
            target = association_target(sub)
            results = [self.awx.shown(target, r) for r in self.awx.linked(collection, record["id"], sub)]
            return 200, {"count": len(results), "next": None, "previous": None, "results": results}
        self.awx.find(association_target(sub), int(data["id"]))
        if data.get("disassociate"):
            members.remove(int(data["id"]))
        elif int(data["id"]) not in members:
            members.append(int(data["id"]))
        return 204, {}

    def sync(self, project: Record) -> Record:
        return self.awx.run("project_updates", {"project": project["id"], "name": project["name"], "scm_revision": ""})
