"""Refuse a configuration that could ban one of these networks: check_ignored.py NETWORK...

It looks at what fail2ban itself makes of all files of the host, so that an "ignoreip" in somebody else's file, which
replaces the common one for its jail, is seen as well.
"""

import ast
import ipaddress
import subprocess
import sys


def network(text):
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None  # a host name; it may resolve to something else tomorrow


def covers(ignored, wanted):
    return any(one and one.version == wanted.version and wanted.subnet_of(one) for one in ignored)


required = {text: network(text) for text in sys.argv[1:]}
if None in required.values():
    sys.exit(f"refused: no networks: {', '.join(text for text, wanted in required.items() if wanted is None)}")
ignored, ignores_self = {}, {}
dump = subprocess.run(["fail2ban-client", "-d"], stdout=subprocess.PIPE, check=True, text=True).stdout
for line in dump.splitlines():
    if not line.startswith("["):
        continue
    command = ast.literal_eval(line)
    if command[0] == "add":
        ignored[command[1]] = []
    elif command[0] == "set" and command[2:3] == ["addignoreip"]:
        ignored[command[1]] += [network(text) for text in command[3:]]
    elif command[0] == "set" and command[2:3] == ["ignoreself"]:
        ignores_self[command[1]] = str(command[3]).lower() in ("true", "1", "yes", "on")

problems = [
    f"jail {jail} could ban {wanted}"
    for jail in ignored
    for wanted in required.values()
    if not covers(ignored[jail], wanted)
]
problems += [f"jail {jail} could ban the host's own addresses" for jail in ignored if not ignores_self.get(jail, True)]
if problems:
    sys.exit(f"refused: {'; '.join(problems)} (look for ignoreip and ignoreself in the files under /etc/fail2ban)")
