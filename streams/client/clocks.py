"""The clock of a wall, for whoever reads it or sets it with a client."""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from domain.clock import paused, resumed, started, stopped
from domain.days import last_day
from domain.errors import InvalidWall
from streams.client.errors import ClientError
from streams.client.kafka import ANY_PARTITION, produce
from streams.clock.reading import clock_of
from streams.contract.codecs import BadRecord
from streams.contract.records import ClockSet, ClockTicked
from streams.contract.topics import partition_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.clock import Clock
    from streams.client.client import Client


def new_run() -> str:
    """A name for a run that no other has: when it was started, and something random."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


def clock_record(wall: str, clock: Clock) -> ClockSet:
    """What sets a wall's clock so."""
    return ClockSet(wall, clock.run, clock.state, clock.day, clock.at_ms, clock.ms_per_day)


class WallClock:
    """The clock of a wall. The time is the broker's, however wrong this host's clock is."""

    def __init__(self, client: Client, wall: str) -> None:
        """Read and set the clock of this wall; the wall may be unknown."""
        self._client = client
        self._wall = wall

    def read(self) -> Clock | None:
        """The clock as it was last set; None if the wall has none.

        A bad record does not replace the good one before it.
        """
        client, clock = self._client, None
        partition = partition_of(self._wall, client.settings.partitions)
        for message in client.read(client.topics.clock, partition=partition):
            if message.key() != self._wall.encode():
                continue
            value = message.value()
            if value is None:
                clock = None
            else:
                with suppress(BadRecord, InvalidWall):
                    clock = clock_of(client.codecs, self._wall, value, message.timestamp()[1])
        return clock

    def start(self, ms_per_day: int, day: int = 0) -> Clock:
        """Start a run, with so many days taken as done; a day takes so many milliseconds.

        Raises:
            ClientError: There is no such wall.
            ClockConflict: A run is not over.
            InvalidWall: Something is out of bounds.
        """
        if not self._client.live_profiles(self._wall):
            raise ClientError(f"there is no wall {self._wall}; submit one with `thewall submit`")
        run = new_run()
        return self._set(lambda clock, now: started(clock, run, now, ms_per_day, day), run)

    def pause(self) -> Clock:
        """Pause the run.

        Raises:
            ClockConflict: None is running.
        """
        return self._set(lambda clock, now: paused(clock, now, self.last_day()))

    def resume(self, ms_per_day: int | None = None) -> Clock:
        """Resume the run, if given with a day of so many milliseconds.

        Raises:
            ClockConflict: None is paused.
            InvalidWall: Such a day is out of bounds.
        """
        return self._set(lambda clock, now: resumed(clock, now, ms_per_day))

    def stop(self) -> Clock:
        """End the run.

        Raises:
            ClockConflict: None is under way.
        """
        return self._set(lambda clock, now: stopped(clock, now, self.last_day()))

    def last_day(self) -> int:
        """The last day on which something happens, by the plan that was published last."""
        topic, wall = self._client.topics.overview, self._wall
        partition = partition_of(wall, self._client.settings.partitions)
        row = self._client.latest(topic, partition=partition, only=wall).get(wall)
        return last_day(row["days"]) if row else 0

    def _set(self, how: Callable[[Clock | None, int], Clock], run: str | None = None) -> Clock:
        client, before = self._client, self.read()
        # Refused before anything is sent, if it does not fit, whatever the time is.
        clock = how(before, 0)
        clock = how(before, self._now_ms(run or clock.run))
        value = client.codecs.encode(clock_record(self._wall, clock))
        produce(client.settings, [(client.topics.clock.name, self._wall, value, ANY_PARTITION)])
        return clock

    def _now_ms(self, run: str) -> int:
        """The broker's time, in milliseconds since the epoch: it stamps what is put on the topic.

        A tick of the run asks for nothing that would not be told anyway.
        """
        topic = self._client.topics.ticks.name
        value = self._client.codecs.encode(ClockTicked(self._wall, run))
        return produce(self._client.settings, [(topic, self._wall, value, ANY_PARTITION)])
