"""A client in the place of aiokafka's producer: what is sent through it, acknowledged at will."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiokafka.record.memory_records import MemoryRecords

from streams.batching import producer

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    Record = tuple[str, int, bytes | None, bytes | None]


class Sent:
    """What was sent, in order, window by window.

    Attributes:
        records: Topic, partition, key and value of each.
        windows: The bytes that were handed over without a pause, before compression.
        answer: Called with the records of a batch; awaited before it is acknowledged. What it
            raises is the broker's answer.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, partitions: int = 1) -> None:
        """Take the place of aiokafka's producer; every topic has so many partitions."""
        self.records: list[Record] = []
        self.answer: Callable[[list[Record]], Any] = lambda _: asyncio.sleep(0)
        self._partitions = partitions
        monkeypatch.setattr(producer, "AIOKafkaProducer", lambda **_: self)

    @property
    def topics(self) -> list[str]:
        """The topics of the records, neighbours once."""
        topics = [topic for topic, *_ in self.records]
        return [t for t, before in zip(topics, [None, *topics], strict=False) if t != before]

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def partitions_for(self, _topic: str) -> set[int]:
        return set(range(self._partitions))

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[None]:
        batch._set_producer_state(1, 0, 0)
        found: list[Record] = []
        memory = MemoryRecords(bytes(batch._build()))
        while memory.has_next():
            records = memory.next_batch()
            assert records.validate_crc()
            found.extend((topic, partition, r.key, r.value) for r in records)
        self.records += found

        async def acknowledge() -> None:
            await self.answer(found)

        return asyncio.ensure_future(acknowledge())
