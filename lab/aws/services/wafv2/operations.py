# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Associations, logging, capacity, managed rule groups and sampled requests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lab.aws.registry import amend, operation, rule
from lab.aws.services.wafv2.capacity import managed_rule_groups
from lab.aws.services.wafv2.errors import FORMAT, invalid, missing
from lab.aws.services.wafv2.resources import backend_of, needed_capacity, scope_of

if TYPE_CHECKING:
    from lab.aws.call import Call

Params = dict[str, Any]

# API_AssociateWebACL: the ARN of each kind of resource that a web ACL can protect.
_RESOURCE_TYPES = {
    "APPLICATION_LOAD_BALANCER": r":elasticloadbalancing:[a-z0-9-]+:\d{12}:loadbalancer/app/",
    "API_GATEWAY": r":apigateway:[a-z0-9-]+::/restapis/[^/]+/stages/",
    "APPSYNC": r":appsync:[a-z0-9-]+:\d{12}:apis/",
    "COGNITO_USER_POOL": r":cognito-idp:[a-z0-9-]+:\d{12}:userpool/",
    "APP_RUNNER_SERVICE": r":apprunner:[a-z0-9-]+:\d{12}:service/",
    "VERIFIED_ACCESS_INSTANCE": r":ec2:[a-z0-9-]+:\d{12}:verified-access-instance/",
    "AMPLIFY": r":amplify:[a-z0-9-]+:\d{12}:apps/",
}


def _resource_type(arn: str) -> str | None:
    return next((kind for kind, pattern in _RESOURCE_TYPES.items() if re.search(pattern, arn)), None)


def _web_acl(call: Call, arn: str) -> Any:
    if not re.fullmatch(r"arn:aws[\w-]*:wafv2:[a-z0-9-]+:\d{12}:(regional|global)/webacl/[^/]+/[^/]+", arn):
        raise invalid(FORMAT, "RESOURCE_ARN", arn)
    found = backend_of(call, scope_of(arn)).wacls.get(arn)
    if found is None:
        raise missing()
    return found


@rule("wafv2", "AssociateWebACL", "DisassociateWebACL", "GetWebACLForResource")
def check_protected_resource(call: Call) -> None:
    arn = call.params["ResourceArn"]
    kind = _resource_type(arn)
    if kind is None:  # also a CloudFront distribution: its web ACL is set by UpdateDistribution
        raise invalid(FORMAT, "RESOURCE_ARN", arn)
    if arn.split(":")[3] != call.region:
        raise invalid(FORMAT, "RESOURCE_ARN", arn)
    if kind == "APPLICATION_LOAD_BALANCER" and arn not in call.backend("elbv2").load_balancers:
        raise missing()
    if kind == "API_GATEWAY" and not _stage_exists(call, arn):
        raise missing()


def _stage_exists(call: Call, arn: str) -> bool:
    *_, api, _stages, name = arn.split("/")
    found = call.backend("apigateway").apis.get(api)
    return found is not None and name in found.stages


@operation("wafv2", "AssociateWebACL")
def associate_web_acl(call: Call) -> Params:
    found = _web_acl(call, call.params["WebACLArn"])
    resource = call.params["ResourceArn"]
    if (scope_of(found.arn) == "CLOUDFRONT") != (_resource_type(resource) == "AMPLIFY"):
        # API_CreateWebACL: "For an AWS Amplify application, use CLOUDFRONT"
        raise invalid(FORMAT, "RESOURCE_ARN", found.arn)
    backend = backend_of(call, scope_of(found.arn))
    for other in backend.wacls.values():  # a resource has one web ACL
        other.associated_resources = [arn for arn in other.associated_resources if arn != resource]
    backend.associate_web_acl(found.arn, resource)
    return {}


@operation("wafv2", "DisassociateWebACL")
def disassociate_web_acl(call: Call) -> Params:
    resource = call.params["ResourceArn"]
    _backend_of_resource(call, resource).disassociate_web_acl(resource)
    return {}


@operation("wafv2", "GetWebACLForResource")
def get_web_acl_for_resource(call: Call) -> Params:
    resource = call.params["ResourceArn"]
    found = _backend_of_resource(call, resource).get_web_acl_for_resource(resource)
    if found is None:
        return {}
    scope = {"Scope": scope_of(found.arn), "Name": found.name, "Id": found.id}
    return {"WebACL": call.moto(scope, "GetWebACL")["WebACL"]}


def _backend_of_resource(call: Call, resource: str) -> Any:
    return backend_of(call, "CLOUDFRONT" if _resource_type(resource) == "AMPLIFY" else "REGIONAL")


