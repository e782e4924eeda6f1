"""Every topic: its key, its records, its cleanup policy, and how it is created."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from confluent_kafka import OFFSET_END, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from streams.contract import records
from streams.contract.clients import broker_config
from streams.murmur2 import hash_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.settings import Settings

_Types: TypeAlias = type[Any] | tuple[type[Any], ...]

COMPACT = "compact"
DELETE = "delete"
FOREVER = -1
MINUTE_MS = 60 * 1000
DAY_MS = 24 * 60 * MINUTE_MS
# Versions of plans are offsets, counted on from this for each application version. More than a
# partition has ever had, and few enough for 4,095 application versions in the 53 bits of JSON.
OFFSETS_PER_VERSION = 1 << 40
# A dead letter holds a whole record and the reason, so it may be larger than any other record.
DEAD_LETTER_BYTES = 4 * 1024 * 1024


class TopicMismatch(RuntimeError):
    """An existing topic has another number of partitions than it must have."""


class TopicMissing(RuntimeError):
    """A topic is not there, or may not be seen, and we are not the one who creates it."""


def partition_of(key: str, partitions: int) -> int:
    """The partition that a key is on, as Java's partitioner has it."""
    return hash_of(key.encode()) % partitions


@dataclass(frozen=True)
class Topic:
    """One topic, and all that an operator asks about it.

    Attributes:
        name: Its name on the broker.
        key: What its key is made of.
        records: The records that its values may be, by class; none if they are JSON.
        cleanup: `compact` or `delete`.
        about: What is on it.
        retention_ms: How long records are kept, in milliseconds; FOREVER; None if compacted.
        max_message_bytes: Largest record batch that it takes; None for the broker's default.
        append_time: Whether a record's timestamp is the broker's: when it took the record, not
            when its producer says that it was made.
        segment_ms: After how long a segment may be compacted, in milliseconds; None for the
            broker's default.
        ordered: Whether it has one partition, so that all its records are in one order.
    """

    name: str
    key: str
    records: tuple[type[Any], ...]
    cleanup: str
    about: str
    retention_ms: int | None = None
    max_message_bytes: int | None = None
    append_time: bool = False
    segment_ms: int | None = None
    ordered: bool = False

    def partitions(self, settings: Settings) -> int:
        """How many partitions it has."""
        return 1 if self.ordered else settings.partitions

    def config(self) -> dict[str, str]:
        """The topic's settings on the broker."""
        config = {"cleanup.policy": self.cleanup}
        if self.retention_ms is not None:
            config["retention.ms"] = str(self.retention_ms)
        if self.max_message_bytes is not None:
            config["max.message.bytes"] = str(self.max_message_bytes)
        if self.append_time:
            config["message.timestamp.type"] = "LogAppendTime"
        if self.segment_ms is not None:
            config["segment.ms"] = str(self.segment_ms)
        return config

    def subject(self, record_type: type[Any]) -> str:
        """The registry's subject for one of the topic's records.

        A topic with one kind of record has the stock subject, so that any registry serializer
        writes to it as it is; one with several has a subject for each.
        """
        if len(self.records) == 1:
            return f"{self.name}-value"
        return f"{self.name}-thewall.{record_type.__name__}"


