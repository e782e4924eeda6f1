"""A client in the place of aiokafka's producer: what is sent through it, acknowledged at will."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiokafka.record.memory_records import MemoryRecords

from streams.batching import producer

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from streams.batching.windows import PackedBatch

    Record = tuple[str, int, bytes | None, bytes | None]


def records_of(batch: PackedBatch) -> list[tuple[bytes | None, bytes | None]]:
    """The keys and values that a broker finds in a batch."""
    batch._set_producer_state(1, 0, 0)
    memory = MemoryRecords(bytes(batch._build()))
    found = []
    while memory.has_next():
        of_batch = memory.next_batch()
        assert of_batch.validate_crc()
        found += [(record.key, record.value) for record in of_batch]
    return found


class Sent:
    """What was sent, in order, window by window.

    Attributes:
        records: Topic, partition, key and value of each.
        windows: The bytes that were handed over without a pause, before compression.
        something: Is set once anything was sent.
        committed: Of each transaction, its id, the records and the offsets.
        answer: Called with the records of a batch; awaited before it is acknowledged. What it
            raises is the broker's answer.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, partitions: int = 1) -> None:
        """Take the place of aiokafka's producer; every topic has so many partitions."""
        self.records: list[Record] = []
        self.something = asyncio.Event()
        self.committed: list[tuple[str, list[Record], dict[Any, int]]] = []
        self.answer: Callable[[list[Record]], Any] = lambda _: asyncio.sleep(0)
        self._partitions = partitions
        monkeypatch.setattr(producer, "AIOKafkaProducer", self._client)

    def _client(self, transactional_id: str = "", **_: Any) -> Sent:
        return _Transactional(self, transactional_id) if transactional_id else self

    @property
    def topics(self) -> list[str]:
        """The topics of the records, neighbours once."""
        topics = [topic for topic, *_ in self.records]
        return [t for t, before in zip(topics, [None, *topics], strict=False) if t != before]

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def partitions_for(self, _topic: str) -> set[int]:
        return set(range(self._partitions))

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[Any]:
        found = [(topic, partition, key, value) for key, value in records_of(batch)]
        self.records += found
        self.something.set()

        async def acknowledge() -> None:
            await self.answer(found)

        return asyncio.ensure_future(acknowledge())


class _Transactional(Sent):
    """A client that sends in transactions."""

    def __init__(self, sent: Sent, name: str) -> None:
        self._sent = sent
        self._name = name
        self._open: tuple[list[Record], dict[Any, int]] | None = None

    async def partitions_for(self, topic: str) -> set[int]:
        return await self._sent.partitions_for(topic)

    async def begin_transaction(self) -> None:
        assert self._open is None
        self._open = [], {}

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[Any]:
        assert self._open is not None
        before = len(self._sent.records)
        sent = await self._sent.send_batch(batch, topic, partition=partition)
        self._open[0].extend(self._sent.records[before:])
        return sent

    async def send_offsets_to_transaction(self, offsets: dict[Any, int], _group: str) -> None:
        assert self._open is not None
        self._open[1].update(offsets)

    async def commit_transaction(self) -> None:
        assert self._open is not None
        (records, offsets), self._open = self._open, None
        await self._sent.answer([(self._name, -1, b"commit", None)])
        self._sent.committed.append((self._name, records, offsets))
