"""Tell, as JSON, what this host knows about who must not be banned: look.py DIRECTORY DAYS REMEMBER [CONTROLLER]

nginx        whether it has logs to watch
proxies      from whom nginx takes a visitor's address (set_real_ip_from): the load balancers; null: nginx cannot say
vpc          the networks of the instance's VPC, by the instance metadata; empty where this is no EC2 instance
own          the instance's public addresses, which are on none of its interfaces
controllers  from where Ansible came in the last DAYS days, besides now; DIRECTORY has a file for each of them, which
             is made, or touched, for CONTROLLER if REMEMBER is "yes"
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request

LOGS = ("/var/log/nginx/access.log", "/var/log/nginx/error.log")
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
METADATA = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "")


def proxies():
    nginx = shutil.which("nginx", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")
    if nginx is None:
        return None
    done = subprocess.run([nginx, "-T"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        return None
    found = re.findall(r"^\s*set_real_ip_from\s+([0-9a-fA-F.:/]+)\s*;", done.stdout.decode("utf-8", "replace"), re.M)
    return sorted(set(found))


def on_ec2():
    vendor = pathlib.Path("/sys/class/dmi/id/sys_vendor")
    return bool(METADATA) or (vendor.is_file() and "Amazon EC2" in vendor.read_text())


def metadata():
    """The VPC's networks and the public addresses, of all interfaces."""
    base = (METADATA or "http://169.254.169.254").rstrip("/") + "/latest/"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(path, method, header, value):
        request = urllib.request.Request(base + path, method=method, headers={header: value})  # noqa: S310 - http
        return opener.open(request, timeout=1).read().decode().split()

    token = ask("api/token", "PUT", "X-aws-ec2-metadata-token-ttl-seconds", "60")[0]

    def get(path):
        try:
            return ask("meta-data/" + path, "GET", "X-aws-ec2-metadata-token", token)
        except urllib.error.HTTPError:  # this interface has none of it
            return []

    vpc, own = set(), set()
    for mac in get("network/interfaces/macs/"):
        interface = "network/interfaces/macs/" + mac.rstrip("/") + "/"
        vpc.update(get(interface + "vpc-ipv4-cidr-blocks") + get(interface + "vpc-ipv6-cidr-blocks"))
        own.update(get(interface + "public-ipv4s") + get(interface + "ipv6s"))
    return sorted(vpc), sorted(own)


def controllers(directory, days, remember, present):
    if remember and present:
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        (directory / present).touch()
    oldest = time.time() - days * 86400
    known = list(directory.iterdir()) if directory.is_dir() else []
    return sorted(one.name for one in known if one.name != present and one.stat().st_mtime > oldest)


def main():
    directory, days, remember = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "yes"
    vpc, own = [], []
    if on_ec2():
        with contextlib.suppress(OSError):  # the metadata service can be switched off
            vpc, own = metadata()
    print(
        json.dumps(
            {
                "nginx": all(map(os.path.exists, LOGS)),
                "proxies": proxies(),
                "vpc": vpc,
                "own": own,
                "controllers": controllers(directory, days, remember, "".join(sys.argv[4:])),
            }
        )
    )


main()
