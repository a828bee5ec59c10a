"""One repository, two lives: the checkout runs its own code, by the collection's name and from everywhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
LINKS = ROOT / "playbooks/collections/ansible_collections/rampart/ops"
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("[a-z]*.py"))
ROLES = sorted(path.parents[1].name for path in (ROOT / "roles").glob("*/tasks/main.yml"))


def load(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def tracked_files() -> list[Path]:
    """What git holds or would take; links are left out, for what they lead to is listed at its own place."""
    listing = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split("\0")
    paths = [ROOT / name for name in names if name]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


# --- the links beside the playbooks


def test_the_links_are_those_that_the_collection_loader_needs() -> None:
    # "playbooks" must not be among them: it would lead back to this directory, without end.
    assert {path.name for path in LINKS.iterdir()} == {"plugins", "roles", "meta", "galaxy.yml", "README.md"}


@pytest.mark.parametrize("name", ["plugins", "roles", "meta", "galaxy.yml", "README.md"])
def test_each_link_leads_to_the_component_of_its_name(name: str) -> None:
    link = LINKS / name
    assert link.is_symlink()
    assert not link.readlink().is_absolute(), "an absolute link breaks in every other checkout"
    assert link.resolve(strict=True) == ROOT / name


# --- what runs is the checkout


@pytest.fixture(scope="module")
def stale_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's home with an old installed copy of this collection: each module and role of today, saying STALE."""
    home = tmp_path_factory.mktemp("home")
    copy = home / ".ansible/collections/ansible_collections/rampart/ops"
    (copy / "plugins/modules").mkdir(parents=True)
    (copy / "galaxy.yml").write_text("namespace: rampart\nname: ops\nversion: 0.0.1\n")
    for module in MODULES:
        document = yaml.safe_dump({"module": module, "short_description": "STALE", "description": ["STALE"]})
        (copy / f"plugins/modules/{module}.py").write_text(f'DOCUMENTATION = """\n{document}"""\n')
    for role in ROLES:
        tasks = copy / f"roles/{role}/tasks"
        tasks.mkdir(parents=True)
        (tasks / "main.yml").write_text("- name: STALE\n  ansible.builtin.debug:\n")
    return home


def ansible(home: Path, cwd: Path, *command: str) -> str:
    # Nothing but the path to the tools and the home reaches Ansible: no setting of whoever runs the tests.
    env = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}", "HOME": str(home), "LC_ALL": "C.UTF-8"}
    result = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr or result.stdout
    return result.stdout


def module_files(document: str) -> dict[str, str]:
    return {name: plugin["doc"]["filename"] for name, plugin in json.loads(document).items()}


OURS = [f"rampart.ops.{module}" for module in MODULES]
OUR_FILES = {f"rampart.ops.{module}": str(LINKS / f"plugins/modules/{module}.py") for module in MODULES}


def test_an_installed_copy_is_found_where_there_is_no_checkout(stale_home: Path, tmp_path: Path) -> None:
    """The trap of the tests below is real."""
    files = module_files(ansible(stale_home, tmp_path, "ansible-doc", "--json", "-t", "module", *OURS))
    assert set(files) == set(OURS)
    assert all(file.startswith(str(stale_home)) for file in files.values())


def test_the_checkout_beats_an_installed_copy_by_its_configuration(stale_home: Path) -> None:
    assert module_files(ansible(stale_home, ROOT, "ansible-doc", "--json", "-t", "module", *OURS)) == OUR_FILES


def test_the_checkout_beats_an_installed_copy_by_the_place_of_its_playbooks(stale_home: Path, tmp_path: Path) -> None:
    """Without ansible.cfg, as from another directory: the tree beside the playbook comes first."""
    command = ["ansible-doc", "--json", "-t", "module", "--playbook-dir", str(ROOT / "playbooks"), *OURS]
    assert module_files(ansible(stale_home, tmp_path, *command)) == OUR_FILES


def list_tasks(playbook: Path) -> list[str]:
    return ["ansible-playbook", "-i", "localhost,", "--list-tasks", str(playbook)]


def test_a_playbook_runs_the_checkout_from_any_directory(stale_home: Path, tmp_path: Path) -> None:
    assert "STALE" not in ansible(stale_home, tmp_path, *list_tasks(ROOT / "playbooks/site.yml"))
    # The same playbooks without the tree beside them do run the installed copy.
    shutil.copytree(ROOT / "playbooks", tmp_path / "playbooks", ignore=shutil.ignore_patterns("collections"))
    assert "STALE" in ansible(stale_home, tmp_path, *list_tasks(tmp_path / "playbooks/site.yml"))


# --- one truth in several files


def test_the_newest_release_in_the_changelog_is_the_version_that_is_built() -> None:
    def number(version: str) -> list[int]:
        return [int(part) for part in version.split(".")]

    assert max(load("changelogs/changelog.yaml")["releases"], key=number) == load("galaxy.yml")["version"]


def test_requirements_and_dependencies_name_the_same_ranges() -> None:
    required = {entry["name"]: entry["version"] for entry in load("requirements.yml")["collections"]}
    assert required == load("galaxy.yml")["dependencies"]
    assert "rampart.ops" not in required, "an installed copy would outrank the checkout under AWX"


FOREIGN = {
    # Which package index, registry or mirror to use is a setting of the machine.
    "registry host": r"\b(?:[\w-]+\.)*(?:pypi\.org|pythonhosted\.org|galaxy\.ansible\.com|npmjs\.org|quay\.io"
    r"|docker\.io|ghcr\.io|gcr\.io|deb\.debian\.org)\b",
    "path of one machine": rf"{re.escape(str(ROOT))}\b|(?<![\w.$}}>-])/(?:work|Users)/\w",
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_no_file_depends_on_one_machine(kind: str) -> None:
    pattern = re.compile(FOREIGN[kind])
    here = Path(__file__)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in tracked_files()
        if path != here
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)
