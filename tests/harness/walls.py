"""Walls that several tests build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from domain.planning import plan_wall

if TYPE_CHECKING:
    from random import Random

    from domain.plan import Task
    from domain.settings import WallSettings

EXERCISE_CONFIG = "21 25 28\n17\n17 22 17 19 17\n"
EXERCISE = {1: bytes([21, 25, 28]), 2: bytes([17]), 3: bytes([17, 22, 17, 19, 17])}

profiles = st.binary(min_size=1, max_size=12).map(lambda found: bytes(x % 31 for x in found))
"""Hypothesis strategy: starting heights of 1 to 12 sections."""

walls = st.lists(profiles, min_size=1, max_size=6).map(lambda found: dict(enumerate(found, 1)))
"""Hypothesis strategy: starting heights by profile number, 1 to 6 profiles."""


def tasks_of(settings: WallSettings, wall: dict[int, bytes]) -> list[Task]:
    """The tasks of all profiles, in order."""
    plans = plan_wall(settings, wall).profiles
    return [task for number in sorted(plans) for task in plans[number].tasks]


def large_wall(random: Random, profiles: int, sections: int) -> str:
    """A config of many sections, whose heights rise and fall as hills do."""
    lines = []
    for _ in range(profiles):
        height, heights = random.randrange(4, 22), []
        for _ in range(sections):
            height = min(30, max(0, height + random.choice((-2, -1, -1, 0, 0, 1, 1, 2))))
            heights.append(str(height))
        lines.append(" ".join(heights))
    return "\n".join(lines) + "\n"
