"""Tables that are read and written per batch and partition, in wire-format bytes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from faust import Table
from faust.stores import memory

from streams.batching.records import Messages, RecordBatch
from streams.batching.rocks import NO_OFFSET, RocksRowStore
from streams.batching.store import RowStore, prefix_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from faust.types import TP, EventT

    from streams.batching.host import Host
    from streams.batching.rocks import RocksDirectory

# Before the first rebalance is over: acknowledgements belong to no generation yet.
NO_GENERATION = -2

__all__ = ["BatchTable", "MemoryStore", "RocksStore", "RowStore", "Rows", "StoreFailed"]


def _fetches(batch: Iterable[EventT[Any]]) -> Iterator[RecordBatch]:
    """Batches fetched from changelogs; Faust passes them on as values of messages."""
    return (cast("RecordBatch", event.message.value) for event in batch)


class MemoryStore(memory.Store):  # type: ignore[type-arg]
    """Rows in memory.

    Faust's own store does not know the partition of a row: a partition that is revoked and
    assigned again would still have rows that another worker has since changed or deleted.
    """

    table: BatchTable

    def __post_init__(self) -> None:
        self.rows: RowStore = RowStore()

    def apply_changelog_batch(
        self,
        batch: Iterable[EventT[Any]],
        to_key: Callable[[Any], Any],  # noqa: ARG002 - Faust's signature; keys are bytes here
        to_value: Callable[[Any], Any],  # noqa: ARG002
    ) -> None:
        """Write rows that were read back from the changelog."""
        for fetched in _fetches(batch):
            rows = self.rows.partition(fetched.partition)
            rows.cache.clear()
            for record in fetched.records:
                if record.key is not None:  # every row has one; Kafka's types allow none
                    rows.put(record.key, record.value)
            self._count(len(fetched))

    def _count(self, recovered: int) -> None:
        if recovered:
            cast("Host", self.app).observer.recovered(self.table.name, recovered)

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],
        newly_assigned: set[TP],
        generation_id: int = 0,
    ) -> None:
        """Forget revoked partitions, and newly assigned ones, which are recovered."""
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)
        for number in self._ours(revoked | newly_assigned):
            self.rows.drop(number)
        for rows in self.rows.partitions.values():
            rows.cache = {}

    def _ours(self, partitions: set[TP]) -> set[int]:
        changelog = self.table.changelog_topic.get_topic_name()
        return {tp.partition for tp in partitions if tp.topic == changelog}

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Nothing to do: rows are kept by partition."""

    def checkpoint(self) -> Callable[[int], None]:
        """A function to call after a commit, with the generation that the commit has confirmed."""
        return lambda _: None


class RocksStore(MemoryStore):
    """Rows in RocksDB: see `streams.batching.rocks`."""

    def __init__(self, *args: Any, directory: RocksDirectory, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rocks = RocksRowStore(directory, self.table_name)
        self.rows = self.rocks
        self._directory = directory
        self._generation = NO_GENERATION

    def apply_changelog_batch(
        self,
        batch: Iterable[EventT[Any]],
        to_key: Callable[[Any], Any],  # noqa: ARG002 - Faust's signature; keys are bytes here
        to_value: Callable[[Any], Any],  # noqa: ARG002
    ) -> None:
        """Write rows that were read back from the changelog, each partition's in one step."""
        for fetched in _fetches(batch):
            rows = self.rocks.partition(fetched.partition)
            # Messages that are read again are older than the rows on disk.
            new = [record for record in fetched.records if record.offset > rows.offset]
            if new:
                values = {record.key: record.value for record in new if record.key}
                rows.apply_recovered(values, new[-1].offset, new[-1].timestamp / 1000)
                self._count(len(new))

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],  # noqa: ARG002 - Faust's signature; the open partitions say more
        newly_assigned: set[TP],  # noqa: ARG002
        generation_id: int = 0,
    ) -> None:
        """Close revoked partitions; load the others as they are on disk.

        Partitions that stay are loaded again too: recovery reads the messages that were in flight
        to the changelog, and a late acknowledgement must not count them again.
        """
        # Messages recovered so far belong to the partitions as they were assigned until now.
        self.app.tables.recovery.flush_buffers()  # type: ignore[attr-defined]
        self._generation = NO_GENERATION
        ours = self._ours(assigned)
        for number in self.rocks.open_partitions.keys() - ours:
            self.rocks.drop(number)
        if ours:
            topic = self.table.changelog_topic.get_topic_name()
            changelog = await asyncio.to_thread(self._directory.describe, topic, ours)
            for number in ours:
                database = self.rocks.hand_over(number)
                load = asyncio.to_thread(self.rocks.load, number, database, changelog)
                self.rocks.open_partitions[number] = await load
        self._generation = generation_id

    def persisted_offset(self, tp: TP) -> int:
        """Offset of the last changelog message that is on disk; recovery begins after it.

        -1 if there is none: with None, Faust would continue where an earlier recovery ended.
        """
        rows = self.rocks.open_partitions.get(tp.partition)
        return NO_OFFSET if rows is None else rows.offset

    async def on_recovery_completed(
        self,
        active_tps: set[TP],
        standby_tps: set[TP],  # noqa: ARG002 - Faust's signature; there are none
    ) -> None:
        """Note that the recovered partitions are current."""
        for number in self._ours(active_tps):
            self.rocks.partition(number).mark_current()

    def checkpoint(self) -> Callable[[int], None]:
        """Save rows acknowledged up to now, if a commit confirms that the partitions are ours."""
        if self._generation == NO_GENERATION:
            return lambda _: None
        marks = [(rows, rows.mark()) for rows in self.rocks.open_partitions.values()]

        def save(generation: int) -> None:
            if generation == self._generation:
                for rows, mark in marks:
                    rows.save(mark)

        return save

    async def on_stop(self) -> None:
        """Close the databases."""
        self.rocks.close()
        await super().on_stop()


