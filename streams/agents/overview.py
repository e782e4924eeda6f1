"""Overview: add up the profiles of each wall.

Reads `wall.totals`, which is partitioned by wall. The table holds the totals and the curve of each
profile as last published, so that the worker that owns a wall answers every question about it.
"""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from domain.rules import FEET_PER_DAY
from streams.batching import Message, Messages, Outcome
from streams.contract.records import ProfileTotals, WallOverview

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.batching import BatchApp, BatchStream, BatchTable, RecordBatch, Rows
    from streams.context import StageContext, State

# Sums are made of all rows of a wall: those of the walls that changed last are kept.
WALLS_KEPT = 1_000


def register(app: BatchApp, table: BatchTable, context: StageContext) -> None:
    """Make the overview an agent of the app."""

    @app.batch_agent(context.topics.totals.name)
    async def overview(batches: BatchStream) -> None:
        async for batch in batches:
            rows = table.rows(batch.partition)
            await batch.deliver(add_up(batch, rows, context), rows)


def add_up(batch: RecordBatch, rows: Rows, context: StageContext) -> Outcome:
    """Take in a batch of profile totals and send the overviews of their walls."""
    state = context.state(rows, ProfileTotals)
    events = context.events(batch, ProfileTotals)
    walls: dict[str, WallSums] = {}
    for _, totals in events:
        sums = walls.get(totals.wall)
        if sums is None:
            sums = walls[totals.wall] = sums_of(totals.wall, rows, state)
        key = f"{totals.wall}/{totals.profile}"
        before = state.get(key)
        if before is None or before.is_older_than(totals):
            state.put(key, totals)
            sums.replace(before, totals)
    messages = Messages()
    topic = context.topics.overview
    for wall, sums in walls.items():
        _keep(sums, wall, rows)
        overview = sums.overview(wall)
        # Its key is the one that brought it here: the row belongs on this partition.
        messages.append(
            Message(topic.name, wall.encode(), None, batch.partition)
            if overview is None
            else context.message(topic, wall, overview, batch.partition)
        )
    messages.extend(events.dead_letters)
    return Outcome(messages)


def sums_of(wall: str, rows: Rows, state: State[ProfileTotals]) -> WallSums:
    """The sums of a wall: kept from an earlier batch, or made of its rows as they are now."""
    sums: WallSums | None = rows.cache.get(WallSums, {}).get(wall)
    if sums is None:
        sums = WallSums(totals for _, totals in state.scan(wall))
        if sums.has_rows:  # anybody may ask for any wall
            _keep(sums, wall, rows)
    return sums


def _keep(sums: WallSums, wall: str, rows: Rows) -> None:
    kept: dict[str, WallSums] = rows.cache.setdefault(WallSums, {})
    kept.pop(wall, None)
    kept[wall] = sums  # last in order, so last to be dropped
    if len(kept) > WALLS_KEPT:
        del kept[next(iter(kept))]


class WallSums:
    """Running sums over the profiles of a wall: a change of one profile costs the same in any wall.

    Attributes:
        profiles: Number of profiles that are not withdrawn; the other sums are of these.
        sections: Number of sections.
        ice: Material used over all days, in cubic yards.
        cost: Cost over all days, in gold dragons.
    """

    def __init__(self, rows: Iterable[ProfileTotals]) -> None:
        """Add up the rows of a wall, those of withdrawn profiles included."""
        self.profiles = self.sections = self.ice = self.cost = 0
        self._days = _Highest()
        self._building = 0
        self._latest: ProfileTotals | None = None
        # By day: the change in what a day costs, in gold dragons.
        self._spending: Counter[int] = Counter()
        for totals in rows:
            self.replace(None, totals)

    def replace(self, before: ProfileTotals | None, totals: ProfileTotals) -> None:
        """Take in the totals of a profile; they are newer than those that it had before."""
        if before is not None:
            self._count(before, -1)
        self._count(totals, +1)
        if self._latest is None or totals.version >= self._latest.version:
            self._latest = totals

    def _count(self, totals: ProfileTotals, sign: int) -> None:
        self._building += sign * (totals.state != "COMPLETE")
        if totals.withdrawn:
            return
        self.profiles += sign
        self.sections += sign * totals.sections
        self.ice += sign * totals.ice
        self.cost += sign * totals.cost
        self._days.count(totals.days, sign)
        gd_per_ft = sign * totals.gd_per_ft
        for day, change in zip(totals.step_days, totals.steps, strict=True):
            self._spending[day] += change * gd_per_ft
            if not self._spending[day]:
                del self._spending[day]

    @property
    def has_rows(self) -> bool:
        """Whether the wall has a profile, or had one that was withdrawn."""
        return self._latest is not None

    def cost_by(self, day: int) -> int:
        """Cost of all profiles by the end of a day, in gold dragons."""
        return FEET_PER_DAY * sum(
            change * (day + 1 - since) for since, change in self._spending.items() if since <= day
        )

    def overview(self, wall: str) -> WallOverview | None:
        """The overview of the wall; None if it has no profile left."""
        if not self.profiles or self._latest is None:
            return None
        return WallOverview(
            wall=wall,
            state="BUILDING" if self._building else "COMPLETE",
            mode=self._latest.mode,
            crews=self._latest.crews,
            material=self._latest.material,
            profiles=self.profiles,
            sections=self.sections,
            days=self._days.value,
            ice=self.ice,
            cost=self.cost,
        )


class _Highest:
    """The highest of numbers that come and go."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        # Each number of the counts once, negated: the highest comes first.
        self._heap: list[int] = []

    def count(self, number: int, sign: int) -> None:
        """Add a number, or take it away."""
        if number not in self._counts:
            self._counts[number] = 0
            heappush(self._heap, -number)
        self._counts[number] += sign

    @property
    def value(self) -> int:
        """The highest; 0 if there is none."""
        while self._heap and not self._counts[-self._heap[0]]:
            del self._counts[-heappop(self._heap)]
        return -self._heap[0] if self._heap else 0
