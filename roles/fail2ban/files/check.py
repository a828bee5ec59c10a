"""Refuse a configuration that could ban one of these networks, or forget a ban that still runs: check.py NETWORK...

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


def seconds(text):
    """Seconds of a time as fail2ban writes it: a number, or 1w, 2h and the like."""
    try:
        return int(text)
    except ValueError:
        return int(subprocess.check_output(["fail2ban-client", "--str2sec", str(text)], text=True))


def covers(ignored, wanted):
    return any(one and one.version == wanted.version and wanted.subnet_of(one) for one in ignored)


required = {text: network(text) for text in sys.argv[1:]}
if None in required.values():
    sys.exit(f"refused: no networks: {', '.join(text for text, wanted in required.items() if wanted is None)}")
jails, purge_age = {}, None
dump = subprocess.run(["fail2ban-client", "-d"], stdout=subprocess.PIPE, check=True, text=True).stdout
for line in dump.splitlines():
    if not line.startswith("["):
        continue
    command = ast.literal_eval(line)
    if command[0] == "add":
        jails[command[1]] = {"ignored": []}
    elif command[0] == "set" and command[1] == "dbpurgeage":
        purge_age = seconds(command[2])
    elif command[0] == "set" and command[2:3] == ["addignoreip"]:
        jails[command[1]]["ignored"] += [network(text) for text in command[3:]]
    elif command[0] == "set" and command[1] in jails and len(command) == 4:
        jails[command[1]][command[2]] = command[3]

problems = []
for jail, options in jails.items():
    unprotected = [wanted for wanted in required.values() if not covers(options["ignored"], wanted)]
    problems += [f"jail {jail} could ban {wanted}" for wanted in unprotected]
    if str(options.get("ignoreself", True)).lower() not in ("true", "1", "yes", "on"):
        problems.append(f"jail {jail} could ban the host's own addresses")
    grows = str(options.get("bantime.increment", False)).lower() in ("true", "1", "yes", "on")
    if grows and "bantime.maxtime" not in options:
        problems.append(f"jail {jail} has no longest ban (bantime.maxtime)")
    # A ban for ever is never purged. What is forgotten before it ends is let go by the next restart.
    longest = max(seconds(options.get(name, 0)) for name in ("bantime", "bantime.maxtime"))
    if purge_age is not None and purge_age <= longest:
        problems.append(f"jail {jail} bans for {longest} s, but the database forgets after dbpurgeage = {purge_age} s")
if problems:
    sys.exit(f"refused: {'; '.join(problems)} (look at the files under /etc/fail2ban)")
