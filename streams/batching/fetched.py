"""Parses the result of a fetch, so that no record can stop the consumer.

aiokafka's parser raises on a header whose name is not UTF-8, on an unknown compression codec and on
bytes that the codec does not accept, and allocates as much memory as a compressed record batch asks
for. An exception in the fetcher would end a worker at each start, at the same offset. So everything
that a broker can store is read here: as records if possible, as an `UnreadableRecord` if not.
"""

from __future__ import annotations

import logging
import struct
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import cramjam
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.legacy_records import LegacyRecordBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streams.batching.records import Record

log = logging.getLogger(__name__)

MIB = 1024 * 1024
# A broker limits the compressed size of a batch: a megabyte may expand to gigabytes.
MAX_BATCH_BYTES = 32 * MIB
# Up to this size aiokafka parses a batch: fast, but with one object per header.
MAX_FAST_BATCH_BYTES = 2 * MIB
MAX_HEADERS = 10_000
# The batch may have been damaged on the way here: fetch it this often before that counts.
CORRUPT_FETCHES = 3

# Of a record batch: base offset, length, leader epoch, magic, checksum, attributes, last offset
# delta, base timestamp, max timestamp, producer id, producer epoch, base sequence, record count.
_BATCH = struct.Struct(">qiibIhiqqqhii")
_LENGTH = struct.Struct(">i")
_LENGTH_AT, _OVERHEAD, _MAGIC_AT, _ATTRIBUTES_AT = 8, 12, 16, 21
_CODEC_MASK, _LOG_APPEND_TIME = 0x07, 0x08
_GZIP, _SNAPPY, _LZ4, _ZSTD = 1, 2, 3, 4
_OUTSIDE = "its offset is not one of its batch"
_XERIAL_MAGIC, _XERIAL_HEADER_BYTES = b"\x82SNAPPY\0", 16


class UnreadableBatch(ValueError):
    """A record batch, or a record of one, can't be parsed; the message says why."""


@dataclass(frozen=True, slots=True)
class ParsedRecord:
    """A record that was parsed here: see `Record`.

    Bytes of a header's name that are not UTF-8 are surrogates, as `surrogateescape` has them.
    """

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


@dataclass(frozen=True, slots=True)
class UnreadableRecord(ParsedRecord):
    """An unreadable record at an offset; its value is the bytes as the broker has them."""

    reason: str = ""


class RecordBatches:
    """The record batches that a fetch returned for one partition; the last may be cut off."""

    def __init__(self, fetched: bytes) -> None:
        """Start at the first batch."""
        self._fetched = memoryview(fetched)
        self._at = 0

    def size_in_bytes(self) -> int:
        """Total size, in bytes."""
        return len(self._fetched)

    def has_next(self) -> bool:
        """Whether there is another complete batch."""
        return self._end() is not None

    def next_batch(self) -> memoryview:
        """The bytes of the next batch, which has to exist."""
        begin, self._at = self._at, self._end() or 0
        return self._fetched[begin : self._at]

    def _end(self) -> int | None:
        if len(self._fetched) - self._at < _OVERHEAD:
            return None
        (length,) = _LENGTH.unpack_from(self._fetched, self._at + _LENGTH_AT)
        end: int = self._at + _OVERHEAD + length
        return end if end <= len(self._fetched) else None