@operation("wafv2", "ListResourcesForWebACL")
def list_resources_for_web_acl(call: Call) -> Params:
    wanted = call.params.get("ResourceType", "APPLICATION_LOAD_BALANCER")
    found = _web_acl(call, call.params["WebACLArn"])
    return {"ResourceArns": [arn for arn in found.associated_resources if _resource_type(arn) == wanted]}


# --- logging ---------------------------------------------------------------------------------------------------------


@rule("wafv2", "PutLoggingConfiguration")
def check_logging(call: Call) -> None:
    """https://docs.aws.amazon.com/waf/latest/developerguide/logging-destinations.html: every name starts alike."""
    wanted = call.params["LoggingConfiguration"]
    _web_acl(call, wanted["ResourceArn"])
    destinations = wanted["LogDestinationConfigs"]
    if len(destinations) != 1:
        raise invalid(FORMAT, "LOG_DESTINATION", str(len(destinations)))
    arn = destinations[0]
    match = re.fullmatch(
        r"arn:aws[\w-]*:(?:logs:[a-z0-9-]+:\d{12}:log-group:([^:*]+)(?::\*)?"
        r"|firehose:[a-z0-9-]+:\d{12}:deliverystream/([^/]+)|s3:::([^/]+)(?:/.*)?)",
        arn,
    )
    name = next((group for group in match.groups() if group), "") if match else ""
    if not name.startswith("aws-waf-logs-"):
        raise invalid("The ARN isn't valid. A valid ARN begins with arn: and includes other information separated by "
                      "colons or slashes.", "LOG_DESTINATION", arn)  # fmt: skip
    place = arn.split(":")[3]
    if place and place != call.region:
        raise invalid(FORMAT, "LOG_DESTINATION", arn)
    if ":logs:" in arn and name not in call.backend("logs").groups:
        raise missing()
    for field in wanted.get("RedactedFields", []):
        if len(field) != 1 or not set(field) <= {"Method", "QueryString", "SingleHeader", "UriPath"}:
            raise invalid(FORMAT, "FIELD_TO_MATCH", ", ".join(field))


@amend("wafv2", "PutLoggingConfiguration", "GetLoggingConfiguration")
def complete_logging(call: Call, result: Params) -> Params:
    """API_LoggingConfiguration: the type and the scope have defaults, which AWS tells."""
    shown = result["LoggingConfiguration"]
    shown["LogDestinationConfigs"] = [arn.removesuffix(":*") for arn in shown["LogDestinationConfigs"]]
    shown.update(LogType="WAF_LOGS", LogScope="CUSTOMER")
    for field in shown.get("RedactedFields") or []:
        if "SingleHeader" in field:
            field["SingleHeader"]["Name"] = field["SingleHeader"]["Name"].lower()
    return result


@rule("wafv2", "GetLoggingConfiguration", "DeleteLoggingConfiguration")
def check_logged_resource(call: Call) -> None:
    if call.params["ResourceArn"] not in call.backend().logging_configurations:
        raise missing()


# --- capacity, managed rule groups, samples --------------------------------------------------------------------------


@operation("wafv2", "CheckCapacity")
def check_capacity(call: Call) -> Params:
    return {"Capacity": needed_capacity(call, call.params["Rules"])}


@operation("wafv2", "ListAvailableManagedRuleGroups")
def list_available_managed_rule_groups(call: Call) -> Params:
    return {
        "ManagedRuleGroups": [
            {"VendorName": "AWS", "Name": name, "VersioningSupported": "IpList" not in name}
            for name in managed_rule_groups()
        ]
    }


@operation("wafv2", "DescribeManagedRuleGroup")
def describe_managed_rule_group(call: Call) -> Params:
    group = managed_rule_groups().get(call.params["Name"])
    if group is None or call.params["VendorName"] != "AWS":
        raise missing()
    return {
        "Capacity": group["capacity"],
        "LabelNamespace": f"awswaf:managed:aws:{group['label']}:",
        "Rules": [{"Name": name, "Action": {"Block": {}}} for name in group["rules"]],
    }


@operation("wafv2", "GetSampledRequests")
def get_sampled_requests(call: Call) -> Params:
    """No request ever passes through the lab's web ACLs, so there is nothing to sample; the question is judged."""
    _web_acl(call, call.params["WebAclArn"])
    window = call.params["TimeWindow"]
    if window["StartTime"] >= window["EndTime"] or call.now() - window["StartTime"].timestamp() > 3 * 3600 + 60:
        # API_GetSampledRequests: "any time range in the previous three hours"
        raise invalid(FORMAT, "EXPIRE_TIMESTAMP", str(window["StartTime"]))
    return {"SampledRequests": [], "PopulationSize": 0, "TimeWindow": window}
