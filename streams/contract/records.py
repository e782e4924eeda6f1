"""The records on the topics: one class per schema, with the fields of `schemas/<name>.avsc`.

The schemas are the source: they say what each field means and in which unit. A test holds each
class to the fields of its schema. Records are values: whoever changes one makes a new one, so a
decoded row that is kept from batch to batch is always the row that was written.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from domain.clock import Clock, ClockState  # noqa: TC001 - the codecs read annotations
from domain.daily import SectionsAtWork, curve_of

PlanState: TypeAlias = Literal["BUILDING", "COMPLETE"]


@dataclass(frozen=True, slots=True)
class WallConfigured:
    """The settings of a wall, as submitted."""

    wall: str
    mode: str | None
    crews: int | None
    material: str


@dataclass(frozen=True, slots=True)
class ProfileSubmitted:
    """A profile, as submitted."""

    wall: str
    profile: int
    heights: list[int]


# What anybody may write, and not only the stages.
SUBMITTED = (WallConfigured, ProfileSubmitted)


@dataclass(frozen=True, slots=True)
class SettingsAccepted:
    """The settings of a wall, found valid."""

    wall: str
    mode: str
    crews: int | None
    material: str
    source_partition: int
    source_offset: int
    submitted_ms: int = 0


@dataclass(frozen=True, slots=True)
class ProfileAccepted:
    """A profile, found valid; without heights, its withdrawal."""

    wall: str
    profile: int
    heights: bytes | None
    source_partition: int
    source_offset: int
    submitted_ms: int = 0


@dataclass(frozen=True, slots=True)
class ClockSet:
    """A wall's clock, as submitted."""

    wall: str
    run: str
    state: ClockState
    day: int
    at_ms: int
    ms_per_day: int


@dataclass(frozen=True, slots=True)
class ClockTicked:
    """Whoever sends it asks for the days that are due; when, is the record's timestamp."""

    wall: str
    run: str


@dataclass(frozen=True, slots=True)
class ClockAccepted:
    """A wall's clock, found valid; without a clock, its withdrawal."""

    wall: str
    clock: Clock | None
    set_ms: int
    source_partition: int
    source_offset: int


@dataclass(frozen=True, slots=True)
class TimePassed:
    """A moment, at its place on the wall's log."""

    wall: str
    run: str
    now_ms: int


@dataclass(frozen=True, slots=True)
class BuildSection:
    """An order to a crew; batches of them are read and written in columns."""

    wall: str
    profile: int
    version: int
    section: int
    crew: str
    first_day: int
    days: int
    relieves: bool


@dataclass(frozen=True, slots=True)
class RelieveCrew:
    """An order to a crew of a pool that has no section left."""

    wall: str
    crew: str
    version: int
    day: int
    profile: int = 0
    section: int = 0


@dataclass(frozen=True, slots=True)
class ProfilePlanned:
    """A new plan of a profile, or its withdrawal."""

    wall: str
    profile: int
    version: int
    mode: str
    crews: int | None
    material: str
    sections: int
    unfinished: int
    withdrawn: bool
    submitted_ms: int = 0
    batch_version: int = -1


@dataclass(frozen=True, slots=True)
class SectionsBuilt:
    """Sections of a profile that crews built; the three lists run side by side."""

    wall: str
    profile: int
    version: int
    sections: list[int]
    first_days: list[int]
    days: list[int]

    def __post_init__(self) -> None:
        """Refuse lists that do not run side by side."""
        if not len(self.sections) == len(self.first_days) == len(self.days):
            raise ValueError("sections, first_days and days are not equally long")


@dataclass(frozen=True, slots=True)
class SectionCompleted:
    """Audit of one section; batches of them are written in columns."""

    wall: str
    profile: int
    version: int
    section: int
    crew: str
    day: int
    crew_relieved_on: int | None
    run: str | None = None
    at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class CrewRelieved:
    """Audit of a crew: one of a pool or, in a run of the wall's clock, any."""

    wall: str
    crew: str
    version: int
    day: int
    run: str | None = None
    at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class DayPassed:
    """Audit: a day of a run of the wall's clock."""

    wall: str
    run: str
    day: int
    at_ms: int
    version: int
    sections: int
    ice: int
    cost: int
    cumulative_cost: int


@dataclass(frozen=True, slots=True)
class PlanReplaced:
    """Audit: the rows of a profile change over to a newer plan."""

    wall: str
    profile: int
    old_version: int
    version: int


@dataclass(frozen=True, slots=True)
class ProfileCompleted:
    """Audit: all sections of a profile are built."""

    wall: str
    profile: int
    version: int
    day: int