class FetchedRecords(PartitionRecords):  # type: ignore[misc]
    """The records that one fetch returned for a partition, whatever they contain."""

    next_fetch_offset: int
    # How often a batch with a wrong checksum was fetched, by partition and offset.
    _corrupt: ClassVar[Counter[tuple[Any, int]]] = Counter()

    def __iter__(self) -> Iterator[Record]:
        """Go on with the records: the generator itself, without a call for each of them."""
        records: Iterator[Record] = self._records_iterator
        return records

    def _unpack_records(self) -> Iterator[Record]:
        while self._records.has_next():
            raw = self._records.next_batch()
            batch = (DefaultRecordBatch if raw[_MAGIC_AT] >= 2 else _legacy)(raw)
            if self._check_crcs and not batch.validate_crc():
                if self._fetch_again(batch.base_offset):
                    return
                yield self._unreadable(raw, batch, "its checksum is wrong: it was damaged")
            elif not self._is_left_out(batch):
                yield from self._read(raw, batch)
            # Also past offsets that compaction has removed from the end of the batch.
            self.next_fetch_offset = max(batch.next_offset, self.next_fetch_offset)

    def _fetch_again(self, offset: int) -> bool:
        self._corrupt[self._tp, offset] += 1
        log.warning("%s offset %d: the record batch has a wrong checksum", self._tp, offset)
        if self._corrupt[self._tp, offset] < CORRUPT_FETCHES:
            return True
        del self._corrupt[self._tp, offset]
        return False

    def _is_left_out(self, batch: Any) -> bool:
        """Whether this is a transaction marker, or belongs to an aborted transaction."""
        if self._isolation_level == READ_COMMITTED and batch.producer_id is not None:
            self._consume_aborted_up_to(batch.base_offset)
            if batch.is_control_batch and self._contains_abort_marker(batch):
                self._aborted_producers.discard(batch.producer_id)
            if batch.is_transactional and batch.producer_id in self._aborted_producers:
                return True
        return bool(batch.is_control_batch)

    def _read(self, raw: memoryview, batch: Any) -> Iterator[Record]:
        try:
            plain = uncompressed(raw)
        except UnreadableBatch as error:
            yield self._unreadable(raw, batch, str(error))
            return
        if len(plain) <= MAX_FAST_BATCH_BYTES:
            try:
                yield from self._new(_fast(plain), batch.next_offset)
            except Exception as error:  # noqa: BLE001 - whatever it is, one of its records is to blame
                log.info("%s: a batch is read record by record: %r", self._tp, error)
            else:
                return
        yield from self._new(parsed(plain), batch.next_offset)

    def _new(self, records: Iterator[Record], end: int) -> Iterator[Record]:
        """The records from the position on: a batch may begin before it."""
        for record in records:
            offset = record.offset
            if offset >= end:
                raise UnreadableBatch(_OUTSIDE)
            if offset >= self.next_fetch_offset:
                self.next_fetch_offset = offset + 1
                yield record

    def _unreadable(self, raw: memoryview, batch: Any, why: str) -> UnreadableRecord:
        first, last = batch.base_offset, batch.next_offset - 1
        reason = f"the record batch of offsets {first} to {last} can't be read: {why}"
        log.warning("%s: %s", self._tp, reason)
        timestamp = _BATCH.unpack_from(raw)[7] if len(raw) >= _BATCH.size else 0
        return UnreadableRecord(
            max(first, self.next_fetch_offset), timestamp, None, bytes(raw), reason=reason
        )


def _legacy(raw: memoryview) -> Any:
    return LegacyRecordBatch(raw, raw[_MAGIC_AT])


def _fast(plain: memoryview | bytes) -> Iterator[Record]:
    magic = plain[_MAGIC_AT]
    return iter(DefaultRecordBatch(plain) if magic >= 2 else LegacyRecordBatch(plain, magic))


def uncompressed(raw: memoryview) -> memoryview | bytes:
    """A record batch as it would be without compression.

    Raises:
        UnreadableBatch: Its codec is unknown, does not take its bytes, or makes too much of them.
    """
    if raw[_MAGIC_AT] < 2:  # before Kafka 0.11; the batch knows its own codec
        return raw
    (attributes,) = struct.unpack_from(">h", raw, _ATTRIBUTES_AT)
    codec = attributes & _CODEC_MASK
    if not codec:
        return raw
    if codec not in _CODECS:
        raise UnreadableBatch(f"its compression codec {codec} is not known")
    name, decompress = _CODECS[codec]
    try:
        records = decompress(raw[_BATCH.size :], MAX_BATCH_BYTES)
    except UnreadableBatch:
        raise
    except Exception as error:
        raise UnreadableBatch(f"it is not {name}: {error}") from error
    header = bytearray(raw[: _BATCH.size])
    struct.pack_into(">h", header, _ATTRIBUTES_AT, attributes & ~_CODEC_MASK)
    return b"".join((header, records))


def _too_large(limit: int) -> UnreadableBatch:
    return UnreadableBatch(f"it is larger than {limit // MIB} MiB when it is decompressed")


def _gunzip(compressed: memoryview, limit: int) -> bytes:
    parts, size = [], 0
    rest: bytes | memoryview = compressed
    while rest:  # several files one after the other are one
        member = zlib.decompressobj(wbits=31)
        parts.append(member.decompress(rest, limit - size + 1))
        size += len(parts[-1])
        if size > limit:
            raise _too_large(limit)
        if not member.eof:
            raise zlib.error("the end is missing")
        rest = member.unused_data
    return b"".join(parts)


def _unsnap(compressed: memoryview, limit: int) -> bytes:
    blocks = [compressed]
    if compressed[: len(_XERIAL_MAGIC)] == _XERIAL_MAGIC:
        blocks, at = [], _XERIAL_HEADER_BYTES
        while at < len(compressed):
            (length,) = _LENGTH.unpack_from(compressed, at)
            at += _LENGTH.size
            if not 0 <= length <= len(compressed) - at:
                raise ValueError("the end is missing")
            blocks.append(compressed[at : at + length])
            at += length
    parts, size = [], 0
    for block in blocks:
        size += cramjam.snappy.decompress_raw_len(block)
        if size > limit:
            raise _too_large(limit)
        parts.append(bytes(cramjam.snappy.decompress_raw(block)))
    return b"".join(parts)


