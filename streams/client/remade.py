"""Topics that were deleted, created again, enlarged or trimmed under the workers.

A topic that is created again has its old name, and offsets from 0. Tables say up to which offset a
key's events are accepted, and plans have offsets for versions: both are of the topic that is gone,
and what is submitted anew would look as if it were delivered again. Only the topic's id tells. So a
record on `wall.versions` has the ids of the topics that the state was made of.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import OffsetSpec

from streams.client.errors import ClientError
from streams.client.kafka import (
    ANY_PARTITION,
    REQUEST_TIMEOUT_S,
    admin_of,
    connect_registry,
    no_broker,
    produce,
    retry_until_led,
)
from streams.client.versions import recorded, topics_key
from streams.contract.clients import broker_config
from streams.contract.records import VersionSwitched
from streams.contract.topics import Topics, partition_mismatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from confluent_kafka.admin import AdminClient

    from streams.client.versions import Recorded
    from streams.contract.topics import Topic
    from streams.settings import Settings

# The id that Kafka before 2.8 gives for every topic.
NO_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAA"


class Described(NamedTuple):
    """A topic as the broker has it: its id, and how many partitions."""

    id: str
    partitions: int


# Of a topic that this user may not ask for.
HIDDEN = Described(NO_TOPIC_ID, 0)


def stateful(topics: Topics) -> tuple[Topic, ...]:
    """The topics whose offsets or rows the state of an application version is tied to.

    Not ticks, of which no row is kept, nor lines of submissions, which are known by their time.
    """
    sources = (topics.walls, topics.profiles, topics.clock, *topics.intermediate)
    return (*sources, *topics.changelogs, topics.daily, topics.overview)


def describe(admin: AdminClient, names: Iterable[str]) -> dict[str, Described]:
    """Those topics of these names that are there.

    Raises:
        KafkaException: The broker does not answer.
    """
    asked = admin.describe_topics(TopicCollection(list(names)), request_timeout=REQUEST_TIMEOUT_S)
    found = {}
    for name, future in asked.items():
        try:
            topic = future.result()
        except KafkaException as error:
            if error.args[0].name() == "TOPIC_AUTHORIZATION_FAILED":
                found[name] = HIDDEN
            elif error.args[0].name() != "UNKNOWN_TOPIC_OR_PART":
                raise
        else:
            found[name] = Described(str(topic.topic_id), len(topic.partitions))
    return found


class TopicWatch:
    """Knows which topics the state is of, and compares them with those on the broker."""

    def __init__(self, settings: Settings, ids: Mapping[str, str]) -> None:
        """Watch the topics of an application version, known by these ids."""
        self._settings = settings
        self._admin = admin_of(settings)
        self._topics = Topics.of(settings)
        self.ids = dict(ids)

    @cached_property
    def _consumer(self) -> Consumer:
        """A consumer that joins no group: it asks for what the group has committed.

        An admin client gets no answer to that for minutes, or aborts the process, once the broker
        that coordinates the group was down while it asked.
        """
        return Consumer({**broker_config(self._settings), "group.id": self._settings.group})

    def present(self) -> dict[str, Described]:
        """The topics of the version that are there.

        Raises:
            KafkaException: The broker does not answer.
        """
        return describe(self._admin, [topic.name for topic in self._topics.all()])

    def fault(self) -> str | None:
        """What has become of the topics that keeps the pipeline from going on, as one sentence.

        Raises:
            KafkaException: The broker does not answer.
        """
        there = self.present()
        return self._changed(there) or self._skipped(there)

    def changed(self) -> str | None:
        """As `fault`, of the topics alone, not of what the group has read.

        Raises:
            KafkaException: The broker does not answer.
        """
        return self._changed(self.present())

    def _changed(self, there: Mapping[str, Described]) -> str | None:
        partitions = {name: t.partitions for name, t in there.items() if t is not HIDDEN}
        mismatch = partition_mismatch(partitions, self._settings)
        if mismatch is not None:
            return mismatch
        for topic in stateful(self._topics):
            found, known = there.get(topic.name), self.ids.get(topic.name, NO_TOPIC_ID)
            if NO_TOPIC_ID in (known, found.id if found else ""):
                continue
            if found is None or found.id != known:
                what = "deleted and created again" if found else "deleted"
                return (
                    f"topic {topic.name} was {what}: what is built is of records that are gone; "
                    "stop the workers and run `thewall replay --wipe`, which builds what is on the "
                    "input topics now"
                )
        return None

    def _skipped(self, there: Mapping[str, Described]) -> str | None:
        """Whether retention has deleted what a stage had not read yet, while workers were away."""
        if HIDDEN in there.values():
            return None  # not for this user to say
        topics = [topic.name for topic in self._topics.intermediate if topic.name in there]
        partitions = [TopicPartition(t, p) for t in topics for p in range(there[t].partitions)]
        if not partitions:
            return None
        # The first offsets first: what is committed only grows.
        low = retry_until_led(lambda: self._first_offsets(partitions))
        for tp in self._consumer.committed(partitions, timeout=REQUEST_TIMEOUT_S):
            # Offsets that were never committed, or have expired, say nothing.
            if 0 <= tp.offset < low[tp.topic, tp.partition]:
                return (
                    f"of topic {tp.topic}, partition {tp.partition}, retention "
                    f"(THEWALL_TRANSIT_DAYS) has deleted records from {tp.offset} on that no "
                    "worker had read: stop the workers and run `thewall replay --wipe`, which "
                    "builds what is on the input topics"
                )
        return None

    def _first_offsets(self, partitions: Iterable[TopicPartition]) -> dict[tuple[str, int], int]:
        first = self._admin.list_offsets(
            dict.fromkeys(partitions, OffsetSpec.earliest()), request_timeout=REQUEST_TIMEOUT_S
        )
        return {(tp.topic, tp.partition): found.result().offset for tp, found in first.items()}


def topic_fault(settings: Settings, found: Recorded) -> str | None:
    """As `TopicWatch.fault`, for a command.

    Args:
        settings: Those of the application version that is current.
        found: What `wall.versions` says.

    Raises:
        ClientError: The broker does not answer.
    """
    return _ask(settings, TopicWatch(settings, found.topic_ids).fault)


def check_topics(settings: Settings, found: Recorded) -> None:
    """Make sure that the topics are those that the state is of.

    Raises:
        ClientError: They are not; or the broker does not answer.
    """
    fault = _ask(settings, TopicWatch(settings, found.topic_ids).changed)
    if fault is not None:
        raise ClientError(fault)


def _ask(settings: Settings, question: Callable[[], str | None]) -> str | None:
    try:
        return retry_until_led(question)  # the controller is who is asked, and may be gone
    except KafkaException as error:
        raise no_broker(settings, error) from error


def watch_topics(settings: Settings) -> TopicWatch:
    """Watch the topics of a worker, and record the ids of those that were not known yet.

    Raises:
        ClientError: The broker or the registry does not answer.
        KafkaException: Likewise.
    """
    if settings.shadow:  # its state ends with it
        watch = TopicWatch(settings, {})
        watch.ids = {name: topic.id for name, topic in watch.present().items()}
        return watch
    found = recorded(settings)
    watch = TopicWatch(settings, found.topic_ids)
    there = watch.present()
    names = [topic.name for topic in stateful(Topics.of(settings)) if topic.name in there]
    new = {name: there[name].id for name in names if name not in watch.ids}
    if new:
        watch.ids |= new
        versions = Topics.of(settings).versions
        record = VersionSwitched(settings.version, settings.version, "", watch.ids)
        value = connect_registry(settings, [versions]).encode(record)
        produce(settings, [(versions.name, topics_key(settings), value, ANY_PARTITION)])
    return watch
