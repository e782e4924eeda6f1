"""A consumer group: its members, its committed offsets and its lag."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    TopicPartition,
)
from confluent_kafka.admin import ConsumerGroupDescription, OffsetSpec

from streams.client.errors import ClientError
from streams.client.kafka import REQUEST_TIMEOUT_S, admin_of, retry_until_led
from streams.contract.clients import broker_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streams.contract.topics import Topic, Topics
    from streams.settings import Settings

# An assignor that Faust does not support: while a member uses it, the broker refuses workers
# (inconsistent group protocol).
OTHER_ASSIGNOR = "range"
WORKERS_ASSIGNOR = "faust"
FENCE_SESSION_S = 10.0
# What tells whoever keeps workers out from somebody's consumer that assigns in the same way.
FENCE_CLIENT_ID = "thewall-keeps-workers-out"

Offsets = dict[tuple[str, int], int]
"""An offset by topic and partition."""


class Group:
    """The consumer group of an application version."""

    def __init__(self, settings: Settings, topics: Topics) -> None:
        """Name the group of the settings; topics are those of its application version."""
        self.settings = settings
        self.name = settings.group
        self.topics = topics
        self._admin = admin_of(settings)

    def members(self) -> int:
        """Number of workers; a killed one counts until its session times out."""
        described = self._described()
        if described.state in (ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD):
            return 0
        return max(1, len(described.members))

    def _described(self) -> ConsumerGroupDescription:
        answer = self._admin.describe_consumer_groups([self.name])[self.name]
        found: ConsumerGroupDescription = answer.result(REQUEST_TIMEOUT_S)
        return found

    def is_fenced(self) -> bool:
        """Whether workers are kept out at the moment, see `fenced`."""
        return any(m.client_id == FENCE_CLIENT_ID for m in self._described().members or ())

    def check_only_workers(self) -> None:
        """Make sure that a worker can join the group.

        Raises:
            ClientError: Somebody's consumer is in it.
        """
        described = self._described()
        members = [str(m.client_id) for m in described.members or ()]
        others = [name for name in members if name != FENCE_CLIENT_ID]
        if others and described.partition_assignor not in ("", WORKERS_ASSIGNOR):
            raise ClientError(
                f"group {self.name} has a member that is no worker ({', '.join(others[:5])}): end "
                "it, or give it a group of its own; workers can't share theirs"
            )

    def check_stopped(self) -> None:
        """Make sure that no worker runs.

        Raises:
            ClientError: The group has members.
        """
        self.check_only_workers()
        # Of a command that was killed a moment ago, the fence stays for its session.
        if self.is_fenced() and not self.wait_until_stopped(2 * FENCE_SESSION_S):
            raise ClientError(f"a replay or a rebuild of group {self.name} is under way")
        if members := self.members():
            raise ClientError(
                f"group {self.name} has {members} running workers; stop them first "
                "(`thewall worker --stop`)"
            )

    def committed(self, topics: tuple[Topic, ...]) -> Offsets:
        """Committed offset of each partition; its first offset where nothing is committed yet."""
        low = self.offsets(topics, OffsetSpec.earliest())
        with self._consumer() as consumer:
            found = consumer.committed(
                [TopicPartition(*tp) for tp in low], timeout=REQUEST_TIMEOUT_S
            )
        at = {(tp.topic, tp.partition): tp.offset for tp in found}
        return {tp: max(at[tp], low[tp]) for tp in low}

    def lag(self, until: Offsets | None = None) -> int:
        """Records that the group has not read yet, on the input and intermediate topics.

        Args:
            until: End offsets to assume instead of the real ones.
        """
        # Ask for committed offsets first, end offsets second. The other way round, a stage could
        # commit its input in between, and neither answer would count what it has sent on.
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
            on_progress: Called with the number of records read, and of all.
            until: End offsets to assume instead of the real ones.
            check: Called repeatedly; raises if waiting has become pointless.

        Raises:
            ClientError: There is still lag after the timeout.
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
        """Wait until the group has no members; False on timeout.

        Args:
            timeout_s: How long to wait, in seconds.
            on_wait: Called once with the number of members, if there are any.
        """
        deadline = time.monotonic() + timeout_s
        said = False
        while members := self.members():
            self.check_only_workers()
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
        """Offset of each partition, as the broker finds it for the spec."""
        wanted = {
            TopicPartition(topic.name, partition): spec
            for topic in topics
            for partition in range(topic.partitions(self.settings))
        }
        # The leader of a topic created a moment ago may not know it yet.
        return retry_until_led(lambda: self._list(wanted))

    def _list(self, wanted: dict[TopicPartition, OffsetSpec]) -> Offsets:
        found = self._admin.list_offsets(
            wanted,
            # What a transaction has not committed is not there to be read.
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=REQUEST_TIMEOUT_S,
        )
        return {(tp.topic, tp.partition): f.result().offset for tp, f in found.items()}

    def commit(self, offsets: Offsets) -> None:
        """Set the committed offsets.

        Raises:
            ClientError: The broker refuses, for example because the group has members.
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

        All members of a group have to support one common assignor. As long as this block lasts,
        a member with an assignor that Faust does not support is in the group.

        Raises:
            ClientError: The group has workers.
        """
        with self._consumer(
            {
                "client.id": FENCE_CLIENT_ID,
                "partition.assignment.strategy": OTHER_ASSIGNOR,
                "session.timeout.ms": int(FENCE_SESSION_S * 1000),
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
                **broker_config(self.settings),
                "group.id": self.name,
                **(config or {}),
            }
        )
        try:
            yield consumer
        finally:
            consumer.close()