@dataclass(frozen=True, slots=True)
class ProfileWithdrawn:
    """Audit: a profile and its rows were withdrawn."""

    wall: str
    profile: int
    version: int


@dataclass(frozen=True, slots=True)
class DailyUsage:
    """What a profile used on one day; batches of them are written in columns."""

    wall: str
    profile: int
    version: int
    day: int
    ice: int
    cost: int
    cumulative_cost: int


@dataclass(frozen=True, slots=True)
class ProfileTotals:
    """The totals and the curve of a profile; also its row in the overview's table."""

    wall: str
    profile: int
    version: int
    state: PlanState
    withdrawn: bool
    mode: str
    crews: int | None
    material: str
    sections: int
    days: int
    ice: int
    cost: int
    step_days: list[int]
    steps: list[int]
    published: int = -1

    def __post_init__(self) -> None:
        """Refuse lists that do not run side by side."""
        if len(self.step_days) != len(self.steps):
            raise ValueError("step_days and steps are not equally long")

    @property
    def curve(self) -> SectionsAtWork:
        """How many sections are at work each day."""
        return SectionsAtWork(tuple(zip(self.step_days, self.steps, strict=True)))

    @property
    def yd3_per_ft(self) -> int:
        """What a foot takes, in cubic yards: of the material that the amounts are of.

        The material field is that of the latest plan, which may still be being built.
        """
        return self.ice // (self.curve.feet() or 1)

    @property
    def gd_per_ft(self) -> int:
        """What a foot costs, in gold dragons: of the material that the amounts are of."""
        return self.cost // (self.curve.feet() or 1)

    def is_older_than(self, other: ProfileTotals) -> bool:
        """Whether the other replaces these: a complete plan is later than its announcement.

        Between the two, a plan before it may be published.
        """
        return (self.version, self.state == "COMPLETE", self.published) < (
            other.version, other.state == "COMPLETE", other.published,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ProfileOverview:
    """The totals of a profile, as published."""

    wall: str
    profile: int
    version: int
    state: PlanState
    sections: int
    days: int
    ice: int
    cost: int


@dataclass(frozen=True, slots=True)
class WallOverview:
    """The totals of a wall, as published."""

    wall: str
    state: PlanState
    mode: str
    crews: int | None
    material: str
    profiles: int
    sections: int
    days: int
    ice: int
    cost: int


@dataclass(frozen=True, slots=True)
class Header:
    """A header of a dead letter's original record."""

    name: str
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Shortened:
    """A part of a dead letter's original record that was too long to be kept whole."""

    part: str
    length: int
    sha256: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not be processed, and why."""

    reason: str
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[Header]
    shortened: list[Shortened] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class VersionSwitched:
    """The application version that publishes from here on."""

    version: int
    previous: int
    digest: str
    topic_ids: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HandledRow:
    """How far the lines of `wall.submissions` are handled."""

    offset: int
    timestamp: int

    def covers(self, offset: int, timestamp: int) -> bool:
        """Whether a line was handled: on a topic that was made anew, its time is later."""
        return offset <= self.offset and timestamp <= self.timestamp


@dataclass(frozen=True, slots=True)
class IntakeRow:
    """The last event accepted for a key of an input topic."""

    offset: int
    live: bool


@dataclass(frozen=True, slots=True)
class PlannerRow:
    """A profile as last accepted, or the settings of a wall."""

    changed_at: int
    source_partition: int
    source_offset: int
    heights: bytes | None
    mode: str | None
    crews: int | None
    material: str | None
    is_waiting: bool = False

    @property
    def content(self) -> tuple[bytes | None, str | None, int | None, str | None]:
        """What was accepted: rows that differ in it make different plans."""
        return self.heights, self.mode, self.crews, self.material


@dataclass(frozen=True, slots=True)
class ClockRow:
    """A wall's clock, and how far its days have been told."""

    clock: Clock | None
    told: int
    passed_run: str | None
    passed_ms: int
    position: int
    source_partition: int
    source_offset: int


@dataclass(frozen=True, slots=True)
class CrewRow:
    """The last order that a crew was given; written in columns."""

    version: int
    profile: int
    section: int
    busy_until: int
    relieved_on: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What the ledger keeps of a `ProfilePlanned`."""

    mode: str
    crews: int | None
    material: str
    sections: int
    unfinished: int
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A plan that is being built: reports of its sections may come before it is known."""

    version: int
    planned: Plan | None = None
    built_sections: list[int] = field(default_factory=list)
    built_first_days: list[int] = field(default_factory=list)
    built_days: list[int] = field(default_factory=list)
    submitted_ms: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether the plan is known, and all of its sections are built."""
        return self.planned is not None and len(self.built_sections) == self.planned.unfinished

    def apply(self, event: ProfilePlanned | SectionsBuilt) -> UnderWay:
        """The plan after an event of it."""
        if isinstance(event, SectionsBuilt):
            return self._built(event)
        plan = Plan(
            event.mode, event.crews, event.material, event.sections, event.unfinished,
            event.withdrawn,
        )  # fmt: skip
        return replace(self, planned=plan, submitted_ms=event.submitted_ms)

    def _built(self, event: SectionsBuilt) -> UnderWay:
        sections, first_days, days = event.sections, event.first_days, event.days
        built = set(self.built_sections)
        if not built.isdisjoint(sections) or len(set(sections)) != len(sections):
            # Delivered more than once, as a whole or in part.
            new = {section: at for at, section in enumerate(sections) if section not in built}
            sections = list(new)
            first_days = [first_days[at] for at in new.values()]
            days = [days[at] for at in new.values()]
        return UnderWay(
            self.version, self.planned, self.built_sections + sections,
            self.built_first_days + first_days, self.built_days + days, self.submitted_ms,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """The published plan of a profile, and those that are being built; the default has none.

    The latest plan, whose fields are the row's own, and of those between it and the published one
    a single earlier one: it goes on being built while later ones replace each other, so that a
    profile that is planned again and again, faster than it is built, is published nevertheless.
    """

    published: int = -1
    material: str | None = None
    sections: int = 0
    step_days: list[int] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    building: int = -1
    planned: Plan | None = None
    built_sections: list[int] = field(default_factory=list)
    built_first_days: list[int] = field(default_factory=list)
    built_days: list[int] = field(default_factory=list)
    submitted_ms: int = 0
    earlier: UnderWay | None = None

    @property
    def is_building(self) -> bool:
        """Whether a plan is being built that is newer than the published one."""
        return self.building > self.published

    @property
    def published_curve(self) -> SectionsAtWork:
        """How many sections are at work each day, in the published plan."""
        return SectionsAtWork(tuple(zip(self.step_days, self.steps, strict=True)))

    @property
    def latest(self) -> UnderWay:
        """The latest plan."""
        return UnderWay(
            self.building, self.planned, self.built_sections, self.built_first_days,
            self.built_days, self.submitted_ms,
        )  # fmt: skip

    def apply(self, event: ProfilePlanned | SectionsBuilt) -> LedgerRow:
        """The row after an event; the very same row if the event changes nothing.

        Events may come in any order and more than once.
        """
        version, latest, earlier = event.version, self.latest, self.earlier
        if version <= self.published:
            return self
        if version < self.building:
            if earlier is None or version != earlier.version:
                return self  # of a plan that was replaced
            return replace(self, earlier=earlier.apply(event))
        if version > self.building:
            # An earlier plan that is complete, and not published, waits for other code than this.
            if self.is_building and (earlier is None or earlier.is_complete):
                earlier = latest
            latest = UnderWay(version)
        if earlier is not None and isinstance(event, ProfilePlanned):
            # A planner that died, and took up later events too, has not sent all of its orders.
            earlier = earlier if earlier.version < event.batch_version else None
        return self._with(latest.apply(event), earlier)

    def completed(self, version: int) -> UnderWay | None:
        """The plan of a version, if it is being built and all of its sections are; None if not."""
        of = self.latest if version == self.building else self.earlier
        return of if of is not None and of.version == version and of.is_complete else None

    def publish(self, completed: UnderWay, plan: Plan) -> LedgerRow:
        """The row once a completed plan is the published one."""
        curve = curve_of(zip(completed.built_first_days, completed.built_days, strict=True))
        row = LedgerRow(
            published=completed.version,
            material=plan.material,
            sections=plan.sections,
            step_days=[day for day, _ in curve.steps],
            steps=[change for _, change in curve.steps],
        )
        is_latest = completed.version == self.building
        return row._with(UnderWay(self.building) if is_latest else self.latest, None)

    def _with(self, latest: UnderWay, earlier: UnderWay | None) -> LedgerRow:
        return LedgerRow(
            self.published, self.material, self.sections, self.step_days, self.steps,
            latest.version, latest.planned, latest.built_sections, latest.built_first_days,
            latest.built_days, latest.submitted_ms, earlier,
        )  # fmt: skip
