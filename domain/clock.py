"""The clock of a wall: which day of the build it is, and when each day is due.

A clock says how many days were done at one moment, and how long a day takes. All else follows
from the time: nothing has to count, and who reads a clock late reads the same. So whoever starts,
pauses, resumes or stops one writes what it then is, never what is to be done with the one before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, TypeAlias

from domain.errors import ClockConflict, InvalidWall, quoted
from domain.rules import MAX_CLOCK_SKEW_MS, MAX_DAY, MAX_MS_PER_DAY, MIN_MS_PER_DAY, NAME

ClockState: TypeAlias = Literal["RUNNING", "PAUSED", "STOPPED"]
"""What a clock does: days pass; none does until it is resumed; the run is over."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock, as it was set.

    Attributes:
        run: Names the run: from a start to a stop, pauses included.
        state: What it does.
        day: Days done at `at_ms`; 0 before the first.
        at_ms: When that was, in milliseconds since the epoch.
        ms_per_day: How long a day takes, in milliseconds.
    """

    run: str
    state: ClockState
    day: int
    at_ms: int
    ms_per_day: int

    def day_at(self, now_ms: int) -> int:
        """Days done at a time, in milliseconds since the epoch."""
        if self.state != "RUNNING":
            return self.day
        return min(MAX_DAY, self.day + max(0, now_ms - self.at_ms) // self.ms_per_day)

    def held_at(self, now_ms: int, last_day: int) -> int:
        """Days done at a time, of a plan on whose last day this clock goes no further."""
        # Not back below the day that it was set to: that may be beyond the plan.
        return max(self.day, min(self.day_at(now_ms), last_day))

    def due_ms(self, day: int) -> int:
        """When a day is done, in milliseconds since the epoch."""
        return self.at_ms + (day - self.day) * self.ms_per_day


def checked_clock(
    run: str, state: ClockState, day: int, at_ms: int, ms_per_day: int, recorded_ms: int
) -> Clock:
    """The clock, if it may be set so.

    Args:
        run: As in `Clock`, like the next four.
        state: What it does.
        day: Days done.
        at_ms: When that was.
        ms_per_day: How long a day takes.
        recorded_ms: When the broker took the record that sets it, in milliseconds since the
            epoch. Not the time of now: a record that is read again is judged as it was at first.

    Raises:
        InvalidWall: Something is out of bounds.
    """
    checked_run(run)
    if type(day) is not int or not 0 <= day <= MAX_DAY:
        raise InvalidWall(f"day {quoted(day)} is not a whole number from 0 to {MAX_DAY:,}")
    checked_ms_per_day(ms_per_day)
    if type(at_ms) is not int:
        raise InvalidWall(f"at_ms {quoted(at_ms)} is not a whole number of milliseconds")
    if abs(at_ms - recorded_ms) > MAX_CLOCK_SKEW_MS:
        raise InvalidWall(
            f"at_ms {quoted(at_ms)} is {_far(at_ms - recorded_ms)} of the record's timestamp "
            f"{recorded_ms}; at most {MAX_CLOCK_SKEW_MS // 60_000} minutes are allowed: set it to "
            "the time of now, and this host's clock right"
        )
    return Clock(run, state, day, at_ms, ms_per_day)


def checked_run(run: str) -> str:
    """The name of a run, if it is one.

    Raises:
        InvalidWall: It is not 1 to 64 of `A-Z a-z 0-9 . _ -`.
    """
    if not NAME.fullmatch(run):
        raise InvalidWall(f"run {run[:80]!r} is not 1 to 64 of A-Z a-z 0-9 . _ -")
    return run


def _far(ms: int) -> str:
    return f"{quoted(abs(ms))} ms {'ahead' if ms > 0 else 'short'}"


def checked_ms_per_day(ms_per_day: int) -> int:
    """How long a day takes, in milliseconds, if it may.

    Raises:
        InvalidWall: It is too short or too long.
    """
    if type(ms_per_day) is not int or not MIN_MS_PER_DAY <= ms_per_day <= MAX_MS_PER_DAY:
        raise InvalidWall(
            f"{quoted(ms_per_day)} ms per day is not a whole number from {MIN_MS_PER_DAY} to "
            f"{MAX_MS_PER_DAY:,}, which is a day in a day"
        )
    return ms_per_day


def started(clock: Clock | None, run: str, now_ms: int, ms_per_day: int, day: int = 0) -> Clock:
    """The clock of a new run, from a time on, in milliseconds since the epoch.

    Args:
        clock: The wall's clock as it is.
        run: Name of the run; none that was used before.
        now_ms: When the run starts.
        ms_per_day: How long a day takes, in milliseconds.
        day: Days that are taken as done.

    Raises:
        ClockConflict: A run is not over.
        InvalidWall: Something is out of bounds.
    """
    if clock is not None and clock.state != "STOPPED":
        raise ClockConflict(f"run {clock.run} is {clock.state}: stop it before another starts")
    return checked_clock(run, "RUNNING", day, now_ms, ms_per_day, now_ms)


def paused(clock: Clock | None, now_ms: int, last_day: int) -> Clock:
    """The clock as it is when paused at a time: the day in progress begins anew when resumed.

    Args:
        clock: The wall's clock as it is.
        now_ms: When it is paused, in milliseconds since the epoch.
        last_day: The last day on which something happens: the clock goes no further.

    Raises:
        ClockConflict: It does not run.
    """
    running = _in_state(clock, "paused", "RUNNING")
    return _held(running, "PAUSED", now_ms, last_day)


def resumed(clock: Clock | None, now_ms: int, ms_per_day: int | None = None) -> Clock:
    """The clock as it is when it goes on at a time, in milliseconds since the epoch.

    Args:
        clock: The wall's clock as it is.
        now_ms: When it goes on.
        ms_per_day: How long a day takes from here on, in milliseconds; None for as long as before.

    Raises:
        ClockConflict: It is not paused.
        InvalidWall: A day of this length is out of bounds.
    """
    before = _in_state(clock, "resumed", "PAUSED")
    speed = before.ms_per_day if ms_per_day is None else checked_ms_per_day(ms_per_day)
    return replace(before, state="RUNNING", at_ms=now_ms, ms_per_day=speed)


def stopped(clock: Clock | None, now_ms: int, last_day: int) -> Clock:
    """The clock as it is when its run is over; arguments as in `paused`.

    Raises:
        ClockConflict: No run is under way.
    """
    before = _in_state(clock, "stopped", "RUNNING", "PAUSED")
    return _held(before, "STOPPED", now_ms, last_day)


def _in_state(clock: Clock | None, what: str, *states: ClockState) -> Clock:
    if clock is None:
        raise ClockConflict(f"the wall has no clock that could be {what}: start one")
    if clock.state not in states:
        allowed = " or ".join(states)
        raise ClockConflict(
            f"run {clock.run} is {clock.state}; only one that is {allowed} can be {what}"
        )
    return clock


def _held(clock: Clock, state: ClockState, now_ms: int, last_day: int) -> Clock:
    return replace(clock, state=state, day=clock.held_at(now_ms, last_day), at_ms=now_ms)


class DueDay(NamedTuple):
    """A day to tell.

    Attributes:
        run: The run that it is of.
        day: The day, from 1.
        at_ms: When it was due to be done, in milliseconds since the epoch.
    """

    run: str
    day: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Telling:
    """A wall's clock, and how far the days of its run have been told.

    It is a fold of what comes to pass on the wall's log: the clock is set, time passes, the plan
    changes. Each makes days due, which are told at once. Each day of a run is told once, whatever
    becomes of the clock or of the plan. Time and clock may come in either order, as they do when
    they are read again from topics that were compacted.

    Attributes:
        clock: The clock; None if the wall has none.
        told: The last day of its run that was told, or that was taken as done when it started.
        passed_run: The run whose time passed last; None if none did.
        passed_ms: The latest moment that passed of that run, in milliseconds since the epoch.
    """

    clock: Clock | None = None
    told: int = 0
    passed_run: str | None = None
    passed_ms: int = 0

    @property
    def owes(self) -> bool:
        """Whether days are due that were not told: once `tell` was asked, those beyond the plan."""
        clock = self.clock
        if clock is None or clock.state != "RUNNING" or clock.run != self.passed_run:
            return False
        return self.told < clock.day_at(self.passed_ms)

    def tell(self, last_day: int) -> tuple[list[DueDay], Telling]:
        """The days that are due and not told, and what is told then.

        Args:
            last_day: The last day on which something happens.
        """
        if self.clock is None or not self.owes:
            return [], self
        reached = self.clock.day_at(self.passed_ms)
        return self._tell_until(self.clock, reached, self.passed_ms, last_day)

    def pass_time(self, run: str, now_ms: int) -> Telling:
        """What holds when it became later on the clock of a run, if it did."""
        if run == self.passed_run and now_ms <= self.passed_ms:
            return self
        return replace(self, passed_run=run, passed_ms=now_ms)

    def set_clock(
        self, clock: Clock | None, set_ms: int, last_day: int
    ) -> tuple[list[DueDay], Telling]:
        """The days that were due before a clock was set, and what holds then.

        What was due by then has happened, and the clock before says when. Who sets the same run to
        a later day says that the days until then have happened, too.

        Args:
            clock: The clock as it is set; None if the wall has none from here on.
            set_ms: When it was set, in milliseconds since the epoch.
            last_day: The last day on which something happens.
        """
        before = self.clock
        if before is not None and clock is not None and clock.run == before.run:
            days, then = self._tell_until(before, clock.day, set_ms, last_day)
            return days, replace(then, clock=clock)
        days = []
        if before is not None:
            days, _ = self._tell_until(before, before.day_at(set_ms), set_ms, last_day)
        return days, replace(self, clock=clock, told=clock.day if clock else 0)

    def _tell_until(
        self, clock: Clock, day: int, now_ms: int, last_day: int
    ) -> tuple[list[DueDay], Telling]:
        told = max(self.told, min(day, last_day))
        runs = clock.state == "RUNNING"
        days = [
            DueDay(clock.run, day, min(clock.due_ms(day), now_ms) if runs else now_ms)
            for day in range(self.told + 1, told + 1)
        ]
        return days, replace(self, told=told)
