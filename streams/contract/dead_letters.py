"""Dead letters: records that could not be processed, in a form that their topic always takes.

A record is kept whole if that is possible. A few hundred bytes on the broker may be a record of
many megabytes, if it compresses well. Of what is too long, its first bytes are kept, its length and
its hash: enough to recognize it, and where it stands on its topic is in the letter anyway.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from streams.batching import escaped_name
from streams.contract.records import DeadLetter, Header, Shortened

if TYPE_CHECKING:
    from streams.batching import Record, RecordBatch

MAX_REASON_CHARACTERS = 1_000
# What is longer is kept in part, so that a letter is below what its topic takes, compressed or
# not. A key stands twice: in the letter, and as its key.
MAX_KEY_BYTES = 64 * 1024
MAX_HEADERS_BYTES = 256 * 1024
MAX_VALUE_BYTES = 3 * 1024 * 1024
KEPT_BYTES = 64 * 1024
KEPT_HEADER_BYTES = 1024
# What Avro takes for the name and the value of a header beside their bytes, at most.
HEADER_OVERHEAD = 16


def dead_letter_of(batch: RecordBatch, record: Record, reason: str) -> DeadLetter:
    """The dead letter of a record: whole, but for what is too long."""
    shortened: list[Shortened] = []
    return DeadLetter(
        # A lone surrogate, as JSON can have it, is no UTF-8.
        reason=reason[:MAX_REASON_CHARACTERS].encode(errors="backslashreplace").decode(),
        topic=batch.topic,
        partition=batch.partition,
        offset=record.offset,
        timestamp=record.timestamp,
        key=_kept("key", record.key, MAX_KEY_BYTES, shortened),
        value=_kept("value", record.value, MAX_VALUE_BYTES, shortened),
        headers=_kept_headers(record, shortened),
        shortened=shortened,
    )


def _kept(part: str, content: bytes | None, most: int, shortened: list[Shortened]) -> bytes | None:
    if content is None or len(content) <= most:
        return content
    shortened.append(Shortened(part, len(content), hashlib.sha256(content).hexdigest()))
    return content[:KEPT_BYTES]


def _kept_headers(record: Record, shortened: list[Shortened]) -> list[Header]:
    headers = [Header(escaped_name(name), value) for name, value in record.headers]
    length = sum(map(_length, headers))
    if length + HEADER_OVERHEAD * len(headers) <= MAX_HEADERS_BYTES:
        return headers
    digest = hashlib.sha256()
    kept: list[Header] = []
    left = MAX_HEADERS_BYTES
    for header in headers:
        digest.update(header.name.encode())
        digest.update(header.value or b"")
        value = header.value
        part = Header(
            header.name[: KEPT_HEADER_BYTES // 4],
            value if value is None else value[:KEPT_HEADER_BYTES],
        )
        left -= _length(part) + HEADER_OVERHEAD
        if left >= 0:
            kept.append(part)
    shortened.append(Shortened("headers", length, digest.hexdigest()))
    return kept


def _length(header: Header) -> int:
    return len(header.name.encode()) + len(header.value or b"")
