"""Faust's aiokafka transport, with one message for all records that a fetch returns per partition.

Everything between the fetch and the agent is Faust's own: queues, flow control, rebalancing,
recovery. Two things differ: `getmany` makes one message of a partition's records, and acknowledged
offsets are one number per partition instead of a list.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, cast

from aiokafka.consumer import fetcher
from aiokafka.errors import (
    IllegalGenerationError,
    NoError,
    RebalanceInProgressError,
    UnknownMemberIdError,
    for_code,
)
from aiokafka.protocol.group import HeartbeatRequest, SyncGroupRequest
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import ConsumerMessage
from mode.utils.futures import notify

from streams.batching.crash import crash
from streams.batching.fetched import FetchedRecords, RecordBatches, UnreadableRecord
from streams.batching.records import RecordBatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    import aiokafka
    from faust.types import TP, Message
    from faust.types.transports import TPorTopicSet

    from streams.batching.host import Host
    from streams.batching.lease import Lease

# A partition whose records are still being handed over is left out of the fetch in flight, and
# waits until that returns: Faust's 1.5 s would be the latency of a stage under light load.
FETCH_MAX_WAIT_MS = 20
# How often a consumer that must not fetch looks whether it may.
HALTED_S = 0.2


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that fetches, with a timeout that suits a pipeline of several stages.

    Attributes:
        member_in: Generation in which the last commit has confirmed this worker as a member of
            the group; None if it has confirmed nothing.
    """

    member_in: int | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # By partition: the position after the last fetch, and the position before it. Not the
        # offsets of the records: compaction leaves gaps between them.
        self.ends: dict[TP, int] = {}
        self.starts: dict[TP, int | None] = {}
        super().__init__(*args, **kwargs)

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 - Faust's signature
        max_records: int | None = None,
    ) -> Any:
        records = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        assignment = consumer._subscription.subscription.assignment  # noqa: SLF001
        if assignment is None:
            return records
        positions = {}
        for tp in tuple(active_partitions or records):
            state = assignment.state_value(tp)
            # Not only where there are records: the position also moves past offsets that are not
            # for us, such as transaction markers and aborted records.
            if state is not None and (tp in records or self._has_moved(tp, state._position)):  # noqa: SLF001
                positions[tp] = state._position  # noqa: SLF001
        self.starts = {tp: self.ends.get(tp) for tp in positions}
        self.ends.update(positions)
        return {tp: records.get(tp, []) for tp in positions}

    def _has_moved(self, tp: TP, position: int | None) -> bool:
        before = self.ends.get(tp)
        return position is not None and before is not None and position > before

    async def on_start(self) -> None:
        """Connect, and note each answer of the group coordinator in the lease."""
        await super().on_start()
        coordinator: Any = self._ensure_consumer()._coordinator  # noqa: SLF001 - no public way
        coordinator._send_req = _renewing(  # noqa: SLF001
            cast("Host", self.app).lease,
            coordinator,
            coordinator._send_req,  # noqa: SLF001
        )

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        self.member_in = None
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001 - no public way
        generation = coordinator.generation
        asked = any(tp in self.assignment() for tp in offsets)
        committed = await super()._commit(offsets)
        # A generation never returns: if it is the same now, it was when the broker agreed.
        if committed and asked and coordinator.generation == generation:
            self.member_in = generation
        return committed

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        # aiokafka has no setting for either.
        fetcher.MemoryRecords, fetcher.PartitionRecords = RecordBatches, FetchedRecords
        consumer = super()._create_worker_consumer(transport)
        # Faust has no settings for these. Records of uncommitted transactions are not read.
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS  # noqa: SLF001
        consumer._isolation_level = "read_committed"  # noqa: SLF001
        return consumer


def _renewing(
    lease: Lease, coordinator: Any, send: Callable[[Any], Awaitable[Any]]
) -> Callable[[Any], Awaitable[Any]]:
    """Send requests to the group coordinator, and note whether it confirms our membership."""

    async def send_and_note(request: Any) -> Any:
        generation, asked_at = coordinator.generation, lease.clock()
        response = await send(request)
        if isinstance(request, (HeartbeatRequest, SyncGroupRequest)):
            error = for_code(response.error_code)
            if error in (NoError, RebalanceInProgressError):
                lease.renewed(generation, asked_at, rebalancing=error is RebalanceInProgressError)
            elif error in (IllegalGenerationError, UnknownMemberIdError):
                lease.lost()
        return response

    return send_and_note


