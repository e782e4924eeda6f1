"""The replica: the rows of the compacted topics in memory, wall by wall.

Rows are folded on the event loop, so that an answer never sees half of a batch. The replica holds
what the stages' changelogs hold and nothing else: it is right when it has read them to their ends,
whatever the workers do meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from domain.errors import InvalidWall
from domain.modes import mode_named
from domain.plan import Scope
from domain.settings import WallSettings
from streams.contract.sums import WallSums
from streams.views.answers import NotThere

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from domain.clock import Clock
    from streams.contract.records import ClockRow, PlannerRow, ProfileOverview, ProfileTotals

R = TypeVar("R")

DEFAULTS = WallSettings()
SETTINGS = 0
"""Stands for a wall's settings where a profile number is expected."""


class Submitted(Enum):
    """What an event on an input topic is."""

    VALID = "it will be accepted"
    BAD = "it will be a dead letter"
    TOMBSTONE = "it withdraws its key"


class Source(NamedTuple):
    """Where a row stands on its topic."""

    partition: int
    offset: int


class Change(NamedTuple):
    """A record as the follower read it.

    Attributes:
        kind: Which of the replica's tables it is of, by its name in `WallRows`.
        key: Its key, as text.
        source: Where it stands on its topic.
        row: The decoded record; None for a tombstone.
        mark: A hash of key and value.
    """

    kind: str
    key: str
    source: Source
    row: Any
    mark: int


class Touched(NamedTuple):
    """What changed.

    Attributes:
        profiles: Profiles by wall; SETTINGS stands for a wall's settings.
        clocks: Walls whose clock was set, or days of it told.
    """

    profiles: dict[str, set[int]]
    clocks: set[str]


def mark_of(key: bytes, value: bytes) -> int:
    """64 bits that differ if key or value do."""
    return int.from_bytes(blake2b(key + b"\0" + value, digest_size=8).digest())


@dataclass(frozen=True, slots=True)
class Row(Generic[R]):
    """A row of a table."""

    record: R
    source: Source
    mark: int


