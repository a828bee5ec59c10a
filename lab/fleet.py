"""The lab's hosts: each one a podman container with systemd and sshd, and an EC2 instance of the same address.

An account is one AWS account of the region with its own hosts; several live side by side on one bridge. What exists is
read from podman's labels and from the region, never remembered elsewhere, so that `up` mends whatever it finds.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import yaml

from lab import cwagent, grafana, images, region
from lab.podman import listing, podman
from lab.settings import (
    DEFAULT_ACCOUNT,
    KEY,
    KNOWN_HOSTS,
    MIRROR,
    REGION,
    ROOT,
    STATE,
    LabError,
    account_dir,
    endpoint,
    gateway,
    network,
    port,
    subnet,
)

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client

LOGIN = "admin"
# Every host has its IPv4 address in an IPv6 network, too: unique local (RFC 4193), spoken on the lab's own bridge only.
IPV6_PREFIX = "fd72:616d:7061:7274::"
# The AMI that the instances claim to be made from.
IMAGE = "lab-debian"
# Label on everything a lab makes; its value is the state folder of that lab.
OWNER = "rampart.lab"
ME = str(STATE)
NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
ACCOUNT = re.compile(r"[a-z][a-z0-9_-]{0,30}")


@dataclass(frozen=True)
class Host:
    """One host as a fleet file declares it."""

    account: str
    name: str
    platform: str
    role: str
    env: str
    backup: str = ""
    outsider: bool = False

    @property
    def container(self) -> str:
        return f"{network()}-{self.account}-{self.name}"


@dataclass(frozen=True)
class Container:
    """One container of the lab as podman shows it."""

    account: str
    host: str
    name: str
    running: bool
    address: str
    visitor: str
    state: str = field(default="", compare=False)


def declared(path: Path, account: str) -> list[Host]:
    """The hosts of a fleet file.

    Raises LabError naming the file and the entry that is wrong.
    """
    try:
        data = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise LabError(f"fleet file {path} cannot be read: {error}") from error
    hosts = []
    for section, outsider in (("hosts", False), ("outsiders", True)):
        for name, entry in ((data or {}).get(section) or {}).items():
            entry = entry or {}
            unknown = set(entry) - {"platform", "role", "backup"}
            if unknown or not NAME.fullmatch(str(name)) or entry.get("platform") not in images.PLATFORMS:
                raise LabError(
                    f"{path}: {section}.{name}: needs platform ({', '.join(images.PLATFORMS)}), may have role and "
                    f"backup, got {entry}"
                )
            hosts.append(
                Host(
                    account=account,
                    name=name,
                    platform=entry["platform"],
                    role=entry.get("role", name),
                    env="outside" if outsider else "production",
                    backup=entry.get("backup", ""),
                    outsider=outsider,
                )
            )
    if not hosts:
        raise LabError(f"{path}: declares no hosts")
    return hosts


def containers(owner: str = ME) -> list[Container]:
    """Every container of one lab, this one's if no other is named."""
    found = []
    for item in listing("ps", "--all", "--filter", f"label={OWNER}={owner}"):
        labels = item["Labels"]
        found.append(
            Container(
                account=labels["rampart.account"],
                host=labels["rampart.host"],
                name=item["Names"][0],
                running=item["State"] == "running",
                address=labels["rampart.address"],
                visitor=labels["rampart.visitor"],
                state=item.get("Status") or item["State"],
            )
        )
    return found