@dataclass(frozen=True)
class Topics:
    """The topics, in the order in which an event passes them."""

    submissions: Topic
    walls: Topic
    profiles: Topic
    clock: Topic
    ticks: Topic
    accepted: Topic
    build_commands: Topic
    progress: Topic
    events: Topic
    daily: Topic
    totals: Topic
    overview: Topic
    dead_letters: Topic
    versions: Topic
    handled: Topic
    changelogs: tuple[Topic, ...]

    @classmethod
    def of(cls, settings: Settings) -> Topics:
        """The topics under the names, and with the retention, that the settings give them."""
        intermediate = settings.transit_days * DAY_MS
        prefix = settings.topic_prefix
        # What only one application version reads and writes is named after it. A shadow's output
        # is, too, until it is its turn to publish.
        own = prefix if settings.version == 1 else f"{prefix}.v{settings.version}"
        output = own if settings.shadow else prefix

        def topic(
            name: str, key: str, of: _Types, about: str, under: str = prefix, **rest: object
        ) -> Topic:
            types = of if isinstance(of, tuple) else (of,)
            return Topic(f"{under}.{name}", key, types, about=about, **rest)  # type: ignore[arg-type]

        def changelog(table: str, key: str, row: type[Any]) -> Topic:
            name = f"{settings.group}-{table}-changelog"
            return Topic(name, key, (row,), COMPACT, f"the rows of the {table} table")

        return cls(
            # Lines that people type: the last of two has to win, whatever their keys. Kept for
            # good: workers may be away for as long as they like.
            submissions=topic(
                "submissions", "any, or none", (), "profiles and settings as lines of JSON",
                cleanup=DELETE, retention_ms=FOREVER, append_time=True, ordered=True,
            ),
            walls=topic(
                "walls", "wall", records.WallConfigured, "a wall's settings", cleanup=COMPACT
            ),
            profiles=topic(
                "profiles", "wall/profile", records.ProfileSubmitted,
                "a profile submitted; a null value withdraws it", cleanup=COMPACT,
            ),
            clock=topic(
                "clock", "wall", records.ClockSet,
                "a wall's clock; a null value: it has none", cleanup=COMPACT, append_time=True,
            ),
            # The last tick of each wall is worth keeping; there may be many before it.
            ticks=topic(
                "ticks", "wall", records.ClockTicked,
                "time passes on clocks that run", cleanup=COMPACT, append_time=True,
                segment_ms=10 * MINUTE_MS,
            ),
            accepted=topic(
                "accepted", "wall",
                (
                    records.ProfileAccepted, records.SettingsAccepted,
                    records.ClockAccepted, records.TimePassed,
                ),
                "accepted events, one log per wall", own, cleanup=DELETE, retention_ms=intermediate,
            ),
            build_commands=topic(
                "build-commands", "wall/crew", (records.BuildSection, records.RelieveCrew),
                "orders to crews, one per section", own, cleanup=DELETE, retention_ms=intermediate,
            ),
            progress=topic(
                "progress", "wall/profile", (records.ProfilePlanned, records.SectionsBuilt),
                "plans and sections built, gathered per profile", own,
                cleanup=DELETE, retention_ms=intermediate,
            ),
            events=topic(
                "simulation.events", "wall/profile/section",
                (
                    records.SectionCompleted, records.CrewRelieved, records.PlanReplaced,
                    records.ProfileCompleted, records.ProfileWithdrawn, records.DayPassed,
                ),
                "audit, kept for good", output, cleanup=DELETE, retention_ms=FOREVER,
            ),
            daily=topic(
                "daily", "wall/profile/day", records.DailyUsage,
                "ice and cost of a day, and cumulative", output, cleanup=COMPACT,
            ),
            totals=topic(
                "totals", "wall", records.ProfileTotals,
                "totals and curve of a profile, gathered per wall", own,
                cleanup=DELETE, retention_ms=intermediate,
            ),
            overview=topic(
                "overview", "wall, and wall/profile",
                (records.WallOverview, records.ProfileOverview),
                "totals, days, state", output, cleanup=COMPACT,
            ),
            dead_letters=topic(
                "dead-letters", "the original key", records.DeadLetter,
                "records that could not be processed, untouched", output, cleanup=DELETE,
                retention_ms=settings.dead_letter_days * DAY_MS,
                max_message_bytes=DEAD_LETTER_BYTES,
            ),
            versions=topic(
                "versions", "application id", records.VersionSwitched,
                "which application version publishes", cleanup=COMPACT,
            ),
            # Not one of the changelogs, which a wipe or another application version begins anew: a
            # line that was put on its topic once must never be put there again.
            handled=Topic(
                f"{settings.app_id}-submissions-changelog", "handled", (records.HandledRow,),
                COMPACT, "how far the lines on submissions are handled", ordered=True,
            ),
            changelogs=(
                changelog("intake", "wall, and wall/profile", records.IntakeRow),
                changelog("planner", "wall, and wall/profile", records.PlannerRow),
                changelog("clock", "wall", records.ClockRow),
                changelog("crews", "wall/crew", records.CrewRow),
                changelog("ledger", "wall/profile", records.LedgerRow),
                changelog("overview", "wall/profile", records.ProfileTotals),
            ),
        )  # fmt: skip

    @property
    def inputs(self) -> tuple[Topic, ...]:
        """The events that all state is made of: everybody may write to them."""
        return (self.walls, self.profiles, self.clock, self.ticks)

    @property
    def doors(self) -> tuple[Topic, ...]:
        """What everybody may write to: the input topics, and the lines that become events."""
        return (self.submissions, *self.inputs)

    @property
    def intermediate(self) -> tuple[Topic, ...]:
        """What is between the stages."""
        return (self.accepted, self.build_commands, self.progress, self.totals)

    @property
    def outputs(self) -> tuple[Topic, ...]:
        """What is published."""
        return (self.daily, self.overview, self.events, self.dead_letters)

    def changelog(self, table: str) -> Topic:
        """The changelog of a table.

        Raises:
            KeyError: There is no such table.
        """
        for topic in self.changelogs:
            if topic.name.endswith(f"-{table}-changelog"):
                return topic
        raise KeyError(table)

    def all(self) -> list[Topic]:
        """Every topic, the tables' changelogs last."""
        *named, changelogs = (getattr(self, name) for name in self.__dataclass_fields__)
        return [*named, *changelogs]


