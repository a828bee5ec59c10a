# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Real fail2ban servers for the tests of modules and playbooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fail2ban_server import SUITES, Fail2ban


@pytest.fixture
def start_fail2ban(tmp_path: Path) -> Iterator[Callable[..., Fail2ban]]:
    """Start servers by name; they are stopped at the end."""
    servers: list[Fail2ban] = []

    def start(name: str = "fail2ban", suite: str = SUITES[-1], **options: str) -> Fail2ban:
        servers.append(Fail2ban(tmp_path / name, suite, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(params=SUITES)
def fail2ban(request: pytest.FixtureRequest, start_fail2ban: Callable[..., Fail2ban]) -> Fail2ban:
    """A server of each version."""
    return start_fail2ban(suite=request.param)
