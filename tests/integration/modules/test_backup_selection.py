# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""backup_selection against the region."""

from __future__ import annotations

from typing import Any

import pytest
from backup_modules import Module, role, trail

from lab.aws.testing import Aws

INSTANCES = "arn:aws:ec2:*:*:instance/*"
REPLACE = ["CreateBackupSelection", "DeleteBackupSelection", "CreateBackupSelection", "DeleteBackupSelection"]


def conditions(value: str = "daily") -> dict[str, Any]:
    return {"string_equals": [{"condition_key": "aws:ResourceTag/Backup", "condition_value": value}]}


def make_plan(aws: Aws, name: str = "web") -> str:
    made = aws.client("backup").create_backup_plan(
        BackupPlan={"BackupPlanName": name, "Rules": [{"RuleName": name, "TargetBackupVaultName": "daily"}]}
    )
    return str(made["BackupPlanId"])


@pytest.fixture
def plan_id(aws: Aws) -> str:
    aws.client("backup").create_backup_vault(BackupVaultName="daily")
    return make_plan(aws)


@pytest.fixture
def selection(aws: Aws, plan_id: str) -> Module:
    return Module(
        aws, "backup_selection", backup_plan_name="web", backup_selection_name="tagged", iam_role_arn=role(aws)
    )


def held(aws: Aws, plan_id: str) -> dict[str, dict[str, Any]]:
    """The selections by name, as the API returns them."""
    client = aws.client("backup")
    found = {}
    for each in client.list_backup_selections(BackupPlanId=plan_id)["BackupSelectionsList"]:
        answer = client.get_backup_selection(BackupPlanId=plan_id, SelectionId=each["SelectionId"])
        del answer["ResponseMetadata"]
        found[each["SelectionName"]] = answer
    return found


def test_life_cycle(selection: Module, plan_id: str) -> None:
    """Create, again, modify, again, delete, again; each in check mode first."""
    create = {
        "resources": [INSTANCES, "arn:aws:rds:*:*:db:*"],
        "not_resources": ["arn:aws:rds:eu-west-1:123456789012:db:scratch"],
        "conditions": {
            **conditions(),
            "string_not_like": [{"condition_key": "aws:ResourceTag/Env", "condition_value": "lab*"}],
        },
    }
    modify = {"list_of_tags": [{"condition_key": "Backup", "condition_value": value} for value in ("daily", "hourly")]}

    would = selection(check=True, **create)
    assert would["changed"]
    assert held(selection.aws, plan_id) == {}
    did = selection(**create)
    assert trail(selection.aws) == ["CreateBackupSelection"]
    assert did["diff"] == would["diff"]
    found = held(selection.aws, plan_id)["tagged"]
    assert did["backup_selection"]["selection_id"] == found["SelectionId"]
    assert sorted(found["BackupSelection"]["Resources"]) == sorted(create["resources"])
    assert found["BackupSelection"]["Conditions"]["StringNotLike"] == [
        {"ConditionKey": "aws:ResourceTag/Env", "ConditionValue": "lab*"}
    ]
    again = selection.unchanged(**create)
    assert again["backup_selection"]["selection_id"] == found["SelectionId"]
    selection.unchanged(**{**create, "resources": create["resources"][::-1]})

    would = selection(check=True, **modify)
    assert would["changed"]
    assert held(selection.aws, plan_id) == {"tagged": found}
    did = selection(**modify)
    assert trail(selection.aws) == REPLACE
    assert did["diff"] == would["diff"]
    after = held(selection.aws, plan_id)
    assert list(after) == ["tagged"]
    assert after["tagged"]["SelectionId"] == did["backup_selection"]["selection_id"] != found["SelectionId"]
    assert after["tagged"]["BackupSelection"]["Resources"] == []
    assert len(after["tagged"]["BackupSelection"]["ListOfTags"]) == 2
    selection.unchanged(list_of_tags=modify["list_of_tags"][::-1])

    did = selection.changed(state="absent")
    assert trail(selection.aws) == ["DeleteBackupSelection"]
    assert did["diff"]["after"] == {}
    assert held(selection.aws, plan_id) == {}
    assert not selection.unchanged(state="absent")["exists"]


def test_conditions_alone_are_about_all_resources(selection: Module, plan_id: str) -> None:
    did = selection.changed(conditions=conditions())
    assert did["backup_selection"]["resources"] == ["*"]
    assert held(selection.aws, plan_id)["tagged"]["BackupSelection"]["Resources"] == ["*"]
    selection.unchanged(conditions=conditions(), resources=["*"])


