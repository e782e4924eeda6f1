"""A Faust app whose agents receive record batches."""

from __future__ import annotations

import logging
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

import faust
from confluent_kafka import KafkaException
from faust import streams as faust_streams

from streams.batching.crash import crash
from streams.batching.delivery import BatchStream
from streams.batching.handling import Handling
from streams.batching.lease import Lease
from streams.batching.observer import Observer
from streams.batching.pauses import DeclaredTables, Worker
from streams.batching.table import BatchTable
from streams.batching.transport import BatchTransport
from streams.batching.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from faust.types import TP, ServiceT, StreamT

    from streams.batching.crash_journal import CrashJournal
    from streams.batching.host import Buffer
    from streams.batching.producer import BatchProducer
    from streams.batching.records import DeadLetter, Record
    from streams.batching.rocks import RocksDirectory

log = logging.getLogger(__name__)


async def _no_preparation(_records: Sequence[Record]) -> None:
    """Records that can be decoded as they are."""


class BatchApp(faust.App):
    """Faust's app with the batch transport, and a producer that awaits every acknowledgement."""

    def __init__(
        self,
        id: str,  # noqa: A002 - Faust's name
        *,
        output: BatchProducer,
        prepare: Callable[[Sequence[Record]], Awaitable[None]] = _no_preparation,
        waits_for: Callable[[], str | None] = lambda: None,
        dead_letter: DeadLetter | None = None,
        check_assignment: Callable[[], None] = lambda: None,
        find_fault: Callable[[], str | None] = lambda: None,
        observer: Observer | None = None,
        directory: RocksDirectory | None = None,
        journal: CrashJournal | None = None,
        **settings: Any,
    ) -> None:
        """Make the app.

        Args:
            id: Name of the application.
            output: The producer that the agents send with.
            prepare: Awaited with the records of a batch before its agent gets them. It may fetch
                what is needed to decode them, without blocking the event loop.
            waits_for: What `prepare` waits for at the moment, as a sentence; None for nothing. As
                long as it does, a worker that makes no progress is not stuck.
            dead_letter: Makes the dead letter of a record that can't be read, or that an agent
                fails on; without it, such a record ends the worker.
            check_assignment: Called in its own thread at each assignment, before the first record;
                if it raises, the worker ends and processes nothing.
            find_fault: Called in another thread at each assignment, and every few seconds: why the
                worker must not go on, as a sentence; None if it may. While there is a fault, it
                fetches nothing, stays in its group, and is not ready.
            observer: Is told what the app does, for metrics.
            directory: Where tables are kept in RocksDB; None keeps them in memory.
            journal: Remembers, across a crash of the process, which records it was handling.
            settings: Faust's settings.

        Raises:
            RuntimeError: Faust's compiled stream is not installed: the pure Python one
                acknowledges messages that it skipped during a rebalance.
        """
        if getattr(faust_streams, "_CStreamIterator", None) is None:
            raise RuntimeError(
                "faust-streaming was installed without its compiled extension; "
                "install one of its wheels"
            )
        super().__init__(id, TableManager=DeclaredTables, Worker=Worker, **settings)
        self.output = output
        self.prepare = prepare
        self.waits_for = waits_for
        self.dead_letter = dead_letter
        self.fault: str | None = None
        self._check_assignment = check_assignment
        self._find_fault = find_fault
        self.lease = Lease(self.conf.broker_session_timeout, self.conf.broker_rebalance_timeout)
        self.handle = Handling(dead_letter, journal).handle
        self.observer = observer or Observer()
        self._directory = directory
        self.read_until: Mapping[tuple[str, int], int] = {}
        """For a partition, the offset at which reading ends; nothing beyond it is committed."""
        self.stopping: Callable[[], bool] = lambda: False
        """Whether the process was told to stop."""
        self._watchdog: Watchdog | None = None
        # Topics that agents read, and how many partitions each has; None: as the app's have.
        self._sources: dict[str, int | None] = {}
        self.buffers: Mapping[str, Buffer] = {}
        # Per partition, how often messages derived from it were acknowledged.
        self._progress: Counter[tuple[str, int]] = Counter()

    def watch(
        self, bootstrap_servers: str, timeout_s: float, config: Mapping[str, Any] | None = None
    ) -> None:
        """End the process if it has lag and makes no progress for this long, in seconds.

        The config is librdkafka's, for the watchdog's own connection.
        """
        self._watchdog = Watchdog(
            bootstrap_servers,
            self.conf.id,
            self.assigned_sources,
            self._all_sources,
            self._recovered,
            timeout_s,
            progress=self._progress,
            config=config,
            on_lag=self.observer.lagging,
            is_halted=lambda: self._is_halted() or self.waits_for() is not None,
        )

    def check_assignment(self) -> None:
        """Find out, before the first record of an assignment, whether it may be processed.

        Raises:
            Exception: The worker has to end.
        """
        self._check_assignment()
        self._is_halted()

    def _is_halted(self) -> bool:
        """Whether there is a fault; as before while the broker does not answer."""
        try:
            found = self._find_fault()
        except KafkaException:
            return self.fault is not None
        if found != self.fault:
            log.critical("%s", found or "the worker goes on")
        self.fault = found
        return found is not None

    def count_progress(self, partition: TP) -> None:
        """Note that messages derived from a partition are acknowledged."""
        self._progress[partition.topic, partition.partition] += 1
        if self.output.is_behind:  # the others wait for these messages, and are not stuck
            self._progress.update(self.assigned_sources())

    def assigned_sources(self) -> list[tuple[str, int]]:
        """Topic and partition of what is assigned to this worker for its agents to read."""
        return [
            (tp.topic, tp.partition)
            for tp in tuple(self.consumer.assignment())
            if tp.topic in self._sources
        ]

    def recovery_remaining(self) -> int:
        """How many messages of changelogs recovery has still to read, if it goes on."""
        if not self.in_recovery:
            return 0
        recovery: Any = self.tables
        remaining: int = recovery.recovery.active_remaining_total()
        return max(0, remaining)

    def table_rows(self) -> dict[str, int]:
        """How many rows each table has here, by its name; on disk, about how many."""
        return {name: cast("BatchTable", table).row_count() for name, table in self.tables.items()}

    def _all_sources(self) -> list[tuple[str, int]]:
        return [
            (topic, partition)
            for topic, partitions in self._sources.items()
            for partition in range(partitions or self.conf.topic_partitions)
        ]

    def not_ready(self) -> str | None:
        """Why the worker does not process its partitions, or not for long; None while it does."""
        if self.stopping():
            return "the worker is stopping"
        if self.fault is not None:
            return self.fault
        if self.rebalancing or not self.tables.actives_ready:
            return "tables are being recovered" if self.in_recovery else "the group is forming"
        if not self.consumer.assignment():
            return "no partition is assigned"
        return None

    def checkpoint(self) -> Callable[[int], None]:
        """A function to call after a commit, with the generation that the commit has confirmed.

        It makes the tables save the rows acknowledged up to now: the commit has confirmed that
        their partitions still belonged to this worker.
        """
        saves = [cast("BatchTable", table).checkpoint() for table in self.tables.values()]

        def save(generation: int) -> None:
            for save_table in saves:
                save_table(generation)

        return save

    def _recovered(self) -> dict[Any, int]:
        recovery: Any = self.tables
        return dict(recovery.recovery.active_offsets)

    async def on_started(self) -> None:
        """Start the watchdog once the consumer runs."""
        if self._watchdog is not None:
            self._watchdog.start()
        await super().on_started()

    async def on_stop(self) -> None:
        """Stop the watchdog, then the app."""
        if self._watchdog is not None:
            self._watchdog.stop()
        await super().on_stop()

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self, loop=self.loop)

    def on_init_dependencies(self) -> Iterable[ServiceT]:
        """Start the producer first, so that it stops last."""
        return chain([self.output], super().on_init_dependencies())

    def batch_table(self, name: str, partitions: int, changelog: str = "") -> BatchTable:
        """A table of raw keys and rows, with a changelog of `partitions` partitions.

        Args:
            name: Its name.
            partitions: As many as its agent's topics have.
            changelog: Name of the changelog's topic; Faust's own, with the app's version in it,
                if not given.
        """
        table = BatchTable(
            self,
            name=name,
            partitions=partitions,
            key_type=bytes,
            value_type=bytes,
            # Counted in fetches of many rows each. Not 1: with 1, Faust keeps reading the changelog
            # after recovery, and rows written a moment ago would replace newer ones.
            recovery_buffer_size=2,
        )
        table.directory = self._directory
        table.changelog_name = changelog
        self.tables.add(table)
        return table

    def batch_agent(
        self,
        *topics: str,
        partitions: int | None = None,
        weight: Callable[[Record], int] | None = None,
        limit: int = 0,
        limit_of_key: int = 0,
    ) -> Callable[[Callable[[BatchStream], Awaitable[None]]], Any]:
        """Make a function over batches the agent of these topics.

        An exception that the function does not handle is a bug: the worker ends without
        committing, because going on would skip the batch.

        Args:
            topics: Names of the topics that the agent reads.
            partitions: How many partitions they have; the app's `topic_partitions` if not given.
            weight: Weight of a record; without it, batches stay as they were fetched.
            limit: Largest weight of a batch, which is cut between records of different keys.
            limit_of_key: Largest weight of a batch whose records have the same key; it is cut
                between any two records. A single record may weigh more.
        """
        self._sources |= dict.fromkeys(topics, partitions)
        channel = self.topic(*topics, key_serializer="raw", value_serializer="raw", acks=True)

        def decorate(work: Callable[[BatchStream], Awaitable[None]]) -> Any:
            batches = BatchStream(self, work.__name__, weight, limit, limit_of_key)
            self.buffers = {**self.buffers, **dict.fromkeys(topics, batches)}

            async def agent(_stream: StreamT[Any]) -> None:
                # It is there to subscribe to the topics: it would hand over an event at a time.
                try:
                    await work(batches)
                except Exception as error:  # noqa: BLE001 - ends the worker
                    crash(f"agent {work.__name__} failed", error)

            # One at a time: a partition's batches have to be acknowledged in order.
            return self.agent(channel, name=work.__name__, concurrency=1)(agent)

        return decorate
