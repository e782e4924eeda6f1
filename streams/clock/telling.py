"""Telling: what happens on the days that pass on walls' clocks, on `wall.simulation.events`.

The planner, which reads the walls' logs, calls this for each event at its place there. The table
has each wall's clock, and how far the days of its run have been told. A day is told by the plan
that is in force at the place of the tick: sections that are completed, crews that are relieved,
and once those can be read, that the day passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.clock import Telling
from streams import metrics
from streams.batching import Messages
from streams.contract.records import ClockRow, CrewRelieved, DayPassed, SectionCompleted
from streams.contract.topics import partition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from domain.clock import DueDay
    from domain.days import Completed, PlanDays
    from streams.batching import Rows
    from streams.context import StageContext
    from streams.contract.records import ClockAccepted, TimePassed


@dataclass(frozen=True, slots=True)
class WallPlan:
    """The plan of a wall that is in force at a place on its log.

    Attributes:
        days: What happens on each day.
        versions: Versions of the plans of its profiles, by number.
        version: The highest of them; that of the settings if there is none.
    """

    days: PlanDays
    versions: Mapping[int, int]
    version: int


def running_clocks(rows: Rows, context: StageContext) -> dict[str, Telling]:
    """The clocks of a partition that run, by wall: kept from batch to batch, not to be changed."""
    running: dict[str, Telling] | None = rows.cache.get(running_clocks)
    if running is None:
        decode = context.codecs.of(ClockRow).decode
        found = {key.decode(): _telling(decode(value)) for key, value in rows.scan(b"")}
        running = {wall: telling for wall, telling in found.items() if _runs(telling)}
        rows.cache[running_clocks] = running
    return running


class Teller:
    """Tells the days that become due in a batch.

    Attributes:
        messages: What happened.
        announcements: That days passed: to be sent once all of `messages` can be read.
    """

    def __init__(
        self, rows: Rows, plan_of: Callable[[str], WallPlan], context: StageContext
    ) -> None:
        """Tell on rows of the clock's table; `plan_of` gives a wall's plan as it is now."""
        self.messages = Messages()
        self.announcements = Messages()
        self._state = context.state(rows, ClockRow)
        self._running = running_clocks(rows, context)
        self._plan_of = plan_of
        self._context = context
        # From batch to batch. A plan takes time to make and memory for each section: it is kept
        # while its days are being told, and after that only on which day it ends.
        self._plans: dict[str, WallPlan] = rows.cache.setdefault(WallPlan, {})
        self._ends: dict[str, int] = rows.cache.setdefault(Teller, {})

    def set_clock(self, event: ClockAccepted, offset: int) -> None:
        """Set a wall's clock, and tell what was due before that.

        Args:
            event: The clock.
            offset: Where that is on the wall's log, as in the methods below.
        """
        row = self._state.get(event.wall) or NO_ROW
        source = event.source_partition, event.source_offset
        if offset <= row.position or (
            row.source_partition == source[0] and row.source_offset >= source[1]
        ):
            return  # delivered again
        before = _telling(row)
        last_day = self._last_day(event.wall) if before.clock else 0
        days, then = before.set_clock(event.clock, event.set_ms, last_day)
        self._tell(event.wall, days)
        self._tell_what_is_due(event.wall, then, offset, source)

    def pass_time(self, event: TimePassed, offset: int) -> None:
        """Note that it became later on a wall's clock, and tell what is due by then."""
        row = self._state.get(event.wall) or NO_ROW
        before = _telling(row)
        then = before.pass_time(event.run, event.now_ms)
        if offset > row.position and then is not before:
            source = row.source_partition, row.source_offset
            self._tell_what_is_due(event.wall, then, offset, source)

    def change_plan(self, wall: str, offset: int) -> None:
        """Note that a wall has another plan from here on, and tell what that makes due."""
        self._plans.pop(wall, None)
        self._ends.pop(wall, None)
        running = self._running.get(wall)
        if running is None or not running.owes:
            return
        row = self._state.get(wall) or NO_ROW
        # A crash may have left the clock of a later place on the log than that of the plan.
        if offset > row.position:
            source = row.source_partition, row.source_offset
            self._tell_what_is_due(wall, running, offset, source)

    def _tell_what_is_due(
        self, wall: str, telling: Telling, offset: int, source: tuple[int, int]
    ) -> None:
        if telling.owes:
            days, telling = telling.tell(self._last_day(wall))
            self._tell(wall, days)
        runs = _runs(telling)
        if runs:
            self._running[wall] = telling
        else:
            self._running.pop(wall, None)
        if not runs or telling.owes:
            self._plans.pop(wall, None)
        row = ClockRow(
            telling.clock, telling.told, telling.passed_run, telling.passed_ms, offset, *source
        )
        self._state.put(wall, row, keep=runs)

    def _plan(self, wall: str) -> WallPlan:
        plan = self._plans.get(wall)
        if plan is None:
            plan = self._plans[wall] = self._plan_of(wall)
            self._ends[wall] = plan.days.last
        return plan

    def _last_day(self, wall: str) -> int:
        end = self._ends.get(wall)
        return self._plan(wall).days.last if end is None else end

    def _tell(self, wall: str, days: Sequence[DueDay]) -> None:
        if not days:
            return
        plan = self._plan(wall)
        for due in days:
            for completed in plan.days.completed(due.day):
                self._tell_completed(wall, due, completed, plan.versions[completed.profile])
            self._tell_relieved(wall, due, plan)
        amounts = [plan.days.amounts(due.day) for due in days]
        encode = self._context.codecs.of(DayPassed).encoder(
            "day", "at_ms", "sections", "ice", "cost", "cumulative_cost"
        )
        # All are of one run: `Telling` tells those of another apart.
        values = encode(
            {"wall": wall, "run": days[0].run, "version": plan.version},
            [due.day for due in days],
            [due.at_ms for due in days],
            *zip(*amounts, strict=True),
        )
        topic = self._context.topics.events.name
        self.announcements.add(topic, [wall.encode()] * len(days), values)
        metrics.DAYS_TOLD.inc(len(days))

    def _tell_completed(self, wall: str, due: DueDay, completed: Completed, version: int) -> None:
        subject = f"{wall}/{completed.profile}"
        section_keys = subject.encode() + b"/%d"
        encode = self._context.codecs.of(SectionCompleted).encoder("section", "crew")
        of_profile = {
            "wall": wall, "profile": completed.profile, "version": version, "day": due.day,
            "crew_relieved_on": None, "run": due.run, "at_ms": due.at_ms,
        }  # fmt: skip
        # Where the events are that were told of the profile when it was planned.
        self.messages.add(
            self._context.topics.events.name,
            [section_keys % section for section in completed.sections],
            encode(of_profile, completed.sections, completed.crews),
            partition_of(subject, self._context.partitions),
        )

    def _tell_relieved(self, wall: str, due: DueDay, plan: WallPlan) -> None:
        relieved = plan.days.relieved(due.day)
        if not relieved:
            return
        crews = [crew for crew, _ in relieved]
        versions = [
            plan.version if profile is None else plan.versions[profile] for _, profile in relieved
        ]
        encode = self._context.codecs.of(CrewRelieved).encoder("crew", "version")
        of_day = {"wall": wall, "day": due.day, "run": due.run, "at_ms": due.at_ms}
        crew_keys = wall.encode() + b"/crew/%b"
        self.messages.add(
            self._context.topics.events.name,
            [crew_keys % crew.encode() for crew in crews],
            encode(of_day, crews, versions),
        )


NO_ROW = ClockRow(None, 0, None, 0, position=-1, source_partition=-1, source_offset=-1)


def _telling(row: ClockRow) -> Telling:
    return Telling(row.clock, row.told, row.passed_run, row.passed_ms)


def _runs(telling: Telling) -> bool:
    return telling.clock is not None and telling.clock.state == "RUNNING"
