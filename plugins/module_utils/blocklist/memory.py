# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""What the blocklist remembers between two runs, in an S3 bucket of the account that the IP sets are in.

  <name>/state.json.gz                        each host's bans as it told them last, and each feed's last good content
  <name>/lifted/<address>_<length>/<until>    a lifted network; the key says all, the object says why

There because a controller may be a container that is gone when its run is over, while whoever may write the IP sets can
reach AWS by definition. Lifts are objects of their own, so that lifting and blocking at one time cannot lose one.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from typing import Any

from ansible_collections.rampart.ops.plugins.module_utils.aws.calls import Caller, CallError, Deadline
from ansible_collections.rampart.ops.plugins.module_utils.aws.model import InvalidError
from ansible_collections.rampart.ops.plugins.module_utils.blocklist.model import State, state_of
from ansible_collections.rampart.ops.plugins.module_utils.wafv2.addresses import AddressError, Network, parse

_TRANSIENT = frozenset({"InternalError", "OperationAborted", "SlowDown"})
_REMEDIES = {
    "AccessDenied": "give these credentials s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket; a bucket of "
    "another account is refused too",
    "BucketAlreadyExists": "the name is another account's: choose one with block_bucket",
}


def account_of(client: Any, deadline: Deadline) -> str:
    """The account of these credentials."""
    return str(Caller(client, deadline).call("get_caller_identity", "ask whose account this is")["Account"])


class Memory:
    """The memory of one pair of sets."""

    def __init__(self, client: Any, deadline: Deadline, bucket: str, account: str, name: str) -> None:
        self._caller = Caller(client, deadline, _TRANSIENT, remedies=_REMEDIES)
        self._region = client.meta.region_name
        self._bucket = bucket
        # Somebody else could have taken the name.
        self._where = {"Bucket": bucket, "ExpectedBucketOwner": account}
        self._state = f"{name}/state.json.gz"
        self._lifted = f"{name}/lifted/"

    def load(self) -> State | None:
        """What was remembered; None before the first run."""
        try:
            answer = self._caller.call("get_object", f"read {self._url(self._state)}", Key=self._state, **self._where)
        except CallError as error:
            if error.code in ("NoSuchKey", "NoSuchBucket"):
                return None
            raise
        try:
            return state_of(json.loads(gzip.decompress(answer["Body"].read())))
        except (OSError, EOFError, ValueError) as error:
            raise InvalidError(
                f"{self._url(self._state)} cannot be used: {error}. Nothing was changed. Put back an earlier one, or "
                "remove it and run while all hosts can be asked"
            ) from None

    def save(self, state: State) -> None:
        text = json.dumps(state.data(), separators=(",", ":"))
        self._put(self._state, gzip.compress(text.encode(), compresslevel=4, mtime=0))

    def lifted(self, now: str) -> dict[Network, str]:
        """The networks that are lifted at a point of time, and until when."""
        return {network: until for network, until, _key in self._lifts() if until > now}

    def lift(self, network: Network, until: str, reason: str) -> None:
        key = f"{self._lifted}{str(network).replace('/', '_')}/{until}"
        self._put(key, json.dumps({"reason": reason}).encode())

    def end_lifts(self, networks: Iterable[Network], now: str) -> None:
        """Forget the lifts of these networks, and those that are over."""
        ending = set(networks)
        for network, until, key in self._lifts():
            if network in ending or until <= now:
                self._caller.call("delete_object", f"remove {self._url(key)}", Key=key, **self._where)

    def _lifts(self) -> list[tuple[Network, str, str]]:
        found = []
        page = {"Prefix": self._lifted, **self._where}
        while True:
            try:
                answer = self._caller.call("list_objects_v2", f"list {self._url(self._lifted)}", **page)
            except CallError as error:
                if error.code == "NoSuchBucket":
                    return []
                raise
            for item in answer.get("Contents", []):
                name, _slash, until = item["Key"][len(self._lifted) :].partition("/")
                try:
                    found.append((parse(name.replace("_", "/")), until, item["Key"]))
                except AddressError:
                    raise InvalidError(f"{self._url(item['Key'])} is not of this project: remove it") from None
            if not answer.get("IsTruncated"):
                return found
            page["ContinuationToken"] = answer["NextContinuationToken"]

    def _put(self, key: str, body: bytes) -> None:
        request = {"Key": key, "Body": body, **self._where}
        purpose = f"write {self._url(key)}"
        try:
            self._caller.call("put_object", purpose, **request)
        except CallError as error:
            if error.code != "NoSuchBucket":
                raise
            # S3 makes new buckets private and encrypted by itself.
            # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html: not for us-east-1
            place = {} if self._region == "us-east-1" else {"LocationConstraint": self._region}
            made = {"CreateBucketConfiguration": place} if place else {}
            try:
                self._caller.call("create_bucket", f"create the bucket {self._bucket}", Bucket=self._bucket, **made)
            except CallError as refused:
                if refused.code != "BucketAlreadyOwnedByYou":  # another run was faster
                    raise
            self._caller.call("put_object", purpose, **request)

    def _url(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"
