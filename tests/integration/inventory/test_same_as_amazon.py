# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Both plugins on the same answers of EC2: what `ansible-inventory --list` prints is the same, byte for byte.

The differences are those of the plugin's documentation: the options of LIKE_AMAZON turn four of them off, ec2_tags is
taken out of the comparison, and hostnames with Jinja filters have tests of their own.
"""

from __future__ import annotations

import datetime
import difflib
import importlib
import inspect
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_fork import ROOT, Inventory
from ec2_pages import pages, result_shape, typical
from hypothesis import HealthCheck, Phase, currently_in_test_context, event, example, given, settings
from hypothesis import strategies as st

LIKE_AMAZON: dict[str, Any] = {
    "instance_states": ["running", "pending", "stopping", "stopped"],
    "duplicate_hostnames": "merge",
    "legacy_tags": True,
    "region_from": "zone",
}
TEMPLATES = [
    "{{ lookup('pipe', 'touch PWNED') }}",
    "{% for x in [1] %}{{ x }}{% endfor %}",
    "{# gone #}",
    "{{",
    "}} {{ 7 * 7 }}",
    "' ~ lookup('pipe', 'touch PWNED') ~ '",
    "!unsafe {{ 1 }}",
    "#jinja2: trim_blocks:False",
]  # fmt: skip
LOOKALIKES = [
    "True",
    "none",
    "[1, 2]",
    "{'a': 1}",
    "0",
    "1e3",
    "~",
    " ",
    "",
    "a\\b",
    "\\\\",
    '"',
    "'",
    "a:b",
    "é",
    "\u2028",
]
TEXT = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs", "Mn"]), max_size=8)
STRINGS = st.one_of(TEXT, st.sampled_from(TEMPLATES + LOOKALIKES), st.sampled_from(["web", "app", "Web-1", "prod.eu"]))
KEYS = st.one_of(st.sampled_from(["Name", "Role", "Env", "items", "keys", "a b", "1st", "_x"]), STRINGS)
TIMES = st.datetimes(datetime.datetime(2000, 1, 1), datetime.datetime(2038, 1, 1)).map(
    lambda time: time.replace(microsecond=0, tzinfo=datetime.UTC)
)
TAGS = st.dictionaries(KEYS, STRINGS, max_size=4).map(lambda tags: [{"Key": k, "Value": v} for k, v in tags.items()])


def values(shape: Any) -> st.SearchStrategy[Any]:
    """Values of a shape of EC2's model: any of its fields may be missing."""
    if shape.type_name == "structure":
        fields = dict(shape.members)
        return st.lists(st.sampled_from(sorted(fields)), unique=True, max_size=3).flatmap(
            lambda names: st.fixed_dictionaries({name: values(fields[name]) for name in names})
        )
    if shape.type_name == "list":
        return st.lists(values(shape.member), max_size=2)
    if shape.type_name in ("integer", "long"):
        return st.integers(-(2**31), 2**31 - 1)
    if shape.type_name in ("float", "double"):
        return st.floats(allow_nan=False, allow_infinity=False, width=32)
    return {"boolean": st.booleans(), "timestamp": TIMES}.get(shape.type_name, STRINGS)


def instances() -> st.SearchStrategy[list[dict[str, Any]]]:
    shape = result_shape().members["Reservations"].member.members["Instances"].member
    odd = values(shape)
    zones = st.sampled_from(["us-east-1a", "us-east-1b", "us-west-2-lax-1a"])

    def one(number: int, fields: dict[str, Any], zone: str, tags: list[dict[str, str]], usual: bool) -> dict[str, Any]:
        # moto's and AWS's instances always have an id and a zone, without which amazon.aws's plugin gives up.
        placement = {**fields.get("Placement", {}), "AvailabilityZone": zone}
        return {
            **(typical(number) if usual else {}),
            **fields,
            "InstanceId": f"i-{number:017x}",
            "Placement": placement,
            "Tags": tags,
        }

    each = st.builds(one, st.integers(0, 50), odd, zones, TAGS, st.booleans())
    return st.lists(each, max_size=4, unique_by=lambda instance: instance["InstanceId"])


