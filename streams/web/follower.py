"""Follows topics from their beginning, on a thread, and hands over what it reads to the event loop.

It belongs to no consumer group and commits nothing: it is not seen by the workers, and whatever
happens to them is nothing to it.
"""

from __future__ import annotations

import asyncio
import logging
from threading import Event, Thread
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaError, TopicPartition

from streams.client.kafka import REQUEST_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from confluent_kafka import Message

    from streams.client.group import Offsets
    from streams.settings import Settings
    from streams.web.replica import Change

log = logging.getLogger(__name__)

# Records handed over at a time: few enough to hold up the event loop for some milliseconds only.
MOST_AT_A_TIME = 500


class Follower:
    """Reads topics as they grow.

    Attributes:
        positions: The offset that is read next, by topic and partition; what is before it has been
            folded. Belongs to the event loop.
    """

    def __init__(
        self,
        settings: Settings,
        topics: Iterable[str],
        decode: Callable[[Message], Change | None],
        take: Callable[[list[Change]], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        """Name the topics; reading begins with `start`.

        Args:
            settings: Where the broker is.
            topics: Names of the topics, which have to be there.
            decode: Makes a change of a message, on the thread; None if it is nobody's.
            take: Takes in changes, on the event loop.
            on_failure: Called on the event loop if the thread can't go on.
        """
        self.positions: Offsets = {}
        self._topics = list(topics)
        self._decode = decode
        self._take = take
        self._on_failure = on_failure
        self._loop = asyncio.get_running_loop()
        self._stopping = Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                # librdkafka requires a group id; nothing is ever committed for it.
                "group.id": f"{settings.app_id}-web",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 100,
                "queued.max.messages.kbytes": 16 * 1024,
                "log_level": 0,
            }
        )
        self._thread = Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    async def stop(self) -> None:
        """Stop reading; what has been read is handed over first."""
        self._stopping.set()
        await asyncio.to_thread(self._thread.join)

    def has_reached(self, ends: Offsets) -> bool:
        """Whether everything before these offsets has been folded."""
        return all(self.positions.get(tp, 0) >= end for tp, end in ends.items() if end)

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
            TopicPartition(topic, partition, 0)
            for topic in self._topics
            for partition in existing[topic].partitions
        ]
        self._consumer.assign(partitions)
        while not self._stopping.is_set():
            first = self._consumer.poll(0.2)
            if first is None:
                continue
            self._hand_over([first, *self._consumer.consume(MOST_AT_A_TIME - 1, 0)])

    def _hand_over(self, messages: list[Message]) -> None:
        changes: list[Change] = []
        positions: Offsets = {}
        for message in messages:
            where = (message.topic() or "", message.partition() or 0)
            error = message.error()
            if error is None:
                positions[where] = (message.offset() or 0) + 1
                change = self._decode(message)
                if change is not None:
                    changes.append(change)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - public in all but name
                # Beyond the last record there may be a transaction marker, or what was compacted.
                positions[where] = message.offset() or 0
            else:
                # librdkafka goes on by itself; that the replica grows old is seen by its age.
                log.warning("%s[%d]: %s", *where, error.str())
        # Not ahead of the event loop: what it can't take in yet stays with the broker.
        asyncio.run_coroutine_threadsafe(self._fold(changes, positions), self._loop).result()

    async def _fold(self, changes: list[Change], positions: Offsets) -> None:
        self.positions.update(positions)
        if changes:
            self._take(changes)