def _into_buffer(
    decompress_into: Callable[[memoryview, bytearray], int],
) -> Callable[[memoryview, int], memoryview]:
    """Decompress with a codec that has no limit of its own, into a buffer that is the limit."""

    def decompress(compressed: memoryview, limit: int) -> memoryview:
        size = min(limit, max(64 * 1024, 16 * len(compressed)))
        while True:
            buffer = bytearray(size)
            try:
                return memoryview(buffer)[: decompress_into(compressed, buffer)]
            except cramjam.DecompressionError as error:
                if "whole buffer" not in str(error):
                    raise
                if size == limit:
                    raise _too_large(limit) from error
                size = limit

    return decompress


_CODECS: dict[int, tuple[str, Callable[[memoryview, int], memoryview | bytes]]] = {
    _GZIP: ("gzip", _gunzip),
    _SNAPPY: ("snappy", _unsnap),
    _LZ4: ("lz4", _into_buffer(cramjam.lz4.decompress_into)),
    _ZSTD: ("zstd", _into_buffer(cramjam.zstd.decompress_into)),
}


def parsed(plain: memoryview | bytes) -> Iterator[ParsedRecord]:
    """The records of a batch that is not compressed, one by one, the unreadable ones as such."""
    fields = _BATCH.unpack_from(plain)
    base_offset, attributes, last_delta, base_timestamp = fields[0], *fields[5:8]
    append_time = fields[8] if attributes & _LOG_APPEND_TIME else None
    at, offset, last = _BATCH.size, base_offset, base_offset + last_delta
    for _ in range(fields[12]):
        begin = at
        try:
            length, at = _varint(plain, at)
            if not 0 < length <= len(plain) - at:
                raise UnreadableBatch("its length is wrong")
        except (UnreadableBatch, IndexError) as error:
            yield _unreadable_record(last, base_timestamp, plain[begin:], error)
            return
        end = at + length
        try:
            record = _record(plain[at:end], base_offset, base_timestamp, append_time)
            if not offset <= record.offset <= last:
                raise UnreadableBatch(_OUTSIDE)
        except (UnreadableBatch, IndexError) as error:
            record = _unreadable_record(min(offset, last), base_timestamp, plain[at:end], error)
        offset, at = record.offset + 1, end
        yield record


def _unreadable_record(
    offset: int, timestamp: int, raw: memoryview | bytes, error: Exception
) -> UnreadableRecord:
    return UnreadableRecord(
        offset, timestamp, None, bytes(raw), reason=f"the record can't be read: {error}"
    )


def _record(
    raw: memoryview | bytes, base_offset: int, base_timestamp: int, append_time: int | None
) -> ParsedRecord:
    timestamp_delta, at = _varint(raw, 1)  # after the attributes
    offset_delta, at = _varint(raw, at)
    timestamp = base_timestamp + timestamp_delta if append_time is None else append_time
    offset = base_offset + offset_delta
    key, at = _nullable(raw, at)
    value, at = _nullable(raw, at)
    count, at = _varint(raw, at)
    if not 0 <= count <= MAX_HEADERS:
        reason = f"the record has {count:,} headers; the most that are read are {MAX_HEADERS:,}"
        return UnreadableRecord(offset, timestamp, key, value, reason=reason)
    headers = []
    for _ in range(count):
        name, at = _nullable(raw, at)
        content, at = _nullable(raw, at)
        headers.append(((name or b"").decode("utf-8", "surrogateescape"), content))
    return ParsedRecord(offset, timestamp, key, value, tuple(headers))


def _nullable(raw: memoryview | bytes, at: int) -> tuple[bytes | None, int]:
    length, at = _varint(raw, at)
    if length < 0:
        return None, at
    if length > len(raw) - at:
        raise UnreadableBatch("a field of it goes beyond its end")
    return bytes(raw[at : at + length]), at + length


def _varint(raw: memoryview | bytes, at: int) -> tuple[int, int]:
    """A zigzag number of variable length, and where it ends."""
    number, shift = 0, 0
    while True:
        byte = raw[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
        shift += 7
        if shift > 63:
            raise UnreadableBatch("a number in it is longer than 64 bits")


def escaped_name(header_name: str) -> str:
    r"""The name of a header as text: `\xNN` for a byte that is not UTF-8, and a backslash twice.

    Args:
        header_name: The name, with a surrogate for each such byte.
    """
    doubled = header_name.replace("\\", r"\\")
    return doubled.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
