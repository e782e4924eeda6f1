"""Reads topics from the beginning, without a consumer group."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import OffsetSpec

from streams.client.errors import ClientError
from streams.client.kafka import REQUEST_TIMEOUT_S, admin_of, no_broker, retry_until_led
from streams.contract.clients import broker_config

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from confluent_kafka import Message

    from streams.settings import Settings

# Errors while a broker restarts; librdkafka recovers from them by itself.
PASSING = {
    KafkaError._TRANSPORT,  # noqa: SLF001 - public in all but name
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
}
EARLIEST, LATEST = OffsetSpec.earliest(), OffsetSpec.latest()
# How long an answer waits for a transaction that somebody has open.
TRANSACTION_PATIENCE_S = 10.0


class Reader:
    """Reads partitions from the beginning, without a consumer group.

    Records of transactions that are open are not there yet, nor is anything behind them: reading
    to the end waits for them.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin = admin_of(settings)
        self._consumer = Consumer(
            {
                **broker_config(settings),
                # librdkafka requires a group id; nothing is ever committed for it.
                "group.id": f"{settings.app_id}-reader",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 10,
            }
        )
        self._ends: dict[int, int] = {}

    @property
    def at_end(self) -> bool:
        """Whether everything has been read that existed when reading began."""
        return not self._ends

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._consumer.close()

    def _bounds(self, topic: str, partitions: list[int]) -> dict[int, tuple[int, int]]:
        """First and end offset of partitions, the records of open transactions included."""
        wanted = [TopicPartition(topic, partition) for partition in partitions]
        # Not the consumer's watermarks: those end where the first open transaction begins.
        low, high = (
            self._admin.list_offsets(
                dict.fromkeys(wanted, spec),
                isolation_level=IsolationLevel.READ_UNCOMMITTED,
                request_timeout=REQUEST_TIMEOUT_S,
            )
            for spec in (EARLIEST, LATEST)
        )
        return {tp.partition: (low[tp].result().offset, high[tp].result().offset) for tp in wanted}

    def read(
        self,
        topic: str,
        partition: int | None = None,
        *,
        follow: bool = False,
        until: Mapping[int, int] | None = None,
    ) -> Iterator[Message | None]:
        """Messages, in order of offsets per partition; None when there is none at the moment.

        Args:
            topic: Name of the topic.
            partition: Read this partition alone.
            follow: Go on when the end is reached.
            until: End offset by partition; the present ends if not given.

        Raises:
            ClientError: The topic can't be read; or somebody keeps a transaction open before the
                end, so that what stands there can't be known.
        """
        try:
            known = self._consumer.list_topics(topic, REQUEST_TIMEOUT_S).topics[topic].partitions
        except KafkaException as failure:
            raise no_broker(self._settings, failure) from failure
        wanted = sorted(p for p in known if partition in (None, p))
        bounds = retry_until_led(lambda: self._bounds(topic, wanted)) if wanted else {}
        ends = {p: (until or {}).get(p, high) for p, (_, high) in bounds.items()}
        self._ends = {p: end for p, end in ends.items() if bounds[p][0] < end}
        self._consumer.assign([TopicPartition(topic, p, low) for p, (low, _) in bounds.items()])
        held_up: dict[int, int] = {}  # by partition, where the first open transaction begins
        give_up_at = 0.0
        while follow or self._ends:
            # Not many at once: that waits for so many, or for the timeout, whatever is there.
            messages = self._consumer.consume(1, 0.02)
            if messages:
                messages += self._consumer.consume(10_000, 0)
            if not messages:
                yield None
            for message in messages:
                error, number = message.error(), message.partition() or 0
                if error is None:
                    held_up.pop(number, None)
                    end, offset = self._ends.get(number, 0), message.offset() or 0
                    if offset + 1 >= end:
                        self._ends.pop(number, None)
                    if follow or offset < end:
                        yield message
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                    # The last offset may be a transaction marker instead of a record.
                    reached = message.offset() or 0
                    if reached >= self._ends.get(number, 0):
                        self._ends.pop(number, None)
                        held_up.pop(number, None)
                    elif held_up.get(number) != reached:
                        held_up[number] = reached
                        give_up_at = time.monotonic() + TRANSACTION_PATIENCE_S
                elif not (follow and error.code() in PASSING):
                    raise ClientError(f"{topic} could not be read: {error.str()}")
            is_held_up = bool(held_up) and held_up.keys() == self._ends.keys()
            if is_held_up and not follow and time.monotonic() > give_up_at:
                number, offset = next(iter(held_up.items()))
                raise ClientError(
                    f"a transaction is open on topic {topic}, partition {number}, since offset "
                    f"{offset}, and what comes behind it can't be known: do the same again when "
                    "its producer has ended it, or the broker has, after transaction.timeout.ms"
                )
