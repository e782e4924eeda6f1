"""How a wall is built: the mode, the crews, the material."""

from __future__ import annotations

from dataclasses import dataclass

from domain.errors import InvalidWall, quoted
from domain.materials import DEFAULT_MATERIAL, material_named
from domain.modes import mode_named
from domain.rules import MAX_CREWS


@dataclass(frozen=True, slots=True)
class WallSettings:
    """A wall's settings; those of a wall without any are the defaults.

    Attributes:
        mode: Name of the simulation mode.
        crews: Number of crews, in modes that have a pool; None in the others.
        material: Name of the material.
    """

    mode: str = "crew-per-section"
    crews: int | None = None
    material: str = DEFAULT_MATERIAL


def checked_settings(mode: str, crews: int | None, material: str) -> WallSettings:
    """The settings, if they fit together.

    Raises:
        InvalidWall: The mode or material is unknown, or the crews do not fit the mode.
    """
    needs_crews = mode_named(mode).NEEDS_CREWS
    material_named(material)
    if needs_crews and crews is None:
        raise InvalidWall(f"mode {mode} needs a number of crews, from 1 to {MAX_CREWS:,}")
    if not needs_crews and crews is not None:
        raise InvalidWall(f"mode {mode} has no pool of crews; leave the number of crews out")
    if crews is not None and (type(crews) is not int or not 1 <= crews <= MAX_CREWS):
        raise InvalidWall(
            f"number of crews {quoted(crews)} is not a whole number from 1 to {MAX_CREWS:,}"
        )
    return WallSettings(mode, crews, material)


def settings_for(
    crews: int | None = None, material: str = DEFAULT_MATERIAL, mode: str | None = None
) -> WallSettings:
    """The settings that are meant where the mode is left open: a pool if crews are given.

    Raises:
        InvalidWall: They do not fit together.
    """
    if mode is None:
        mode = "crew-per-section" if crews is None else "crew-pool"
    return checked_settings(mode, crews, material)
