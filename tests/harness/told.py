"""What was told of runs of walls' clocks, and what the domain says should have been."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from domain.days import PlanDays
from domain.materials import material_named
from domain.planning import plan_wall
from streams.contract.records import CrewRelieved, DayPassed, SectionCompleted

if TYPE_CHECKING:
    from domain.clock import Clock
    from domain.wall import Wall
    from streams.client.client import Client


class Told(NamedTuple):
    """An event of a run: what a reader knows it by, and when its day was due."""

    wall: str
    run: str
    day: int
    profile: int
    section: int
    kind: str
    at_ms: int


def told(client: Client, topic: object = None) -> list[Told]:
    """Everything that was told of runs, as often as it was."""
    events = topic or client.topics.events
    found = []
    for message in client.read(events):
        event = client.codecs.decode_any(message.value() or b"", *events.records)
        if getattr(event, "run", None) is not None:
            found.append(as_told(event))
    return found


def as_told(event: SectionCompleted | CrewRelieved | DayPassed) -> Told:
    where = event.wall, event.run, event.day
    if isinstance(event, SectionCompleted):
        return Told(*where, event.profile, event.section, "completed", event.at_ms)
    if isinstance(event, CrewRelieved):
        return Told(*where, 0, 0, f"relieved {event.crew}", event.at_ms)
    return Told(*where, 0, 0, "passed", event.at_ms)


def to_be_told(wall: Wall, clock: Clock) -> set[Told]:
    """What a run tells from its start to its end, if neither plan nor clock change meanwhile."""
    settings = wall.settings
    days = PlanDays(plan_wall(settings, wall.profiles), material_named(settings.material))
    found = set()
    for day in range(clock.day + 1, days.last + 1):
        where, at_ms = (wall.id, clock.run, day), clock.due_ms(day)
        for done in days.completed(day):
            for section in done.sections:
                found.add(Told(*where, done.profile, section, "completed", at_ms))
        for crew, _ in days.relieved(day):
            found.add(Told(*where, 0, 0, f"relieved {crew}", at_ms))
        found.add(Told(*where, 0, 0, "passed", at_ms))
    return found
