"""Exactly once: what comes of a partition's records is one transaction with their offsets.

All stages of a partition number are with one worker, so each number has a transactional producer,
and a transaction takes whatever the stages have handed over for it meanwhile: messages, rows on
their way to changelogs, and how far the records are done that they come of. Who reads committed
sees all of it at one moment, or nothing. The transactions of several numbers run side by side.

The transactional id is the number's. Whoever is assigned a partition takes its id over before
anything is read: the broker then ends what the former owner has left open, and refuses whatever
that one still sends. So nothing is committed that the next owner has not read.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    ProducerFenced,
    TransactionalIdAuthorizationFailed,
)
from aiokafka.structs import TopicPartition

from streams.batching.crash import Circumstance
from streams.batching.lease import LostPartitions
from streams.batching.producer import LONG_ROUND_S, STOP_TIMEOUT_S, BatchProducer, Delivery
from streams.batching.records import Position
from streams.batching.sending import LostMessage, Sending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from aiokafka import AIOKafkaProducer
    from faust.types import TP

    from streams.batching.records import Messages

RETRY_S = 0.2
# Of so many messages, the next delivery is in the next transaction: readers wait for its end.
MAX_MESSAGES = 50_000


class NotPermitted(Circumstance):
    """The broker does not let this worker send in transactions."""


class Fenced(LostPartitions):
    """The broker refuses a transaction: another worker has taken its partition over."""


class TransactionalProducer(BatchProducer):
    """Sends what comes of a partition in transactions, and all else as a `BatchProducer`."""

    def __init__(
        self,
        bootstrap_servers: str,
        group: str,
        transaction_timeout_s: float,
        partitions_of: Callable[[str], int],
        **options: Any,
    ) -> None:
        """Prepare to send; nothing is connected before the service starts.

        Args:
            bootstrap_servers: Kafka brokers as host:port,…
            group: The consumer group whose offsets are committed; transactional ids begin with it.
            transaction_timeout_s: The broker aborts a transaction that is open for so long, in
                seconds: of a producer that was killed, if nobody takes its place.
            partitions_of: The number of partitions of a topic. Topics that have the same number
                are assigned together.
            options: As for `BatchProducer`.
        """
        super().__init__(bootstrap_servers, **options)
        self._group = group
        self._transaction_timeout_s = transaction_timeout_s
        self._partitions_of = partitions_of
        self._owned: dict[str, _Transactions] = {}

    @property
    def is_behind(self) -> bool:
        """Whether messages wait for those of a large batch, which are being sent for a while."""
        return super().is_behind or any(owned.is_behind for owned in self._owned.values())

    def transactional_id(self, tp: TP) -> str:
        """The transactional id under which what comes of a partition is sent."""
        return f"{self._group}-{tp.partition}-of-{self._partitions_of(tp.topic)}"

    async def take_over(self, partitions: Iterable[TP]) -> None:
        """Become the one producer for these partitions, and for no others.

        Afterwards all that others have committed for them can be read, and there will be no more.

        Raises:
            NotPermitted: The worker has no right to a transactional id.
            KafkaError: The broker refuses.
            TimeoutError: It does not answer.
        """
        await self._give_up()
        for name in {self.transactional_id(tp) for tp in partitions}:
            self._owned[name] = self._transactions(name)
        async with asyncio.timeout(self._transaction_timeout_s):
            await asyncio.gather(*(owned.start() for owned in self._owned.values()))

    async def send(
        self,
        *phases: Messages,
        done: Position | None = None,
        may_send: Callable[[], None] = lambda: None,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        """Send messages and wait until they are committed, all phases together.

        Args:
            phases: Messages to send. If there are none, the offset may be committed at any time.
            done: What the messages come of: where the partition is once they are committed.
                Messages that come of no record are in no transaction.
            may_send: As `BatchProducer` calls it.
            on_progress: Called whenever messages are acknowledged, from any thread.

        Raises:
            LostPartitions: The partition is another worker's.
            LostMessage: The broker refused a message or did not take it in time.
        """
        if done is None:
            await super().send(*phases, may_send=may_send, on_progress=on_progress)
        elif any(phases):
            await self._send(Delivery(phases, may_send, on_progress), done)

    async def commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit the offsets that no transaction has committed yet.

        Returns:
            True: nothing is left for the group's consumer to commit.

        Raises:
            LostPartitions: A partition is another worker's.
            LostMessage: The broker did not take an offset in time.
        """
        positions = [Position(tp, offset) for tp, offset in offsets.items()]
        await asyncio.gather(
            *(
                self._send(Delivery((), lambda: None, lambda: None), position)
                for position in positions
                if not self._owner(position).has_committed(position)
            )
        )
        return True

    async def on_stop(self) -> None:
        """Disconnect."""
        await self._give_up()
        await super().on_stop()

    async def _give_up(self) -> None:
        owned, self._owned = self._owned, {}
        await asyncio.gather(*(transactions.stop() for transactions in owned.values()))

    def _transactions(self, name: str) -> _Transactions:
        client = self._new_client(
            transactional_id=name,
            transaction_timeout_ms=int(self._transaction_timeout_s * 1000),
        )

        def acknowledged(messages: int) -> None:
            self._queued -= messages

        return _Transactions(
            name, client, self._group, self._timeout_s, self._transaction_timeout_s,
            self.check_may_send, acknowledged,
        )  # fmt: skip

    def _owner(self, position: Position) -> _Transactions:
        name = self.transactional_id(position.tp)
        if name not in self._owned:
            raise LostPartitions(f"the transactional id {name} is not this worker's any more")
        return self._owned[name]

    async def _send(self, delivery: Delivery, done: Position) -> None:
        owner = self._owner(done)
        self._queued += delivery.messages
        self._sending.append(delivery)
        try:
            await owner.add(delivery, done)
        finally:
            self._sending = [other for other in self._sending if other is not delivery]


