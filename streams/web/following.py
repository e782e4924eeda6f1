"""Keeps the replica on the topics of the current application version, and says how old it is.

`thewall rebuild` makes topics of another version, `thewall replay --wipe` makes them anew: in both
cases the next replica is read beside the one that answers, and takes its place when it has read to
the end.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.client.errors import ClientError
from streams.client.kafka import REQUEST_TIMEOUT_S, connect_registry
from streams.client.remade import TopicWatch
from streams.client.versions import UNFINISHED_WIPE, recorded
from streams.contract.clients import broker_config
from streams.contract.topics import Topics
from streams.web.decoding import Decoder
from streams.web.follower import Follower
from streams.web.replica import Replica

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.client.group import Offsets
    from streams.contract.codecs import Codecs
    from streams.settings import Settings
    from streams.web.follower import Jumps
    from streams.web.replica import Change, Touched

log = logging.getLogger(__name__)

ASK_EVERY_S = 0.4
# Seldom: of every topic and of the group's offsets, for what hardly ever happens.
LOOK_FOR_FAULTS_EVERY_S = 2.0
NO_TOPICS = "the topics are not there yet: start a worker, or run `thewall topics`"


@dataclass
class Generation:
    """A replica, and what it is of.

    Attributes:
        settings: Those of the workers whose rows it has: they name the application version.
        topic_ids: Ids of its topics: a topic that is made anew has another.
        topics: All topics of the version.
        codecs: Decodes their records.
        replica: The rows.
        as_of: Moment, on the monotonic clock, at which its rows were all there was; None before
            it has read to the ends as they were when it began.
        start_ends: Those ends.
        started: Moment at which they were asked for.
    """

    settings: Settings
    topic_ids: tuple[str, ...]
    topics: Topics
    codecs: Codecs
    replica: Replica = field(default_factory=Replica)
    as_of: float | None = None
    start_ends: Offsets | None = None
    started: float = 0.0
    follower: Follower = field(init=False)

    @property
    def followed(self) -> list[str]:
        """Names of the topics that it follows."""
        return followed(self.topics)


def followed(topics: Topics) -> list[str]:
    """Names of the topics that a replica is made of."""
    state = (
        topics.changelog("planner"),
        topics.changelog("overview"),
        topics.overview,
        topics.walls,
        topics.profiles,
        topics.clock,
        topics.changelog("clock"),
    )
    return [topic.name for topic in state]


class Following:
    """Follows whichever application version is current.

    Attributes:
        generation: The one that answers; None before the first has read to the ends.
        not_ready: Why there is none, in words.
        problem: What is in the way of looking at the topics; None if nothing is.
        fault: Why the rows are not those of what was submitted, in words: a wipe is not done, or a
            topic was made anew; None if they are.
    """

    def __init__(
        self,
        settings: Settings,
        on_change: Callable[[Touched], None],
        on_switch: Callable[[Generation], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        """Name what to call when rows have changed, and when another generation answers."""
        self.generation: Generation | None = None
        self.not_ready = "the web process is starting"
        self.problem: str | None = None
        self.fault: str | None = None
        self._settings = settings
        self._on_change = on_change
        self._on_switch = on_switch
        self._on_failure = on_failure
        self._next: Generation | None = None
        self._admin = AdminClient(broker_config(settings))
        self._task: asyncio.Task[None] | None = None
        # The end of `wall.versions` when the current version was last looked up; its settings, why
        # its rows are missing, and its topics, which are watched on one connection.
        self._looked_up: tuple[Offsets, Settings, str | None, TopicWatch] | None = None
        self._looked_for_faults = -LOOK_FOR_FAULTS_EVERY_S

    def start(self) -> None:
        """Begin to follow."""
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
        for generation in (self.generation, self._next):
            if generation is not None:
                await generation.follower.stop()

    @property
    def age_s(self) -> float | None:
        """How old what is shown is at most, in seconds; None before anything is."""
        generation = self.generation
        if generation is None or generation.as_of is None:
            return None
        return time.monotonic() - generation.as_of

    async def _watch(self) -> None:
        try:
            while True:
                await self._look()
                await asyncio.sleep(ASK_EVERY_S)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - ends the process: it would show old rows on
            self._on_failure(error)

    async def _look(self) -> None:
        try:
            settings = await asyncio.to_thread(self._current)
            topics = Topics.of(settings)
            ids = await asyncio.to_thread(self._topic_ids, followed(topics))
            latest = self._next or self.generation
            if latest is None or latest.topic_ids != ids:
                await self._open(settings, topics, ids)
            for generation in (self.generation, self._next):
                if generation is not None:
                    await self._compare(generation)
            self.problem = None
        except (KafkaException, ClientError) as error:
            # What is shown grows old meanwhile, and each answer says so.
            text = error.args[0].str() if isinstance(error, KafkaException) else str(error)
            self.not_ready = self.problem = text
            log.warning("%s", text)
        if self._next is not None and self._next.as_of is not None:
            before, self.generation, self._next = self.generation, self._next, None
            self._on_switch(self.generation)
            if before is not None:
                await before.follower.stop()

    async def _open(self, settings: Settings, topics: Topics, ids: tuple[str, ...]) -> None:
        if self._next is not None:
            await self._next.follower.stop()
            self._next = None
        codecs = await asyncio.to_thread(connect_registry, settings, topics.all())
        generation = Generation(settings, ids, topics, codecs)

        def take(changes: list[Change], _: Jumps) -> None:
            touched = generation.replica.fold(changes)
            if generation is self.generation:
                self._on_change(touched)

        generation.follower = Follower(
            settings,
            generation.followed,
            Decoder(topics, codecs, settings.partitions).decode,
            take,
            self._on_failure,
        )
        generation.follower.start()
        self.not_ready = "the topics are being read"
        self._next = generation

    def _current(self) -> Settings:
        """The settings with the current application version."""
        versions = Topics.of(self._settings).versions
        if versions.name not in self._admin.list_topics(timeout=REQUEST_TIMEOUT_S).topics:
            raise ClientError(NO_TOPICS)
        ends = self._ends([versions.name])
        if self._looked_up is None or self._looked_up[0] != ends:
            found = recorded(self._settings)
            settings = found.applied_to(self._settings)
            wiped = None if found.wiped_digest is None else UNFINISHED_WIPE
            self._looked_up = ends, settings, wiped, TopicWatch(settings, found.topic_ids)
            self._looked_for_faults = -LOOK_FOR_FAULTS_EVERY_S
        _, settings, wiped, watch = self._looked_up
        if time.monotonic() - self._looked_for_faults >= LOOK_FOR_FAULTS_EVERY_S:
            self.fault = wiped or watch.fault()
            self._looked_for_faults = time.monotonic()
        return settings

    async def read_to_now(self, topics: list[str]) -> None:
        """Wait until the replica has what is on these topics at this moment.

        Raises:
            ClientError: It does not come to that in time, as while the broker is down.
        """
        ends = await asyncio.to_thread(self._ends, topics)
        deadline = time.monotonic() + REQUEST_TIMEOUT_S
        while self.generation is None or not self.generation.follower.has_reached(ends):
            if time.monotonic() > deadline:
                raise ClientError(f"the replica is not up to date: it is {self.age_s:.1f} s old")
            await asyncio.sleep(0.005)

    async def _compare(self, generation: Generation) -> None:
        asked_at = time.monotonic()
        ends = await asyncio.to_thread(self._ends, generation.followed)
        if generation.start_ends is None:
            generation.start_ends, generation.started = ends, asked_at
        if generation.follower.has_reached(ends):
            generation.as_of = asked_at
        elif generation.as_of is None and generation.follower.has_reached(generation.start_ends):
            generation.as_of = generation.started

    def _topic_ids(self, names: list[str]) -> tuple[str, ...]:
        described = self._admin.describe_topics(
            TopicCollection(names), request_timeout=REQUEST_TIMEOUT_S
        )
        try:
            return tuple(str(described[name].result().topic_id) for name in names)
        except KafkaException as error:
            if error.args[0].name() != "UNKNOWN_TOPIC_OR_PART":
                raise
            raise ClientError(NO_TOPICS) from error

    def _ends(self, topics: list[str]) -> Offsets:
        wanted = {
            TopicPartition(name, partition): OffsetSpec.latest()
            for name in topics
            for partition in range(self._settings.partitions)
        }
        found = self._admin.list_offsets(wanted, request_timeout=REQUEST_TIMEOUT_S)
        return {(tp.topic, tp.partition): f.result().offset for tp, f in found.items()}
