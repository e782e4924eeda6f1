"""The broker as the bench uses it: topics of a run, records put in, rows read out and timed."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupState,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from bench.wire import Wire
from streams.contract.topics import Topics, create_topics
from streams.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from confluent_kafka import Message

    from bench.wire import Record
    from domain.wall import Wall
    from streams.devstack import StackAddresses

FETCH = 20_000
# As many as the pipeline has as it comes, for every engine.
PARTITIONS: int = Settings.model_fields["partitions"].default


class Stuck(RuntimeError):
    """What was waited for did not come; the message says what."""


def wait_until(condition: Callable[[], bool], deadline_s: float, what: str) -> None:
    """Wait for a condition, looking every 50 ms.

    Raises:
        Stuck: It did not come true by the deadline.
    """
    deadline = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > deadline:
            raise Stuck(f"not within {deadline_s:.0f} s: {what}")
        time.sleep(0.05)


@dataclass
class Rows:
    """The latest rows on the output topics.

    Attributes:
        daily: Ice, cost and cumulative cost by `wall/profile/day`.
        overview: Sections, days, ice and cost by `wall` and `wall/profile`, of complete plans.
        versions: The version of the plan of each such row; of a wall as a whole, none.
        last_ms: When the last row that was new came to its topic, by the broker's clock.
    """

    daily: dict[str, tuple[int, ...]] = field(default_factory=dict)
    overview: dict[str, tuple[int, ...]] = field(default_factory=dict)
    versions: dict[str, int | None] = field(default_factory=dict)
    last_ms: int = 0


class Cluster:
    """One run's topics on the broker, under a prefix of their own."""

    def __init__(self, stack: StackAddresses, prefix: str, partitions: int = PARTITIONS) -> None:
        """Create the topics and register the schemas."""
        self.stack = stack
        self.prefix = prefix
        self.partitions = partitions
        self.settings = Settings(
            bootstrap_servers=stack.bootstrap_servers,
            registry_url=stack.registry_url,
            app_id=prefix,
            topic_prefix=prefix,
            partitions=partitions,
            create_topics=True,
        )
        self.admin = AdminClient({"bootstrap.servers": stack.bootstrap_servers, "log_level": 4})
        create_topics(self.settings)
        self.topics = Topics.of(self.settings)
        # The broker stamps what the clock is read from: no client's clock, no reader's load.
        stamped = [self.topics.profiles, self.topics.daily, self.topics.overview]
        entry = ConfigEntry(
            "message.timestamp.type",
            "LogAppendTime",
            incremental_operation=AlterConfigOpType.SET,
        )
        resources = [
            ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=[entry])
            for topic in stamped
        ]
        for future in self.admin.incremental_alter_configs(resources).values():
            future.result(30)
        self.wire = Wire(stack.registry_url, prefix)
        self.producer = Producer(
            {
                "bootstrap.servers": stack.bootstrap_servers,
                "partitioner": "murmur2_random",
                "linger.ms": 5,
                "log_level": 4,
            }
        )

    def put_settings(self, walls: Iterable[Wall]) -> None:
        """Put the walls' settings on their topic."""
        for wall in walls:
            record = {
                "wall": wall.id, "mode": wall.settings.mode, "crews": wall.settings.crews,
                "material": wall.settings.material,
            }  # fmt: skip
            self.put(self.topics.walls.name, wall.id, self.wire.encode("WallConfigured", record))
        self.producer.flush()

    def put_profiles(self, walls: Iterable[Wall]) -> None:
        """Put the walls' profiles on their topic."""
        for wall in walls:
            for number, heights in wall.profiles.items():
                record = {"wall": wall.id, "profile": number, "heights": list(heights)}
                value = self.wire.encode("ProfileSubmitted", record)
                self.put(self.topics.profiles.name, f"{wall.id}/{number}", value)
        self.producer.flush()

    def put(self, topic: str, key: str, value: bytes) -> None:
        """Put one record on a topic, sooner or later: `producer.flush()` waits for it."""
        self.producer.produce(topic, value, key)
        self.producer.poll(0)

    def wait_for_members(self, count: int, alive: Callable[[], None], deadline_s: float) -> None:
        """Wait until the consumer group has so many members and does not move."""

        def formed() -> bool:
            alive()
            with suppress(KafkaException):
                future = self.admin.describe_consumer_groups([self.prefix])[self.prefix]
                group = future.result(10)
                return len(group.members) == count and group.state == ConsumerGroupState.STABLE
            return False

        wait_until(formed, deadline_s, f"{count} members in the group {self.prefix}")

    def read(self, topic: str, since: dict[int, int] | None = None) -> Iterator[Message]:
        """Every message of a topic up to its end as it stands now."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.stack.bootstrap_servers,
                "group.id": f"{self.prefix}-reader",
                "enable.auto.commit": False,
                # The last offset may be that of a transaction's marker, which is no message.
                "enable.partition.eof": True,
                "log_level": 4,
            }
        )
        try:
            left = {}
            for partition in range(self.partitions):
                low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), 30)
                begin = max(low, (since or {}).get(partition, 0))
                if high > begin:
                    left[partition] = (begin, high)
            consumer.assign([TopicPartition(topic, p, begin) for p, (begin, _) in left.items()])
            while left:
                for message in consumer.consume(FETCH, timeout=1):
                    end = left.get(message.partition(), (0, 0))[1]
                    if message.error():
                        if message.error().code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
                            raise KafkaException(message.error())
                    elif message.offset() < end:
                        yield message
                    if message.offset() >= end - 1:
                        left.pop(message.partition(), None)
        finally:
            consumer.close()

    def ends(self, topic: str) -> dict[int, int]:
        """The end offset of each partition."""
        consumer = Consumer(
            {"bootstrap.servers": self.stack.bootstrap_servers, "group.id": "x", "log_level": 4}
        )
        try:
            return {
                p: consumer.get_watermark_offsets(TopicPartition(topic, p), 30)[1]
                for p in range(self.partitions)
            }
        finally:
            consumer.close()

    def count(self, topic: str) -> int:
        """Records ever put on a topic that is not compacted yet."""
        return sum(self.ends(topic).values())

    def rows(self, of: str) -> Rows:
        """The latest rows of the walls whose ids start with a label."""
        rows, prefix = Rows(), of.encode()
        decode = self.wire.decode
        for message in self.read(self.topics.daily.name):
            if not message.key().startswith(prefix):
                continue
            key = message.key().decode()
            if key not in rows.daily:
                rows.last_ms = max(rows.last_ms, message.timestamp()[1])
            if message.value() is None:
                rows.daily.pop(key, None)
            else:
                row = decode(message.value())[1]
                rows.daily[key] = (row["ice"], row["cost"], row["cumulative_cost"])
        for message in self.read(self.topics.overview.name):
            if not message.key().startswith(prefix):
                continue
            key, row = message.key().decode(), decode(message.value())[1]
            if row["state"] == "COMPLETE":
                if key not in rows.overview:
                    rows.last_ms = max(rows.last_ms, message.timestamp()[1])
                rows.versions[key] = row.get("version")
                rows.overview[key] = (row["sections"], row["days"], row["ice"], row["cost"])
        return rows

    def first_profile_ms(self, since: dict[int, int]) -> int:
        """When the first profile after some offsets came to its topic, by the broker's clock."""
        return min(m.timestamp()[1] for m in self.read(self.topics.profiles.name, since))

    def audited(self, of: str) -> Iterator[tuple[str, Record]]:
        """Key and fields of each audit event of a completed section, of walls with a label."""
        header, prefix = self.wire.header("SectionCompleted"), of.encode()
        for message in self.read(self.topics.events.name):
            if message.value().startswith(header) and message.key().startswith(prefix):
                yield message.key().decode(), self.wire.decode(message.value())[1]

    def delete(self) -> None:
        """Delete every topic of the run, those that an engine made included."""
        names = [name for name in self.admin.list_topics(timeout=30).topics if self.prefix in name]
        for future in self.admin.delete_topics(names).values():
            future.result(60)


