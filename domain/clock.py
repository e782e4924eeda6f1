"""The clock of a wall: which day of the build it is, and when each day is due.

A clock says how many days were done at one moment, and how long a day takes. All else follows
from the time: nothing has to count, and who reads a clock late reads the same. So whoever starts,
pauses, resumes or stops one writes what it then is, never what is to be done with the one before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from domain.errors import ClockConflict, InvalidWall, quoted
from domain.rules import MAX_CLOCK_SKEW_MS, MAX_DAY, MAX_MS_PER_DAY, MIN_MS_PER_DAY, NAME


class ClockState(Enum):
    """What a clock does."""

    RUNNING = "days pass"
    PAUSED = "no day passes until it is resumed"
    STOPPED = "the run is over"


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
        if self.state is not ClockState.RUNNING:
            return self.day
        return min(MAX_DAY, self.day + max(0, now_ms - self.at_ms) // self.ms_per_day)

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
    if not NAME.fullmatch(run):
        raise InvalidWall(f"run {run[:80]!r} is not 1 to 64 of A-Z a-z 0-9 . _ -")
    if not 0 <= day <= MAX_DAY:
        raise InvalidWall(f"day {quoted(day)} is not a whole number from 0 to {MAX_DAY:,}")
    checked_ms_per_day(ms_per_day)
    if abs(at_ms - recorded_ms) > MAX_CLOCK_SKEW_MS:
        raise InvalidWall(
            f"at_ms {quoted(at_ms)} is {_far(at_ms - recorded_ms)} of the record's timestamp "
            f"{recorded_ms}; at most {MAX_CLOCK_SKEW_MS // 60_000} minutes are allowed: set it to "
            "the time of now, and this host's clock right"
        )
    return Clock(run, state, day, at_ms, ms_per_day)


def _far(ms: int) -> str:
    return f"{quoted(abs(ms))} ms {'ahead' if ms > 0 else 'short'}"


def checked_ms_per_day(ms_per_day: int) -> int:
    """How long a day takes, in milliseconds, if it may.

    Raises:
        InvalidWall: It is too short or too long.
    """
    if not MIN_MS_PER_DAY <= ms_per_day <= MAX_MS_PER_DAY:
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
    if clock is not None and clock.state is not ClockState.STOPPED:
        raise ClockConflict(f"run {clock.run} is {clock.state.name}: stop it before another starts")
    return checked_clock(run, ClockState.RUNNING, day, now_ms, ms_per_day, now_ms)


def paused(clock: Clock | None, now_ms: int, last_day: int) -> Clock:
    """The clock as it is when paused at a time: the day in progress begins anew when resumed.

    Args:
        clock: The wall's clock as it is.
        now_ms: When it is paused, in milliseconds since the epoch.
        last_day: The last day on which something happens: the clock goes no further.

    Raises:
        ClockConflict: It does not run.
    """
    running = _in_state(clock, "paused", ClockState.RUNNING)
    return _held(running, ClockState.PAUSED, now_ms, last_day)


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
    before = _in_state(clock, "resumed", ClockState.PAUSED)
    speed = before.ms_per_day if ms_per_day is None else checked_ms_per_day(ms_per_day)
    return replace(before, state=ClockState.RUNNING, at_ms=now_ms, ms_per_day=speed)


def stopped(clock: Clock | None, now_ms: int, last_day: int) -> Clock:
    """The clock as it is when its run is over; arguments as in `paused`.

    Raises:
        ClockConflict: No run is under way.
    """
    before = _in_state(clock, "stopped", ClockState.RUNNING, ClockState.PAUSED)
    return _held(before, ClockState.STOPPED, now_ms, last_day)


def _in_state(clock: Clock | None, what: str, *states: ClockState) -> Clock:
    if clock is None:
        raise ClockConflict(f"the wall has no clock that could be {what}: start one")
    if clock.state not in states:
        allowed = " or ".join(state.name for state in states)
        raise ClockConflict(
            f"run {clock.run} is {clock.state.name}; only one that is {allowed} can be {what}"
        )
    return clock


def _held(clock: Clock, state: ClockState, now_ms: int, last_day: int) -> Clock:
    # Not back below the day that it was set to: that may be beyond the plan.
    day = max(clock.day, min(clock.day_at(now_ms), last_day))
    return replace(clock, state=state, day=day, at_ms=now_ms)


@dataclass(frozen=True, slots=True)
class Telling:
    """How far the days of a run have been told.

    Each day is told once, whatever becomes of the clock or of the plan.

    Attributes:
        clock: The clock.
        told: The last day that was told, or that was taken as done when the run started.
    """

    clock: Clock
    told: int

    def passed(self, run: str, now_ms: int, last_day: int) -> tuple[DueDays, Telling]:
        """The days that are due at a time and not told, and what is told then.

        Args:
            run: The run that the time is of: of another, nothing is due.
            now_ms: The time, in milliseconds since the epoch.
            last_day: The last day on which something happens.
        """
        if run != self.clock.run or self.clock.state is not ClockState.RUNNING:
            return [], self
        return self._tell_until(self.clock.day_at(now_ms), last_day, now_ms)

    def replaced(
        self, clock: Clock | None, at_ms: int, last_day: int
    ) -> tuple[DueDays, Telling | None]:
        """The days that were due before the clock was set anew, and what is told from there on.

        What was due by then has happened, and the clock before says when. Who sets the same run to
        a later day, says that the days until then have happened, too.

        Args:
            clock: The clock as it is set; None if the wall has none from here on.
            at_ms: When it was set, in milliseconds since the epoch.
            last_day: The last day on which something happens.
        """
        if clock is not None and clock.run == self.clock.run:
            days, then = self._tell_until(clock.day, last_day, at_ms)
            return days, replace(then, clock=clock)
        days, _ = self._tell_until(self.clock.day_at(at_ms), last_day, at_ms)
        return days, first_telling(clock)

    def _tell_until(self, day: int, last_day: int, now_ms: int) -> tuple[DueDays, Telling]:
        told = max(self.told, min(day, last_day))
        runs = self.clock.state is ClockState.RUNNING
        days = [
            (day, min(self.clock.due_ms(day), now_ms) if runs else now_ms)
            for day in range(self.told + 1, told + 1)
        ]
        return days, replace(self, told=told)


DueDays = list[tuple[int, int]]
"""Days to tell, and when each was due, in milliseconds since the epoch."""


def first_telling(clock: Clock | None) -> Telling | None:
    """What is told of a clock where none was before: nothing of what it takes as done."""
    return None if clock is None else Telling(clock, clock.day)
