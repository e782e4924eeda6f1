"""Tracks whether the rows of a submitted wall are those that the domain computes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.account import account_of
from streams.client.errors import listed

if TYPE_CHECKING:
    from domain.wall import Wall
    from streams.contract.codecs import Fields


class WallCompletion:
    """Compares the rows of `wall.overview`, or of the overview's table, with the domain's.

    Attributes:
        profiles: Number of profiles of the wall.
        missing: Keys whose row is not as expected yet, or should have been removed.
        built: Number of profiles that are built.
    """

    def __init__(self, wall: Wall) -> None:
        """Compute the expected rows; all of them are missing at first."""
        result = account_of(wall)
        self._wall = wall.id
        self._expected = {
            f"{wall.id}/{p.profile}": _amounts(p, p.sections) for p in result.profiles
        }
        sections = sum(p.sections for p in result.profiles)
        self._expected[wall.id] = _amounts(result, sections) | {
            "profiles": len(result.profiles),
            "mode": wall.settings.mode,
            "crews": wall.settings.crews,
            "material": wall.settings.material,
        }
        self.profiles = len(result.profiles)
        self.missing = set(self._expected)
        self.built = 0

    def expect_in_table(self) -> None:
        """Expect the rows in the overview's table: for each profile, and none for the wall."""
        self._expected.pop(self._wall, None)
        self.missing = set(self._expected)
        self.built = 0

    def concerns(self, key: str) -> bool:
        """Whether a key belongs to this wall."""
        return key == self._wall or key.startswith(f"{self._wall}/")

    def take(self, key: str, row: Fields | None) -> None:
        """Take in the latest row of a key; None for a tombstone."""
        expected = self._expected.get(key)
        if expected is None:
            right = row is None or row.get("withdrawn", False)
        else:
            right = (
                row is not None and row["state"] == "COMPLETE" and expected.items() <= row.items()
            )
        if expected is not None and key != self._wall:
            self.built += right - (key not in self.missing)
        if right:
            self.missing.discard(key)
        else:
            self.missing.add(key)

    def what_is_missing(self) -> str:
        """For people: what is not built yet, and what should be withdrawn."""
        keys = self.missing - {self._wall}
        due = {int(key.rpartition("/")[2]) for key in keys & self._expected.keys()}
        extra = sorted(keys - self._expected.keys())
        parts = [f"missing: profile {listed(due)}"] if due else []
        if extra:
            parts.append(f"to be withdrawn: {', '.join(extra[:5])}")
        return "; ".join(parts) or "missing: the wall's totals"


def _amounts(totals: Any, sections: int) -> dict[str, Any]:
    return {
        "sections": sections, "days": totals.days, "ice": totals.ice, "cost": totals.cost,
    }  # fmt: skip
