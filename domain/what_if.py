"""What other numbers of crews would make of a wall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.daily import SectionsAtWork, curve_of
from domain.errors import InvalidWall
from domain.materials import material_named
from domain.plan import unfinished_sections
from domain.planning import plan_wall
from domain.rules import FULL_HEIGHT_FT
from domain.settings import settings_for

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class CrewsOutcome:
    """What a pool of crews makes of a wall.

    Attributes:
        crews: Number of crews.
        days: Last day of work; 0 if there is none.
        ice: Material used over all days, in cubic yards.
        cost: Cost over all days, in gold dragons.
        worked: Days of work of all crews together.
        curve: How many crews are at work each day.
    """

    crews: int
    days: int
    ice: int
    cost: int
    worked: int
    curve: SectionsAtWork

    @property
    def crew_days(self) -> int:
        """Days of all crews together, at work or not."""
        return self.crews * self.days

    @property
    def idle_crew_days(self) -> int:
        """Days on which a crew had no section, of all crews together."""
        return self.crew_days - self.worked


def with_crews(profiles: Mapping[int, bytes], material: str, crews: int) -> CrewsOutcome:
    """What a pool of so many crews makes of a wall.

    Args:
        profiles: Starting heights in feet, one byte a section, by profile number.
        material: What it is built of.
        crews: Number of crews, from 1.

    Raises:
        InvalidWall: The material is unknown, or the number of crews is none.
    """
    used = material_named(material)
    plans = plan_wall(settings_for(crews, material), profiles).profiles.values()
    curve = curve_of(
        span for plan in plans for span in zip(plan.first_days, plan.days, strict=True)
    )
    feet = curve.feet()
    ice = feet * used.yd3_per_ft
    worked = sum(sum(plan.days) for plan in plans)
    return CrewsOutcome(crews, curve.last_day(), ice, ice * used.gd_per_yd3, worked, curve)


def fewest_crews(profiles: Mapping[int, bytes], material: str, by_day: int) -> CrewsOutcome:
    """The smallest pool that is done by the end of a day.

    More crews never take longer: so few tries find it, one for each doubling of the sections.

    Args:
        profiles: Starting heights in feet, one byte a section, by profile number.
        material: What it is built of.
        by_day: The day, from 1.

    Raises:
        InvalidWall: No number of crews is done by then.
    """
    longest = FULL_HEIGHT_FT - min(map(min, profiles.values()), default=FULL_HEIGHT_FT)
    if by_day < longest:
        raise InvalidWall(
            f"no number of crews is done by day {by_day}: the lowest section takes {longest} days"
        )
    too_few, enough = 0, max(1, sum(map(unfinished_sections, profiles.values())))
    best = with_crews(profiles, material, enough)
    while enough - too_few > 1:
        crews = (too_few + enough) // 2
        found = with_crews(profiles, material, crews)
        if found.days <= by_day:
            enough, best = crews, found
        else:
            too_few = crews
    return best