def up(account: str, fleet: Path) -> None:
    """Bring the region and one account's fleet up; mend whatever is missing, stopped or half made."""
    if not ACCOUNT.fullmatch(account):
        raise LabError(f"account name {account!r}: lower-case letters, digits, - and _ only")
    hosts = declared(fleet, account)
    STATE.mkdir(exist_ok=True)
    _take_over()
    with ThreadPoolExecutor(max_workers=2) as pool:  # images: two processor cores' worth
        for base in (set(images.SUITES), set(images.DERIVED)):
            list(pool.map(images.ensure, sorted(base & {host.platform for host in hosts})))
        references = {host.platform: images.reference(host.platform) for host in hosts}
    _key()
    cwagent.build(MIRROR)
    grafana.build(MIRROR / "grafana", STATE / "grafana.key")
    if region.start():
        print(f"lab: region {REGION} at {endpoint()}", flush=True)
    _network()
    existing = {container.host: container for container in containers() if container.account == account}
    addresses = _addresses(hosts, existing)
    with ThreadPoolExecutor(max_workers=4) as pool:
        made = pool.map(lambda host: _host(host, existing.get(host.name), addresses[host.name], references), hosts)
        for host, new in zip(hosts, made, strict=True):
            if new:
                print(f"lab: {host.name} ({host.platform}) at {addresses[host.name][0]}", flush=True)
    _known_hosts()
    _instances(account, hosts, addresses)
    _environment(account)


def down(account: str | None) -> None:
    """Remove the hosts of one account, or with None everything of this checkout's lab; images stay."""
    mine = containers()
    gone = [container for container in mine if account is None or container.account == account]
    if gone:
        _remove(gone)
        print(f"lab: removed {', '.join(sorted(container.host for container in gone))}", flush=True)
    if account is not None and region.healthy():
        _terminate(account)
    for name in {container.account for container in gone} | ({account} if account else set()):
        for path in sorted(account_dir(name).glob("*")):
            path.unlink()
        if account_dir(name).is_dir():
            account_dir(name).rmdir()
    if account in (None, DEFAULT_ACCOUNT):
        (STATE / "env").unlink(missing_ok=True)
    if len(gone) == len(mine):
        region.stop()
        if _network_owner() == ME:
            podman("network", "rm", "--force", network())
        KNOWN_HOSTS.unlink(missing_ok=True)
    else:
        _known_hosts()


def _remove(gone: list[Container]) -> None:
    """Remove containers: killed first, since podman 4.3 fails to remove one that ends while it waits for that."""
    names = [container.name for container in gone]
    podman("kill", *(container.name for container in gone if container.running), check=False)
    if podman("rm", "--force", "--volumes", *names, check=False).returncode:
        podman("rm", "--force", "--volumes", "--ignore", *names)


def _take_over() -> None:
    """Clear away what a dead lab left on this one's network; refuse while that lab has running hosts."""
    owner = _network_owner()
    if owner is None or owner == ME:
        return
    theirs = containers(owner)
    if any(container.running for container in theirs):
        raise LabError(
            f"the lab of {owner} is up on {subnet()}: take it down there ('make lab-down'), or give this one another "
            "network and port: LAB_SUBNET=10.89.78.0/24 LAB_PORT=5578 make ..."
        )
    print(f"lab: clearing away the dead lab of {owner}", flush=True)
    if theirs:
        _remove(theirs)
    podman("network", "rm", "--force", network())


def _key() -> None:
    if not KEY.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "rampart-lab", "-f", str(KEY)], check=True)


def _network_owner() -> str | None:
    done = podman("network", "inspect", network(), check=False)
    if done.returncode:
        return None
    return str((json.loads(done.stdout)[0].get("labels") or {}).get(OWNER, ""))


def _network() -> None:
    if _network_owner() is not None:
        return
    done = podman("network", "create", "--disable-dns", "--subnet", str(subnet()), "--label", f"{OWNER}={ME}",
                  network(), check=False)  # fmt: skip
    if done.returncode:
        raise LabError(
            f"the lab's network {subnet()} could not be made ({done.stderr.decode(errors='replace').strip()}): "
            "give it another one: LAB_SUBNET=10.89.78.0/24 make ..."
        )


def _addresses(hosts: list[Host], existing: dict[str, Container]) -> dict[str, tuple[str, str]]:
    """Address and, for an outsider, a second one for each host: what it has, or the lowest ones that are free."""
    taken = {address for container in containers() for address in (container.address, container.visitor)}
    free = (str(address) for address in list(subnet().hosts())[10:] if str(address) not in taken)
    chosen = {}
    for host in hosts:
        if host.name in existing:
            chosen[host.name] = (existing[host.name].address, existing[host.name].visitor)
        else:
            chosen[host.name] = (next(free), next(free) if host.outsider else "")
    return chosen


