#!/usr/bin/python
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

DOCUMENTATION = r"""
module: zip_archive
short_description: A zip file that is the same whenever its contents are
version_added: 0.1.0
description:
  - Packs files into a zip file. Neither dates, owners nor the order of the files enter it, so that a checksum of it
    says whether the contents have changed. That is how AWS Lambda tells new code from old.
options:
  dest:
    description: The zip file.
    type: path
    required: true
  files:
    description: What goes into it.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Path of the file in the archive.
        type: str
        required: true
      src:
        description: A file on this host. One of O(files[].src) and O(files[].content) is needed.
        type: path
      content:
        description: The text of the file.
        type: str
attributes:
  check_mode:
    description: Reports whether the file would change.
    support: full
  diff_mode:
    description: Shows the checksum before and after.
    support: full
author:
  - The Rampart developers (@rampart-ops)
"""

EXAMPLES = r"""
- name: Pack a function
  rampart.ops.zip_archive:
    dest: /tmp/function.zip
    files:
      - {name: app.py, src: files/app.py}
      - {name: config.json, content: '{"language": "en"}'}
"""

RETURN = r"""
checksum:
  description: SHA-256 of the zip file, in base64 as AWS Lambda shows it.
  returned: always
  type: str
  sample: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
"""

import base64
import hashlib
import io
import os
import zipfile
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule

if TYPE_CHECKING:
    from typing import Any

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that the format knows
FILE = 0o100644 << 16


def packed(files: dict[str, bytes]) -> bytes:
    """Stored without compression, of which the result differs between versions of zlib."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3
            entry.external_attr = FILE
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def contents(files: list[dict[str, Any]]) -> dict[str, bytes]:
    result = {}
    for each in files:
        if each["content"] is not None:
            result[each["name"]] = each["content"].encode("utf-8")
        else:
            with open(each["src"], "rb") as source:
                result[each["name"]] = source.read()
    return result


def checksum(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode("ascii")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "dest": {"type": "path", "required": True},
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "src": {"type": "path"},
                    "content": {"type": "str"},
                },
                "mutually_exclusive": [["src", "content"]],
                "required_one_of": [["src", "content"]],
            },
        },
        supports_check_mode=True,
    )
    dest = module.params["dest"]
    before = b""
    try:
        new = packed(contents(module.params["files"]))
        if os.path.exists(dest):
            with open(dest, "rb") as source:
                before = source.read()
        if new != before and not module.check_mode:
            with open(dest + ".new", "wb") as target:
                target.write(new)
            module.atomic_move(dest + ".new", dest)
    except OSError as error:
        module.fail_json(msg=f"{dest} could not be made: {error}")
    diff = {"before": checksum(before) + "\n" if before else "", "after": checksum(new) + "\n"}
    module.exit_json(changed=new != before, checksum=checksum(new), diff=diff)


if __name__ == "__main__":
    main()
