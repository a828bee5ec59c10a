# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Credentials and region once for all modules: the action group rampart.ops.aws."""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml

from lab.aws.testing import REPO, Aws

MODULES = REPO / "plugins/modules"


def test_the_group_has_every_module_that_takes_credentials() -> None:
    group = yaml.safe_load((REPO / "meta/runtime.yml").read_text())["action_groups"]["aws"]
    members = sorted(each for each in group if isinstance(each, str))
    assert members == sorted(
        path.stem for path in MODULES.glob("*.py") if "amazon.aws.common.modules" in path.read_text()
    )


def test_credentials_of_module_defaults_are_used(aws: Aws, tmp_path: Path) -> None:
    """By a module, by one with an action plugin, and by one of amazon.aws."""
    names = {"AWS_ACCESS_KEY_ID": "access_key", "AWS_SECRET_ACCESS_KEY": "secret_key", "AWS_REGION": "region"}
    names["AWS_ENDPOINT_URL"] = "endpoint_url"
    defaults = {option: aws.env[name] for name, option in names.items()}
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        "module_defaults": {"group/rampart.ops.aws": defaults},
        "tasks": [
            {"rampart.ops.backup_vault": {"backup_vault_name": "daily"}},
            {
                "rampart.ops.blocklist_info": {
                    "address": "198.51.100.7",
                    "scope": "REGIONAL",
                    "name": "rampart",
                    "bans_variable": "none",
                }
            },
            {"amazon.aws.backup_vault_info": {}, "register": "found"},
            {"ansible.builtin.assert": {"that": "found.backup_vaults | length == 1"}},
        ],
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    env = {key: value for key, value in aws.env.items() if key not in names}
    done = subprocess.run(
        [str(REPO / ".venv/bin/ansible-playbook"), "-i", "localhost,", str(tmp_path / "play.yml")],
        cwd=REPO, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (vault,) = aws.client("backup").list_backup_vaults()["BackupVaultList"]
    assert vault["BackupVaultName"] == "daily"
