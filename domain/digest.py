"""One comparison for "the rows are equal": a digest that does not depend on their order."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    Amounts = Mapping[str, tuple[int, ...]]


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
