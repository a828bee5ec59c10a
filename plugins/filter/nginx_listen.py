# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
name: nginx_listen
short_description: The address of a listen line of nginx, in one spelling
version_added: 0.1.0
description:
  - C(80), C(*:80) and C(0.0.0.0:80) are one socket to nginx, which refuses two of them in one server.
options:
  _input:
    description: What follows C(listen), with its parameters.
    type: str
    required: true
author:
  - The Rampart developers (@rampart-ops)
"""

EXAMPLES = r"""
- name: Compare
  ansible.builtin.assert:
    that: "'80 default_server' | rampart.ops.nginx_listen == '0.0.0.0:80' | rampart.ops.nginx_listen"
"""

RETURN = r"""
_value:
  description: The address and port. QUIC is over UDP, a socket of its own, and is named after it.
  type: str
  sample: '*:80'
"""

from collections.abc import Callable

from ansible_collections.rampart.ops.plugins.module_utils.nginx.model import same_address


def nginx_listen(listen: str) -> str:
    return str(same_address(str(listen))) + (" quic" if "quic" in str(listen).split()[1:] else "")


class FilterModule:
    def filters(self) -> dict[str, Callable[[str], str]]:
        return {"nginx_listen": nginx_listen}