def create_topics(settings: Settings, timeout_s: float = 30.0) -> list[tuple[Topic, bool]]:
    """Create the topics that are missing and bring the settings of the others up to date.

    Returns:
        Each topic, and whether it was created now.

    Raises:
        TopicMismatch: An existing topic has another number of partitions than it must have.
        KafkaException: The broker refused, or did not answer in time.
    """
    admin = AdminClient(broker_config(settings))
    existing = admin.list_topics(timeout=timeout_s).topics
    wanted = Topics.of(settings).all()
    check_partitions(settings, {name: len(t.partitions) for name, t in existing.items()})
    missing = [topic for topic in wanted if topic.name not in existing]
    created = admin.create_topics([_new(topic, settings) for topic in missing]) if missing else {}
    present = [_update(topic, settings) for topic in wanted if topic.name in existing]
    altered = admin.incremental_alter_configs(present) if present else {}
    for future in (*created.values(), *altered.values()):
        try:
            future.result(timeout_s)
        except KafkaException as error:
            if error.args[0].name() != "TOPIC_ALREADY_EXISTS":
                raise
    if missing:
        _wait_for_leaders(admin, missing, timeout_s)
    return [(topic, topic in missing) for topic in wanted]


def partition_mismatch(partitions: Mapping[str, int], settings: Settings) -> str | None:
    """Which topic has another number of partitions than it must have, and what to do.

    Tables and their sources are matched by partition, and a key's partition follows from their
    number: another number breaks both.

    Args:
        partitions: How many each existing topic has.
        settings: How many there should be.
    """
    topics = Topics.of(settings)
    there = [topic for topic in topics.all() if topic.name in partitions]
    numbers = Counter(partitions[topic.name] for topic in there if not topic.ordered)
    most = max(numbers, key=numbers.__getitem__, default=settings.partitions)
    for topic in there:
        found, right = partitions[topic.name], topic.partitions(settings)
        if found == right:
            continue
        if not topic.ordered and right != most:
            return (
                f"most topics have {most} partitions, but THEWALL_PARTITIONS is {right}: set it to "
                f"{most}, or use another THEWALL_TOPIC_PREFIX"
            )
        text = (
            f"topic {topic.name} has {found} partitions, and must have {right}: stop the workers, "
            "delete the topic, as Kafka can't take partitions away, and run `thewall replay "
            "--wipe`, which creates it anew and builds what is on the input topics"
        )
        return f"{text}; then submit again what was on it" if topic in topics.doors else text
    return None


