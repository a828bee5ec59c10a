"""A small part of the host's metrics: how much of CPU, memory and the root file system is used."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from .cloudwatch import ApiError, Client
from .configuration import Config, ConfigError

API_VERSION = "2010-08-01"
INTERVAL = 60


def used_percent(wanted: set[str], previous: tuple[int, int]) -> tuple[dict[str, float], tuple[int, int]]:
    """Values of the wanted sections (cpu, mem, disk), and the CPU's counters for the next time."""
    with Path("/proc/stat").open() as stat:
        ticks = [int(field) for field in stat.readline().split()[1:9]]
    counters = (sum(ticks), ticks[3] + ticks[4])
    values: dict[str, float] = {}
    elapsed = counters[0] - previous[0]
    if "cpu" in wanted and previous[0] and elapsed:
        values["cpu_usage_active"] = 100.0 * (1 - (counters[1] - previous[1]) / elapsed)
    if "mem" in wanted:
        with Path("/proc/meminfo").open() as meminfo:
            memory = {line.split(":")[0]: int(line.split()[1]) for line in meminfo}
        values["mem_used_percent"] = 100.0 * (1 - memory["MemAvailable"] / memory["MemTotal"])
    if "disk" in wanted:
        root = os.statvfs("/")
        used = root.f_blocks - root.f_bfree
        values["disk_used_percent"] = 100.0 * used / (used + root.f_bavail)
    return values, counters


def dimensions(name: str, collected: Config, omit_hostname: bool) -> dict[str, str]:
    """The dimensions of a metric: the host's name unless it is to be left out, and what its section appends."""
    own = collected.get(name.partition("_")[0], {}).get("append_dimensions", {})
    named = {**({} if omit_hostname else {"host": os.uname().nodename}), **own}
    members = enumerate(sorted(named.items()), start=1)
    return {
        f"Dimensions.member.{number}.{part}": text
        for number, pair in members
        for part, text in zip(("Name", "Value"), pair, strict=True)
    }


def publish(client: Client, section: Config, interval: float, omit_hostname: bool, stop: threading.Event) -> None:
    """Put the metrics every interval. A value that cannot be put is gone: the next one tells as much."""
    collected = section.get("metrics_collected", {})
    wanted = set(collected)
    namespace = section.get("namespace", "CWAgent")
    _, counters = used_percent(set(), (0, 0))
    while not stop.wait(interval):
        values, counters = used_percent(wanted, counters)
        parameters = {"Namespace": namespace}
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        for index, (name, value) in enumerate(values.items(), start=1):
            datum = {"MetricName": name, "Value": f"{value:.3f}", "Unit": "Percent", "Timestamp": stamp}
            datum |= dimensions(name, collected, omit_hostname)
            parameters |= {f"MetricData.member.{index}.{key}": item for key, item in datum.items()}
        try:
            if values:
                client.query("PutMetricData", API_VERSION, parameters)
        except (ApiError, ConfigError, OSError) as error:
            print(f"W! metrics not published: {error}", flush=True)
