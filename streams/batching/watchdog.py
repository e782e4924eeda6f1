"""Measures a worker's lag, and ends it if it has lag and makes no progress."""

from __future__ import annotations

import time
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, NamedTuple

from confluent_kafka import Consumer, IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.batching.crash import crash
from streams.batching.observer import Lag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Partition = tuple[str, int]
REQUEST_TIMEOUT_S = 5.0
LONGEST_INTERVAL_S = 5.0
# Of a partition that is stuck, samples are thinned out when there are so many.
MOST_SAMPLES = 720
EARLIEST, LATEST = OffsetSpec.earliest(), OffsetSpec.latest()


class NoProgress(RuntimeError):
    """There is lag, and nothing was committed or acknowledged within the timeout."""


class Watchdog:
    """Compares the group's committed offsets with the end offsets, every now and then.

    After an outage of the broker, a consumer may rejoin its group and fetch nothing (reported for
    Faust): alive, seemingly healthy, and useless. So the watchdog has its own connection and its
    own thread, which a blocked event loop can't stop. A supervisor restarts a worker that ends.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        group: str,
        assigned: Callable[[], Iterable[Partition]],
        sources: Callable[[], Iterable[Partition]],
        recovered: Callable[[], Any],
        timeout_s: float,
        progress: Mapping[Partition, int] | None = None,
        config: Mapping[str, Any] | None = None,
        on_lag: Callable[[Mapping[Partition, Lag]], None] = lambda _: None,
        is_halted: Callable[[], bool] = lambda: False,
    ) -> None:
        """Prepare to watch.

        Args:
            bootstrap_servers: Kafka brokers as host:port,…
            group: The consumer group.
            assigned: Returns the worker's partitions of source topics.
            sources: Returns all partitions of source topics: those of the group.
            recovered: Returns anything that changes while tables are being recovered.
            timeout_s: How long lag without progress is tolerated, in seconds.
            progress: Per partition, a number that grows whenever messages derived from it are
                acknowledged: a batch that makes many is committed late.
            config: librdkafka settings that extend the defaults.
            on_lag: Called with the lag of each partition whenever it was measured.
            is_halted: Asked every few seconds: whether the worker makes no progress on purpose.
        """
        self._config: dict[str, Any] = {
            "bootstrap.servers": bootstrap_servers,
            "log_level": 0,
            **(config or {}),
        }
        self._group = group
        self._assigned = assigned
        self._sources = sources
        self._recovered = recovered
        self._timeout_s = timeout_s
        self._progress = progress if progress is not None else {}
        self._on_lag = on_lag
        self._is_halted = is_halted
        self._age = LagAge()
        self._stopped = Event()
        self._last_recovered: Any = None
        # Per partition with lag: its committed offset and its progress, and since when.
        self._since: dict[Partition, tuple[tuple[int, int], float]] = {}

    def start(self) -> None:
        """Start watching."""
        Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Stop watching: a worker that stops makes no progress."""
        self._stopped.set()

    def _watch(self) -> None:
        consumer = Consumer(self._config | {"group.id": self._group})
        admin = AdminClient(self._config)
        while not self._stopped.wait(min(self._timeout_s / 8, LONGEST_INTERVAL_S)):
            reached = self._reached(consumer, admin)
            if reached is None:
                # If the broker that coordinates the group was down while it was asked, an admin
                # client gets no answer about the group any more.
                admin = AdminClient(self._config)
            else:
                self._on_lag(self._age.measure(reached, time.monotonic()))
            if self._is_halted():
                self._since.clear()
                continue
            stuck = self.stuck(_lagging(reached), self._recovered())
            if stuck and not self._stopped.is_set():
                crash("stuck", NoProgress(f"lag, and no progress in {self._timeout_s} s: {stuck}"))

    def stuck(self, lagging: Mapping[Partition, int] | None, recovered: Any) -> list[Partition]:
        """The partitions that have had lag, and made no progress, for longer than the timeout.

        Args:
            lagging: The committed offset of each partition that has lag; None if the broker
                does not answer, which is no progress either.
            recovered: State of the recovery; while it changes, no partition is stuck.
        """
        now = time.monotonic()
        if recovered != self._last_recovered:
            self._last_recovered = recovered
            self._since.clear()
        if lagging is not None:
            at = {p: (offset, self._progress.get(p, 0)) for p, offset in lagging.items()}
            self._since = {
                partition: self._since[partition]
                if self._since.get(partition, (None, 0.0))[0] == reached
                else (reached, now)
                for partition, reached in at.items()
            }
        return [p for p, (_, since) in self._since.items() if now - since > self._timeout_s]

    def watched(self, admin: AdminClient) -> list[Partition]:
        """The worker's partitions; all of the group's if neither it nor another member has any.

        After an outage, a group may have formed before the broker knew its topics, with nothing
        assigned to anybody. A worker too many is idle, and not stuck where others are slow.

        Raises:
            KafkaException: The broker does not answer.
        """
        assigned = list(self._assigned())
        if assigned:
            return assigned
        found = admin.describe_consumer_groups([self._group], request_timeout=REQUEST_TIMEOUT_S)
        members = found[self._group].result().members or ()
        if any(member.assignment and member.assignment.topic_partitions for member in members):
            return []
        return list(self._sources())

    def _reached(self, consumer: Consumer, admin: AdminClient) -> dict[Partition, Reached] | None:
        try:
            wanted = [TopicPartition(*partition) for partition in self.watched(admin)]
            if not wanted:
                return {}
            committed = consumer.committed(wanted, timeout=REQUEST_TIMEOUT_S)
            first, end = (_offsets(admin, wanted, spec) for spec in (EARLIEST, LATEST))
        except KafkaException:
            return None
        return {
            (tp.topic, tp.partition): Reached(
                tp.offset,
                max(tp.offset, first[tp.topic, tp.partition]),
                end[tp.topic, tp.partition],
            )
            for tp in committed
        }