def _host(host: Host, container: Container | None, addresses: tuple[str, str], references: dict[str, str]) -> bool:
    """Make, start or just check one host; return whether it was made."""
    address, visitor = addresses
    name = container.name if container else host.container
    if container is None:
        labels = {OWNER: ME, "rampart.account": host.account, "rampart.host": host.name,
                  "rampart.address": address, "rampart.visitor": visitor}  # fmt: skip
        podman("create", "--name", name, "--hostname", host.name, "--cgroupns=private", "--systemd=always",
               "--cap-add", "SYS_ADMIN,NET_ADMIN,NET_RAW", "--network", network(), "--ip", address,
               "--mac-address", _mac(address),
               *(word for label in labels.items() for word in ("--label", "=".join(label))),
               references[host.platform])  # fmt: skip
    if container is None or not container.running:
        podman("start", name)
    _boot(host, name, addresses)
    return container is None


def _mac(address: str) -> str:
    """A MAC address that is always the same for an IP address.

    With a new one, who has just spoken with an earlier host at this address would not reach this one for a minute.
    """
    return "02:00:" + ":".join(f"{octet:02x}" for octet in ipaddress.IPv4Address(address).packed)


# What cloud-init does on a real instance: keys of the host and of its user, the role's service. Run at every `up`, so
# that a host whose making was interrupted is completed.
FIRST_BOOT = """
set -eu
install -m 0600 -o {login} -g {login} /dev/stdin /home/{login}/.ssh/authorized_keys
[ -z "{visitor}" ] || ip address replace {visitor}/24 dev eth0
for address in {address} {visitor}; do
    [ ! -e /proc/sys/net/ipv6 ] || ip -6 address replace {ipv6_prefix}$address/64 dev eth0 nodad
done
[ "{role}" != web ] || systemctl enable --quiet --now app.service
install -d -m 0755 /etc/aws
cat > /etc/aws/credentials <<END
[AmazonCloudWatchAgent]
aws_access_key_id = AKIALAB_{account}
aws_secret_access_key = lab
region = {region}
END
systemctl is-active --quiet ssh || systemctl restart ssh
cat /etc/ssh/ssh_host_ed25519_key.pub
"""


def _boot(host: Host, name: str, addresses: tuple[str, str]) -> None:
    """Wait until systemd is up, then do a first boot's work."""
    address, visitor = addresses
    deadline = time.monotonic() + 60
    while True:
        state = podman("exec", name, "systemctl", "is-system-running", check=False).stdout.strip()
        if state in (b"running", b"degraded"):
            break
        if time.monotonic() > deadline:
            raise LabError(f"{host.name} does not boot (state {state.decode() or 'none'}): podman logs {name}")
        time.sleep(0.1)
    script = FIRST_BOOT.format(
        login=LOGIN, address=address, visitor=visitor, ipv6_prefix=IPV6_PREFIX, role=host.role, account=host.account,
        region=REGION,
    )  # fmt: skip
    podman("exec", "--interactive", name, "sh", "-c", script, stdin=KEY.with_suffix(".pub").read_bytes())


def _known_hosts() -> None:
    """Write the host keys of every running host: connections are checked as strictly as real ones."""
    lines = []
    for container in containers():
        if container.running:
            shown = podman("exec", container.name, "cat", "/etc/ssh/ssh_host_ed25519_key.pub", check=False)
            lines += [f"{container.address} {' '.join(shown.stdout.decode().split()[:2])}\n"]
    KNOWN_HOSTS.write_text("".join(lines))


def client(account: str) -> EC2Client:
    """An EC2 client for one account of the region."""
    ec2: EC2Client = boto3.client("ec2", **session_options(account))
    return ec2


def session_options(account: str) -> dict[str, Any]:
    """Arguments for boto3.client() that reach one account of the region."""
    return {
        "endpoint_url": endpoint(),
        "region_name": REGION,
        "aws_access_key_id": f"AKIALAB_{account}",
        "aws_secret_access_key": "lab",
    }


