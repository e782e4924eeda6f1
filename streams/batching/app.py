"""A Faust app whose agents are handed record batches."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

import faust
from faust import streams as faust_streams

from streams.batching.crash import crash
from streams.batching.delivery import BatchStream
from streams.batching.handling import Handling
from streams.batching.lease import Lease
from streams.batching.table import BatchTable
from streams.batching.transport import BatchTransport
from streams.batching.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from faust.types import TP, ServiceT, StreamT

    from streams.batching.crash_journal import CrashJournal
    from streams.batching.producer import BatchProducer
    from streams.batching.records import DeadLetter, Record, RecordBatch
    from streams.batching.rocks import RocksDirectory


async def _no_preparation(_records: Sequence[Record]) -> None:
    """Records that can be decoded as they are."""


class BatchApp(faust.App):
    """Faust's app with the batch transport and an output that awaits every acknowledgement."""

    def __init__(
        self,
        id: str,  # noqa: A002 - Faust's name
        *,
        output: BatchProducer,
        prepare: Callable[[Sequence[Record]], Awaitable[None]] = _no_preparation,
        dead_letter: DeadLetter | None = None,
        check_assignment: Callable[[], None] = lambda: None,
        on_batch: Callable[[RecordBatch, str, float], None] = lambda *_: None,
        on_recovered: Callable[[str, int], None] = lambda *_: None,
        directory: RocksDirectory | None = None,
        journal: CrashJournal | None = None,
        **settings: Any,
    ) -> None:
        """Make the app.

        Args:
            id: Name of the application.
            output: What the agents send with.
            prepare: Awaited with the records of a batch before its agent gets it: for whatever
                decoding them has to wait for, with the event loop free meanwhile.
            dead_letter: Makes the dead letter of a record that can't be read, or that an agent
                fails on; without it, such a record ends the worker.
            check_assignment: Called in a thread of its own at each assignment, before the first
                record; if it raises, the worker ends and processes nothing.
            on_batch: Called with each batch that an agent has computed, the agent's name, and how
                long it took, in seconds: for metrics, which count records and not batches.
            on_recovered: Called with the name of a table, and how many messages of its changelog
                were applied to it.
            directory: Where the tables are kept in RocksDB; None keeps them in memory.
            journal: Remembers, across the death of the process, which records it had in hand.
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
        super().__init__(id, **settings)
        self.output = output
        self.prepare = prepare
        self.dead_letter = dead_letter
        self.check_assignment = check_assignment
        self.lease = Lease(self.conf.broker_session_timeout, self.conf.broker_rebalance_timeout)
        self.handle = Handling(dead_letter, journal).handle
        self.on_batch = on_batch
        self.on_recovered = on_recovered
        self._directory = directory
        self.read_until: Mapping[tuple[str, int], int] = {}
        """The offset of a partition from which on nothing is read, nor ever committed."""
        self._watchdog: Watchdog | None = None
        self._sources: list[str] = []
        # How often messages were acknowledged that came of a partition.
        self._progress: Counter[tuple[str, int]] = Counter()

    def watch(self, bootstrap_servers: str, timeout_s: float) -> None:
        """End the process if it has lag and makes no progress for so long, in seconds."""
        self._watchdog = Watchdog(
            bootstrap_servers,
            self.conf.id,
            self._assigned,
            self._recovered,
            timeout_s,
            progress=self._progress,
        )

    def count_progress(self, partition: TP) -> None:
        """Note that messages which came of a partition are acknowledged."""
        self._progress[partition.topic, partition.partition] += 1

    def _assigned(self) -> list[tuple[str, int]]:
        assigned = [
            (tp.topic, tp.partition)
            for tp in self.consumer.assignment()
            if tp.topic in self._sources
        ]
        # After an outage a group may have been formed before the broker knew its topics, with
        # nothing for anybody: who has nothing looks after all.
        return assigned or [
            (topic, partition)
            for topic in self._sources
            for partition in range(self.conf.topic_partitions)
        ]

    def not_ready(self) -> str | None:
        """Why the worker does not process its partitions yet; None if it does."""
        if self.rebalancing or not self.tables.actives_ready:
            return "tables are being recovered" if self.in_recovery else "the group is forming"
        if not self.consumer.assignment():
            return "no partition is assigned"
        return None

    def checkpoint(self) -> Callable[[int], None]:
        """What to call once an offset is committed, with the generation that it shows current.

        The tables then save what is acknowledged at this moment: the commit shows that their
        partitions were still ours.
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
        """Watch from the time that the consumer runs."""
        if self._watchdog is not None:
            self._watchdog.start()
        await super().on_started()

    async def on_stop(self) -> None:
        """Watch no longer, then stop."""
        if self._watchdog is not None:
            self._watchdog.stop()
        await super().on_stop()

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self, loop=self.loop)

    def on_init_dependencies(self) -> Iterable[ServiceT]:
        """Start the output first, so that it stops last."""
        return chain([self.output], super().on_init_dependencies())

    def batch_table(self, name: str, partitions: int) -> BatchTable:
        """A table of raw keys and rows, with a changelog of `partitions` partitions."""
        table = BatchTable(
            self,
            name=name,
            partitions=partitions,
            key_type=bytes,
            value_type=bytes,
            # Fetches, each of many rows. Not 1: for that, Faust goes on reading the changelog when
            # recovery is over, and our own rows of a moment ago would replace those of now.
            recovery_buffer_size=2,
        )
        table.directory = self._directory
        self.tables.add(table)
        return table

    def batch_agent(
        self,
        *topics: str,
        weight: Callable[[Record], int] | None = None,
        limit: int = 0,
        limit_of_key: int = 0,
    ) -> Callable[[Callable[[BatchStream], Awaitable[None]]], Any]:
        """Make a function over batches the agent of these topics.

        Whatever the function lets escape is a bug: the worker ends without committing, because
        going on would skip the batch.

        Args:
            topics: Names of the topics that the agent reads.
            weight: Weight of a record; without it, batches come as they were fetched.
            limit: Batches are cut between records of different keys so that none weighs more.
            limit_of_key: Batches are cut between any records so that none weighs more, unless it
                is a single record.
        """
        self._sources += topics
        channel = self.topic(*topics, key_serializer="raw", value_serializer="raw", acks=True)

        def decorate(work: Callable[[BatchStream], Awaitable[None]]) -> Any:
            async def agent(stream: StreamT[Any]) -> None:
                try:
                    await work(
                        BatchStream(self, work.__name__, stream, weight, limit, limit_of_key)
                    )
                except Exception as error:  # noqa: BLE001 - ends the worker
                    crash(f"agent {work.__name__} failed", error)

            # One at a time: acknowledgements of a partition have to be in order.
            return self.agent(channel, name=work.__name__, concurrency=1)(agent)

        return decorate
