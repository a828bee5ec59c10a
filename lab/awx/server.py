"""An AWX of this machine: the API on a loopback port, jobs by ansible-runner in a directory of its own."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from werkzeug.serving import make_server

from lab.awx import jobs
from lab.awx.app import Application, Awx, Record

TOKEN = "lab"  # noqa: S105 - it opens nothing but this stand-in


class Server:
    """Serve in a thread until stopped.

    Args:
        work: where checkouts and jobs go.
        run_jobs: whether jobs are run; without it every job does well at once.
        task_env: what AWX's setting AWX_TASK_ENV gives every job.
    """

    def __init__(self, work: Path, run_jobs: bool = True, task_env: Mapping[str, str] | None = None) -> None:
        self.work = work
        self.run_jobs = run_jobs
        self.task_env = dict(task_env or {})
        self.awx = Awx(self.execute, TOKEN)
        self._http = make_server("127.0.0.1", 0, Application(self.awx), threaded=True)
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()
        self.inventories: dict[int, dict[str, Any]] = {}

    @property
    def environment(self) -> dict[str, str]:
        """What a client of the awx.awx collection needs in its environment."""
        return {
            "CONTROLLER_HOST": f"http://127.0.0.1:{self._http.server_port}",
            "CONTROLLER_OAUTH_TOKEN": TOKEN,
            "CONTROLLER_VERIFY_SSL": "false",
        }

    def stop(self) -> None:
        self._http.shutdown()
        self._thread.join()

    # --- what jobs do -------------------------------------------------------------------------------------------------
    def execute(self, awx: Awx, job: Record) -> tuple[bool, str]:
        try:
            if "project" in job and "job_template" not in job:
                return self._sync(awx, job)
            if "inventory_source" in job:
                return self._update_inventory(awx, job)
            return self._run(awx, job) if self.run_jobs else (True, "")
        except Exception as error:
            return False, str(error)

    def checkout(self, project: int) -> Path:
        return self.work / f"project-{project}"

    def _sync(self, awx: Awx, job: Record) -> tuple[bool, str]:
        project = awx.find("projects", job["project"])
        source = Path(urlparse(project["scm_url"]).path)
        jobs.sync(source, self.checkout(project["id"]))
        awx.playbooks[project["id"]] = jobs.playbooks(self.checkout(project["id"]))
        project["scm_revision"] = job["scm_revision"] = "0" * 40
        return True, ""

    def _update_inventory(self, awx: Awx, job: Record) -> tuple[bool, str]:
        source = awx.find("inventory_sources", job["inventory_source"])
        work = self.work / f"update-{job['id']}"
        work.mkdir()
        env = self._env(awx, [source["credential"]] if source.get("credential") else [])
        env |= {key: str(value) for key, value in json.loads(source.get("source_vars") or "{}").items()}
        found = jobs.update_inventory(self.checkout(source["source_project"]), source["source_path"], work, env)
        self.inventories[source["inventory"]] = found
        for host in found.get("_meta", {}).get("hostvars", {}):
            awx.add("hosts", {"name": host, "inventory": source["inventory"]})
        return True, json.dumps(found)

    def _run(self, awx: Awx, job: Record) -> tuple[bool, str]:
        template = awx.find("job_templates", job["job_template"])
        credentials = [c["id"] for c in awx.linked("job_templates", template["id"], "credentials")]
        machine = next(
            (
                c
                for c in (awx.find("credentials", number) for number in credentials)
                if "ssh_key_data" in (c.get("inputs") or {})
            ),
            {},
        )
        said = job["launched_with"]
        work = self.work / f"job-{job['id']}"
        work.mkdir()
        result = jobs.run(
            self.checkout(template["project"]),
            self.inventories.get(template["inventory"], {}),
            jobs.Job(
                playbook=template["playbook"],
                job_type=said.get("job_type") or template["job_type"],
                diff=bool(template.get("diff_mode")),
                limit=said.get("limit") or "",
                user=(machine.get("inputs") or {}).get("username", "root"),
                ssh_key=(machine.get("inputs") or {}).get("ssh_key_data", ""),
                extra_vars={
                    **json.loads(template.get("extra_vars") or "{}"),
                    **(said.get("extra_vars") or {}),
                    **self._injected(awx, credentials, "extra_vars"),
                },
                env=self._env(awx, credentials),
            ),
            work,
        )
        job["artifacts"] = dict(result.artifacts)
        return result.good, result.output

    def _env(self, awx: Awx, credentials: list[int]) -> dict[str, str]:
        return self.task_env | self._injected(awx, credentials, "env")

    def _injected(self, awx: Awx, credentials: list[int], where: str) -> dict[str, str]:
        """What the injectors of these credentials' types make there: in env, in extra_vars."""
        result = {}
        for credential in (awx.find("credentials", number) for number in credentials):
            kind = awx.find("credential_types", credential["credential_type"])
            inputs: Mapping[str, Any] = credential.get("inputs") or {}
            for variable, text in ((kind.get("injectors") or {}).get(where) or {}).items():
                result[variable] = injected(text, inputs)
        return result


def injected(text: str, inputs: Mapping[str, Any]) -> str:
    return re.sub(r"{{\s*(\w+)\s*}}", lambda found: str(inputs.get(found[1], "")), text)
