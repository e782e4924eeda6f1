"""Follows topics on a thread, and hands over what it reads to the event loop.

It belongs to no consumer group and commits nothing: it is not seen by the workers, and whatever
happens to them is nothing to it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.client.kafka import REQUEST_TIMEOUT_S
from streams.contract.clients import broker_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from confluent_kafka import Message

    from streams.client.group import Offsets
    from streams.settings import Settings

log = logging.getLogger(__name__)

# Records handed over at a time: few enough to hold up the event loop for some milliseconds only.
MOST_AT_A_TIME = 500
# Records of a tail that are read in a second: enough to look at, and little beside what else the
# process does, however many there are.
TAIL_RECORDS_PER_S = 2_000
LOOK_EVERY_S = 0.25

Jumps = dict[tuple[str, int], tuple[int, int]]
"""Offset from which and to which reading has jumped, by topic and partition."""


class Follower:
    """Reads topics as they grow.

    Attributes:
        positions: The offset that is read next, by topic and partition; what is before it has been
            handed over. Belongs to the event loop.
        start_ends: The ends of the partitions when reading began; None before that.
    """

    def __init__(
        self,
        settings: Settings,
        topics: Iterable[str],
        decode: Callable[[Message], Any],
        take: Callable[[list[Any], Jumps], None],
        on_failure: Callable[[BaseException], None],
        tail: int | None = None,
    ) -> None:
        """Name the topics; reading begins with `start`.

        Args:
            settings: Where the broker is.
            topics: Names of the topics, which have to be there.
            decode: Makes of a message what is handed over, on the thread; None if it is nothing.
            take: Takes that in, on the event loop, with the jumps that reading has made.
            on_failure: Called on the event loop if the thread can't go on.
            tail: How many of the last records of a partition matter: reading begins with them, and
                jumps forward to them when it falls back further. All of them, if not given.
        """
        self.positions: Offsets = {}
        self.start_ends: Offsets | None = None
        self._topics = list(topics)
        self._decode = decode
        self._take = take
        self._on_failure = on_failure
        self._tail = tail
        self._loop = asyncio.get_running_loop()
        self._stopping = Event()
        self._consumer = Consumer(
            {
                **broker_config(settings),
                # librdkafka requires a group id; nothing is ever committed for it.
                "group.id": f"{settings.app_id}-web",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 100,
                # Of a tail nothing is fetched that will be jumped over.
                "queued.max.messages.kbytes": 16 * 1024 if tail is None else 1024,
                "max.partition.fetch.bytes": 1024 * 1024 if tail is None else 64 * 1024,
            }
        )
        self._thread = Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    async def stop(self) -> None:
        """Stop reading; what has been read is handed over first."""
        self._stopping.set()
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join)

    def positions_of(self, topic: str, partitions: int) -> tuple[int, ...]:
        """The offset of each partition of a topic that is read next."""
        return tuple(self.positions.get((topic, number), 0) for number in range(partitions))

    def has_reached(self, ends: Offsets) -> bool:
        """Whether everything before these offsets has been handed over."""
        return all(self.positions.get(tp, 0) >= end for tp, end in ends.items() if end)

    @property
    def has_started(self) -> bool:
        """Whether it has read to the ends as they were when it began."""
        return self.start_ends is not None and self.has_reached(self.start_ends)

    def _run(self) -> None:
        try:
            self._read()
        except Exception as error:  # noqa: BLE001 - a replica that stands still must not answer on
            self._loop.call_soon_threadsafe(self._on_failure, error)
        finally:
            self._consumer.close()

    def _read(self) -> None:
        existing = self._consumer.list_topics(timeout=REQUEST_TIMEOUT_S).topics
        partitions = [
            (topic, partition) for topic in self._topics for partition in existing[topic].partitions
        ]
        bounds = {tp: self._bounds(tp) for tp in partitions}
        starts = {tp: low for tp, (low, _) in bounds.items()}
        self._consumer.assign([TopicPartition(*tp, start) for tp, start in starts.items()])
        self._hand_over([], starts)
        self.start_ends = {tp: high for tp, (_, high) in bounds.items()}
        looked_at = time.monotonic()
        while not self._stopping.is_set():
            first = self._consumer.poll(0.2)
            if first is not None:
                messages = [first, *self._consumer.consume(MOST_AT_A_TIME - 1, 0)]
                self._hand_over(messages, {})
                if self._tail is not None and self.has_started:
                    self._stopping.wait(len(messages) / TAIL_RECORDS_PER_S)
            if self._tail is not None and time.monotonic() - looked_at > LOOK_EVERY_S:
                looked_at = time.monotonic()
                self._jump(partitions)

    def _bounds(self, where: tuple[str, int]) -> tuple[int, int]:
        """The offset at which reading begins, and the end of the partition."""
        low, high = self._consumer.get_watermark_offsets(
            TopicPartition(*where), timeout=REQUEST_TIMEOUT_S
        )
        return (low if self._tail is None else max(low, high - self._tail)), high

    def _jump(self, partitions: list[tuple[str, int]]) -> None:
        """Go forward to the tail of partitions whose end is further away than that."""
        tail = self._tail or 0
        for where in partitions:
            _, high = self._consumer.get_watermark_offsets(TopicPartition(*where), cached=True)
            if high - self.positions.get(where, high) > tail:
                start = high - tail // 2
                with suppress(KafkaException):  # not fetched from just now: the next time
                    self._consumer.seek(TopicPartition(*where, start))
                    self._hand_over([], {where: start})

    def _hand_over(self, messages: list[Message], jumped: Offsets) -> None:
        found: list[Any] = []
        positions: Offsets = dict(jumped)
        for message in messages:
            where = (message.topic() or "", message.partition() or 0)
            error = message.error()
            if error is None:
                positions[where] = (message.offset() or 0) + 1
                decoded = self._decode(message)
                if decoded is not None:
                    found.append(decoded)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - public in all but name
                # Beyond the last record there may be a transaction marker, or what was compacted.
                positions[where] = message.offset() or 0
            else:
                # librdkafka goes on by itself; that the replica grows old is seen by its age.
                log.warning("%s[%d]: %s", *where, error.str())
        # Not ahead of the event loop: what it can't take in yet stays with the broker.
        handed = self._receive(found, positions, jumped)
        asyncio.run_coroutine_threadsafe(handed, self._loop).result()

    async def _receive(self, found: list[Any], positions: Offsets, jumped: Offsets) -> None:
        jumps = {tp: (self.positions.get(tp, to), to) for tp, to in jumped.items()}
        self.positions.update(positions)
        if found or jumps:
            self._take(found, jumps)
