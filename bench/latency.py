"""Latency under light load: from submitting a profile to its rows being readable."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import quantiles
from threading import Event, Thread
from typing import TYPE_CHECKING

from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition

from bench.cluster import PARTITIONS, Cluster, wait_until
from bench.engines import OURS
from bench.throughput import START_S, new_prefix

if TYPE_CHECKING:
    from pathlib import Path

    from streams.devstack import StackAddresses

PROFILES_A_SECOND = 300
# The exercise's own profiles, in turn.
PROFILES = ([21, 25, 28], [17], [17, 22, 17, 19, 17])
# The first profiles meet a group that has just been formed, and code in the broker that is not yet
# compiled.
WARM_UP_S = 15


@dataclass(frozen=True, slots=True)
class Latency:
    """What was measured, in milliseconds, of so many profiles."""

    profiles: int
    p50_ms: float
    p95_ms: float
    worst_ms: float


def measure_latency(
    stack: StackAddresses,
    directory: Path,
    processes: int,
    seconds: int,
    partitions: int = PARTITIONS,
) -> Latency:
    """Submit profiles at a steady rate, each a wall of its own, and wait for each one's rows.

    A profile's time begins when it is due, also if the submitter is late, and ends when a consumer
    has been handed its row on the overview, which is sent after its daily rows are acknowledged.

    Raises:
        Stuck: Some rows did not come.
    """
    cluster = Cluster(stack, new_prefix("latency"), partitions)
    running = OURS.start(cluster, processes, directory)
    arrivals = _Arrivals(cluster)
    try:
        cluster.wait_for_members(processes, running.alive, START_S)
        arrivals.start()
        due = _submit(cluster, seconds + WARM_UP_S)
        wait_until(
            lambda: running.alive() or len(arrivals.seen) >= len(due), 60, "a row of every profile"
        )
        skipped = WARM_UP_S * PROFILES_A_SECOND
        waits_ms = [
            1000 * (arrivals.seen[key] - begun) for key, begun in list(due.items())[skipped:]
        ]
    finally:
        arrivals.stop()
        running.stop()
        cluster.delete()
    percentiles = quantiles(waits_ms, n=100)
    return Latency(len(waits_ms), percentiles[49], percentiles[94], max(waits_ms))


def _submit(cluster: Cluster, seconds: int) -> dict[bytes, float]:
    """Submit; when each profile was due, by key."""
    producer = Producer(
        {
            "bootstrap.servers": cluster.stack.bootstrap_servers,
            "partitioner": "murmur2_random",
            "linger.ms": 0,
            "log_level": 4,
        }
    )
    due: dict[bytes, float] = {}
    begun = time.monotonic()
    for number in range(seconds * PROFILES_A_SECOND):
        wall, at = f"light{number:06d}", begun + number / PROFILES_A_SECOND
        record = {"wall": wall, "profile": 1, "heights": PROFILES[number % len(PROFILES)]}
        value = cluster.wire.encode("ProfileSubmitted", record)
        time.sleep(max(0.0, at - time.monotonic()))
        key = f"{wall}/1".encode()
        producer.produce(cluster.topics.profiles.name, value, key)
        producer.poll(0)
        due[key] = at
    producer.flush()
    return due


class _Arrivals:
    """When the overview row of each profile was handed to a consumer."""

    def __init__(self, cluster: Cluster) -> None:
        self.seen: dict[bytes, float] = {}
        self._cluster = cluster
        self._stopped = Event()
        self._thread = Thread(target=self._read, name="arrivals", daemon=True)
        self._consumer = Consumer(
            {
                "bootstrap.servers": cluster.stack.bootstrap_servers,
                "group.id": f"{cluster.prefix}-arrivals",
                "enable.auto.commit": False,
                "log_level": 4,
            }
        )
        name = cluster.topics.overview.name
        self._consumer.assign(
            [TopicPartition(name, p, OFFSET_END) for p in range(cluster.partitions)]
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        self._consumer.close()

    def _read(self) -> None:
        decode = self._cluster.wire.decode
        while not self._stopped.is_set():
            message = self._consumer.poll(0.1)
            if message is None or message.error() or b"/" not in message.key():
                continue
            if decode(message.value())[1]["state"] == "COMPLETE":
                self.seen.setdefault(message.key(), time.monotonic())
