# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Tells people what the logs of the hosts say: an AWS Lambda function."""
