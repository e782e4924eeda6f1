"""From a stage's outcome to an acknowledged batch: messages, then rows, then the offset."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Any, cast

from streams.batching.crash import crash
from streams.batching.fetched import UnreadableBatch, UnreadableRecord
from streams.batching.records import Messages, Outcome, Position, RecordBatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

    from faust.types import Message as Event

    from streams.batching.host import Host
    from streams.batching.records import Message, Record
    from streams.batching.table import BatchTable, Rows

    Letters = deque[tuple[int, Message]]

# Backpressure: messages of one agent that may be in flight while it computes the next batch. Not
# counted in batches: under light load, a limit of a few batches would be most of the latency.
MAX_IN_FLIGHT_MESSAGES = 50_000
# Backpressure: of so many messages that an agent has not begun, no more are fetched for it.
MAX_BUFFERED_MESSAGES = 12


class Batch(RecordBatch):
    """A record batch, and how to deliver what a stage makes of it."""

    def __init__(
        self,
        batches: BatchStream,
        message: Event,
        records: Sequence[Record],
        unreadable: Messages,
        *,
        last: bool,
    ) -> None:
        """Take the records out of a message; the last batch of a message acknowledges it.

        With them come dead letters, of records up to the same offset that could not be read.
        """
        super().__init__(message.topic, message.partition, records)
        self._begun = time.perf_counter()
        self._batches = batches
        self._message = message
        self._unreadable = unreadable
        self._last = last
        self._written: tuple[Rows, ...] = ()
        self._on_acknowledged: Sequence[Callable[[], None]] = ()

    async def handle(self, work: Callable[..., Outcome], *tables: BatchTable) -> None:
        """Let a stage work on the batch, and deliver what it makes of it.

        Args:
            work: The stage: a function of a batch and of the rows of each table. A record that it
                raises an exception for becomes a dead letter.
            tables: The tables that it reads and writes.
        """
        outcome, rows = self._batches.app.handle(self, work, tables)
        await self.deliver(outcome, *rows)

    async def deliver(self, outcome: Outcome, *written: Rows) -> None:
        """Send the outcome, then the rows to their changelogs, then acknowledge the batch.

        Rows of several tables are written one table after another: a changelog never has rows of
        this batch that an earlier table's changelog lacks.

        Returns as soon as another batch may be computed. A message that the broker refuses ends
        the worker.
        """
        self._unreadable.extend(outcome.messages)
        changelogs = (rows.changelog_messages() for rows in written)
        phases = (self._unreadable, outcome.announcements, *changelogs)
        self._written = written
        self._on_acknowledged = outcome.on_acknowledged
        computed = self._batches.app.observer.computed
        computed(self, self._batches.name, time.perf_counter() - self._begun)
        await self._batches.enqueue(phases, self._acknowledge, self._message, self._end)

    @property
    def _end(self) -> int:
        """The offset up to which everything is done once this batch is."""
        end: int = self._message.offset if self._last else self.records[-1].offset
        return end + 1

    def _acknowledge(self) -> None:
        for rows in self._written:
            rows.on_acknowledged()
        app = self._batches.app
        app.observer.acknowledged(self._batches.name, time.perf_counter() - self._begun)
        for note in self._on_acknowledged:
            note()
        consumer: Any = app.consumer
        if self._last:
            consumer.ack(self._message)
        elif self._message.generation_id == app.consumer_generation_id:
            consumer.ack_up_to(self._message.tp, self._end)


class BatchStream:
    """The batches of an agent's topics, one after another."""

    def __init__(
        self,
        app: Host,
        name: str,
        weight: Callable[[Record], int] | None = None,
        limit: int = 0,
        limit_of_key: int = 0,
    ) -> None:
        """Begin without messages; batches are cut as `BatchApp.batch_agent` says."""
        self.app = app
        self.name = name
        self._buffer: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._weight = weight
        self._limit = limit
        self._limit_of_key = limit_of_key
        self._in_flight: deque[tuple[asyncio.Task[None], int]] = deque()
        self._in_flight_messages = 0

    @property
    def has_room(self) -> bool:
        """Whether more may be fetched for the agent."""
        return len(self._buffer) < MAX_BUFFERED_MESSAGES

    def put(self, message: Event) -> None:
        """Buffer a message, whose value is a record batch."""
        self._buffer.append(message)
        self._arrived.set()

    def clear(self) -> None:
        """Drop what is buffered."""
        self._buffer.clear()

    async def _messages(self) -> AsyncIterator[Event]:
        """The buffered messages, but for those of a generation that is over."""
        while True:
            while self._buffer:
                had_room, message = self.has_room, self._buffer.popleft()
                if not had_room:
                    self.app.consumer.note_room()
                if message.generation_id == self.app.consumer_generation_id:
                    self.app.consumer.track_message(message)
                    yield message
            self._arrived.clear()
            await self._arrived.wait()

    async def __aiter__(self) -> AsyncIterator[Batch]:
        """Yield batches; each has to be delivered before the next is asked for."""
        async for message in self._messages():
            records, letters = self._readable(cast("RecordBatch", message.value))
            if not records:  # the position has moved past records that are not for us
                unreadable = _taken(letters, message.offset + 1)
                await Batch(self, message, records, unreadable, last=True).deliver(Outcome())
                continue
            *first, last = self._cut(records)
            for records in first:
                await self.app.prepare(records)
                unreadable = _taken(letters, records[-1].offset)
                yield Batch(self, message, records, unreadable, last=False)
            await self.app.prepare(last)
            yield Batch(self, message, last, _taken(letters, message.offset + 1), last=True)

    def _readable(self, fetched: RecordBatch) -> tuple[Sequence[Record], Letters]:
        """The records that could be read; offsets and dead letters of the others."""
        unreadable = [r for r in fetched.records if isinstance(r, UnreadableRecord)]
        if not unreadable:
            return fetched.records, deque()
        make = self.app.dead_letter
        if make is None:
            raise UnreadableBatch(f"{fetched.topic}: {unreadable[0].reason}")
        letters = deque((r.offset, make(fetched, r, r.reason)) for r in unreadable)
        return [r for r in fetched.records if not isinstance(r, UnreadableRecord)], letters

    def _cut(self, records: Sequence[Record]) -> Iterator[Sequence[Record]]:
        if self._weight is None:
            yield records
            return
        start, sum_of_weights = 0, 0
        for index, record in enumerate(records):
            weight = self._weight(record)
            same_key = index > start and record.key == records[index - 1].key
            limit = self._limit_of_key if same_key else self._limit
            if index > start and sum_of_weights + weight > limit:
                yield records[start:index]
                start, sum_of_weights = index, 0
            sum_of_weights += weight
        yield records[start:]

    async def enqueue(
        self,
        phases: Sequence[Messages],
        acknowledge: Callable[[], None],
        message: Event,
        end: int,
    ) -> None:
        """Send at once, acknowledge after earlier batches, and wait while too much is in flight.

        Sending stops once the message's partition may belong to another worker.

        Args:
            phases: What to send, phase by phase.
            acknowledge: Called when all is acknowledged.
            message: What it comes of.
            end: The offset up to which the message's partition is then done.
        """
        app, partition, generation = self.app, message.tp, message.generation_id
        before = self._in_flight[-1][0] if self._in_flight else None
        sending = app.output.send(
            *phases,
            done=Position(partition, end),
            may_send=lambda: app.lease.check(generation),
            on_progress=lambda: app.count_progress(partition),
        )
        task = asyncio.create_task(self._finish(sending, before, acknowledge))
        messages = sum(map(len, phases))
        self._in_flight.append((task, messages))
        self._in_flight_messages += messages
        while self._in_flight and (self._in_flight[0][0].done() or self._must_wait()):
            task, messages = self._in_flight.popleft()
            await task
            self._in_flight_messages -= messages

    def _must_wait(self) -> bool:
        return self._in_flight_messages > MAX_IN_FLIGHT_MESSAGES and len(self._in_flight) > 1

    @staticmethod
    async def _finish(
        sending: Awaitable[None],
        before: asyncio.Task[None] | None,
        acknowledge: Callable[[], None],
    ) -> None:
        try:
            await sending
            if before is not None:
                await before
            acknowledge()
        except Exception as error:  # noqa: BLE001 - ends the worker
            crash("a batch could not be delivered", error)


def _taken(letters: Letters, offset: int) -> Messages:
    """Take out the dead letters of records before an offset."""
    taken = Messages()
    while letters and letters[0][0] < offset:
        taken.append(letters.popleft()[1])
    return taken
