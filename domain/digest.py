"""One comparison for "the rows are equal": a digest that does not depend on their order."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    DailyLine = tuple[str, int, int, int, int, int]
    OverviewLine = tuple[str, int, int, int, int, int]


def digest(daily: Iterable[DailyLine], overview: Iterable[OverviewLine]) -> str:
    """SHA-256, in hexadecimal, of rows in canonical order.

    Args:
        daily: (wall, profile, day, ice, cost, cumulative cost) for each daily row.
        overview: (wall, profile, sections, days, ice, cost) for each profile.
    """
    lines = [f"daily {line}" for line in sorted(daily)]
    lines += [f"overview {line}" for line in sorted(overview)]
    return sha256("\n".join(lines).encode()).hexdigest()
