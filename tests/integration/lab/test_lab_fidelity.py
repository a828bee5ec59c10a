# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Requests that AWS refuses, the error it answers, and where that is written.

A row is (name, service.Operation, parameters, error code, part of the message, source). Parameters may name what the
world below holds, as "{key}". Every request is sent as it is: boto3's own checks are switched off.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from lab.aws.testing import Aws, Region

WAF = "https://docs.aws.amazon.com/waf/latest/APIReference/API_"
WAF_GUIDE = "https://docs.aws.amazon.com/waf/latest/developerguide/"
BACKUP = "https://docs.aws.amazon.com/aws-backup/latest/devguide/API_"
BACKUP_LIMITS = "https://docs.aws.amazon.com/aws-backup/latest/devguide/aws-backup-limits.html"
SELECTION_LIMITS = "https://docs.aws.amazon.com/aws-backup/latest/devguide/assigning-resources.html"
CLOUDWATCH = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_"
LOGS = "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_"
TERRAFORM = "https://github.com/hashicorp/terraform-provider-aws/issues/"
EC2_ERRORS = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"
COMMON = "https://docs.aws.amazon.com/waf/latest/APIReference/CommonErrors.html"
IAM = "https://docs.aws.amazon.com/IAM/latest/APIReference/API_"

VISIBLE = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "m"}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
NO_SUCH_ID = "00000000-0000-4000-8000-000000000000"
TRANSFORM = [{"Priority": 0, "Type": "NONE"}]


def ip_set(**changes: Any) -> dict[str, Any]:
    return {"Name": "new", "Scope": "REGIONAL", "IPAddressVersion": "IPV4", "Addresses": ["192.0.2.0/24"], **changes}


def address(text: str, version: str = "IPV4") -> dict[str, Any]:
    return ip_set(Addresses=[text], IPAddressVersion=version)


def statement_rule(statement: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "Name": "r",
        "Priority": 0,
        "Statement": statement,
        "Action": {"Block": {}},
        "VisibilityConfig": VISIBLE,
        **changes,
    }


def managed(name: str, priority: int = 0, **changes: Any) -> dict[str, Any]:
    body = {"VendorName": "AWS", "Name": name, **changes}
    rule = statement_rule({"ManagedRuleGroupStatement": body}, Name=f"r{priority}", Priority=priority)
    del rule["Action"]
    return {**rule, "OverrideAction": {"None": {}}}


def acl(*rules: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "Name": "new",
        "Scope": "REGIONAL",
        "DefaultAction": {"Allow": {}},
        "VisibilityConfig": VISIBLE,
        "Rules": list(rules),
        **changes,
    }


def query(**changes: Any) -> dict[str, Any]:
    groups = {} if "logGroupNames" in changes else {"logGroupName": "group"}
    return {**groups, "startTime": 1_700_000_000, "endTime": 4_000_000_000, "queryString": "limit 1", **changes}


def geo(code: str = "DE") -> dict[str, Any]:
    return {"GeoMatchStatement": {"CountryCodes": [code]}}


def rate(**changes: Any) -> dict[str, Any]:
    return {"RateBasedStatement": {"Limit": 100, "AggregateKeyType": "IP", **changes}}


def byte_match(**changes: Any) -> dict[str, Any]:
    return {
        "ByteMatchStatement": {
            "SearchString": b"/admin",
            "FieldToMatch": {"UriPath": {}},
            "TextTransformations": TRANSFORM,
            "PositionalConstraint": "STARTS_WITH",
            **changes,
        }
    }


def plan(*rules: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"BackupPlan": {"BackupPlanName": "new", "Rules": list(rules), **changes}}


def plan_rule(**changes: Any) -> dict[str, Any]:
    return {"RuleName": "r", "TargetBackupVaultName": "vault", **changes}


def lifecycle(**changes: Any) -> dict[str, Any]:
    return plan(plan_rule(Lifecycle=changes))


def selection(**changes: Any) -> dict[str, Any]:
    given = {"SelectionName": "new", "IamRoleArn": "{role}", "Resources": ["*"], **changes}
    return {"BackupPlanId": "{plan}", "BackupSelection": {key: value for key, value in given.items() if value}}


def tag_conditions(count: int) -> list[dict[str, str]]:
    return [{"ConditionType": "STRINGEQUALS", "ConditionKey": f"k{i}", "ConditionValue": "v"} for i in range(count)]


def conditions(count: int) -> dict[str, list[dict[str, str]]]:
    return {"StringEquals": [{"ConditionKey": f"aws:ResourceTag/k{i}", "ConditionValue": "v"} for i in range(count)]}


def restored_plan(**choice: Any) -> dict[str, Any]:
    selection = {"Algorithm": "LATEST_WITHIN_WINDOW", "RecoveryPointTypes": ["SNAPSHOT"], "IncludeVaults": ["*"]}
    return {
        "RestoreTestingPlan": {
            "RestoreTestingPlanName": "new",
            "ScheduleExpression": "cron(0 5 ? * * *)",
            "RecoveryPointSelection": {**selection, **choice},
        }
    }


def restored_selection(**changes: Any) -> dict[str, Any]:
    given = {
        "RestoreTestingSelectionName": "new",
        "IamRoleArn": "{role}",
        "ProtectedResourceType": "EC2",
        "ProtectedResourceArns": ["*"],
        **changes,
    }
    return {"RestoreTestingPlanName": "testing", "RestoreTestingSelection": given}


def lock(**changes: Any) -> dict[str, Any]:
    return {"BackupVaultName": "vault", **changes}


def batch(*stamps: int, message: str = "m") -> dict[str, Any]:
    events = [{"timestamp": 1_700_000_000_000 + stamp, "message": message} for stamp in stamps]
    return {"logGroupName": "group", "logStreamName": "stream", "logEvents": events}


def metric(**changes: Any) -> dict[str, Any]:
    return {"MetricName": "m", "Value": 1.0, **changes}


INVALID = "WAFInvalidParameterException"
BAD_VALUE = "InvalidParameterValueException"
FORMAT = "formatting that is not valid"

