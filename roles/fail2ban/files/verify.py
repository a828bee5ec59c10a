"""Succeed when fail2ban runs all these jails, and has logged no error since it was (re)loaded: verify.py LOG JAIL..."""

import pathlib
import re
import subprocess
import sys

log, expected = pathlib.Path(sys.argv[1]), set(sys.argv[2:])
status = subprocess.run(
    ["fail2ban-client", "status"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True
)
if status.returncode != 0:
    sys.exit(status.stdout)
running = re.search(r"Jail list:\s*(.*)", status.stdout)
missing = expected - set(re.split(r"[,\s]+", running.group(1)) if running else [])
since = re.split(r"Starting Fail2ban|Reload all jails", log.read_text(errors="replace"))[-1]
problems = [f"these jails are not up: {', '.join(sorted(missing))}"] if missing else []
problems += [line for line in since.splitlines() if re.search(r"\b(ERROR|CRITICAL)\b", line)]
if problems:
    sys.exit("\n".join(problems))
