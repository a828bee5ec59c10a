# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""Who is calling: the access key chooses the account; a key nobody issued and a region that is none are refused."""

from __future__ import annotations

import functools
import hashlib
import re
from dataclasses import dataclass
from urllib.parse import parse_qs

from botocore.loaders import Loader

from lab.aws.errors import AwsError

LAB_KEY = re.compile(r"AKIALAB_([A-Za-z0-9][A-Za-z0-9_-]{0,63})")
_SCOPE = re.compile(r"Credential=([^/,\s]+)/(\d{8})/([^/,\s]*)/([^/,\s]+)/aws4_request")


@dataclass(frozen=True)
class Credential:
    """What the signature says about the request, before any of it is believed."""

    access_key: str
    region: str
    signing_name: str


def account_id(name: str) -> str:
    """The account of a lab name: 12 digits, always the same, never with a leading zero (YAML would eat it)."""
    digest = int.from_bytes(hashlib.sha256(name.lower().encode()).digest()[:8], "big")
    return str(10**11 + digest % (9 * 10**11))


def account_of(name_or_id: str) -> str:
    """An account as a person writes it: its id, or the name in AKIALAB_<name>."""
    return name_or_id if re.fullmatch(r"\d{12}", name_or_id) else account_id(name_or_id)


def credential(authorization: str, query: str) -> Credential | None:
    """The credential scope of a signed request (header or presigned URL); None when it is not signed."""
    match = _SCOPE.search(authorization)
    if match is None and "X-Amz-Credential" in query:
        presigned = parse_qs(query).get("X-Amz-Credential", [""])[0]
        match = _SCOPE.search(f"Credential={presigned}")
    return Credential(match[1], match[3], match[4]) if match else None


@functools.cache
def regions() -> frozenset[str]:
    """Every region that botocore's endpoint data names."""
    data = Loader().load_data("endpoints")
    return frozenset(region for partition in data["partitions"] for region in partition["regions"])


class Accounts:
    """Access keys that are valid here: the lab's own names, and what moto's IAM and STS have issued."""

    def __init__(self) -> None:
        self._sessions: dict[str, str] = {}

    def resolve(self, access_key: str) -> str | None:
        lab = LAB_KEY.fullmatch(access_key)
        if lab:
            return account_id(lab[1])
        return self._sessions.get(access_key) or _issued_by_iam(access_key)

    def remember_session(self, access_key: str, account: str) -> None:
        """STS gave out a temporary key: from now on it acts for that account."""
        self._sessions[access_key] = account


def _issued_by_iam(access_key: str) -> str | None:
    from moto.iam.models import iam_backends

    for account, partitions in list(iam_backends.items()):
        for backend in list(partitions.values()):
            key = backend.access_keys.get(access_key)
            if key is not None and key.status == "Active":
                return str(account)
    return None


# How each protocol refuses: IAM User Guide, "Troubleshoot general access", and the common-error pages of the services.
def not_signed(protocol: str) -> AwsError:
    if protocol in ("json", "rest-json"):
        return AwsError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
    if protocol == "ec2":
        return AwsError("MissingParameter", "The request must contain the parameter AWSAccessKeyId", 400)
    return AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)


def invalid_key(protocol: str, service: str) -> AwsError:
    if service == "s3":
        return AwsError("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403)
    if protocol == "ec2":
        return AwsError("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
    message = "The security token included in the request is invalid."
    if protocol in ("json", "rest-json"):
        return AwsError("UnrecognizedClientException", message, 400 if protocol == "json" else 403)
    return AwsError("InvalidClientTokenId", message, 403)


def invalid_region(protocol: str, service: str, region: str) -> AwsError:
    message = f"Credential should be scoped to a valid region, not '{region}'."
    if service == "s3":
        return AwsError("AuthorizationHeaderMalformed", f"The authorization header is malformed; {message}", 400)
    if protocol == "ec2":
        return AwsError("AuthFailure", message, 401)
    if protocol in ("json", "rest-json"):
        return AwsError("InvalidSignatureException", message, 400 if protocol == "json" else 403)
    return AwsError("SignatureDoesNotMatch", message, 403)
