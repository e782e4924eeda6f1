"""Answers to questions about a wall, from the rows of the overview table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.materials import material_named

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.contract.records import ProfileTotals


class NotThere(LookupError):
    """There is no such wall or profile; the message says so."""


class WallAnswers:
    """What is known of one wall. Amounts are in cubic yards and gold dragons."""

    def __init__(self, wall: str, totals: Iterable[ProfileTotals]) -> None:
        """Take the rows of the wall's profiles, withdrawn ones included.

        Raises:
            NotThere: The wall has no profile.
        """
        self.wall = wall
        self.profiles = {t.profile: t for t in totals if not t.withdrawn}
        if not self.profiles:
            raise NotThere(f"there is no wall {wall}; submit one first")

    def ice_on(self, profile: int, day: int) -> int:
        """Material that a profile used on a day, in cubic yards."""
        totals = self._profile(profile)
        return totals.curve.at_work(day) * material_named(totals.material).yd3_per_ft

    def cost_by(self, profile: int, day: int) -> int:
        """Cost of a profile by the end of a day, in gold dragons."""
        return _cost_by(self._profile(profile), day)

    def wall_cost_by(self, day: int | None) -> int:
        """Cost of all profiles by the end of a day, in gold dragons; None for all days."""
        if day is None:
            return sum(totals.cost for totals in self.profiles.values())
        return sum(_cost_by(totals, day) for totals in self.profiles.values())

    def _profile(self, profile: int) -> ProfileTotals:
        if profile not in self.profiles:
            numbers = ", ".join(map(str, sorted(self.profiles)[:10]))
            raise NotThere(f"wall {self.wall} has no profile {profile}; it has {numbers}")
        return self.profiles[profile]


def _cost_by(totals: ProfileTotals, day: int) -> int:
    used = material_named(totals.material)
    return totals.curve.feet_by(day) * used.yd3_per_ft * used.gd_per_yd3
