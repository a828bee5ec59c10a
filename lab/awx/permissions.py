"""IAM policies from the journal of calls: what IAM asks for each call, and the policy that allows those of the jobs.

Which action a call needs, and on which resource, is from
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

Context = Mapping[str, Sequence[str]]
Policy = Mapping[str, Any]

PREFIXES = {"efs": "elasticfilesystem", "resourcegroupstaggingapi": "tag"}
ACTIONS = {
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
}
# The parameter that names the resource, and the resource's ARN; the first that the call has counts.
ARNS: Mapping[str, Sequence[tuple[str, str]]] = {
    "autoscaling": (
        ("AutoScalingGroupName", "arn:aws:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/{}"),
    ),
    "backup": (
        ("RecoveryPointArn", "{}"),
        ("BackupVaultName", "arn:aws:backup:{region}:{account}:backup-vault:{}"),
        ("BackupPlanId", "arn:aws:backup:{region}:{account}:backup-plan:{}"),
        ("BackupPlan", "arn:aws:backup:{region}:{account}:backup-plan:new"),
        ("ResourceArn", "{}"),
    ),
    "cloudwatch": (
        ("AlarmName", "arn:aws:cloudwatch:{region}:{account}:alarm:{}"),
        ("DashboardName", "arn:aws:cloudwatch::{account}:dashboard/{}"),
    ),
    "dynamodb": (("TableName", "arn:aws:dynamodb:{region}:{account}:table/{}"), ("ResourceArn", "{}")),
    "ec2": (
        ("InstanceIds", "arn:aws:ec2:{region}:{account}:instance/{}"),
        ("InstanceId", "arn:aws:ec2:{region}:{account}:instance/{}"),
        ("VolumeId", "arn:aws:ec2:{region}:{account}:volume/{}"),
        ("GroupId", "arn:aws:ec2:{region}:{account}:security-group/{}"),
        ("GroupName", "arn:aws:ec2:{region}:{account}:security-group/*"),
        ("Resources", "arn:aws:ec2:{region}:{account}:{kind}/{}"),
    ),
    "events": (
        ("Name", "arn:aws:events:{region}:{account}:rule/{}"),
        ("Rule", "arn:aws:events:{region}:{account}:rule/{}"),
    ),
    "iam": (
        ("RoleName", "arn:aws:iam::{account}:role/{}"),
        ("InstanceProfileName", "arn:aws:iam::{account}:instance-profile/{}"),
    ),
    "lambda": (("FunctionName", "arn:aws:lambda:{region}:{account}:function:{}"), ("Resource", "{}")),
    "logs": (
        ("logGroupName", "arn:aws:logs:{region}:{account}:log-group:{}"),
        ("logGroupNames", "arn:aws:logs:{region}:{account}:log-group:{}"),
        ("resourceArn", "{}"),
    ),
    "sns": (("TopicArn", "{}"), ("ResourceArn", "{}"), ("Name", "arn:aws:sns:{region}:{account}:{}")),
    "sqs": (
        ("QueueName", "arn:aws:sqs:{region}:{account}:{}"),
        ("QueueUrl", "arn:aws:sqs:{region}:{account}:{}"),
    ),
    "ssm": (
        ("Name", "arn:aws:ssm:{region}:{account}:parameter{}"),
        ("ResourceId", "arn:aws:ssm:{region}:{account}:parameter{}"),
    ),
    "wafv2": (
        ("ResourceARN", "{}"),
        ("ResourceArn", "{}"),
        ("Name", "arn:aws:wafv2:{region}:{account}:regional/ipset/{}/*"),
    ),
}
KINDS = {"i": "instance", "vol": "volume", "sg": "security-group"}  # of EC2, by how ids begin
# Who is handed a role by which calls, and where the call names it.
PASSED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "backup:CreateBackupSelection": ("backup.amazonaws.com", ("BackupSelection", "IamRoleArn")),
    "backup:StartBackupJob": ("backup.amazonaws.com", ("IamRoleArn",)),
    "backup:StartRestoreJob": ("backup.amazonaws.com", ("IamRoleArn",)),
    "ec2:AssociateIamInstanceProfile": ("ec2.amazonaws.com", ("IamInstanceProfile", "Name")),
    "lambda:CreateFunction": ("lambda.amazonaws.com", ("Role",)),
}


@dataclass(frozen=True)
class Need:
    """An action on a resource, and what IAM knows about both.

    context: condition keys with their values; a key that is not there is not known.
    """

    action: str
    resource: str
    context: Context = field(default_factory=dict)


def needs(
    calls: Iterable[Mapping[str, Any]], account: str, tagged: Mapping[str, Mapping[str, str]] | None = None
) -> Iterator[Need]:
    """Yield what IAM asks for these calls, which are in the order in which they were made.

    Args:
        calls: entries of the journal.
        account: the number of the account.
        tagged: the tags of what the calls did not tag after it was made, by id.
    """
    tags = {resource: dict(pairs) for resource, pairs in (tagged or {}).items()}
    boundaries: dict[str, str] = {}
    for call in calls:
        service, operation, given = call["service"], call["operation"], call["parameters"] or {}
        name = f"{PREFIXES.get(service, service)}:{operation}"
        given = {**given, **(given.get("LoggingConfiguration") or {})}
        context: dict[str, list[str]] = {}
        if name == "ec2:CreateTags":
            context["aws:TagKeys"] = [each["Key"] for each in given["Tags"]]
        if name in ("iam:CreateRole", "iam:PutRolePermissionsBoundary") and given.get("PermissionsBoundary"):
            boundaries[given["RoleName"]] = given["PermissionsBoundary"]
        if given.get("RoleName") in boundaries:
            context["iam:PermissionsBoundary"] = [boundaries[given["RoleName"]]]
        if "PolicyArn" in given:
            context["iam:PolicyARN"] = [given["PolicyArn"]]
        for resource in resources(service, given, call["region"], account):
            own = {f"aws:ResourceTag/{key}": [value] for key, value in tags.get(resource.split("/")[-1], {}).items()}
            yield Need(ACTIONS.get(name, name), resource, {**context, **own})
        if name in PASSED:
            service, path = PASSED[name]
            role: Any = given
            for key in path:
                role = role[key]
            role = role if role.startswith("arn:") else f"arn:aws:iam::{account}:role/{role}"
            yield Need("iam:PassRole", role, {"iam:PassedToService": [service]})
        if name == "ec2:CreateTags" and not call["error"]:
            for resource in given["Resources"]:
                tags.setdefault(resource, {}).update({each["Key"]: each.get("Value", "") for each in given["Tags"]})


def resources(service: str, given: Mapping[str, Any], region: str, account: str) -> list[str]:
    """The ARNs of what a call is about; C(*) where it is about nothing in particular."""
    if service == "s3" and given.get("Bucket"):
        return [f"arn:aws:s3:::{given['Bucket']}" + (f"/{given['Key']}" if given.get("Key") else "")]
    for parameter, arn in ARNS.get(service, ()):
        value = given.get(parameter)
        if value:
            names = value if isinstance(value, list) else [value]
            place = {"region": region, "account": account}
            return [
                arn.format(_short(service, parameter, str(each)), kind=KINDS.get(str(each).split("-")[0]), **place)
                for each in names
            ]
    return ["*"]


def _short(service: str, parameter: str, value: str) -> str:
    if parameter == "QueueUrl":
        return value.rpartition("/")[2]
    return value.rpartition(":")[2] if service == "lambda" and parameter == "FunctionName" else value


# --- policies --------------------------------------------------------------------------------------------------------


def allows(policies: Iterable[Policy], need: Need, account: str) -> bool:
    """Whether one of the policies, all of which only allow, allows it. C(ACCOUNT) in them is the account."""
    return any(_matches(statement, need, account) for policy in policies for statement in policy["Statement"])


def _matches(statement: Mapping[str, Any], need: Need, account: str) -> bool:
    patterns = [each.replace("ACCOUNT", account) for each in _listed(statement["Resource"])]
    return (
        any(fnmatchcase(need.action, each) for each in _listed(statement["Action"]))
        and any(fnmatchcase(need.resource, each) for each in patterns)
        and all(
            _holds(operator, key, _listed(expected), need.context)
            for operator, tests in statement.get("Condition", {}).items()
            for key, expected in tests.items()
        )
    )


def _holds(operator: str, key: str, expected: Sequence[str], context: Context) -> bool:
    known = context.get(key)
    if operator == "Null":
        return (known is None) == (expected[0] == "true")
    every, _colon, test = operator.rpartition(":")
    if test not in ("ArnEquals", "StringEquals", "StringLike") or every not in ("", "ForAllValues"):
        raise NotImplementedError(operator)
    if known is None:
        return every == "ForAllValues"
    return all(any(fnmatchcase(value, each) for each in expected) for value in known)


def _listed(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


@dataclass(frozen=True)
class Grant:
    """What may be allowed where; a policy has of it what was called.

    actions: "service:Action Action ...", several services after each other.
    also: those that no call shows: AWS does them on the caller's behalf, or only another path of a playbook does.
    """

    sid: str
    actions: str
    resources: tuple[str, ...] = ("*",)
    condition: Mapping[str, Any] = field(default_factory=dict)
    also: str = ""


def named(actions: str) -> set[str]:
    """C(ec2:A B s3:C) is C(ec2:A), C(ec2:B) and C(s3:C)."""
    result, service = set(), ""
    for word in actions.split():
        head, colon, tail = word.rpartition(":")
        service = head if colon else service
        result.add(f"{service}:{tail}")
    return result


def policy(grants: Iterable[Grant], called: set[str]) -> Policy:
    """The policy that allows what was called, as far as the grants go."""
    statements = []
    for grant in grants:
        actions = sorted((named(grant.actions) & called) | named(grant.also))
        if actions:
            resource: Any = list(grant.resources) if len(grant.resources) > 1 else grant.resources[0]
            condition = {"Condition": grant.condition} if grant.condition else {}
            statements.append(
                {"Sid": grant.sid, "Effect": "Allow", "Action": actions, "Resource": resource, **condition}
            )
    return {"Version": "2012-10-17", "Statement": statements}


_TO_BACKUP = {"StringEquals": {"iam:PassedToService": "backup.amazonaws.com"}}
_COPIES = {"Null": {"aws:ResourceTag/rampart:drill": "false"}}


def _iam(*resources: str) -> tuple[str, ...]:
    return tuple(f"arn:aws:iam::ACCOUNT:{each}" for each in resources)


CONTROLLER = (
    Grant(
        "Look",
        "sts:GetCallerIdentity iam:ListAccountAliases ec2:DescribeAvailabilityZones DescribeInstances "
        "wafv2:ListIPSets autoscaling:DescribeAutoScalingGroups",
    ),
    Grant(
        "BlockAtTheEdge",
        "wafv2:CreateIPSet DeleteIPSet GetIPSet ListTagsForResource TagResource UntagResource UpdateIPSet",
        ("arn:aws:wafv2:*:ACCOUNT:*/ipset/rampart-*/*",),
        also="wafv2:DeleteIPSet ListTagsForResource TagResource UntagResource UpdateIPSet",
    ),
    Grant(
        "MemoryOfTheBlocklist",
        "s3:CreateBucket DeleteObject GetObject ListBucket PutObject",
        ("arn:aws:s3:::rampart-ACCOUNT-*", "arn:aws:s3:::rampart-ACCOUNT-*/*"),
        also="s3:DeleteObject",
    ),
    Grant(
        "SizeGroups",
        "autoscaling:UpdateAutoScalingGroup",
        ("arn:aws:autoscaling:*:ACCOUNT:autoScalingGroup:*:autoScalingGroupName/*",),
    ),
)

BACKUP = (
    Grant(
        "ReadBackups",
        "backup:DescribeBackupJob DescribeBackupVault GetBackupPlan GetBackupSelection GetBackupVaultAccessPolicy "
        "GetBackupVaultNotifications ListBackupJobs ListBackupPlans ListBackupSelections ListBackupVaults ListCopyJobs "
        "ListProtectedResources ListRecoveryPointsByBackupVault ListTags tag:GetResources ec2:DescribeVolumes "
        "rds:DescribeDBInstances",
        # Which databases are members of clusters; a token's job, after an answer was lost; who needs what is removed.
        also="rds:DescribeDBInstances backup:DescribeBackupVault GetBackupVaultAccessPolicy "
        "GetBackupVaultNotifications ListBackupJobs ListRestoreTestingPlans ListRestoreTestingSelections "
        "ec2:DescribeRegions sns:ListTopics",
    ),
    Grant(
        "BackupPolicy",
        "backup:CreateBackupPlan CreateBackupSelection CreateBackupVault DeleteBackupPlan DeleteBackupSelection "
        "DeleteBackupVault DeleteBackupVaultAccessPolicy DeleteBackupVaultLockConfiguration "
        "DeleteBackupVaultNotifications PutBackupVaultAccessPolicy PutBackupVaultLockConfiguration "
        "PutBackupVaultNotifications TagResource UntagResource UpdateBackupPlan",
        ("arn:aws:backup:*:ACCOUNT:backup-plan:*", "arn:aws:backup:*:ACCOUNT:backup-vault:*"),
        also="backup:DeleteBackupPlan DeleteBackupSelection DeleteBackupVault DeleteBackupVaultAccessPolicy "
        "DeleteBackupVaultLockConfiguration DeleteBackupVaultNotifications PutBackupVaultAccessPolicy "
        "PutBackupVaultLockConfiguration PutBackupVaultNotifications UpdateBackupPlan",
    ),
    Grant(
        "RuleOfFailures",
        "events:DescribeRule",
        ("arn:aws:events:*:ACCOUNT:rule/rampart-*",),
        also="events:DeleteRule DescribeRule ListTargetsByRule PutRule PutTargets RemoveTargets",
    ),
    Grant(
        "TopicOfFailures",
        "",
        ("arn:aws:sns:*:ACCOUNT:*",),
        also="sns:GetTopicAttributes ListSubscriptionsByTopic ListTagsForResource",
    ),
    Grant("StorageOfTheVault", "", also="backup-storage:MountCapsule"),
    Grant("BackUpNow", "backup:StartBackupJob", ("arn:aws:backup:*:ACCOUNT:backup-vault:*",)),
    Grant(
        "KeyOfTheVault",
        "",
        condition={"StringLike": {"kms:ViaService": "backup.*.amazonaws.com"}},
        also="kms:CreateGrant DescribeKey GenerateDataKey RetireGrant",
    ),
    Grant(
        "RoleForBackup",
        "iam:CreateRole DeleteRole DeleteRolePolicy GetRole GetRolePolicy ListAttachedRolePolicies "
        "ListInstanceProfilesForRole ListRolePolicies ListRoleTags TagRole UpdateAssumeRolePolicy UpdateRole",
        _iam("role/rampart-*"),
        also="iam:DeleteRole DeleteRolePolicy ListRoleTags TagRole UpdateAssumeRolePolicy UpdateRole",
    ),
    Grant(
        "RoleOnlyForBackup",
        "iam:PassRole",
        _iam("role/rampart-backup"),
        _TO_BACKUP,
    ),
    Grant(
        "OnlyBackupsOwnPoliciesForThatRole",
        "",
        _iam("role/rampart-*"),
        {
            "ArnEquals": {
                "iam:PolicyARN": [
                    "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup",
                    "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForRestores",
                    "arn:aws:iam::aws:policy/AWSBackupServiceRolePolicyForS3Backup",
                    "arn:aws:iam::aws:policy/AWSBackupServiceRolePolicyForS3Restore",
                ]
            }
        },
        also="iam:AttachRolePolicy DetachRolePolicy",
    ),
    Grant(
        "NothingBeyondBackupsOwnPolicies",
        "iam:PutRolePermissionsBoundary PutRolePolicy",
        _iam("role/rampart-*"),
        {
            "ArnEquals": {
                "iam:PermissionsBoundary": [
                    "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup",
                    "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForRestores",
                ]
            }
        },
        also="iam:PutRolePermissionsBoundary",
    ),
)
# backup_drill.yml and restore.yml need these beside the controller's.
RESTORE = (
    Grant(
        "LookAtCopies",
        "ec2:DescribeSecurityGroups DescribeTags DescribeVolumes",
        also="ec2:DescribeVolumes",
    ),
    # A recovery point may be any service's: an image of EC2 has no account in its ARN.
    Grant(
        "Restore",
        "backup:DescribeRestoreJob GetRecoveryPointRestoreMetadata ListRecoveryPointsByResource "
        "PutRestoreValidationResult StartRestoreJob",
        # The job of a drill that died while it asked for it.
        also="backup:GetRestoreJobMetadata ListRestoreJobs",
    ),
    Grant("RoleOnlyForRestores", "iam:PassRole", _iam("role/rampart-restore"), _TO_BACKUP),
    Grant(
        "MarkCopies",
        "ec2:CreateTags",
        ("arn:aws:ec2:*:ACCOUNT:instance/*", "arn:aws:ec2:*:ACCOUNT:volume/*"),
        {
            "ForAllValues:StringEquals": {
                "aws:TagKeys": ["Name", "rampart:drill", "rampart:drill-until", "rampart:restored-from"]
            }
        },
    ),
    Grant(
        "RemoveCopies",
        "ec2:DeleteVolume ModifyInstanceAttribute TerminateInstances",
        ("arn:aws:ec2:*:ACCOUNT:instance/*", "arn:aws:ec2:*:ACCOUNT:volume/*"),
        _COPIES,
        also="ec2:DeleteVolume ModifyInstanceAttribute",
    ),
    Grant(
        "MakeTheGroupOfCopies",
        "ec2:CreateSecurityGroup",
        ("arn:aws:ec2:*:ACCOUNT:security-group/*", "arn:aws:ec2:*:ACCOUNT:vpc/*"),
    ),
    Grant(
        "TagTheGroupOfCopies",
        "",
        ("arn:aws:ec2:*:ACCOUNT:security-group/*",),
        {"StringEquals": {"ec2:CreateAction": "CreateSecurityGroup"}},
        also="ec2:CreateTags",
    ),
    Grant(
        "CloseTheGroupOfCopies",
        "ec2:RevokeSecurityGroupEgress",
        ("arn:aws:ec2:*:ACCOUNT:security-group/*",),
        {"StringEquals": {"aws:ResourceTag/Name": "rampart-restore-test"}},
    ),
)

_ALERTS_OWN = ("role/rampart-cloudwatch-agent", "role/rampart-log-alerts")
ALERTS = (
    Grant(
        "Look",
        "cloudwatch:DescribeAlarms ec2:DescribeIamInstanceProfileAssociations iam:ListAccountAliases "
        "logs:DescribeLogGroups sns:ListTopics ssm:DescribeParameters sts:GetCallerIdentity",
    ),
    Grant(
        "AlarmsAndDashboard",
        "cloudwatch:DeleteAlarms DeleteDashboards GetDashboard PutDashboard PutMetricAlarm",
        (
            "arn:aws:cloudwatch:*:ACCOUNT:alarm:rampart-*",
            "arn:aws:cloudwatch::ACCOUNT:dashboard/rampart-*",
        ),
        also="cloudwatch:DeleteAlarms DeleteDashboards",
    ),
    Grant(
        "TableOfTheNews",
        "dynamodb:CreateTable DeleteTable DescribeTable DescribeTimeToLive ListTagsOfResource TagResource "
        "UntagResource UpdateTable UpdateTimeToLive",
        ("arn:aws:dynamodb:*:ACCOUNT:table/rampart-*",),
        also="dynamodb:DeleteTable TagResource UntagResource UpdateTable",
    ),
    Grant(
        "Clock",
        "events:DeleteRule DescribeRule ListTargetsByRule PutRule PutTargets RemoveTargets",
        ("arn:aws:events:*:ACCOUNT:rule/rampart-*",),
        also="events:DeleteRule ListTargetsByRule RemoveTargets",
    ),
    Grant(
        "RolesOfTheFunctionAndTheAgents",
        "iam:AddRoleToInstanceProfile CreateInstanceProfile CreateRole DeleteInstanceProfile DeleteRole "
        "DeleteRolePolicy GetInstanceProfile GetRole GetRolePolicy ListAttachedRolePolicies "
        "ListInstanceProfilesForRole ListRolePolicies ListRoleTags PutRolePolicy "
        "RemoveRoleFromInstanceProfile TagRole UntagRole UpdateAssumeRolePolicy UpdateRoleDescription",
        _iam(*_ALERTS_OWN, "instance-profile/rampart-cloudwatch-agent"),
        also="iam:DeleteInstanceProfile DeleteRole DeleteRolePolicy ListRoleTags RemoveRoleFromInstanceProfile "
        "TagRole UntagRole UpdateAssumeRolePolicy UpdateRoleDescription",
    ),
    Grant(
        "RolesOnlyForTheFunctionAndTheAgents",
        "iam:PassRole",
        _iam(*_ALERTS_OWN),
        {"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com", "lambda.amazonaws.com"]}},
    ),
    Grant(
        "Function",
        "lambda:AddPermission CreateFunction DeleteFunction GetFunction GetFunctionConfiguration GetPolicy "
        "ListTags RemovePermission TagResource UntagResource UpdateFunctionCode UpdateFunctionConfiguration",
        ("arn:aws:lambda:*:ACCOUNT:function:rampart-*",),
        also="lambda:DeleteFunction GetFunctionConfiguration ListTags RemovePermission TagResource UntagResource "
        "UpdateFunctionCode UpdateFunctionConfiguration",
    ),
    Grant(
        "LogGroups",
        "logs:AssociateKmsKey CreateLogGroup DeleteLogGroup DeleteRetentionPolicy DeleteSubscriptionFilter "
        "DescribeSubscriptionFilters DisassociateKmsKey ListTagsForResource PutRetentionPolicy "
        "PutSubscriptionFilter TagResource UntagResource",
        (
            "arn:aws:logs:*:ACCOUNT:log-group:/rampart/*",
            "arn:aws:logs:*:ACCOUNT:log-group:/aws/lambda/rampart-*",
        ),
        also="logs:AssociateKmsKey DeleteLogGroup DeleteRetentionPolicy DeleteSubscriptionFilter "
        "DisassociateKmsKey TagResource UntagResource",
    ),
    Grant(
        "Topic",
        "sns:CreateTopic DeleteTopic GetTopicAttributes ListSubscriptionsByTopic ListTagsForResource "
        "SetTopicAttributes Subscribe TagResource UntagResource",
        ("arn:aws:sns:*:ACCOUNT:rampart-*",),
        also="sns:DeleteTopic SetTopicAttributes Subscribe TagResource UntagResource",
    ),
    Grant("EndSubscriptions", "", also="sns:Unsubscribe"),
    Grant(
        "DeadLetters",
        "sqs:CreateQueue DeleteQueue GetQueueAttributes GetQueueUrl ListQueueTags SetQueueAttributes TagQueue "
        "UntagQueue",
        ("arn:aws:sqs:*:ACCOUNT:rampart-*",),
        also="sqs:DeleteQueue TagQueue UntagQueue",
    ),
    Grant(
        "Webhook",
        "ssm:AddTagsToResource DeleteParameter GetParameter ListTagsForResource PutParameter RemoveTagsFromResource",
        ("arn:aws:ssm:*:ACCOUNT:parameter/rampart/*",),
        also="ssm:AddTagsToResource DeleteParameter RemoveTagsFromResource",
    ),
    Grant(
        "ProfilesOfInstances",
        "ec2:AssociateIamInstanceProfile DisassociateIamInstanceProfile",
        ("arn:aws:ec2:*:ACCOUNT:instance/*",),
        also="ec2:DisassociateIamInstanceProfile",
    ),
)


def size(document: Policy) -> int:
    """Characters as IAM counts them: without what is between the words."""
    return len(json.dumps(document, separators=(",", ":")))


def merged(document: Policy, made: Policy, grants: Iterable[Grant]) -> Policy:
    """The document with the statements that were made in place of its own of the same names; all others stay."""
    ours = {grant.sid for grant in grants}
    statements = {each["Sid"]: each for each in made["Statement"]}
    kept = [
        statements.pop(each["Sid"]) if each["Sid"] in statements else each
        for each in document["Statement"]
        if each["Sid"] in statements or each["Sid"] not in ours
    ]
    return {**document, "Statement": [*kept, *statements.values()]}


POLICIES: Mapping[str, Sequence[Grant]] = {
    "controller": CONTROLLER,
    "backup": BACKUP,
    "restore": RESTORE,
    "alerts": ALERTS,
}


def written(document: Policy) -> str:
    """The policy as a file."""
    return json.dumps(document, indent=2) + "\n"
