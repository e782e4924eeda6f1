"""Rows of a table in memory, by partition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class PartitionRows(Protocol):
    """The rows of one partition, from its assignment until it is revoked.

    Attributes:
        cache: For readers of the rows, to keep what they derive from them, under their own keys.
            Emptied when the partition is revoked, assigned again or recovered.
    """

    cache: dict[Any, Any]

    def get(self, key: bytes) -> bytes | None:
        """The row of a key; None if there is none."""

    def put(self, key: bytes, value: bytes | None, writer: object = None) -> None:
        """Write a row; None deletes it. The writer is the batch that it comes from."""

    def scan(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """The rows whose keys are `prefix` / something without another slash, in no order."""

    def row_count(self) -> int:
        """How many rows there are; about how many, if that is not known. From any thread."""

    def on_acknowledged(self, written: Mapping[bytes, bytes | None], writer: object) -> None:
        """Note that the changelog has all rows of a writer: they may be saved."""


class RowStore:
    """The rows of a table, by partition; in memory."""

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

    def row_count(self) -> int:
        """How many rows there are, or about how many. From any thread."""
        return sum(rows.row_count() for rows in tuple(self.partitions.values()))

    def drop(self, partition: int) -> None:
        """Forget a partition. A batch that still holds its rows affects no later ones."""
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

    def row_count(self) -> int:
        """How many rows there are. From any thread: copying the values is one step."""
        return sum(map(len, tuple(self._rows.values())))

    def on_acknowledged(self, written: Mapping[bytes, bytes | None], writer: object) -> None:
        """Nothing to do: rows in memory are never saved."""


def prefix_of(key: bytes) -> bytes:
    """The part of a key before its last slash; empty if it has none."""
    return key.rpartition(b"/")[0]
