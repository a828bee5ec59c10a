# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Mirrors of the stand-in's packages, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import cwagent


@pytest.fixture(scope="session")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("mirror") / "mirror"
    cwagent.build(out)
    return out


@pytest.fixture(scope="session")
def other_mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody else's mirror: the same packages, signed by a key of their own."""
    out = tmp_path_factory.mktemp("other") / "mirror"
    cwagent.build(out)
    return out
