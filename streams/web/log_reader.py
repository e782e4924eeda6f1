"""Reads pieces of topics on request: one record, or page after page from the newest back."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, LifoQueue
from typing import TYPE_CHECKING, Generic, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.client.errors import ClientError
from streams.client.kafka import REQUEST_TIMEOUT_S
from streams.contract.clients import broker_config
from streams.web.problems import Refusal, unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from confluent_kafka import Message

    from streams.settings import Settings

T = TypeVar("T")

CURSOR = r"^(\d{1,19}(\.\d{1,19})*)?$"
"""What the cursor of a page looks like: an offset for each partition; nothing for the newest."""
MOST_AT_ONCE = 2
"""Requests that read at the same time; others wait."""
MOST_WAITING = 20
MOST_SCANNED = 50_000
"""Records that are looked at for one page."""
CHUNK = 2_000
LONGEST_S = 5.0


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some records, newest first.

    Attributes:
        found: What was made of them.
        scanned: Records that were looked at.
        next: Where the next page begins; None if there is none.
    """

    found: list[T]
    scanned: int
    next: str | None


@dataclass(slots=True)
class _Hit(Generic[T]):
    time: int
    partition: int
    offset: int
    value: T


class LogReader:
    """A few consumers for all requests; none of them is in a group."""

    def __init__(self, settings: Settings) -> None:
        """Connect when first used."""
        self._config: dict[str, str | int | bool] = {
            **broker_config(settings),
            # librdkafka requires a group id; nothing is ever committed for it.
            "group.id": f"{settings.app_id}-web",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 10,
            "queued.max.messages.kbytes": 8 * 1024,
        }
        self._partitions = settings.partitions
        self._free: LifoQueue[Consumer] = LifoQueue()
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, "reader")
        self._asked = 0

    def close(self) -> None:
        """End, once what is being read has been."""
        self._threads.shutdown(cancel_futures=True)
        while True:
            try:
                self._free.get_nowait().close()
            except Empty:
                return

    async def _run(self, read: Callable[[], T]) -> T:
        if self._asked >= MOST_WAITING:
            raise unavailable(f"{self._asked} others are reading topics")
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, read)
        finally:
            self._asked -= 1

    async def record(self, topic: str, partition: int, offset: int) -> Message | None:
        """The record at an offset; None if there is none, as after compaction."""

        def read() -> Message | None:
            with self._consumer() as consumer:
                low, high = _bounds(consumer, topic, partition)
                if not low <= offset < high:
                    return None
                found = _read(consumer, topic, {partition: (offset, offset + 1)})
                return found[0] if found else None

        return await self._run(read)

    async def first_since(
        self, topic: str, partition: int, at_ms: int, wanted: Callable[[Message], T | None]
    ) -> T | None:
        """What is made of the first record that is wanted, from a timestamp on.

        Looks at MOST_SCANNED records; None if there is none among them.
        """

        def read() -> T | None:
            with self._consumer() as consumer:
                _, high = _bounds(consumer, topic, partition)
                (found,) = consumer.offsets_for_times(
                    [TopicPartition(topic, partition, at_ms)], timeout=REQUEST_TIMEOUT_S
                )
                start = found.offset
                scanned = 0
                while 0 <= start < high and scanned < MOST_SCANNED:
                    end = min(high, start + CHUNK)
                    for message in _read(consumer, topic, {partition: (start, end)}):
                        value = wanted(message)
                        if value is not None:
                            return value
                    scanned, start = scanned + CHUNK, end
            return None

        return await self._run(read)

    async def latest(self, topic: str, prefix: bytes) -> dict[bytes, bytes]:
        """The latest value of each key with this prefix, of a whole compacted topic."""

        def read() -> dict[bytes, bytes]:
            values: dict[bytes, bytes] = {}
            with self._consumer() as consumer:
                for partition in range(self._partitions):
                    low, high = _bounds(consumer, topic, partition)
                    for start in range(low, high, MOST_SCANNED):
                        end = min(high, start + MOST_SCANNED)
                        for message in _read(consumer, topic, {partition: (start, end)}):
                            key, value = message.key() or b"", message.value()
                            if not key.startswith(prefix):
                                continue
                            if value is None:
                                values.pop(key, None)
                            else:
                                values[key] = value
            return values

        return await self._run(read)

    async def page(
        self,
        topic: str,
        wanted: Callable[[Message], T | None],
        *,
        after: str = "",
        limit: int,
        partitions: Sequence[int] | None = None,
    ) -> Page[T]:
        """A page of a topic's records, newest first.

        Where few records are wanted, a page may have less than it could, or nothing, and another
        be behind it: no request looks at more than MOST_SCANNED records.

        Args:
            topic: The topic.
            wanted: Makes of a message what is answered; None if it is not wanted.
            after: Where the page before ended; empty for the newest.
            limit: Most that are answered.
            partitions: Look at these alone.

        Raises:
            Refusal: The cursor is none, or all readers are busy.
        """
        numbers = list(range(self._partitions)) if partitions is None else list(partitions)
        ends = _parse(after, self._partitions) if after else None
        return await self._run(lambda: self._page(topic, wanted, ends, limit, numbers))

    def _page(
        self,
        topic: str,
        wanted: Callable[[Message], T | None],
        ends: list[int] | None,
        limit: int,
        partitions: list[int],
    ) -> Page[T]:
        deadline = time.monotonic() + LONGEST_S
        hits: list[_Hit[T]] = []
        scanned = 0
        with self._consumer() as consumer:
            bounds = {p: _bounds(consumer, topic, p) for p in partitions}
            lows = {p: low for p, (low, _) in bounds.items()}
            highs = {p: high if ends is None else ends[p] for p, (_, high) in bounds.items()}
            # Behind each of these everything has been looked at.
            at = {p: min(highs[p], high) for p, (_, high) in bounds.items()}
            chunk = max(limit, CHUNK // len(partitions))
            while len(hits) < limit and scanned < MOST_SCANNED and time.monotonic() < deadline:
                ranges = {p: (max(lows[p], at[p] - chunk), at[p]) for p in partitions}
                ranges = {p: (low, high) for p, (low, high) in ranges.items() if low < high}
                if not ranges:
                    break
                messages = _read(consumer, topic, ranges)
                scanned += len(messages)
                for message in messages:
                    value = wanted(message)
                    if value is not None:
                        hits.append(_hit(message, value))
                at |= {p: low for p, (low, _) in ranges.items()}
        _sort_newest_first(hits)
        for hit in hits[limit:]:  # left for the next page
            at[hit.partition] = max(at[hit.partition], hit.offset + 1)
        more = any(at[p] > lows[p] for p in partitions)
        cursor = [at.get(p, 0) for p in range(self._partitions)]
        found = [hit.value for hit in hits[:limit]]
        return Page(found, scanned, ".".join(map(str, cursor)) if more else None)

    @contextmanager
    def _consumer(self) -> Iterator[Consumer]:
        try:
            consumer = self._free.get_nowait()
        except Empty:
            consumer = Consumer(self._config)
        try:
            yield consumer
        except KafkaException as error:
            consumer.close()
            raise ClientError(f"the topic can't be read: {error.args[0].str()}") from error
        except BaseException:
            consumer.close()
            raise
        consumer.unassign()
        self._free.put(consumer)


def _bounds(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    found: tuple[int, int] = consumer.get_watermark_offsets(
        TopicPartition(topic, partition), timeout=REQUEST_TIMEOUT_S
    )
    return found


def _read(consumer: Consumer, topic: str, ranges: dict[int, tuple[int, int]]) -> list[Message]:
    """The messages of partitions from an offset up to, and not including, another."""
    consumer.assign([TopicPartition(topic, p, start) for p, (start, _) in ranges.items()])
    ends = {p: end for p, (_, end) in ranges.items()}
    found: list[Message] = []
    deadline = time.monotonic() + REQUEST_TIMEOUT_S
    while ends:
        if time.monotonic() > deadline:
            raise ClientError(f"{topic} can't be read: the broker does not answer")
        for message in consumer.consume(1_000, 0.05):
            partition, offset = message.partition() or 0, message.offset() or 0
            error = message.error()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                    ends.pop(partition, None)
                continue
            if partition in ends and offset < ends[partition]:
                found.append(message)
            if offset + 1 >= ends.get(partition, 0):
                ends.pop(partition, None)
    return found


def _hit(message: Message, value: T) -> _Hit[T]:
    at_ms = message.timestamp()[1]
    return _Hit(at_ms, message.partition() or 0, message.offset() or 0, value)


def _sort_newest_first(hits: list[_Hit[T]]) -> None:
    """By time, but never against the order of a partition: a page ends at one offset of each."""
    latest: dict[int, int] = {}
    for hit in sorted(hits, key=lambda hit: hit.offset):
        hit.time = latest[hit.partition] = max(hit.time, latest.get(hit.partition, hit.time))
    hits.sort(key=lambda hit: (hit.time, hit.partition, hit.offset), reverse=True)


def _parse(after: str, partitions: int) -> list[int]:
    parts = after.split(".")
    if len(parts) != partitions or not all(
        part.isascii() and part.isdecimal() and len(part) < 20 for part in parts
    ):
        raise Refusal(400, f"after: {after[:60]!r} is not what `next` of another page was")
    return [int(part) for part in parts]
