# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""playbooks/preflight.yml: what is wrong with the account or the shell is said before a host is touched."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lab.aws.testing import REPO, Aws


def preflight(aws: Aws, directory: Path, *regions: str, **env: str) -> tuple[int, str]:
    """Run it with a host in each of the regions."""
    hosts = {f"web-{number}": {"aws_placement": {"region": region}} for number, region in enumerate(regions)}
    inventory = directory / "hosts.yml"
    inventory.write_text(json.dumps({"all": {"hosts": {"bare": {}, **hosts}}}))
    done = subprocess.run(
        [f"{Path(sys.executable).parent}/ansible-playbook", "-i", str(inventory), "playbooks/preflight.yml"],
        cwd=REPO,
        env={**aws.env, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", "PYTHONPATH": "", **env},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_region_of_the_shell_must_have_a_host(aws: Aws, tmp_path: Path, variable: str) -> None:
    env = {"AWS_REGION": "", "AWS_DEFAULT_REGION": "", variable: "eu-west-1"}
    code, output = preflight(aws, tmp_path, "ap-northeast-2", **env)
    assert code != 0
    assert "This shell works in eu-west-1" in output
    assert "are in ap-northeast-2" in output
    assert "Nothing was changed" in output


def test_regions_that_are_left_out_are_named(aws: Aws, tmp_path: Path) -> None:
    code, output = preflight(aws, tmp_path, "ap-northeast-2", "eu-west-1", "eu-west-1")
    assert code == 0, output
    assert "kept in ap-northeast-2 by this run. The hosts in eu-west-1 are hardened" in output


def test_the_right_region_is_no_matter_of_words(aws: Aws, tmp_path: Path) -> None:
    code, output = preflight(aws, tmp_path, "ap-northeast-2")
    assert code == 0, output
    assert "Warning: backups" not in output
    code, output = preflight(aws, tmp_path)  # hosts that are not of EC2
    assert code == 0, output