def test_the_role_is_kept_if_none_is_given(selection: Module, plan_id: str) -> None:
    arn = selection.options.pop("iam_role_arn")
    assert "iam_role_arn is needed" in selection.fails(conditions=conditions())
    selection.changed(conditions=conditions(), iam_role_arn=arn)
    selection.unchanged(conditions=conditions())
    selection.changed(conditions=conditions("hourly"))
    assert held(selection.aws, plan_id)["tagged"]["BackupSelection"]["IamRoleArn"] == arn


def test_a_plan_that_is_missing(selection: Module, plan_id: str) -> None:
    assert "no backup plan nightly" in selection.fails(conditions=conditions(), backup_plan_name="nightly")
    would = selection(conditions=conditions(), backup_plan_name="nightly", check=True)
    assert would["changed"]
    assert would["msg"] == "There is no backup plan nightly."
    selection.unchanged(state="absent", backup_plan_name="nightly")


def test_two_plans_of_one_name_are_refused_with_both_ids(selection: Module, plan_id: str) -> None:
    other = selection.aws.client("backup").create_backup_plan(
        BackupPlan={"BackupPlanName": "web", "Rules": [{"RuleName": "b", "TargetBackupVaultName": "daily"}]}
    )["BackupPlanId"]
    message = selection.fails(conditions=conditions())
    assert plan_id in message
    assert other in message


def _conditions(count: int) -> dict[str, Any]:
    return {"string_equals": [{"condition_key": f"aws:ResourceTag/t{n}", "condition_value": "x"} for n in range(count)]}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({}, "needs conditions, resources or list_of_tags"),
        ({"conditions": conditions(), "backup_selection_name": "with blank"}, "1 to 50"),
        ({"conditions": conditions(), "backup_selection_name": "x.next"}, "stand-ins"),
        ({"conditions": conditions(), "iam_role_arn": "backup"}, "not the ARN of an IAM role"),
        ({"resources": ["i-123"]}, "not an ARN: i-123"),
        ({"resources": ["arn:aws:s3:::*-logs"]}, "at the end of the resource"),
        ({"resources": [f"arn:aws:s3:::bucket-{n}" for n in range(501)]}, "501 ARNs"),
        ({"resources": [f"arn:aws:s3:::bucket-{n}-*" for n in range(31)]}, "31 of them with wildcards"),
        ({"conditions": _conditions(31)}, "conditions: 31"),
        ({"list_of_tags": [{"condition_key": f"t{n}", "condition_value": "x"} for n in range(31)]}, "list_of_tags: 31"),
        (
            {"conditions": {"string_like": [{"condition_key": "Backup", "condition_value": "*"}]}},
            "for example aws:ResourceTag/Backup",
        ),
    ],
)
def test_what_aws_would_refuse_is_refused_without_a_call(selection: Module, args: dict[str, Any], words: str) -> None:
    assert words in selection.fails(**args)
    assert selection.calls == []


def test_tags_and_conditions_have_a_quota_each(selection: Module, plan_id: str) -> None:
    wanted = {
        "resources": [INSTANCES],
        "conditions": _conditions(30),
        "list_of_tags": [{"condition_key": f"t{n}", "condition_value": "x"} for n in range(30)],
    }
    selection.changed(**wanted)
    assert len(held(selection.aws, plan_id)["tagged"]["BackupSelection"]["ListOfTags"]) == 30


def test_one_of_100_selections_cannot_be_replaced(selection: Module, plan_id: str) -> None:
    client, arn = selection.aws.client("backup"), selection.options["iam_role_arn"]
    selection(conditions=conditions())
    for n in range(99):
        client.create_backup_selection(
            BackupPlanId=plan_id,
            BackupSelection={"SelectionName": f"s{n}", "IamRoleArn": arn, "Resources": [INSTANCES]},
        )
    selection.unchanged(conditions=conditions())
    for check in (True, False):
        message = selection.fails(conditions=conditions("hourly"), check=check)
        assert "AWS allows 100: there is no room for the stand-in tagged.next" in message
        assert trail(selection.aws) == []
    assert "AWS allows 100: take a second plan" in selection.fails(
        conditions=conditions(), backup_selection_name="another"
    )
    last = held(selection.aws, plan_id)["s98"]["SelectionId"]
    client.delete_backup_selection(BackupPlanId=plan_id, SelectionId=last)
    selection.changed(conditions=conditions("hourly"))


