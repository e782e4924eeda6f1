"""Sending: group commit on librdkafka, awaiting the acknowledgement of every message.

Stages hand over messages at any time. One round at a time sends everything that has come in
meanwhile, and waits until the broker has acknowledged it. Under light load a round is one message
and takes one round trip; under heavy load rounds grow by themselves, without a batching timer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from threading import Thread
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, Producer
from mode import Service

from streams.batching.crash import crash
from streams.batching.lease import seconds_since_boot
from streams.batching.records import Column, Message, Messages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

log = logging.getLogger(__name__)

__all__ = ["BatchProducer", "LostMessage", "Message"]

FLUSH_TIMEOUT_S = 60.0
# librdkafka sends one request per partition, and an idempotent producer has at most five in flight:
# a round of small messages to many partitions would queue for them.
PRODUCERS = 3
PULSE_S = 0.1
# Bytes in flight at a time: keys and values, uncompressed. The window adapts to how soon they are
# acknowledged, so that a throttled broker slows a worker down but does not end it: a message times
# out when it was in flight for too long, not when it waited for its turn here.
FIRST_WINDOW, LEAST_WINDOW, LARGEST_WINDOW = 512 * 1024, 32 * 1024, 4 * 1024 * 1024
# If acknowledgements arrive sooner than this, the window grows; later than that, it shrinks.
SOON_S, LATE_S = 0.5, 2.0


class LostMessage(RuntimeError):
    """The broker did not take a message: the batch that it came from must not be committed."""


class _Delivery:
    """Messages to send, phase by phase, and the future that waits for them."""

    def __init__(
        self,
        phases: Sequence[Messages],
        done: asyncio.Future[None],
        may_send: Callable[[], None],
        on_progress: Callable[[], None],
    ) -> None:
        # Empty phases count: no phase may overtake the same phase of an earlier delivery.
        self.phases = deque(phases)
        self.done = done
        self.may_send = may_send
        self.on_progress = on_progress


class BatchProducer(Service):
    """Sends messages in rounds, in the order in which they were handed over."""

    def __init__(
        self,
        bootstrap_servers: str,
        config: Mapping[str, Any] | None = None,
        max_suspension_s: float = 24.0,
    ) -> None:
        """Prepare to send; nothing is connected before the service starts.

        Args:
            bootstrap_servers: Kafka brokers as host:port,…
            config: librdkafka settings that override or extend the defaults.
            max_suspension_s: A process that was suspended for longer, in seconds, ends when it
                wakes up, without sending anything: others own its partitions by then. Has to be
                below the session timeout of the consumer group.
        """
        super().__init__()
        self._config: dict[str, Any] = {
            "bootstrap.servers": bootstrap_servers,
            # Ordered and without duplicates, as long as a topic's producer lives.
            "enable.idempotence": True,
            # Java's partitioner: with librdkafka's default, one key would be on two partitions.
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "linger.ms": 2,
            "batch.num.messages": 100_000,
            "batch.size": 512 * 1024,
            "message.max.bytes": 8 * 1024 * 1024,
            "queue.buffering.max.messages": 2_000_000,
            "queue.buffering.max.kbytes": 1024 * 1024,
            "message.timeout.ms": 30_000,
            # All is acknowledged once the queue is empty; only failures call back.
            "delivery.report.only.error": True,
            **(config or {}),
        }
        self._waiting: deque[_Delivery] = deque()
        self._wake = asyncio.Event()
        self._failure: KafkaError | None = None
        self._producers: list[Producer] = []
        self._producer_of: dict[str, Producer] = {}
        # Of the deliveries in the current round.
        self._fences: list[Callable[[], None]] = []
        self._progress: list[Callable[[], None]] = []
        self._window = FIRST_WINDOW
        self._max_suspension_s = max_suspension_s
        self._awake_at = seconds_since_boot()

    @property
    def queued(self) -> int:
        """How many messages the broker has not acknowledged yet."""
        return sum(map(len, self._producers))

    async def on_start(self) -> None:
        """Connect."""
        self._producers = [Producer(self._config, logger=log) for _ in range(PRODUCERS)]
        self._awake_at = seconds_since_boot()
        Thread(target=self._watch_suspension, name="pulse", daemon=True).start()

    def _watch_suspension(self) -> None:
        while not self.should_stop:
            self.check_may_send()
            self._awake_at = seconds_since_boot()
            time.sleep(PULSE_S)

    def check_may_send(self) -> None:
        """End the process if another worker may own the partitions that it is sending for."""
        self.check_not_suspended()
        try:
            for fence in self._fences:
                fence()
        except Exception as error:  # noqa: BLE001 - ends the worker
            crash("what is in flight may not be sent any more", error)

    def check_not_suspended(self) -> None:
        """End the process if it was suspended for too long."""
        suspended = seconds_since_boot() - self._awake_at
        if suspended > self._max_suspension_s:
            crash("woke up too late", LostMessage(f"stopped for {suspended:.1f} s"))

    async def send(
        self,
        *phases: Messages,
        may_send: Callable[[], None] = lambda: None,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        """Send messages and wait until the broker has acknowledged them.

        Args:
            phases: Messages to send, each phase once the one before it is acknowledged. Calls are
                served in order: no phase of a call overtakes the same phase of an earlier call.
            may_send: Called before each phase, and while it is being sent, from any thread; if it
                raises, nothing more is sent.
            on_progress: Called whenever messages are acknowledged, from any thread.

        Raises:
            LostMessage: The broker refused a message or did not take it in time.
        """
        delivery = _Delivery(
            phases, asyncio.get_running_loop().create_future(), may_send, on_progress
        )
        if not any(phases):
            return
        self._waiting.append(delivery)
        self._wake.set()
        await delivery.done

    @Service.task
    async def _rounds(self) -> None:
        while not self.should_stop:
            if not self._waiting:
                self._wake.clear()
                await self.wait_first(self._wake.wait())
                continue
            in_round = list(self._waiting)
            self._fences = [delivery.may_send for delivery in in_round]
            self._progress = [delivery.on_progress for delivery in in_round]
            columns = [column for d in in_round for column in d.phases.popleft().columns]
            try:
                if columns:
                    await asyncio.to_thread(self._send_round, columns)
            except Exception as error:  # noqa: BLE001 - those who wait end the worker
                self._fences = []
                for delivery in self._waiting:
                    if not delivery.done.done():
                        delivery.done.set_exception(error)
                self._waiting.clear()
                continue
            self._fences = []
            finished = [d for d in in_round if not d.phases]
            for delivery in finished:
                self._waiting.remove(delivery)
                if not delivery.done.done():
                    delivery.done.set_result(None)

    def _send_round(self, columns: list[Column]) -> None:
        if not self._producers:
            raise LostMessage("the output has not started")
        failed = self._on_failure
        in_flight = 0
        self.check_may_send()
        for topic, keys, values, partition in columns:
            producer = self._producer_for(topic)
            produce = producer.produce
            for key, value in zip(keys, values, strict=True):
                try:
                    produce(topic, value, key, partition, failed)
                except BufferError:
                    self._produce_when_there_is_room(producer, topic, value, key, partition)
                except Exception as error:
                    raise _not_sent(topic, error) from error
                in_flight += len(value or b"") + len(key or b"")
                if in_flight > self._window:
                    self._await_acknowledgements()
                    in_flight = 0
                    self.check_may_send()
        self._await_acknowledgements()

    def _await_acknowledgements(self) -> None:
        begun = time.monotonic()
        left = sum(producer.flush(FLUSH_TIMEOUT_S) for producer in self._producers)
        if self._failure is not None:
            raise LostMessage(f"the broker did not take a message: {self._failure.str()}")
        if left:
            raise LostMessage(f"{left} messages were not acknowledged in {FLUSH_TIMEOUT_S:.0f} s")
        took = time.monotonic() - begun
        if took < SOON_S:
            self._window = min(2 * self._window, LARGEST_WINDOW)
        elif took > LATE_S:
            self._window = max(self._window // 2, LEAST_WINDOW)
        for progressed in self._progress:
            progressed()

    def _producer_for(self, topic: str) -> Producer:
        """The producer of a topic, always the same, so that its messages stay in order."""
        if topic not in self._producer_of:
            number = len(self._producer_of) % len(self._producers)
            self._producer_of[topic] = self._producers[number]
        return self._producer_of[topic]

    def _produce_when_there_is_room(
        self, producer: Producer, topic: str, value: bytes | None, key: bytes | None, partition: int
    ) -> None:
        while True:
            producer.poll(0.1)
            self.check_may_send()
            try:
                producer.produce(topic, value, key, partition, self._on_failure)
            except BufferError:
                continue
            except Exception as error:
                raise _not_sent(topic, error) from error
            return

    def _on_failure(self, error: KafkaError | None, _message: object) -> None:
        if error is not None:
            self._failure = error


def _not_sent(topic: str, error: Exception) -> LostMessage:
    return LostMessage(f"a message to {topic} could not be sent: {error}")
