"""The whole account of a wall, computed at once: what the pipeline has to end up with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from domain.daily import DailyRow, SectionsAtWork, curve_of, daily_rows
from domain.materials import Material, material_named
from domain.planning import plan_wall

if TYPE_CHECKING:
    from domain.wall import Wall


@dataclass(frozen=True, slots=True)
class ProfileAccount:
    """The account of one profile.

    Attributes:
        profile: Its number.
        sections: Number of its sections, finished ones included.
        days: Last day of work; 0 if there is none.
        ice: Material used over all days, in cubic yards.
        cost: Cost over all days, in gold dragons.
        daily: A row for each day with work, in order.
        curve: How many sections are at work each day.
    """

    profile: int
    sections: int
    days: int
    ice: int
    cost: int
    daily: list[DailyRow]
    curve: SectionsAtWork


@dataclass(frozen=True, slots=True)
class WallAccount:
    """The account of a wall; the fields are those of its profiles, added up.

    Attributes:
        wall: The wall's id.
        crews: Number of crews in the pool; None if the mode has none.
        days: Last day of work; 0 if there is none.
        ice: Material used over all days, in cubic yards.
        cost: Cost over all days, in gold dragons.
        material: What it is built of.
        profiles: The accounts of the profiles, in number order.
    """

    wall: str
    crews: int | None
    days: int
    ice: int
    cost: int
    material: Material
    profiles: list[ProfileAccount]

    def ice_on(self, profile: int, day: int) -> int:
        """Material that a profile uses on a day, in cubic yards.

        Raises:
            KeyError: The wall has no such profile.
        """
        return self._profile(profile).curve.at_work(day) * self.material.yd3_per_ft

    def cost_by(self, profile: int, day: int) -> int:
        """Cost of a profile by the end of a day, in gold dragons.

        Raises:
            KeyError: The wall has no such profile.
        """
        return self._gd(self._profile(profile).curve.feet_by(day))

    def wall_cost_by(self, day: int) -> int:
        """Cost of all profiles by the end of a day, in gold dragons."""
        return self._gd(sum(account.curve.feet_by(day) for account in self.profiles))

    def _gd(self, feet: int) -> int:
        return feet * self.material.yd3_per_ft * self.material.gd_per_yd3

    def _profile(self, number: int) -> ProfileAccount:
        for account in self.profiles:
            if account.profile == number:
                return account
        raise KeyError(number)

    def as_json(self, *, daily: bool = True) -> dict[str, Any]:
        """The account as plain numbers, strings, lists and dictionaries."""
        return {
            "wall": self.wall,
            "crews": self.crews,
            "days": self.days,
            "ice": self.ice,
            "cost": self.cost,
            "profiles": [
                {
                    "profile": account.profile,
                    "sections": account.sections,
                    "days": account.days,
                    "ice": account.ice,
                    "cost": account.cost,
                }
                | ({"daily": [row._asdict() for row in account.daily]} if daily else {})
                for account in self.profiles
            ],
        }


def account_of(wall: Wall) -> WallAccount:
    """Compute the account of a wall."""
    used = material_named(wall.settings.material)
    profiles = []
    for number, plan in plan_wall(wall.settings, wall.profiles).profiles.items():
        curve = curve_of(zip(plan.first_days, plan.days, strict=True))
        ice = curve.feet() * used.yd3_per_ft
        profiles.append(
            ProfileAccount(
                profile=number,
                sections=len(wall.profiles[number]),
                days=curve.last_day(),
                ice=ice,
                cost=ice * used.gd_per_yd3,
                daily=daily_rows(curve, used),
                curve=curve,
            )
        )
    return WallAccount(
        wall=wall.id,
        crews=wall.settings.crews,
        days=max((p.days for p in profiles), default=0),
        ice=sum(p.ice for p in profiles),
        cost=sum(p.cost for p in profiles),
        material=used,
        profiles=profiles,
    )
