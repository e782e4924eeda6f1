"""Faust's aiokafka transport, with one message for all records that a fetch returns per partition.

Membership, flow control, rebalancing and recovery are Faust's own. Three things differ: records are
fetched on the event loop of the agents, what a fetch returns goes straight to the buffers of their
agents, and acknowledged offsets are one number per partition instead of a list.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, cast

from aiokafka.errors import (
    IllegalGenerationError,
    NoError,
    RebalanceInProgressError,
    TopicAuthorizationFailedError,
    UnknownMemberIdError,
    for_code,
)
from aiokafka.protocol.group import HeartbeatRequest, SyncGroupRequest
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import ConsumerMessage
from mode.utils.futures import notify

from streams.batching.crash import crash
from streams.batching.fetched import UnreadableRecord
from streams.batching.fetching import Fetching
from streams.batching.records import RecordBatch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    import aiokafka
    from faust.types import TP, Message, ServiceT
    from faust.types.transports import TPorTopicSet
    from mode import Service

    from streams.batching.fetching import Fetched
    from streams.batching.host import Host
    from streams.batching.lease import Lease

# How often a consumer that must not fetch looks whether it may.
HALTED_S = 0.2
# How often one looks whether it is to stop, if nothing is fetched.
POLL_S = 1.0


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread of the worker's membership in the group; it fetches nothing.

    Attributes:
        member_in: Generation in which the last commit has confirmed this worker as a member of
            the group; None if it has confirmed nothing.
    """

    member_in: int | None = None

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Note an assignment; its records are fetched elsewhere."""
        consumer = self._ensure_consumer()
        # As Java's consumer does. aiokafka would begin when this has returned: if that took longer
        # than the session, the group would have lost this worker before its first heartbeat, again
        # at each assignment, and two workers would keep each other from ever being assigned.
        consumer._coordinator._start_heartbeat_task()  # noqa: SLF001 - no public way
        consumer.pause(*consumer.assignment())
        await super().on_partitions_assigned(assigned, generation_id)

    def note_poll(self) -> None:
        """Tell the group's consumer that records are asked for: without, it would leave."""
        with self._ensure_consumer()._subscription.fetch_context():  # noqa: SLF001 - no public way
            pass

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
        consumer = super()._create_worker_consumer(transport)
        # For the end offsets of changelogs; Faust has no setting for it.
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
        self._checking: asyncio.Task[None] | None = None
        super().__init__(*args, **kwargs)
        self._fetching = self._new_fetching()

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def _new_fetching(self) -> Fetching:
        conf, transport = self.app.conf, cast("driver.Transport", self.transport)
        return Fetching(
            bootstrap_servers=driver.server_list(transport.url, transport.default_port),
            client_id=conf.broker_client_id,
            max_partition_fetch_bytes=conf.consumer_max_fetch_size,
            check_crcs=conf.broker_check_crcs,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            metadata_max_age_ms=conf.consumer_metadata_max_age_ms,
            connections_max_idle_ms=conf.consumer_connections_max_idle_ms,
            **driver.credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        )

    async def on_start(self) -> None:
        """Connect."""
        await super().on_start()
        await self._fetching.start()

    async def on_stop(self) -> None:
        """Commit what is done, and disconnect."""
        await super().on_stop()
        await self._fetching.stop()

    async def perform_seek(self) -> None:
        """Begin at the committed offsets; at the earliest where there is none."""
        generation = self.app.consumer_generation_id
        await super().perform_seek()
        sources = {tp for tp in self.assignment() if not self._is_changelog_tp(tp)}
        offsets = {tp: self._committed_offset[tp] for tp in sources}
        uncommitted = [tp for tp, offset in offsets.items() if not offset]
        earliest = await self.earliest_offsets(*uncommitted) if uncommitted else {}
        if generation == self.app.consumer_generation_id:  # else it was in vain
            self._fetching.begin({tp: offsets[tp] or earliest[tp] or 0 for tp in sources})

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Begin at these offsets, in these partitions and no others."""
        self._fetching.begin(partitions)

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        """Hand over what is fetched, until the fetcher is stopped."""
        try:
            await self._hand_over_until_stopped(cast("Service", fetcher))
        except asyncio.CancelledError:
            # Faust takes this for a rebalance if one is under way.
            if not self.app.should_stop:
                raise

    async def _hand_over_until_stopped(self, fetcher: Service) -> None:
        app = cast("Host", self.app)
        while not (self.should_stop or fetcher.should_stop):
            if not self.flow_active:
                await self.wait(self.can_resume_flow.wait())
            elif not (app.in_recovery or self._is_checked()):
                await self.sleep(HALTED_S)
            else:
                cast("BatchConsumerThread", self._thread).note_poll()
                await self._hand_over()

    def _is_checked(self) -> bool:
        """Whether it is known by now that what is assigned may be processed."""
        checked = self._checking is None or self._checking.done()
        return checked and cast("Host", self.app).fault is None

    async def _check_assignment(self) -> None:
        try:
            await asyncio.to_thread(cast("Host", self.app).check_assignment)
        except Exception as error:  # noqa: BLE001 - ends the worker
            crash("the partitions that were assigned must not be processed", error)

    async def _hand_over(self) -> None:
        """Take what was fetched and hand it over, a message a partition; wait if there is none."""
        buffers, generation = cast("Host", self.app).buffers, self.app.consumer_generation_id
        wanted = [
            tp
            for tp in self._active_partitions
            if tp.topic not in buffers or buffers[tp.topic].has_room
        ]
        try:
            taken = await self._fetching.take(wanted, self.app.conf.broker_max_poll_records)
        except TopicAuthorizationFailedError as error:
            topic = error.args[0]
            crash(f"no right to read topic {topic}: the worker's user needs Read on it", error)
        for fetched in taken:
            buffer = buffers.get(fetched.tp.topic)
            message = self._to_message(fetched.tp, fetched)
            if buffer is not None:
                buffer.put(message)
                continue
            # A changelog, in recovery: it is Faust that applies it.
            _check_readable(fetched)
            await self.wait_first(self._recover(message), self.suspend_flow.wait())
            if not self.flow_active or generation != self.app.consumer_generation_id:
                return
        if taken:
            await asyncio.sleep(0)
        else:
            await self._fetching.wait(POLL_S)

    async def _recover(self, message: ConsumerMessage) -> None:
        """Let Faust apply rows, once it is known how to decode them.

        A newer worker may have written them by a schema that was not there when this one started.
        Whoever decodes a row later has no way to wait without holding up the event loop.
        """
        rows = cast("RecordBatch", message.value)
        await cast("Host", self.app).prepare(rows.records)
        await self.callback(message)

    def stop_flow(self) -> None:
        """Hand over no more, and drop what no agent has begun: it will be fetched again."""
        super().stop_flow()
        for buffer in cast("Host", self.app).buffers.values():
            buffer.clear()

    def note_room(self) -> None:
        """Note that an agent takes records again."""
        self._fetching.wake()

    def track_message(self, message: Message) -> None:
        """Note that an agent has begun a message: it is to be acknowledged before a rebalance."""
        self._unacked_messages.add(message)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing to do: the watchdog sees whether there is progress."""

    def _before_end(self, tp: TP, fetched: list[Any], end: int) -> tuple[list[Any], int]:
        """The records before the offset at which the app stops reading, and the end offset."""
        until = cast("Any", self.app).read_until.get(tp)
        if until is None or end <= until:
            return fetched, end
        # Even without records: compaction may have removed the last ones before the end.
        return [record for record in fetched if record.offset < until], until

    def _to_message(self, tp: TP, record: Fetched) -> ConsumerMessage:
        records, end = self._before_end(tp, record.records, record.end)
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

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit in the transactions of the output, if it has any, else as the group's member."""
        app, thread = cast("Host", self.app), cast("BatchConsumerThread", self._thread)
        generation = app.consumer_generation_id
        try:
            committed = await app.output.commit(offsets)
        except Exception as error:  # noqa: BLE001 - ends the worker
            crash("offsets could not be committed", error)
        if not committed:
            return bool(await super()._commit(offsets))
        thread.member_in = generation  # the broker has not refused it
        return True

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
        self._fetching.begin({})  # nothing, until it is sought to where this worker goes on
        # Not awaited here, where the whole group would wait for this worker: tables are recovered
        # meanwhile, and no record is taken before the answer.
        self._checking = asyncio.create_task(self._check_assignment())
        try:
            # Before changelogs and committed offsets are read: nobody changes them from now on.
            await cast("Host", self.app).output.take_over(
                tp for tp in assigned if not self._is_changelog_tp(tp)
            )
        except Exception as error:  # noqa: BLE001 - ends the worker
            crash("the partitions that were assigned can't be taken over", error)
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


def _check_readable(changelog: Fetched) -> None:
    """End the worker at an unreadable row: without it, an older one would be taken for current."""
    for record in changelog.records:
        if isinstance(record, UnreadableRecord):
            crash(f"changelog {changelog.tp.topic} is damaged", ValueError(record.reason))


class BatchTransport(driver.Transport):
    """Faust's aiokafka transport with the batch consumer."""

    Consumer = BatchConsumer
