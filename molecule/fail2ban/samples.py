"""Try filters on lines that they must, and must not, match: samples.py < {filter: {match: [line...], pass: [line...]}}

fail2ban-regex reads the filters as the server does, with what the role has laid over them.
"""

import json
import re
import subprocess
import sys
import tempfile


def missed(name, lines):
    """Which of these lines a filter counts as no failure."""
    with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
        log.write("".join(line + "\n" for line in lines))
        log.flush()
        command = ["fail2ban-regex", "--print-all-missed", "--print-all-ignored", log.name, name]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True)
    count = re.search(r"^Lines: (\d+) lines, (\d+) ignored, \d+ matched, (\d+) missed", done.stdout, re.M)
    if count is None or int(count.group(1)) != len(lines):
        sys.exit(f"{name}: {done.stdout}")
    listed = {line[2:].strip() for line in done.stdout.splitlines() if line.startswith("|  ")}
    found = [line for line in lines if line in listed]
    if len(found) != int(count.group(2)) + int(count.group(3)):
        sys.exit(f"{name}: {done.stdout}")
    return found


problems = []
for name, samples in json.load(sys.stdin).items():
    found = missed(name, samples["match"] + samples["pass"])
    problems += [f"{name} does not match: {line}" for line in samples["match"] if line in found]
    problems += [f"{name} matches: {line}" for line in samples["pass"] if line not in found]
if problems:
    sys.exit("\n".join(problems))
