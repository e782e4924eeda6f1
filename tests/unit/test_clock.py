"""The clock: which day it is, when days are due, and which are told."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from random import Random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import (
    Clock,
    ClockState,
    DueDay,
    Telling,
    checked_clock,
    paused,
    resumed,
    started,
    stopped,
)
from domain.errors import ClockConflict, InvalidWall
from domain.rules import MAX_DAY

RUNNING, PAUSED, STOPPED = get_args(ClockState)
NOON = 1_750_000_000_000
SKEW_MS = 100

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


def told(telling: Telling, days: list[DueDay]) -> tuple[list[tuple[int, int]], Telling]:
    """Days as (day, milliseconds after noon at which it was due)."""
    return [(day, at_ms - NOON) for _, day, at_ms in days], telling


def tick(telling: Telling, after_ms: int, last_day: int = 9, run: str = "r"):
    days, then = telling.pass_time(run, NOON + after_ms).tell(last_day)
    return told(then, days)


def set_clock(telling: Telling, clock: Clock | None, after_ms: int, last_day: int = 9):
    days, then = telling.set_clock(clock, NOON + after_ms, last_day)
    return told(then, days)


def test_the_days_missed_are_told_in_one_go_each_with_its_own_due_time():
    days, telling = tick(Telling(running()), 3_500)
    assert days == [(1, 1_000), (2, 2_000), (3, 3_000)]
    assert telling.told == 3


def test_a_tick_of_another_run_or_one_that_comes_again_tells_nothing():
    _, telling = tick(Telling(running()), 3_500)
    for after_ms, run in ((3_500, "r"), (1_000, "r"), (9_000, "earlier")):
        assert tick(telling, after_ms, run=run)[0] == []
    after_a_zombie = tick(telling, 9_000, run="earlier")[1]
    assert tick(after_a_zombie, 3_500) == ([], telling)


def test_what_was_due_before_a_pause_is_told_by_the_clock_before_it():
    rest = paused(running(), NOON + 2_500, last_day=9)
    days, telling = set_clock(Telling(running()), rest, 2_500)
    assert days == [(1, 1_000), (2, 2_000)]
    assert telling == Telling(rest, 2)


def test_what_was_due_of_a_run_before_another_starts_is_told():
    days, telling = set_clock(Telling(running()), running(5, NOON + 1_200, run="n"), 1_200)
    assert days == [(1, 1_000)]
    assert telling.told == 5


def test_what_was_due_before_a_clock_is_withdrawn_is_told():
    assert set_clock(Telling(running()), None, 1_200) == ([(1, 1_000)], Telling())


def test_days_that_a_run_is_set_ahead_by_have_happened_when_it_is_set():
    days, _ = set_clock(Telling(running()), running(4, NOON + 1_200), 1_200)
    assert days == [(1, 1_000), (2, 1_200), (3, 1_200), (4, 1_200)]


def test_days_that_a_run_is_set_back_by_are_not_told_again():
    _, telling = tick(Telling(running()), 5_000)
    days, telling = set_clock(telling, running(2, NOON + 5_000), 5_000)
    assert (days, telling.told) == ([], 5)
    assert tick(telling, 9_000)[0] == [(6, 9_000)]


def test_days_that_a_revision_adds_to_a_plan_that_was_over_are_told_at_once():
    _, telling = tick(Telling(running()), 9_000, last_day=3)
    assert (telling.told, telling.owes) == (3, True)
    days, telling = telling.tell(5)
    assert told(telling, days)[0] == [(4, 4_000), (5, 5_000)]


def test_a_plan_that_ends_later_than_today_owes_nothing():
    assert not tick(Telling(running()), 3_500)[1].owes


def test_time_that_is_read_before_the_clock_is_not_forgotten():
    early = Telling().pass_time("r", NOON + 3_500)
    _, telling = early.set_clock(running(), NOON, 9)
    assert told(*telling.tell(9)[::-1])[0] == [(1, 1_000), (2, 2_000), (3, 3_000)]


class History:
    """A log of plans, clocks and ticks, written by clients and tickers whose time is not the same.

    What is told is folded from the log; what has to be told is known from how it was written.
    """

    def __init__(self, seed: int, steps: int = 100) -> None:
        self.random = Random(seed)
        self.now = NOON
        self.last_day = self.random.randrange(1, 60)
        self.telling = Telling()
        self.told: list[DueDay] = []
        self.runs: dict[str, int] = {}
        self.ticks: list[tuple[str, int]] = []
        for _ in range(steps):
            self.step()

    def skewed(self) -> int:
        return self.now + self.random.randint(-SKEW_MS, SKEW_MS)

    def note(self, days: list[DueDay]) -> None:
        assert all(day <= self.last_day for _, day, _ in days)
        self.told += days
        days, self.telling = self.telling.tell(self.last_day)
        self.told += days

    def set(self, clock: Clock | None) -> None:
        set_ms = self.now if clock is None else clock.at_ms
        days, self.telling = self.telling.set_clock(clock, set_ms, self.last_day)
        self.note(days)

    def tick(self, run: str, now_ms: int) -> None:
        self.ticks.append((run, now_ms))
        self.telling = self.telling.pass_time(run, now_ms)
        self.note([])

    def step(self) -> None:
        self.now += self.random.choice((0, 1, 30, 100, 1_000))
        act, clock = self.random.random(), self.telling.clock
        if act < 0.1:
            self.last_day = self.random.randrange(1, 60)
            self.note([])
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
    history = History(seed)
    clock = history.telling.clock
    if clock is not None and clock.state == RUNNING:
        history.tick(clock.run, history.now + 10_000)
        reached = min(clock.day_at(history.now + 10_000), history.last_day)
        assert history.telling.told >= reached
    by_run = defaultdict(list)
    for run, day, _ in history.told:
        by_run[run].append(day)
    for run, days in by_run.items():
        first = history.runs[run] + 1
        assert days == list(range(first, first + len(days)))


@pytest.mark.parametrize("seed", range(300))
def test_days_are_due_in_order_but_for_the_skew_of_whoever_set_the_clock(seed):
    history = History(seed)
    due = dict.fromkeys(history.runs, 0)
    for run, _, at_ms in history.told:
        assert due[run] - 2 * SKEW_MS <= at_ms <= history.now + SKEW_MS
        due[run] = at_ms


def test_histories_are_not_quiet():
    histories = [History(seed) for seed in range(300)]
    assert sum(len(h.told) < 10 or len(h.runs) < 2 for h in histories) < 30
