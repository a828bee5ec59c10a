"""amazon-cloudwatch-agent: one thread per log source, and one for the host's metrics."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import configuration, metrics, paths, sources
from .cloudwatch import ApiError, Client, LogStream

FLUSH_INTERVAL = 5
RETRY_MAX = 10
# Codes by which the service says that this very batch will never be taken. Anything else is tried again.
HOPELESS = ("InvalidParameterException", "SerializationException", "ValidationException")
SUPPORTED_METRICS = {"cpu", "mem", "disk"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="amazon-cloudwatch-agent", description="STAND-IN of the lab")
    parser.add_argument("-config", "--config", type=Path, required=True)
    parser.add_argument("-envconfig", "--envconfig", type=Path)
    parser.add_argument("-pidfile", "--pidfile", type=Path)
    parser.add_argument("-schematest", "--schematest", action="store_true")
    options = parser.parse_args()
    try:
        settings = json.loads(options.config.read_text().partition("\n")[2])
        config, runtime = settings["config"], settings["runtime"]
        os.environ.update(json.loads((options.envconfig or options.config.with_name("env-config.json")).read_text()))
    except (OSError, ValueError, KeyError) as error:
        print(f"E! {options.config} cannot be read: {error}", file=sys.stderr)
        return 1
    if options.schematest:
        return 0
    if options.pidfile:
        options.pidfile.write_text(str(os.getpid()))
    _log_to_file()
    run(config, runtime)
    return 0


def run(config: configuration.Config, runtime: dict[str, str]) -> None:
    """Start the threads and wait for SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    print(f"I! STAND-IN of the Amazon CloudWatch agent {paths.version()} in region {runtime['region']}", flush=True)
    threads = [threading.Thread(target=work) for work in _works(config, runtime, stop)]
    for thread in threads:
        thread.start()
    stop.wait()
    for thread in threads:
        thread.join()


def ship(source: sources.Source, stream: LogStream, interval: float, stop: threading.Event) -> None:
    """Read, put, commit. A batch that cannot be put now stays here, and what follows stays in the source."""
    while not stop.is_set():
        events = sources.batch(source, interval, stop, time.monotonic)
        if events and put(stream, events, stop):
            source.commit()
    source.close()


def put(stream: LogStream, events: list[sources.Event], stop: threading.Event) -> bool:
    """Put until the service has taken (or finally refused) the batch; False when told to stop before that."""
    delay = 1
    while True:
        try:
            reply = stream.put(events)
        except (ApiError, configuration.ConfigError, OSError) as error:
            print(f"E! {stream.group}/{stream.stream}: {error}", flush=True)
            if isinstance(error, ApiError) and error.code in HOPELESS:
                return True
        else:
            if rejected := reply.get("rejectedLogEventsInfo"):
                print(f"W! {stream.group}/{stream.stream}: rejected {rejected}", flush=True)
            return True
        if stop.wait(delay):
            return False
        delay = min(delay * 2, RETRY_MAX)


def _works(config: configuration.Config, runtime: dict[str, str], stop: threading.Event) -> Iterator[Any]:
    """One function per thread."""
    logs = config.get("logs", {})
    interval = float(logs.get("force_flush_interval", FLUSH_INTERVAL))
    client = _client("logs", logs, runtime)
    collected = logs.get("logs_collected", {})
    for kind in ("files", "journald"):
        for entry in collected.get(kind, {}).get("collect_list", []):
            source = _source(kind, entry)
            stream = LogStream(client, *_names(entry, logs, runtime), entry.get("retention_in_days", -1))
            print(f"I! {kind} {entry} -> {stream.group}/{stream.stream}", flush=True)
            yield lambda source=source, stream=stream: ship(source, stream, interval, stop)
    section = config.get("metrics", {})
    wanted = set(section.get("metrics_collected", {}))
    for name in sorted((wanted - SUPPORTED_METRICS) | set(config) & {"traces", "opentelemetry"}):
        print(f"W! the stand-in does not collect {name}", flush=True)
    if wanted & SUPPORTED_METRICS:
        every = float(config.get("agent", {}).get("metrics_collection_interval", metrics.INTERVAL))
        monitoring = _client("monitoring", section, runtime)
        omit_hostname = bool(config.get("agent", {}).get("omit_hostname"))
        yield lambda: metrics.publish(monitoring, section, every, omit_hostname, stop)


def _source(kind: str, entry: dict[str, Any]) -> sources.Source:
    filters = sources.Filters(entry.get("filters", []))
    identity = hashlib.sha256(json.dumps([kind, entry], sort_keys=True).encode()).hexdigest()[:16]
    paths.STATE.mkdir(mode=0o750, exist_ok=True)
    state = sources.State(paths.STATE / f"{kind}-{identity}.json")
    if kind == "files":
        return sources.FileSource(entry["file_path"], state, filters)
    return sources.JournalSource(sources.journal_options(entry), state, filters)


def _client(service: str, section: configuration.Config, runtime: dict[str, str]) -> Client:
    region = runtime["region"]
    endpoint = section.get("endpoint_override") or f"https://{service}.{region}.amazonaws.com"
    file = Path(runtime["shared_credential_file"]) if runtime["shared_credential_file"] else None
    return Client(
        service=service,
        endpoint=endpoint if "://" in endpoint else f"https://{endpoint}",
        region=region,
        credentials=lambda: configuration.keys(runtime["profile"], file),
    )


def _names(entry: dict[str, Any], logs: configuration.Config, runtime: dict[str, str]) -> tuple[str, str]:
    """Log group and stream, with the agent's placeholders filled in (no instance metadata in the lab)."""
    host = socket.gethostname()
    known = {"{instance_id}": "i-UNKNOWN", "{hostname}": host, "{local_hostname}": host}
    group = entry.get("log_group_name") or entry.get("file_path", "journald-logs").strip("/")
    stream = entry.get("log_stream_name") or logs.get("log_stream_name") or (
        "{hostname}" if runtime["mode"] == "onPremise" else "{instance_id}"
    )  # fmt: skip
    for placeholder, value in known.items():
        group, stream = group.replace(placeholder, value), stream.replace(placeholder, value)
    return group, stream


def _log_to_file() -> None:
    """The real agent's log goes to its file, not to the journal."""
    log = os.open(paths.LOG_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    os.close(log)
