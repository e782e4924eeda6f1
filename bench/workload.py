"""What is built: walls of one profile each, the same bytes for every engine, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING

from domain.account import account_of
from domain.planning import plan_wall
from domain.settings import WallSettings
from domain.wall import Wall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.plan import Task

    Completed = tuple[str, int, int | None]

CREWS = 20
SECTIONS_A_WALL = 300


@dataclass(frozen=True)
class Workload:
    """Walls with a pool of crews and one profile of random heights.

    Attributes:
        label: First part of the wall ids.
        walls: Number of walls.
        seed: What the heights are drawn from.
    """

    label: str
    walls: int
    seed: int = 1

    @property
    def sections(self) -> int:
        """Sections in all, finished ones included."""
        return self.walls * SECTIONS_A_WALL

    def each(self) -> Iterator[Wall]:
        """The walls."""
        settings = WallSettings("crew-pool", CREWS)
        for number in range(self.walls):
            random = Random(f"{self.seed}/{self.label}/{number}")
            heights = bytes(random.choices(range(31), k=SECTIONS_A_WALL))
            yield Wall(f"{self.label}{number:05d}", settings, {1: heights})

    @cached_property
    def expected(self) -> Expected:
        """What the domain computes."""
        daily: dict[str, tuple[int, ...]] = {}
        overview: dict[str, tuple[int, ...]] = {}
        completed: dict[str, dict[int, Completed]] = {}
        for wall in self.each():
            whole = account_of(wall)
            for built in whole.profiles:
                key = f"{wall.id}/{built.profile}"
                for row in built.daily:
                    daily[f"{key}/{row.day}"] = (row.ice, row.cost, row.cumulative_cost)
                overview[key] = (built.sections, built.days, built.ice, built.cost)
            sections = sum(map(len, wall.profiles.values()))
            overview[wall.id] = (sections, whole.days, whole.ice, whole.cost)
            for number, plan in plan_wall(wall.settings, wall.profiles).profiles.items():
                completed[f"{wall.id}/{number}"] = {
                    task.section: _completed(task) for task in plan.tasks
                }
        return Expected(daily, overview, completed)


def _completed(task: Task) -> Completed:
    day = task.first_day + task.days - 1
    return task.crew, day, day + 1 if task.relieves else None


@dataclass(frozen=True, slots=True)
class Expected:
    """The rows that have to come out, and the audit events.

    Attributes:
        daily: Ice, cost and cumulative cost by `wall/profile/day`.
        overview: Sections, days, ice and cost by `wall` and `wall/profile`.
        completed: For each section that a crew builds, by `wall/profile` and number, what its
            SectionCompleted has to say: crew, day, and the day on which the crew is relieved.
    """

    daily: dict[str, tuple[int, ...]]
    overview: dict[str, tuple[int, ...]]
    completed: dict[str, dict[int, Completed]]

    @property
    def unfinished(self) -> int:
        """How many sections a crew builds."""
        return sum(map(len, self.completed.values()))
