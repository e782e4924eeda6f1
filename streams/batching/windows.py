"""Windows: the batches that are in flight together.

A produce request takes one batch a partition. So a window has at most one of each, and what does
not fit is in the next window.
"""

from __future__ import annotations

import struct
import time
from itertools import chain, compress, groupby
from typing import TYPE_CHECKING, Any

import cramjam
import numpy as np
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.util import calc_crc32c

from streams.batching.partitioner import partitions_of
from streams.batching.records import Column, LaterColumn
from streams.cells import Cells, joined, varints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from streams.cells import Array

    Keys = Sequence[bytes | None]
    Values = Sequence[bytes | None]
    Partition = tuple[str, int]

# Keys and values, before compression; below a topic's default limit, whatever they compress to.
BATCH_BYTES = 512 * 1024
# Of a record batch: base offset, length, leader epoch, magic, checksum, attributes, last offset
# delta, base timestamp, max timestamp, producer id, producer epoch, base sequence, record count.
HEADER = struct.Struct(">qiibIhiqqqhii")
CHECKSUM, CHECKSUM_AT, CHECKED_FROM, LENGTH_COUNTS_FROM = struct.Struct(">I"), 17, 21, 12
NO_EPOCH, MAGIC = -1, 2
# Rows that are framed at once: as many as the caches of a core hold.
ROWS_AT_ONCE = 4096
UNCOMPRESSED, LZ4, TRANSACTIONAL = 0, 3, 0x10  # in the attributes


def _lz4(plain: bytes) -> bytes:
    """Fast lz4: aiokafka's level 9 takes seven times as long, for three quarters of the bytes.

    The broker refuses blocks that are linked.
    """
    compressor = cramjam.lz4.Compressor(level=1, content_checksum=False, block_linked=False)
    compressor.compress(plain)
    return bytes(compressor.finish())


class PackedBatch(BatchBuilder):  # type: ignore[misc]
    """A batch of one partition, as aiokafka's `send_batch` takes it, filled by columns."""

    def __init__(self, limit: int, *, transactional: bool = False) -> None:
        """Begin an empty batch of at most so many bytes; a single larger message fits, too."""
        super().__init__(limit, UNCOMPRESSED)
        self._builder: Any
        self._buffer: bytearray | None
        self._limit = limit
        self._transactional = transactional
        self._relative_offset = 0  # of the next message
        self._timestamp_ms = int(time.time() * 1000)
        # Records that are framed; those in aiokafka's builder come after them.
        self._framed: list[bytes] = []
        self._size = HEADER.size
        self._producer: tuple[int, ...] = (-1, -1, 0)  # its id and epoch, and the first sequence

    def fill(self, keys: Keys, values: Values, begin: int) -> int:
        """Append messages from `begin` on; returns how far they fit."""
        if isinstance(keys, Cells) and isinstance(values, Cells):
            at = begin
            while at < len(keys):
                rows = slice(at, at + ROWS_AT_ONCE)
                framed = self._frame(keys[rows], values[rows])
                at += framed
                if framed < ROWS_AT_ONCE:
                    break
            return at
        if isinstance(keys, Cells):
            keys = list(keys)
        append, now = self._builder.append, self._timestamp_ms
        first: int = self._relative_offset
        offset = first
        for at in range(begin, len(keys)):
            if append(offset, now, keys[at], values[at], []) is None:
                break
            offset += 1
        self._relative_offset = offset
        return begin + offset - first

    def _frame(self, keys: Cells, values: Cells) -> int:
        """Append as many of some messages as fit; returns how many these are."""
        self._end_builder()
        first: int = self._relative_offset
        offsets = varints(np.arange(first, first + len(keys)))
        of_key, of_value = varints(keys.lengths), varints(values.lengths)
        parts = (offsets, of_key, keys, of_value, values)
        # Beside these: attributes, the difference of timestamps, the number of headers.
        content = np.sum([part.lengths for part in parts], axis=0) + 3
        sizes = varints(content)
        room = self._limit - self.size()
        ends = np.cumsum(sizes.lengths + content)
        count = int(np.searchsorted(ends, room, side="right"))
        if not count and not first:
            count = 1
        if count:
            offsets, of_key, keys, of_value, values = (part[:count] for part in parts)
            records = joined(
                count, sizes[:count], b"\0\0", offsets, of_key, keys, of_value, values, b"\0"
            )
            self._add(records.packed())
            self._relative_offset = first + count
        return count

    def _end_builder(self) -> None:
        """Take the records out of aiokafka's builder, and begin another one for what is left."""
        if self._builder.size() > HEADER.size:
            self._add(bytes(self._builder.build())[HEADER.size :])
            room = self._limit - self._size + HEADER.size
            self._builder = BatchBuilder(room, UNCOMPRESSED)._builder  # noqa: SLF001

    def _add(self, records: bytes) -> None:
        self._framed.append(records)
        self._size += len(records)

    def size(self) -> int:
        """Its size in bytes, before compression; once it is built, as it is sent."""
        if self._buffer is not None:
            return len(self._buffer)
        size: int = self._size + self._builder.size() - HEADER.size
        return size

    def _set_producer_state(self, *producer: int) -> None:
        self._producer = producer

    def _build(self) -> bytearray:
        """The bytes of the batch: aiokafka asks for them when it sends it, and again at a retry."""
        self.close()
        if self._buffer is None:
            self._end_builder()
            self._buffer = self._built(b"".join(self._framed))
            self._framed.clear()
        return self._buffer

    def _built(self, plain: bytes) -> bytearray:
        packed = _lz4(plain)
        codec, records = (LZ4, packed) if len(packed) < len(plain) else (UNCOMPRESSED, plain)
        attributes = codec | (TRANSACTIONAL if self._transactional else 0)
        buffer = bytearray(HEADER.size) + records
        count, now = self._relative_offset, self._timestamp_ms
        HEADER.pack_into(
            buffer, 0, 0, len(buffer) - LENGTH_COUNTS_FROM, NO_EPOCH, MAGIC, 0, attributes,
            count - 1, now, now, *self._producer, count,
        )  # fmt: skip
        CHECKSUM.pack_into(buffer, CHECKSUM_AT, calc_crc32c(memoryview(buffer)[CHECKED_FROM:]))
        return buffer


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
    for column in _merged(columns):
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


