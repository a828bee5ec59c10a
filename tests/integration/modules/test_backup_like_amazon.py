# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What users of amazon.aws's modules of AWS Backup rely on holds after nothing but the names were exchanged.

The steps and what is asked of their results are those of amazon.aws's own integration targets backup_vault, backup_plan
and backup_selection; its info modules tell the truth.
"""

from __future__ import annotations

from typing import Any

import pytest
from backup_modules import Module, role

from lab.aws.testing import Aws

KEY = {"environment": "dev"}


def info(aws: Aws, kind: str, **options: Any) -> list[dict[str, Any]]:
    result = aws.run_module(f"amazon.aws.backup_{kind}_info", options)
    assert not result["failed"], result
    found: list[dict[str, Any]] = result[f"backup_{kind}s"]
    return found


def test_vault(aws: Aws) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    vault = Module(aws, "backup_vault", backup_vault_name="vault")
    create = {"encryption_key_arn": key, "tags": KEY}
    would = vault(check=True, **create)
    assert would["changed"]
    assert (would["vault"]["backup_vault_name"], would["vault"]["encryption_key_arn"]) == ("vault", "")
    assert would["vault"]["tags"] == KEY
    for changed in (True, False):
        did = vault(**create)
        assert did["changed"] is changed
        assert (did["vault"]["encryption_key_arn"], did["vault"]["tags"]) == (key, KEY)
    (found,) = info(aws, "vault", backup_vault_names=["vault"])
    assert found["backup_vault_arn"] == did["vault"]["backup_vault_arn"]
    assert found["tags"] == KEY

    more = {"tags": {"owner": "ansible"}, "purge_tags": False}
    would = vault(check=True, **more)
    assert would["changed"]
    assert would["vault"]["encryption_key_arn"] == key
    assert would["vault"]["tags"] == {**KEY, "owner": "ansible"}
    assert info(aws, "vault", backup_vault_names=["vault"]) == [found]
    assert vault(**more)["vault"]["tags"] == {**KEY, "owner": "ansible"}
    assert not vault(**more)["changed"]
    purged = vault(tags={"environment": "test"}, purge_tags=True)
    assert (purged["changed"], purged["vault"]["tags"]) == (True, {"environment": "test"})
    assert not vault(tags={"environment": "test"}, purge_tags=True)["changed"]


def test_plan(aws: Aws) -> None:
    made = Module(aws, "backup_vault", backup_vault_name="vault")()
    plan = Module(aws, "backup_plan", backup_plan_name="p")
    daily = {"rules": [{"rule_name": "daily", "target_backup_vault_name": "vault"}], "tags": {"Environment": "Test"}}
    would = plan(check=True, **daily)
    assert (would["exists"], would["changed"], would["backup_plan_name"]) == (True, True, "p")
    assert info(aws, "plan", backup_plan_names=["p"]) == []
    assert plan(**daily)["changed"]
    (found,) = info(aws, "plan", backup_plan_names=["p"])
    again = plan(**daily)
    assert (again["exists"], again["changed"]) == (True, False)
    for name in ("backup_plan_id", "version_id", "creation_date"):
        assert again[name] == found[name], name

    hourly: dict[str, Any] = {"rule_name": "hourly", "target_backup_vault_name": "vault"}
    hourly["schedule_expression"] = "cron(0 * ? * * *)"
    would = plan(check=True, rules=[hourly], tags={"Environment": "Dev"})
    assert would["changed"]
    assert would["backup_plan"]["rules"] != found["backup_plan"]["rules"]
    assert would["backup_plan"]["tags"] == {"Environment": "Dev"}
    hourly.update(
        start_window_minutes=60,
        completion_window_minutes=150,
        lifecycle={"move_to_cold_storage_after_days": 30, "delete_after_days": 120},
        recovery_point_tags={"type": "hourly_backup"},
        copy_actions=[
            {
                "destination_backup_vault_arn": made["vault"]["backup_vault_arn"],
                "lifecycle": {"move_to_cold_storage_after_days": 90, "delete_after_days": 300},
            }
        ],
    )
    did = plan(rules=[hourly], tags={"status": "archive"})
    assert did["changed"]
    for name in ("backup_plan_id", "backup_plan_arn"):
        assert did[name] == found[name], name
    for name in ("creation_date", "version_id", "tags"):
        assert did[name] != found[name], name
    assert did["backup_plan"]["rules"] != found["backup_plan"]["rules"]

    for check in (True, False):
        gone = plan(check=check, state="absent")
        assert (gone["exists"], gone["changed"], gone["backup_plan_name"]) == (False, True, "p")
        assert gone["backup_plan_arn"] == found["backup_plan_arn"]
        assert "deletion_date" in gone
        assert len(info(aws, "plan", backup_plan_names=["p"])) == check
    assert gone["deletion_date"]


TAG = {"condition_type": "STRINGEQUALS", "condition_key": "backup", "condition_value": "daily"}
TESTS = ("string_equals", "string_like", "string_not_equals", "string_not_like")
STEPS: list[tuple[str, dict[str, Any]]] = [
    ("minimal", {"resources": ["arn:aws:s3:::a-bucket"]}),
    ("tags", {"resources": ["arn:aws:s3:::a-bucket"], "list_of_tags": [TAG]}),
    (
        "conditions",
        {
            "resources": ["arn:aws:s3:::a-bucket"],
            "not_resources": ["arn:aws:s3:::another-bucket"],
            "list_of_tags": [TAG],
            "conditions": {
                test: [{"condition_key": "aws:ResourceTag/environment", "condition_value": "prod"}] for test in TESTS
            },
        },
    ),
    ("what is left out is gone", {"resources": ["arn:aws:s3:::b-bucket"], "not_resources": ["arn:aws:s3:::a-bucket"]}),
]


@pytest.fixture
def selection(aws: Aws) -> Module:
    Module(aws, "backup_vault", backup_vault_name="vault")()
    Module(aws, "backup_plan", backup_plan_name="p")(rules=[{"rule_name": "r", "target_backup_vault_name": "vault"}])
    return Module(aws, "backup_selection", selection_name="s", backup_plan_name="p")


def test_selection(selection: Module) -> None:
    aws, arn = selection.aws, role(selection.aws)

    def told() -> list[dict[str, Any]]:
        return info(aws, "selection", backup_plan_name="p", selection_names=["s"])

    for name, wanted in STEPS:
        before = told()
        assert selection(check=True, iam_role_arn=arn, **wanted)["changed"], name
        assert told() == before, name
        did = selection(iam_role_arn=arn, **wanted)
        assert did["changed"], name
        assert (did["backup_selection"]["iam_role_arn"], did["backup_selection"]["selection_name"]) == (arn, "s")
        again = selection(iam_role_arn=arn, **wanted)
        assert not again["changed"], name
        assert again["backup_selection"]["selection_name"] == "s"
        (found,) = told()
        for key in ("resources", "not_resources", "list_of_tags"):
            assert found[key] == wanted.get(key, []), (name, key)
        for test in TESTS:
            assert len(found["conditions"][test]) == len(wanted.get("conditions", {}).get(test, [])), (name, test)

    would = selection(check=True, state="absent")
    assert (would["changed"], would["exists"]) == (True, False)
    assert "backup_selection" in would
    assert would["msg"] == "Would have deleted backup selection if not in check mode"
    assert len(told()) == 1
    for changed in (True, False):
        gone = selection(state="absent")
        assert (gone["changed"], gone["exists"], "backup_selection" in gone) == (changed, False, True)
    assert told() == []
