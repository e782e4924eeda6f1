"""What a producer or reader of the pipeline's topics needs: submit, withdraw, read, wait."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from domain.account import account
from domain.rules import MAX_PROFILE
from domain.wall import InvalidWall, checked_heights
from streams.avro import HEADER_BYTES, BadRecord, register
from streams.topics import Topics, create_topics, partition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from confluent_kafka import Message

    from domain.wall import Wall
    from streams.avro import Codecs, Record
    from streams.settings import Settings
    from streams.topics import Topic

T = TypeVar("T")

ANSWER_S = 10.0
"""How long a command waits for the broker or the registry, in seconds."""


class ClientError(RuntimeError):
    """The broker, the registry or the data did not allow what was asked; the message says why."""


def partitions_there(settings: Settings) -> dict[str, int]:
    """The topics of the broker, and how many partitions each has.

    Raises:
        ClientError: The broker does not answer.
    """
    # Silent: librdkafka would log each attempt on standard error.
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers, "log_level": 0})
    try:
        topics = admin.list_topics(timeout=ANSWER_S).topics
    except KafkaException as error:
        raise ClientError(
            f"the broker at {settings.bootstrap_servers} does not answer "
            f"({error.args[0].str()}); start it with `thewall up`"
        ) from error
    return {name: len(topic.partitions) for name, topic in topics.items()}


def register_schemas(settings: Settings, topics: Topics) -> Codecs:
    """Register the schemas of all topics' records.

    Raises:
        ClientError: The registry does not answer.
        SchemaRegistryError: The registry refuses a schema.
    """
    try:
        # One first: all at once would wait for a registry that is down once for each few.
        register(settings.registry_url, [topics.walls], patience_s=ANSWER_S)
        return register(settings.registry_url, topics.all(), patience_s=ANSWER_S)
    except OSError as error:
        raise ClientError(
            f"the registry at {settings.registry_url} does not answer ({error}); start it "
            "with `thewall up`"
        ) from error


class Client:
    """Writes to the input topics and reads the others, without a consumer group."""

    def __init__(self, settings: Settings) -> None:
        """Connect; topics that are missing are created, schemas are registered.

        Raises:
            ClientError: The broker or the registry does not answer.
        """
        self.settings = settings
        self.topics = Topics.of(settings)
        there = partitions_there(settings)
        # Only if needed: a reader must not bring an operator's topic settings back to its own.
        if any(there.get(topic.name) != settings.partitions for topic in self.topics.all()):
            create_topics(settings, ANSWER_S)
        self.codecs = register_schemas(settings, self.topics)
        self._resolved: set[bytes] = set()

    def submit(self, wall: Wall) -> list[int]:
        """Submit a wall as a whole: profiles that it had and no longer has are withdrawn.

        Returns:
            The numbers of the withdrawn profiles.
        """
        gone = sorted(self.live_profiles(wall.id) - wall.profiles.keys())
        settings = {
            "wall": wall.id,
            "mode": wall.settings.mode,
            "crews": wall.settings.crews,
            "material": wall.settings.material,
        }
        records = [(self.topics.walls, wall.id, self.codecs.encode("WallConfigured", settings))]
        for number, heights in wall.profiles.items():
            profile = {"wall": wall.id, "profile": number, "heights": list(heights)}
            value = self.codecs.encode("ProfileSubmitted", profile)
            records.append((self.topics.profiles, f"{wall.id}/{number}", value))
        withdrawn = [(self.topics.profiles, f"{wall.id}/{number}", None) for number in gone]
        self._produce([*records, *withdrawn])
        return gone

    def withdraw(self, wall: str, profile: int | None = None) -> list[int]:
        """Withdraw one profile of a wall, or all of them and the wall's settings.

        Returns:
            The numbers of the withdrawn profiles.

        Raises:
            ClientError: There is no such wall or profile.
        """
        live = self.live_profiles(wall)
        if profile is not None and profile not in live:
            raise ClientError(self._no_profile(wall, profile, live))
        settings_key = wall if profile is None else None
        has_settings = settings_key is not None and bool(
            self.latest(self.topics.walls, of_wall=wall)
        )
        if not live and not has_settings:
            raise ClientError(f"there is no wall {wall} to withdraw")
        gone = sorted(live) if profile is None else [profile]
        tombstones = [(self.topics.profiles, f"{wall}/{number}", None) for number in gone]
        if has_settings:
            tombstones.append((self.topics.walls, wall, None))
        self._produce(tombstones)
        return gone

    def live_profiles(self, wall: str) -> set[int]:
        """The numbers of the profiles that were submitted and not withdrawn.

        A bad record does not replace the accepted one before it. Where compaction has left only
        the bad one, what the pipeline has published says whether there was another.
        """
        live: set[int] = set()
        doubtful: set[int] = set()
        for message in self.read(self.topics.profiles):
            owner, _, number_text = (message.key() or b"").decode(errors="replace").partition("/")
            number = _profile_number(number_text)
            if owner != wall or number is None:
                continue
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

    def wall_overview(self, wall: str) -> Record:
        """A wall's totals, with those of its profiles in `profiles`, by number.

        Raises:
            ClientError: There is no such wall.
        """
        rows = self.latest(self.topics.overview, of_wall=wall)
        if wall not in rows:
            raise ClientError(
                f"there is no wall {wall}; if it was just submitted, a worker has to run: "
                "`thewall worker`"
            )
        overview = rows.pop(wall)
        profiles = {row["profile"]: row for row in rows.values()}
        return overview | {"profiles": dict(sorted(profiles.items()))}

    def profile_overview(self, wall: str, profile: int) -> Record:
        """A profile's totals.

        Raises:
            ClientError: There is no such profile.
        """
        key = f"{wall}/{profile}"
        rows = self.latest(self.topics.overview, partition=self._partition(key), only=key)
        if key not in rows:
            raise ClientError(self._no_profile(wall, profile, self.live_profiles(wall)))
        return rows[key]

    def daily(self, wall: str, profile: int | None = None) -> dict[int, list[Record]]:
        """Rows of the days with work, in order, by profile."""
        # A profile's days are on the partition of the profile, not on those of their own keys.
        partition = None if profile is None else self._partition(f"{wall}/{profile}")
        rows = self.latest(self.topics.daily, of_wall=wall, partition=partition).values()
        by_profile: dict[int, list[Record]] = {}
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
    ) -> dict[str, Record]:
        """The latest value of each key of a compacted topic, as it stands now.

        What is on an input topic and no such record is left out: it is a dead letter.

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
        records: dict[str, Record] = {}
        for key, value in values.items():
            with suppress(BadRecord):
                records[key] = self.decode(topic, value)
        return records

    def decode(self, topic: Topic, value: bytes) -> Record:
        """A value of a topic, whatever version of its schema wrote it.

        Raises:
            BadRecord: It is none of the topic's records.
        """
        schema_id = value[:HEADER_BYTES]
        if schema_id not in self._resolved:
            # Once a schema: an event loop for each record would cost more than its decoding.
            asyncio.run(self.codecs.resolve([value]))
            self._resolved.add(schema_id)
        return self.codecs.read(value, *topic.records)[1]

    def read(
        self, topic: Topic, *, partition: int | None = None, follow: bool = False
    ) -> Iterator[Message]:
        """The records of a topic from the beginning to its end as it stands now, or on and on."""
        with _Reader(self.settings) as reader:
            for message in reader.read(topic.name, partition, follow=follow):
                if message is not None:
                    yield message

    def wait_until_built(
        self, wall: Wall, timeout_s: float, on_progress: Callable[[int, int], None]
    ) -> None:
        """Wait until the published rows are those that the domain computes for the wall.

        Rows say what was built, not which submission it was built for: a wall that is submitted
        while another version of it is still on its way may be found as it was before that.

        Args:
            wall: The wall as submitted.
            timeout_s: How long to wait, in seconds.
            on_progress: Called with the number of profiles that are built, and of all.

        Raises:
            ClientError: They were not in time; it says what was missing.
        """
        awaited = AwaitedRows(wall)
        deadline = time.monotonic() + timeout_s
        on_progress(0, awaited.profiles)
        with _Reader(self.settings) as reader:
            for message in reader.read(self.topics.overview.name, follow=True):
                if message is not None:
                    key = (message.key() or b"").decode(errors="replace")
                    if awaited.concerns(key):
                        awaited.take(key, self._row(message.value()))
                        on_progress(awaited.built, awaited.profiles)
                # Not before the end: on the way there the topic passes through the wall's past.
                if reader.at_end and not awaited.missing:
                    return
                if time.monotonic() > deadline:
                    raise ClientError(
                        f"wall {wall.id} was submitted, but is not built after {timeout_s:g} s "
                        f"({awaited.what_is_missing()}): a worker has to run (`thewall worker`), "
                        "and no other submission may change the wall meanwhile"
                    )

    def _row(self, value: bytes | None) -> Record | None:
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
        return f"wall {wall} has no profile {profile}; it has {_listed(live)}"

    def _partition(self, key: str) -> int:
        return partition_of(key, self.settings.partitions)

    def _produce(self, records: Iterable[tuple[Topic, str, bytes | None]]) -> None:
        failures: list[KafkaError] = []
        producer = Producer(
            {
                "bootstrap.servers": self.settings.bootstrap_servers,
                "enable.idempotence": True,
                # Java's partitioner: librdkafka's own would put a key where no stage expects it.
                "partitioner": "murmur2_random",
                "linger.ms": 1,
                "message.timeout.ms": int(ANSWER_S * 1000),
                "log_level": 0,
            }
        )

        def acknowledged(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                failures.append(error)

        for topic, key, value in records:
            while True:
                try:
                    producer.produce(topic.name, value, key, on_delivery=acknowledged)
                    break
                except BufferError:
                    producer.poll(0.1)
        unanswered = producer.flush(ANSWER_S + 1)
        if failures or unanswered:
            why = failures[0].str() if failures else "it did not answer"
            raise ClientError(
                f"the broker did not take {len(failures) + unanswered:,} records ({why}); submit "
                "or withdraw again: nothing is counted twice"
            )


def _profile_number(text: str) -> int | None:
    """The number that a key ends with, if it is written as the pipeline writes it."""
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_PROFILE))):
        return None
    number = int(text)
    return number if str(number) == text and 1 <= number <= MAX_PROFILE else None