class BatchConsumer(driver.Consumer):
    """A consumer whose messages are record batches.

    The offset of a message is the last one before the position after its fetch, whether there is a
    record or not. A partition's batches are acknowledged in order, so one number is enough:
    everything before it is done, including gaps left by compaction or transactions.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._done: dict[TP, int] = {}
        self._seeks = 0
        self._seeking = 0
        self._fetched_across_seek = False
        # By partition, where the next batch has to begin: where the last one ended, or where the
        # consumer has sought to.
        self._next: dict[TP, int] = {}
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        """Seek to the committed offsets; a fetch in flight is from before the seek.

        Faust does not move a partition without a committed offset: records that were fetched and
        dropped would never be read again. So seek those to their beginning.
        """
        self._seeks += 1
        self._seeking += 1
        try:
            await super().perform_seek()
            await self._seek_uncommitted()
            self._sought({tp: offset for tp, offset in self._committed_offset.items() if offset})
        finally:
            self._seeking -= 1
            self._seeks += 1

    async def _seek_uncommitted(self) -> None:
        uncommitted = [
            tp
            for tp in self.assignment()
            if not self._is_changelog_tp(tp) and not self._committed_offset[tp]
        ]
        if uncommitted:
            earliest = await self.earliest_offsets(*uncommitted)
            await self.seek_wait({tp: offset or 0 for tp, offset in earliest.items()})

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek to offsets, and wait until that is done."""
        await super().seek_wait(partitions)
        self._sought(partitions)

    def _sought(self, offsets: Mapping[TP, int]) -> None:
        """Begin at these offsets; a fetch that was in flight during the seek is dropped."""
        self._next.update(offsets)
        cast("BatchConsumerThread", self._thread).ends.update(offsets)

    async def _getmany(
        self,
        active_partitions: set[TP] | None,
        timeout: float,  # noqa: ASYNC109 - Faust's signature
    ) -> Any:
        seeks = self._seeks
        records = await super()._getmany(active_partitions, timeout)
        self._fetched_across_seek = seeks != self._seeks or self._seeking > 0
        return records

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109
        """Fetch records; yield one message per partition."""
        app = cast("Host", self.app)
        if app.fault is not None and not app.in_recovery:
            await self.sleep(HALTED_S)
            return
        records, active = await self._wait_next_records(timeout)
        # Only now: the wait may span a rebalance, and the records are then of the new generation.
        generation = self.app.consumer_generation_id
        if records is None or self.should_stop:
            return
        if not self.flow_active:
            # Stopped during the fetch: its records are dropped, so seek back.
            await self.perform_seek()
            return
        if self._fetched_across_seek and not all(map(self._is_changelog_tp, records)):
            # It is unknown whether these are from before or after the seek. If they were
            # acknowledged, records between the committed offset and them could be skipped. Seek
            # again.
            await self.perform_seek()
            return
        thread = cast("BatchConsumerThread", self._thread)
        ends = dict(thread.ends)
        if not all(
            self._is_changelog_tp(tp) or self._next.get(tp) == thread.starts.get(tp)
            for tp in records
        ):
            # Records were fetched, which moved the position, and then dropped: read them again.
            await self.perform_seek()
            return
        for tp, fetched in records.items():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            if active is None or tp in active or tp in self._buffered_partitions:
                self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
                yield tp, self._to_batch(tp, fetched, ends[tp])
                self._next[tp] = ends[tp]

    def _before_end(self, tp: TP, fetched: list[Any], end: int) -> tuple[list[Any], int]:
        """The records before the offset at which the app stops reading, and the end offset."""
        until = cast("Any", self.app).read_until.get(tp)
        if until is None or end <= until:
            return fetched, end
        # Even without records: compaction may have removed the last ones before the end.
        return [record for record in fetched if record.offset < until], until

    def _to_batch(self, tp: TP, fetched: list[Any], end: int) -> ConsumerMessage:
        if self._is_changelog_tp(tp):
            _check_readable(tp, fetched)
        records, end = self._before_end(tp, fetched, end)
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            end - 1,
            records[-1].timestamp / 1000.0 if records else 0.0,
            0,
            [],
            None,
            # Faust passes values on untouched.
            cast("bytes", RecordBatch(tp.topic, tp.partition, records)),
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    def ack(self, message: Message) -> bool:
        """Note that everything up to and including this batch is done."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        if message.generation_id == self.app.consumer_generation_id:
            self.ack_up_to(message.tp, message.offset + 1)
        notify(self._waiting_for_ack)
        return True

    def ack_up_to(self, tp: TP, offset: int) -> None:
        """Note that everything before this offset is done, so that it may be committed."""
        self._done[tp] = max(offset, self._done.get(tp, 0))
        self._n_acked += 1

    async def _commit_offsets(
        self, offsets: Mapping[TP, int], start_new_transaction: bool = True
    ) -> bool:
        """Commit; if the broker agrees, tables may save the rows acknowledged before."""
        save, begun = cast("Host", self.app).checkpoint(), time.monotonic()
        did_commit = await super()._commit_offsets(offsets, start_new_transaction)
        cast("Host", self.app).observer.committed(time.monotonic() - begun, did_commit)
        member_in = cast("BatchConsumerThread", self._thread).member_in
        if did_commit and member_in is not None:
            save(member_in)
        return did_commit

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Commit while the partitions are still ours, then forget them."""
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self._done.pop(tp, None)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Start with nothing acknowledged: only committed offsets count.

        A batch may be acknowledged after its partition was revoked, until the generation changes
        (in the consumer's thread, just before this is called).
        """
        self._done.clear()
        try:
            await asyncio.to_thread(cast("Host", self.app).check_assignment)
        except Exception as error:  # noqa: BLE001 - ends the worker
            crash("the partitions that were assigned must not be processed", error)
        await super().on_partitions_assigned(assigned, generation_id)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Gaps need no bookkeeping: batches are acknowledged in order."""

    def _filter_tps_with_pending_acks(self, topics: TPorTopicSet | None = None) -> Iterator[TP]:
        return (tp for tp in self._done if topics is None or tp in topics or tp.topic in topics)

    def _new_offset(self, tp: TP) -> int | None:
        return self._done.get(tp)

    def _should_commit(self, tp: TP, offset: int) -> bool:
        committed = self._committed_offset[tp]
        return committed is None or offset > committed


def _check_readable(changelog: TP, fetched: list[Any]) -> None:
    """End the worker at an unreadable row: without it, an older one would be taken for current."""
    for record in fetched:
        if isinstance(record, UnreadableRecord):
            crash(f"changelog {changelog.topic} is damaged", ValueError(record.reason))


class BatchTransport(driver.Transport):
    """Faust's aiokafka transport with the batch consumer."""

    Consumer = BatchConsumer
