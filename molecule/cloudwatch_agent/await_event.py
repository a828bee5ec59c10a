"""await_event.py GROUP STREAM TEXT...: wait until CloudWatch Logs has the text; print its events as JSON."""

from __future__ import annotations

import json
import sys
import time

import boto3

SECONDS = 30


def events(group: str, stream: str, text: str) -> list[str]:
    logs = boto3.client("logs")
    try:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, logStreamNames=[stream])
        return [event["message"] for page in pages for event in page["events"] if text in event["message"]]
    except logs.exceptions.ResourceNotFoundException:
        return []


def main() -> None:
    group, stream, text = sys.argv[1], sys.argv[2], " ".join(sys.argv[3:])
    deadline = time.monotonic() + SECONDS
    while not (found := events(group, stream, text)):
        if time.monotonic() > deadline:
            sys.exit(f"not in {group}/{stream} after {SECONDS} s: {text}")
        time.sleep(0.5)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
