"""What walls are built by: what there is to choose from."""

from __future__ import annotations

from fastapi import APIRouter

from domain.materials import MATERIALS
from domain.modes import modes
from domain.rules import FEET_PER_DAY, FULL_HEIGHT_FT
from streams.web.models import MaterialRule, ModeRule, Rules

router = APIRouter(prefix="/api/rules", tags=["walls"])


@router.get("")
async def rules() -> Rules:
    """The modes and materials that a wall may have, and what a day's work is."""
    return Rules(
        full_height_ft=FULL_HEIGHT_FT,
        feet_per_day=FEET_PER_DAY,
        modes=[
            ModeRule(mode=name, needs_crews=mode.NEEDS_CREWS)
            for name, mode in sorted(modes().items())
        ],
        materials=[
            MaterialRule(material=used.name, yd3_per_ft=used.yd3_per_ft, gd_per_yd3=used.gd_per_yd3)
            for used in MATERIALS.values()
        ],
    )
