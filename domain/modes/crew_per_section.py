"""Every unfinished section has its own crew from day 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.plan import Plan, ProfilePlan, Scope, Task
from domain.rules import FULL_HEIGHT_FT

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "crew-per-section"
NEEDS_CREWS = False
SCOPE = Scope.OWN


def plan(profiles: Mapping[int, bytes], crews: int | None) -> Plan:  # noqa: ARG001 - no pool
    """A crew a section, named after it, as `profile.section`."""
    return Plan(
        {
            number: ProfilePlan(
                number,
                [
                    Task(number, section, f"{number}.{section}", 1, FULL_HEIGHT_FT - height, True)
                    for section, height in enumerate(heights, start=1)
                    if height < FULL_HEIGHT_FT
                ],
            )
            for number, heights in profiles.items()
        }
    )
