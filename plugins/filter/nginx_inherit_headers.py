# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
name: nginx_inherit_headers
short_description: Keep a server's response headers in blocks that have some of their own
version_added: 0.1.0
description:
  - nginx inherits C(add_header) only into a block that has none itself, so that one header in a C(location) drops all
    those of the server. This adds the server's to each such block, except for a header that the block sets itself.
  - A text that is not nginx's language comes back as it is, for nginx itself to refuse.
options:
  _input:
    description: Part of a C(server) block.
    type: str
    required: true
  headers:
    description: The server's headers, as {name of the header; the whole directive}.
    type: dict
    required: true
author:
  - The Rampart developers (@rampart-ops)
"""

EXAMPLES = r"""
- name: Have both headers at /static/
  ansible.builtin.set_fact:
    config: "{{ 'location /static/ { add_header X-B b; }' | rampart.ops.nginx_inherit_headers(headers) }}"
  vars:
    headers: {X-A: add_header X-A a always;}
"""

RETURN = r"""
_value:
  description: The text with the headers.
  type: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.nginx.model import NginxError, inherit_headers


def nginx_inherit_headers(config: str, headers: Mapping[str, str]) -> str:
    try:
        return str(inherit_headers(config, dict(headers)))
    except NginxError:
        return config


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"nginx_inherit_headers": nginx_inherit_headers}