class BatchTable(Table):  # type: ignore[type-arg]
    """A Faust table whose rows are read and written per batch, for one partition.

    Attributes:
        directory: Where rows are kept in RocksDB; None if they are in memory.
        changelog_name: Name of its changelog's topic; empty for Faust's own choice.
    """

    directory: RocksDirectory | None = None
    changelog_name: str = ""

    def _changelog_topic_name(self) -> str:
        return self.changelog_name or str(super()._changelog_topic_name())

    def _new_store(self) -> MemoryStore:
        args = self._store_args()
        if self.directory is None:
            return MemoryStore("memory://", self.app, self, **args)
        return RocksStore("rocksdb://", self.app, self, directory=self.directory, **args)

    def _store_args(self) -> dict[str, Any]:
        return {
            "table_name": self.name,
            "loop": self.loop,
            "key_type": self.key_type,
            "value_type": self.value_type,
            "key_serializer": self.key_serializer,
            "value_serializer": self.value_serializer,
            "options": self.options,
        }

    def rows(self, partition: int) -> Rows:
        """The rows of a partition, for one batch to read and write."""
        changelog = self.changelog_topic.get_topic_name()
        return Rows(cast("MemoryStore", self.data).rows, partition, changelog)

    def row_count(self) -> int:
        """How many rows this worker has; on disk, about how many."""
        return cast("MemoryStore", self.data).rows.row_count()

    def checkpoint(self) -> Callable[[int], None]:
        """A function to call after a commit, with the generation that the commit has confirmed."""
        return cast("MemoryStore", self.data).checkpoint()


class StoreFailed(RuntimeError):
    """The rows could not be read: the cause is the disk, not a record."""


class Rows:
    """The rows of one partition of a table during one batch.

    A written row is seen at once by this batch, and by later ones once it is applied. It is sent to
    the changelog when the batch's messages are acknowledged.
    """

    def __init__(self, store: RowStore, partition: int, changelog: str = "") -> None:
        """View a partition of a store, with the name of the changelog topic."""
        self._rows = store.partition(partition)
        self._changelog = changelog
        self.partition = partition
        self.written: dict[bytes, bytes | None] = {}
        #: For what a stage derives from rows, such as decoded ones, under its own keys. It lasts
        #: from batch to batch until the partition is revoked, assigned again or recovered.
        self.cache: dict[Any, Any] = self._rows.cache

    def get(self, key: bytes) -> bytes | None:
        """The row of a key, in wire format; None if there is none.

        Raises:
            StoreFailed: It can't be read.
        """
        if key in self.written:
            return self.written[key]
        try:
            return self._rows.get(key)
        except Exception as error:
            raise StoreFailed(str(error)) from error

    def put(self, key: bytes, value: bytes | None) -> None:
        """Write a row; None deletes it."""
        self.written[key] = value

    def scan(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """The rows whose keys are `prefix` / something without another slash, in no order.

        Raises:
            StoreFailed: They can't be read.
        """
        try:
            rows = dict(self._rows.scan(prefix))
        except Exception as error:
            raise StoreFailed(str(error)) from error
        for key, value in self.written.items():
            if prefix_of(key) != prefix:
                continue
            if value is None:
                rows.pop(key, None)
            else:
                rows[key] = value
        return list(rows.items())

    def apply(self) -> None:
        """Let later batches see the written rows."""
        for key, value in self.written.items():
            self._rows.put(key, value, self)

    def take_back(self) -> None:
        """Forget rows that were written and not applied, and everything in the cache."""
        self.written.clear()
        self.cache.clear()

    def changelog_messages(self) -> Messages:
        """The written rows as messages to the changelog."""
        messages = Messages()
        if self.written:
            keys, values = list(self.written), list(self.written.values())
            messages.add(self._changelog, keys, values, self.partition)
        return messages

    def on_acknowledged(self) -> None:
        """Note that the broker has acknowledged the changelog messages, and all messages before."""
        self._rows.on_acknowledged(self.written, self)
