"""The few CloudWatch calls the stand-in makes, over plain HTTP with a request that names its key but is not signed."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

TIMEOUT = 30
SIGNATURE = "0" * 64  # a constant: the lab knows the caller by the access key id and verifies no signature


class ApiError(Exception):
    """The service refused a call; code is AWS's error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass(frozen=True)
class Client:
    """One service at one endpoint. credentials is asked at every call, so rotated keys are picked up."""

    service: str
    endpoint: str
    region: str
    credentials: Callable[[], tuple[str, str]]

    def json(self, target: str, body: dict[str, Any]) -> dict[str, Any]:
        """A call of the JSON 1.1 protocol (CloudWatch Logs)."""
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
        reply = self._post(json.dumps(body).encode(), headers)
        return dict(json.loads(reply)) if reply else {}

    def query(self, action: str, version: str, parameters: dict[str, str]) -> None:
        """A call of the query protocol (CloudWatch metrics)."""
        body = urllib.parse.urlencode({"Action": action, "Version": version, **parameters}).encode()
        self._post(body, {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})

    def _post(self, body: bytes, headers: dict[str, str]) -> bytes:
        key, token = self.credentials()
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        scope = f"{key}/{stamp[:8]}/{self.region}/{self.service}/aws4_request"
        signature = f"SignedHeaders=host;x-amz-date, Signature={SIGNATURE}"
        signed = {
            **headers,
            "X-Amz-Date": stamp,
            "User-Agent": "CWAgent/stand-in",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, {signature}",
            **({"X-Amz-Security-Token": token} if token else {}),
        }
        request = urllib.request.Request(self.endpoint, data=body, headers=signed)  # noqa: S310 - endpoint_override
        opener = urllib.request.build_opener()  # through the proxies of the environment
        try:
            with opener.open(request, timeout=TIMEOUT) as reply:
                content: bytes = reply.read()
                return content
        except urllib.error.HTTPError as error:
            raise _api_error(error) from error


def _api_error(error: urllib.error.HTTPError) -> ApiError:
    text = error.read().decode(errors="replace")
    try:
        body = json.loads(text)
        return ApiError(str(body.get("__type", error.code)).rpartition("#")[2], str(body.get("message", "")))
    except (ValueError, AttributeError):
        return ApiError(str(error.code), text[:200])


class LogStream:
    """One log stream: creates its group and itself when they are missing, and puts events in."""

    def __init__(self, client: Client, group: str, stream: str, retention: int) -> None:
        self.client = client
        self.group = group
        self.stream = stream
        self.retention = retention

    def put(self, events: list[tuple[int, str]]) -> dict[str, Any]:
        """Put the events (milliseconds, message), oldest first; what the service rejected is in the reply."""
        body = {
            "logGroupName": self.group,
            "logStreamName": self.stream,
            "logEvents": [{"timestamp": stamp, "message": text} for stamp, text in sorted(events, key=lambda e: e[0])],
        }
        try:
            return self._call("PutLogEvents", body)
        except ApiError as error:
            if error.code != "ResourceNotFoundException":
                raise
        self._create()
        return self._call("PutLogEvents", body)

    def _create(self) -> None:
        group = {"logGroupName": self.group}
        if self._missing("CreateLogGroup", group) and self.retention > 0:
            self._call("PutRetentionPolicy", {**group, "retentionInDays": self.retention})
        self._missing("CreateLogStream", {**group, "logStreamName": self.stream})

    def _missing(self, action: str, body: dict[str, Any]) -> bool:
        """Create it; False when somebody else already had."""
        try:
            self._call(action, body)
        except ApiError as error:
            if error.code != "ResourceAlreadyExistsException":
                raise
            return False
        return True

    def _call(self, action: str, body: dict[str, Any]) -> dict[str, Any]:
        return self.client.json(f"Logs_20140328.{action}", body)
