"""The clock: which day it is, when days are due, and which are told."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import (
    Clock,
    ClockState,
    Telling,
    checked_clock,
    first_telling,
    paused,
    resumed,
    started,
    stopped,
)
from domain.errors import ClockConflict, InvalidWall
from domain.rules import MAX_DAY

RUNNING, PAUSED, STOPPED = ClockState
NOON = 1_750_000_000_000

speeds = st.integers(50, 86_400_000)
days = st.integers(0, 1_000)
waits = st.integers(0, 10**9)


def running(day=0, at_ms=NOON, ms_per_day=1_000, run="r"):
    return Clock(run, RUNNING, day, at_ms, ms_per_day)


def test_a_day_is_done_when_its_time_is_over():
    clock = running(ms_per_day=1_000)
    assert [clock.day_at(NOON + ms) for ms in (-1, 0, 999, 1_000, 2_500)] == [0, 0, 0, 1, 2]


@given(days, speeds, st.integers(1, 1_000))
def test_a_day_is_due_at_the_first_moment_at_which_it_is_done(start, speed, later):
    clock = running(start, ms_per_day=speed)
    due = clock.due_ms(start + later)
    assert (clock.day_at(due - 1), clock.day_at(due)) == (start + later - 1, start + later)


@pytest.mark.parametrize("state", [PAUSED, STOPPED])
def test_no_day_passes_on_a_clock_that_does_not_run(state):
    assert replace(running(3), state=state).day_at(NOON + 10**9) == 3


def test_no_clock_goes_further_than_its_last_day():
    assert running(ms_per_day=50).day_at(NOON + 10**15) == MAX_DAY


@given(days, speeds, waits, waits)
def test_pause_and_resume_keep_the_day(start, speed, passed, held):
    clock = running(start, ms_per_day=speed)
    rest = paused(clock, NOON + passed, last_day=10**9)
    again = resumed(rest, NOON + passed + held)
    assert rest.day == clock.day_at(NOON + passed)
    assert again.day_at(NOON + passed + held) == rest.day
    assert again.due_ms(rest.day + 1) == NOON + passed + held + speed


def test_resume_may_change_the_speed():
    assert resumed(paused(running(), NOON, 9), NOON, 60_000).ms_per_day == 60_000


def test_a_clock_is_paused_no_later_than_at_the_end_of_the_plan():
    assert paused(running(), NOON + 50_000, last_day=9).day == 9


def test_a_clock_that_was_started_beyond_the_plan_stays_there():
    assert stopped(running(40), NOON + 5_000, last_day=9).day == 40


def test_another_run_starts_when_the_one_before_is_over():
    over = stopped(running(), NOON + 5_500, last_day=9)
    assert (over.state, over.day) == (STOPPED, 5)
    again = started(over, "next", NOON + 9_000, 50, day=2)
    assert again == Clock("next", RUNNING, 2, NOON + 9_000, 50)


@pytest.mark.parametrize("act", [lambda c: paused(c, NOON, 9), lambda c: stopped(c, NOON, 9),
                                 lambda c: resumed(c, NOON)])  # fmt: skip
def test_a_wall_without_a_clock_says_that_one_has_to_be_started(act):
    with pytest.raises(ClockConflict, match="start one"):
        act(None)


@pytest.mark.parametrize(
    ("state", "act", "message"),
    [
        (RUNNING, lambda c: started(c, "next", NOON, 50), "run r is RUNNING: stop it before"),
        (PAUSED, lambda c: started(c, "next", NOON, 50), "run r is PAUSED: stop it before"),
        (PAUSED, lambda c: paused(c, NOON, 9), "PAUSED; only one that is RUNNING can be paused"),
        (RUNNING, lambda c: resumed(c, NOON), "RUNNING; only one that is PAUSED can be resumed"),
        (STOPPED, lambda c: stopped(c, NOON, 9), "STOPPED; only one that is RUNNING or PAUSED"),
    ],
)
def test_what_does_not_fit_the_clock_is_refused_and_says_why(state, act, message):
    with pytest.raises(ClockConflict, match=message):
        act(replace(running(), state=state))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"run": "a/b"}, "run 'a/b' is not 1 to 64 of"),
        ({"run": ""}, "run '' is not 1 to 64 of"),
        ({"day": -1}, "day -1 is not a whole number from 0 to 1,000,000"),
        ({"day": 1_000_001}, "day 1000001 is not a whole number"),
        ({"ms_per_day": 49}, "49 ms per day is not a whole number from 50 to 86,400,000"),
        ({"ms_per_day": 86_400_001}, "86400001 ms per day"),
        ({"at_ms": NOON + 300_001}, "300001 ms ahead of the record's timestamp"),
        ({"at_ms": NOON - 300_001}, "300001 ms short of the record's timestamp"),
    ],
)
def test_a_clock_out_of_bounds_is_refused(changes, message):
    fields = {"run": "r", "state": RUNNING, "day": 0, "at_ms": NOON, "ms_per_day": 50} | changes
    with pytest.raises(InvalidWall, match=message):
        checked_clock(**fields, recorded_ms=NOON)


def test_a_clock_is_judged_by_its_records_timestamp_whenever_it_is_read():
    set_long_ago = {"run": "r", "state": PAUSED, "day": 0, "at_ms": 300_000, "ms_per_day": 50}
    assert checked_clock(**set_long_ago, recorded_ms=0).day == 0


def test_the_days_missed_are_told_in_one_go_each_with_its_own_due_time():
    due, telling = Telling(running(), 0).passed("r", NOON + 3_500, last_day=9)
    assert due == [(1, NOON + 1_000), (2, NOON + 2_000), (3, NOON + 3_000)]
    assert telling.told == 3


def test_a_tick_of_another_run_or_one_that_comes_again_tells_nothing():
    _, telling = Telling(running(), 0).passed("r", NOON + 3_500, last_day=9)
    assert telling.passed("r", NOON + 3_500, 9) == ([], telling)
    assert telling.passed("r", NOON + 1_000, 9) == ([], telling)
    assert telling.passed("earlier", NOON + 9_000, 9) == ([], telling)


def test_what_was_due_before_a_pause_is_told_by_the_clock_before_it():
    rest = paused(running(), NOON + 2_500, last_day=9)
    due, telling = Telling(running(), 0).replaced(rest, rest.at_ms, last_day=9)
    assert due == [(1, NOON + 1_000), (2, NOON + 2_000)]
    assert telling == Telling(rest, 2)


def test_what_was_due_of_a_run_before_another_starts_is_told():
    due, telling = Telling(running(), 0).replaced(
        running(5, NOON + 1_200, run="n"), NOON + 1_200, 9
    )
    assert due == [(1, NOON + 1_000)]
    assert telling.told == 5


def test_what_was_due_before_a_clock_is_withdrawn_is_told():
    assert Telling(running(), 0).replaced(None, NOON + 1_200, 9) == ([(1, NOON + 1_000)], None)


def test_days_that_a_run_is_set_ahead_by_have_happened_when_it_is_set():
    ahead = running(4, NOON + 1_200)
    due, _ = Telling(running(), 0).replaced(ahead, ahead.at_ms, last_day=9)
    assert due == [(1, NOON + 1_000), (2, NOON + 1_200), (3, NOON + 1_200), (4, NOON + 1_200)]


def test_days_that_a_run_is_set_back_by_are_not_told_again():
    _, told = Telling(running(), 0).passed("r", NOON + 5_000, 9)
    back = running(2, NOON + 5_000)
    due, telling = told.replaced(back, back.at_ms, 9)
    assert (due, telling.told) == ([], 5)
    assert telling.passed("r", NOON + 9_000, 9)[0] == [(6, NOON + 9_000)]


def test_days_that_a_revision_adds_to_a_plan_that_was_over_are_told():
    _, telling = Telling(running(), 0).passed("r", NOON + 9_000, last_day=3)
    assert telling.told == 3
    assert telling.passed("r", NOON + 9_000, 5)[0] == [(4, NOON + 4_000), (5, NOON + 5_000)]


class History:
    """A log of plans, clocks and ticks, written by clients and tickers whose time is not the same.

    What is told is folded from the log; what has to be told is known from how it was written.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self.now = NOON
        self.last_day = random.randrange(1, 60)
        self.clock: Clock | None = None
        self.telling: Telling | None = None
        self.told: list[tuple[str, int, int, int]] = []
        self.runs: dict[str, int] = {}
        self.ticks: list[tuple[str, int]] = []

    def skewed(self) -> int:
        return self.now + self.random.randrange(-100, 101)

    def set(self, clock: Clock | None) -> None:
        before, at_ms = self.telling, self.now if clock is None else clock.at_ms
        if before is None:
            days, self.telling = [], first_telling(clock)
        else:
            days, self.telling = before.replaced(clock, at_ms, self.last_day)
            self.note(before.clock.run, days)
        self.clock = clock

    def note(self, run: str, days: list[tuple[int, int]]) -> None:
        self.told += [(run, day, due, self.last_day) for day, due in days]

    def tick(self, run: str, now_ms: int) -> None:
        self.ticks.append((run, now_ms))
        if self.telling is not None:
            days, self.telling = self.telling.passed(run, now_ms, self.last_day)
            self.note(run, days)

    def step(self) -> None:
        self.now += self.random.choice((0, 1, 30, 100, 1_000))
        act, clock = self.random.random(), self.clock
        if act < 0.1:
            self.last_day = self.random.randrange(1, 60)
        elif act < 0.6 and clock is not None:
            for _ in range(self.random.choice((1, 1, 2))):
                self.tick(clock.run, self.skewed())
        elif act < 0.7 and self.ticks:
            self.tick(*self.random.choice(self.ticks))  # late, or of a run that is over
        elif act < 0.72 and clock is not None:
            self.set(None)
        else:
            now = self.skewed()
            changes = (
                lambda: started(clock, f"r{len(self.runs)}", now, self.random.choice((50, 400)),
                                self.random.choice((0, 0, 5))),
                lambda: paused(clock, now, self.last_day),
                lambda: resumed(clock, now, self.random.choice((None, 50, 400))),
                lambda: stopped(clock, now, self.last_day),
            )  # fmt: skip
            try:
                changed = self.random.choice(changes)()
            except ClockConflict:
                return
            self.runs.setdefault(changed.run, changed.day)
            self.set(changed)


@pytest.mark.parametrize("seed", range(300))
def test_whatever_the_history_each_day_is_told_once_and_none_is_missing(seed):
    history = History(Random(seed))
    for _ in range(100):
        history.step()
    if history.clock is not None and history.clock.state is RUNNING:
        history.tick(history.clock.run, history.now + 10_000)
        reached = min(history.clock.day_at(history.now + 10_000), history.last_day)
        assert history.telling.told >= reached
    told = Counter((run, day) for run, day, _, _ in history.told)
    assert not [which for which, times in told.items() if times > 1]
    by_run = defaultdict(list)
    for run, day, _, last_day in history.told:
        assert day <= last_day
        by_run[run].append(day)
    for run, found in by_run.items():
        first = history.runs[run] + 1
        assert found == list(range(first, first + len(found)))


def test_histories_are_not_quiet():
    quiet = 0
    for seed in range(300):
        history = History(Random(seed))
        for _ in range(100):
            history.step()
        quiet += len(history.told) < 10 or len(history.runs) < 2
    assert quiet < 30
