"""Fetching: a consumer without a group, on the event loop of the agents.

The membership of the group stays in Faust's consumer thread, whose heartbeats go on while an agent
computes. What is fetched here needs no way from thread to thread, and what is taken is handed over
before anything else can happen: no seek and no rebalance comes between.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import aiokafka
from aiokafka.consumer import fetcher
from aiokafka.errors import KafkaError

from streams.batching.fetched import FetchedRecords, RecordBatches

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Collection, Mapping

    from faust.types import TP

# A fetch of all partitions returns as soon as one of them has a record. Not longer: after a
# rebalance, the broker answers nothing on this connection before the fetch in flight returns.
FETCH_MAX_WAIT_MS = 100
# A partition whose records were not taken yet is left out of the fetch in flight, and waits until
# that returns.
FETCH_OF_OTHERS_MAX_WAIT_MS = 20
# For so long, records that are not taken yet keep others from being fetched. Usually they are taken
# at once, and the next fetch is for all partitions again.
TAKEN_WITHIN_S = 0.01


class Fetched(NamedTuple):
    """What was fetched from a partition.

    Attributes:
        tp: The partition.
        records: Its records; none if the position moved past what is not for us.
        end: The position after them. Beyond the last one, there may be transaction markers, aborted
            records, or gaps that compaction has left.
    """

    tp: TP
    records: list[Any]
    end: int


class Fetching:
    """Fetches from partitions that it is told to, beginning where it is told to."""

    def __init__(self, **config: Any) -> None:
        """Prepare, with aiokafka's arguments of a consumer; nothing is connected yet."""
        self._config = config
        self._consumer: Any = None
        self._waiting: Future[None] | None = None
        # By partition, the position after what was taken last.
        self._ends: dict[TP, int] = {}

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaError: The broker does not answer.
        """
        # aiokafka has no setting for either.
        fetcher.MemoryRecords, fetcher.PartitionRecords = RecordBatches, FetchedRecords
        self._consumer = aiokafka.AIOKafkaConsumer(
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            # Records of uncommitted transactions are not read.
            isolation_level="read_committed",
            **self._config,
        )
        await self._consumer.start()
        self._fetcher._prefetch_backoff = TAKEN_WITHIN_S  # noqa: SLF001 - no setting for it
        self._choose_the_wait_of_each_fetch()

    def _choose_the_wait_of_each_fetch(self) -> None:
        # aiokafka has one setting for all fetches, and reads it when it makes a request.
        fetcher = self._fetcher
        make_requests = fetcher._get_actions_per_node  # noqa: SLF001

        def make_requests_that_wait(assignment: Any) -> Any:
            wait_ms = FETCH_OF_OTHERS_MAX_WAIT_MS if fetcher._records else FETCH_MAX_WAIT_MS  # noqa: SLF001
            fetcher._fetch_max_wait_ms = wait_ms  # noqa: SLF001
            return make_requests(assignment)

        fetcher._get_actions_per_node = make_requests_that_wait  # noqa: SLF001

    async def stop(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            with suppress(KafkaError):
                await self._consumer.stop()

    @property
    def _fetcher(self) -> Any:
        return self._consumer._fetcher  # noqa: SLF001 - no public way

    def begin(self, offsets: Mapping[TP, int]) -> None:
        """Fetch from these partitions and no others, from these offsets on.

        What was fetched before and not taken is dropped.
        """
        self._ends = dict(offsets)
        if offsets:
            self._consumer.assign(list(offsets))
            for tp, offset in offsets.items():
                self._consumer.seek(tp, offset)
        else:  # aiokafka's own `assign` would ask for the metadata of all topics
            self._consumer._subscription.assign_from_user([])  # noqa: SLF001

    async def take(self, partitions: Collection[TP], most: int | None) -> list[Fetched]:
        """What was fetched from some partitions, of so many records at most.

        It does not wait: nothing else runs meanwhile.

        Raises:
            KafkaError: The broker refuses to hand out a topic.
        """
        partitions = [tp for tp in partitions if tp in self._ends]
        if not partitions:  # of none, aiokafka returns all
            return []
        records = await self._fetcher.fetched_records(partitions, timeout=0, max_records=most)
        assignment = self._consumer._subscription.subscription.assignment  # noqa: SLF001
        taken = []
        for tp in partitions:
            position = assignment.state_value(tp)._position  # noqa: SLF001
            # The position also moves without records. None: an offset out of range is being reset.
            if position is not None and (tp in records or position > self._ends[tp]):
                self._ends[tp] = position
                taken.append(Fetched(tp, records.get(tp, []), position))
        return taken

    async def wait(self, timeout_s: float) -> None:
        """Wait until more is fetched, or until woken up, for so many seconds at most.

        Raises:
            KafkaError: Fetching has failed.
        """
        waiting = self._waiting = self._fetcher._create_fetch_waiter()  # noqa: SLF001
        timer = waiting.get_loop().call_later(timeout_s, self.wake)
        try:
            await waiting
        finally:
            timer.cancel()

    def wake(self) -> None:
        """End the wait: there is room for what was fetched, or it is time to look."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
