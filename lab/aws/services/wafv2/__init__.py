# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""AWS WAF over moto's sets, groups and ACLs: the rules that AWS enforces and the operations that moto lacks."""
