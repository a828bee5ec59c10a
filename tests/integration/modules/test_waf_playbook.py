# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The role waf against the region."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.rampart.ops.plugins.filter.waf_policy import waf_policy

from lab.aws.testing import REPO, Aws

PRESETS = yaml.safe_load((REPO / "roles/waf/vars/main.yml").read_text())["__waf_presets"]
PLAY = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "roles": ["rampart.ops.waf"]}]
WORDPRESS = {"admin_networks": ["192.0.2.0/28", "2001:db8:1::/48"]}
API = {"declared_paths": ["/user", "/content", "/was"]}
SCOPES = ("REGIONAL", "CLOUDFRONT")


class Role:
    """The role with this account, and the truth."""

    def __init__(self, aws: Aws, directory: Path) -> None:
        self.aws = aws
        self._play = directory / "play.yml"
        self._play.write_text(yaml.safe_dump(PLAY))
        self.called: set[str] = set()
        for version in ("4", "6"):  # what block.yml would have made
            self.waf("REGIONAL").create_ip_set(
                Name=f"rampart-blocked-ipv{version}", Scope="REGIONAL", IPAddressVersion=f"IPV{version}", Addresses=[]
            )

    def waf(self, scope: str) -> Any:
        return self.aws.client("wafv2", region="us-east-1") if scope == "CLOUDFRONT" else self.aws.client("wafv2")

    def __call__(self, *web_acls: dict[str, Any], options: tuple[str, ...] = (), **variables: Any) -> str:
        code, output = self.run(*web_acls, options=options, **variables)
        assert code == 0, output
        return output

    def run(self, *web_acls: dict[str, Any], options: tuple[str, ...] = (), **variables: Any) -> tuple[int, str]:
        self.aws.reset_journal()
        given = json.dumps({"waf_web_acls": web_acls, **variables})
        done = subprocess.run(
            [
                f"{Path(sys.executable).parent}/ansible-playbook",
                *("-i", "nobody,", str(self._play), "--extra-vars", given, *options),
            ],
            cwd=REPO,
            env={**self.aws.env, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            timeout=300,
        )
        self.called |= {f"{call['service']}:{call['operation']}" for call in self.aws.journal()}
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    @property
    def writes(self) -> list[str]:
        return [name for name in self.aws.operations() if not name.startswith(("List", "Get", "Describe", "Check"))]

    def held(self, name: str, scope: str = "REGIONAL") -> dict[str, Any]:
        for summary in self.waf(scope).list_web_acls(Scope=scope)["WebACLs"]:
            if summary["Name"] == name:
                found: dict[str, Any] = self.waf(scope).get_web_acl(Name=name, Scope=scope, Id=summary["Id"])["WebACL"]
                return found
        return {}

    def actions(self, name: str) -> dict[str, str]:
        return {
            rule["Name"]: next(iter(rule.get("Action") or rule["OverrideAction"])) for rule in self.held(name)["Rules"]
        }

    def ip_sets(self, scope: str = "REGIONAL") -> list[str]:
        return sorted(each["Name"] for each in self.waf(scope).list_ip_sets(Scope=scope)["IPSets"])

    def log_groups(self, region: str = "ap-northeast-2") -> dict[str, Any]:
        found = self.aws.client("logs", region=region).describe_log_groups(logGroupNamePrefix="aws-waf-logs-")
        return {each["logGroupName"]: each.get("retentionInDays") for each in found["logGroups"]}

    def load_balancer(self) -> str:
        ec2 = self.aws.client("ec2")
        subnets = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"]][:2]
        made = self.aws.client("elbv2").create_load_balancer(Name="web", Type="application", Subnets=subnets)
        return str(made["LoadBalancers"][0]["LoadBalancerArn"])


@pytest.fixture
def role(aws: Aws, tmp_path: Path) -> Role:
    return Role(aws, tmp_path)


DENIED = ["rampart-blocked-ipv4", "rampart-blocked-ipv6"]


def test_life_cycle(role: Role) -> None:
    """Make, again, from count to block, again, remove, again; check mode tells each before."""
    web = role.load_balancer()
    site = {"name": "site", "presets": ["web", "wordpress", "php", "sqli"], **WORDPRESS, "resources": [web]}
    api = {"name": "api", "scope": "CLOUDFRONT", "presets": ["api_allowlist", "linux", "bot_control"], **API}

    output = role(site, api, options=("--check", "--diff"))
    assert role.writes == []
    assert "changed=3 " in output  # the IP sets, the log groups, the web ACLs
    assert "'rule wordpress-xmlrpc: Action.Count': {}" in output
    output = role(site, api)
    assert "changed=3 " in output
    assert "Web ACL site (REGIONAL) needs" in output
    assert "Enforced: nothing. Counting: denied, rate-limit, login-rate-limit, wordpress-xmlrpc" in output
    assert "Web ACL api (CLOUDFRONT) needs" in output
    assert "It refers to no IP sets of a blocklist." in output
    assert {call["region"] for call in role.aws.journal(service="wafv2", operation="CreateWebACL")} == {
        "ap-northeast-2",
        "us-east-1",
    }
    assert set(role.actions("site").values()) == {"Count"}
    assert role.ip_sets() == sorted([*DENIED, "site-admin-ipv4", "site-admin-ipv6"])
    assert role.log_groups() == {"aws-waf-logs-site": 30}
    assert role.log_groups("us-east-1") == {"aws-waf-logs-api": 30}
    logging = role.waf("REGIONAL").get_logging_configuration(ResourceArn=role.held("site")["ARN"])
    assert logging["LoggingConfiguration"]["RedactedFields"] == [
        {"SingleHeader": {"Name": "authorization"}},
        {"SingleHeader": {"Name": "cookie"}},
    ]
    assert role.waf("REGIONAL").get_web_acl_for_resource(ResourceArn=web)["WebACL"]["Name"] == "site"
    assert role.held("api", "CLOUDFRONT")["DefaultAction"] == {"Allow": {}}

    role(site, api)
    assert role.writes == []

    # From count to block: one write for each web ACL, and nothing else of them changes.
    before = role.held("site")
    site["enforce"] = {"denied": "now", "wordpress-admin": "2026-01-01", "rate-limit": "2999-01-01"}
    api["enforce"] = {"undeclared-paths": "now"}
    output = role(site, api, options=("--check", "--diff"))
    assert role.writes == []
    assert "- 'rule denied: Action.Count': {}" in output
    assert "+ 'rule denied: Action.Block': {}" in output
    assert "Enforced: denied, wordpress-admin. Counting: rate-limit until 2999-01-01, login-" in output
    role(site, api)
    assert role.writes == ["UpdateWebACL", "UpdateWebACL"]
    blocking = {name for name, action in role.actions("site").items() if action != "Count"}
    assert blocking == {"denied", "wordpress-admin"}
    for rule, old in zip(role.held("site")["Rules"], before["Rules"], strict=True):
        assert {**rule, "Action": 0, "OverrideAction": 0} == {**old, "Action": 0, "OverrideAction": 0}
    assert role.held("api", "CLOUDFRONT")["DefaultAction"] == {"Block": {}}

    # What no rule refers to any more goes, after the rule; the other's set comes before it.
    del site["admin_networks"]
    site.update(presets=["web"], enforce={}, allowed_networks=["192.0.2.7"])
    role(site, api)
    assert role.writes == [*["CreateIPSet"] * 2, "UpdateWebACL", *["DeleteIPSet"] * 2]
    assert role.ip_sets() == sorted([*DENIED, "site-allowed-ipv4", "site-allowed-ipv6"])

    gone = [{"name": "site", "state": "absent"}, {"name": "api", "scope": "CLOUDFRONT", "state": "absent"}]
    output = role(*gone, options=("--check",))
    assert role.writes == []
    assert "changed=3 " in output
    role(*gone)
    assert role.writes == [
        *("DisassociateWebACL", "DeleteLoggingConfiguration", "DeleteWebACL"),
        *("DeleteLoggingConfiguration", "DeleteWebACL"),
        *["DeleteLogGroup"] * 2,
        *["DeleteIPSet"] * 2,
    ]
    assert role.ip_sets() == DENIED  # another web ACL may refer to them
    assert role.log_groups() == role.log_groups("us-east-1") == {}
    role(*gone)
    assert role.writes == []

    policy = json.loads((REPO / "docs/iam-controller.json").read_text())
    assert role.called <= {action for statement in policy["Statement"] for action in statement["Action"]}


def test_nothing_is_asked_of_aws_where_nothing_is_declared(role: Role) -> None:
    assert "changed=0" in role()
    assert role.aws.operations() == []


def test_what_is_too_much_is_refused_before_anything_is_made(role: Role) -> None:
    site = {"name": "site", "presets": list(PRESETS), **WORDPRESS, **API}
    code, output = role.run({"name": "first"}, site)
    assert code == 2
    assert "need 1771 WCU, max_capacity is 1500" in output
    assert "Choose: without: [AWSManagedRulesLinuxRuleSet, AWSManagedRulesWordPressRuleSet] (1471 WCU)" in output
    assert "Nothing was changed." in output
    assert role.aws.operations() == []

    role({**site, "max_capacity": 2000})
    assert 1500 < role.held("site")["Capacity"] <= 1771


def test_a_misspelt_option_is_refused_before_anything_is_made(role: Role) -> None:
    code, output = role.run({"name": "site", "enforced": {"denied": "now"}})
    assert code == 2
    assert "enforced" in output
    assert role.aws.operations() == []


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_twice(role: Role, scope: str, preset: str) -> None:
    """As the role hands it to the module: made, and the second time nothing is written; then all of it blocks."""
    declared: dict[str, Any] = {"name": preset, "scope": scope, "presets": [preset], **WORDPRESS}
    declared.update(API if preset == "api_allowlist" else {})
    deny = {"name": "rampart-blocked", "shards": 1, "scope": "REGIONAL"}
    for enforced in (False, True):
        (web_acl,) = waf_policy([declared], PRESETS, deny, "2026-12-01")["present"]
        assert isinstance(web_acl, dict)
        for ip_set in web_acl["ip_sets"]:
            made = role.aws.run_module("rampart.ops.wafv2_ip_set", {**ip_set, "scope": scope})
            assert not made["failed"], made
        args = {key: web_acl[key] for key in ("name", "scope", "default_action", "rules")}
        checked = role.aws.run_module("rampart.ops.wafv2_web_acl", args, check=True)
        first = role.aws.run_module("rampart.ops.wafv2_web_acl", args)
        assert not first["failed"], first
        assert first["changed"]
        assert checked["diff"] == first["diff"]
        assert first["capacity"] <= web_acl["capacity"]
        role.aws.reset_journal()
        assert not role.aws.run_module("rampart.ops.wafv2_web_acl", args)["changed"]
        assert role.writes == []
        assert bool(web_acl["enforced"]) is enforced
        declared["enforce"] = dict.fromkeys(web_acl["counted"], "now")