def _live(ec2: EC2Client) -> list[dict[str, Any]]:
    pages = ec2.get_paginator("describe_instances").paginate(
        Filters=[{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}]
    )
    return [dict(item) for page in pages for reservation in page["Reservations"] for item in reservation["Instances"]]


def _instances(account: str, hosts: list[Host], addresses: dict[str, tuple[str, str]]) -> None:
    """Give every host its EC2 instance: at the host's address, with the host's tags; end those without a host."""
    ec2 = client(account)
    live = {item["PrivateIpAddress"]: item for item in _live(ec2)}
    wanted = {addresses[host.name][0]: host for host in hosts}
    surplus = [item["InstanceId"] for address, item in live.items() if address not in wanted]
    if surplus:
        ec2.terminate_instances(InstanceIds=surplus)
    missing = {address: host for address, host in wanted.items() if address not in live}
    if not missing:
        return
    network = _subnet_id(ec2)
    known = ec2.describe_images(Owners=["self"], Filters=[{"Name": "name", "Values": [IMAGE]}])["Images"]
    image = (known[0] if known else ec2.register_image(Name=IMAGE, Architecture="x86_64", RootDeviceName="/dev/xvda"))[
        "ImageId"
    ]
    for address, host in missing.items():
        tags = {"Name": host.name, "Role": host.role, "Env": host.env}
        if host.backup:
            tags["Backup"] = host.backup
        if addresses[host.name][1]:
            tags["Visitor"] = addresses[host.name][1]
        ec2.run_instances(
            ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1,
            # Not by SubnetId: moto would keep the interface, and with it the address, when the instance has ended.
            NetworkInterfaces=[
                {"DeviceIndex": 0, "SubnetId": network, "PrivateIpAddress": address, "DeleteOnTermination": True}
            ],
            TagSpecifications=[
                {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
            ],
        )  # fmt: skip


def _subnet_id(ec2: EC2Client) -> str:
    known = ec2.describe_subnets(Filters=[{"Name": "cidr-block", "Values": [str(subnet())]}])["Subnets"]
    if known:
        return known[0]["SubnetId"]
    vpc = ec2.create_vpc(CidrBlock=str(subnet().supernet(new_prefix=16)))["Vpc"]["VpcId"]
    return ec2.create_subnet(VpcId=vpc, CidrBlock=str(subnet()))["Subnet"]["SubnetId"]


def _terminate(account: str) -> None:
    ec2 = client(account)
    live = [item["InstanceId"] for item in _live(ec2)]
    if live:
        ec2.terminate_instances(InstanceIds=live)


ENVIRONMENT = """\
# Sourced by a shell, this points every ansible, aws and boto3 command at the lab. Written by 'lab up'.
export AWS_ENDPOINT_URL={endpoint}
export AWS_ACCESS_KEY_ID=AKIALAB_{account}
export AWS_SECRET_ACCESS_KEY=lab
export AWS_REGION={region}
export AWS_DEFAULT_REGION={region}
unset AWS_PROFILE AWS_SESSION_TOKEN
export ANSIBLE_CONFIG={root}/ansible.cfg
export ANSIBLE_INVENTORY={root}/inventories/lab
export ANSIBLE_PRIVATE_KEY_FILE={key}
export ANSIBLE_SSH_COMMON_ARGS='-o UserKnownHostsFile={known_hosts}'
export LAB_PORT={port}
export LAB_GATEWAY={gateway}
export PATH={root}/.venv/bin:"$PATH"
"""


def _environment(account: str) -> None:
    text = ENVIRONMENT.format(
        endpoint=endpoint(), account=account, region=REGION, root=ROOT, key=KEY, known_hosts=KNOWN_HOSTS, port=port(),
        gateway=gateway(),
    )  # fmt: skip
    account_dir(account).mkdir(parents=True, exist_ok=True)
    (account_dir(account) / "env").write_text(text)
    if account == DEFAULT_ACCOUNT:
        (STATE / "env").write_text(text)


def answers(address: str, number: int, timeout: float = 1.0) -> bool:
    """Whether a TCP port of a host accepts a connection."""
    try:
        with socket.create_connection((address, number), timeout=timeout):
            return True
    except OSError:
        return False
