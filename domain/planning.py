"""From a wall to its plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.modes import mode_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.plan import Plan
    from domain.settings import WallSettings


def plan_wall(settings: WallSettings, profiles: Mapping[int, bytes]) -> Plan:
    """Plan profiles of a wall, given by number as starting heights in feet, one byte a section.

    In modes of scope OWN, any of the wall's profiles may be left out without changing the plans
    of the others; in modes of scope EARLIER, all of them have to be given.

    Raises:
        InvalidWall: The settings name an unknown mode.
    """
    in_order = {number: profiles[number] for number in sorted(profiles)}
    return mode_named(settings.mode).plan(in_order, settings.crews)
