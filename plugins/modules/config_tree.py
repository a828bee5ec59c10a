#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: config_tree
short_description: Install a daemon's configuration files as one transaction
version_added: 0.1.0
description:
  - Puts a set of files in place in one round trip. They are tested as a whole by the daemon's own checker before they
    are live, loaded by a reload, verified afterwards, and put back when any of that fails.
  - The new files are laid over O(root) in a private mount namespace, and O(check) runs there. A configuration that the
    checker refuses is therefore never at the path from which the daemon reads. On a host that does not permit this
    (an unprivileged container) the files are written, checked, and put back if refused.
  - What was there before the first run is kept, byte for byte, with owner and mode, and comes back with
    O(state=absent) or when a file is no longer listed.
  - A run that was interrupted between writing and reloading is finished, or undone, by the next one.
  - Run it as root.
options:
  name:
    description: The identity of the set on the host, for example C(nginx). A file can belong to one set only.
    type: str
    required: true
  root:
    description:
      - The directory that O(check) sees with the new files in it, for example C(/etc/nginx).
      - All files lie in it.
    type: path
    required: true
  files:
    description:
      - The whole set. A file that an earlier run installed and that is not listed any more is removed, or what it
        replaced is put back.
      - A symbolic link found at O(files[].dest) is replaced by the file, and comes back with O(state=absent).
    type: list
    elements: dict
    default: []
    suboptions:
      dest:
        description: Absolute path of the file. Missing directories are made with mode C(0755).
        type: path
        required: true
      content:
        description: The whole content, a string.
        type: raw
      secret_content:
        description:
          - Instead of O(files[].content), a content that is never shown, such as a private key. Give it a
            O(files[].mode) that keeps others from reading it.
        type: str
      inserted:
        description:
          - The text in O(files[].content) that is ours, in a file that otherwise belongs to the administrator.
          - O(state=absent), or a run that does not list the file any more, takes this text out of the file as it then
            is, and so keeps what the administrator has changed meanwhile.
        type: str
      mode:
        description: Permissions, as a quoted octal number.
        type: str
        default: '0644'
      owner:
        description: Name or number of the owner.
        type: str
        default: root
      group:
        description: Name or number of the group.
        type: str
        default: root
  remove:
    description: Existing files or symbolic links in O(root) to take out of the way while the set is installed.
    type: list
    elements: path
    default: []
  check:
    description:
      - The command, as a list of words, that must accept the new files, for example C([nginx, -t]). Or a list of such
        commands.
      - In check mode it runs if the program exists and a private view is possible.
    type: list
    elements: raw
    default: []
  reload:
    description:
      - The command, or list of commands, that makes the daemon load the new files. It runs only when something changed.
    type: list
    elements: raw
    default: []
  verify:
    description:
      - The command, or list of commands, that must succeed after O(reload). All are repeated until they succeed
        together or O(timeout) has passed.
    type: list
    elements: raw
    default: []
  timeout:
    description: Seconds that O(verify) is given.
    type: int
    default: 15
  state:
    description:
      - V(present) installs the set.
      - V(absent) puts everything back as it was before the first run. The commands run as for any other change.
    type: str
    choices: [present, absent]
    default: present
  state_dir:
    description: Where the sets of this host are recorded.
    type: path
    default: /var/lib/rampart/config_tree
attributes:
  check_mode:
    description: Reports what would change, checked by O(check) as far as the host permits, and writes nothing.
    support: full
  diff_mode:
    description: Shows every file before and after, except what others may not read on the host.
    support: full
author:
  - The Rampart developers (@rampart-ops)
"""

EXAMPLES = r"""
- name: Install the site's configuration
  rampart.ops.config_tree:
    name: nginx
    root: /etc/nginx
    files:
      - dest: /etc/nginx/conf.d/site.conf
        content: "{{ lookup('ansible.builtin.template', 'site.conf.j2') }}"
      - dest: /etc/nginx/conf.d/limits.conf
        content: |
          client_max_body_size 1m;
    remove: [/etc/nginx/sites-enabled/default]
    check: [nginx, -t]
    reload: [systemctl, reload-or-restart, nginx]
    verify: [curl, -fsS, -o, /dev/null, 'http://127.0.0.1/health']

- name: Put back what was there before
  rampart.ops.config_tree:
    name: nginx
    root: /etc/nginx
    check: [nginx, -t]
    reload: [systemctl, reload-or-restart, nginx]
    state: absent
