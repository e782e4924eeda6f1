"""What is put on the input topics for a request, and what there is to withdraw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.settings import WallSettings
from streams.client.clocks import clock_record
from streams.contract.records import ClockTicked, ProfileSubmitted, WallConfigured
from streams.web.producer import Event
from streams.web.replica import SETTINGS, Submitted

if TYPE_CHECKING:
    from domain.clock import Clock
    from streams.web.following import Generation
    from streams.web.replica import WallRows


def profile_event(generation: Generation, wall: str, profile: int, heights: list[int]) -> Event:
    """A profile is submitted; heights in feet."""
    value = generation.codecs.encode(ProfileSubmitted(wall, profile, heights))
    return Event(generation.topics.profiles.name, f"{wall}/{profile}".encode(), value)


def settings_event(generation: Generation, wall: str, settings: WallSettings) -> Event:
    """A wall is configured."""
    record = WallConfigured(wall, settings.mode, settings.crews, settings.material)
    value = generation.codecs.encode(record)
    return Event(generation.topics.walls.name, wall.encode(), value)


def clock_event(generation: Generation, wall: str, clock: Clock | None) -> Event:
    """A wall's clock is set, or withdrawn."""
    value = None if clock is None else generation.codecs.encode(clock_record(wall, clock))
    return Event(generation.topics.clock.name, wall.encode(), value)


def tick_event(generation: Generation, wall: str, run: str) -> Event:
    """The days that are due on a wall's clock are asked for."""
    value = generation.codecs.encode(ClockTicked(wall, run))
    return Event(generation.topics.ticks.name, wall.encode(), value)


def tombstone(generation: Generation, wall: str, profile: int) -> Event:
    """A profile, or with SETTINGS a wall's settings, is withdrawn."""
    if profile == SETTINGS:
        return Event(generation.topics.walls.name, wall.encode(), None)
    return Event(generation.topics.profiles.name, f"{wall}/{profile}".encode(), None)


def submitted(generation: Generation, wall: str) -> list[int]:
    """What there is to withdraw: profile numbers, and SETTINGS if the wall has some.

    Taken from the input topics: workers may be behind, or none may run. A bad record withdraws
    nothing: what was accepted before it is still there.
    """
    rows = generation.replica.walls.get(wall)
    if rows is None:
        return []
    return [
        number
        for number, event in sorted(rows.submitted.items())
        if event.record is Submitted.VALID
        or (event.record is Submitted.BAD and _is_accepted(rows, number))
    ]


def _is_accepted(rows: WallRows, number: int) -> bool:
    if number == SETTINGS:
        return rows.settings != WallSettings()
    plan = rows.plans.get(number)
    return plan is not None and plan.record.heights is not None
