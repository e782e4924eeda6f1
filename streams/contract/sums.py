"""A wall's overview, kept as running sums over the totals of its profiles."""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from domain.rules import FEET_PER_DAY
from streams.contract.records import ProfileTotals, WallOverview

if TYPE_CHECKING:
    from collections.abc import Iterable


class WallSums:
    """Running sums over the profiles of a wall: a change of one profile costs the same in any wall.

    Attributes:
        profiles: Number of profiles that are not withdrawn; the other sums are of these.
        sections: Number of sections.
        ice: Material used over all days, in cubic yards.
        cost: Cost over all days, in gold dragons.
    """

    def __init__(self, rows: Iterable[ProfileTotals]) -> None:
        """Add up the rows of a wall, those of withdrawn profiles included."""
        self.profiles = self.sections = self.ice = self.cost = 0
        self._days = _Highest()
        self._building = 0
        self._latest: ProfileTotals | None = None
        # By day: the change in what a day costs, in gold dragons.
        self._spending: Counter[int] = Counter()
        for totals in rows:
            self.replace(None, totals)

    def replace(self, before: ProfileTotals | None, totals: ProfileTotals) -> None:
        """Take in the totals of a profile; they are newer than those that it had before."""
        if before is not None:
            self._count(before, -1)
        self._count(totals, +1)
        if self._latest is None or totals.version >= self._latest.version:
            self._latest = totals

    def _count(self, totals: ProfileTotals, sign: int) -> None:
        self._building += sign * (totals.state != "COMPLETE")
        if totals.withdrawn:
            return
        self.profiles += sign
        self.sections += sign * totals.sections
        self.ice += sign * totals.ice
        self.cost += sign * totals.cost
        self._days.count(totals.days, sign)
        gd_per_ft = sign * totals.gd_per_ft
        for day, change in zip(totals.step_days, totals.steps, strict=True):
            self._spending[day] += change * gd_per_ft
            if not self._spending[day]:
                del self._spending[day]

    @property
    def days(self) -> int:
        """Last day of work; 0 if there is none."""
        return self._days.value

    @property
    def has_rows(self) -> bool:
        """Whether the wall has a profile, or had one that was withdrawn."""
        return self._latest is not None

    def cost_by(self, day: int) -> int:
        """Cost of all profiles by the end of a day, in gold dragons."""
        return FEET_PER_DAY * sum(
            change * (day + 1 - since) for since, change in self._spending.items() if since <= day
        )

    def overview(self, wall: str) -> WallOverview | None:
        """The overview of the wall; None if it has no profile left."""
        if not self.profiles or self._latest is None:
            return None
        return WallOverview(
            wall=wall,
            state="BUILDING" if self._building else "COMPLETE",
            mode=self._latest.mode,
            crews=self._latest.crews,
            material=self._latest.material,
            profiles=self.profiles,
            sections=self.sections,
            days=self.days,
            ice=self.ice,
            cost=self.cost,
        )


class _Highest:
    """The highest of numbers that come and go."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        # Each number of the counts once, negated: the highest comes first.
        self._heap: list[int] = []

    def count(self, number: int, sign: int) -> None:
        """Add a number, or take it away."""
        if number not in self._counts:
            self._counts[number] = 0
            heappush(self._heap, -number)
        self._counts[number] += sign

    @property
    def value(self) -> int:
        """The highest; 0 if there is none."""
        while self._heap and not self._counts[-self._heap[0]]:
            del self._counts[-heappop(self._heap)]
        return -self._heap[0] if self._heap else 0