EXPRESSIONS = [
    "tags",
    "tags.Role",
    "tags['Role']",
    "tags.Role | default('none')",
    "tags.Role | default('none', true)",
    "tags['a b'] | d('x') | upper",
    "tags.items",
    "tags.get('Name')",
    "tags | dict2items | map(attribute='key')",
    "tags.Name | lower | replace('w', 'v')",
    "tags.Name | regex_replace('[^a-z]', '_')",
    "tags.Missing.Deeper | default('gone')",
    "tags.Missing | lower | default('gone')",
    "(tags.Missing == 'x') | default('gone')",
    "tags.Role in ['web', 'app']",
    "tags.Name ~ '-' ~ instance_id",
    "tags.Name + '-' + instance_id",
    "'x' if tags.Role is defined else 'y'",
    "tags.Role or tags.Name",
    "instance_id",
    "instance_type",
    "state",
    "state.name",
    "placement",
    "placement.availability_zone",
    "placement['region']",
    "launch_time",
    "launch_time.year",
    "ami_launch_index",
    "security_groups | json_query('[].group_id')",
    "security_groups[0].group_name",
    "security_groups[-1]['group_name'] | default('none')",
    "security_groups[7].group_name",
    "network_interfaces | map(attribute='status') | list",
    "network_interfaces | json_query('[].groups[].group_name')",
    "block_device_mappings",
    "monitoring.state == 'enabled'",
    "ebs_optimized",
    "not ebs_optimized",
    "inventory_hostname",
    "inventory_hostname | default('early')",
    "nowhere",
    "nowhere | default([])",
    "'literal'",
    "'a\\b'",
    "['web', instance_id]",
    "{{ tags }}",
    "tags.Role +",
    "no_such_filter(tags)",
    "site | default('')",
    "omit",
    "lookup('vars', 'instance_id', default='none')",
    "hostvars",
    "tags.Env is defined and tags.Env == 'production'",
    "'Backup' in tags",
    "ami_launch_index < 3",
    "true",
    "1",
    "",
]
NAMES = ["tag:Name", "tag:Role=web,Name", "tag:Role=web", "tag", "tag-key", "dns-name", "private-ip-address",
         "launch-time",
         "instance-id", "instance-state-code", "block-device-mapping.volume-id", "group-name", "instance.group-name",
         "network-interface.addresses.primary", "product-code", "some_literal", "with:colon"]  # fmt: skip
HOSTNAMES = st.lists(
    st.one_of(
        st.sampled_from(NAMES),
        st.fixed_dictionaries(
            {"name": st.sampled_from(NAMES)},
            optional={"prefix": st.sampled_from(NAMES), "separator": st.sampled_from(["-", "", "_"])},
        ),
    ),
    max_size=3,
)
KEYED = st.fixed_dictionaries(
    {"key": st.sampled_from(EXPRESSIONS)},
    optional={
        "prefix": st.sampled_from(["", "role", "a-b", "{{ 1 }}"]),
        "separator": st.sampled_from(["", "_", "-"]),
        "parent_group": st.sampled_from(["parents", "{{ 'p' }}", "{{ nowhere }}", "aws_ec2", "tags"]),
        "default_value": st.sampled_from(["none", ""]),
        "trailing_separator": st.booleans(),
    },
)
CONFIGS = st.fixed_dictionaries(
    {"hostnames": HOSTNAMES, "keyed_groups": st.lists(KEYED, max_size=4)},
    optional={
        "compose": st.dictionaries(
            st.sampled_from(["site", "ansible_host", "tags", "state", "bad-name", "instance_id"]),
            st.sampled_from(EXPRESSIONS),
            max_size=3,
        ),
        "groups": st.dictionaries(
            st.sampled_from(["one", "two-dashes", "aws_ec2", "web"]), st.sampled_from(EXPRESSIONS), max_size=3
        ),
        "strict": st.sampled_from([False, False, False, True]),
        "leading_separator": st.booleans(),
        "allow_duplicated_hosts": st.booleans(),
        "hostvars_prefix": st.sampled_from(["aws_", "x-"]),
        "hostvars_suffix": st.just("_ec2"),
        "use_contrib_script_compatible_sanitization": st.booleans(),
        "use_contrib_script_compatible_ec2_tag_keys": st.booleans(),
        "use_extra_vars": st.booleans(),
    },
)


def without_ec2_tags(shown: str, config: dict[str, Any]) -> str:
    """Our output without the variable that amazon.aws's plugin does not have."""
    added = f"{config.get('hostvars_prefix', '')}ec2_tags{config.get('hostvars_suffix', '')}"
    data = json.loads(shown)
    for variables in data["_meta"]["hostvars"].values():
        variables.pop(added, None)
    return json.dumps(data, sort_keys=True, indent=4, ensure_ascii=False) + "\n"


