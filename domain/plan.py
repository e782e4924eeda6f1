"""A plan: which crew builds which section, from which day, for how many days."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from domain.rules import FULL_HEIGHT_FT

if TYPE_CHECKING:
    from collections.abc import Mapping


def unfinished_sections(heights: bytes) -> int:
    """Number of tasks that a profile's plan has, given its starting heights in feet."""
    return len(heights) - heights.count(FULL_HEIGHT_FT)


class Task(NamedTuple):
    """One unfinished section, as a crew builds it. Days count from 1.

    Attributes:
        profile: Number of the profile.
        section: Number of the section within the profile, from 1.
        crew: Id of the crew.
        first_day: First day of work.
        days: Days of work, one foot a day.
        relieves: Whether this is the last section of a crew that belongs to this profile alone.
    """

    profile: int
    section: int
    crew: str
    first_day: int
    days: int
    relieves: bool


@dataclass(slots=True)
class ProfilePlan:
    """The tasks of one profile, in section order; a finished section has none.

    Kept in columns, side by side, because there are as many as sections: the fields are those of
    `Task`.
    """

    profile: int
    sections: list[int] = field(default_factory=list)
    crews: list[str] = field(default_factory=list)
    first_days: list[int] = field(default_factory=list)
    days: list[int] = field(default_factory=list)
    relieves: list[bool] = field(default_factory=list)

    def __len__(self) -> int:
        """Number of tasks."""
        return len(self.sections)

    @property
    def tasks(self) -> list[Task]:
        """The tasks, one by one."""
        columns = zip(
            self.sections, self.crews, self.first_days, self.days, self.relieves, strict=True
        )
        return [Task(self.profile, *task) for task in columns]

    def add(self, section: int, crew: str, first_day: int, days: int, *, relieves: bool) -> None:
        """Add a task behind the others; the arguments are the fields of `Task`."""
        self.sections.append(section)
        self.crews.append(crew)
        self.first_days.append(first_day)
        self.days.append(days)
        self.relieves.append(relieves)


@dataclass(slots=True)
class Plan:
    """The plan of a wall.

    Attributes:
        profiles: The plan of each profile, by number.
        relieved: For crews that go from profile to profile: the day on which each is relieved,
            which is the day after its last section; a crew that never gets one is left out.
    """

    profiles: dict[int, ProfilePlan]
    relieved: dict[str, int] = field(default_factory=dict)


class Scope(Enum):
    """What the plan of a profile depends on, beside the wall's settings."""

    OWN = "the profile itself"
    EARLIER = "the profile and all before it, in number order"


class Mode(Protocol):
    """A way to send crews to sections: a module in `domain/modes` that has these names."""

    NAME: str
    """The mode's name in settings."""

    NEEDS_CREWS: bool
    """Whether the number of crews has to be set; if not, it must not be."""

    SCOPE: Scope
    """What a profile's plan depends on: decides what has to be planned again after a change."""

    def plan(self, profiles: Mapping[int, bytes], crews: int | None) -> Plan:
        """Plan profiles, given by number in ascending order as starting heights in feet."""
        ...
