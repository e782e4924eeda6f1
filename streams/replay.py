"""Replay: reset the group's offsets on the input topics, with the tables kept or wiped."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.broker import ANSWER_S, ClientError, patiently
from streams.topics import create_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streams.client import Client
    from streams.topics import Topic


class Replay:
    """Moves the offsets of a group that has no workers, and follows it to the end."""

    def __init__(self, client: Client) -> None:
        """Name the group of the client's settings."""
        self.client = client
        self.settings = client.settings
        self._admin = AdminClient(
            {"bootstrap.servers": self.settings.bootstrap_servers, "log_level": 4}
        )
        topics = client.topics
        self._inputs = (topics.walls, topics.profiles)
        self._transit = (topics.accepted, topics.build_commands, topics.progress, topics.totals)

    def check_stopped(self) -> None:
        """Make sure that no worker runs.

        Raises:
            ClientError: The group has members.
        """
        group = self.settings.group
        described = self._admin.describe_consumer_groups([group])[group].result(ANSWER_S)
        if described.state not in (ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD):
            raise ClientError(
                f"group {group} has {len(described.members)} running workers; stop them first "
                "(`thewall worker --stop`)"
            )

    def reset(self, to: str) -> dict[tuple[str, int], int]:
        """Set the committed offsets of the input topics.

        Args:
            to: `earliest`, an offset, or a date and time in ISO format.

        Returns:
            The new offset by topic and partition.
        """
        if to == "earliest":
            wanted = self._offsets(self._inputs, OffsetSpec.earliest())
        elif to.isascii() and to.isdecimal():
            low = self._offsets(self._inputs, OffsetSpec.earliest())
            high = self._offsets(self._inputs, OffsetSpec.latest())
            wanted = {tp: min(max(int(to), low[tp]), high[tp]) for tp in low}
        else:
            at_ms = int(_moment(to).timestamp() * 1000)
            found = self._offsets(self._inputs, OffsetSpec.for_timestamp(at_ms))
            high = self._offsets(self._inputs, OffsetSpec.latest())
            wanted = {tp: high[tp] if offset < 0 else offset for tp, offset in found.items()}
        self._commit(wanted)
        return wanted

    def wipe(self) -> None:
        """Forget all state: changelogs, published rows, and what is between the stages.

        A wall's log must not be read from before its tables went: its versions would begin again
        below those that the ledger has since seen. So the topics between the stages go too.
        """
        self._tombstone((self.client.topics.daily, self.client.topics.overview))
        going = (*self._transit, *self.client.topics.changelogs)
        for future in self._admin.delete_topics([topic.name for topic in going]).values():
            future.result(ANSWER_S)
        # The broker deletes in its own time: a topic that is still going can't be created.
        deadline = time.monotonic() + ANSWER_S * 3
        while any(t.name in self._admin.list_topics(timeout=ANSWER_S).topics for t in going):
            if time.monotonic() > deadline:
                raise ClientError("the broker has not deleted the topics in time; try again")
            time.sleep(0.1)
        create_topics(self.settings)
        self._commit(self._offsets(self._transit, OffsetSpec.earliest()))

    def wait_until_done(self, timeout_s: float, on_progress: Callable[[int, int], None]) -> None:
        """Wait until the group has no lag on any source topic.

        Raises:
            ClientError: It still has some when the time, in seconds, is up.
        """
        deadline = time.monotonic() + timeout_s
        most = 0
        while True:
            lag = self.lag()
            most = max(most, lag)
            on_progress(most - lag, most)
            if lag == 0:
                return
            if time.monotonic() > deadline:
                raise ClientError(f"group {self.settings.group} still has a lag of {lag:,} records")
            time.sleep(0.2)

    def lag(self) -> int:
        """Records that the group has still to read, on all source topics."""
        sources = (*self._inputs, *self._transit)
        low = self._offsets(sources, OffsetSpec.earliest())
        high = self._offsets(sources, OffsetSpec.latest())
        with self._consumer() as consumer:
            wanted = [TopicPartition(*tp) for tp in high]
            committed = consumer.committed(wanted, timeout=ANSWER_S)
        at = {(tp.topic, tp.partition): tp.offset for tp in committed}
        return sum(high[tp] - max(at[tp], low[tp]) for tp in high)

    def _offsets(self, topics: tuple[Topic, ...], spec: OffsetSpec) -> dict[tuple[str, int], int]:
        wanted = {
            TopicPartition(topic.name, partition): spec
            for topic in topics
            for partition in range(self.settings.partitions)
        }
        # The leader of a topic that was created a moment ago may not know of it yet.
        return patiently(lambda: self._list(wanted))

    def _list(self, wanted: dict[TopicPartition, OffsetSpec]) -> dict[tuple[str, int], int]:
        found = self._admin.list_offsets(wanted, request_timeout=ANSWER_S)
        return {(tp.topic, tp.partition): f.result().offset for tp, f in found.items()}

    def _commit(self, offsets: dict[tuple[str, int], int]) -> None:
        group = ConsumerGroupTopicPartitions(
            self.settings.group, [TopicPartition(*tp, offset) for tp, offset in offsets.items()]
        )
        for future in self._admin.alter_consumer_group_offsets([group]).values():
            for partition in future.result(ANSWER_S).topic_partitions:
                if partition.error:
                    raise ClientError(f"offsets can't be reset: {partition.error.str()}")

    def _tombstone(self, topics: tuple[Topic, ...]) -> None:
        producer = Producer(
            {"bootstrap.servers": self.settings.bootstrap_servers, "enable.idempotence": True}
        )
        for topic in topics:
            live: dict[bytes, int] = {}
            for message in self.client.read(topic):
                key, partition = message.key() or b"", message.partition() or 0
                if message.value() is None:
                    live.pop(key, None)
                else:
                    live[key] = partition
            for key, partition in live.items():
                producer.produce(topic.name, None, key, partition)
                producer.poll(0)
        if producer.flush(ANSWER_S * 3):
            raise ClientError("the broker did not take the tombstones in time; try again")

    @contextmanager
    def _consumer(self) -> Iterator[Consumer]:
        consumer = Consumer(
            {
                "bootstrap.servers": self.settings.bootstrap_servers,
                "group.id": self.settings.group,
                "log_level": 0,
            }
        )
        try:
            yield consumer
        finally:
            consumer.close()


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError as error:
        raise ClientError(
            f"{text[:40]!r} is not earliest, an offset, or a date and time such as 2026-01-31T12:00"
        ) from error