ROWS: list[tuple[str, str, dict[str, Any], str, str, str]] = [
    # --- wafv2: IP sets
    ("bare address", "wafv2.CreateIPSet", address("192.0.2.1"), INVALID, "field: IP_ADDRESS", f"{WAF}CreateIPSet.html"),
    ("v4 /0", "wafv2.CreateIPSet", address("0.0.0.0/0"), INVALID, "parameter: 0.0.0.0/0",
     "https://github.com/aws-samples/dcv-web-portal/issues/10"),
    ("v6 /0", "wafv2.CreateIPSet", address("::/0", "IPV6"), INVALID, "parameter: ::/0", f"{WAF}CreateIPSet.html"),
    ("host bits", "wafv2.CreateIPSet", address("195.178.188.66/29"), INVALID, "195.178.188.66/29",
     "https://github.com/aws/aws-cdk/issues/20003"),
    ("/33", "wafv2.CreateIPSet", address("192.0.2.0/33"), INVALID, FORMAT, f"{WAF}CreateIPSet.html"),
    ("netmask for a length", "wafv2.CreateIPSet", address("192.0.2.0/255.255.255.0"), INVALID, FORMAT,
     f"{WAF}CreateIPSet.html"),
    ("no address", "wafv2.CreateIPSet", address("not-an-ip"), INVALID, FORMAT, f"{WAF}CreateIPSet.html"),
    ("v6 in a v4 set", "wafv2.CreateIPSet", address("2001:db8::/32"), INVALID, FORMAT, f"{WAF}IPSet.html"),
    ("v4 in a v6 set", "wafv2.CreateIPSet", address("192.0.2.0/24", "IPV6"), INVALID, FORMAT, f"{WAF}IPSet.html"),
    ("10,001 addresses", "wafv2.CreateIPSet",
     ip_set(Addresses=[f"10.{i >> 8 & 255}.{i & 255}.{i >> 16}/32" for i in range(10_001)]),
     "WAFLimitsExceededException", "exceeded your resource limit", f"{WAF_GUIDE}limits.html"),
    ("duplicate name", "wafv2.CreateIPSet", ip_set(Name="used"), "WAFDuplicateItemException", "duplicate",
     f"{WAF}CreateIPSet.html"),
    ("CLOUDFRONT elsewhere", "wafv2.CreateIPSet", ip_set(Scope="CLOUDFRONT"), INVALID,
     "The scope is not valid., field: SCOPE_VALUE, parameter: CLOUDFRONT",
     "https://github.com/aws-solutions/aws-waf-security-automations/issues/300"),
    ("CLOUDFRONT list elsewhere", "wafv2.ListIPSets", {"Scope": "CLOUDFRONT"}, INVALID, "SCOPE_VALUE",
     f"{WAF}ListIPSets.html"),
    ("unknown scope", "wafv2.CreateIPSet", ip_set(Scope="LOCAL"), "ValidationException",
     r"Member must satisfy enum value set: [CLOUDFRONT, REGIONAL]", COMMON),
    ("unknown family", "wafv2.CreateIPSet", ip_set(IPAddressVersion="IPV5"), "ValidationException",
     "'iPAddressVersion'", COMMON),
    ("name with a space", "wafv2.CreateIPSet", ip_set(Name="a b"), "ValidationException",
     "regular expression pattern", f"{WAF}CreateIPSet.html"),
    ("name too long", "wafv2.CreateIPSet", ip_set(Name="a" * 129), "ValidationException",
     "length less than or equal to 128", f"{WAF}CreateIPSet.html"),
    ("empty tag list", "wafv2.CreateIPSet", ip_set(Tags=[]), "ValidationException",
     "length greater than or equal to 1", f"{WAF}CreateIPSet.html"),
    ("51 tags", "wafv2.CreateIPSet", ip_set(Tags=[{"Key": f"k{i}", "Value": ""} for i in range(51)]), INVALID,
     "field: TAGS", f"{WAF}TagResource.html"),
    ("addresses missing", "wafv2.CreateIPSet", {"Name": "n", "Scope": "REGIONAL", "IPAddressVersion": "IPV4"},
     "ValidationException", "'addresses' failed to satisfy constraint: Member must not be null", COMMON),
    ("stale lock token", "wafv2.UpdateIPSet",
     {"Name": "used", "Scope": "REGIONAL", "Id": "{ip_set_id}", "Addresses": [], "LockToken": NO_SUCH_ID},
     "WAFOptimisticLockException", "changed the resource", f"{WAF}UpdateIPSet.html"),
    ("update of none", "wafv2.UpdateIPSet",
     {"Name": "none", "Scope": "REGIONAL", "Id": NO_SUCH_ID, "Addresses": [], "LockToken": NO_SUCH_ID},
     "WAFNonexistentItemException", "exist", f"{WAF}UpdateIPSet.html"),
    ("update with a bad address", "wafv2.UpdateIPSet",
     {"Name": "used", "Scope": "REGIONAL", "Id": "{ip_set_id}", "Addresses": ["::1/128"],
      "LockToken": "{ip_set_token}"}, INVALID, "::1/128", f"{WAF}UpdateIPSet.html"),
    ("get by another name", "wafv2.GetIPSet", {"Name": "other", "Scope": "REGIONAL", "Id": "{ip_set_id}"},
     "WAFNonexistentItemException", "exist", f"{WAF}GetIPSet.html"),
    ("set in use", "wafv2.DeleteIPSet",
     {"Name": "used", "Scope": "REGIONAL", "Id": "{ip_set_id}", "LockToken": "{ip_set_token}"},
     "WAFAssociatedItemException", "being used", f"{WAF}DeleteIPSet.html"),
    ("foreign marker", "wafv2.ListIPSets", {"Scope": "REGIONAL", "NextMarker": "nonsense"}, INVALID, "token",
     f"{WAF}ListIPSets.html"),
    ("page of 101", "wafv2.ListIPSets", {"Scope": "REGIONAL", "Limit": 101}, "ValidationException",
     "less than or equal to 100", f"{WAF}ListIPSets.html"),
    # --- wafv2: rules, groups, ACLs
    ("equal priorities", "wafv2.CreateWebACL",
     acl(statement_rule(geo()), statement_rule(geo(), Name="s")), INVALID, "field: RULE", f"{WAF}Rule.html"),
    ("default action of two", "wafv2.CreateWebACL", acl(DefaultAction={"Allow": {}, "Block": {}}), INVALID,
     "field: DEFAULT_ACTION", f"{WAF}DefaultAction.html"),
    ("default action of none", "wafv2.CreateWebACL", acl(DefaultAction={}), INVALID, "DEFAULT_ACTION",
     f"{WAF}DefaultAction.html"),
    ("statement of two", "wafv2.CreateWebACL", acl(statement_rule({**geo(), **rate()})), INVALID,
     "none or multiple values", f"{WAF}Statement.html"),
    ("rule without action", "wafv2.CreateWebACL", acl(statement_rule(geo(), Action={})), INVALID, "RULE_ACTION",
     f"{WAF}Rule.html"),
    ("managed group with an action", "wafv2.CreateWebACL",
     acl({**managed("AWSManagedRulesCommonRuleSet"), "Action": {"Block": {}}}), INVALID, "OVERRIDE_ACTION",
     f"{WAF}Rule.html"),
    ("unknown managed group", "wafv2.CreateWebACL", acl(managed("AWSManagedRulesNothing")),
     "WAFNonexistentItemException", "exist", f"{WAF}ManagedRuleGroupStatement.html"),
    ("and of one", "wafv2.CreateWebACL", acl(statement_rule({"AndStatement": {"Statements": [geo()]}})), INVALID,
     "minimum requirement for a threshold setting", f"{TERRAFORM}34320"),
    ("nested rate", "wafv2.CreateWebACL",
     acl(statement_rule({"NotStatement": {"Statement": rate()}})), INVALID, "RATE_BASED_STATEMENT",
     f"{WAF}RateBasedStatement.html"),
    ("window of 61 s", "wafv2.CreateWebACL", acl(statement_rule(rate(EvaluationWindowSec=61))), INVALID,
     "RATE_BASED_STATEMENT", f"{WAF}RateBasedStatement.html"),
    ("limit of 9", "wafv2.CreateWebACL", acl(statement_rule(rate(Limit=9))), "ValidationException",
     "greater than or equal to 10", f"{WAF}RateBasedStatement.html"),
    ("custom keys missing", "wafv2.CreateWebACL", acl(statement_rule(rate(AggregateKeyType="CUSTOM_KEYS"))), INVALID,
     "CUSTOM_KEYS", f"{WAF}RateBasedStatement.html"),
    ("11 rate rules", "wafv2.CreateWebACL",
     acl(*(statement_rule(rate(), Name=f"r{i}", Priority=i) for i in range(11))), "WAFLimitsExceededException",
     "limit", f"{WAF_GUIDE}limits.html"),
    ("two fields to match", "wafv2.CreateWebACL",
     acl(statement_rule(byte_match(FieldToMatch={"UriPath": {}, "Method": {}}))), INVALID, "FIELD_TO_MATCH",
     f"{WAF}FieldToMatch.html"),
    ("equal transformation priorities", "wafv2.CreateWebACL",
     acl(statement_rule(byte_match(TextTransformations=TRANSFORM * 2))), INVALID, "TEXT_TRANSFORMATION",
     f"{WAF}TextTransformation.html"),
    ("no transformation", "wafv2.CreateWebACL", acl(statement_rule(byte_match(TextTransformations=[]))),
     "ValidationException", "greater than or equal to 1", f"{WAF}ByteMatchStatement.html"),
    ("custom body unknown", "wafv2.CreateWebACL",
     acl(statement_rule(geo(), Action={"Block": {"CustomResponse": {
         "ResponseCode": 403, "CustomResponseBodyKey": "none"}}})), INVALID, "CUSTOM_RESPONSE_BODY",
     f"{WAF}CustomResponse.html"),
    ("reference to no set", "wafv2.CreateWebACL",
     acl(statement_rule({"IPSetReferenceStatement": {"ARN": "{ip_set_arn}x"}})), "WAFNonexistentItemException",
     "exist", f"{WAF}IPSetReferenceStatement.html"),
    ("more than 5,000 WCU", "wafv2.CreateWebACL",
     acl(*(managed("AWSManagedRulesCommonRuleSet", i) | {"Name": f"r{i}"} for i in range(8))), INVALID,
     "You exceeded the capacity limit for a rule group or web ACL., field: WEB_ACL, parameter: 5600",
     "https://github.com/trussworks/terraform-aws-wafv2/issues/87"),
    ("ACL name twice", "wafv2.CreateWebACL", acl(Name="acl"), "WAFDuplicateItemException", "duplicate",
     f"{WAF}CreateWebACL.html"),
    ("rule group too small", "wafv2.CreateRuleGroup",
     {"Name": "g", "Scope": "REGIONAL", "Capacity": 1, "VisibilityConfig": VISIBLE,
      "Rules": [statement_rule(byte_match())]}, INVALID, "minimum requirement", f"{WAF}CreateRuleGroup.html"),
    ("managed group in a rule group", "wafv2.CreateRuleGroup",
     {"Name": "g", "Scope": "REGIONAL", "Capacity": 1000, "VisibilityConfig": VISIBLE,
      "Rules": [managed("AWSManagedRulesPHPRuleSet")]}, INVALID, "reference in your rule statement",
     f"{WAF}ManagedRuleGroupStatement.html"),
    ("capacity of an unknown group", "wafv2.CheckCapacity",
     {"Scope": "REGIONAL", "Rules": [managed("AWSManagedRulesNothing")]}, "WAFNonexistentItemException", "exist",
     f"{WAF}CheckCapacity.html"),
    ("11 patterns", "wafv2.CreateRegexPatternSet",
     {"Name": "p", "Scope": "REGIONAL", "RegularExpressionList": [{"RegexString": f"a{i}"} for i in range(11)]},
     "WAFLimitsExceededException", "limit", f"{WAF_GUIDE}limits.html"),
    ("pattern that is none", "wafv2.CreateRegexPatternSet",
     {"Name": "p", "Scope": "REGIONAL", "RegularExpressionList": [{"RegexString": "(a"}]}, INVALID, FORMAT,
     f"{WAF}Regex.html"),
    ("association with no ALB", "wafv2.AssociateWebACL",
     {"WebACLArn": "{acl_arn}", "ResourceArn": "arn:aws:elasticloadbalancing:ap-northeast-2:{account}:"
      "loadbalancer/app/none/0123456789abcdef"}, "WAFNonexistentItemException", "exist", f"{WAF}AssociateWebACL.html"),
    ("association with a distribution", "wafv2.AssociateWebACL",
     {"WebACLArn": "{acl_arn}", "ResourceArn": "arn:aws:cloudfront::{account}:distribution/E1"}, INVALID,
     "RESOURCE_ARN", f"{WAF}AssociateWebACL.html"),
    ("log group of another name", "wafv2.PutLoggingConfiguration",
     {"LoggingConfiguration": {"ResourceArn": "{acl_arn}", "LogDestinationConfigs": [
         "arn:aws:logs:ap-northeast-2:{account}:log-group:other"]}}, INVALID, "LOG_DESTINATION",
     f"{WAF_GUIDE}logging-cw-logs.html"),
    ("log group of another region", "wafv2.PutLoggingConfiguration",
     {"LoggingConfiguration": {"ResourceArn": "{acl_arn}", "LogDestinationConfigs": [
         "arn:aws:logs:us-east-1:{account}:log-group:aws-waf-logs-a"]}}, INVALID, "LOG_DESTINATION",
     f"{WAF_GUIDE}logging-cw-logs.html"),
    ("redacted body", "wafv2.PutLoggingConfiguration",
     {"LoggingConfiguration": {"ResourceArn": "{acl_arn}", "RedactedFields": [{"Body": {}}], "LogDestinationConfigs": [
         "arn:aws:s3:::aws-waf-logs-a"]}}, INVALID, "FIELD_TO_MATCH", f"{WAF}LoggingConfiguration.html"),
    ("association with no stage", "wafv2.AssociateWebACL",
     {"WebACLArn": "{acl_arn}", "ResourceArn": "arn:aws:apigateway:ap-northeast-2::/restapis/none/stages/prod"},
     "WAFNonexistentItemException", "exist", f"{WAF}AssociateWebACL.html"),
    ("regional ACL for an Amplify application", "wafv2.AssociateWebACL",
     {"WebACLArn": "{acl_arn}", "ResourceArn": "arn:aws:amplify:ap-northeast-2:{account}:apps/a1"}, INVALID,
     "RESOURCE_ARN", f"{WAF}CreateWebACL.html"),
    ("search string of 201 bytes", "wafv2.CreateWebACL", acl(statement_rule(byte_match(SearchString=b"a" * 201))),
     INVALID, "BYTE_MATCH_STATEMENT", f"{WAF}ByteMatchStatement.html"),
    ("logging of no ACL", "wafv2.PutLoggingConfiguration",
     {"LoggingConfiguration": {"ResourceArn": "{acl_arn}x", "LogDestinationConfigs": [
         "arn:aws:logs:ap-northeast-2:{account}:log-group:aws-waf-logs-a"]}}, "WAFNonexistentItemException", "exist",
     f"{WAF}PutLoggingConfiguration.html"),
    ("describe an unknown group", "wafv2.DescribeManagedRuleGroup",
     {"VendorName": "AWS", "Name": "Nothing", "Scope": "REGIONAL"}, "WAFNonexistentItemException", "exist",
     f"{WAF}DescribeManagedRuleGroup.html"),
    ("resources of no ACL", "wafv2.ListResourcesForWebACL", {"WebACLArn": "{acl_arn}x"},
     "WAFNonexistentItemException", "exist", f"{WAF}ListResourcesForWebACL.html"),
    ("tags of nothing", "wafv2.ListTagsForResource", {"ResourceARN": "{ip_set_arn}x"},
     "WAFNonexistentItemException", "exist", f"{WAF}ListTagsForResource.html"),
    # --- backup: plans
    ("no rule", "backup.CreateBackupPlan", plan(), "MissingParameterValueException", "rules",
     f"{BACKUP}CreateBackupPlan.html"),
    ("11 rules", "backup.CreateBackupPlan", plan(*(plan_rule(RuleName=f"r{i}") for i in range(11))),
     "LimitExceededException", "10 rules", BACKUP_LIMITS),
    ("plan name with a space", "backup.CreateBackupPlan", plan(plan_rule(RuleName="a b")), BAD_VALUE,
     "regular expression", f"{BACKUP}BackupRuleInput.html"),
    ("delete 89 days after cold", "backup.CreateBackupPlan",
     lifecycle(MoveToColdStorageAfterDays=30, DeleteAfterDays=119), BAD_VALUE,
     "DeleteAfterDays cannot be less than 90 days apart from MoveToColdStorageAfterDays",
     "https://github.com/hashicorp/terraform-provider-aws/pull/7350"),
    ("delete after 0 days", "backup.CreateBackupPlan", lifecycle(DeleteAfterDays=0), BAD_VALUE,
     "DeleteAfterDays cannot be less than 1 or more than 36500 days", f"{TERRAFORM}24960"),
    ("delete after 36,501 days", "backup.CreateBackupPlan", lifecycle(DeleteAfterDays=36501), BAD_VALUE,
     "more than 36500 days", f"{TERRAFORM}24960"),
    ("continuous and cold", "backup.CreateBackupPlan",
     plan(plan_rule(EnableContinuousBackup=True, Lifecycle={"MoveToColdStorageAfterDays": 30, "DeleteAfterDays": 120})),
     BAD_VALUE, "MoveToColdStorageAfterDays is unavailable",
     "https://github.com/lgallard/terraform-aws-backup/issues/40"),
    ("continuous for 36 days", "backup.CreateBackupPlan",
     plan(plan_rule(EnableContinuousBackup=True, Lifecycle={"DeleteAfterDays": 36})), BAD_VALUE, "35",
     "https://docs.aws.amazon.com/aws-backup/latest/devguide/point-in-time-recovery.html"),
    ("start window of 59 minutes", "backup.CreateBackupPlan", plan(plan_rule(StartWindowMinutes=59)), BAD_VALUE,
     "start window", f"{BACKUP}BackupRuleInput.html"),
    ("completion before start", "backup.CreateBackupPlan",
     plan(plan_rule(StartWindowMinutes=120, CompletionWindowMinutes=150)), BAD_VALUE, "completion window",
     f"{BACKUP}BackupRuleInput.html"),
    ("cron of five fields", "backup.CreateBackupPlan", plan(plan_rule(ScheduleExpression="cron(0 5 * * *)")),
     BAD_VALUE, "schedule expression", f"{BACKUP}BackupRuleInput.html"),
    ("both days given", "backup.CreateBackupPlan", plan(plan_rule(ScheduleExpression="cron(0 5 1 * MON *)")),
     BAD_VALUE, "schedule expression",
     "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html"),
    ("time zone of nowhere", "backup.CreateBackupPlan",
     plan(plan_rule(ScheduleExpressionTimezone="Mars/Olympus")), BAD_VALUE, "timezone",
     f"{BACKUP}BackupRuleInput.html"),
    ("6 copy actions", "backup.CreateBackupPlan",
     plan(plan_rule(CopyActions=[{"DestinationBackupVaultArn": "{vault_arn}"}] * 6)), BAD_VALUE, "copy actions",
     BACKUP_LIMITS),
    ("copy to no ARN", "backup.CreateBackupPlan", plan(plan_rule(CopyActions=[{"DestinationBackupVaultArn": "x"}])),
     BAD_VALUE, "ARN", f"{BACKUP}CopyAction.html"),
    ("VSS spelt otherwise", "backup.CreateBackupPlan",
     plan(plan_rule(), AdvancedBackupSettings=[{"ResourceType": "EC2", "BackupOptions": {"Windowsvss": "enabled"}}]),
     BAD_VALUE, "Windowsvss", f"{BACKUP}AdvancedBackupSetting.html"),
    ("a backup every five minutes", "backup.CreateBackupPlan",
     plan(plan_rule(ScheduleExpression="cron(0/5 * ? * * *)")), BAD_VALUE, "hourly",
     "https://docs.aws.amazon.com/aws-backup/latest/devguide/plan-options-and-configuration.html"),
    ("key of a tag of 129 characters", "backup.CreateBackupPlan",
     plan(plan_rule(RecoveryPointTags={"k" * 129: ""})), BAD_VALUE, "tag", f"{BACKUP}KeyValue.html"),
    ("value of a tag of 257 characters", "backup.CreateBackupPlan",
     plan(plan_rule(RecoveryPointTags={"k": "v" * 257})), BAD_VALUE, "tag", f"{BACKUP}KeyValue.html"),
    ("empty key of a tag", "backup.CreateBackupPlan", plan(plan_rule(RecoveryPointTags={"": "v"})), BAD_VALUE, "tag",
     f"{BACKUP}KeyValue.html"),
    ("tag with a hash", "backup.CreateBackupPlan", plan(plan_rule(RecoveryPointTags={"k": "a#b"})), BAD_VALUE, "tag",
     f"{BACKUP}KeyValue.html"),
    ("tag of AWS's own", "backup.CreateBackupPlan", plan(plan_rule(RecoveryPointTags={"aws:k": "v"})), BAD_VALUE,
     "tag", f"{BACKUP}KeyValue.html"),
    ("two types to index", "backup.CreateBackupPlan",
     plan(plan_rule(IndexActions=[{"ResourceTypes": ["EBS", "S3"]}])), BAD_VALUE, "one resource type",
     f"{BACKUP}BackupRuleInput.html"),
    ("two index actions", "backup.CreateBackupPlan",
     plan(plan_rule(IndexActions=[{"ResourceTypes": ["EBS"]}, {"ResourceTypes": ["S3"]}])), BAD_VALUE,
     "one resource type", f"{BACKUP}BackupRuleInput.html"),
    ("same plan again", "backup.CreateBackupPlan",
     plan(plan_rule(), BackupPlanName="plan"), "AlreadyExistsException", "same plan document",
     f"{BACKUP}CreateBackupPlan.html"),
    ("update of no plan", "backup.UpdateBackupPlan", {"BackupPlanId": NO_SUCH_ID, **plan(plan_rule())},
     "ResourceNotFoundException", "Backup plan", f"{BACKUP}UpdateBackupPlan.html"),
    ("update to a bad rule", "backup.UpdateBackupPlan",
     {"BackupPlanId": "{plan}", **lifecycle(DeleteAfterDays=-2)}, BAD_VALUE, "DeleteAfterDays",
     f"{BACKUP}UpdateBackupPlan.html"),
    ("plan with selections", "backup.DeleteBackupPlan", {"BackupPlanId": "{plan}"}, "InvalidRequestException",
     "selections must be deleted", f"{BACKUP}DeleteBackupPlan.html"),
    ("version of none", "backup.GetBackupPlan", {"BackupPlanId": "{plan}", "VersionId": "none"},
     "ResourceNotFoundException", "version", f"{BACKUP}GetBackupPlan.html"),
    # --- backup: selections
    ("nothing selected", "backup.CreateBackupSelection", selection(Resources=None), BAD_VALUE,
     "Either 'ListOfTags' or 'Resources' section must be non-empty",
     "https://github.com/ministryofjustice/modernisation-platform-terraform-baselines/pull/90"),
    ("31 tags in a selection", "backup.CreateBackupSelection",
     selection(Resources=None, ListOfTags=tag_conditions(31)), BAD_VALUE, "30 tags", SELECTION_LIMITS),
    ("31 conditions in a selection", "backup.CreateBackupSelection", selection(Conditions=conditions(31)), BAD_VALUE,
     "30 conditions", SELECTION_LIMITS),
    ("501 ARNs", "backup.CreateBackupSelection",
     selection(Resources=[f"arn:aws:ec2:ap-northeast-2:1:instance/i-{i}" for i in range(501)]), BAD_VALUE, "500 ARNs",
     f"{BACKUP}BackupSelection.html"),
    ("31 wildcards", "backup.CreateBackupSelection",
     selection(Resources=[f"arn:aws:ec2:*:*:instance/i-{i}*" for i in range(31)]), BAD_VALUE, "30 with wildcards",
     f"{BACKUP}BackupSelection.html"),
    ("condition without its prefix", "backup.CreateBackupSelection",
     selection(Conditions={"StringEquals": [{"ConditionKey": "backup", "ConditionValue": "daily"}]}), BAD_VALUE,
     "aws:ResourceTag/", f"{BACKUP}BackupSelection.html"),
    ("role that is none", "backup.CreateBackupSelection",
     selection(IamRoleArn="arn:aws:iam::{account}:role/none"), BAD_VALUE, "cannot be assumed by AWS Backup",
     f"{TERRAFORM}9297"),
    ("role that trusts EC2 only", "backup.CreateBackupSelection", selection(IamRoleArn="{other_role}"), BAD_VALUE,
     "cannot be assumed by AWS Backup", f"{TERRAFORM}9297"),
    ("selection name twice", "backup.CreateBackupSelection", selection(SelectionName="selection"),
     "AlreadyExistsException", "same name", f"{BACKUP}CreateBackupSelection.html"),
    ("selection of no plan", "backup.CreateBackupSelection", {**selection(), "BackupPlanId": NO_SUCH_ID}, BAD_VALUE,
     "Cannot find Backup plan", f"{BACKUP}CreateBackupSelection.html"),
    ("no such selection", "backup.GetBackupSelection", {"BackupPlanId": "{plan}", "SelectionId": NO_SUCH_ID},
     "ResourceNotFoundException", "selection", f"{BACKUP}GetBackupSelection.html"),
    # --- backup: restore testing
    ("31 included vaults", "backup.CreateRestoreTestingPlan",
     restored_plan(IncludeVaults=[f"{{vault_arn}}{i}" for i in range(31)]), BAD_VALUE, "30 vault", BACKUP_LIMITS),
    ("31 excluded vaults", "backup.CreateRestoreTestingPlan",
     restored_plan(ExcludeVaults=[f"{{vault_arn}}{i}" for i in range(31)]), BAD_VALUE, "30 vault", BACKUP_LIMITS),
    ("31st selection of a testing plan", "backup.CreateRestoreTestingSelection", restored_selection(),
     "LimitExceededException", "30 selections", BACKUP_LIMITS),
    ("31 ARNs to test", "backup.CreateRestoreTestingSelection",
     restored_selection(ProtectedResourceArns=[f"arn:aws:s3:::b{i}" for i in range(31)]), BAD_VALUE, "30 ARNs",
     BACKUP_LIMITS),
    ("31 conditions of a test", "backup.CreateRestoreTestingSelection",
     restored_selection(ProtectedResourceConditions={
         test: [{"Key": f"aws:ResourceTag/k{i}", "Value": "v"} for i in range(count)]
         for test, count in (("StringEquals", 16), ("StringNotEquals", 15))
     }), BAD_VALUE, "30 conditions", BACKUP_LIMITS),
    ("type that is not tested", "backup.CreateRestoreTestingSelection",
     restored_selection(ProtectedResourceType="VirtualMachine"), BAD_VALUE, "VirtualMachine",
     f"{BACKUP}RestoreTestingSelectionForCreate.html"),
    # --- backup: vaults
    ("vault that is none", "backup.DescribeBackupVault", {"BackupVaultName": "none"}, "AccessDeniedException",
     "Insufficient privileges", "https://github.com/aws/aws-sdk-js/issues/2625"),
    ("vault name of one letter", "backup.CreateBackupVault", {"BackupVaultName": "a"}, BAD_VALUE, "pattern",
     f"{BACKUP}CreateBackupVault.html"),
    ("vault name twice", "backup.CreateBackupVault", {"BackupVaultName": "vault"}, "AlreadyExistsException",
     "same name", f"{BACKUP}CreateBackupVault.html"),
    ("lock minimum of 0", "backup.PutBackupVaultLockConfiguration", lock(MinRetentionDays=0), BAD_VALUE, "1 day",
     f"{BACKUP}PutBackupVaultLockConfiguration.html"),
    ("lock maximum below minimum", "backup.PutBackupVaultLockConfiguration",
     lock(MinRetentionDays=10, MaxRetentionDays=9), BAD_VALUE, "greater",
     f"{BACKUP}PutBackupVaultLockConfiguration.html"),
    ("cooling-off of 2 days", "backup.PutBackupVaultLockConfiguration", lock(ChangeableForDays=2), BAD_VALUE, "3",
     f"{BACKUP}PutBackupVaultLockConfiguration.html"),
    ("lock past its date", "backup.DeleteBackupVaultLockConfiguration", {"BackupVaultName": "locked"},
     "InvalidRequestException", "immutable", f"{BACKUP}DeleteBackupVaultLockConfiguration.html"),
    ("policy that is no JSON", "backup.PutBackupVaultAccessPolicy", {"BackupVaultName": "vault", "Policy": "{"},
     BAD_VALUE, "malformed", f"{BACKUP}PutBackupVaultAccessPolicy.html"),
    ("no policy", "backup.GetBackupVaultAccessPolicy", {"BackupVaultName": "vault"}, "ResourceNotFoundException",
     "policy", f"{BACKUP}GetBackupVaultAccessPolicy.html"),
    ("unknown event", "backup.PutBackupVaultNotifications",
     {"BackupVaultName": "vault", "SNSTopicArn": "arn:aws:sns:ap-northeast-2:{account}:t",
      "BackupVaultEvents": ["BACKUP_JOB_DREAMT"]}, BAD_VALUE, "enum", f"{BACKUP}PutBackupVaultNotifications.html"),
    ("no notifications", "backup.GetBackupVaultNotifications", {"BackupVaultName": "vault"},
     "ResourceNotFoundException", "notifications", f"{BACKUP}GetBackupVaultNotifications.html"),
    ("tags of no resource", "backup.ListTags", {"ResourceArn": "{vault_arn}x"}, "ResourceNotFoundException",
     "not found", f"{BACKUP}ListTags.html"),
    # --- logs
    ("retention of 31 days", "logs.PutRetentionPolicy", {"logGroupName": "group", "retentionInDays": 31},
     "InvalidParameterException", "'retentionInDays'", f"{LOGS}PutRetentionPolicy.html"),
    ("group name with a space", "logs.CreateLogGroup", {"logGroupName": "a b"}, "InvalidParameterException",
     "pattern", f"{LOGS}CreateLogGroup.html"),
    ("group name twice", "logs.CreateLogGroup", {"logGroupName": "group"}, "ResourceAlreadyExistsException", "exists",
     f"{LOGS}CreateLogGroup.html"),
    ("third subscription filter", "logs.PutSubscriptionFilter",
     {"logGroupName": "group", "filterName": "c", "filterPattern": "", "destinationArn": "{function}"},
     "LimitExceededException", "limit", f"{LOGS}PutSubscriptionFilter.html"),
    ("a key that does not exist", "logs.AssociateKmsKey",
     {"logGroupName": "group", "kmsKeyId": f"arn:aws:kms:ap-northeast-2:123456789012:key/{NO_SUCH_ID}"},
     "InvalidParameterException", "does not exist", f"{LOGS}AssociateKmsKey.html"),
    ("events out of order", "logs.PutLogEvents", batch(2_000, 1_000), "InvalidParameterException",
     "chronological order", f"{LOGS}PutLogEvents.html"),
    ("events of two days", "logs.PutLogEvents", batch(0, 86_400_001), "InvalidParameterException", "24 hours",
     f"{LOGS}PutLogEvents.html"),
    ("events of more than 1 MiB", "logs.PutLogEvents", batch(*range(5), message="x" * 250_000),
     "InvalidParameterException", "exceeds limit of 1048576", f"{LOGS}PutLogEvents.html"),
    ("empty message", "logs.PutLogEvents", batch(1, message=""), "InvalidParameterException", "length",
     f"{LOGS}PutLogEvents.html"),
    ("query of no log group", "logs.StartQuery", query(logGroupName="nowhere"), "ResourceNotFoundException",
     "does not exist", f"{LOGS}StartQuery.html"),
    ("query of 51 log groups", "logs.StartQuery", query(logGroupNames=["group"] * 51), "InvalidParameterException",
     "50", f"{LOGS}StartQuery.html"),
    ("query that ends before it begins", "logs.StartQuery", query(endTime=1), "InvalidParameterException", "start time",
     f"{LOGS}StartQuery.html"),
    ("query of a time before the log group", "logs.StartQuery", query(startTime=1, endTime=2),
     "MalformedQueryException", "creation time", f"{LOGS}StartQuery.html"),
    ("query with an unknown command", "logs.StartQuery", query(queryString="fields a | guess b"),
     "MalformedQueryException", "unexpected symbol", f"{LOGS}QueryCompileError.html"),
    ("results of no query", "logs.GetQueryResults", {"queryId": "none"}, "ResourceNotFoundException", "not exist",
     f"{LOGS}GetQueryResults.html"),
    ("update of no query definition", "logs.PutQueryDefinition",
     {"name": "n", "queryString": "limit 1", "queryDefinitionId": "none"}, "ResourceNotFoundException", "not exist",
     f"{LOGS}PutQueryDefinition.html"),
    # --- cloudwatch
    ("namespace of AWS", "cloudwatch.PutMetricData", {"Namespace": "AWS/EC2", "MetricData": [metric()]},
     "InvalidParameterValue", "Namespace", f"{CLOUDWATCH}PutMetricData.html"),
    ("1,001 metrics", "cloudwatch.PutMetricData", {"Namespace": "n", "MetricData": [metric()] * 1001},
     "InvalidParameterValue", "1000", f"{CLOUDWATCH}PutMetricData.html"),
    ("value twice", "cloudwatch.PutMetricData", {"Namespace": "n", "MetricData": [metric(Values=[1.0])]},
     "InvalidParameterCombination", "Exactly one", f"{CLOUDWATCH}MetricDatum.html"),
    # --- other services: the common errors of each protocol
    ("wrong type in JSON", "logs.PutRetentionPolicy", {"logGroupName": "group", "retentionInDays": "thirty"},
     "SerializationException", "retentionInDays", "https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html"),
    ("unknown member in JSON", "logs.CreateLogGroup", {"logGroupName": "g", "colour": "red"},
     "SerializationException", "colour", "https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html"),
    ("wrong type in REST-JSON", "backup.CreateBackupPlan", plan(plan_rule(StartWindowMinutes="sixty")),
     "SerializationException", "startWindowMinutes", "https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html"),
    ("missing member in Query", "iam.CreateUser", {}, "ValidationError", "'userName'", f"{IAM}CreateUser.html"),
    ("bad name in Query", "iam.CreateUser", {"UserName": "a b"}, "ValidationError", "pattern", f"{IAM}CreateUser.html"),
    ("path without slashes", "iam.CreateRole",
     {"RoleName": "r", "Path": "x", "AssumeRolePolicyDocument": json.dumps(TRUST)}, "ValidationError", "'path'",
     f"{IAM}CreateRole.html"),
    ("unknown enum in Query", "cloudformation.CreateStack",
     {"StackName": "s", "TemplateBody": "{}", "OnFailure": "PANIC"}, "ValidationError", "enum",
     "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html"),
    ("missing parameter in EC2", "ec2.CreateSecurityGroup", {"GroupName": "g"}, "MissingParameter", "Description",
     EC2_ERRORS),
    ("no number in EC2", "ec2.RunInstances", {"ImageId": "ami-1", "MinCount": "one", "MaxCount": 1},
     "InvalidParameterValue", "MinCount", EC2_ERRORS),
    ("dry run", "ec2.CreateVpc", {"CidrBlock": "10.0.0.0/16", "DryRun": True}, "DryRunOperation", "DryRun flag is set",
     EC2_ERRORS),
    ("second detector", "guardduty.CreateDetector", {"Enable": True}, "BadRequestException", "already exists",
     "https://docs.aws.amazon.com/guardduty/latest/APIReference/API_CreateDetector.html"),
    ("stack as it is", "cloudformation.UpdateStack", {"StackName": "stack", "TemplateBody": "{template}"},
     "ValidationError", "No updates are to be performed",
     "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html"),
    ("rule that is none", "config.DescribeConfigRules", {"ConfigRuleNames": ["none"]}, "NoSuchConfigRuleException",
     "none", "https://docs.aws.amazon.com/config/latest/APIReference/API_DescribeConfigRules.html"),
    ("enum in a list", "elbv2.CreateLoadBalancer", {"Name": "n", "Scheme": "sideways"}, "ValidationError", "enum",
     "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html"),
    ("function name with a space", "lambda.GetFunction", {"FunctionName": "a b"}, "ValidationException", "pattern",
     "https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html"),
    ("rule name with a space", "events.PutRule", {"Name": "a b", "ScheduleExpression": "rate(1 day)"},
     "ValidationException", "pattern",
     "https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html"),
    ("parameter type", "ssm.PutParameter", {"Name": "p", "Value": "v", "Type": "Text"}, "ValidationException", "enum",
     "https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html"),
]  # fmt: skip


