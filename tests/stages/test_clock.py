"""The clock in intake and planner: what is accepted, and what is told on the days that pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.clock import Clock
from streams.agents import planner
from streams.agents.intake import accept
from streams.agents.planner import plan
from streams.batching import RecordBatch, Rows
from streams.batching.store import RowStore
from streams.contract.records import (
    ClockAccepted,
    ClockSet,
    ClockTicked,
    CrewRelieved,
    DayPassed,
    ProfileAccepted,
    SectionCompleted,
    SettingsAccepted,
    TimePassed,
)
from streams.contract.topics import partition_of
from tests.stages.simulation import NOON, LogRecord

FIVE_MINUTES_MS = 5 * 60 * 1000


class Intake:
    def __init__(self, context):
        self.context, self.store, self.offset = context, RowStore(), 0

    def __call__(self, topic, key, value, timestamp=NOON):
        record = LogRecord(topic.name, 0, self.offset, key.encode(), value, timestamp)
        self.offset += 1
        return self.again(record)

    def again(self, record):
        batch = RecordBatch(record.topic, 0, [record])
        rows = Rows(self.store, 0)
        messages = list(accept(batch, rows, self.context).messages)
        rows.apply()
        types = {t.name: t.records for t in self.context.topics.all()}
        return [self.context.codecs.decode_any(m.value, *types[m.topic]) for m in messages]

    def set_clock(self, timestamp=NOON, key="w", **changes):
        fields = {"state": "RUNNING", "day": 0, "at_ms": NOON, "ms_per_day": 1_000} | changes
        value = self.context.codecs.encode(ClockSet("w", "r", **fields))
        return self(self.context.topics.clock, key, value, timestamp)

    def tick(self, timestamp, run="r", key="w"):
        value = self.context.codecs.encode(ClockTicked("w", run))
        return self(self.context.topics.ticks, key, value, timestamp)


@pytest.fixture
def intake(context):
    # One partition, which every key is on.
    return Intake(replace(context, partitions=1))


def test_a_clock_is_accepted_as_it_was_set(intake):
    assert intake.set_clock(day=3) == [
        ClockAccepted("w", Clock("r", "RUNNING", 3, NOON, 1_000), NOON, 0, 0)
    ]


def test_a_clock_that_is_withdrawn_was_withdrawn_when_the_broker_took_the_record(intake, context):
    intake.set_clock()
    assert intake(context.topics.clock, "w", None, NOON + 7_000) == [
        ClockAccepted("w", None, NOON + 7_000, 0, 1)
    ]


def test_settings_and_clock_of_a_wall_do_not_hide_each_other(intake, context):
    intake.set_clock()
    (letter,) = intake(context.topics.walls, "w", None)
    assert "a tombstone for w, which does not exist" in letter.reason


def test_a_clock_that_is_delivered_again_is_not_accepted_again(intake, context):
    value = context.codecs.encode(ClockSet("w", "r", "PAUSED", 0, NOON, 50))
    record = LogRecord(context.topics.clock.name, 0, 5, b"w", value, NOON)
    assert len(intake.again(record)) == 1
    assert intake.again(record) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ms_per_day": 49}, "49 ms per day is not a whole number from 50 to 86,400,000"),
        ({"day": -1}, "day -1 is not a whole number from 0 to 1,000,000"),
        ({"timestamp": NOON + FIVE_MINUTES_MS + 1}, "300001 ms short of the record's timestamp"),
        ({"timestamp": NOON - FIVE_MINUTES_MS - 1}, "300001 ms ahead of the record's timestamp"),
        ({"key": "other"}, "the key is other, but the clock is of 'w'"),
        ({"key": "not a wall"}, "wall id 'not a wall' is not"),
    ],
)
def test_a_bad_clock_is_a_dead_letter(intake, changes, reason):
    (letter,) = intake.set_clock(**changes)
    assert reason in letter.reason
    assert letter.topic == "wall.clock"


def test_a_tick_is_of_the_time_at_which_the_broker_took_it(intake):
    assert intake.tick(NOON + 123) == [TimePassed("w", "r", NOON + 123)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"run": "a/b"}, "run 'a/b' is not 1 to 64"),
        ({"key": "v"}, "the key is v, but the tick is of 'w'"),
    ],
)
def test_a_bad_tick_is_a_dead_letter(intake, changes, reason):
    (letter,) = intake.tick(NOON, **changes)
    assert reason in letter.reason


def test_a_tick_without_a_value_is_a_dead_letter(intake, context):
    (letter,) = intake(context.topics.ticks, "w", None)
    assert "the value has 0 bytes" in letter.reason


class Wall:
    """The log of a wall, read by the planner."""

    def __init__(self, context):
        self.context = context
        self.stores = RowStore(), RowStore()
        self.offset = self.source = 0

    def __call__(self, *events):
        """What is told when these are read in one batch."""
        records = []
        for event in events:
            value = self.context.codecs.encode(event)
            records.append(LogRecord("wall.accepted", 0, self.offset, b"w", value, NOON))
            self.offset += 1
        rows, clocks = (Rows(store, 0) for store in self.stores)
        batch = RecordBatch("wall.accepted", 0, records)
        outcome = plan(batch, rows, clocks, self.context)
        rows.apply()
        clocks.apply()
        topic = self.context.topics.events
        return [
            self.context.codecs.decode_any(m.value, *topic.records)
            for m in (*outcome.messages, *outcome.announcements)
            if m.topic == topic.name
        ]

    def profile(self, number, *heights):
        self.source += 1
        return ProfileAccepted("w", number, bytes(heights) or None, 0, self.source)

    def pool(self, crews, material="ice"):
        self.source += 1
        return SettingsAccepted("w", "crew-pool", crews, material, 0, self.source)

    def clock(self, state="RUNNING", day=0, at_ms=NOON, ms_per_day=1_000, run="r"):
        self.source += 1
        clock = None if state is None else Clock(run, state, day, at_ms, ms_per_day)
        return ClockAccepted("w", clock, at_ms, 0, self.source)


def after(ms, run="r"):
    return TimePassed("w", run, NOON + ms)


def days(told):
    return [event.day for event in told if isinstance(event, DayPassed)]


@pytest.fixture
def wall(context):
    return Wall(context)


def test_what_happens_on_a_day_is_told_with_the_time_at_which_the_day_was_due(wall):
    wall(wall.profile(1, 28, 29), wall.clock())
    run = {"run": "r", "at_ms": NOON + 1_000}
    assert wall(after(1_234)) == [
        SectionCompleted("w", 1, 0, 2, "1.2", 1, None, **run),
        DayPassed("w", day=1, version=0, sections=2, ice=390, cost=741_000,
                  cumulative_cost=741_000, **run),
    ]  # fmt: skip


def test_a_crew_is_relieved_on_its_own_day_and_the_last_day_is_the_one_after_the_last_section(wall):
    wall(wall.profile(1, 29), wall.clock())
    assert days(wall(after(1_000))) == [1]
    run = {"run": "r", "at_ms": NOON + 2_000}
    assert wall(after(9_000)) == [
        CrewRelieved("w", "1.1", 0, 2, **run),
        DayPassed("w", day=2, version=0, sections=0, ice=0, cost=0, cumulative_cost=370_500, **run),
    ]


def test_crews_of_a_pool_are_relieved_with_the_version_of_the_whole_plan(wall):
    wall(wall.pool(2), wall.profile(1, 29), wall.profile(2, 28), wall.clock())
    relieved = [e for e in wall(after(9_000)) if isinstance(e, CrewRelieved)]
    assert [(e.crew, e.day, e.version) for e in relieved] == [("1", 2, 2), ("2", 3, 2)]


def test_events_of_a_profile_are_where_those_are_that_were_told_when_it_was_planned(wall, context):
    wall(wall.profile(1, 29), wall.clock())
    rows, clocks = (Rows(store, 0) for store in wall.stores)
    value = context.codecs.encode(after(1_000))
    record = LogRecord("wall.accepted", 0, 9, b"w", value, NOON)
    outcome = plan(RecordBatch("wall.accepted", 0, [record]), rows, clocks, context)
    (completed,), (passed,) = outcome.messages, outcome.announcements
    assert completed.key == b"w/1/1"
    assert completed.partition == partition_of("w/1", context.partitions)
    assert passed.key == b"w"


def test_days_are_told_only_once(wall):
    wall(wall.profile(1, 20), wall.clock())
    assert days(wall(after(3_500))) == [1, 2, 3]
    assert wall(after(3_500), after(1_000), after(3_999), after(99_000, run="q")) == []
    assert days(wall(after(4_000))) == [4]


def test_a_day_is_told_by_the_plan_in_force_at_the_place_of_the_tick(wall):
    wall(wall.profile(1, 28), wall.clock())
    told = wall(after(1_000), wall.profile(1, 25), after(2_000))
    assert [(e.day, e.version, e.cost) for e in told if isinstance(e, DayPassed)] == [
        (1, 0, 370_500),
        (2, 3, 370_500),
    ]


def test_a_change_of_material_holds_from_the_next_tick(wall):
    wall(wall.pool(1), wall.profile(1, 20), wall.clock())
    told = wall(after(1_000), wall.pool(1, "packed-snow"), after(2_000))
    assert [e.ice for e in told if isinstance(e, DayPassed)] == [195, 390]


def test_a_wall_without_profiles_tells_nothing_until_it_has_some(wall):
    assert wall(wall.clock(), after(2_500)) == []
    assert days(wall(wall.profile(1, 20))) == [1, 2]


def test_a_wall_that_waits_for_code_which_knows_its_mode_tells_nothing_meanwhile(wall):
    wall(wall.profile(1, 20), wall.clock(), after(1_000))
    wall.source += 1
    unknown = SettingsAccepted("w", "crew-of-giants", None, "ice", 0, wall.source)
    assert wall(unknown, after(2_500)) == []
    known = SettingsAccepted("w", "crew-per-section", None, "ice", 0, wall.source + 1)
    assert days(wall(known)) == [2]


def test_a_withdrawn_wall_tells_nothing_more(wall):
    wall(wall.profile(1, 20), wall.clock(), after(1_000))
    assert wall(wall.profile(1), after(9_000)) == []


def test_a_paused_clock_tells_what_was_due_before_and_goes_on_where_it_was(wall):
    wall(wall.profile(1, 20), wall.clock(), after(1_000))
    assert days(wall(wall.clock("PAUSED", 3, NOON + 3_500))) == [2, 3]
    assert wall(after(60_000)) == []
    wall(wall.clock("RUNNING", 3, NOON + 70_000, ms_per_day=50))
    told = wall(after(70_100))
    assert [(e.day, e.at_ms - NOON) for e in told if isinstance(e, DayPassed)] == [
        (4, 70_050),
        (5, 70_100),
    ]


def test_a_stopped_clock_tells_nothing_more(wall):
    wall(wall.profile(1, 20), wall.clock(), wall.clock("STOPPED", 1, NOON + 1_500))
    assert wall(after(9_000), wall.profile(1, 10)) == []


def test_another_run_begins_anew(wall):
    wall(wall.profile(1, 20), wall.clock(), after(2_000))
    wall(wall.clock("STOPPED", 2, NOON + 2_500))
    wall(wall.clock(run="s", at_ms=NOON + 3_000, day=1))
    told = wall(after(5_000, run="s"))
    assert {(e.run, e.day) for e in told} == {("s", 2), ("s", 3)}


def test_a_clock_that_is_delivered_again_late_changes_nothing(wall):
    start = wall.clock()
    wall(wall.profile(1, 20), start, after(2_000), wall.clock("PAUSED", 2, NOON + 2_000))
    assert wall(start, after(9_000)) == []


def test_a_withdrawn_clock_is_not_brought_back_by_a_late_record(wall):
    start = wall.clock()
    wall(wall.profile(1, 20), start, wall.clock(None, at_ms=NOON + 500))
    assert wall(start, after(9_000)) == []


def test_time_that_is_read_before_its_clock_is_told_when_the_clock_comes(wall):
    wall(after(2_000), wall.profile(1, 20))
    assert days(wall(wall.clock())) == [1, 2]


def test_whatever_the_batches_the_same_is_told(context):
    def log(wall):
        return [
            wall.profile(1, 28, 20), wall.clock(), after(2_000), wall.profile(2, 25),
            after(4_000), wall.pool(1), after(6_000), wall.clock("PAUSED", 7, NOON + 7_500),
            wall.profile(1), wall.clock("RUNNING", 7, NOON + 9_000), after(30_000),
        ]  # fmt: skip

    together, apart = Wall(context), Wall(context)
    told = together(*log(together))
    # Within a batch, that days passed comes after all else.
    one_by_one = [event for each in log(apart) for event in apart(each)]
    assert sorted(told, key=repr) == sorted(one_by_one, key=repr)


def test_a_tick_that_is_delivered_again_after_a_crash_tells_the_same(context):
    """Nothing of the batch was written: the plan is that of the tick's place again."""
    wall = Wall(context)
    wall(wall.profile(1, 28), wall.clock())
    stores, offset = wall.stores, wall.offset
    batch = after(1_000), wall.profile(1, 25), after(2_000)
    copies = []
    for _ in range(2):
        wall.offset = offset
        wall.stores = tuple(copied(store) for store in stores)
        copies.append(wall(*batch))
    assert copies[0] == copies[1]
    assert copies[0]


def copied(store):
    found = RowStore()
    for key in (b"w", b"w/1"):
        value = store.get(0, key)
        if value is not None:
            found.put(0, key, value)
    return found


def test_plans_are_not_made_again_for_each_tick(wall, monkeypatch):
    made = []
    original = planner.plan_wall
    monkeypatch.setattr(planner, "plan_wall", lambda *a: made.append(1) or original(*a))
    wall(wall.profile(1, 20), wall.clock())
    made.clear()
    for ms in range(0, 60_000, 500):
        wall(after(ms))
    assert len(made) == 1


def test_rows_of_clocks_name_the_event_that_set_them(wall, context):
    wall(wall.clock(day=2))
    row = context.codecs.by_name["ClockRow"].decode(wall.stores[1].get(0, b"w"))
    assert (row.clock, row.told) == (Clock("r", "RUNNING", 2, NOON, 1_000), 2)
    assert (row.source_partition, row.source_offset) == (0, 1)