"""

RETURN = r"""
changed_files:
  description: The paths that were (in check mode, would be) written or removed.
  returned: always
  type: list
  elements: str
  sample: [/etc/nginx/conf.d/site.conf]
checked:
  description: How the new files were tested. V(staged) is in a private view, V(in place) after writing, V(no) is not.
  returned: when something changed
  type: str
  sample: staged
resumed:
  description: Whether an earlier run was interrupted, and this one finished its work.
  returned: always
  type: bool
"""

import grp
import os
import pwd
import re
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.rampart.ops.plugins.module_utils.config_tree.model import ConfigTreeError, Node, Tree
from ansible_collections.rampart.ops.plugins.module_utils.config_tree.transaction import Settings, Transaction


def identity(option: str, value: str, lookup: Callable[[str], Any], unknown_allowed: bool) -> int:
    try:
        return int(value) if value.isdigit() else int(lookup(value)[2])
    except KeyError:
        if unknown_allowed:
            return -1
        raise ConfigTreeError(f"{option}: no such {option} on this host: {value}") from None


def node(entry: dict[str, Any], check_mode: bool) -> Node:
    dest, mode = entry["dest"], entry["mode"]
    content = entry["content"] if entry["secret_content"] is None else entry["secret_content"]
    if not isinstance(content, str):
        kind = type(content).__name__
        raise ConfigTreeError(
            f"{dest}: content must be a string, got {kind} (render data by to_nice_json or to_nice_yaml)"
        )
    if not re.match(r"0?[0-7]{3,4}$", mode):
        raise ConfigTreeError(f"{dest}: mode must be a quoted octal number such as '0644', got {mode!r}")
    if entry["secret_content"] is not None and int(mode, 8) & 0o004:
        raise ConfigTreeError(f"{dest}: mode {mode} lets everybody read secret_content; '0600' does not")
    if entry["inserted"] and entry["inserted"] not in content:
        raise ConfigTreeError(f"{dest}: inserted is no part of content")
    # In check mode a package that brings the user may not be installed yet.
    owner = identity("owner", entry["owner"], pwd.getpwnam, check_mode)
    group = identity("group", entry["group"], grp.getgrnam, check_mode)
    return Node("file", content.encode("utf-8", "surrogateescape"), int(mode, 8), owner, group)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "root": {"type": "path", "required": True},
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "dest": {"type": "path", "required": True},
                    "content": {"type": "raw"},
                    "secret_content": {"type": "str", "no_log": True},
                    "inserted": {"type": "str"},
                    "mode": {"type": "str", "default": "0644"},
                    "owner": {"type": "str", "default": "root"},
                    "group": {"type": "str", "default": "root"},
                },
                "mutually_exclusive": [["content", "secret_content"]],
                "required_one_of": [["content", "secret_content"]],
            },
            "remove": {"type": "list", "elements": "path", "default": []},
            "check": {"type": "list", "elements": "raw", "default": []},
            "reload": {"type": "list", "elements": "raw", "default": []},
            "verify": {"type": "list", "elements": "raw", "default": []},
            "timeout": {"type": "int", "default": 15},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "state_dir": {"type": "path", "default": "/var/lib/rampart/config_tree"},
        },
        supports_check_mode=True,
    )
    parameters = module.params
    name = parameters["name"]

    def label(temporary: str, final: str) -> None:
        if module.selinux_enabled():
            module.set_context_if_different(temporary, module.selinux_default_context(final), False)

    try:
        if os.geteuid() != 0:
            raise ConfigTreeError("configuration files belong to root: run this task with become")
        if not re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*$", name):
            raise ConfigTreeError("this name is not a plain word")
        present = parameters["state"] == "present"
        listed = [(entry["dest"], node(entry, module.check_mode)) for entry in parameters["files"] if present]
        listed += [(path, None) for path in parameters["remove"] if present]
        settings = Settings.from_parameters(parameters, [path for path, _node in listed])
        desired: Tree = dict(listed)
        inserted = {entry["dest"]: entry["inserted"] for entry in parameters["files"] if present and entry["inserted"]}
        result = Transaction(settings, label).run(desired, module.check_mode, inserted)
    except ConfigTreeError as error:
        module.fail_json(msg=f"{name}: {error}", **error.details)
    except OSError as error:
        module.fail_json(msg=f"{name}: {error}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
