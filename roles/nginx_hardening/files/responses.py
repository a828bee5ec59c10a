"""Count the responses of each site, for node exporter's textfile collector: responses.py LOG FILE SITES

LOG is nginx's log in JSON, of which only what is new is read; where that starts stands in FILE, beside the counts so
far. SITES is JSON, the name of the site by each of its server names; what belongs to none is counted as "other", since
the host is whatever a client says, and each would be a series for ever.

Managed by Ansible (rampart.ops.nginx_hardening).
"""

import json
import os
import pathlib
import re
import sys

METRICS = {
    "nginx_http_responses_total": "Responses of a site, by the first digit of the status.",
    "nginx_http_refused_requests_total": "Requests that the policy refused, which are among the responses.",
}
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
POSITION = re.compile(r"# position (\d+) (\d+)$")
SAMPLE = re.compile(r"(nginx_\w+\{.*\}) (\d+)$")


def response(site, status):
    return f'nginx_http_responses_total{{site="{site}",status="{status}"}}'


def refused(site):
    return f'nginx_http_refused_requests_total{{site="{site}"}}'


def site_of(host, sites):
    """By the exact name, or the longest of "*.example.com" and ".example.com" that fits, as nginx has it."""
    if host in sites:
        return sites[host]
    labels = host.split(".")
    tails = [".".join(labels[start:]) for start in range(len(labels))]
    names = [f".{tails[0]}", *(name for tail in tails[1:] for name in (f"*.{tail}", f".{tail}"))]
    return next((sites[name] for name in names if name in sites), sites.get("_", "other"))


def before(file):
    """The inode and the offset up to which the log is counted, none of them at first, and the counts."""
    position, counts = None, {}
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    for line in lines:
        match = POSITION.match(line)
        if match:
            position = int(match[1]), int(match[2])
        match = SAMPLE.match(line)
        if match:
            counts[match[1]] = int(match[2])
    return position, counts


def count(log, offset, sites, counts):
    """Add the lines from there on to the counts; the offset of the first that is not whole yet."""
    log.seek(offset)
    for line in log:
        if not line.endswith(b"\n"):
            break
        offset += len(line)
        try:
            entry = json.loads(line.decode("utf-8", "replace"))
            host, status, reason = entry["host"], entry["status"], entry["refused"]
        except (ValueError, TypeError, KeyError):
            continue
        site = site_of(str(host).lower(), sites)
        keys = [response(site, f"{str(status)[:1]}xx")] + ([refused(site)] if reason else [])
        for key in keys:
            # A response without a status is none: the client left.
            if key in counts:
                counts[key] += 1
    return offset


def update(path, file, sites):
    position, old = before(file)
    names = sorted({*sites.values(), "other"})
    counts = dict.fromkeys(key for name in names for key in (*(response(name, c) for c in CLASSES), refused(name)))
    counts = {key: old.get(key, 0) for key in counts}
    with path.open("rb") as log:
        status = os.fstat(log.fileno())
        if position is None:
            offset = status.st_size
        elif position[0] == status.st_ino and position[1] <= status.st_size:
            offset = count(log, position[1], sites, counts)
        else:
            last = path.with_name(path.name + ".1")
            if last.exists() and last.stat().st_ino == position[0]:
                with last.open("rb") as rotated:
                    count(rotated, position[1], sites, counts)
            offset = count(log, 0, sites, counts)
    return text(status.st_ino, offset, counts)


def text(inode, offset, counts):
    lines = [f"# position {inode} {offset}"]
    for metric, explanation in METRICS.items():
        mine = [f"{key} {value}" for key, value in counts.items() if key.startswith(metric + "{")]
        lines += [f"# HELP {metric} {explanation}", f"# TYPE {metric} counter", *mine]
    return "\n".join(lines) + "\n"


def main():
    path, file, sites = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), json.loads(sys.argv[3])
    if not path.exists():  # nginx has yet to start
        return
    # The exporter reads files that end in .prom, and must never see half of one.
    partial = file.with_name(file.name + ".new")
    partial.write_text(update(path, file, sites), encoding="utf-8")
    partial.chmod(0o644)
    partial.replace(file)


main()
