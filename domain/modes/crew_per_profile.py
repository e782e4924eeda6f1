"""Every profile has one crew, which builds its unfinished sections one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.plan import Plan, ProfilePlan, Scope
from domain.rules import FULL_HEIGHT_FT

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "crew-per-profile"
NEEDS_CREWS = False
SCOPE = Scope.OWN


def plan(profiles: Mapping[int, bytes], crews: int | None) -> Plan:  # noqa: ARG001 - no pool
    """One crew per profile, named after it."""
    return Plan({number: _plan_profile(number, heights) for number, heights in profiles.items()})


def _plan_profile(number: int, heights: bytes) -> ProfilePlan:
    plan = ProfilePlan(number)
    day = 1
    for section, height in enumerate(heights, start=1):
        if days := FULL_HEIGHT_FT - height:
            plan.add(section, str(number), day, days, relieves=False)
            day += days
    if plan.relieves:
        plan.relieves[-1] = True
    return plan
