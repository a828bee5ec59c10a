"""The inventory that users copy, asked of the lab's EC2 by ansible-inventory and by ansible-playbook."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.aws.testing import Aws

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "inventories/example"


def run_instance(aws: Aws, **tags: str) -> str:
    """Start one instance with these tags; its id."""
    ec2 = aws.client("ec2")
    image = ec2.register_image(Name="debian", Architecture="x86_64", RootDeviceName="/dev/xvda")["ImageId"]
    made = ec2.run_instances(
        ImageId=image,
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        ],
    )
    instance: str = made["Instances"][0]["InstanceId"]
    return instance


def ansible(aws: Aws, *command: str, **changed: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / ".venv/bin" / command[0]), *command[1:]],
        cwd=ROOT, env=aws.env | changed, capture_output=True, text=True, check=False,
    )  # fmt: skip


def listed(aws: Aws) -> dict[str, Any]:
    done = ansible(aws, "ansible-inventory", "-i", str(EXAMPLE), "--list")
    assert done.returncode == 0, done.stderr
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


# The pages of www.example.com are not in the lab.
ONLY_IN_THE_EXAMPLE = {"monitoring_probes"}
# A web ACL costs by the month, so that the example has it as a comment; and the lab's hosts have no metadata service,
# of which Prometheus would learn its region and its role.
ONLY_IN_THE_LAB = {"waf_web_acls", "monitoring_regions", "monitoring_ec2_profile"}


def test_the_lab_has_the_same_shape_as_the_example() -> None:
    files = [sorted(path.relative_to(folder) for path in folder.rglob("*.yml"))
             for folder in (EXAMPLE, ROOT / "inventories/lab")]  # fmt: skip
    assert files[0] == files[1]
    for path in files[0]:
        example, lab = (yaml.safe_load((folder / path).read_text()) for folder in (EXAMPLE, ROOT / "inventories/lab"))
        if path.name == "aws_ec2.yml" and path.parent == Path():
            assert example == lab
        else:
            # What the lab sets beyond the example is where its stand-ins are, never how a role behaves.
            assert set(example) - ONLY_IN_THE_EXAMPLE <= set(lab)
            extra = {name for name in lab if name not in example} - ONLY_IN_THE_LAB
            assert all(name.endswith(("_url", "_endpoint", "_fingerprint", "_credentials_file")) for name in extra), (
                extra
            )
            same = set(example) - ONLY_IN_THE_EXAMPLE
            assert {name: lab[name] for name in same} == {name: example[name] for name in same}


def test_groups_names_and_addresses(aws: Aws) -> None:
    web = run_instance(aws, Name="web-1", Role="web", Env="production")
    plain = run_instance(aws, Env="production")
    shown = listed(aws)
    assert shown["web"]["hosts"] == [f"web-1-{web}"]
    assert sorted(shown["env_production"]["hosts"]) == sorted([f"web-1-{web}", plain])
    assert shown["norole"]["hosts"] == [plain]
    variables = shown["_meta"]["hostvars"][f"web-1-{web}"]
    address = aws.client("ec2").describe_instances(InstanceIds=[web])["Reservations"][0]["Instances"][0]
    assert variables["ansible_host"]["__ansible_unsafe"] == address["PrivateIpAddress"]
    assert variables["ansible_user"] == "admin"


def test_instances_of_one_name_stay_apart(aws: Aws) -> None:
    ids = [run_instance(aws, Name="web", Role="web", Env="production") for _ in range(2)]
    assert sorted(listed(aws)["web"]["hosts"]) == sorted(f"web-{instance}" for instance in ids)


def test_only_running_instances_of_the_environment(aws: Aws) -> None:
    kept = run_instance(aws, Name="a", Role="web", Env="production")
    stopped = run_instance(aws, Name="b", Role="web", Env="production")
    run_instance(aws, Name="c", Role="web", Env="staging")
    aws.client("ec2").stop_instances(InstanceIds=[stopped])
    assert listed(aws)["web"]["hosts"] == [f"a-{kept}"]


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"AWS_ACCESS_KEY_ID": "AKIAWRONG"}, "not able to validate the provided access credentials"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "credentials"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Could not connect to the endpoint URL"),
    ],
    ids=["wrong credentials", "no credentials", "no endpoint"],
)
def test_what_cannot_be_read_is_an_error_and_no_smaller_fleet(aws: Aws, changed: dict[str, str], cause: str) -> None:
    done = ansible(aws, "ansible-playbook", "-i", str(EXAMPLE), "playbooks/site.yml", **changed)
    assert done.returncode != 0
    assert cause in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "PLAY [" not in done.stdout


def test_an_unknown_region_is_an_error_that_names_it(aws: Aws, tmp_path: Path) -> None:
    path = tmp_path / "aws_ec2.yml"
    path.write_text((EXAMPLE / "aws_ec2.yml").read_text().replace("ap-northeast-2", "ap-nowhere-9"))
    done = ansible(aws, "ansible-playbook", "-i", str(path), "playbooks/site.yml")
    assert done.returncode != 0
    assert "ap-nowhere-9" in done.stderr
    assert "PLAY [" not in done.stdout


def test_an_empty_inventory_is_one_message_before_anything_is_changed(aws: Aws) -> None:
    aws.reset_journal()
    done = ansible(aws, "ansible-playbook", "-i", str(EXAMPLE), "playbooks/site.yml")
    assert done.returncode != 0
    assert "has no hosts" in done.stdout + done.stderr
    assert "ansible-inventory --graph" in done.stdout + done.stderr
    assert set(aws.operations()) <= {
        "DescribeAvailabilityZones",
        "DescribeInstances",
        "GetCallerIdentity",
        "ListAccountAliases",
    }
