"""Windows: the batches that are in flight together.

A produce request takes one batch a partition. So a window has at most one of each, and what does
not fit is in the next window.
"""

from __future__ import annotations

import time
from itertools import compress
from typing import TYPE_CHECKING

import cramjam
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record._crecords import default_records

from streams.batching.partitioner import partitions_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from streams.batching.records import Column, LaterColumn

    Keys = Sequence[bytes | None]
    Values = Sequence[bytes | None]
    Partition = tuple[str, int]

# Keys and values, before compression; below a topic's default limit, whatever they compress to.
BATCH_BYTES = 512 * 1024
LZ4 = 3  # in the attributes of a batch


def _lz4_encode(plain: bytes) -> bytes:
    """Fast lz4: aiokafka's level 9 takes seven times as long, for three quarters of the bytes.

    The broker refuses blocks that are linked.
    """
    compressor = cramjam.lz4.Compressor(level=1, content_checksum=False, block_linked=False)
    compressor.compress(plain)
    return bytes(compressor.finish())


default_records.lz4_encode = _lz4_encode  # aiokafka has no setting for the level


class PackedBatch(BatchBuilder):  # type: ignore[misc]
    """A batch of one partition, as aiokafka's `send_batch` takes it, filled by columns."""

    def __init__(self, limit: int, *, transactional: bool = False) -> None:
        """Begin an empty batch of at most so many bytes; a single larger message fits, too."""
        super().__init__(limit, LZ4, is_transactional=transactional)
        self._relative_offset = 0  # of the next message
        self._timestamp_ms = int(time.time() * 1000)

    def fill(self, keys: Keys, values: Values, begin: int) -> int:
        """Append messages from `begin` on; returns how far they fit."""
        append, now = self._builder.append, self._timestamp_ms
        first: int = self._relative_offset
        offset = first
        for at in range(begin, len(keys)):
            if append(offset, now, keys[at], values[at], []) is None:
                break
            offset += 1
        self._relative_offset = offset
        return begin + offset - first


class Window:
    """At most one batch of each partition, of about so many bytes in all."""

    def __init__(self, limit: int, *, transactional: bool = False) -> None:
        """Begin an empty window."""
        self._limit = limit
        self._transactional = transactional
        self.batches: dict[Partition, PackedBatch] = {}
        self.bytes = 0

    def fill(self, topic: str, partition: int, keys: Keys, values: Values, begin: int) -> int:
        """Append messages of one partition from `begin` on; returns how far they fit."""
        if self.bytes >= self._limit:
            return begin
        batch = self.batches.get((topic, partition))
        if batch is None:
            limit = min(BATCH_BYTES, self._limit)
            batch = PackedBatch(limit, transactional=self._transactional)
            self.batches[topic, partition] = batch
        before = batch.size()
        at = batch.fill(keys, values, begin)
        self.bytes += batch.size() - before
        return at

    def messages(self) -> int:
        """How many messages it has."""
        return sum(batch.record_count() for batch in self.batches.values())


def windows(
    columns: Sequence[Column | LaterColumn],
    partitions: Callable[[str], int],
    limit: Callable[[], int],
    *,
    transactional: bool = False,
) -> Iterator[Window]:
    """Cut messages into windows; those of one partition stay in order.

    Args:
        columns: The messages; those to be made later are made as windows are asked for.
        partitions: The number of a topic's partitions.
        limit: Bytes that a window has, asked whenever one begins.
        transactional: Whether they are sent in a transaction.
    """
    window = Window(limit(), transactional=transactional)
    made = (column.made() for column in columns)
    for column in filter(lambda column: column.keys, made):
        for partition, keys, values in _by_partition(column, partitions):
            begin = 0
            while True:
                begin = window.fill(column.topic, partition, keys, values, begin)
                if begin == len(keys):
                    break
                yield window
                window = Window(limit(), transactional=transactional)
    if window.batches:
        yield window


def _by_partition(
    column: Column, partitions: Callable[[str], int]
) -> Iterator[tuple[int, Keys, Values]]:
    topic, keys, values, partition = column
    if partition >= 0:
        yield partition, keys, values
        return
    found = partitions_of(keys, partitions(topic))
    for number in sorted(set(found)):
        chosen = [number == of_key for of_key in found]
        yield number, list(compress(keys, chosen)), list(compress(values, chosen))
