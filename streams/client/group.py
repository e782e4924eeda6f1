"""A consumer group: who is in it, and how far it has read."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription, OffsetSpec

from streams.client.kafka import REQUEST_TIMEOUT_S, ClientError, retry_until_led

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streams.contract.topics import Topic, Topics
    from streams.settings import Settings

# One that workers do not have: theirs is Faust's.
OTHER_ASSIGNOR = "range"

Offsets = dict[tuple[str, int], int]
"""An offset by topic and partition."""


class Group:
    """The consumer group of an application version."""

    def __init__(self, settings: Settings, topics: Topics) -> None:
        """Name the group of the settings; topics are those of its application version."""
        self.settings = settings
        self.name = settings.group
        self.topics = topics
        self._admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers, "log_level": 4})

    def members(self) -> int:
        """How many workers it has; one that was killed counts until its session is over."""
        described = self._described()
        if described.state in (ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD):
            return 0
        return max(1, len(described.members))

    def _described(self) -> ConsumerGroupDescription:
        answer = self._admin.describe_consumer_groups([self.name])[self.name]
        found: ConsumerGroupDescription = answer.result(REQUEST_TIMEOUT_S)
        return found

    def is_fenced(self) -> bool:
        """Whether workers are kept out just now, see `closed`."""
        return bool(self._described().partition_assignor == OTHER_ASSIGNOR)

    def check_stopped(self) -> None:
        """Make sure that no worker runs.

        Raises:
            ClientError: The group has members.
        """
        if members := self.members():
            raise ClientError(
                f"group {self.name} has {members} running workers; stop them first "
                "(`thewall worker --stop`)"
            )

    def committed(self, topics: tuple[Topic, ...]) -> Offsets:
        """The offset of each partition that is read next; the first there is, if none was yet."""
        low = self.offsets(topics, OffsetSpec.earliest())
        with self._consumer() as consumer:
            found = consumer.committed(
                [TopicPartition(*tp) for tp in low], timeout=REQUEST_TIMEOUT_S
            )
        at = {(tp.topic, tp.partition): tp.offset for tp in found}
        return {tp: max(at[tp], low[tp]) for tp in low}

    def lag(self, until: Offsets | None = None) -> int:
        """Records that the group has still to read, on its inputs and between its stages.

        Args:
            until: Offsets at which partitions are taken to end.
        """
        # First what was read, then what there is. The other way round, a stage could commit its
        # input between the two, and what it has sent on would be seen by neither.
        topics = (*self.topics.inputs, *self.topics.intermediate)
        at = self.committed(topics)
        ends = self.ends(topics) | (until or {})
        return sum(max(0, ends[tp] - at[tp]) for tp in at)

    def wait_until_done(
        self,
        timeout_s: float,
        on_progress: Callable[[int, int], None],
        until: Offsets | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Wait until the group has no lag.

        Args:
            timeout_s: How long to wait, in seconds.
            on_progress: Called with the records that were read, and of how many.
            until: Offsets at which partitions are taken to end.
            check: Called now and then; raises if it is of no use to go on.

        Raises:
            ClientError: It still has some when the time is up.
        """
        deadline = time.monotonic() + timeout_s
        most = 0
        while lag := self.lag(until):
            most = max(most, lag)
            on_progress(most - lag, most)
            check()
            if time.monotonic() > deadline:
                raise ClientError(f"group {self.name} still has a lag of {lag:,} records")
            time.sleep(0.2)

    def wait_until_stopped(
        self, timeout_s: float, on_wait: Callable[[int], None] = lambda _: None
    ) -> bool:
        """Wait until the group has no members; whether it came to that in time.

        Args:
            timeout_s: How long to wait, in seconds.
            on_wait: Called once, with the number of members, if there are some.
        """
        deadline = time.monotonic() + timeout_s
        said = False
        while members := self.members():
            if not said:
                on_wait(members)
                said = True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True

    def ends(self, topics: tuple[Topic, ...]) -> Offsets:
        """The offset that the next record of each partition will have."""
        return self.offsets(topics, OffsetSpec.latest())

    def offsets(self, topics: tuple[Topic, ...], spec: OffsetSpec) -> Offsets:
        """What the broker says of each partition."""
        wanted = {
            TopicPartition(topic.name, partition): spec
            for topic in topics
            for partition in range(self.settings.partitions)
        }
        # The leader of a topic that was created a moment ago may not know of it yet.
        return retry_until_led(lambda: self._list(wanted))

    def _list(self, wanted: dict[TopicPartition, OffsetSpec]) -> Offsets:
        found = self._admin.list_offsets(wanted, request_timeout=REQUEST_TIMEOUT_S)
        return {(tp.topic, tp.partition): f.result().offset for tp, f in found.items()}

    def commit(self, offsets: Offsets) -> None:
        """Set what is read next.

        Raises:
            ClientError: The broker refuses, as while the group has members.
        """
        group = ConsumerGroupTopicPartitions(
            self.name, [TopicPartition(*tp, offset) for tp, offset in offsets.items()]
        )
        for future in self._admin.alter_consumer_group_offsets([group]).values():
            for partition in future.result(REQUEST_TIMEOUT_S).topic_partitions:
                if partition.error:
                    raise ClientError(f"offsets can't be reset: {partition.error.str()}")

    @contextmanager
    def fenced(self) -> Iterator[None]:
        """Keep workers out: the broker refuses one that starts meanwhile.

        A group takes no member that assigns partitions in another way than its members do. So we
        are a member that assigns them in a way that workers do not know, for as long as we live.

        Raises:
            ClientError: The group has workers.
        """
        with self._consumer(
            {
                "partition.assignment.strategy": OTHER_ASSIGNOR,
                "session.timeout.ms": 10_000,
                "max.poll.interval.ms": 86_400_000,
                "enable.auto.commit": False,
            }
        ) as consumer:
            consumer.subscribe([self.topics.walls.name], on_assign=lambda c, tps: c.pause(tps))
            deadline = time.monotonic() + REQUEST_TIMEOUT_S
            while not consumer.assignment():
                message = consumer.poll(0.1)
                error = message.error() if message is not None else None
                if error is not None or time.monotonic() > deadline:
                    why = error.str() if error else "no answer"
                    raise ClientError(f"group {self.name} has workers again ({why}); stop them")
            yield

    @contextmanager
    def _consumer(self, config: dict[str, str | int | bool] | None = None) -> Iterator[Consumer]:
        consumer = Consumer(
            {
                "bootstrap.servers": self.settings.bootstrap_servers,
                "group.id": self.name,
                "log_level": 0,
                **(config or {}),
            }
        )
        try:
            yield consumer
        finally:
            consumer.close()
