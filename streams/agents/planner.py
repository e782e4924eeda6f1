"""Planner: apply the events of a wall's log, and order its crews to build what they change.

Reads `wall.accepted`. The table holds a wall's settings and profiles as last accepted, each with
the offset of the event that last changed it. The version of a profile's plan is the highest of
the offsets that the plan depends on: those of the settings and of the profile, and, in modes
whose crews go from one profile to the next, of all profiles before it. So it is a function of the
log alone, and grows with every change. Only profiles whose version changed are planned again.

Time is on that log, too: where a wall's clock is set, or it becomes later on it, the days that are
due are told by the plan in force there, see `streams.clock.telling`.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import asdict, replace
from functools import partial
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from domain.days import PlanDays
from domain.errors import InvalidWall
from domain.materials import material_named
from domain.modes import mode_named
from domain.plan import Plan, ProfilePlan, Scope, unfinished_sections
from domain.planning import plan_wall
from domain.settings import WallSettings, checked_settings
from streams import metrics
from streams.batching import Column, LaterColumn, Messages, Outcome
from streams.cells import booleans, keyed, numbers
from streams.clock.telling import Teller, WallPlan
from streams.contract.reasons import Reason
from streams.contract.records import (
    BuildSection,
    ClockAccepted,
    PlannerRow,
    ProfileAccepted,
    ProfilePlanned,
    RelieveCrew,
    SettingsAccepted,
    TimePassed,
)
from streams.logs import Sparing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.batching import BatchApp, BatchStream, BatchTable, Record, RecordBatch, Rows
    from streams.context import StageContext, State

told = Sparing(logging.getLogger(__name__))

# A batch is cut at about this many sections, so that crews begin while the planner goes on. Records
# of one wall stay together for longer: in a pool, each batch plans all later profiles again.
SECTIONS_PER_BATCH = 20_000
SECTIONS_OF_A_WALL = 200_000
# A million sections that are planned at once take 350 megabytes, and the event loop for a second.
# If other settings change more, each profile is planned when it is its turn to be sent.
SECTIONS_IN_MEMORY = 1_000_000
# The plan of a pool is one piece: so many sections take 2.4 gigabytes, and the event loop for seven
# seconds, while what is in flight has to be acknowledged within the session timeout.
SECTIONS_AT_ONCE = 10_000_000

SETTINGS = 0  # stands for a wall's settings where a profile number is expected

# What holds before any event: an event that says the same changes nothing.
NO_PROFILE = PlannerRow(-1, -1, -1, heights=None, mode=None, crews=None, material=None)
DEFAULTS = PlannerRow(-1, -1, -1, heights=None, **asdict(WallSettings()))


def register(
    app: BatchApp, table: BatchTable, clock_table: BatchTable, context: StageContext
) -> None:
    """Make the planner an agent of the app."""

    def value_bytes(record: Record) -> int:
        # A height is one byte: the length of the value is about the number of sections.
        return len(record.value or b"")

    @app.batch_agent(
        context.topics.accepted.name,
        weight=value_bytes,
        limit=SECTIONS_PER_BATCH,
        limit_of_key=SECTIONS_OF_A_WALL,
    )
    async def planner(batches: BatchStream) -> None:
        async for batch in batches:
            # Clocks first: if a crash leaves plans without them, days would be told a second time,
            # by a later plan.
            await batch.handle(
                lambda part, clocks, rows: plan(part, rows, clocks, context), clock_table, table
            )


def plan(batch: RecordBatch, rows: Rows, clocks: Rows, context: StageContext) -> Outcome:
    """Apply a batch of accepted events: send the plans that they change, tell days that are due."""
    state = context.state(rows, PlannerRow)
    teller = Teller(clocks, partial(_plan_in_force, state=state), context)
    events = context.events(batch, ProfileAccepted, SettingsAccepted, ClockAccepted, TimePassed)
    changed: dict[str, dict[int, Record]] = defaultdict(dict)
    submitted_ms: dict[int, int] = {}  # by the version that an event gives to plans
    for record, event in events:
        if isinstance(event, TimePassed):
            teller.pass_time(event, record.offset)
            continue
        if isinstance(event, ClockAccepted):
            teller.set_clock(event, record.offset)
            continue
        profiles = changed[event.wall]
        profile = event.profile if isinstance(event, ProfileAccepted) else SETTINGS
        version = context.plan_version(record.offset)
        if _apply(event, profile, version, state):
            profiles[profile] = record
            submitted_ms[version] = event.submitted_ms
            teller.change_plan(event.wall, record.offset)
    messages, orders = teller.messages, _Orders(context)
    batch_version = context.plan_version(batch.records[0].offset)
    for wall, profiles in changed.items():
        try:
            messages.extend(
                _plans(wall, set(profiles), submitted_ms, batch_version, state, orders, context)
            )
            if profiles:
                told(
                    logging.INFO, "wall %s: %d events change its plan, the last at offset %d",
                    wall, len(profiles), max(record.offset for record in profiles.values()),
                )  # fmt: skip
        except InvalidWall as error:
            reason = f"{error}; wall {wall} keeps its plan until it can be planned: submit it then"
            letters = (
                context.dead_letter(batch, record, reason, Reason.CONTENT)
                for record in profiles.values()
            )
            messages.extend(Messages(*letters))
    messages.extend(orders.messages())
    messages.extend(events.dead_letters)
    return Outcome(messages, teller.announcements)


def _apply(
    event: ProfileAccepted | SettingsAccepted, profile: int, version: int, state: State[PlannerRow]
) -> bool:
    """Write the event to its row; whether it changes what is to be built."""
    key = f"{event.wall}/{profile}" if profile else event.wall
    before = state.get(key) or (NO_PROFILE if profile else DEFAULTS)
    partition, offset = event.source_partition, event.source_offset
    if before.source_partition == partition and before.source_offset >= offset:
        return False  # delivered again
    if isinstance(event, ProfileAccepted):
        row = PlannerRow(version, partition, offset, event.heights, None, None, None)
    else:
        row = PlannerRow(version, partition, offset, None, event.mode, event.crews, event.material)
    changes = row.content != before.content
    changed_at = version if changes else before.changed_at
    state.put(key, replace(row, changed_at=changed_at, is_waiting=before.is_waiting))
    return changes


def _plans(
    wall: str,
    changed: set[int],
    submitted_ms: Mapping[int, int],
    batch_version: int,
    state: State[PlannerRow],
    orders: _Orders,
    context: StageContext,
) -> Messages:
    """Plan and order a wall's changed profiles, and those that depend on them; tells the plans.

    Raises:
        InvalidWall: Its settings are of other code than this, or it is too large for a pool. The
            wall waits: it is planned as a whole at the next event, new or delivered again, once it
            can be.
    """
    settings_row = state.get(wall) or DEFAULTS
    if settings_row.is_waiting:
        changed = {SETTINGS, *map(int, state.keys(wall))}
    if not changed:
        return Messages()
    try:
        settings = _settings(settings_row)
        depends_on_earlier = mode_named(settings.mode).SCOPE is Scope.EARLIER
        if depends_on_earlier or SETTINGS in changed:
            rows = {int(number): row for number, row in state.scan(wall)}
        else:
            found = ((number, state.get(f"{wall}/{number}")) for number in changed)
            rows = {number: row for number, row in found if row is not None}
        heights = _heights(rows)
        later = not depends_on_earlier and _sections(heights) > SECTIONS_IN_MEMORY
        plans = Plan({}) if later else _planned(settings, heights)
    except InvalidWall:
        if not settings_row.is_waiting:
            state.put(wall, replace(settings_row, is_waiting=True))
        raise
    if settings_row.is_waiting:
        state.put(wall, replace(settings_row, is_waiting=False))
    messages = Messages()
    version = settings_row.changed_at
    first_changed = min(changed)
    for number, version in _versions(settings_row.changed_at, settings, rows).items():
        withdrawn = number not in heights
        if number < first_changed or (withdrawn and number not in changed):
            continue
        profile_heights = b"" if withdrawn else heights[number]
        if later:
            orders.build_later(wall, number, version, settings, profile_heights)
        elif not withdrawn:
            orders.build(wall, number, version, plans.profiles[number])
        planned = ProfilePlanned(
            wall=wall,
            profile=number,
            version=version,
            mode=settings.mode,
            crews=settings.crews,
            material=settings.material,
            sections=len(profile_heights),
            unfinished=unfinished_sections(profile_heights),
            withdrawn=withdrawn,
            submitted_ms=submitted_ms.get(version, 0),
            batch_version=batch_version,
        )
        messages.append(context.message(context.topics.progress, f"{wall}/{number}", planned))
    orders.relieve(wall, version, plans)
    return messages


def _plan_in_force(wall: str, state: State[PlannerRow]) -> WallPlan:
    """A wall's plan as it is now; of a wall that waits, see `_plans`, an empty one."""
    settings_row = state.get(wall) or DEFAULTS
    rows = {int(number): row for number, row in state.scan(wall)}
    try:
        settings = _settings(settings_row)
        plans = _planned(settings, _heights(rows))
    except InvalidWall:
        settings, rows, plans = WallSettings(), {}, Plan({})
    days = PlanDays(plans, material_named(settings.material))
    versions = _versions(settings_row.changed_at, settings, rows)
    return WallPlan(days, versions, max(versions.values(), default=settings_row.changed_at))