def _listed(numbers: Iterable[int], most: int = 10) -> str:
    found = sorted(numbers)
    rest = f" and {len(found) - most:,} more" if len(found) > most else ""
    return ", ".join(map(str, found[:most])) + rest


class AwaitedRows:
    """The rows of `wall.overview` that a wall ends up with, and which are not there yet.

    Attributes:
        profiles: How many profiles the wall has.
        missing: Keys whose row is not as expected, or that are there and should not be.
    """

    def __init__(self, wall: Wall) -> None:
        """Compute the rows; none is there yet."""
        result = account(wall)
        self._wall = wall.id
        self._expected = {
            f"{wall.id}/{p.profile}": _amounts(p, p.sections) for p in result.profiles
        }
        self._expected[wall.id] = _amounts(result, sum(p.sections for p in result.profiles)) | {
            "profiles": len(result.profiles),
            "mode": wall.settings.mode,
            "crews": wall.settings.crews,
            "material": wall.settings.material,
        }
        self.profiles = len(result.profiles)
        self.missing = set(self._expected)

    def concerns(self, key: str) -> bool:
        """Whether a row is of this wall."""
        return key == self._wall or key.startswith(f"{self._wall}/")

    def take(self, key: str, row: Record | None) -> None:
        """Note the latest row of a key; None if it was removed."""
        expected = self._expected.get(key)
        if expected is None:
            right = row is None
        else:
            right = (
                row is not None and row["state"] == "COMPLETE" and expected.items() <= row.items()
            )
        if right:
            self.missing.discard(key)
        else:
            self.missing.add(key)

    @property
    def built(self) -> int:
        """How many profiles are built."""
        return len(self._expected.keys() - self.missing - {self._wall})

    def what_is_missing(self) -> str:
        """For people: what is not built yet, and what should be gone."""
        keys = self.missing - {self._wall}
        due = {int(key.rpartition("/")[2]) for key in keys & self._expected.keys()}
        extra = sorted(keys - self._expected.keys())
        parts = [f"missing: profile {_listed(due)}"] if due else []
        if extra:
            parts.append(f"to be withdrawn: {', '.join(extra[:5])}")
        return "; ".join(parts) or "missing: the wall's totals"