def test_unrelated_selections_and_plans_stay_untouched_and_all_pages_are_read(selection: Module, plan_id: str) -> None:
    client, arn = selection.aws.client("backup"), selection.options["iam_role_arn"]
    others = [make_plan(selection.aws, f"other-{n}") for n in range(3)]
    for each in (plan_id, *others):
        for n in range(11 if each == plan_id else 2):
            client.create_backup_selection(
                BackupPlanId=each,
                BackupSelection={"SelectionName": f"s{n}", "IamRoleArn": arn, "Resources": [INSTANCES]},
            )
    before = [held(selection.aws, each) for each in (plan_id, *others)]
    selection.aws.switch(page_size=1)
    selection.changed(conditions=conditions())
    selection.changed(conditions=conditions("hourly"))
    selection.unchanged(conditions=conditions("hourly"))
    assert selection.calls.count("ListBackupSelections") == 12  # a page each
    selection.changed(state="absent")
    selection.aws.switch(page_size=0)
    assert [held(selection.aws, each) for each in (plan_id, *others)] == before


# ----------------------------------------------------------------------------------------------------------- faults


def test_at_every_moment_there_is_a_selection(selection: Module, plan_id: str) -> None:
    """Whatever call fails for good: old or new content is there, and the next run finishes the work."""
    selection(conditions=conditions("daily"))
    refusal = {"status": 400, "code": "LimitExceededException", "message": "too many selections"}
    wanted = iter(["hourly", "weekly", "monthly", "yearly"] * 2)
    value = "daily"
    for position in range(4):
        for apply in (False, True):
            new = next(wanted)
            # The calls before the one that fails are let through.
            create, delete = REPLACE[: position + 1].count(REPLACE[0]), REPLACE[: position + 1].count(REPLACE[1])
            operation, nth = (REPLACE[0], create) if position % 2 == 0 else (REPLACE[1], delete)
            if nth == 2:
                selection.aws.fault(service="backup", operation=operation, kind="delay", times=1, params={"seconds": 0})
            selection.aws.fault(
                service="backup", operation=operation, kind="error", times=1, params={**refusal, "apply": apply}
            )
            message = selection.fails(conditions=conditions(new))
            assert "Could not" in message
            left = held(selection.aws, plan_id)
            values = {
                each["BackupSelection"]["Conditions"]["StringEquals"][0]["ConditionValue"] for each in left.values()
            }
            assert values, (position, apply)
            assert values <= {value, new}, (position, apply)
            if position == 0 and not apply:
                assert set(left) == {"tagged"}
                assert values == {value}  # a failed create leaves the old one
            selection.aws.clear_faults()
            assert selection(conditions=conditions(new))["changed"] or position == 3
            assert list(held(selection.aws, plan_id)) == ["tagged"]
            selection.unchanged(conditions=conditions(new))
            value = new


@pytest.mark.parametrize("operation", ["CreateBackupSelection", "DeleteBackupSelection"])
@pytest.mark.parametrize("kind", ["throttle", "error", "lost_answer"])
def test_faults_of_writing_are_overcome(selection: Module, plan_id: str, operation: str, kind: str) -> None:
    selection(conditions=conditions("daily"))
    selection.aws.fault(service="backup", operation=operation, kind=kind, times=2)
    assert selection(conditions=conditions("hourly"))["changed"]
    found = held(selection.aws, plan_id)
    assert list(found) == ["tagged"]
    assert found["tagged"]["BackupSelection"]["Conditions"]["StringEquals"][0]["ConditionValue"] == "hourly"
    selection.unchanged(conditions=conditions("hourly"))


def test_an_interrupted_replacement_is_cleaned_up_by_absent(selection: Module, plan_id: str) -> None:
    selection(conditions=conditions("daily"))
    selection.aws.fault(
        service="backup",
        operation="DeleteBackupSelection",
        kind="error",
        params={"status": 400, "code": "InvalidRequestException", "message": "no"},
    )
    selection.fails(conditions=conditions("hourly"))
    assert set(held(selection.aws, plan_id)) == {"tagged", "tagged.next"}
    selection.changed(state="absent")
    assert held(selection.aws, plan_id) == {}


def test_a_selection_of_somebody_else_is_never_taken_for_a_stand_in(selection: Module, plan_id: str) -> None:
    selection.aws.client("backup").create_backup_selection(
        BackupPlanId=plan_id,
        BackupSelection={
            "SelectionName": "tagged.next",
            "IamRoleArn": selection.options["iam_role_arn"],
            "Resources": [INSTANCES],
        },
    )
    assert "did not make" in selection.fails(conditions=conditions())
    assert set(held(selection.aws, plan_id)) == {"tagged.next"}


def test_a_role_that_is_not_known_yet_is_waited_for(selection: Module, plan_id: str) -> None:
    selection.aws.fault(
        service="backup",
        operation="CreateBackupSelection",
        kind="error",
        times=2,
        params={
            "status": 400,
            "code": "InvalidParameterValueException",
            "message": "IAM Role arn:aws:iam::1:role/backup cannot be assumed by AWS Backup",
        },
    )
    assert selection(conditions=conditions())["changed"]
    assert selection.calls.count("CreateBackupSelection") == 3
