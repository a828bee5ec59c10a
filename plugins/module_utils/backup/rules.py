# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What AWS Backup documents of its limits, checked before anything is asked or changed. No I/O.

https://docs.aws.amazon.com/aws-backup/latest/devguide/aws-backup-limits.html and the API reference. Of the quotas only
those are checked that AWS lists as not adjustable.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError, some

with suppress(ImportError):  # Python 3.8
    from zoneinfo import available_timezones

COLD_STORAGE_DAYS = 90
CONTINUOUS_DAYS = 35
MAX_DAYS = 36_500
MIN_WINDOW = 60
MAX_WINDOW = 52_560_000
# https://docs.aws.amazon.com/aws-backup/latest/devguide/tags-on-backups.html: "up to a maximum of 50"
MAX_RECOVERY_POINT_TAGS = 50
# https://docs.aws.amazon.com/aws-backup/latest/devguide/API_KeyValue.html
MAX_TAG_KEY = 128
MAX_TAG_VALUE = 256
_TAG_SYMBOLS = "_.:/=+-@"
DEFAULT_START = 480
DEFAULT_COMPLETION = 10_080

_VAULT = re.compile(r"[A-Za-z0-9\-_]{2,50}")
_NAME = re.compile(r"[A-Za-z0-9\-_.]{1,50}")
_VAULT_ARN = re.compile(r"arn:aws[\w-]*:backup:[a-z0-9-]+:\d{12}:backup-vault:[A-Za-z0-9\-_]{2,50}")
_ROLE_ARN = re.compile(r"arn:aws[\w-]*:iam::\d{12}:role/.+")
_ARN = re.compile(r"arn:[\w*-]+:[\w*-]+:[\w*-]*:[\w*]*:.+")

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
# The fields of a cron expression: name, least and greatest number, names of the numbers, what else it may be.
_CRON = (
    ("minutes", 0, 59, (), None),
    ("hours", 0, 23, (), None),
    ("day of month", 1, 31, (), re.compile(r"\?|L|LW|L-\d{1,2}|\d{1,2}W")),
    ("month", 1, 12, _MONTHS, None),
    ("day of week", 1, 7, _WEEKDAYS, re.compile(rf"\?|L|([1-7]|{'|'.join(_WEEKDAYS)})(L|#[1-5])")),
    ("year", 1970, 2199, (), None),
)


def check_vault_name(where: str, name: str) -> None:
    if not _VAULT.fullmatch(name):
        raise InvalidError(f"{where}: {name!r} is not 2 to 50 letters, digits, hyphens and underscores")


