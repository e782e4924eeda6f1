"""Record batches as a client in another language may send them, to the byte."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from streams.contract.clients import aiokafka_security

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.settings import Settings

CRC_AT, ATTRIBUTES_AT, RECORDS_AT = 17, 21, 61
NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)


def batch_of(
    *records: tuple[bytes | None, bytes | None],
    headers: Sequence[tuple[str, bytes | None]] = (),
    codec: int = NONE,
    timestamp: int = 1_700_000_000_000,
) -> bytes:
    """A record batch of keys and values."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, 0, 1 << 30)
    for offset, (key, value) in enumerate(records):
        builder.append(offset, timestamp, key, value, list(headers))
    return bytes(builder.build())


def altered(batch: bytes, old: bytes, new: bytes) -> bytes:
    """A batch that is not compressed, with other bytes of the same length in its records."""
    assert len(old) == len(new)
    assert batch[RECORDS_AT:].count(old) > 0
    return with_checksum(batch[:RECORDS_AT] + batch[RECORDS_AT:].replace(old, new))


def compressed(batch: bytes, codec: int, records: bytes) -> bytes:
    """A batch with its records replaced by what is said to be their compressed form."""
    header = bytearray(batch[:RECORDS_AT])
    struct.pack_into(">h", header, ATTRIBUTES_AT, codec)
    struct.pack_into(">i", header, 8, RECORDS_AT - 12 + len(records))
    return with_checksum(bytes(header) + records)


def with_checksum(batch: bytes) -> bytes:
    crc = struct.pack(">I", calc_crc32c(batch[ATTRIBUTES_AT:]))
    return batch[:CRC_AT] + crc + batch[CRC_AT + 4 :]


async def send(settings: Settings, topic: str, partition: int, batch: bytes) -> int:
    """Send a batch as it is; the offset of its first record."""
    async with AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap_servers, **aiokafka_security(settings)
    ) as producer:
        builder = producer.create_batch()
        builder._buffer = bytearray(batch)
        builder._relative_offset = struct.unpack_from(">i", batch, 57)[0]
        sent = await producer.send_batch(builder, topic, partition=partition)
        return (await sent).offset
