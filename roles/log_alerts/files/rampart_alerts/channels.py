# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""The ways out: a Slack webhook, and an SNS topic. A message either arrives, or is to be tried again, or never will."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

from . import message

TIMEOUT = 4  # seconds for an answer
PATIENCE = 3  # seconds that a 429 may ask for and is waited for here; longer ones wait for the next round
SUBJECT = 100  # API_Publish: "must be less than 100 characters long", ASCII


class LaterError(Exception):
    """It did not arrive, or nobody knows: try again. The text never holds the webhook's address, which is a secret."""


class NeverError(Exception):
    """The receiver refuses this very message, and will for ever."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any) -> None:
        """A webhook's address is not carried elsewhere."""


class Slack:
    """An incoming webhook, or what takes the same body. Its address is read from a SecureString when first needed."""

    name = "slack"
    pause = 1.0  # docs.slack.dev, rate limits: about one message a second

    def __init__(self, ssm: Any, parameter: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._ssm = ssm
        self._parameter = parameter
        self._sleep = sleep
        self._url = ""
        self._opener = urllib.request.build_opener(_NoRedirects)

    def send(self, text: str) -> None:
        body = json.dumps(message.slack(text), ensure_ascii=False).encode()
        wait = self._post(body)
        if wait is not None:
            self._sleep(wait)
            if self._post(body) is not None:
                raise LaterError("Slack answered 429 again")

    def _post(self, body: bytes) -> float | None:
        """None if it arrived, or how many seconds to wait."""
        headers = {"Content-Type": "application/json; charset=utf-8"}
        try:
            request = urllib.request.Request(self._address(), data=body, headers=headers)  # noqa: S310 - as declared
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                answer.read()
            return None
        except urllib.error.HTTPError as error:
            return self._refused(error)
        except (OSError, http.client.HTTPException, ValueError) as error:
            # Not the error's own words: some of them repeat the address.
            raise LaterError(f"no answer from Slack ({type(error).__name__})") from None

    def _refused(self, error: urllib.error.HTTPError) -> float:
        wait = error.headers.get("Retry-After", "")
        if error.code == 429 and wait.isdigit() and int(wait) <= PATIENCE:
            return float(wait)
        if error.code == 400:
            raise NeverError("Slack answered 400: it does not take this message") from None
        if error.code in (403, 404, 410):
            self._url = ""  # it may have been replaced
        raise LaterError(f"Slack answered {error.code}") from None

    def _address(self) -> str:
        if not self._url:
            answer = self._ssm.get_parameter(Name=self._parameter, WithDecryption=True)
            url = answer["Parameter"]["Value"].strip()
            if urllib.parse.urlsplit(url).scheme not in ("https", "http"):
                raise LaterError(f"the parameter {self._parameter} holds no address")
            self._url = url
        return self._url


class Mail:
    """An SNS topic, to which people subscribe by mail."""

    name = "mail"
    pause = 0.0

    def __init__(self, sns: Any, topic_arn: str) -> None:
        self._sns = sns
        self._topic_arn = topic_arn

    def send(self, text: str) -> None:
        subject = text.partition("\n")[0].encode("ascii", "replace").decode()[: SUBJECT - 1].strip()
        subject = "Alert" if subject.count("?") > len(subject) // 3 else subject
        try:
            self._sns.publish(TopicArn=self._topic_arn, Subject=subject, Message=text)
        except self._sns.exceptions.InvalidParameterException as error:
            raise NeverError(f"SNS does not take this message: {error}") from None
