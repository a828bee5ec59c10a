# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""AWS Backup over moto's vaults and plans: what moto lacks, and the rules that it does not know."""
