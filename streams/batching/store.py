"""Rows of a table in memory, by partition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class PartitionRows(Protocol):
    """The rows of one partition, from its assignment until it goes away.

    Attributes:
        cache: For whoever reads the rows to keep what it made of them, by keys of its own. Gone
            when the partition goes away, is assigned anew or is recovered.
    """

    cache: dict[Any, Any]

    def get(self, key: bytes) -> bytes | None:
        """The row of a key; None if there is none."""

    def put(self, key: bytes, value: bytes | None, writer: object = None) -> None:
        """Write a row; None deletes it. The writer is the batch that it is of."""

    def scan(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """The rows whose keys are `prefix` / something without another slash, in no order."""

    def on_acknowledged(self, written: Mapping[bytes, bytes | None], writer: object) -> None:
        """The changelog has what a writer has written: it may be kept for good."""


class RowStore:
    """Where the rows of a table are; by partition, so that one can go as a whole.

    This one keeps them in memory.
    """

    def __init__(self) -> None:
        """Start without rows."""
        self.partitions: dict[int, PartitionRows] = {}

    def partition(self, number: int) -> PartitionRows:
        """The rows of a partition."""
        rows = self.partitions.get(number)
        if rows is None:
            rows = self.partitions[number] = MemoryPartition()
        return rows

    def get(self, partition: int, key: bytes) -> bytes | None:
        """The row of a key; None if there is none."""
        return self.partition(partition).get(key)

    def put(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Write a row; None deletes it."""
        self.partition(partition).put(key, value)

    def scan(self, partition: int, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """The rows whose keys are `prefix` / something without another slash, in no order."""
        return self.partition(partition).scan(prefix)

    def drop(self, partition: int) -> None:
        """Let a partition go. Who still has its rows in hand reads and writes nobody else's."""
        self.partitions.pop(partition, None)


class MemoryPartition:
    """Rows in memory, by the part of the key before its last slash: what a scan asks for."""

    def __init__(self) -> None:
        """Start without rows."""
        self.cache: dict[Any, Any] = {}
        self._rows: dict[bytes, dict[bytes, bytes]] = {}

    def get(self, key: bytes) -> bytes | None:
        """The row of a key; None if there is none."""
        return self._rows.get(prefix_of(key), {}).get(key)

    def put(self, key: bytes, value: bytes | None, _writer: object = None) -> None:
        """Write a row; None deletes it."""
        rows = self._rows.setdefault(prefix_of(key), {})
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value

    def scan(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """The rows whose keys are `prefix` / something without another slash, in no order."""
        return list(self._rows.get(prefix, {}).items())

    def on_acknowledged(self, written: Mapping[bytes, bytes | None], writer: object) -> None:
        """Nothing is kept for good."""


def prefix_of(key: bytes) -> bytes:
    """The part of a key before its last slash; nothing if it has none."""
    return key.rpartition(b"/")[0]