def _versions(
    settings_at: int, settings: WallSettings, rows: dict[int, PlannerRow]
) -> dict[int, int]:
    """The versions of the plans of profiles, withdrawn ones included, in number order."""
    depends_on_earlier = mode_named(settings.mode).SCOPE is Scope.EARLIER
    versions: dict[int, int] = {}
    version = settings_at
    for number in sorted(rows):
        earlier = version if depends_on_earlier else settings_at
        version = versions[number] = max(earlier, rows[number].changed_at)
    return versions


def _heights(rows: dict[int, PlannerRow]) -> dict[int, bytes]:
    """Starting heights by profile, of those that were not withdrawn."""
    return {number: row.heights for number, row in rows.items() if row.heights is not None}


class _Orders:
    """The orders of a batch, gathered from all plans: they are encoded in columns."""

    def __init__(self, context: StageContext) -> None:
        self._context = context
        self._plans: list[_Tasks] = []
        self._later = Messages()
        self._reliefs = Messages()

    def build(self, wall: str, profile: int, version: int, tasks: ProfilePlan) -> None:
        """Order a crew to each task of a profile's plan."""
        if tasks:
            self._plans.append(_Tasks(wall, profile, version, tasks))

    def build_later(
        self, wall: str, profile: int, version: int, settings: WallSettings, heights: bytes
    ) -> None:
        """As `build`, of a profile that is planned by itself when the orders are to be sent."""

        def make() -> Column:
            tasks = plan_wall(settings, {profile: heights}).profiles[profile]
            return _orders([_Tasks(wall, profile, version, tasks)], self._context)

        topic = self._context.topics.build_commands.name
        count = unfinished_sections(heights)
        if count:
            self._later.columns.append(LaterColumn(topic, count, make))

    def relieve(self, wall: str, version: int, plans: Plan) -> None:
        """Order each crew of a pool that has no section left to leave, and name its last one."""
        last: dict[str, tuple[int, int]] = {}
        for number in sorted(plans.profiles) if plans.relieved else ():
            tasks = plans.profiles[number]
            last.update(zip(tasks.crews, zip(repeat(number), tasks.sections), strict=True))
        encode = self._context.codecs.of(RelieveCrew).encoder("crew", "day", "profile", "section")
        crews, days = plans.relieved.keys(), plans.relieved.values()
        profiles, sections = zip(*map(last.__getitem__, crews), strict=True) if crews else ((), ())
        self._reliefs.add(
            self._context.topics.build_commands.name,
            [f"{wall}/{crew}".encode() for crew in crews],
            encode({"wall": wall, "version": version}, crews, days, profiles, sections),
        )

    def messages(self) -> Messages:
        """All orders: a crew is told what to build before it is relieved."""
        messages, first, count = Messages(), 0, 0
        for after, of_one in enumerate(self._plans, start=1):
            count += len(of_one.tasks)
            if count >= SECTIONS_PER_BATCH or after == len(self._plans):
                messages.columns.append(_orders(self._plans[first:after], self._context))
                first, count = after, 0
        messages.extend(self._later)
        messages.extend(self._reliefs)
        return messages


