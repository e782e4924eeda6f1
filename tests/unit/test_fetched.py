"""What a fetch brought is read whatever it is made of: no record in it can stop the consumer."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
from typing import Any

import cramjam
import pytest
from aiokafka.codec import snappy_encode
from aiokafka.consumer.fetcher import READ_COMMITTED
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.batching import fetched
from streams.batching.fetched import (
    FetchedRecords,
    RecordBatches,
    UnreadableRecord,
    escaped_name,
)
from tests.harness.raw_batches import (
    GZIP,
    LZ4,
    NONE,
    RECORDS_AT,
    SNAPPY,
    ZSTD,
    altered,
    batch_of,
    compressed,
)

IN = TP("in", 0)
CODECS = pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4, ZSTD])


def at_offset(offset: int, batch: bytes) -> bytes:
    return struct.pack(">q", offset) + batch[8:]


def read(*batches: bytes, position: int = 0) -> tuple[list[Any], int]:
    """The records, and the position after them; offsets go on from batch to batch."""
    placed, offset = [], 0
    for batch in batches:
        placed.append(at_offset(offset, batch))
        offset += struct.unpack_from(">i", batch, 23)[0] + 1
    log = RecordBatches(b"".join(placed))
    records = FetchedRecords(IN, log, [], position, None, None, True, READ_COMMITTED)
    return list(records), records.next_fetch_offset


def content(records: list[Any]) -> list[tuple[Any, ...]]:
    return [(r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in records]


def test_a_header_whose_name_is_not_utf_8_is_kept_to_the_byte_and_its_neighbours_are_read():
    latin_1 = altered(
        batch_of((b"a", b"1"), (b"b", None), headers=[("Gr??e", b"\xff"), ("x", None)]),
        b"Gr??e", "Größe".encode("latin-1"),
    )  # fmt: skip
    records, position = read(batch_of((b"k", b"v")), latin_1, batch_of((b"k", b"v")))
    assert [r.offset for r in records] == [0, 1, 2, 3]
    assert position == 4
    (name, value), other = records[1].headers
    assert name.encode("utf-8", "surrogateescape") == "Größe".encode("latin-1")
    assert (value, other) == (b"\xff", ("x", None))


def test_names_of_headers_are_told_apart_when_they_are_escaped():
    names = ["Gr\udcf6\udcdfe", "Größe", r"Gr\xf6\xdfe", "\\", "\\\\", "", "\x00\n"]
    assert [escaped_name(name) for name in names[:4]] == [
        r"Gr\xf6\xdfe", "Größe", r"Gr\\xf6\\xdfe", r"\\",
    ]  # fmt: skip
    assert len({escaped_name(name) for name in names}) == len(names)


@CODECS
def test_every_codec_is_read_as_it_was_written(codec):
    records = [(b"k%d" % n, b"v" * n) for n in range(300)]
    plain, _ = read(batch_of(*records))
    unpacked, position = read(batch_of(*records, codec=codec))
    assert content(unpacked) == content(plain)
    assert position == 300


def test_several_gzip_members_and_raw_snappy_are_read_as_the_broker_reads_them():
    batch = batch_of((b"a", b"1"), (b"b", b"2"))
    raw = batch[RECORDS_AT:]
    members = gzip.compress(raw[:5]) + gzip.compress(raw[5:])
    for codec, packed in (
        (GZIP, members),
        (SNAPPY, bytes(cramjam.snappy.compress_raw(raw))),
        (SNAPPY, snappy_encode(raw, xerial_blocksize=7)),
    ):
        records, _ = read(compressed(batch, codec, packed))
        assert content(records) == content(read(batch)[0])


@pytest.mark.parametrize(
    ("codec", "packed", "reason"),
    [
        (7, b"?", "compression codec 7 is not known"),
        (GZIP, b"?", "not gzip"),
        (GZIP, gzip.compress(b"x" * 99, mtime=0)[:-9], "not gzip: the end is missing"),
        (SNAPPY, b"\xff\xff\xff\xff\x0f?", "it is larger than 32 MiB"),
        (SNAPPY, snappy_encode(b"x")[:16] + b"\xff\xff\xff\xfc", "not snappy: the end is missing"),
        (LZ4, b"?", "not lz4"),
        (ZSTD, b"?", "not zstd"),
    ],
)
def test_a_batch_that_its_codec_does_not_take_is_one_unreadable_record_with_its_bytes(
    codec, packed, reason
):
    good, bad = (
        batch_of((b"k", b"v")),
        compressed(batch_of((b"a", b""), (b"b", b"")), codec, packed),
    )
    records, position = read(good, bad, good)
    assert [r.offset for r in records] == [0, 1, 3]
    assert position == 4
    unreadable = records[1]
    assert isinstance(unreadable, UnreadableRecord)
    assert unreadable.value == at_offset(1, bad)
    assert "the record batch of offsets 1 to 2 can't be read" in unreadable.reason
    assert reason in unreadable.reason


@CODECS
def test_a_batch_that_would_fill_the_memory_is_not_decompressed(codec):
    bomb = batch_of((b"k", b"\0" * (fetched.MAX_BATCH_BYTES + 1)), codec=codec)
    tracemalloc.start()
    try:
        (record,), position = read(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "it is larger than 32 MiB when it is decompressed" in record.reason
    assert position == 1
    assert peak < 3 * fetched.MAX_BATCH_BYTES


def test_a_large_batch_is_read_like_a_small_one():
    records = [(b"k%d" % n, bytes(100_000)) for n in range(30)]
    found, position = read(batch_of(*records, headers=[("h", b"x")], codec=ZSTD))
    assert [(r.offset, r.key, r.value, r.headers) for r in found] == [
        (n, key, value, (("h", b"x"),)) for n, (key, value) in enumerate(records)
    ]
    assert position == 30


def test_a_record_of_millions_of_headers_is_not_taken_apart():
    bomb = batch_of((b"k", b"v"), headers=[("", None)] * 1_500_000, codec=ZSTD)
    (record,), position = read(bomb)
    assert isinstance(record, UnreadableRecord)
    assert "1,500,000 headers" in record.reason
    assert (record.key, record.value, position) == (b"k", b"v", 1)


def test_a_wrong_checksum_counts_when_the_batch_was_fetched_again_and_it_is_still_wrong():
    good, damaged = batch_of((b"k", b"v")), bytearray(batch_of((b"k", b"v"), (b"k", b"w")))
    damaged[-1] ^= 1
    for _ in range(fetched.CORRUPT_FETCHES - 1):
        records, position = read(good, bytes(damaged), good)
        assert [r.offset for r in records] == [0]
        assert position == 1  # it is fetched from here
    records, position = read(good, bytes(damaged), good)
    assert [r.offset for r in records] == [0, 1, 3]
    assert "its checksum is wrong" in records[1].reason
    assert position == 4


def test_a_batch_is_begun_in_its_middle():
    batch = batch_of(*[(b"k", b"%d" % n) for n in range(9)], headers=[("Gr??e", b"")])
    for each in (batch, altered(batch, b"Gr??e", b"Gr\xf6\xdfe")):
        records, position = read(each, position=4)
        assert [r.offset for r in records] == [4, 5, 6, 7, 8]
        assert position == 9


@given(st.data())
def test_whatever_bytes_stand_where_records_should_be_every_offset_is_passed_once(data):
    count = data.draw(st.integers(1, 5))
    batch = batch_of(*[(b"key", b"value")] * count, headers=[("name", b"content")])
    mangled = bytearray(batch[RECORDS_AT:])
    for _ in range(data.draw(st.integers(0, 4))):
        mangled[data.draw(st.integers(0, len(mangled) - 1))] = data.draw(st.integers(0, 255))
    good = batch_of((b"k", b"v"))
    records, position = read(good, compressed(batch, NONE, bytes(mangled)), good)
    offsets = [r.offset for r in records]
    assert offsets == sorted(set(offsets))
    assert (records[0].value, records[-1].value) == (b"v", b"v")
    assert position == count + 2