def assert_same(inventory: Inventory, fleet: list[dict[str, Any]], config: dict[str, Any], *arguments: str) -> None:
    inventory.server.answers = {"*": pages(fleet, size=2)}
    theirs = inventory.run({**config, "plugin": "amazon.aws.aws_ec2"}, "--list", *arguments)
    ours = inventory.run({**config, **LIKE_AMAZON}, "--list", *arguments)
    if currently_in_test_context():
        event(f"exit code {theirs.returncode}, {len(fleet)} instances")
    for done in (theirs, ours):
        assert "Traceback" not in done.stderr, done.stderr
    if (ours.returncode == 0) != (theirs.returncode == 0):
        pytest.fail(f"theirs: {theirs.returncode}\n{theirs.stderr}\nours: {ours.returncode}\n{ours.stderr}")
    if theirs.returncode == 0:
        same = without_ec2_tags(ours.stdout, config)
        if same != theirs.stdout:
            pytest.fail(
                "\n".join(difflib.unified_diff(theirs.stdout.splitlines(), same.splitlines(), lineterm="", n=2))
            )
    assert not list(Path(inventory.directory).rglob("PWNED"))
    assert not (ROOT / "PWNED").exists()


FEW = settings(
    phases=[Phase.explicit, Phase.generate],  # each example is two processes: no time to shrink it
    max_examples=int(os.environ.get("INVENTORY_EXAMPLES", "12")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@FEW
@given(fleet=instances(), config=CONFIGS)
@example(fleet=[typical(number) for number in range(4)], config={"hostnames": ["tag:Name"], "keyed_groups": []})
def test_any_fleet_and_any_configuration(inventory: Inventory, fleet: list[dict[str, Any]], config: Any) -> None:
    assert_same(inventory, fleet, config, "-e", "site=extra instance_id='{{ 1 + 1 }}'")


def examples() -> list[Any]:
    """The configurations that amazon.aws's plugin has in its documentation."""
    source = inspect.getsource(importlib.import_module("ansible_collections.amazon.aws.plugins.inventory.aws_ec2"))
    text = re.search(r'EXAMPLES = r"""(.*?)"""', source, re.DOTALL)
    assert text
    return [pytest.param(config, id=f"example {number}") for number, config in enumerate(yaml.safe_load_all(text[1]))]


@pytest.mark.parametrize("config", examples())
def test_the_examples_of_amazon_aws(inventory: Inventory, config: dict[str, Any]) -> None:
    fleet = pages([typical(number) for number in range(8)], size=3)
    zones = b"<HostedZones></HostedZones><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems>"
    namespace = b'xmlns="https://route53.amazonaws.com/doc/2013-04-01/"'
    regions = b"<regionInfo><item><regionName>us-east-1</regionName></item></regionInfo>"
    others = {
        "/2013-04-01/hostedzone": b"<ListHostedZonesResponse %s>%s</ListHostedZonesResponse>" % (namespace, zones),
        "DescribeRegions": b"<DescribeRegionsResponse>%s</DescribeRegionsResponse>" % regions,
    }
    inventory.server.answers = {"us-east-1": fleet, "us-east-2": pages([typical(number) for number in range(8, 11)])}
    ready = inventory.server.from_pages
    inventory.server.answer = lambda call: (200, others[call["Action"]]) if call["Action"] in others else ready(call)
    profiles = inventory.directory / "credentials"
    profiles.write_text("[aws_profile]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = x\n")
    env = {"AWS_SHARED_CREDENTIALS_FILE": str(profiles)}
    if "profile" in config:
        env.update({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""})
    theirs = inventory.run({"regions": [], **config}, "--list", **env)
    ours = inventory.run({"regions": [], **config, **LIKE_AMAZON, "plugin": "rampart.ops.aws_ec2"}, "--list", **env)
    assert (theirs.returncode, ours.returncode) == (0, 0), (theirs.stderr, ours.stderr)
    assert without_ec2_tags(ours.stdout, config) == theirs.stdout
    # This server knows no filters: an exclusion leaves nothing.
    assert ('"i-0' in ours.stdout) != ("exclude_filters" in config)
