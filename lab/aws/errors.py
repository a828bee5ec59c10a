# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The one exception that carries an AWS error from wherever it is found to the edge that renders it."""

from __future__ import annotations

from typing import Any


class AwsError(Exception):
    """An error as AWS names it; `extra` holds further members of the error's shape."""

    def __init__(self, code: str, message: str, status: int | None = None, **extra: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"
