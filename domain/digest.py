"""One comparison for "the rows are equal": a digest that does not depend on their order."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from domain.account import account_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.wall import Wall

    Amounts = Mapping[str, tuple[int, ...]]


def computed_amounts(wall: Wall) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """The rows of a wall as `digest` takes them: daily ones, and overviews.

    A wall without profiles has none.
    """
    daily: dict[str, tuple[int, ...]] = {}
    overview: dict[str, tuple[int, ...]] = {}
    if not wall.profiles:
        return daily, overview
    account = account_of(wall)
    sections = sum(profile.sections for profile in account.profiles)
    overview[wall.id] = (sections, account.days, account.ice, account.cost)
    for p in account.profiles:
        overview[f"{wall.id}/{p.profile}"] = (p.sections, p.days, p.ice, p.cost)
        for day, ice, cost, cumulative_cost in p.daily:
            daily[f"{wall.id}/{p.profile}/{day}"] = (ice, cost, cumulative_cost)
    return daily, overview


def digest(daily: Amounts, overview: Amounts) -> str:
    """SHA-256, in hexadecimal, of rows in the order of their keys.

    Args:
        daily: Ice, cost and cumulative cost of each daily row, by `wall/profile/day`.
        overview: Sections, days, ice and cost, by `wall` and `wall/profile`.
    """
    lines = [
        f"{name} {key} {' '.join(map(str, amounts))}"
        for name, rows in (("daily", daily), ("overview", overview))
        for key, amounts in sorted(rows.items())
    ]
    return sha256("\n".join(lines).encode()).hexdigest()