def check_name(where: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidError(f"{where}: {name!r} is not 1 to 50 letters, digits and any of -_.")


def check_role(where: str, arn: str) -> None:
    if not _ROLE_ARN.fullmatch(arn):
        raise InvalidError(f"{where}: {arn!r} is not the ARN of an IAM role")


def check_vault_arn(where: str, arn: str) -> None:
    if not _VAULT_ARN.fullmatch(arn):
        raise InvalidError(f"{where}: {arn!r} is not the ARN of a backup vault")


def check_arns(where: str, arns: Iterable[str]) -> None:
    wrong = [arn for arn in arns if not _ARN.fullmatch(arn)]
    if wrong:
        raise InvalidError(f"{where}: not an ARN: {some(wrong)}")


def check_lifecycle(where: str, lifecycle: Mapping[str, Any], continuous: bool = False) -> None:
    """A lifecycle in AWS's own keys. -1 means for ever."""
    cold, delete = lifecycle.get("MoveToColdStorageAfterDays"), lifecycle.get("DeleteAfterDays")
    for key, days in (("move_to_cold_storage_after_days", cold), ("delete_after_days", delete)):
        if days is not None and days != -1 and not 1 <= days <= MAX_DAYS:
            raise InvalidError(f"{where}: {key} is {days}, it must be 1 to {MAX_DAYS} days, or -1 for never")
    if continuous:
        if cold not in (None, -1):
            raise InvalidError(
                f"{where}: continuous backups cannot move to cold storage, leave move_to_cold_storage_after_days out"
            )
        if delete is None or not 1 <= delete <= CONTINUOUS_DAYS:
            raise InvalidError(
                f"{where}: continuous backups are kept 1 to {CONTINUOUS_DAYS} days, delete_after_days is {delete}"
            )
    if cold not in (None, -1) and delete not in (None, -1) and delete < cold + COLD_STORAGE_DAYS:
        raise InvalidError(
            f"{where}: delete_after_days is {delete}, it must be at least {cold + COLD_STORAGE_DAYS}: what has moved "
            f"to cold storage after {cold} days stays there for at least {COLD_STORAGE_DAYS}"
        )
    if lifecycle.get("OptInToArchiveForSupportedResources") and cold in (None, -1):
        raise InvalidError(
            f"{where}: opt_in_to_archive_for_supported_resources archives when backups move to cold storage, "
            "which needs move_to_cold_storage_after_days"
        )


def check_windows(where: str, start: int, completion: int) -> None:
    if not MIN_WINDOW <= start <= MAX_WINDOW:
        raise InvalidError(
            f"{where}: start_window_minutes is {start}, it must be at least {MIN_WINDOW} and at most {MAX_WINDOW}"
        )
    if completion < start + MIN_WINDOW or completion > MAX_WINDOW:
        raise InvalidError(
            f"{where}: completion_window_minutes is {completion}, it must be at least {start + MIN_WINDOW}, which is "
            f"{MIN_WINDOW} more than start_window_minutes, and at most {MAX_WINDOW}"
        )


def expires(lifecycle: Mapping[str, Any]) -> int | None:
    """After how many days what has this lifecycle is deleted; None if never."""
    days: int | None = lifecycle.get("DeleteAfterDays")
    return None if days == -1 else days


def check_copy_lifecycle(where: str, lifecycle: Mapping[str, Any], source: Mapping[str, Any]) -> None:
    """The lifecycle of a copy, beside that of what is copied.

    https://docs.aws.amazon.com/aws-backup/latest/devguide/recov-point-create-a-copy.html: a copy that is set to never
    expire retains its source's expiration date.
    """
    check_lifecycle(where, lifecycle)
    if lifecycle.get("DeleteAfterDays") == -1 and expires(source) is not None:
        raise InvalidError(
            f"{where}: delete_after_days -1 does not keep a copy for ever: AWS deletes it with its source, after "
            f"{expires(source)} days. Say {MAX_DAYS}, which is 100 years, or let the source never expire"
        )


def check_recovery_point_tags(where: str, tags: Mapping[str, str], most: int = MAX_RECOVERY_POINT_TAGS) -> None:
    if len(tags) > most:
        raise InvalidError(
            f"{where}: {len(tags)} recovery_point_tags, at most {most} are allowed (a quota of AWS Backup)"
        )
    reserved = sorted(key for key in tags if key.lower().startswith("aws:"))
    if reserved:
        raise InvalidError(f"{where}: recovery_point_tags: {', '.join(reserved)}: the prefix aws: is reserved")
    for key, value in tags.items():
        if not 1 <= len(key) <= MAX_TAG_KEY or len(value) > MAX_TAG_VALUE:
            raise InvalidError(
                f"{where}: recovery_point_tags: {key!r}: a key has 1 to {MAX_TAG_KEY} characters, a value at most "
                f"{MAX_TAG_VALUE}"
            )
        wrong = sorted({each for each in key + value if each not in _TAG_SYMBOLS and _category(each) not in "LNZ"})
        if wrong:
            raise InvalidError(
                f"{where}: recovery_point_tags: {key!r}: {some(map(repr, wrong))}: tags have letters, digits, spaces "
                f"and any of {_TAG_SYMBOLS}"
            )


def _category(character: str) -> str:
    return unicodedata.category(character)[0]


def check_timezone(where: str, name: str) -> None:
    known = available_timezones() if "available_timezones" in globals() else set()
    if known and name not in known:
        raise InvalidError(f"{where}: schedule_expression_timezone {name!r} is not a time zone, as Europe/Berlin is")


def check_schedule(where: str, expression: str) -> None:
    """A cron expression of AWS."""
    match = re.fullmatch(r"cron\((.*)\)", expression)
    fields = match[1].split() if match else []
    if len(fields) != len(_CRON):
        raise InvalidError(
            f"{where}: schedule_expression {expression!r} is not "
            "cron(minutes hours day-of-month month day-of-week year)"
        )
    for text, (name, least, most, names, special) in zip(fields, _CRON):
        if not (special and special.fullmatch(text)) and not all(
            _is_cron_item(item, least, most, names) for item in text.split(",")
        ):
            raise InvalidError(f"{where}: schedule_expression {expression!r}: {text!r} is no {name}")
    if (fields[2] == "?") == (fields[4] == "?"):
        raise InvalidError(
            f"{where}: schedule_expression {expression!r}: one of day of month and day of week, and only one, must be ?"
        )


def check_hourly(where: str, expression: str) -> None:
    """AWS Backup begins a backup at most once an hour.

    https://docs.aws.amazon.com/aws-backup/latest/devguide/plan-options-and-configuration.html, "Backup frequency".
    """
    text = expression[len("cron(") :].split()[0]
    minutes = {minute for item in text.split(",") for minute in _minutes(item)}
    if len(minutes) > 1:
        raise InvalidError(
            f"{where}: schedule_expression {expression!r}: a plan makes at most one backup an hour, so that the first "
            f"field, {text!r}, must be one minute"
        )


def _minutes(item: str) -> range:
    span, slash, step = item.partition("/")
    first, dash, last = ("0", "-", "59") if span == "*" else span.partition("-")
    least, most = int(first), int(last if dash else "59" if slash else first)
    return range(least, most + (61 if most < least else 1), int(step or 1))


def _is_cron_item(item: str, least: int, most: int, names: tuple[str, ...]) -> bool:
    span, slash, step = item.partition("/")
    if slash and not (step.isdecimal() and int(step) > 0):
        return False
    ends = span.split("-")
    return span == "*" or (
        len(ends) <= 2 and all(end in names or (end.isdecimal() and least <= int(end) <= most) for end in ends)
    )


def camel(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options by AWS's own keys; those that were not given are left out. Values are the caller's to convert."""
    return {
        "".join(word.capitalize() for word in key.split("_")): value
        for key, value in options.items()
        if value is not None
    }


# What users name themselves: tags and the names of options, which are returned as they are written.
_OPAQUE = {"BackupOptions", "RecoveryPointTags", "RestoreMetadata", "Tags"}


def snake(value: Any) -> Any:
    """A document of AWS in the keys of options."""
    if isinstance(value, Mapping):
        return {
            re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower(): each if key in _OPAQUE else snake(each)
            for key, each in value.items()
        }
    return [snake(each) for each in value] if isinstance(value, (list, tuple)) else value
