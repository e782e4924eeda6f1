"""What the routes of the app share."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from domain.errors import InvalidWall
from domain.wall import checked_wall_id
from streams.web.computing import Computer
from streams.web.cursors import Cursor, name_of
from streams.web.following import Following
from streams.web.hub import Hub
from streams.web.log_reader import LogReader
from streams.web.models import AuditEvent, DeadLetterSummary
from streams.web.pipeline_watch import PipelineWatch
from streams.web.plans import Plans
from streams.web.problems import Refusal, unavailable
from streams.web.producer import EventProducer, Sent
from streams.web.tails import MOST, Tail, audit_event, dead_letter_of, dead_letter_summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from confluent_kafka import Message

    from streams.settings import Settings
    from streams.web.following import Generation
    from streams.web.replica import Touched, WallRows


class Web:
    """The replica, and what answers are made with.

    Attributes:
        settings: The process's settings; the application version in them is 0 for the current one.
        following: Keeps the replica.
        audit: The last audit events.
        dead_letters: The last dead letters.
        producer: Puts events on the input topics.
        reader: Reads pieces of topics.
        computer: Computes what would hold up the rest.
        plans: Plans and pictures of walls.
        pipeline: How far the stages are.
        hub: Who is told of what changes.
        comparing: Whether numbers of crews are being compared: one comparison at a time.
        proving: Whether rows are being compared with the domain's, likewise.
        is_stopping: Whether the process was told to stop.
    """

    audit: Tail[AuditEvent]
    dead_letters: Tail[DeadLetterSummary]

    def __init__(self, settings: Settings, on_failure: Callable[[BaseException], None]) -> None:
        """Nothing is started yet."""
        self.settings = settings
        self.following = Following(settings, self._changed, self._switched, on_failure)
        self.producer = EventProducer(settings)
        self.hub = Hub()
        self.computer = Computer()
        self.plans = Plans(self.computer.compute)
        self.pipeline = PipelineWatch(settings, lambda: self.following.generation)
        self.comparing = self.proving = self.is_stopping = False
        self._on_failure = on_failure
        self._has_tails = False
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._letters: OrderedDict[Sent, DeadLetterSummary] = OrderedDict()
        self._resubmitted: set[str] = set()
        self.reader = LogReader(settings)

    def start(self) -> None:
        """Begin to follow the topics."""
        self.following.start()
        self.pipeline.start()

    async def stop(self) -> None:
        """Stop what was started."""
        self.pipeline.stop()
        await self.producer.stop()
        await self.following.stop()
        if self._has_tails:
            await self.audit.follower.stop()
            await self.dead_letters.follower.stop()
        await asyncio.to_thread(self.reader.close)
        await self.computer.stop()

    @property
    def partitions(self) -> int:
        """Partitions of every topic."""
        return self.settings.partitions

    @property
    def generation(self) -> Generation:
        """The replica that answers.

        Raises:
            Refusal: It has not yet read to the ends, or its rows are not of what was submitted.
        """
        generation = self.following.generation
        if self.following.fault is not None:
            raise unavailable(self.following.fault)
        if generation is None:
            raise unavailable(self.following.not_ready)
        if not (self.audit.follower.has_started and self.dead_letters.follower.has_started):
            raise unavailable("the last audit events and dead letters are being read")
        return generation

    def wall(self, wall: str) -> WallRows:
        """The rows of a wall.

        Raises:
            Refusal: It is no wall id, or nothing is known yet.
            NotThere: There is no such wall.
        """
        try:
            checked_wall_id(wall)
        except InvalidWall as error:
            raise Refusal(400, str(error)) from error
        return self.generation.replica.wall(wall)

    def cursor(self) -> Cursor:
        """Where a stream stands that has told of everything.

        Raises:
            Refusal: Nothing is known yet.
        """
        generation = self.generation
        topics = {
            "plans": generation.topics.changelog("planner"),
            "totals": generation.topics.changelog("overview"),
            "published": generation.topics.overview,
            "clocks": generation.topics.clock,
            "told": generation.topics.changelog("clock"),
        }
        of_rows = {
            part: generation.follower.positions_of(topic.name, generation.settings.partitions)
            for part, topic in topics.items()
        }
        tails = {
            part: tuple(positions[p] for p in sorted(positions))
            for part, positions in (
                ("audit", self.audit.positions),
                ("dead_letters", self.dead_letters.positions),
            )
        }
        return Cursor(int(time.time()), name_of(generation.topic_ids), of_rows | tails)

    @contextmanager
    def woken_by(self, wall: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever a wall's rows change, or a dead letter comes."""
        event = asyncio.Event()
        self._waiting.setdefault(wall, set()).add(event)
        try:
            yield event
        finally:
            self._waiting[wall].discard(event)
            if not self._waiting[wall]:
                del self._waiting[wall]

    def dead_letter_of(self, sent: Sent) -> DeadLetterSummary | None:
        """The dead letter that an event became; None if it did not, or not lately."""
        return self._letters.get(sent)

    def resubmitted(self, partition: int, offset: int) -> None:
        """Note that a dead letter was sent to its topic again."""
        self._resubmitted.add(f"{partition}/{offset}")

    def was_resubmitted(self, partition: int, offset: int) -> bool:
        """Whether a dead letter was sent again, by this process, or to become another one."""
        place = f"{partition}/{offset}"
        return place in self._resubmitted or any(
            letter.resubmission_of == place for letter in self.dead_letters.records
        )

    def _changed(self, touched: Touched) -> None:
        for wall in touched.profiles.keys() & self._waiting.keys():
            for event in self._waiting[wall]:
                event.set()
        for listener in self.hub.listeners:
            listener.rows_changed(touched.profiles)
            listener.clocks_changed(touched.clocks)

    def _audit_came(self, events: list[AuditEvent], skipped: int) -> None:
        for listener in self.hub.listeners:
            listener.audit_came(events, skipped)

    def _dead_letters_came(self, letters: list[DeadLetterSummary], skipped: int) -> None:
        for letter in letters:
            source = letter.source
            self._letters[Sent(source.topic, source.partition, source.offset)] = letter
        while len(self._letters) > MOST:
            self._letters.popitem(last=False)
        for events in self._waiting.values():
            for event in events:
                event.set()
        for listener in self.hub.listeners:
            listener.dead_letters_came(letters, skipped)

    def _switched(self, generation: Generation) -> None:
        if not self._has_tails:
            self._follow_tails(generation)
        for events in self._waiting.values():
            for event in events:
                event.set()
        for listener in self.hub.listeners:
            listener.start_anew("the topics are those of another application version, or are new")

    def _follow_tails(self, generation: Generation) -> None:
        """Follow what all application versions have in common."""
        topics, codecs = generation.topics, generation.codecs

        def summary(message: Message) -> DeadLetterSummary | None:
            letter = dead_letter_of(codecs, message)
            return None if letter is None else dead_letter_summary(topics, letter, message)

        self.audit = Tail(
            topics.events,
            self.settings,
            partial(audit_event, codecs),
            self._audit_came,
            self._on_failure,
        )
        self.dead_letters = Tail(
            topics.dead_letters, self.settings, summary, self._dead_letters_came, self._on_failure
        )
        self._has_tails = True


def web_of(request: Request) -> Web:
    """What the app that answers a request was made with."""
    web: Web = request.app.state.web
    return web


Here = Annotated[Web, Depends(web_of)]
