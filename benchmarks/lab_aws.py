#!/usr/bin/env python3
# Copyright (c) 2026, The Rampart developers
# SPDX-License-Identifier: Apache-2.0
"""How fast the lab's AWS is: start-up, calls a second, and what its strictness costs beside plain moto.

Run from the repository: .venv/bin/python benchmarks/lab_aws.py [--calls N]. It prints a table and exits with 1 if a
target is missed: ready within 3 s, 200 simple calls a second, validation below 20 % of a call.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lab.aws.testing import REPO, Aws, Region

CALLS = {
    "wafv2 ListIPSets": ("wafv2", "AWSWAF_20190729.ListIPSets", b'{"Scope": "REGIONAL"}', "1.1"),
    "logs DescribeLogGroups": ("logs", "Logs_20140328.DescribeLogGroups", b"{}", "1.1"),
}


def raw_caller(url: str, key: str, service: str, target: str, body: bytes, version: str) -> Callable[[], None]:
    """One HTTP request without boto3, whose own cost (some 2 ms) would hide the server's."""
    parts = urlsplit(url)
    headers = {
        "Content-Type": f"application/x-amz-json-{version}",
        "X-Amz-Target": target,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={key}/20260101/ap-northeast-2/{service}/aws4_request, "
        "SignedHeaders=host, Signature=0",
    }

    def call() -> None:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status != 200:
            raise SystemExit(f"{target}: {answer.status} {text!r}")

    return call


def milliseconds(call: Callable[[], Any], count: int) -> float:
    """The median time of a call; the first ones, which load models, do not count."""
    for _ in range(5):
        call()
    times = []
    for _ in range(count):
        began = time.perf_counter()
        call()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def start_up(runs: int) -> float:
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        region = Region()
        taken.append(time.perf_counter() - began)
        region.stop()
    return statistics.median(taken)


class PlainMoto:
    """moto's own server, to compare with."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=REPO,
        )
        for _ in range(200):
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
                connection.connect()
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("moto's server does not answer")


def validation_share() -> tuple[float, float]:
    """(ms to decode and validate a rule group of 20 rules, ms for a simple request), measured in this process."""
    from moto.core.request import Request
    from moto.core.utils import get_service_model

    from lab.aws import decoding, validation, wire

    model = get_service_model("wafv2")
    validator = validation.Validator()

    def judged(name: str, body: bytes) -> Callable[[], None]:
        operation = model.operation_model(name)
        target = wire.Target("wafv2", "json", model, operation, {})
        environ = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "REQUEST_METHOD": "POST"}

        def judge() -> None:
            request = Request(wire.rewound(environ, body))
            found = validator.problems(operation, decoding.wire_parameters(target, request))
            if found:
                raise SystemExit(f"{name}: {found}")

        return judge

    visible = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "m"}
    rule = {"Statement": {"GeoMatchStatement": {"CountryCodes": ["DE"]}}, "Action": {"Block": {}}}
    rules = [{"Name": f"r{n}", "Priority": n, "VisibilityConfig": visible, **rule} for n in range(20)]
    big = {"Scope": "REGIONAL", "Rules": rules}
    count = 300
    return (
        milliseconds(judged("CheckCapacity", json.dumps(big).encode()), count),
        milliseconds(judged("ListIPSets", b'{"Scope": "REGIONAL"}'), count),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=400, help="calls of each kind (400)")
    options = parser.parse_args()

    ready = start_up(3)
    region, moto = Region(), PlainMoto(5999)
    rows, missed = [("ready after", f"{ready:.2f} s", "3 s")], []
    try:
        slowest = 0.0
        for name, (service, target, body, version) in CALLS.items():
            ours = milliseconds(raw_caller(region.url, "AKIALAB_bench", service, target, body, version), options.calls)
            plain = milliseconds(raw_caller(moto.url, "AKIAEXAMPLE", service, target, body, version), options.calls)
            slowest = max(slowest, ours)
            rows.append((name, f"{ours:.2f} ms = {1000 / ours:.0f}/s", f"plain moto {plain:.2f} ms"))
        waf = Aws(region, "bench").client("wafv2")
        addresses = [f"10.{n >> 8}.{n & 255}.0/24" for n in range(10_000)]
        began = time.perf_counter()
        waf.create_ip_set(Name="big", Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=addresses)
        rows.append(("CreateIPSet of 10,000", f"{(time.perf_counter() - began) * 1000:.0f} ms", "through boto3"))
        big, small = validation_share()
        share = small / slowest * 100
        rows.append(("validation of a simple call", f"{small:.3f} ms = {share:.1f} %", "20 %"))
        rows.append(("validation of 20 WAF rules", f"{big:.2f} ms", ""))
        status = Path(f"/proc/{region.process.pid}/status").read_text()
        resident = next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]
        rows.append(("resident memory", f"{int(resident) // 1024} MB", ""))
    finally:
        region.stop()
        moto.process.terminate()
        moto.process.wait()
    for name, value, note in rows:
        print(f"{name:<30} {value:<24} {note}")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    if ready > 3:
        missed.append("start-up")
    if slowest > 5:
        missed.append("200 calls a second")
    if share > 20:
        missed.append("validation below 20 %")
    if missed:
        print("missed: " + ", ".join(missed))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