def require_topics(settings: Settings, timeout_s: float = 30.0) -> None:
    """Make sure that a worker finds its topics: create them if the settings say so.

    Raises:
        TopicMissing: One is not there, and the settings do not say to create it.
        TopicMismatch: An existing topic has another number of partitions than it must have.
        KafkaException: The broker refused, or did not answer in time.
    """
    if settings.create_topics:
        create_topics(settings, timeout_s)
        return
    found = AdminClient(broker_config(settings)).list_topics(timeout=timeout_s).topics
    existing = {name: len(topic.partitions) for name, topic in found.items()}
    check_partitions(settings, existing)
    missing = [topic.name for topic in Topics.of(settings).all() if topic.name not in existing]
    if missing:
        user = settings.kafka_user or "nobody"
        raise TopicMissing(
            f"topics {', '.join(missing)} are not there, or user {user} may not see them: let "
            "somebody who may create them run `thewall topics`, and see `thewall acls worker`"
        )


def check_partitions(settings: Settings, existing: Mapping[str, int]) -> None:
    """Make sure that topics have as many partitions as they must have.

    Args:
        settings: How many those are.
        existing: Number of partitions of the topics that are there.

    Raises:
        TopicMismatch: One has another number.
    """
    mismatch = partition_mismatch(existing, settings)
    if mismatch is not None:
        raise TopicMismatch(mismatch)


def truncate_topics(settings: Settings, names: Sequence[str], timeout_s: float = 30.0) -> None:
    """Delete all records of topics; offsets go on where they were.

    Raises:
        KafkaException: The broker refused, or has not done it in time, in seconds.
    """
    admin = AdminClient(broker_config(settings))
    there = admin.list_topics(timeout=timeout_s).topics
    ends = [
        TopicPartition(name, partition, OFFSET_END)
        for name in names
        if name in there
        for partition in there[name].partitions
    ]
    for future in (admin.delete_records(ends) if ends else {}).values():
        future.result(timeout_s)


def delete_topics(settings: Settings, names: Sequence[str], timeout_s: float = 30.0) -> None:
    """Delete topics and wait until they are gone.

    Raises:
        KafkaException: The broker refused, or has not done it in time, in seconds.
    """
    admin = AdminClient(broker_config(settings))
    for future in (admin.delete_topics(list(names)) if names else {}).values():
        try:
            future.result(timeout_s)
        except KafkaException as error:
            if error.args[0].name() != "UNKNOWN_TOPIC_OR_PART":
                raise
    # The broker deletes in its own time: a topic that is still going can't be created.
    deadline = time.monotonic() + timeout_s
    while not admin.list_topics(timeout=timeout_s).topics.keys().isdisjoint(names):
        if time.monotonic() > deadline:
            raise KafkaException(KafkaError(KafkaError.REQUEST_TIMED_OUT))
        time.sleep(0.1)


def _wait_for_leaders(admin: AdminClient, topics: list[Topic], timeout_s: float) -> None:
    """A topic is created before its partitions can be asked for anything."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        existing = admin.list_topics(timeout=timeout_s).topics
        partitions = [existing[t.name].partitions for t in topics if t.name in existing]
        led = all(p.leader >= 0 for of_topic in partitions for p in of_topic.values())
        if led and len(partitions) == len(topics) and all(partitions):
            return
        time.sleep(0.1)
    raise KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))


def _new(topic: Topic, settings: Settings) -> NewTopic:
    return NewTopic(
        topic.name,
        topic.partitions(settings),
        settings.replication_factor,
        config=topic_config(topic, settings),
    )


def topic_config(topic: Topic, settings: Settings) -> dict[str, str]:
    """What the broker is told of a topic, by Kafka's names."""
    replicas = settings.min_insync_replicas
    return topic.config() | ({} if replicas is None else {"min.insync.replicas": str(replicas)})


def _update(topic: Topic, settings: Settings) -> ConfigResource:
    # Incremental: what an operator has set beside our settings stays.
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in topic_config(topic, settings).items()
    ]
    return ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=entries)
