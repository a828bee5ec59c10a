# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What can go wrong between us and EC2, in words that name the place, the cause and the remedy."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

with contextlib.suppress(ImportError):  # amazon.aws says so before any of it is used
    from botocore import exceptions as boto

KEYS = (
    "Check the credentials: AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the options of the same names."
)
NETWORK = (
    "Check regions and endpoint_url (environment: AWS_ENDPOINT_URL), the network and the proxy. "
    "Timeouts are set by aws_config."
)
RIGHTS = "Allow it in IAM, or set strict_permissions to false to leave out what is forbidden."

REMEDIES = {
    "AuthFailure": KEYS + " A region that the account has not enabled answers the same.",
    "InvalidClientTokenId": KEYS,
    "UnrecognizedClientException": KEYS,
    "SignatureDoesNotMatch": KEYS + " A wrong clock answers the same.",
    "ExpiredToken": "Renew the session: its token has expired.",
    "ExpiredTokenException": "Renew the session: its token has expired.",
    "RequestExpired": "Set this machine's clock: the request was signed for another time.",
    "OptInRequired": "Enable the region for the account, or take it out of regions.",
    "UnauthorizedOperation": RIGHTS,
    "AccessDenied": RIGHTS,
    "AccessDeniedException": RIGHTS,
    "InvalidParameterValue": "Check filters, include_filters and exclude_filters.",
    "FilterLimitExceeded": "Use fewer values in one filter.",
    "RequestLimitExceeded": "Run fewer jobs at a time, use the cache, or raise aws_config.retries.max_attempts.",
    "Throttling": "Run fewer jobs at a time, use the cache, or raise aws_config.retries.max_attempts.",
}
NOT_PERMITTED = {"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"}


@dataclass(eq=False)
class Trouble(Exception):
    """A part of the fleet that could not be read."""

    where: str
    cause: str
    remedy: str
    forbidden: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.cause.rstrip('.')}. {self.remedy}".rstrip()


def trouble(where: str, error: Exception) -> Trouble:
    """The trouble behind an exception of botocore or of reading an answer."""
    if isinstance(error, Trouble):
        return error
    if isinstance(error, boto.ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        return Trouble(where, str(error), REMEDIES.get(code, ""), code in NOT_PERMITTED)
    if isinstance(error, (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError)):
        return Trouble(where, str(error), KEYS)
    if isinstance(error, boto.ProfileNotFound):
        return Trouble(where, str(error), "Check profile (environment: AWS_PROFILE) against ~/.aws/config.")
    if isinstance(error, (boto.ConnectionError, boto.HTTPClientError, boto.InvalidRegionError, boto.NoRegionError)):
        return Trouble(where, str(error), NETWORK)
    return Trouble(where, f"{type(error).__name__}: {error}", "")
