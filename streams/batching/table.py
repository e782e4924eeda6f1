"""Tables that are read and written by the batch, by partition and in wire-format bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from faust import Table
from faust.stores import memory

from streams.batching.records import Messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from faust.types import TP, EventT


class RowStore:
    """Rows by partition, then by the part of the key before its last slash.

    So that a partition can go as a whole when it moves to another worker, and all rows under a
    prefix can be read at once.
    """

    def __init__(self) -> None:
        """Start without rows."""
        self._partitions: dict[int, dict[bytes, dict[bytes, bytes]]] = {}

    def get(self, partition: int, key: bytes) -> bytes | None:
        """The row of a key; None if there is none."""
        return self._partitions.get(partition, {}).get(_prefix(key), {}).get(key)

    def put(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Write a row; None deletes it."""
        rows = self._partitions.setdefault(partition, {}).setdefault(_prefix(key), {})
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value

    def scan(self, partition: int, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """The rows whose keys are `prefix` / something without another slash, in no order."""
        return list(self._partitions.get(partition, {}).get(prefix, {}).items())

    def drop(self, partition: int) -> None:
        """Forget a partition's rows."""
        self._partitions.pop(partition, None)


def _prefix(key: bytes) -> bytes:
    return key.rpartition(b"/")[0]


class MemoryStore(memory.Store):  # type: ignore[type-arg]
    """Rows in memory.

    Faust's own store does not know which partition a live row is of: a partition that moves
    away and comes back would find rows that another worker has since changed or deleted.
    """

    def __post_init__(self) -> None:
        self.rows = RowStore()

    def apply_changelog_batch(
        self,
        batch: Iterable[EventT[Any]],
        to_key: Callable[[Any], Any],  # noqa: ARG002 - Faust's signature; keys are bytes here
        to_value: Callable[[Any], Any],  # noqa: ARG002
    ) -> None:
        """Write rows that were read back from the changelog."""
        for event in batch:
            message = event.message
            if message.key is not None:  # every row has one; Kafka's types allow none
                self.rows.put(message.partition, message.key, message.value)

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],
        newly_assigned: set[TP],
        generation_id: int = 0,
    ) -> None:
        """Forget the partitions that went away, and those that come anew and are recovered."""
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)
        changelog = self.table.changelog_topic.get_topic_name()
        for tp in (*revoked, *newly_assigned):
            if tp.topic == changelog:
                self.rows.drop(tp.partition)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Nothing is left to do: rows are kept by partition."""


class BatchTable(Table):  # type: ignore[type-arg]
    """A Faust table whose rows are read and written for one partition, a batch at a time."""

    def _new_store(self) -> MemoryStore:
        return MemoryStore(
            "memory://", self.app, self,
            table_name=self.name, loop=self.loop, **self._store_args(),
        )  # fmt: skip

    def _store_args(self) -> dict[str, Any]:
        return {
            "key_type": self.key_type,
            "value_type": self.value_type,
            "key_serializer": self.key_serializer,
            "value_serializer": self.value_serializer,
            "options": self.options,
        }

    def rows(self, partition: int) -> Rows:
        """The rows of a partition, to read, and to note writes to."""
        return Rows(cast("MemoryStore", self.data).rows, partition)

    def changelog_messages(self, rows: Rows) -> Messages:
        """The rows written to, as messages to the changelog."""
        messages = Messages()
        if written := rows.written:
            topic = self.changelog_topic.get_topic_name()
            messages.add(topic, list(written), list(written.values()), rows.partition)
        return messages


class Rows:
    """The rows of one partition of a table during one batch.

    What is written is seen at once by this batch and the next ones, and reaches the changelog
    when the batch's messages are acknowledged.
    """

    def __init__(self, store: RowStore, partition: int) -> None:
        """View a partition of a store."""
        self._store = store
        self.partition = partition
        self.written: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """The row of a key, in wire format; None if there is none."""
        return self._store.get(self.partition, key)

    def put(self, key: bytes, value: bytes | None) -> None:
        """Write a row; None deletes it."""
        self._store.put(self.partition, key, value)
        self.written[key] = value

    def scan(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """The rows whose keys are `prefix` / something without another slash, in no order."""
        return self._store.scan(self.partition, prefix)