class _Tasks(NamedTuple):
    """The tasks of one profile's plan."""

    wall: str
    profile: int
    version: int
    tasks: ProfilePlan


def _orders(plans: Sequence[_Tasks], context: StageContext) -> Column:
    """An order to a crew for each task of some plans."""

    def column(name: str) -> list[Any]:
        return list(chain.from_iterable(getattr(plan.tasks, name) for plan in plans))

    encode = context.codecs.of(BuildSection).column_encoder(
        "section", "crew", "first_day", "days", "relieves"
    )
    counts = [len(plan.tasks) for plan in plans]
    metrics.SECTIONS_PLANNED.inc(sum(counts))
    crews = column("crews")
    return Column(
        context.topics.build_commands.name,
        keyed([f"{plan.wall}/".encode() for plan in plans], counts, crews),
        encode(
            [(plan._asdict(), len(plan.tasks)) for plan in plans],
            numbers(column("sections")), crews, numbers(column("first_days")),
            numbers(column("days")), booleans(column("relieves")),
        ),
    )  # fmt: skip


def _planned(settings: WallSettings, heights: dict[int, bytes]) -> Plan:
    """The plans of profiles; raises InvalidWall if these are too many sections for one event."""
    sections = _sections(heights)
    if sections > SECTIONS_AT_ONCE:
        raise InvalidWall(
            f"{sections:,} sections would have to be planned at once, of {SECTIONS_AT_ONCE:,} that "
            "can be: set a mode that plans each profile by itself, or divide it into several walls"
        )
    return plan_wall(settings, heights)


def _sections(heights: dict[int, bytes]) -> int:
    return sum(map(len, heights.values()))


def _settings(row: PlannerRow) -> WallSettings:
    """The settings of a wall; raises InvalidWall if this code does not know them."""
    if row.mode is None or row.material is None:
        return WallSettings()  # a profile's row has none
    return checked_settings(row.mode, row.crews, row.material)
