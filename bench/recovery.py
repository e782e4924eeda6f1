"""Recovery: how fast a worker reads its rows back from the changelog, and what they take up."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat
from typing import TYPE_CHECKING

import psutil
from confluent_kafka import Consumer, KafkaException, TopicPartition

from bench.cluster import FETCH, Cluster, wait_until
from bench.engines import OURS
from bench.throughput import new_prefix
from streams.contract.codecs import prepare_codecs
from streams.contract.records import CrewRow

if TYPE_CHECKING:
    from pathlib import Path

    from streams.devstack import StackAddresses

RECOVERY_S = 600
CREWS_A_WALL = 1000
BEGUN = re.compile(r"^\[([^\]]+)\].*Restoring state from changelog topics", re.MULTILINE)
ENDED = re.compile(r"^\[([^\]]+)\].*Done reading from changelog topics", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Recovery:
    """One start of a worker.

    Attributes:
        rows: Rows on the changelog.
        rows_per_s: Rows recovered a second, from the first fetch to the last row.
        rss: Resident memory of the worker when it is ready, in bytes.
    """

    rows: int
    rows_per_s: float
    rss: int


class Changelog:
    """A worker's changelog with crews' rows on it, one a key, as the pipeline writes them."""

    def __init__(self, stack: StackAddresses, rows: int) -> None:
        """Fill it."""
        self.cluster = Cluster(stack, new_prefix("recovery"))
        self.rows = rows
        topics = self.cluster.topics.all()
        (self.topic,) = (t.name for t in topics if t.name.endswith("-crews-changelog"))
        codec = prepare_codecs(self.cluster.settings, topics).of(CrewRow)
        encode = codec.encoder("section", "busy_until")
        common = {"version": 1, "profile": 1, "relieved_on": None}
        for first in range(1, rows + 1, CREWS_A_WALL):
            sections = range(first, min(first + CREWS_A_WALL, rows + 1))
            values = encode(common, sections, repeat(13, len(sections)))
            for section, value in zip(sections, values, strict=True):
                self.cluster.put(self.topic, f"wall{first}/1.{section}", value)
        self.cluster.producer.flush()

    def recover(self, store: str, directory: Path) -> Recovery:
        """Start a worker with nothing on disk, and stop it when it has its rows.

        Raises:
            Stuck: It did not recover in time.
        """
        directory.mkdir()
        running = OURS.start(self.cluster, 1, directory, {"THEWALL_STORE": store})
        try:
            wait_until(
                lambda: running.alive() or bool(ENDED.search(running.log())),
                RECOVERY_S,
                f"{self.rows} rows are recovered",
            )
            begun, ended = (
                datetime.fromisoformat(found[1])
                for found in (BEGUN.search(running.log()), ENDED.search(running.log()))
                if found is not None
            )
            (process, _) = running.started[0]
            rss = psutil.Process(process.pid).memory_info().rss
        finally:
            running.stop()
        seconds = max((ended - begun).total_seconds(), 0.001)
        return Recovery(self.rows, self.rows / seconds, rss)

    def plain_consumer(self) -> float:
        """Rows a second of a confluent-kafka loop that fills a dict, from the first fetch on."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.cluster.stack.bootstrap_servers,
                "group.id": f"{self.cluster.prefix}-plain",
                "enable.auto.commit": False,
                "queued.min.messages": 200_000,
                "log_level": 4,
            }
        )
        rows: dict[bytes, bytes] = {}
        partitions = range(self.cluster.partitions)
        consumer.assign([TopicPartition(self.topic, p, 0) for p in partitions])
        begun = 0.0
        while len(rows) < self.rows:
            for message in consumer.consume(FETCH, timeout=1):
                if message.error():
                    raise KafkaException(message.error())
                begun = begun or time.perf_counter()
                rows[message.key()] = message.value()
        seconds = time.perf_counter() - begun
        consumer.close()
        return len(rows) / seconds

    def delete(self) -> None:
        """Delete its topics."""
        self.cluster.delete()
