"""Sending: group commit on aiokafka's idempotent producer, awaiting every acknowledgement.

Stages hand over messages at any time. A round sends everything that has come in meanwhile, while
the round before it is still being acknowledged. Under light load a round is one message and takes
one round trip; under heavy load rounds grow by themselves, without a batching timer.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from mode import Service

from streams.batching.crash import crash
from streams.batching.lease import seconds_since_boot
from streams.batching.sending import LostMessage, Sending

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from faust.types import TP

    from streams.batching.records import Column, LaterColumn, Messages, Position

__all__ = ["BatchProducer"]

STOP_TIMEOUT_S = 5.0
PULSE_S = 0.1
# A round that takes longer has so many messages that what waits behind it may wait for minutes.
LONG_ROUND_S = 5.0


class Delivery:
    """Messages to send, phase by phase, and the future that waits for them."""

    def __init__(
        self,
        phases: Sequence[Messages],
        may_send: Callable[[], None],
        on_progress: Callable[[], None],
    ) -> None:
        """Begin; within a running event loop."""
        # Empty phases count: no phase may overtake the same phase of an earlier delivery.
        self.phases = deque(phases)
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.may_send = may_send
        self.on_progress = on_progress

    @property
    def messages(self) -> int:
        """How many messages of it are still to be sent."""
        return sum(map(len, self.phases))


class BatchProducer(Service):
    """Sends messages in rounds, in the order in which they were handed over."""

    def __init__(
        self,
        bootstrap_servers: str,
        timeout_s: float = 30.0,
        max_suspension_s: float = 24.0,
        security: Mapping[str, Any] | None = None,
    ) -> None:
        """Prepare to send; nothing is connected before the service starts.

        Args:
            bootstrap_servers: Kafka brokers as host:port,…
            timeout_s: A message that is not acknowledged for so long is lost, in seconds.
            max_suspension_s: A process that was suspended for longer, in seconds, ends when it
                wakes up, without sending anything: others own its partitions by then. Has to be
                below the session timeout of the consumer group.
            security: aiokafka's arguments about TLS and users; none for a broker without.
        """
        super().__init__()
        self._bootstrap_servers = bootstrap_servers
        self._timeout_s = timeout_s
        self._security = security or {}
        self._client: AIOKafkaProducer | None = None
        self._sender: Sending | None = None
        self._waiting: deque[Delivery] = deque()
        self._wake = asyncio.Event()
        # What was sent: deliveries, and when the broker has acknowledged their phase.
        self._rounds: asyncio.Queue[tuple[list[Delivery], Awaitable[Any]]] = asyncio.Queue()
        self._sending: list[Delivery] = []
        self._queued = 0
        self._round_begun = 0.0
        self._max_suspension_s = max_suspension_s
        self._awake_at = seconds_since_boot()

    @property
    def queued(self) -> int:
        """How many messages the broker has not acknowledged yet."""
        return self._queued

    @property
    def is_behind(self) -> bool:
        """Whether messages wait for those of a large batch, which are being sent for a while."""
        return bool(self._waiting) and time.monotonic() - self._round_begun > LONG_ROUND_S

    async def on_start(self) -> None:
        """Connect."""
        self._client = self._new_client()
        try:
            await self._client.start()
        except KafkaError as error:
            crash("Kafka does not answer", error)
        self._sender = Sending(
            self._client, self._timeout_s, self.check_may_send, self._note_acknowledged
        )
        self._awake_at = seconds_since_boot()
        Thread(target=self._watch_suspension, name="pulse", daemon=True).start()

    def _new_client(self, **options: Any) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers,
            # Ordered and without duplicates, as long as this producer lives.
            enable_idempotence=True,
            request_timeout_ms=int(self._timeout_s * 1000),
            **self._security,
            **options,
        )

    async def on_stop(self) -> None:
        """Disconnect, without waiting for a broker that does not answer."""
        if self._client is not None:
            with suppress(TimeoutError, KafkaError):
                await asyncio.wait_for(self._client.stop(), STOP_TIMEOUT_S)

    def _watch_suspension(self) -> None:
        while not self.should_stop:
            self.check_may_send()
            self._awake_at = seconds_since_boot()
            time.sleep(PULSE_S)

    def check_may_send(self) -> None:
        """End the process if another worker may own the partitions that it is sending for."""
        self.check_not_suspended()
        try:
            for delivery in list(self._sending):
                delivery.may_send()
        except Exception as error:  # noqa: BLE001 - ends the worker
            crash("what is in flight may not be sent any more", error)

    def check_not_suspended(self) -> None:
        """End the process if it was suspended for too long."""
        suspended = seconds_since_boot() - self._awake_at
        if suspended > self._max_suspension_s:
            crash("woke up too late", LostMessage(f"stopped for {suspended:.1f} s"))

    async def take_over(self, partitions: Iterable[TP]) -> None:
        """Become the owner of partitions, before anything of them is read: nothing to do here."""

    async def commit(self, offsets: Mapping[TP, int]) -> bool:  # noqa: ARG002
        """Whether offsets are committed here; False: it is for the consumer of the group."""
        return False

    async def send(
        self,
        *phases: Messages,
        done: Position | None = None,  # noqa: ARG002 - it is the group that commits offsets
        may_send: Callable[[], None] = lambda: None,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        """Send messages and wait until the broker has acknowledged them.

        Args:
            phases: Messages to send, each phase once the one before it is acknowledged. Calls are
                served in order: no phase of a call overtakes the same phase of an earlier call.
            done: What the messages come of: where the partition is once they are sent.
            may_send: Called before each phase, and while it is being sent, from any thread; if it
                raises, nothing more is sent.
            on_progress: Called whenever messages are acknowledged, from any thread.

        Raises:
            LostMessage: The broker refused a message or did not take it in time.
        """
        if not any(phases):
            return
        delivery = Delivery(phases, may_send, on_progress)
        self._queued += delivery.messages
        self._waiting.append(delivery)
        self._wake.set()
        await delivery.done

    @Service.task
    async def _send_rounds(self) -> None:
        while not self.should_stop:
            if not self._waiting:
                self._wake.clear()
                await self.wait_first(self._wake.wait())
                continue
            in_round = list(self._waiting)
            self._waiting.clear()
            self._sending += in_round
            self._round_begun = time.monotonic()
            columns = [column for d in in_round for column in d.phases.popleft().columns]
            try:
                acknowledged = await self._send_round(columns)
            except Exception as error:  # noqa: BLE001 - those who wait end the worker
                self._fail(error)
                continue
            self._rounds.put_nowait((in_round, acknowledged))

    @Service.task
    async def _finish_rounds(self) -> None:
        # In order: no phase may overtake the same phase of an earlier delivery.
        while not self.should_stop:
            sent = await self.wait(self._rounds.get())
            if sent.stopped:
                return
            in_round, acknowledged = sent.result
            try:
                await acknowledged
            except Exception as error:  # noqa: BLE001 - those who wait end the worker
                self._fail(error)
                continue
            self._sending = [d for d in self._sending if d not in in_round]
            for delivery in in_round:
                if delivery.phases:
                    self._waiting.append(delivery)
                    self._wake.set()
                elif not delivery.done.done():
                    delivery.done.set_result(None)

    def _fail(self, error: Exception) -> None:
        for delivery in (*self._sending, *self._waiting):
            if not delivery.done.done():
                delivery.done.set_exception(error)
        self._sending.clear()
        self._waiting.clear()

    async def _send_round(self, columns: Sequence[Column | LaterColumn]) -> Awaitable[Any]:
        """Hand messages over to be sent; returns what is done once they are acknowledged.

        Raises:
            LostMessage: A topic is not there.
        """
        if self._sender is None:
            raise LostMessage("the output has not started")
        return await self._sender.hand_over(columns)

    def _note_acknowledged(self, messages: int) -> None:
        self._queued -= messages
        for delivery in self._sending:
            delivery.on_progress()
