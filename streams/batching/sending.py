"""Hands messages over to aiokafka's producer, window by window.

A window is what is in flight together. Its size adapts to how soon the broker acknowledges it, so
that a throttled broker slows a worker down but does not end it: a window times out when it was in
flight for too long, not while it waited for its turn.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from streams.batching.windows import windows

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from aiokafka import AIOKafkaProducer

    from streams.batching.records import Column, LaterColumn
    from streams.batching.windows import Window

WINDOWS_IN_FLIGHT = 2
# Bytes of a window: keys and values, uncompressed.
FIRST_WINDOW, LEAST_WINDOW, LARGEST_WINDOW = 512 * 1024, 32 * 1024, 4 * 1024 * 1024
# If acknowledgements arrive sooner than this, the window grows; later than that, it shrinks.
SOON_S, LATE_S = 0.5, 2.0


class LostMessage(RuntimeError):
    """The broker did not take a message: the batch that it came from must not be committed."""


class Sending:
    """Sends through one of aiokafka's producers, with so many windows in flight at most."""

    def __init__(
        self,
        client: AIOKafkaProducer,
        timeout_s: float,
        check_may_send: Callable[[], None] = lambda: None,
        on_acknowledged: Callable[[int], None] = lambda _: None,
        *,
        transactional: bool = False,
    ) -> None:
        """Send through a client that has started.

        Args:
            client: The producer.
            timeout_s: Messages that are not acknowledged for so long are lost, in seconds.
            check_may_send: Called before each window; if it raises, the window is not sent.
            on_acknowledged: Called with the number of messages whenever some are acknowledged.
            transactional: Whether the producer sends in transactions.
        """
        self._client = client
        self._timeout_s = timeout_s
        self._check_may_send = check_may_send
        self._on_acknowledged = on_acknowledged
        self._transactional = transactional
        self._partitions: dict[str, int] = {}
        self._windows_left = asyncio.Semaphore(WINDOWS_IN_FLIGHT)
        self._last_window: asyncio.Task[None] | None = None
        self._lost: LostMessage | None = None
        self._window = FIRST_WINDOW

    async def hand_over(self, columns: Sequence[Column | LaterColumn]) -> Awaitable[Any]:
        """Hand messages over to be sent, in order; returns what is done once they are acknowledged.

        Raises:
            LostMessage: A topic is not there, or an earlier message was not taken.
        """
        client = self._client
        for topic in {column.topic for column in columns} - self._partitions.keys():
            with _sending_to(topic):
                self._partitions[topic] = len(await client.partitions_for(topic))
        acknowledged = []
        for window in windows(
            columns,
            self._partitions.__getitem__,
            lambda: self._window,
            transactional=self._transactional,
        ):
            await self._windows_left.acquire()
            if self._lost is not None:
                raise self._lost  # nothing is sent after it
            self._check_may_send()
            handed_over: dict[asyncio.Future[Any], str] = {}
            for (topic, partition), batch in window.batches.items():
                with _sending_to(topic):
                    sent = await client.send_batch(batch, topic, partition=partition)
                handed_over[asyncio.ensure_future(sent)] = topic
            before = self._last_window
            self._last_window = asyncio.create_task(self._acknowledge(window, handed_over, before))
            acknowledged.append(self._last_window)
        return asyncio.gather(*acknowledged)

    async def _acknowledge(
        self,
        window: Window,
        handed_over: Mapping[asyncio.Future[Any], str],
        before: asyncio.Task[None] | None,
    ) -> None:
        """Wait until a window is acknowledged, after the one before it."""
        try:
            if before is not None:
                await before
            begun = time.monotonic()
            await self._all_acknowledged(handed_over)
            self._adapt(time.monotonic() - begun)
        except LostMessage as error:
            self._lost = error
            raise
        finally:
            self._windows_left.release()
        self._on_acknowledged(window.messages())

    async def _all_acknowledged(self, handed_over: Mapping[asyncio.Future[Any], str]) -> None:
        done, late = await asyncio.wait(handed_over, timeout=self._timeout_s)
        for sent in done:
            if (error := sent.exception()) is not None:
                raise _lost_by(error, handed_over[sent]) from error
        if late:
            raise LostMessage(f"messages were not acknowledged in {self._timeout_s:.0f} s")

    def _adapt(self, took_s: float) -> None:
        if took_s < SOON_S:
            self._window = min(2 * self._window, LARGEST_WINDOW)
        elif took_s > LATE_S:
            self._window = max(self._window // 2, LEAST_WINDOW)


def _lost_by(error: BaseException, topic: str) -> LostMessage:
    if isinstance(error, TopicAuthorizationFailedError):
        return LostMessage(
            f"no right to write to topic {topic}: the worker's user needs Write on it"
        )
    return LostMessage(f"the broker did not take a message to {topic}: {error!r}")


@contextmanager
def _sending_to(topic: str) -> Iterator[None]:
    try:
        yield
    except TopicAuthorizationFailedError as error:
        raise _lost_by(error, topic) from error
    except (KafkaError, AssertionError) as error:  # asserts that there is such a partition
        raise LostMessage(f"a message to {topic} could not be sent: {error}") from error
