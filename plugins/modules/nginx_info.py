#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_info
short_description: What nginx of a host reads and serves
version_added: 0.1.0
description:
  - Reads nginx's configuration as nginx does, through all its includes, and lists the server blocks with the file and
    line of each, and whether an include file (a deny policy, for example) acts in it.
  - Renders, on request, the files of named server blocks with a line more, such as one that includes such a file.
    Nothing is written; M(rampart.ops.config_tree) installs them, and takes the line out again.
options:
  ours:
    description:
      - Patterns for the absolute paths of the configuration files whose server blocks are managed, and therefore
        covered.
    type: list
    elements: str
    default: []
  policy:
    description:
      - The file, as nginx names it in an C(include), or a pattern for it, that makes a server block a covered one. The
        blocks that are not covered are named in a warning.
    type: str
    default: ''
  adopt:
    description:
      - Names of server blocks that are not in O(ours) and shall have O(insertion). V(*) is all of them.
      - A name that no server block has fails the module.
    type: list
    elements: str
    default: []
  insertion:
    description:
      - The text that goes behind the opening brace of an adopted server block. Nothing else in these files may read
        like it.
    type: str
    default: ''
  replaced:
    description:
      - Files that are about to be taken away if they are as the distribution's package (dpkg) brought them. Their
        server blocks do not count then.
    type: list
    elements: path
    default: []
  paths:
    description: Further paths to look for.
    type: list
    elements: path
    default: []
attributes:
  check_mode:
    description: It changes nothing, so check mode makes no difference.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
author:
  - The Rampart developers (@rampart-ops)
"""

EXAMPLES = r"""
- name: See which server blocks the deny policy does not cover
  rampart.ops.nginx_info:
    policy: snippets/deny.conf
  register: nginx
"""

RETURN = r"""
version:
  description: nginx's version, or nothing when it is not installed.
  returned: always
  type: str
  sample: 1.26.3
openssl:
  description: The version of OpenSSL that nginx runs with, or nothing.
  returned: always
  type: str
  sample: 3.5.1
servers:
  description: All server blocks of the http context.
  returned: always
  type: list
  elements: dict
  contains:
    path:
      description: The file.
      type: str
    line:
      description: The line.
      type: int
    server_names:
      description: The names, as nginx knows them.
      type: list
      elements: str
    listen:
      description: The addresses, as nginx writes them.
      type: list
      elements: str
    ours:
      description: Whether O(ours) names the file.
      type: bool
    covered:
      description: Whether it is ours, or includes O(policy), or will by these edits.
      type: bool
default_listen:
  description: The addresses of which a server block that is not ours is the default server, as V(*:80).
  returned: always
  type: list
  elements: str
http_directives:
  description: The names of the directives at the http level that are not in O(ours); nginx refuses most of them twice.
  returned: always
  type: list
  elements: str
edits:
  description: The files of adopted server blocks, with O(insertion), as M(rampart.ops.config_tree) takes them.
  returned: always
  type: list
  elements: dict
pristine:
  description: Those of O(replaced) that are as the package brought them.
  returned: always
  type: list
  elements: str
existing:
  description: Those of O(replaced) and O(paths) that exist.
  returned: always
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.rampart.ops.plugins.module_utils.nginx.host import Host
from ansible_collections.rampart.ops.plugins.module_utils.nginx.model import NginxError


def main() -> None:
    paths = {"type": "list", "elements": "path", "default": []}
    module = AnsibleModule(
        argument_spec={
            "ours": {"type": "list", "elements": "str", "default": []},
            "policy": {"type": "str", "default": ""},
            "adopt": {"type": "list", "elements": "str", "default": []},
            "insertion": {"type": "str", "default": ""},
            "replaced": dict(paths),
            "paths": dict(paths),
        },
        supports_check_mode=True,
    )
    try:
        result = Host(module.run_command, module.get_bin_path).describe(**module.params)
    except (NginxError, OSError) as error:
        module.fail_json(msg=f"nginx: {error}. Nothing was changed.")
    uncovered = [
        f"{block['path']}:{block['line']} ({' '.join(block['server_names']) or 'without a name'})"
        for block in result["servers"]
        if not block["covered"]
    ]
    if module.params["policy"] and uncovered:
        module.warn(f"server blocks without {module.params['policy']}: {', '.join(uncovered)}")
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