@dataclass
class World:
    """An account with something in it, for the rows to run into."""

    aws: Aws
    names: dict[str, str] = field(default_factory=dict)

    def fill(self) -> None:
        waf, backup, iam = self.aws.client("wafv2"), self.aws.client("backup"), self.aws.client("iam")
        used = waf.create_ip_set(**ip_set(Name="used"))["Summary"]
        reference = statement_rule({"IPSetReferenceStatement": {"ARN": used["ARN"]}})
        web_acl = waf.create_web_acl(**acl(reference, Name="acl"))["Summary"]
        role = iam.create_role(RoleName="backup", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        trust = json.dumps(TRUST).replace("backup.amazonaws", "ec2.amazonaws")
        other = iam.create_role(RoleName="ec2", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        vault = backup.create_backup_vault(BackupVaultName="vault")["BackupVaultArn"]
        plan_id = backup.create_backup_plan(**plan(plan_rule(), BackupPlanName="plan"))["BackupPlanId"]
        backup.create_backup_selection(
            BackupPlanId=plan_id,
            BackupSelection={"SelectionName": "selection", "IamRoleArn": role, "Resources": ["*"]},
        )
        testing = restored_plan()["RestoreTestingPlan"]
        backup.create_restore_testing_plan(RestoreTestingPlan={**testing, "RestoreTestingPlanName": "testing"})
        for number in range(30):
            wanted = restored_selection(RestoreTestingSelectionName=f"s{number}", IamRoleArn=role)
            backup.create_restore_testing_selection(**wanted)
        backup.create_backup_vault(BackupVaultName="locked")
        backup.put_backup_vault_lock_configuration(BackupVaultName="locked", ChangeableForDays=3)
        self.aws.advance_clock(3 * 86_400 + 1)
        account = self.aws.account_id
        self.names = {
            "account": account,
            "ip_set_id": used["Id"],
            "ip_set_token": used["LockToken"],
            "ip_set_arn": used["ARN"],
            "acl_arn": web_acl["ARN"],
            "role": role,
            "other_role": other,
            "vault_arn": vault,
            "plan": plan_id,
            "function": f"arn:aws:lambda:ap-northeast-2:{account}:function:f",
            "template": json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}),
        }
        self._other_services()

    def _other_services(self) -> None:
        logs = self.aws.client("logs")
        logs.create_log_group(logGroupName="group")
        logs.create_log_group(logGroupName="target")
        firehose = f"arn:aws:firehose:ap-northeast-2:{self.names['account']}:deliverystream/d"
        self._filters(logs, firehose)
        self.aws.client("guardduty").create_detector(Enable=True)
        self.aws.client("cloudformation").create_stack(StackName="stack", TemplateBody=self.names["template"])

    def _filters(self, logs: Any, destination: str) -> None:
        stream = self.aws.client("kinesis")
        stream.create_stream(StreamName="s", ShardCount=1)
        arn = stream.describe_stream_summary(StreamName="s")["StreamDescriptionSummary"]["StreamARN"]
        for name in ("a", "b"):
            logs.put_subscription_filter(
                logGroupName="group", filterName=name, filterPattern="", destinationArn=arn, roleArn=self.names["role"]
            )

    def filled_in(self, value: Any) -> Any:
        if isinstance(value, str):
            return re.sub(r"\{(\w+)\}", lambda match: self.names[match[1]], value)
        if isinstance(value, dict):
            return {key: self.filled_in(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.filled_in(item) for item in value]
        return value


@pytest.fixture(scope="module")
def world(aws_region: Region) -> Iterator[World]:
    made = World(Aws(aws_region))
    made.fill()
    yield made


def test_the_table_is_large_and_every_row_has_its_source() -> None:
    assert len(ROWS) >= 80
    assert len({row[0] for row in ROWS}) == len(ROWS)
    assert all(row[5].startswith("https://") for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_aws_refuses(world: World, row: tuple[str, str, dict[str, Any], str, str, str]) -> None:
    _name, target, params, code, message, _source = row
    service, operation = target.split(".")
    client = world.aws.client(service, parameter_validation=False)
    _send_also_what_is_not_modelled(client)
    with pytest.raises(ClientError) as caught:
        getattr(client, xform_name(operation))(**world.filled_in(params))
    error = caught.value.response["Error"]
    assert (error["Code"], message in error["Message"]) == (code, True), f"{error['Code']}: {error['Message']}"
    assert caught.value.operation_name == operation


# What AWS takes, and whether it tells: (name, event of a vault or pattern of a rule, whether the topic lets
# EventBridge publish, how often the topic is told of a backup that fails, source).
_FAILED = {"source": ["aws.backup"], "detail-type": ["Backup Job State Change"], "detail": {"state": ["FAILED"]}}
TOLD: list[tuple[str, Any, bool, int, str]] = [
    *((event, event, True, 0, f"{BACKUP}PutBackupVaultNotifications.html")
      for event in ("BACKUP_JOB_SUCCESSFUL", "BACKUP_JOB_FAILED", "BACKUP_JOB_EXPIRED")),
    ("an event that is sent", "BACKUP_JOB_COMPLETED", True, 1, f"{BACKUP}PutBackupVaultNotifications.html"),
    ("a rule for failures", _FAILED, True, 1,
     "https://docs.aws.amazon.com/aws-backup/latest/devguide/eventbridge.html"),
    ("a topic with the policy of a new one", _FAILED, False, 0,
     "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html"),
]  # fmt: skip


@pytest.mark.parametrize("row", TOLD, ids=[row[0] for row in TOLD])
def test_aws_tells(aws: Aws, row: tuple[str, Any, bool, int, str]) -> None:
    _name, wanted, permitted, times, _source = row
    backup, events, ec2 = aws.client("backup"), aws.client("events"), aws.client("ec2")
    topic, told = aws.topic("t")
    if permitted:
        aws.let_events_publish(topic)
    backup.create_backup_vault(BackupVaultName="vault")
    if isinstance(wanted, str):
        backup.put_backup_vault_notifications(BackupVaultName="vault", SNSTopicArn=topic, BackupVaultEvents=[wanted])
    else:
        events.put_rule(Name="r", EventPattern=json.dumps(wanted))
        events.put_targets(Rule="r", Targets=[{"Id": "t", "Arn": topic}])
    role = aws.client("iam").create_role(RoleName="backup", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    volume = ec2.create_volume(AvailabilityZone="ap-northeast-2a", Size=1)["VolumeId"]
    arn = f"arn:aws:ec2:ap-northeast-2:{aws.account_id}:volume/{volume}"
    job = backup.start_backup_job(BackupVaultName="vault", ResourceArn=arn, IamRoleArn=role)["BackupJobId"]
    ec2.delete_volume(VolumeId=volume)
    aws.advance_clock(10)
    assert backup.describe_backup_job(BackupJobId=job)["State"] == "FAILED"
    assert len(told()) == times


def _send_also_what_is_not_modelled(client: Any) -> None:
    """botocore cannot put an unknown member on the wire: take it out before, put it into the body after."""
    unknown: dict[str, Any] = {}

    def take_out(params: dict[str, Any], model: Any, **_: Any) -> None:
        for name in [name for name in params if name not in model.input_shape.members]:
            unknown[name] = params.pop(name)

    def put_in(params: dict[str, Any], **_: Any) -> None:
        if unknown:
            params["body"] = json.dumps({**json.loads(params["body"]), **unknown}).encode()

    client.meta.events.register("before-parameter-build.*.*", take_out)
    client.meta.events.register("before-call.*.*", put_in)