class Follower:
    """Follows the overview topic, to know when walls are complete; next to no load."""

    def __init__(self, cluster: Cluster) -> None:
        """Start at the beginning."""
        self._wire = cluster.wire
        self._complete: set[str] = set()
        self._consumer = Consumer(
            {
                "bootstrap.servers": cluster.stack.bootstrap_servers,
                "group.id": f"{cluster.prefix}-follower",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 100,
                "log_level": 4,
            }
        )
        name = cluster.topics.overview.name
        self._consumer.assign(
            [TopicPartition(name, p, OFFSET_BEGINNING) for p in range(cluster.partitions)]
        )

    def wait_for(self, count: int, alive: Callable[[], None], deadline_s: float) -> None:
        """Wait until so many walls are complete.

        Raises:
            Stuck: They are not by the deadline.
        """
        deadline = time.monotonic() + deadline_s
        while len(self._complete) < count:
            alive()
            if time.monotonic() > deadline:
                raise Stuck(
                    f"{len(self._complete)} of {count} walls are complete in {deadline_s:.0f} s"
                )
            for message in self._consumer.consume(FETCH, timeout=0.1):
                if message.error() or b"/" in message.key() or message.value() is None:
                    continue
                if self._wire.decode(message.value())[1]["state"] == "COMPLETE":
                    self._complete.add(message.key().decode())

    def close(self) -> None:
        """Leave."""
        self._consumer.close()
