# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Collects what all hosts have said, as for rampart.ops.blocklist."""

from __future__ import annotations

from ansible_collections.rampart.ops.plugins.action.blocklist import ActionModule

__all__ = ["ActionModule"]
