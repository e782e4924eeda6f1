"""The workers' own sender, alone: it counts, while leaders of its partitions move and die."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from confluent_kafka.admin import AdminClient, NewTopic

from streams.batching import BatchProducer, Messages
from streams.client.reader import Reader
from streams.contract.clients import broker_config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.settings import Settings

PARTITIONS = 6  # two for each of three brokers
# Numbers in a send; several sends are under way at a time.
SENT_AT_ONCE, SENDS = 40, 4
BREAK_S = 0.01


class Counting(threading.Thread):
    """Counts on each partition from 0, without a break, until it is stopped.

    Attributes:
        failure: What it ended of; None if of nothing.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(daemon=True)
        self._settings = settings
        self._topic = f"{settings.topic_prefix}.counted"
        self.stopped = threading.Event()
        self.failure: BaseException | None = None
        self._next = 0

    def make_topic(self) -> None:
        admin = AdminClient(broker_config(self._settings))
        topic = NewTopic(self._topic, PARTITIONS, self._settings.replication_factor)
        admin.create_topics([topic])[self._topic].result(30)

    def run(self) -> None:
        try:
            asyncio.run(self._count())
        except BaseException as error:  # noqa: BLE001 - told with the figures
            self.failure = error

    async def _count(self) -> None:
        timeout_s = self._settings.session_timeout_s * 0.9
        async with BatchProducer(self._settings.bootstrap_servers, timeout_s) as output:
            await asyncio.gather(*(self._send(output) for _ in range(SENDS)))

    async def _send(self, output: BatchProducer) -> None:
        while not self.stopped.is_set():
            first, self._next = self._next, self._next + SENT_AT_ONCE
            numbers = [str(number).encode() for number in range(first, self._next)]
            messages = Messages()
            for partition in range(PARTITIONS):
                messages.add(self._topic, [b"n"] * len(numbers), numbers, partition)
            await output.send(messages)
            await asyncio.sleep(BREAK_S)

    def counted(self) -> int:
        """How many numbers are on each partition.

        Raises:
            AssertionError: One is missing, twice there or out of order; or it ended too early.
        """
        assert self.failure is None, self.failure
        found: list[list[int]] = [[] for _ in range(PARTITIONS)]
        with Reader(self._settings) as reader:
            for message in reader.read(self._topic):
                if message is not None:
                    found[message.partition() or 0].append(int(message.value() or b"-1"))
        for partition, numbers in enumerate(found):
            assert numbers == list(range(self._next)), first_wrong(partition, numbers)
        return self._next


def first_wrong(partition: int, numbers: Sequence[int]) -> str:
    """Where counting went wrong."""
    for wanted, number in enumerate(numbers):
        if number != wanted:
            return f"partition {partition}: {number} instead of {wanted}"
    return f"partition {partition} ends with {numbers[-1:]}"
