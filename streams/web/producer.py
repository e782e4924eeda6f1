"""Puts events on the input topics, and says where they stand."""

from __future__ import annotations

import asyncio
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import KafkaException, Producer

from streams.client.errors import ClientError
from streams.client.kafka import REQUEST_TIMEOUT_S
from streams.contract.clients import broker_config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confluent_kafka import KafkaError, Message

    from streams.settings import Settings


class Event(NamedTuple):
    """A record to send; its key decides the partition, as in Java's partitioner."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


class Sent(NamedTuple):
    """Where an event stands, acknowledged by all replicas."""

    topic: str
    partition: int
    offset: int


class EventProducer:
    """One producer for all requests, polled on a thread of its own."""

    def __init__(self, settings: Settings) -> None:
        """Connect when first used."""
        self._loop = asyncio.get_running_loop()
        self._producer = Producer(
            {
                **broker_config(settings),
                "enable.idempotence": True,
                # Java's partitioner: librdkafka's own would put a key where no stage expects it.
                "partitioner": "murmur2_random",
                "linger.ms": 1,
                "message.timeout.ms": int(REQUEST_TIMEOUT_S * 1000),
            }
        )
        self._stopping = False
        self._thread = Thread(target=self._poll, name="producer", daemon=True)
        self._thread.start()

    def _poll(self) -> None:
        while not self._stopping:
            self._producer.poll(0.2)

    async def stop(self) -> None:
        """Send what is left, and stop."""
        await asyncio.to_thread(self._producer.flush, REQUEST_TIMEOUT_S)
        self._stopping = True
        await asyncio.to_thread(self._thread.join)

    async def send(self, events: Sequence[Event]) -> list[Sent]:
        """Send events in their order, and wait until all are acknowledged.

        Raises:
            ClientError: The broker did not take some of them.
        """
        return [sent for sent, _ in await self._send(events)]

    async def stamp(self, event: Event) -> int:
        """Send an event to a topic whose records the broker stamps.

        Returns:
            The broker's time, in milliseconds since the epoch.

        Raises:
            ClientError: The broker did not take it.
        """
        ((_, at_ms),) = await self._send([event])
        return at_ms

    async def _send(self, events: Sequence[Event]) -> list[tuple[Sent, int]]:
        waiting = [await self._produce(event) for event in events]
        found = await asyncio.gather(*waiting, return_exceptions=True)
        failures = [error for error in found if isinstance(error, BaseException)]
        if failures:
            raise ClientError(
                f"the broker did not take {len(failures):,} of {len(events):,} events "
                f"({failures[0]}); send the same again: nothing is counted twice"
            )
        return [sent for sent in found if not isinstance(sent, BaseException)]

    async def _produce(self, event: Event) -> asyncio.Future[tuple[Sent, int]]:
        """Where the event stands, and its timestamp there, once it is acknowledged."""
        future: asyncio.Future[tuple[Sent, int]] = self._loop.create_future()

        def settle(error: KafkaError | None, sent: tuple[Sent, int]) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(sent)
            else:
                future.set_exception(ClientError(error.str()))

        def acknowledged(error: KafkaError | None, message: Message) -> None:
            sent = Sent(event.topic, message.partition() or 0, message.offset() or 0)
            self._loop.call_soon_threadsafe(settle, error, (sent, message.timestamp()[1]))

        while True:
            try:
                self._producer.produce(
                    event.topic,
                    event.value,
                    event.key,
                    on_delivery=acknowledged,
                    headers=list(event.headers),
                )
            except BufferError:
                await asyncio.sleep(0.05)
            except KafkaException as error:
                future.set_exception(ClientError(error.args[0].str()))
                return future
            else:
                return future
