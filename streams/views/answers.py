"""Answers to questions about a wall, from the rows of the overview table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING

from streams.contract.sums import WallSums

if TYPE_CHECKING:
    from streams.context import State
    from streams.contract.records import ProfileTotals

NUMBERS_LISTED = 10


class NotThere(LookupError):
    """There is no such wall or profile; the message says so."""


class StoredTotals(Mapping[int, "ProfileTotals"]):
    """The totals of a wall's profiles by number; only those that are asked for are read."""

    def __init__(self, wall: str, state: State[ProfileTotals]) -> None:
        """View the rows of a wall."""
        self._wall = wall
        self._state = state

    def __getitem__(self, profile: int) -> ProfileTotals:
        totals = self._state.get(f"{self._wall}/{profile}")
        if totals is None:
            raise KeyError(profile)
        return totals

    def __iter__(self) -> Iterator[int]:
        return map(int, self._state.keys(self._wall))

    def __len__(self) -> int:
        return sum(1 for _ in self._state.keys(self._wall))


class WallAnswers:
    """What is known of one wall. Amounts are in cubic yards and gold dragons."""

    def __init__(
        self,
        wall: str,
        totals: Mapping[int, ProfileTotals],
        sums: Callable[[], WallSums] | None = None,
    ) -> None:
        """Answer from rows that are there.

        Args:
            wall: The wall's id.
            totals: The rows of the wall's profiles by number, withdrawn ones included.
            sums: Gives the sums of these rows; None to add them up when they are asked for.
        """
        self.wall = wall
        self._totals = totals
        self._sums = sums

    def ice_on(self, profile: int, day: int) -> int:
        """Material that a profile used on a day, in cubic yards.

        Raises:
            NotThere: There is no such profile.
        """
        totals = self._profile(profile)
        return totals.curve.at_work(day) * totals.yd3_per_ft

    def cost_by(self, profile: int, day: int) -> int:
        """Cost of a profile by the end of a day, in gold dragons.

        Raises:
            NotThere: There is no such profile.
        """
        totals = self._profile(profile)
        return totals.curve.feet_by(day) * totals.gd_per_ft

    def wall_cost_by(self, day: int | None) -> int:
        """Cost of all profiles by the end of a day, in gold dragons; None for all days.

        Raises:
            NotThere: The wall has no profile.
        """
        sums = self._sums() if self._sums else WallSums(self._totals.values())
        if not sums.profiles:
            raise self._no_wall()
        return sums.cost if day is None else sums.cost_by(day)

    def _profile(self, profile: int) -> ProfileTotals:
        totals = self._totals.get(profile)
        if totals is None or totals.withdrawn:
            existing = (n for n in sorted(self._totals) if not self._totals[n].withdrawn)
            listed = ", ".join(map(str, islice(existing, NUMBERS_LISTED)))
            if not listed:
                raise self._no_wall()
            raise NotThere(f"wall {self.wall} has no profile {profile}; it has {listed}")
        return totals

    def _no_wall(self) -> NotThere:
        return NotThere(f"there is no wall {self.wall}; submit one first")
