# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""An embedded AWS region: moto's server behind one WSGI application that is at least as strict as AWS."""
