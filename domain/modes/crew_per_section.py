"""Every unfinished section has its own crew from day 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.plan import Plan, ProfilePlan, Scope
from domain.rules import FULL_HEIGHT_FT

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "crew-per-section"
NEEDS_CREWS = False
SCOPE = Scope.OWN


def plan(profiles: Mapping[int, bytes], crews: int | None) -> Plan:  # noqa: ARG001 - no pool
    """A crew a section, named after it, as `profile.section`."""
    return Plan({number: _plan_profile(number, heights) for number, heights in profiles.items()})


def _plan_profile(number: int, heights: bytes) -> ProfilePlan:
    unfinished = [n for n, height in enumerate(heights, start=1) if height < FULL_HEIGHT_FT]
    return ProfilePlan(
        number,
        sections=unfinished,
        crews=[f"{number}.{section}" for section in unfinished],
        first_days=[1] * len(unfinished),
        days=[FULL_HEIGHT_FT - heights[section - 1] for section in unfinished],
        relieves=[True] * len(unfinished),
    )
