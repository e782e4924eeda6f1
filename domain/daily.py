"""Daily amounts, from how many sections are at work each day."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from domain.rules import FEET_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from domain.materials import Material


@dataclass(frozen=True, slots=True)
class SectionsAtWork:
    """How many sections of a profile are at work each day: a sparse difference array.

    Attributes:
        steps: (day, change in the number at work), by ascending day, no change being 0.
    """

    steps: tuple[tuple[int, int], ...] = ()

    def spans(self) -> Iterator[tuple[int, int, int]]:
        """(first day, day after the last, sections at work) for each stretch with work."""
        at_work, since = 0, 0
        for day, change in self.steps:
            if at_work:
                yield since, day, at_work
            at_work += change
            since = day

    def at_work(self, day: int) -> int:
        """Number of sections at work on a day."""
        return sum(change for step_day, change in self.steps if step_day <= day)

    def feet_by(self, day: int) -> int:
        """Feet added by the end of a day, in all sections together."""
        return FEET_PER_DAY * sum(
            change * (day + 1 - step_day) for step_day, change in self.steps if step_day <= day
        )

    def feet(self) -> int:
        """Feet added over all days."""
        return self.feet_by(self.last_day())

    def first_day(self) -> int:
        """First day of work; 0 if there is none."""
        return self.steps[0][0] if self.steps else 0

    def last_day(self) -> int:
        """Last day of work; 0 if there is none."""
        return self.steps[-1][0] - 1 if self.steps else 0

    def rows(self) -> Iterator[tuple[int, int, int]]:
        """(day, feet of the day, feet by the end of the day) for each day with work, in order."""
        by_now = 0
        for first, after, at_work in self.spans():
            feet = at_work * FEET_PER_DAY
            for day in range(first, after):
                by_now += feet
                yield day, feet, by_now


def curve_of(spans: Iterable[tuple[int, int]]) -> SectionsAtWork:
    """The curve of sections built on these (first day, days of work); O(1) for each."""
    changes: defaultdict[int, int] = defaultdict(int)
    for first_day, days in spans:
        changes[first_day] += 1
        changes[first_day + days] -= 1
    return SectionsAtWork(tuple((day, changes[day]) for day in sorted(changes) if changes[day]))


class DailyRow(NamedTuple):
    """What a profile used on a day of work.

    Attributes:
        day: The day, counted from 1.
        ice: Material used on the day, in cubic yards.
        cost: Its cost, in gold dragons.
        cumulative_cost: Cost by the end of the day, in gold dragons.
    """

    day: int
    ice: int
    cost: int
    cumulative_cost: int


class DailyColumns(NamedTuple):
    """The rows of all days with work, in columns, side by side; the fields are those of a row."""

    days: list[int]
    ice: list[int]
    cost: list[int]
    cumulative_cost: list[int]


def daily_columns(curve: SectionsAtWork, material: Material) -> DailyColumns:
    """What a profile used on each day with work, in order."""
    columns = DailyColumns([], [], [], [])
    by_now = 0
    for first, after, at_work in curve.spans():
        ice = at_work * FEET_PER_DAY * material.yd3_per_ft
        cost = ice * material.gd_per_yd3
        count = after - first
        columns.days.extend(range(first, after))
        columns.ice.extend([ice] * count)
        columns.cost.extend([cost] * count)
        columns.cumulative_cost.extend(by_now + cost * day for day in range(1, count + 1))
        by_now += cost * count
    return columns


def daily_rows(curve: SectionsAtWork, material: Material) -> list[DailyRow]:
    """A row for each day with work, in order."""
    return [DailyRow(*row) for row in zip(*daily_columns(curve, material), strict=True)]