def _merged(columns: Iterable[Column | LaterColumn]) -> Iterator[Column]:
    """The messages in fewer columns; those of a topic stay in order."""
    for is_later, neighbours in groupby(columns, lambda column: isinstance(column, LaterColumn)):
        if is_later:
            yield from (column for column in map(_made, neighbours) if len(column.keys))
        else:
            yield from _merged_by_topic(map(_made, neighbours))


def _made(column: Column | LaterColumn) -> Column:
    return column.made()


def _merged_by_topic(columns: Iterable[Column]) -> Iterator[Column]:
    by_topic: dict[str, list[Column]] = {}
    for column in columns:
        if len(column.keys):
            by_topic.setdefault(column.topic, []).append(column)
    for topic, of_topic in by_topic.items():
        for joinable, neighbours in groupby(of_topic, _joinable):
            found = list(neighbours)
            if joinable is None or len(found) == 1:
                yield from found
            else:
                keys = chain.from_iterable(column.keys for column in found)
                values = chain.from_iterable(column.values for column in found)
                yield Column(topic, list(keys), list(values), joinable)


def _joinable(column: Column) -> int | None:
    """The partition of columns that neighbours may join; None if it is sent as it is."""
    partition = column.partition
    if isinstance(column.keys, Cells) or not isinstance(partition, int):
        return None
    return partition


def _by_partition(
    column: Column, partitions: Callable[[str], int]
) -> Iterator[tuple[int, Keys, Values]]:
    topic, keys, values, partition = column
    if not isinstance(partition, int):
        found = partition
    elif partition >= 0:
        yield partition, keys, values
        return
    else:
        found = partitions_of(keys, partitions(topic))
    for number in sorted(set(found.tolist())):
        chosen = found == number
        yield number, _chosen(keys, chosen), _chosen(values, chosen)


def _chosen(column: Keys, chosen: Array) -> Keys:
    if isinstance(column, Cells):
        return column.take(chosen)
    return list(compress(column, chosen.tolist()))
