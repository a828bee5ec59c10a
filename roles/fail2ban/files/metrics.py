"""Write how many addresses fail2ban holds, for node exporter's textfile collector: metrics.py FILE [SOCKET]

Managed by Ansible (rampart.ops.fail2ban).
"""

import pathlib
import sys

METRICS = {
    "fail2ban_up": ("gauge", "Whether fail2ban answers."),
    "fail2ban_banned_ips": ("gauge", "Addresses that are banned now."),
    "fail2ban_bans_total": ("counter", "Bans since fail2ban started, those taken back from its database included."),
    "fail2ban_failed_ips": ("gauge", "Addresses with failures that do not lead to a ban yet."),
    "fail2ban_failures_total": ("counter", "Failures seen since fail2ban started."),
}
# Where fail2ban's status of a jail has them.
PLACES = {
    ("Actions", "Currently banned"): "fail2ban_banned_ips",
    ("Actions", "Total banned"): "fail2ban_bans_total",
    ("Filter", "Currently failed"): "fail2ban_failed_ips",
    ("Filter", "Total failed"): "fail2ban_failures_total",
}


def ask(client, *command):
    code, answer = client.send(list(command))
    if code != 0:
        raise OSError(f"fail2ban refused {' '.join(command)}: {answer}")
    return dict(answer)


def samples(path):
    from fail2ban.client.csocket import CSocket

    try:
        client = CSocket(path, timeout=10)
    except OSError:
        return [("fail2ban_up", "", 0)]
    found = [("fail2ban_up", "", 1)]
    try:
        for jail in filter(None, (name.strip() for name in ask(client, "status")["Jail list"].split(","))):
            status = {part: dict(values) for part, values in ask(client, "status", jail).items()}
            found += [(name, f'{{jail="{jail}"}}', status[part][label]) for (part, label), name in PLACES.items()]
    finally:
        client.close()
    return found


def text(found):
    lines = []
    for name, (kind, explanation) in METRICS.items():
        mine = [f"{name}{labels} {value}" for metric, labels, value in found if metric == name]
        lines += [f"# HELP {name} {explanation}", f"# TYPE {name} {kind}", *mine] if mine else []
    return "\n".join(lines) + "\n"


def main():
    found = samples(sys.argv[2] if len(sys.argv) > 2 else "/run/fail2ban/fail2ban.sock")
    # The exporter reads files that end in .prom, and must never see half of one.
    partial = pathlib.Path(sys.argv[1] + ".new")
    partial.write_text(text(found), encoding="utf-8")
    partial.chmod(0o644)
    partial.replace(sys.argv[1])


main()
