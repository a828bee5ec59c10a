# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What AWX would refuse is found in the file, with its line: the declared file with one mistake at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.rampart.ops.plugins.plugin_utils.awx import source
from ansible_collections.rampart.ops.plugins.plugin_utils.awx.check import problems
from ansible_collections.rampart.ops.plugins.plugin_utils.awx.declaration import KINDS, complete, prefixed, same
from ansible_collections.rampart.ops.plugins.plugin_utils.awx.project import CheckedOutProject

REPO = Path(__file__).resolve().parents[3]
DECLARED = REPO / "playbooks/vars/awx.yml"


@pytest.fixture(scope="module")
def modules() -> dict[str, Any]:
    names = ["organization", *(kind.module for kind in KINDS)]
    shown = subprocess.run(
        [Path(sys.executable).parent / "ansible-doc", "--json", *(f"awx.awx.{name}" for name in names)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "ANSIBLE_CONFIG": str(REPO / "ansible.cfg")},
    ).stdout
    return {name.rpartition(".")[2]: each["doc"]["options"] for name, each in json.loads(shown).items()}


def check(tmp_path: Path, modules: dict[str, Any], old: str, new: str) -> list[str]:
    text = DECLARED.read_text()
    assert old in text, "the test's own mistake: the declared file has changed"
    file = tmp_path / "awx.yml"
    file.write_text(text.replace(old, new, 1))
    read = source.read(file, "awx.yml")
    return [f"{read.where(place)}: {text}" for place, text in problems(read.content, modules, CheckedOutProject(REPO))]


def test_what_is_declared_is_right(tmp_path: Path, modules: dict[str, Any]) -> None:
    assert check(tmp_path, modules, "---", "---") == []


MISTAKES = [
    # what is written, what is written instead, what is said, and of which text the line is that
    ("galaxy_credentials: [Ansible Galaxy]", "max_hosts: 5", "AWX skips requirements.yml", "awx_organization:"),
    ("pull: missing", "pull: sometimes", "sometimes is none of always, missing, never", "pull: sometimes"),
    ("pull: missing", "pul: missing", "Did you mean pull?", "pul: missing"),
    ("kind: cloud", "kind: clout", "Did you mean|none of", "kind: clout"),
    ("required: [access_key,", "required: [acess_key,", "Did you mean access_key?", "required: [acess_key"),
    ('"{{ secret_key }}"', '"{{ secretkey }}"', "secretkey is none of the fields", "secretkey"),
    ("credential_type: AWS with region", "credential_type: AWS", "credential_type: AWS is none of", "_type: AWS\n"),
    ('      region: "{{', '      regions: "{{', "AWS with region has no such input", "      regions:"),
    ("username: admin", "user: admin", "Machine has no such input", "user: admin"),
    (
        "\"{{ lookup('ansible.builtin.env', 'AWS_SECRET_ACCESS_KEY') }}\"",
        "abc",
        "a secret is not written here",
        "secret_key: abc",
    ),
    (
        "\"{{ lookup('ansible.builtin.env', 'RAMPART_SLACK_TOKEN') }}\"",
        "xoxb-1",
        "a secret is not written here",
        "token: xoxb-1",
    ),
    ('channels: ["#ops"]', 'channel: "#ops"', "Slack's are", 'channel: "#ops"'),
    ("source_project: Rampart", "verbosity: 1", "source_project is missing", "- name: Rampart EC2"),
    ("source_path: inventories/example/", "source_path: inventories/exemple/", "the project has no", "exemple"),
    ("overwrite: true", "source_vars: {PATH: /bin}", "lets nobody set", "PATH: /bin"),
    (
        "playbook: playbooks/site.yml",
        "playbook: playbooks/sites.yml",
        "the project has no playbooks/sites.yml",
        "sites",
    ),
    (
        "playbook: playbooks/site.yml",
        "playbook: rampart.ops.site",
        "not a playbook of a collection",
        "rampart.ops.site",
    ),
    ("playbook: playbooks/site.yml", "playbook: playbooks/vars/../../galaxy.yml", "AWX offers only", "galaxy.yml"),
    ("variable: hosts", "variable: host", "reads this variable", "variable: host\n"),
    ("type: text", "type: string", "string is none of", "type: string"),
    ("          required: true\n", "", "has no required", "- question_name:"),
    ("    survey_enabled: true\n", "", "nobody is asked", "survey_spec:"),
    ("timeout: 10800", "extra_vars: {snapshot_valt: x}\n    timeout: 1", "reads this variable", "snapshot_valt"),
    ("    diff_mode: true", "    extra_vars: {backup_state: off}\n    diff_mode: true", "backup_state", "backup_state"),
    (
        "    diff_mode: true",
        "    extra_vars: {fail2ban_ignore_networks: 10.0.0.0/8}\n    diff_mode: true",
        "expected list",
        "fail2ban_ignore_networks",
    ),
    ("  - name: Rampart verify", "  - name: Rampart block", "has this name twice", "- name: Rampart block"),
    ("identifier: approve}", "identifier: aprove}", "Did you mean approve?", "aprove"),
    ("{name: Rampart verify, type", "{name: Rampart verifi, type", "Did you mean Rampart verify?", "verifi,"),
    ("type: project}", "type: projekt}", "projekt is none of", "projekt"),
    ("  ask_job_type_on_launch: true\n", "", "has no ask_job_type_on_launch", "job_type: check"),
    ("FREQ=DAILY;INTERVAL=1", "FREQ=DAILY", "Add INTERVAL=1", "RRULE:FREQ=DAILY\n"),
    (
        "unified_job_template: Rampart block",
        "unified_job_template: Rampart blok",
        "Did you mean Rampart block?",
        "blok",
    ),
    ("    ask_variables_on_launch: true\n", "", "ask_variables_on_launch", "scale_groups:"),
    ("scale_groups:", "scale_group:", "reads this variable", "scale_group:"),
    (
        "unified_job_template: Rampart backup drill",
        "unified_job_template: Rampart backup now",
        "nobody is there to give it",
        "- name: Rampart backup drill, monthly",
    ),
    ("awx_inventories:", "awx_inventory:", "Did you mean awx_inventories?", "awx_inventory:"),
]


