"""Every metric: its name, unit, labels, and what counts it.

Three registries, so that no process exports what it never counts. A metric's label sets are made
when the process starts: a series that is born with its first value has no increase for it.
Children are looked up once, and what counts records is called once per batch.
"""

from __future__ import annotations

import asyncio
import platform
import time
from importlib.metadata import version
from typing import TYPE_CHECKING

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""Media type of what a scrape gets, with version and charset."""

# When a series was born is noise on a page of hundreds.
disable_created_metrics()  # type: ignore[no-untyped-call]

EVERY = REGISTRY
"""What every process exports; the client library's own `process_…` and `python_…` are here."""
WORKER = CollectorRegistry()
"""What workers export."""
WEB = CollectorRegistry()
"""What the web process exports."""

STATUSES = ("2xx", "3xx", "4xx", "5xx")

# Every process

BUILD_INFO = Gauge(
    "thewall_build_info",
    "1; the labels say what runs: version of the package, application version, version of Python",
    ["version", "application_version", "python"],
)
READY = Gauge("thewall_ready", "Whether /ready/ answers 200: 1, or 0")
EVENT_LOOP_LAG = Histogram(
    "thewall_event_loop_lag_seconds",
    "How late the event loop runs what is due, seen twice a second",
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5),
)
HTTP_REQUESTS = Counter(
    "thewall_http_requests",
    "Requests answered, by route as it is declared, and class of status",
    ["method", "route", "status"],
)
HTTP_SECONDS = Histogram(
    "thewall_http_request_seconds",
    "Time until a request's answer begins",
    ["route"],
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10),
)
REGISTRY_ERRORS = Counter(
    "thewall_registry_errors",
    "Calls to the schema registry that failed because it can't answer now, and are repeated",
)

# Workers: the pipeline

RECORDS = Counter("thewall_records", "Records that a stage has read", ["stage"], registry=WORKER)
BATCH_SIZE = Histogram(
    "thewall_batch_records",
    "Records in a batch that a stage has read",
    ["stage"],
    buckets=(1, 4, 16, 64, 256, 1024, 4096, 16384),
    registry=WORKER,
)
STAGE_SECONDS = Histogram(
    "thewall_stage_seconds",
    "Time that a stage took to compute a batch",
    ["stage"],
    buckets=(0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5),
    registry=WORKER,
)
DELIVERY_SECONDS = Histogram(
    "thewall_delivery_seconds",
    "Time from the begin of a batch until all that a stage has made of it is acknowledged",
    ["stage"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=WORKER,
)
BATCHES_IN_FLIGHT = Gauge(
    "thewall_batches_in_flight",
    "Batches that are computed, and whose messages are not all acknowledged",
    ["stage"],
    registry=WORKER,
)
END_TO_END = Histogram(
    "thewall_end_to_end_seconds",
    "Time from the submission of the event that gave a profile its plan, by the event's timestamp, "
    "until the rows of that plan are acknowledged",
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
    registry=WORKER,
)
DEAD_LETTERS = Counter(
    "thewall_dead_letters",
    "Records put on the dead-letter topic, by the topic that they came from and the kind of reason",
    ["topic", "reason"],
    registry=WORKER,
)

# Workers: the wall

SECTIONS_PLANNED = Counter(
    "thewall_sections_planned", "Sections that crews were told to build", registry=WORKER
)
SECTIONS_BUILT = Counter("thewall_sections_built", "Sections that crews built", registry=WORKER)
PROFILES_COMPLETED = Counter(
    "thewall_profiles_completed", "Plans of profiles completed", registry=WORKER
)
DAILY_ROWS = Counter(
    "thewall_daily_rows", "Rows written to the daily topic, tombstones included", registry=WORKER
)
DAYS_TOLD = Counter(
    "thewall_days_told", "Days of walls told as their clocks passed them", registry=WORKER
)

# Workers: the consumer group

REBALANCE_SECONDS = Histogram(
    "thewall_rebalance_seconds",
    "Time of a rebalance, until the worker is told its partitions",
    buckets=(0.1, 0.5, 1, 2.5, 5, 10, 30, 60),
    registry=WORKER,
)
RECOVERY_SECONDS = Histogram(
    "thewall_recovery_seconds",
    "Time from a rebalance until the tables are recovered and partitions are processed",
    buckets=(0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
    registry=WORKER,
)
RECOVERED_ROWS = Counter(
    "thewall_recovered_rows",
    "Changelog messages applied to a table in recovery",
    ["table"],
    registry=WORKER,
)
COMMIT_SECONDS = Histogram(
    "thewall_commit_seconds",
    "Time of a commit of offsets",
    buckets=(0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30),
    registry=WORKER,
)
COMMIT_FAILURES = Counter(
    "thewall_commit_failures", "Commits that the broker did not agree to", registry=WORKER
)

# The web process

REPLICA_AGE = Gauge("thewall_replica_age_seconds", "How old what is shown is at most", registry=WEB)
STREAM_CLIENTS = Gauge("thewall_stream_clients", "Clients that follow /api/stream", registry=WEB)


def note_build(application_version: int) -> None:
    """Say what runs in this process."""
    BUILD_INFO.labels(version("the-wall"), application_version, platform.python_version()).set(1)


async def watch_event_loop(interval_s: float = 0.5) -> None:
    """Look, for as long as the task lives, how late the event loop wakes it."""
    while True:
        due = time.perf_counter() + interval_s
        await asyncio.sleep(interval_s)
        EVENT_LOOP_LAG.observe(max(0.0, time.perf_counter() - due))


# Whoever asks can write any method and any path: these must not become labels.
NO_ROUTE = "none"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def expect_requests(routes: Iterable[tuple[str, str]]) -> None:
    """Make the series of requests by method and route."""
    for method, route in routes:
        HTTP_SECONDS.labels(route)
        for status in STATUSES:
            HTTP_REQUESTS.labels(method, route, status)


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    """Note a request, and how long its answer took to begin, in seconds."""
    known = method if method in METHODS else NO_ROUTE
    HTTP_REQUESTS.labels(known, route, f"{status // 100}xx").inc()
    HTTP_SECONDS.labels(route).observe(seconds)


def count_published(submitted_ms: int) -> None:
    """Note that the rows of a plan are acknowledged.

    Args:
        submitted_ms: When the event was submitted that gave the plan its version, in milliseconds
            since the epoch; 0 if that is not known.
    """
    if submitted_ms > 0:
        # Another machine's clock may be ahead of ours.
        END_TO_END.observe(max(0.0, time.time() - submitted_ms / 1000))


def expect_dead_letters(topics: Iterable[str], reasons: Iterable[str]) -> None:
    """Make the series of dead letters: an alert has to see the first one."""
    reasons = list(reasons)
    for topic in topics:
        for reason in reasons:
            DEAD_LETTERS.labels(topic, reason)


def exposition(*registries: CollectorRegistry) -> bytes:
    """What a scrape gets, in Prometheus' text format; takes a few milliseconds, in any thread."""
    return b"".join(map(generate_latest, registries))
