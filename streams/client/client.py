"""Submit, withdraw, read and wait, for producers and readers of the pipeline's topics."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from streams.client.completion import WallCompletion
from streams.client.errors import ClientError, no_profile
from streams.client.kafka import (
    ANY_PARTITION,
    REQUEST_TIMEOUT_S,
    connect_registry,
    existing_partitions,
    produce,
)
from streams.client.reader import Reader
from streams.client.reading import Reading
from streams.client.remade import check_topics
from streams.contract.codecs import BadRecord
from streams.contract.records import ProfileSubmitted, WallConfigured
from streams.contract.topics import check_partitions, create_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from domain.wall import Wall
    from streams.contract.codecs import Fields
    from streams.contract.topics import Topic
    from streams.settings import Settings


class Client(Reading):
    """Writes to the input topics, and reads as its base does."""

    def __init__(self, settings: Settings) -> None:
        """Connect; create missing topics and register the schemas, if the settings say so.

        Raises:
            TopicMismatch: A topic has another number of partitions than it must have.
            ClientError: The broker or the registry does not answer.
        """
        super().__init__(settings)
        existing = existing_partitions(self.settings)
        # Only if needed: an operator's topic configuration must not be undone.
        wanted = {topic.name: topic.partitions(self.settings) for topic in self.topics.all()}
        if not self.settings.create_topics:
            check_partitions(self.settings, existing)
        elif any(existing.get(name) != number for name, number in wanted.items()):
            create_topics(self.settings, REQUEST_TIMEOUT_S)
        self.codecs = connect_registry(self.settings, self.topics.all())

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
            raise no_profile(wall, profile, live)
        of_wall = (self.topics.walls, self.topics.clock) if profile is None else ()
        partition = self._partition(wall)
        existing = [t for t in of_wall if self.latest(t, only=wall, partition=partition)]
        if not live and not existing:
            raise ClientError(f"there is no wall {wall} to withdraw")
        withdrawn = sorted(live) if profile is None else [profile]
        tombstones = [(self.topics.profiles, f"{wall}/{number}", None) for number in withdrawn]
        self._produce([*tombstones, *((topic, wall, None) for topic in existing)])
        return withdrawn

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
        try:
            self._follow(self.topics.overview, awaited, deadline, on_progress)
            # Questions are answered from the table: its rows are sent once those published stand.
            awaited.expect_in_table()
            self._follow(self.topics.changelog("overview"), awaited, deadline, lambda *_: None)
        except TimeoutError:
            raise ClientError(
                f"wall {wall.id} was submitted, but is not built after {timeout_s:g} s "
                f"({awaited.what_is_missing()}): a worker has to run (`thewall worker`), "
                "and no other submission may change the wall meanwhile"
            ) from None

    def _follow(
        self,
        topic: Topic,
        awaited: WallCompletion,
        deadline: float,
        on_progress: Callable[[int, int], None],
    ) -> None:
        on_progress(0, awaited.profiles)
        with Reader(self.settings) as reader:
            for message in reader.read(topic.name, follow=True):
                if message is not None:
                    key = (message.key() or b"").decode(errors="replace")
                    if awaited.concerns(key):
                        awaited.take(key, self._row(topic, message.value()))
                        on_progress(awaited.built, awaited.profiles)
                # Only at the end of the topic: on the way there it shows the wall's past.
                if reader.at_end and not awaited.missing:
                    return
                if time.monotonic() > deadline:
                    raise TimeoutError

    def _row(self, topic: Topic, value: bytes | None) -> Fields | None:
        if value is None:
            return None
        try:
            return self.decode(topic, value)
        except BadRecord:
            return {"state": "UNREADABLE"}

    def _produce(self, records: Iterable[tuple[Topic, str, bytes | None]]) -> None:
        produce(self.settings, ((t.name, key, value, ANY_PARTITION) for t, key, value in records))
