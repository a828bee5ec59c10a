# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The errors of AWS WAF, in its words."""

from __future__ import annotations

from lab.aws.errors import AwsError

FORMAT = "The parameter contains formatting that is not valid."
REFERENCE = "A reference in your rule statement is not valid."
EXACTLY_ONE = "You have used none or multiple values for a field that requires exactly one value."
THRESHOLD = (
    "You haven't met a minimum requirement for a threshold setting. Examples include a rule group capacity setting "
    "that's too low and an OR statement with only one nested statement."
)
CAPACITY = "You exceeded the capacity limit for a rule group or web ACL."
SCOPE = "The scope is not valid."


def invalid(reason: str, field: str, parameter: str) -> AwsError:
    message = f"Error reason: {reason}, field: {field}, parameter: {parameter}"
    return AwsError("WAFInvalidParameterException", message, 400, Field=field, Parameter=parameter, Reason=reason)


def duplicate() -> AwsError:
    message = "some resource in your request is a duplicate of an existing one."
    return AwsError("WAFDuplicateItemException", f"AWS WAF couldn\u2019t perform the operation because {message}", 400)


def missing() -> AwsError:
    message = "AWS WAF couldn\u2019t perform the operation because your resource doesn\u2019t exist."
    return AwsError("WAFNonexistentItemException", message, 400)


def in_use() -> AwsError:
    message = "your resource is being used by another resource or it\u2019s associated with another resource."
    return AwsError("WAFAssociatedItemException", f"AWS WAF couldn\u2019t perform the operation because {message}", 400)


def limit() -> AwsError:
    message = "AWS WAF couldn\u2019t perform the operation because you exceeded your resource limit."
    return AwsError("WAFLimitsExceededException", message, 400)