@pytest.mark.parametrize(("old", "new", "message", "at"), MISTAKES, ids=[new[:40] for _, new, _, _ in MISTAKES])
def test_a_mistake_is_named_with_its_line(
    tmp_path: Path, modules: dict[str, Any], old: str, new: str, message: str, at: str
) -> None:
    found = check(tmp_path, modules, old, new)
    said = [each for each in found if any(part in each for part in message.split("|"))]
    assert said, found
    lines = (tmp_path / "awx.yml").read_text().splitlines(keepends=True)
    named = {int(each.split(":")[1]) for each in said}
    expected = {
        number
        for number, line in enumerate(lines, 1)
        if at.rstrip("\n") in line and (at[-1] != "\n" or line.rstrip("\n").endswith(at[:-1]))
    }
    assert named & expected, (said, expected)


def test_what_is_no_yaml_is_said_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "awx.yml").write_text("awx_projects:\n  - name: [\n")
    with pytest.raises(source.SourceError, match=r"awx\.yml:3: this is not YAML"):
        source.read(tmp_path / "awx.yml", "awx.yml")
    (tmp_path / "awx.yml").write_text("awx_projects: []\nawx_projects: []\n")
    with pytest.raises(source.SourceError, match=r"awx\.yml:2: awx_projects is there twice"):
        source.read(tmp_path / "awx.yml", "awx.yml")


def test_only_hosts_yml_is_sliced() -> None:
    """What writes the state of the whole fleet must see the whole fleet."""
    declared = complete(source.read(DECLARED, "awx.yml").content)
    sliced = {each["playbook"] for each in declared["awx_job_templates"] if each.get("job_slice_count", 1) > 1}
    assert sliced == {"playbooks/hosts.yml"}


def test_a_prefix_reaches_every_name_and_reference(modules: dict[str, Any]) -> None:
    declared = source.read(DECLARED, "awx.yml").content
    moved = prefixed(declared, "try ")
    assert problems(moved, modules, CheckedOutProject(REPO)) == []
    text = json.dumps(moved)
    assert text.count('"try Rampart block"') == json.dumps(declared).count('"Rampart block"')
    assert "try Machine" not in text and "try Ansible Galaxy" not in text
    assert all(not schedule["enabled"] for schedule in moved["awx_schedules"])


def test_same_tells_what_awx_shows() -> None:
    declared = {"name": "n", "organization": "o", "notification_configuration": {"token": "t", "channels": ["#ops"]}}
    shown = {
        "name": "n",
        "organization": 3,
        "notification_configuration": {"token": "$encrypted$", "channels": ["#ops"]},
    }
    assert same(declared, [shown])
    assert not same(declared, [])
    assert not same({**declared, "notification_configuration": {"token": "t", "channels": ["#dev"]}}, [shown])
    nodes = [
        {"id": 1, "identifier": "a", "success_nodes": [2], "summary_fields": {"unified_job_template": {"name": "x"}}},
        {"id": 2, "identifier": "b", "summary_fields": {"unified_job_template": {"name": "y"}}},
    ]
    workflow = {
        "name": "w",
        "workflow_nodes": [
            {
                "identifier": "a",
                "unified_job_template": {"name": "x", "type": "project"},
                "related": {"success_nodes": [{"identifier": "b"}]},
            },
            {"identifier": "b", "unified_job_template": {"name": "y", "type": "project"}},
        ],
    }
    assert same(workflow, [{"name": "w"}], nodes)
    assert not same(workflow, [{"name": "w"}], [{**nodes[0], "success_nodes": []}, nodes[1]])
    assert not same(workflow, [{"name": "w"}], nodes[:1])