class Table(dict[int, Row[R]], Generic[R]):
    """Rows of one wall by profile number, and a mark of all of them together.

    Equal rows have equal marks, in any process and whatever order they came in.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mark = 0

    def replace(self, profile: int, row: Row[R] | None) -> None:
        """Set a row, or remove it."""
        before = self.pop(profile, None)
        if before is not None:
            self.mark ^= before.mark
        if row is not None:
            self[profile] = row
            self.mark ^= row.mark


class WallRows:
    """All rows of one wall.

    Attributes:
        wall: The wall's id.
        plans: Profiles as last accepted, and the wall's settings under SETTINGS: the planner's.
        totals: Totals and curves: the overview's. Of a withdrawn profile they say so.
        published: Totals as they are on `wall.overview`; they name the version of the amounts.
        submitted: What the latest event of each key on the input topics is.
        clocks: The wall's clock as it was last set, under SETTINGS; or that it was withdrawn.
        told: How far the days of its run were told, under SETTINGS.
        sums: Sums over the totals.
    """

    def __init__(self, wall: str) -> None:
        """A wall without rows."""
        self.wall = wall
        self.plans: Table[PlannerRow] = Table()
        self.totals: Table[ProfileTotals] = Table()
        self.published: Table[ProfileOverview] = Table()
        self.submitted: Table[Submitted] = Table()
        self.clocks: Table[Clock | Submitted] = Table()
        self.told: Table[ClockRow] = Table()
        self.sums = WallSums(())

    def replace(self, kind: str, profile: int, row: Row[Any] | None) -> None:
        """Set a row of the table of that name, or remove it."""
        table: Table[Any] = getattr(self, kind)
        if table is self.totals:
            before = self.totals.get(profile)
            if row is not None:
                self.sums.replace(before.record if before is not None else None, row.record)
            elif before is not None:
                others = (r.record for number, r in self.totals.items() if number != profile)
                self.sums = WallSums(others)
        table.replace(profile, row)

    def forget_derived(self) -> None:
        """Rows have changed: what was made of them is made anew when it is next asked for."""
        for name in DERIVED:
            self.__dict__.pop(name, None)

    @property
    def tag(self) -> str:
        """Changes with any row that an answer is made of; equal in all processes."""
        return f"{self.plans.mark ^ self.totals.mark ^ self.published.mark:016x}"

    @property
    def picture_tag(self) -> str:
        """Changes with the plan as last accepted."""
        return f"{self.plans.mark:016x}"

    @property
    def clock(self) -> Clock | None:
        """The clock as it was last set; None if the wall has none.

        Workers may be behind the input topic. But where a bad record came last, and compaction
        has taken the good one before it, only the workers' table has it.
        """
        given, accepted = self.clocks.get(SETTINGS), self.told.get(SETTINGS)
        if accepted is not None and (
            given is None or given.source.offset <= accepted.record.source_offset
        ):
            return accepted.record.clock
        return None if given is None or isinstance(given.record, Submitted) else given.record

    @property
    def told_day(self) -> int:
        """The last day of the clock's run that was told, or that was taken as done."""
        clock, row = self.clock, self.told.get(SETTINGS)
        if clock is None:
            return 0
        told = row.record.told if row is not None and _run_of(row.record) == clock.run else 0
        return max(told, clock.day)

    @cached_property
    def settings(self) -> WallSettings:
        """The settings as last accepted, or the defaults."""
        row = self.plans.get(SETTINGS)
        if row is None:
            return DEFAULTS
        found = row.record
        return WallSettings(
            found.mode or DEFAULTS.mode, found.crews, found.material or DEFAULTS.material
        )

    @cached_property
    def heights(self) -> dict[int, bytes]:
        """Starting heights in feet, one byte a section, of the profiles as last accepted."""
        return {
            number: row.record.heights
            for number, row in sorted(self.plans.items())
            if number != SETTINGS and row.record.heights is not None
        }

    @cached_property
    def all_totals(self) -> dict[int, ProfileTotals]:
        """The totals by profile number, those of withdrawn profiles included."""
        return {number: row.record for number, row in self.totals.items()}

    @cached_property
    def live_totals(self) -> list[ProfileTotals]:
        """The totals of the profiles that are not withdrawn, in number order."""
        rows = (row.record for _, row in sorted(self.totals.items()))
        return [record for record in rows if not record.withdrawn]

    @cached_property
    def profiles(self) -> list[int]:
        """The profiles there are: those with totals, and those that are accepted."""
        return sorted({totals.profile for totals in self.live_totals} | self.heights.keys())

    @cached_property
    def version(self) -> int:
        """The version of the wall's plan as last accepted; -1 if there is none."""
        return max((row.record.changed_at for row in self.plans.values()), default=-1)

    @cached_property
    def each_depends_on_earlier(self) -> bool:
        """Whether a profile's plan depends on those before it.

        Of a mode that newer code has accepted, nothing is known: the wall waits for that code.
        """
        try:
            return mode_named(self.settings.mode).SCOPE is Scope.EARLIER
        except InvalidWall:
            return False

    @cached_property
    def due_versions(self) -> dict[int, int]:
        """The version of each profile's plan as last accepted, by the planner's rule."""
        settings = self.plans.get(SETTINGS)
        earlier = of_settings = settings.record.changed_at if settings else -1
        due = {}
        for number, row in sorted(self.plans.items()):
            if number == SETTINGS:
                continue
            changed_at = row.record.changed_at
            earlier = max(earlier, changed_at)
            if row.record.heights is None:
                due[number] = changed_at  # withdrawn: nothing else changes that
            elif self.each_depends_on_earlier:
                due[number] = earlier
            else:
                due[number] = max(of_settings, changed_at)
        return due

    def is_new(self, profile: int) -> bool:
        """Whether there are no amounts of a profile yet."""
        row = self.totals.get(profile)
        return row is None or row.record.withdrawn

    def is_complete(self, profile: int) -> bool:
        """Whether a profile's amounts are those of the plan as last accepted."""
        totals = self.totals.get(profile)
        return (
            totals is not None
            and totals.record.state == "COMPLETE"
            and totals.record.version >= self.due_versions.get(profile, -1)
        )

    @cached_property
    def complete(self) -> bool:
        """Whether all amounts are those of the wall's plan as last accepted."""
        return all(map(self.is_complete, self.totals.keys() | self.due_versions.keys()))


DERIVED = [name for name, value in vars(WallRows).items() if isinstance(value, cached_property)]


class Replica:
    """All walls, as far as the topics were read."""

    def __init__(self) -> None:
        self.walls: dict[str, WallRows] = {}

    def fold(self, changes: Iterable[Change]) -> Touched:
        """Take in records in the order of their partitions; what changed by that."""
        touched = Touched({}, set())
        for kind, key, source, record, mark in changes:
            wall, profile = split_key(key)
            rows = self.walls.get(wall)
            if rows is None:
                rows = self.walls[wall] = WallRows(wall)
            rows.replace(kind, profile, None if record is None else Row(record, source, mark))
            if kind in ("clocks", "told"):
                touched.clocks.add(wall)
            else:
                touched.profiles.setdefault(wall, set()).add(profile)
        for wall in touched.profiles:
            self.walls[wall].forget_derived()
        return touched

    def wall(self, wall: str) -> WallRows:
        """The rows of a wall.

        Raises:
            NotThere: It has no profile.
        """
        rows = self.walls.get(wall)
        if rows is None or not rows.profiles:
            raise NotThere(f"there is no wall {wall}; submit one first")
        return rows

    def live_walls(self) -> Iterator[WallRows]:
        """The walls that have a profile, in the order of their ids."""
        for _, rows in sorted(self.walls.items()):
            if rows.profiles:
                yield rows


def _run_of(row: ClockRow) -> str | None:
    return row.clock.run if row.clock is not None else None


def split_key(key: str) -> tuple[str, int]:
    """Wall and profile of a key that is a wall id, or wall id/profile."""
    wall, slash, number = key.rpartition("/")
    # One spelling a number: 01 is not 1.
    if slash and number.isascii() and number.isdecimal() and not number.startswith("0"):
        return wall, int(number[:10])
    return key, SETTINGS
