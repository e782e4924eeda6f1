"""A pool of crews 1..N works through all unfinished sections of the wall as one queue.

Source: the contract. The queue is in profile order and then section order. A crew that finishes
a section on day d starts the next one in the queue on day d + 1; if several finish on the same
day, the lower crew number takes first.
"""

from __future__ import annotations

from heapq import heapreplace
from typing import TYPE_CHECKING

from domain.plan import Plan, ProfilePlan, Scope, unfinished_sections
from domain.rules import FULL_HEIGHT_FT, MAX_CREWS

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "crew-pool"
NEEDS_CREWS = True
SCOPE = Scope.EARLIER


def plan(profiles: Mapping[int, bytes], crews: int | None) -> Plan:
    """Crews 1..N, each taking the next section when it is free."""
    unfinished = sum(map(unfinished_sections, profiles.values()))
    # Crews beyond the sections never get one: a pool of a million costs no more than it builds.
    count = min(crews or 1, unfinished)
    names = [str(number) for number in range(count + 1)]
    # Day on which a crew is free, then its number, in one integer: cheap to compare, and the
    # lower number first among those that are free on a day. Ascending, so a heap as it stands.
    step = MAX_CREWS + 1
    free = [step + number for number in range(1, count + 1)]
    plans: dict[int, ProfilePlan] = {}
    for profile, heights in profiles.items():
        days = [FULL_HEIGHT_FT - height for height in heights if height < FULL_HEIGHT_FT]
        # The earliest of the free crews takes each section in turn, and is free after it.
        starts = [divmod(heapreplace(free, free[0] + of_one * step), step) for of_one in days]
        plans[profile] = ProfilePlan(
            profile,
            sections=[n for n, height in enumerate(heights, 1) if height < FULL_HEIGHT_FT],
            crews=[names[crew] for _, crew in starts],
            first_days=[first_day for first_day, _ in starts],
            days=days,
            relieves=[False] * len(days),
        )
    relieved = {names[entry % step]: entry // step for entry in free}
    return Plan(plans, relieved)
