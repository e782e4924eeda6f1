"""What happens on each day of a plan: who completes which sections, who is relieved, what it takes.

A crew is relieved on the day after its last section, whatever the mode: the last day of a plan
is the one on which its last crews are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from domain.daily import curve_of
from domain.rules import FEET_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.materials import Material
    from domain.plan import Plan


class Completed(NamedTuple):
    """Sections of one profile that are completed on a day, and by which crews, side by side."""

    profile: int
    sections: list[int]
    crews: list[str]


class Relieved(NamedTuple):
    """A crew that is relieved, and the profile that it belongs to; None for a crew of a pool."""

    crew: str
    profile: int | None


class Amounts(NamedTuple):
    """What is used on a day.

    Attributes:
        sections: Sections at work.
        ice: Material used on the day, in cubic yards.
        cost: Its cost, in gold dragons.
        cumulative_cost: Cost by the end of the day, in gold dragons.
    """

    sections: int
    ice: int
    cost: int
    cumulative_cost: int


def last_day(days_of_work: int) -> int:
    """The last day on which something happens: the last crews are relieved; 0 without work."""
    return days_of_work + 1 if days_of_work else 0


class PlanDays:
    """The days of a plan.

    Attributes:
        last: The last day on which something happens; 0 if nothing does.
    """

    def __init__(self, plan: Plan, material: Material) -> None:
        """Sort what happens by day; takes time and memory for each section and each day."""
        completed: dict[int, dict[int, Completed]] = defaultdict(dict)
        self._relieved: dict[int, list[Relieved]] = defaultdict(list)
        for number, tasks in plan.profiles.items():
            for section, crew, first_day, days, relieves in zip(
                tasks.sections, tasks.crews, tasks.first_days, tasks.days, tasks.relieves,
                strict=True,
            ):  # fmt: skip
                of_day = completed[first_day + days - 1]
                of_profile = of_day.get(number)
                if of_profile is None:
                    of_profile = of_day[number] = Completed(number, [], [])
                of_profile.sections.append(section)
                of_profile.crews.append(crew)
                if relieves:
                    self._relieved[first_day + days].append(Relieved(crew, number))
        for crew, day in plan.relieved.items():
            self._relieved[day].append(Relieved(crew, None))
        self._completed = {day: list(of_day.values()) for day, of_day in completed.items()}
        curve = curve_of(
            chain.from_iterable(
                zip(tasks.first_days, tasks.days, strict=True) for tasks in plan.profiles.values()
            )
        )
        # Stretches of days with equally many sections at work, and the feet added before each.
        self._stretches = [(0, 0, 0, 0)]
        feet = 0
        for first, after, at_work in curve.spans():
            self._stretches.append((first, after, at_work, feet))
            feet += (after - first) * at_work * FEET_PER_DAY
        self._material = material
        self.last = last_day(curve.last_day())

    def completed(self, day: int) -> Sequence[Completed]:
        """The sections that are completed on a day, by profile."""
        return self._completed.get(day, ())

    def relieved(self, day: int) -> Sequence[Relieved]:
        """The crews that are relieved on a day."""
        return self._relieved.get(day, ())

    def amounts(self, day: int) -> Amounts:
        """What is used on a day from 1 on."""
        stretch = bisect_right(self._stretches, day, key=itemgetter(0)) - 1
        first, after, at_work, feet_before = self._stretches[stretch]
        feet_by_now = feet_before + (min(day + 1, after) - first) * at_work * FEET_PER_DAY
        sections = at_work if day < after else 0
        yd3, gd = self._material.yd3_per_ft, self._material.gd_per_yd3
        ice = sections * FEET_PER_DAY * yd3
        return Amounts(sections, ice, ice * gd, feet_by_now * yd3 * gd)