def _amounts(totals: Any, sections: int) -> dict[str, Any]:
    return {
        "sections": sections, "days": totals.days, "ice": totals.ice, "cost": totals.cost,
    }  # fmt: skip


def patiently(call: Callable[[], T]) -> T:
    """What a call returns, called again while a partition has no leader or the leader moves."""
    return Retrying(
        retry=retry_if_exception_type(KafkaException),
        stop=stop_after_delay(ANSWER_S),
        wait=wait_fixed(0.2),
        reraise=True,
    )(call)


# What librdkafka reports while a broker restarts, and gets over by itself.
PASSING = {
    KafkaError._TRANSPORT,  # noqa: SLF001 - public in all but name
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
}


class _Reader:
    """Reads partitions from the beginning, without a consumer group."""

    def __init__(self, settings: Settings) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                # librdkafka wants a group id; nothing is ever committed to it.
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
        """Whether all has been read that was there when reading began."""
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
        return {p: of(TopicPartition(topic, p), timeout=ANSWER_S) for p in partitions}

    def read(
        self, topic: str, partition: int | None = None, *, follow: bool = False
    ) -> Iterator[Message | None]:
        """Messages in the order of their offsets; None whenever there is none for a moment."""
        there = self._consumer.list_topics(topic, ANSWER_S).topics[topic].partitions
        wanted = sorted(there) if partition is None else [partition]
        bounds = patiently(lambda: self._bounds(topic, wanted))
        self._ends = {p: high for p, (low, high) in bounds.items() if low < high}
        self._consumer.assign([TopicPartition(topic, p, low) for p, (low, _) in bounds.items()])
        while follow or self._ends:
            # Returns when so many have come or the time is up: with less than is there, the latter.
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
                    # The last offset may be no record, but a transaction's marker.
                    self._ends.pop(number, None)
                elif not (follow and error.code() in PASSING):
                    raise ClientError(f"{topic} could not be read: {error.str()}")
