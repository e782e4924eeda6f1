"""A wall's plan in columns, and its picture: one binary answer from which the page draws any day.

The picture is a u32 with the length of the JSON head, the head, padding to 4 bytes, and arrays of
little-endian numbers, one for each section in the order of profiles and sections: u32 first day of
work (0 if there is none), u32 crew (left out where the head says how its name is made), and u8
starting height in feet. The last day of work is first day + 29 - height: 30 - height days of work.
"""

from __future__ import annotations

import gzip
import json
import sys
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from domain.planning import plan_wall
from domain.rules import FULL_HEIGHT_FT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from domain.settings import WallSettings

# A crew a section, named profile.section; a crew a profile, named after it; crews with a number.
BY_SECTION, BY_PROFILE, BY_NUMBER = "profile.section", "profile", "number"


@dataclass(slots=True)
class PlannedWall:
    """The plan of a wall: a section a place, in the order of profiles and sections.

    Attributes:
        profiles: Number of sections of each profile, by its number.
        first_days: First day of work on each section; 0 if it was finished before.
        crew_numbers: Number of the crew of each section, 0 if none has it: the crew's name, or 1 +
            its place in `crew_names`. Empty if names are made of profile and section.
        heights: Starting heights in feet.
        crews: How crews are named: BY_SECTION, BY_PROFILE, BY_NUMBER, or empty if by `crew_names`.
        crew_names: Names of the crews where they are nothing of that kind.
        relieved: Day on which each crew of a pool is relieved.
        days: Last day of work; 0 if there is none.
    """

    profiles: dict[int, int]
    first_days: array[int] = field(default_factory=lambda: array("I"))
    crew_numbers: array[int] = field(default_factory=lambda: array("I"))
    heights: bytes = b""
    crews: str = BY_SECTION
    crew_names: list[str] = field(default_factory=list)
    relieved: dict[str, int] = field(default_factory=dict)
    days: int = 0

    def start_of(self, profile: int) -> int:
        """Place of a profile's first section."""
        start = 0
        for number, sections in self.profiles.items():
            if number == profile:
                return start
            start += sections
        raise KeyError(profile)

    def crew_of(self, place: int, profile: int, section: int) -> str | None:
        """The crew that builds a section; None if it was finished before."""
        if not self.first_days[place]:
            return None
        if self.crews == BY_SECTION:
            return f"{profile}.{section}"
        if self.crews == BY_PROFILE:
            return str(profile)
        number = self.crew_numbers[place]
        return str(number) if self.crews == BY_NUMBER else self.crew_names[number - 1]

    def last_day(self, place: int) -> int:
        """Last day of work on a section; 0 if there is none."""
        first_day = self.first_days[place]
        return first_day + FULL_HEIGHT_FT - 1 - self.heights[place] if first_day else 0

    def places(self) -> Iterator[tuple[int, int, int]]:
        """(place, profile, section) of each section, in order."""
        place = 0
        for profile, sections in self.profiles.items():
            for section in range(1, sections + 1):
                yield place, profile, section
                place += 1


def planned_wall(settings: WallSettings, profiles: Mapping[int, bytes]) -> PlannedWall:
    """Plan a wall.

    Args:
        settings: How it is built.
        profiles: Starting heights in feet, one byte a section, by profile number.
    """
    plan = plan_wall(settings, profiles)
    in_order = sorted(profiles)
    planned = PlannedWall(
        {number: len(profiles[number]) for number in in_order},
        heights=b"".join(profiles[number] for number in in_order),
        relieved=dict(plan.relieved),
    )
    names: list[str | None] = []
    for number in in_order:
        tasks = plan.profiles[number]
        first_days = [0] * len(profiles[number])
        crews: list[str | None] = [None] * len(profiles[number])
        for section, crew, first_day in zip(
            tasks.sections, tasks.crews, tasks.first_days, strict=True
        ):
            first_days[section - 1] = first_day
            crews[section - 1] = crew
        planned.first_days.extend(first_days)
        names.extend(crews)
    planned.days = max(map(planned.last_day, range(len(planned.heights))), default=0)
    _name_crews(planned, names)
    return planned


def _name_crews(planned: PlannedWall, names: list[str | None]) -> None:
    """Find the shortest way to say which crew has which section."""
    for kind in (BY_SECTION, BY_PROFILE):
        planned.crews = kind
        if all(
            names[place] == planned.crew_of(place, profile, section)
            for place, profile, section in planned.places()
        ):
            return
    if all(name is None or (name.isdecimal() and name[0] != "0" and len(name) < 10)
           for name in names):  # fmt: skip
        planned.crews = BY_NUMBER
        planned.crew_numbers = array("I", (int(name) if name else 0 for name in names))
        return
    planned.crews = ""
    numbers: dict[str, int] = {}
    for name in names:
        if name is not None:
            numbers.setdefault(name, len(numbers) + 1)
    planned.crew_names = list(numbers)
    planned.crew_numbers = array("I", (numbers[name] if name else 0 for name in names))


def packed(planned: PlannedWall, version: int) -> bytes:
    """The picture of a planned wall, gzipped.

    Args:
        planned: The plan.
        version: The highest version of a plan of the wall.
    """
    head: dict[str, Any] = {
        "version": version,
        "days": planned.days,
        "profiles": list(planned.profiles.items()),
        "crews": planned.crews or planned.crew_names,
    }
    head_bytes = json.dumps(head, separators=(",", ":")).encode()
    padding = b" " * (-len(head_bytes) % 4)
    columns = [planned.first_days, planned.crew_numbers]
    if sys.byteorder == "big":
        columns = [array("I", column) for column in columns]
        for column in columns:
            column.byteswap()
    body = b"".join(
        (
            (len(head_bytes) + len(padding)).to_bytes(4, "little"),
            head_bytes,
            padding,
            *(column.tobytes() for column in columns),
            planned.heights,
        )
    )
    # The same bytes for the same wall: no time of packing in them.
    return gzip.compress(body, compresslevel=6, mtime=0)


class TaskOfCrew(NamedTuple):
    """A section that a crew builds; days count from 1."""

    profile: int
    section: int
    first_day: int
    last_day: int


class CrewWork(NamedTuple):
    """A crew, its sections in the order in which it builds them, and when it is relieved."""

    crew: str
    tasks: list[TaskOfCrew]
    relieved_on: int


def crews_of(
    planned: PlannedWall, after: int, limit: int, only: str | None = None
) -> tuple[list[CrewWork], int]:
    """Some of the crews that get a section, and how many there are.

    Args:
        planned: The plan.
        after: How many crews to leave out at the beginning.
        limit: Most that are returned.
        only: The crew of this id alone.
    """
    tasks: dict[str, list[TaskOfCrew]] = {}
    for place, profile, section in planned.places():
        crew = planned.crew_of(place, profile, section)
        if crew is not None and only in (None, crew):
            task = TaskOfCrew(profile, section, planned.first_days[place], planned.last_day(place))
            tasks.setdefault(crew, []).append(task)
    crews = sorted(tasks, key=int) if planned.crews == BY_NUMBER else list(tasks)
    found = []
    for crew in crews[after : after + limit]:
        in_order = sorted(tasks[crew], key=lambda task: task.first_day)
        relieved_on = planned.relieved.get(crew, in_order[-1].last_day + 1)
        found.append(CrewWork(crew, in_order, relieved_on))
    return found, len(crews)
