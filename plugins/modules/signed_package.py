#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: signed_package
short_description: Install a package file only if the right key has signed it
version_added: 0.1.0
description:
  - Downloads a Debian or RPM package, its detached signature and the signer's public key to the host, and installs the
    package only if the signature is good and the fingerprint of the signer's primary key is O(key_fingerprint).
  - Fails, and leaves what is installed alone, if the file was changed, the signature is missing or made by another key,
    or the file holds another package or version than was asked for.
  - The signature is checked by C(gpg) in a home of its own that is thrown away. Keys that the host trusts for other
    purposes count for nothing. The package C(gpg) is installed if it is missing.
  - Downloads nothing if a pinned O(version) is installed, and no more than the signature if V(latest) is.
  - Run it as root.
options:
  name:
    description: Name of the package.
    type: str
    required: true
  url:
    description: Where the package file is. V(file:///) names a file on the host. Required if O(state=present).
    type: str
  signature_url:
    description: Where its detached signature is. By default O(url) with C(.sig) appended.
    type: str
  key_url:
    description: Where the signer's public key is. Required if O(state=present).
    type: str
  key_fingerprint:
    description:
      - Fingerprint of the signer's primary key, 40 hexadecimal digits; blanks are ignored.
      - Required if O(state=present).
    type: str
  version:
    description:
      - The version that O(url) holds, with or without the distribution's revision. Another installed version is
        replaced by it, also by going back.
      - V(latest) takes what O(url) holds whenever its signature has changed, but never goes back.
    type: str
    default: latest
  timeout:
    description: Seconds that the server may take to answer.
    type: int
    default: 30
  state:
    description: V(absent) removes the package and its configuration files.
    type: str
    choices: [present, absent]
    default: present
  state_dir:
    description: Where the module keeps which signature the installed version was verified by.
    type: path
    default: /var/lib/rampart/signed_package
attributes:
  check_mode:
    description: Reports what would change. Downloads the signature, but neither the package nor the key.
    support: full
  diff_mode:
    description: Shows the version before and after.
    support: full
author:
  - The Rampart developers (@rampart-ops)
"""

EXAMPLES = r"""
- name: Install the CloudWatch agent
  rampart.ops.signed_package:
    name: amazon-cloudwatch-agent
    url: https://amazoncloudwatch-agent.s3.amazonaws.com/debian/amd64/latest/amazon-cloudwatch-agent.deb
    key_url: https://amazoncloudwatch-agent.s3.amazonaws.com/assets/amazon-cloudwatch-agent.gpg
    key_fingerprint: 9376 16F3 450B 7D80 6CBD 9725 D581 6730 3B78 9C72

- name: Remove it
  rampart.ops.signed_package:
    name: amazon-cloudwatch-agent
    state: absent
"""

RETURN = r"""
version:
  description: The version that is installed now; in check mode, V(latest) if it is not known without a download.
  returned: if O(state=present)
  type: str
  sample: 1.300071.0b1-1
"""

import os
import shutil
import tempfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.rampart.ops.plugins.module_utils.signed_package import debian, host, model, redhat

# What dpkg has installed it knows of; on a host without it, rpm does.
DISTRIBUTION: Any = debian if shutil.which("dpkg-query") else redhat


def present(parameters: dict[str, Any], record_path: str, check_mode: bool) -> dict[str, Any]:
    name, wanted, timeout = parameters["name"], parameters["version"], parameters["timeout"]
    trusted = model.fingerprint(parameters["key_fingerprint"])
    installed = DISTRIBUTION.installed_version(name)
    pinned = wanted != model.LATEST
    if pinned and model.is_version(installed, wanted):
        return outcome(name, installed, installed)
    signature_url = parameters["signature_url"] or parameters["url"] + ".sig"
    signature = host.fetch_small(signature_url, timeout)
    record = model.Record(installed or "", model.digest(signature))
    if model.up_to_date(installed, wanted, host.read_record(record_path), record.signature):
        return outcome(name, installed, installed)
    if check_mode:
        return outcome(name, installed, wanted)
    with tempfile.TemporaryDirectory(prefix="rampart-package-") as folder:
        path = os.path.join(folder, name + DISTRIBUTION.SUFFIX)
        with open(path + ".sig", "wb") as target:
            target.write(signature)
        host.fetch(parameters["key_url"], path + ".key", timeout)
        host.fetch(parameters["url"], path, timeout)
        status, returncode = host.verify(path, path + ".sig", path + ".key", DISTRIBUTION.install_gpg)
        refused = model.reject(status, returncode, trusted)
        if not refused:
            package, version = DISTRIBUTION.fields(path)
            older = installed is not None and DISTRIBUTION.is_newer(installed, version)
            refused = model.refuse_contents(name, wanted, older, package, version)
        if refused:
            raise model.SignedPackageError(f"{parameters['url']} is refused: {refused}. Nothing was installed.")
        if version != installed:
            DISTRIBUTION.install(path)
    host.write_record(record_path, model.Record(version, record.signature))
    return outcome(name, installed, version)


def absent(name: str, record_path: str, check_mode: bool) -> dict[str, Any]:
    installed = DISTRIBUTION.installed_version(name)
    if not check_mode:
        if installed is not None:
            DISTRIBUTION.remove(name)
        if os.path.exists(record_path):
            os.unlink(record_path)
    return outcome(name, installed, None)


def outcome(name: str, before: str | None, after: str | None) -> dict[str, Any]:
    def line(version: str | None) -> str:
        return f"{name} {version}\n" if version else ""

    result: dict[str, Any] = {"changed": before != after, "diff": {"before": line(before), "after": line(after)}}
    return dict(result, version=after) if after else result


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "url": {"type": "str"},
            "signature_url": {"type": "str"},
            "key_url": {"type": "str", "no_log": False},
            "key_fingerprint": {"type": "str", "no_log": False},
            "version": {"type": "str", "default": model.LATEST},
            "timeout": {"type": "int", "default": 30},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "state_dir": {"type": "path", "default": "/var/lib/rampart/signed_package"},
        },
        required_if=[("state", "present", ["url", "key_url", "key_fingerprint"])],
        supports_check_mode=True,
    )
    parameters = module.params
    record_path = os.path.join(parameters["state_dir"], parameters["name"] + ".json")
    try:
        if parameters["state"] == "present":
            result = present(parameters, record_path, module.check_mode)
        else:
            result = absent(parameters["name"], record_path, module.check_mode)
    except (model.SignedPackageError, OSError) as error:
        module.fail_json(msg=f"{parameters['name']}: {error}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
