"""Submit, withdraw, read and wait, for producers and readers of the pipeline's topics."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from domain.errors import InvalidWall
from domain.rules import MAX_PROFILE
from domain.wall import checked_heights
from streams.client.completion import WallCompletion, listed
from streams.client.kafka import (
    ANY_PARTITION,
    REQUEST_TIMEOUT_S,
    ClientError,
    connect_registry,
    existing_partitions,
    produce,
)
from streams.client.reader import Reader
from streams.client.remade import check_topics
from streams.client.versions import recorded
from streams.contract.codecs import BadRecord
from streams.contract.records import ProfileSubmitted, WallConfigured
from streams.contract.topics import Topics, check_partitions, create_topics, partition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from confluent_kafka import Message

    from domain.wall import Wall
    from streams.client.group import Offsets
    from streams.contract.codecs import Fields
    from streams.contract.topics import Topic
    from streams.settings import Settings


class Client:
    """Writes to the input topics and reads the others, without a consumer group."""

    def __init__(self, settings: Settings) -> None:
        """Connect; create missing topics and register the schemas if the settings say so.

        The application version is the current one unless the settings name another.

        Raises:
            ClientError: The broker or the registry does not answer.
        """
        self.recorded = recorded(settings)
        if not settings.app_version:
            settings = settings.model_copy(update={"app_version": self.recorded.version or 1})
        self.settings = settings
        self.topics = Topics.of(settings)
        existing = existing_partitions(settings)
        # Only if needed: a reader must not undo an operator's topic configuration.
        wanted = {topic.name: topic.partitions(settings) for topic in self.topics.all()}
        if not settings.create_topics:
            check_partitions(settings, existing)
        elif any(existing.get(name) != number for name, number in wanted.items()):
            create_topics(settings, REQUEST_TIMEOUT_S)
        self.codecs = connect_registry(settings, self.topics.all())

    def check_whole(self) -> None:
        """Make sure that what is published is of what is on the input topics.

        Raises:
            ClientError: A wipe is not done, or a topic was made anew.
        """
        self.recorded.check_whole()
        check_topics(self.settings, self.recorded)

    def submit(self, wall: Wall) -> list[int]:
        """Submit a wall as a whole: profiles that it had and no longer has are withdrawn.

        Returns:
            The numbers of the withdrawn profiles.

        Raises:
            ClientError: A topic was made anew: which profiles it had can't be known.
        """
        check_topics(self.settings, self.recorded)
        withdrawn = sorted(self.live_profiles(wall.id) - wall.profiles.keys())
        chosen = wall.settings
        settings = WallConfigured(wall.id, chosen.mode, chosen.crews, chosen.material)
        records = [(self.topics.walls, wall.id, self.codecs.encode(settings))]
        for number, heights in wall.profiles.items():
            value = self.codecs.encode(ProfileSubmitted(wall.id, number, list(heights)))
            records.append((self.topics.profiles, f"{wall.id}/{number}", value))
        tombstones = [(self.topics.profiles, f"{wall.id}/{number}", None) for number in withdrawn]
        self._produce([*records, *tombstones])
        return withdrawn

    def withdraw(self, wall: str, profile: int | None = None) -> list[int]:
        """Withdraw one profile of a wall, or all of them and the wall's settings and clock.

        Returns:
            The numbers of the withdrawn profiles.

        Raises:
            ClientError: There is no such wall or profile; or a topic was made anew.
        """
        check_topics(self.settings, self.recorded)
        live = self.live_profiles(wall)
        if profile is not None and profile not in live:
            raise ClientError(self._no_profile(wall, profile, live))
        of_wall = (self.topics.walls, self.topics.clock) if profile is None else ()
        partition = self._partition(wall)
        existing = [t for t in of_wall if self.latest(t, only=wall, partition=partition)]
        if not live and not existing:
            raise ClientError(f"there is no wall {wall} to withdraw")
        withdrawn = sorted(live) if profile is None else [profile]
        tombstones = [(self.topics.profiles, f"{wall}/{number}", None) for number in withdrawn]
        self._produce([*tombstones, *((topic, wall, None) for topic in existing)])
        return withdrawn

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

    def wall_overview(self, wall: str) -> Fields:
        """A wall's totals, with those of its profiles in `profiles`, by number.

        Raises:
            ClientError: There is no such wall, or `check_whole` raises it.
        """
        self.check_whole()
        rows = self.latest(self.topics.overview, of_wall=wall)
        if wall not in rows:
            raise ClientError(
                f"there is no wall {wall}; if it was just submitted, a worker has to run: "
                "`thewall worker`"
            )
        overview = rows.pop(wall)
        profiles = {row["profile"]: row for row in rows.values()}
        return overview | {"profiles": dict(sorted(profiles.items()))}

    def profile_overview(self, wall: str, profile: int) -> Fields:
        """A profile's totals.

        Raises:
            ClientError: There is no such profile, or `check_whole` raises it.
        """
        self.check_whole()
        key = f"{wall}/{profile}"
        rows = self.latest(self.topics.overview, partition=self._partition(key), only=key)
        if key not in rows:
            raise ClientError(self._no_profile(wall, profile, self.live_profiles(wall)))
        return rows[key]

    def daily(self, wall: str, profile: int | None = None) -> dict[int, list[Fields]]:
        """Rows of the days with work, in order of days, by profile number."""
        # Daily rows are on the partition of their profile, not of their own keys.
        partition = None if profile is None else self._partition(f"{wall}/{profile}")
        rows = self.latest(self.topics.daily, of_wall=wall, partition=partition).values()
        by_profile: dict[int, list[Fields]] = {}
        for row in sorted(rows, key=lambda row: (row["profile"], row["day"])):
            if profile in (None, row["profile"]):
                by_profile.setdefault(row["profile"], []).append(row)
        return by_profile

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
        self.codecs.fetch_schemas_blocking([value])
        return self.codecs.decode_fields(value, *topic.records)

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

    def wait_until_built(
        self, wall: Wall, timeout_s: float, on_progress: Callable[[int, int], None]
    ) -> None:
        """Wait until the published rows are those that the domain computes for the wall.

        Rows tell what was built, not for which submission. If an earlier submission of the wall
        is still in flight, rows from before it may already look right.

        Args:
            wall: The wall as submitted.
            timeout_s: How long to wait, in seconds.
            on_progress: Called with the number of profiles built, and of all.

        Raises:
            ClientError: They were not there in time; the message says what is missing.
        """
        awaited = WallCompletion(wall)
        deadline = time.monotonic() + timeout_s
        on_progress(0, awaited.profiles)
        with Reader(self.settings) as reader:
            for message in reader.read(self.topics.overview.name, follow=True):
                if message is not None:
                    key = (message.key() or b"").decode(errors="replace")
                    if awaited.concerns(key):
                        awaited.take(key, self._row(message.value()))
                        on_progress(awaited.built, awaited.profiles)
                # Only at the end of the topic: on the way there it shows the wall's past.
                if reader.at_end and not awaited.missing:
                    return
                if time.monotonic() > deadline:
                    raise ClientError(
                        f"wall {wall.id} was submitted, but is not built after {timeout_s:g} s "
                        f"({awaited.what_is_missing()}): a worker has to run (`thewall worker`), "
                        "and no other submission may change the wall meanwhile"
                    )

    def _row(self, value: bytes | None) -> Fields | None:
        if value is None:
            return None
        try:
            return self.decode(self.topics.overview, value)
        except BadRecord:
            return {"state": "UNREADABLE"}

    @staticmethod
    def _no_profile(wall: str, profile: int, live: set[int]) -> str:
        if not live:
            return f"there is no wall {wall}; submit one with `thewall submit`"
        return f"wall {wall} has no profile {profile}; it has {listed(live)}"

    def _partition(self, key: str) -> int:
        return partition_of(key, self.settings.partitions)

    def _produce(self, records: Iterable[tuple[Topic, str, bytes | None]]) -> None:
        produce(self.settings, ((t.name, key, value, ANY_PARTITION) for t, key, value in records))


def _profile_number(text: str) -> int | None:
    """The profile number of a key, if it is in the pipeline's own notation."""
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_PROFILE))):
        return None
    number = int(text)
    return number if str(number) == text and 1 <= number <= MAX_PROFILE else None
