"""Reads topics from the beginning, without a consumer group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from confluent_kafka import Consumer, KafkaError, TopicPartition

from streams.client.kafka import REQUEST_TIMEOUT_S, ClientError, retry_until_led

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from confluent_kafka import Message

    from streams.settings import Settings

# Errors while a broker restarts; librdkafka recovers from them by itself.
PASSING = {
    KafkaError._TRANSPORT,  # noqa: SLF001 - public in all but name
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
}


class Reader:
    """Reads partitions from the beginning, without a consumer group."""

    def __init__(self, settings: Settings) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                # librdkafka requires a group id; nothing is ever committed for it.
                "group.id": f"{settings.app_id}-reader",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 10,
                "log_level": 0,
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
        """First and end offset of partitions."""
        of = self._consumer.get_watermark_offsets
        return {p: of(TopicPartition(topic, p), timeout=REQUEST_TIMEOUT_S) for p in partitions}

    def read(
        self, topic: str, partition: int | None = None, *, follow: bool = False
    ) -> Iterator[Message | None]:
        """Messages, in order of offsets per partition; None when there is none at the moment."""
        existing = self._consumer.list_topics(topic, REQUEST_TIMEOUT_S).topics[topic].partitions
        wanted = sorted(existing) if partition is None else [partition]
        bounds = retry_until_led(lambda: self._bounds(topic, wanted))
        self._ends = {p: high for p, (low, high) in bounds.items() if low < high}
        self._consumer.assign([TopicPartition(topic, p, low) for p, (low, _) in bounds.items()])
        while follow or self._ends:
            # Returns after this many messages or this timeout, whichever comes first.
            messages = self._consumer.consume(10_000, 0.02)
            if not messages:
                yield None
            for message in messages:
                error, number = message.error(), message.partition() or 0
                if error is None:
                    end, offset = self._ends.get(number, 0), message.offset() or 0
                    if offset + 1 >= end:
                        self._ends.pop(number, None)
                    if follow or offset < end:
                        yield message
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                    # The last offset may be a transaction marker instead of a record.
                    self._ends.pop(number, None)
                elif not (follow and error.code() in PASSING):
                    raise ClientError(f"{topic} could not be read: {error.str()}")
