# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""An AWS region for tests: one server for the session, one account of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.aws.testing import Aws, Region


@pytest.fixture(scope="session")
def aws_region() -> Iterator[Region]:
    """The region of the test session."""
    region = Region()
    yield region
    refused = region.control("GET", "journal", error="NotImplemented")["calls"]
    gaps = {f"{call['service']}.{call['operation']}" for call in refused if "Ansible" in call["user_agent"]}
    assert region.stop() == 0, region.log()
    assert not gaps, f"modules called what the lab does not implement: {gaps}"


@pytest.fixture
def aws(aws_region: Region) -> Iterator[Aws]:
    """A fresh account in the region of the session."""
    account = Aws(aws_region)
    yield account
    account.clear_faults()
    account.lab.control("DELETE", "switches", account=account.name)
