"""Reads what is on the topics, for those who change nothing: no topic, no schema, no group."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from domain.errors import InvalidWall
from domain.rules import MAX_PROFILE
from domain.wall import checked_heights
from streams.client.errors import ClientError, no_totals
from streams.client.kafka import ask_registry, asking_registry, existing_partitions
from streams.client.reader import Reader
from streams.client.remade import topic_fault
from streams.client.versions import recorded
from streams.contract.codecs import BadRecord
from streams.contract.records import ProfileTotals
from streams.contract.topics import Topics, partition_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import Message

    from streams.client.group import Offsets
    from streams.contract.codecs import Fields
    from streams.contract.topics import Topic
    from streams.settings import Settings


class Reading:
    """Reads the topics, without a consumer group.

    Attributes:
        recorded: What `wall.versions` says of the application.
        settings: Those of the current application version, unless they named another.
        topics: The topics of that version.
        codecs: Decode the topics' records; what they encode is for this process alone.
    """

    def __init__(self, settings: Settings) -> None:
        """Connect. A topic that is not there has no records.

        Raises:
            ClientError: The broker or the registry does not answer.
        """
        # One client of the registry for all: making it takes longer than asking.
        self.codecs = ask_registry(settings, Topics.of(settings).all())
        self.recorded = recorded(settings, self.codecs)
        self.settings = self.recorded.applied_to(settings)
        self.topics = Topics.of(self.settings)

    def check_whole(self) -> None:
        """Make sure that what is published is of what is on the input topics.

        Raises:
            ClientError: A wipe is not done, or a topic was made anew.
        """
        self.recorded.check_whole()
        fault = topic_fault(self.settings, self.recorded)
        if fault is not None:
            raise ClientError(fault)

    def live_profiles(self, wall: str) -> set[int]:
        """The numbers of the profiles that were submitted and not withdrawn.

        A bad record does not replace the accepted one before it. Where compaction has left only
        the bad one, the published overview tells whether an accepted one came before.
        """
        live: set[int] = set()
        doubtful: set[int] = set()
        for message in self.read(self.topics.profiles):
            owner, _, number_text = (message.key() or b"").decode(errors="replace").partition("/")
            number = _profile_number(number_text)
            if owner != wall or number is None:
                continue
            if message.partition() != self._partition(f"{wall}/{number}"):
                continue  # a dead letter, whatever it says
            value = message.value()
            if value is None:
                live.discard(number)
                doubtful.discard(number)
            elif self._is_accepted(wall, number, value):
                live.add(number)
            else:
                doubtful.add(number)
        if doubtful - live:
            published = self.latest(self.topics.overview, of_wall=wall)
            live |= {number for number in doubtful if f"{wall}/{number}" in published}
        return live

    def _is_accepted(self, wall: str, number: int, value: bytes) -> bool:
        try:
            profile = self.decode(self.topics.profiles, value)
            checked_heights(profile["heights"])
        except (BadRecord, InvalidWall):
            return False
        return (profile["wall"], profile["profile"]) == (wall, number)

    def totals(self, wall: str) -> dict[int, ProfileTotals]:
        """The totals of a wall's profiles by number, those of withdrawn ones left out.

        They are read from the overview table's changelog: a row for each profile, on the partition
        of its wall, has the amounts of all its days. What is published has a row for each day.

        Raises:
            ClientError: There are none; or `check_whole` raises it.
        """
        self.check_whole()
        topic = self.topics.changelog("overview")
        found = self.latest(topic, of_wall=wall, partition=self._partition(wall)).values()
        totals = [ProfileTotals(**row) for row in found if not row["withdrawn"]]
        if not totals:
            raise self._no_totals(wall)
        return {of.profile: of for of in sorted(totals, key=lambda of: of.profile)}

    def latest(
        self,
        topic: Topic,
        *,
        of_wall: str | None = None,
        only: str | None = None,
        partition: int | None = None,
    ) -> dict[str, Fields]:
        """The latest record of each key of a compacted topic at this moment.

        Records of an input topic that can't be decoded are left out: they are dead letters.

        Args:
            topic: The topic.
            of_wall: Leave out the keys of other walls.
            only: Leave out all keys but this one.
            partition: Read this partition alone.
        """
        values: dict[str, bytes] = {}
        prefix = None if of_wall is None else f"{of_wall}/"
        for message in self.read(topic, partition=partition):
            key = (message.key() or b"").decode(errors="replace")
            if only is not None and key != only:
                continue
            if prefix is not None and key != of_wall and not key.startswith(prefix):
                continue
            value = message.value()
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
        records: dict[str, Fields] = {}
        for key, value in values.items():
            with suppress(BadRecord):
                records[key] = self.decode(topic, value)
        return records

    def values(self, topic: Topic) -> dict[tuple[int, bytes], bytes]:
        """The latest value of each key of a compacted topic, by partition and key.

        A key that another writer has put on a different partition appears once per partition.
        """
        values: dict[tuple[int, bytes], bytes] = {}
        for message in self.read(topic):
            where, value = (message.partition() or 0, message.key() or b""), message.value()
            if value is None:
                values.pop(where, None)
            else:
                values[where] = value
        return values

    def decode(self, topic: Topic, value: bytes) -> Fields:
        """Decode a value of a topic, whichever version of its schema wrote it.

        Raises:
            BadRecord: It is none of the topic's records.
        """
        self.fetch_schema(value)
        return self.codecs.decode_fields(value, *topic.records)

    def fetch_schema(self, value: bytes | None) -> None:
        """Fetch the schema that a value was written with, if it is not known yet.

        Raises:
            ClientError: The registry does not answer.
        """
        with asking_registry(self.settings):
            self.codecs.fetch_schemas_blocking([value])

    def read(
        self,
        topic: Topic,
        *,
        partition: int | None = None,
        follow: bool = False,
        until: Offsets | None = None,
    ) -> Iterator[Message]:
        """Records of a topic from the beginning to its present end, or endlessly with `follow`.

        Args:
            topic: The topic.
            partition: Read this partition alone.
            follow: Go on at the end.
            until: End offsets by topic and partition, instead of the present ones.

        Raises:
            ClientError: It can't be read, or not to its end, because a transaction is open.
        """
        ends = {p: end for (name, p), end in (until or {}).items() if name == topic.name}
        with Reader(self.settings) as reader:
            for message in reader.read(topic.name, partition, follow=follow, until=ends):
                if message is not None:
                    yield message

    def _no_totals(self, wall: str) -> ClientError:
        topic = self.topics.overview.name
        if topic in existing_partitions(self.settings):
            return no_totals(wall)
        return ClientError(
            f"there is no wall {wall}, for topic {topic} is not there: `thewall worker` creates "
            "it, or `thewall topics` where nothing else may"
        )

    def _partition(self, key: str) -> int:
        return partition_of(key, self.settings.partitions)


def _profile_number(text: str) -> int | None:
    """The profile number of a key, if it is in the pipeline's own notation."""
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_PROFILE))):
        return None
    number = int(text)
    return number if str(number) == text and 1 <= number <= MAX_PROFILE else None