class Reached(NamedTuple):
    """Where a group is on a partition.

    Attributes:
        committed: The committed offset; negative if there is none.
        position: Offset of the next record to process.
        end: The partition's end offset.
    """

    committed: int
    position: int
    end: int


def _lagging(reached: Mapping[Partition, Reached] | None) -> dict[Partition, int] | None:
    """The committed offset of each partition that has lag."""
    if reached is None:
        return None
    return {p: at.committed for p, at in reached.items() if at.position < at.end}


class LagAge:
    """How long records have waited, from samples of the end offsets.

    A record's own timestamp does not say it: its producer may choose any. A record came between
    two samples; how long after the first follows from how many there were between them.
    """

    def __init__(self) -> None:
        """Start without samples."""
        self._samples: dict[Partition, list[tuple[float, int]]] = {}

    def measure(self, reached: Mapping[Partition, Reached], now: float) -> dict[Partition, Lag]:
        """The lag of each partition.

        Args:
            reached: Where the group is.
            now: The time, in seconds, on a clock that never goes back.
        """
        # What is not assigned any more is another worker's.
        self._samples = {p: self._samples.get(p, []) for p in reached}
        return {p: self._lag(self._samples[p], at, now) for p, at in reached.items()}

    @staticmethod
    def _lag(samples: list[tuple[float, int]], at: Reached, now: float) -> Lag:
        samples.append((now, at.end))
        # The oldest sample that is of use: the last whose end the group has reached.
        while len(samples) > 1 and samples[1][1] <= at.position:
            del samples[0]
        if len(samples) > MOST_SAMPLES:
            del samples[2:-1:2]
        records = max(0, at.end - at.position)
        came, end = samples[0]
        if not records:
            return Lag(0, 0.0)
        if end <= at.position and len(samples) > 1:
            next_came, next_end = samples[1]
            came += (next_came - came) * (at.position - end) / (next_end - end)
        return Lag(records, now - came)


def _offsets(
    admin: AdminClient, wanted: list[TopicPartition], spec: OffsetSpec
) -> dict[Partition, int]:
    found = admin.list_offsets(
        dict.fromkeys(wanted, spec),
        # The end is where the first open transaction begins: nothing beyond it can be read.
        isolation_level=IsolationLevel.READ_COMMITTED,
        request_timeout=REQUEST_TIMEOUT_S,
    )
    return {(tp.topic, tp.partition): future.result().offset for tp, future in found.items()}
