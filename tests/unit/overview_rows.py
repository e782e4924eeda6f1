"""Two versions of a wall, and the rows of `wall.overview` once they are built."""

from __future__ import annotations

from domain.account import account_of
from domain.settings import settings_for
from domain.wall import Wall

ONE = Wall("w", settings_for(), {1: bytes([21, 25, 28])})


OTHER = Wall("w", settings_for(), {1: bytes([29]), 2: bytes([28])})


def published(wall: Wall) -> dict[str, dict[str, object]]:
    """The rows of `wall.overview` of a wall that is built."""
    result = account_of(wall)
    rows = {
        f"{wall.id}/{p.profile}": {
            "wall": wall.id, "profile": p.profile, "version": 1, "state": "COMPLETE",
            "sections": p.sections, "days": p.days, "ice": p.ice, "cost": p.cost,
        }
        for p in result.profiles
    }  # fmt: skip
    rows[wall.id] = {
        "wall": wall.id, "state": "COMPLETE", "mode": wall.settings.mode,
        "crews": wall.settings.crews, "material": wall.settings.material,
        "profiles": len(result.profiles), "sections": sum(p.sections for p in result.profiles),
        "days": result.days, "ice": result.ice, "cost": result.cost,
    }  # fmt: skip
    return rows
