"""What a producer or reader of the pipeline's topics needs: submit, withdraw, read, wait."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from domain.account import account
from streams.avro import BadRecord, register
from streams.topics import Topics, create_topics, partition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from confluent_kafka import Message

    from domain.wall import Wall
    from streams.avro import Record
    from streams.settings import Settings
    from streams.topics import Topic

T = TypeVar("T")

ANSWER_S = 10.0
"""How long a command waits for the broker or the registry, in seconds."""


class ClientError(RuntimeError):
    """The broker, the registry or the data did not allow what was asked; the message says why."""


class Client:
    """Writes to the input topics and reads the others, without a consumer group."""

    def __init__(self, settings: Settings) -> None:
        """Connect; topics that are missing are created, schemas are registered.

        Raises:
            ClientError: The broker or the registry does not answer.
        """
        self.settings = settings
        self.topics = Topics.of(settings)
        try:
            create_topics(settings, ANSWER_S)
        except KafkaException as error:
            raise ClientError(
                f"the broker at {settings.bootstrap_servers} does not answer "
                f"({error.args[0].str()}); start it with `thewall up`"
            ) from error
        try:
            self.codecs = register(settings.registry_url, self.topics.all(), patience_s=ANSWER_S)
        except OSError as error:
            raise ClientError(
                f"the registry at {settings.registry_url} does not answer ({error}); start it "
                "with `thewall up`"
            ) from error

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
        """The numbers of the profiles that were submitted and not withdrawn."""
        latest = self.latest(self.topics.profiles, of_wall=wall)
        return {
            profile["profile"]
            for key, profile in latest.items()
            if key == f"{profile['wall']}/{profile['profile']}"
        }

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
        asyncio.run(self.codecs.resolve(values.values()))
        records: dict[str, Record] = {}
        for key, value in values.items():
            with suppress(BadRecord):
                records[key] = self.codecs.read(value, *topic.records)[1]
        return records

    def read(
        self, topic: Topic, *, partition: int | None = None, follow: bool = False
    ) -> Iterator[Message]:
        """The records of a topic from the beginning to its end as it stands now, or on and on."""
        with _Reader(self.settings) as reader:
            yield from reader.read(topic.name, partition, follow=follow)

    def wait_until_built(
        self, wall: Wall, timeout_s: float, on_progress: Callable[[int, int], None]
    ) -> None:
        """Wait until the published rows are those that the domain computes for the wall.

        Args:
            wall: The wall as submitted.
            timeout_s: How long to wait, in seconds.
            on_progress: Called with the number of profiles that are built, and of all.

        Raises:
            ClientError: They were not in time; it says what was missing.
        """
        result = account(wall)
        waiting = {f"{wall.id}/{p.profile}": _amounts(p, p.sections) for p in result.profiles}
        sections = sum(p.sections for p in result.profiles)
        waiting[wall.id] = _amounts(result, sections) | {
            "profiles": len(result.profiles),
            "mode": wall.settings.mode,
            "crews": wall.settings.crews,
            "material": wall.settings.material,
        }
        missing = set(waiting)
        prefix = f"{wall.id}/"
        deadline = time.monotonic() + timeout_s
        on_progress(0, len(result.profiles))
        with _Reader(self.settings) as reader:
            for message in reader.read(self.topics.overview.name, follow=True, idle=True):
                if time.monotonic() > deadline:
                    raise ClientError(self._not_built(wall.id, missing, timeout_s))
                if message is None:
                    continue
                key = (message.key() or b"").decode()
                if key != wall.id and not key.startswith(prefix):
                    continue
                if key in waiting and self._is_built(message.value(), waiting[key]):
                    missing.discard(key)
                else:
                    missing.add(key)
                if message.value() is None and key not in waiting:
                    missing.discard(key)
                on_progress(len(waiting.keys() - missing - {wall.id}), len(result.profiles))
                if not missing:
                    return

    def _is_built(self, value: bytes | None, expected: dict[str, Any]) -> bool:
        if value is None:
            return False
        _, row = self.codecs.read(value, *self.topics.overview.records)
        return row["state"] == "COMPLETE" and all(
            row[name] == wanted for name, wanted in expected.items()
        )

    @staticmethod
    def _not_built(wall: str, missing: set[str], timeout_s: float) -> str:
        shown = ", ".join(sorted(missing)[:5])
        return (
            f"wall {wall} was submitted, but {shown} was not built in {timeout_s:g} s: a worker "
            "has to run (`thewall worker`), and no other submission may change the wall meanwhile"
        )

    @staticmethod
    def _no_profile(wall: str, profile: int, live: set[int]) -> str:
        if not live:
            return f"there is no wall {wall}; submit one with `thewall submit`"
        numbers = ", ".join(map(str, sorted(live)[:10]))
        return f"wall {wall} has no profile {profile}; it has {numbers}"

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
        producer.flush(ANSWER_S + 1)
        if failures:
            raise ClientError(
                f"the broker did not take {len(failures)} records: {failures[0].str()}"
            )


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
                "enable.partition.eof": False,
                "fetch.wait.max.ms": 10,
                "log_level": 0,
            }
        )

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
        self, topic: str, partition: int | None = None, *, follow: bool = False, idle: bool = False
    ) -> Iterator[Any]:
        """Messages in the order of their offsets; with `idle`, None when there is none."""
        partitions = self._consumer.list_topics(topic, ANSWER_S).topics[topic].partitions
        wanted = sorted(partitions) if partition is None else [partition]
        bounds = patiently(lambda: self._bounds(topic, wanted))
        self._consumer.assign([TopicPartition(topic, p, low) for p, (low, _) in bounds.items()])
        left = {p for p, (low, high) in bounds.items() if low < high}
        while follow or left:
            # Returns when so many have come or the time is up: with less than is there, the latter.
            messages = self._consumer.consume(10_000, 0.02)
            if not messages and idle:
                yield None
            for message in messages:
                if (error := message.error()) is not None:
                    raise ClientError(f"{topic} could not be read: {error.str()}")
                yield message
            if not follow and left:
                at = self._consumer.position([TopicPartition(topic, p) for p in left])
                left -= {tp.partition for tp in at if tp.offset >= bounds[tp.partition][1]}
