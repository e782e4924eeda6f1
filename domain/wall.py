"""A wall: its settings and its profiles, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.errors import InvalidWall, quoted
from domain.rules import FULL_HEIGHT_FT, MAX_PROFILE, MAX_SECTIONS, NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from domain.settings import WallSettings


@dataclass(frozen=True, slots=True)
class Wall:
    """A wall as submitted.

    Attributes:
        id: The wall's id.
        settings: How it is built.
        profiles: Starting heights in feet, one byte a section, by profile number.
    """

    id: str
    settings: WallSettings
    profiles: Mapping[int, bytes]


def checked_wall_id(wall: str) -> str:
    """The wall id, if it is one.

    Raises:
        InvalidWall: It is not 1 to 64 of `A-Z a-z 0-9 . _ -`.
    """
    if not NAME.fullmatch(wall):
        raise InvalidWall(f"wall id {wall[:80]!r} is not 1 to 64 of A-Z a-z 0-9 . _ -")
    return wall


def checked_profile_number(number: int) -> int:
    """The profile number, if it is one.

    Raises:
        InvalidWall: It is not a whole number from 1 to MAX_PROFILE.
    """
    if type(number) is not int or not 1 <= number <= MAX_PROFILE:
        raise InvalidWall(
            f"profile {quoted(number)} is not a whole number from 1 to {MAX_PROFILE:,}"
        )
    return number


def checked_heights(heights: Sequence[object], where: str = "") -> bytes:
    """A profile's starting heights, one byte a section.

    Args:
        heights: Starting height of each section, in feet, in the order of the sections.
        where: What the heights are of, to begin messages with, as `profile 3`.

    Raises:
        InvalidWall: There are none or too many, or one is not a whole number 0..30.
    """
    place = f"{where}: " if where else ""
    if not 1 <= len(heights) <= MAX_SECTIONS:
        raise InvalidWall(
            f"{place}the profile has {len(heights):,} sections; a profile has 1 to {MAX_SECTIONS:,}"
        )
    for section, height in enumerate(heights, start=1):
        if type(height) is not int or not 0 <= height <= FULL_HEIGHT_FT:
            raise InvalidWall(
                f"{place}section {section} has height {quoted(height)}; heights are whole numbers "
                f"0..{FULL_HEIGHT_FT}, in feet"
            )
    return bytes(heights)  # type: ignore[arg-type]
