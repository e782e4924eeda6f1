"""What a wall can be built of. Another material is another entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.errors import InvalidWall

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Material:
    """A building material.

    Attributes:
        name: Its name in settings.
        yd3_per_ft: What one foot of a section takes, in cubic yards.
        gd_per_yd3: What one cubic yard costs, in gold dragons.
    """

    name: str
    yd3_per_ft: int
    gd_per_yd3: int


DEFAULT_MATERIAL = "ice"

MATERIALS: Mapping[str, Material] = {
    material.name: material
    for material in (
        # Source: the exercise, "each foot uses 195 cubic yards, each costs 1,900 gold dragons".
        Material(DEFAULT_MATERIAL, yd3_per_ft=195, gd_per_yd3=1_900),
        # Twice the volume, as fresh snow settles; cheap, as it falls by itself.
        Material("packed-snow", yd3_per_ft=390, gd_per_yd3=240),
    )
}


def material_named(name: str) -> Material:
    """The material of that name.

    Raises:
        InvalidWall: There is none.
    """
    try:
        return MATERIALS[name]
    except KeyError:
        known = ", ".join(MATERIALS)
        raise InvalidWall(f"material {name[:40]!r} is unknown; there is {known}") from None