class _Transactions:
    """The transactions under one transactional id, one after another."""

    def __init__(
        self,
        name: str,
        client: AIOKafkaProducer,
        group: str,
        timeout_s: float,
        transaction_timeout_s: float,
        check_may_send: Callable[[], None],
        on_acknowledged: Callable[[int], None],
    ) -> None:
        self._name = name
        self._client = client
        self._group = group
        self._transaction_timeout_s = transaction_timeout_s
        self._on_acknowledged = on_acknowledged
        self._sender = Sending(
            client, timeout_s, check_may_send, self._note_acknowledged, transactional=True
        )
        self._waiting: deque[tuple[Delivery, Position]] = deque()
        self._in_transaction: list[tuple[Delivery, Position]] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._begun = 0.0
        self._committed: dict[TP, int] = {}

    @property
    def is_behind(self) -> bool:
        """Whether messages wait for a transaction that has been going on for a while."""
        return bool(self._waiting) and time.monotonic() - self._begun > LONG_ROUND_S

    async def start(self) -> None:
        """Connect; the broker ends what a former owner has left open, and refuses it from now on.

        Raises:
            NotPermitted: This worker has no right to the transactional id.
            KafkaError: The broker refuses.
        """
        try:
            await self._connect()
        except TransactionalIdAuthorizationFailed as error:
            raise NotPermitted(
                f"the transactional id {self._name} needs the rights Write and Describe"
            ) from error
        self._task = asyncio.create_task(self._run())

    async def _connect(self) -> None:
        while True:
            try:
                await self._client.start()
            except KafkaConnectionError:  # an outage, which need not end the worker
                await asyncio.sleep(RETRY_S)
            else:
                return

    async def stop(self) -> None:
        """Disconnect, without waiting for a broker that does not answer."""
        if self._task is not None:
            self._task.cancel()
        self._fail(LostPartitions("the group was formed anew before a transaction was committed"))
        with suppress(TimeoutError, KafkaError):
            await asyncio.wait_for(self._client.stop(), STOP_TIMEOUT_S)

    def has_committed(self, position: Position) -> bool:
        """Whether an offset is committed, or a later one."""
        return self._committed.get(position.tp, -1) >= position.offset

    async def add(self, delivery: Delivery, done: Position) -> None:
        """Put messages and an offset into the next transaction, and wait until it is committed.

        Raises:
            LostPartitions: The broker refuses this producer, or its time was over before that.
            LostMessage: The broker did not take a message, or not in time.
        """
        self._waiting.append((delivery, done))
        self._wake.set()
        await delivery.done

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            try:
                while self._waiting:
                    self._in_transaction = self._next()
                    await self._commit(self._in_transaction)
            except Exception as error:  # noqa: BLE001 - those who wait end the worker
                self._fail(error)
            self._wake.clear()

    def _next(self) -> list[tuple[Delivery, Position]]:
        """What waits, in the order in which it came, up to so many messages."""
        taken, messages = [], 0
        while self._waiting and messages < MAX_MESSAGES:
            taken.append(self._waiting.popleft())
            messages += taken[-1][0].messages
        return taken

    async def _commit(self, deliveries: Sequence[tuple[Delivery, Position]]) -> None:
        """Send deliveries, and commit them with their offsets.

        Raises:
            Fenced: The broker refuses this producer.
            LostMessage: The broker did not take a message, or not in time.
        """
        columns = [column for d, _ in deliveries for phase in d.phases for column in phase.columns]
        # In order, so that the last one of a partition remains.
        offsets = {TopicPartition(*done.tp): done.offset for _, done in deliveries}
        self._begun = time.monotonic()
        try:
            await self._client.begin_transaction()
            # One after the other: while the transaction changes, the broker puts messages off.
            await (await self._sender.hand_over(columns))
            # As long as the broker keeps it open: each request takes several turns of a loop that
            # stages compute on, and a late commit does no harm, since the broker refuses it.
            async with asyncio.timeout(self._transaction_timeout_s):
                await self._client.send_offsets_to_transaction(offsets, self._group)
                await self._client.commit_transaction()
        except (KafkaError, TimeoutError, LostMessage) as error:
            if isinstance(error.__cause__ or error, ProducerFenced):
                raise Fenced(
                    f"the broker refuses the transactional id {self._name} of this worker: "
                    "another worker has taken its partition over, or a transaction took too long"
                ) from None
            raise LostMessage(f"a transaction could not be committed: {error!r}") from error
        for delivery, done in deliveries:
            self._committed[done.tp] = done.offset
            if not delivery.done.done():
                delivery.done.set_result(None)
        self._in_transaction = []

    def _note_acknowledged(self, messages: int) -> None:
        self._on_acknowledged(messages)
        for delivery, _ in self._in_transaction:
            delivery.on_progress()

    def _fail(self, error: Exception) -> None:
        for delivery, _ in (*self._in_transaction, *self._waiting):
            if not delivery.done.done():
                delivery.done.set_exception(error)
        self._in_transaction = []
        self._waiting.clear()
