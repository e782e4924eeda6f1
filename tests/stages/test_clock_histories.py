"""Seeded histories of clocks: what is told is a function of the walls' logs, and told once.

While clocks are started, paused, resumed, stopped and withdrawn by clients whose own clocks differ,
and tickers tick too often, for runs that are over and twice, plans are revised, workers die, and
offsets and tables are reset. What is told is compared with a naive reading of the log.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from random import Random

import pytest

from domain.account import account_of
from domain.clock import Clock, Telling, paused, resumed, started, stopped
from domain.days import last_day
from domain.errors import ClockConflict
from domain.modes import mode_named
from domain.plan import Scope
from domain.settings import WallSettings
from domain.wall import Wall
from streams.contract.records import (
    ClockAccepted,
    ClockRow,
    CrewRelieved,
    DayPassed,
    ProfileAccepted,
    SectionCompleted,
    SettingsAccepted,
    TimePassed,
)
from streams.operations.verification import expected_rows
from tests.harness.walls import tasks_of
from tests.stages.simulation import PARTITIONS, Simulation, published_rows
from tests.stages.test_histories import MODES

HISTORIES = int(os.environ.get("HISTORIES", "300"))
WALLS = ("a", "b")


class History:
    """A random history, played to its end: no task has lag, and each running clock was asked."""

    def __init__(self, context, seed: int, death_rate: float, resets: tuple[str, ...] = ()) -> None:
        self.random = Random(seed)
        self.sim = Simulation(context, self.random, death_rate=death_rate)
        self.settings: dict[str, WallSettings] = defaultdict(WallSettings)
        self.profiles: dict[str, dict[int, bytes]] = defaultdict(dict)
        self.clocks: dict[str, Clock | None] = {}
        self.runs: list[tuple[str, str]] = []
        self.resets = resets
        # Where each stretch of the accepted log begins that was read with tables kept.
        self.begins: dict[int, list[int]] = {p: [0] for p in range(PARTITIONS)}
        for _ in range(self.random.randrange(5, 40)):
            self.act()
            for _ in range(self.random.choice((0, 1, 10, 100))):
                self.sim.step()
            if resets and self.random.random() < 0.06:
                self.reset(self.random.choice(resets))
        self.sim.run()
        self.sim.now_ms += 10_000
        self.tick_all()
        self.sim.run()

    def wall(self, wall: str) -> Wall:
        return Wall(wall, self.settings[wall], self.profiles[wall])

    def act(self) -> None:
        random, sim = self.random, self.sim
        sim.now_ms += random.choice((0, 1, 30, 200, 2_000))
        wall, chance, number = random.choice(WALLS), random.random(), random.randrange(1, 4)
        if chance < 0.25:
            heights = bytes(random.randrange(20, 31) for _ in range(random.randrange(1, 4)))
            sim.submit_profile(wall, number, heights)
            self.profiles[wall][number] = heights
        elif chance < 0.3:
            sim.submit_profile(wall, number, None)
            self.profiles[wall].pop(number, None)
        elif chance < 0.35:
            chosen = self.settings[wall] = random.choice(MODES)
            sim.submit_settings(wall, chosen.mode, chosen.crews, chosen.material)
        elif chance < 0.7:
            self.tick_all()
            if self.runs:
                sim.tick(*random.choice(self.runs))  # a zombie's, perhaps
        elif chance < 0.73:
            if self.clocks.get(wall) is not None:
                sim.set_clock(wall, None)
                self.clocks[wall] = None
        else:
            self.change_clock(wall)

    def change_clock(self, wall: str) -> None:
        clock, random = self.clocks.get(wall), self.random
        now = self.sim.now_ms + random.randint(-100, 100)
        end = last_day(account_of(self.wall(wall)).days)
        run, speed = f"{wall}{len(self.runs)}", random.choice((50, 400))
        changes = (
            lambda: started(clock, run, now, speed, random.choice((0, 0, 3))),
            lambda: paused(clock, now, end),
            lambda: resumed(clock, now, random.choice((None, speed))),
            lambda: stopped(clock, now, end),
        )
        try:
            changed = random.choice(changes)()
        except ClockConflict:
            return
        self.clocks[wall] = changed
        self.runs.append((wall, changed.run))
        for _ in range(random.choice((1, 1, 2))):  # a client that sends again
            self.sim.set_clock(wall, changed)

    def tick_all(self) -> None:
        for wall, clock in self.clocks.items():
            if clock is not None and clock.state == "RUNNING":
                for _ in range(self.random.choice((1, 1, 2))):  # two tickers
                    self.sim.tick(wall, clock.run)

    def reset(self, kind: str) -> None:
        if kind == "rewind":
            self.sim.rewind()
            return
        if self.random.random() < 0.5:
            self.sim.compact()
        self.sim.wipe()
        for partition, begins in self.begins.items():
            begins.append(len(self.sim.logs["wall.accepted", partition]))

    def told(self) -> list[tuple[object, ...]]:
        """What was told of runs, in no order."""
        topic = self.sim.context.topics.events
        decode = self.sim.context.codecs.decode_any
        events = (
            decode(record.value, *topic.records)
            for partition in range(PARTITIONS)
            for record in self.sim.logs[topic.name, partition]
        )
        return [as_told(event) for event in events if getattr(event, "run", None) is not None]

    def log(self, partition: int, begin: int, end: int | None) -> list[tuple[int, object]]:
        topic = self.sim.context.topics.accepted
        decode = self.sim.context.codecs.decode_any
        return [
            (record.offset, decode(record.value, *topic.records))
            for record in self.sim.logs[topic.name, partition][begin:end]
        ]

    def told_by_logs(self) -> tuple[set[tuple[object, ...]], set[tuple[object, ...]]]:
        """What a naive reader tells of all stretches of the logs, and of the last ones."""
        all_told, last = set(), set()
        for partition, begins in self.begins.items():
            for begin, end in zip(begins, [*begins[1:], None], strict=True):
                found = naive(self.log(partition, begin, end))
                all_told |= found
                last |= found if end is None else set()
        return all_told, last

    def rows(self) -> dict[str, ClockRow]:
        codec = self.sim.context.codecs.of(ClockRow)
        found = {}
        for task in self.sim.tasks:
            if task.name == "planner":
                rows = task.tables[0].rows.scan(task.partition, b"")
                found |= {key.decode(): codec.decode(value) for key, value in rows}
        return found


def as_told(event: object) -> tuple[object, ...]:
    """(wall, run, day, profile or crew, section, kind), and the rest."""
    if isinstance(event, SectionCompleted):
        which = event.profile, event.section, "completed"
        return event.wall, event.run, event.day, *which, event.version, event.at_ms, event.crew
    if isinstance(event, CrewRelieved):
        which = event.crew, 0, "relieved"
        return event.wall, event.run, event.day, *which, event.version, event.at_ms
    assert isinstance(event, DayPassed)
    amounts = event.sections, event.ice, event.cost, event.cumulative_cost
    return (
        event.wall, event.run, event.day, 0, 0, "passed", event.version, event.at_ms, *amounts,
    )  # fmt: skip


@dataclass
class NaiveWall:
    """A wall as its log has it, with nothing kept that can be computed."""

    settings: WallSettings = field(default_factory=WallSettings)
    settings_at: int = -1
    heights: dict[int, bytes] = field(default_factory=dict)
    changed_at: dict[int, int] = field(default_factory=dict)
    telling: Telling = field(default_factory=Telling)

    def plan(self) -> Wall:
        return Wall("w", self.settings, self.heights)

    def version(self, profile: int) -> int:
        found = self.changed_at.items()
        earlier = mode_named(self.settings.mode).SCOPE is Scope.EARLIER
        of = [at for n, at in found if n == profile or (earlier and n < profile)]
        return max(self.settings_at, *of)

    def happened(self, name: str, run: str, day: int, at_ms: int) -> set[tuple[object, ...]]:
        account, told = account_of(self.plan()), set()
        tasks = tasks_of(self.settings, self.heights)
        latest = max((self.version(n) for n in self.changed_at), default=self.settings_at)
        for task in tasks:
            done, version = task.first_day + task.days, self.version(task.profile)
            if done - 1 == day:
                which = task.profile, task.section, "completed"
                told.add((name, run, day, *which, version, at_ms, task.crew))
            of_crew = [t.first_day + t.days for t in tasks if t.crew == task.crew]
            if day == done == max(of_crew):
                pool = self.settings.mode == "crew-pool"
                told.add(
                    (name, run, day, task.crew, 0, "relieved", latest if pool else version, at_ms)
                )
        rows = [row for p in account.profiles for row in p.daily if row.day == day]
        ice, cost = sum(row.ice for row in rows), sum(row.cost for row in rows)
        sections = ice // account.material.yd3_per_ft
        amounts = sections, ice, cost, account.wall_cost_by(day)
        return told | {(name, run, day, 0, 0, "passed", latest, at_ms, *amounts)}


def naive(log: list[tuple[int, object]]) -> set[tuple[object, ...]]:
    """What is to be told by a log: one event after the other, by the domain alone."""
    walls: dict[str, NaiveWall] = defaultdict(NaiveWall)
    seen: dict[object, int] = {}
    told: set[tuple[object, ...]] = set()
    for offset, event in log:
        wall = walls[event.wall]
        if not isinstance(event, TimePassed):
            of = type(event), event.wall, getattr(event, "profile", 0)
            if seen.get(of, -1) >= event.source_offset:
                continue
            seen[of] = event.source_offset
        days = []
        if isinstance(event, ProfileAccepted):
            if wall.heights.get(event.profile) != event.heights:
                wall.changed_at[event.profile] = offset
            wall.heights[event.profile] = event.heights
            if event.heights is None:
                del wall.heights[event.profile]
        elif isinstance(event, SettingsAccepted):
            chosen = WallSettings(event.mode, event.crews, event.material)
            wall.settings_at = offset if chosen != wall.settings else wall.settings_at
            wall.settings = chosen
        elif isinstance(event, ClockAccepted):
            end = last_day(account_of(wall.plan()).days)
            days, wall.telling = wall.telling.set_clock(event.clock, event.set_ms, end)
        else:
            wall.telling = wall.telling.pass_time(event.run, event.now_ms)
        due, wall.telling = wall.telling.tell(last_day(account_of(wall.plan()).days))
        for run, day, at_ms in [*days, *due]:
            told |= wall.happened(event.wall, run, day, at_ms)
    return told


def death_rate(seed: int) -> float:
    return (0, 0.1, 0.5)[seed % 3]


@pytest.mark.timeout(3000)
def test_what_is_told_is_a_function_of_the_log_and_nothing_is_told_in_two_ways(context):
    told = deaths = 0
    for seed in range(HISTORIES):
        history = History(context, seed, death_rate(seed))
        found = set(history.told())
        expected, _ = history.told_by_logs()
        assert found == expected, f"seed {seed}"
        # A reader that drops ids which it has seen: run, day, profile, section, kind.
        ids = Counter(event[:6] for event in found)
        assert max(ids.values(), default=1) == 1, f"seed {seed}"
        told, deaths = told + len(found), deaths + history.sim.deaths
    assert told > 10 * HISTORIES
    assert deaths > HISTORIES / 2


@pytest.mark.timeout(3000)
def test_no_day_of_a_run_is_missing(context):
    for seed in range(HISTORIES):
        history = History(context, seed, death_rate(seed))
        passed = defaultdict(set)
        for event in history.told():
            if event[5] == "passed":
                passed[event[1]].add(event[2])
        for days in passed.values():
            assert days == set(range(min(days), max(days) + 1)), f"seed {seed}"
        for wall, clock in history.clocks.items():
            if clock is not None and clock.state == "RUNNING":
                end = last_day(account_of(history.wall(wall)).days)
                reached = min(clock.day_at(history.sim.now_ms), end)
                days = passed[clock.run]
                assert not reached > clock.day or reached in days, f"seed {seed}"


@pytest.mark.timeout(3000)
def test_rows_are_those_of_walls_without_clocks(context):
    for seed in range(HISTORIES):
        history = History(context, seed, death_rate(seed), ("rewind", "wipe"))
        walls = [history.wall(wall) for wall in history.profiles]
        assert published_rows(history.sim) == expected_rows(walls), f"seed {seed}"


@pytest.mark.timeout(3000)
def test_after_a_replay_nothing_is_told_again(context):
    for seed in range(HISTORIES // 3):
        history = History(context, seed, death_rate=0)
        told = history.told()
        assert len(set(told)) == len(told)
        history.sim.rewind()
        history.sim.run()
        assert history.told() == told, f"seed {seed}"


@pytest.mark.timeout(3000)
def test_after_a_wipe_clock_and_day_are_equal_and_no_day_is_told_that_is_not_due(context):
    for seed in range(HISTORIES):
        history = History(context, seed, death_rate(seed))
        before, told = history.rows(), history.told()
        history.reset("wipe")
        history.sim.run()
        history.tick_all()
        history.sim.run()
        after = history.rows()
        for wall, clock in history.clocks.items():
            end = last_day(account_of(history.wall(wall)).days)
            # Of a clock that was withdrawn, compaction leaves a tombstone of nothing.
            found = after[wall].clock if wall in after else None
            assert found == before[wall].clock == clock, f"seed {seed}"
            if clock is not None and clock.state == "RUNNING":
                # An earlier plan may have gone on for longer, and is read before or after a tick.
                assert min(after[wall].told, end) == min(before[wall].told, end), f"seed {seed}"
        running = {c.run: c for c in history.clocks.values() if c and c.state == "RUNNING"}
        for _, run, day, *_ in history.told()[len(told) :]:
            if run in running:
                assert 0 < day <= running[run].day_at(history.sim.now_ms), f"seed {seed}"


@pytest.mark.timeout(3000)
def test_through_replays_and_wipes_only_what_the_logs_say_is_told(context):
    for seed in range(HISTORIES):
        history = History(context, seed, death_rate(seed), ("rewind", "wipe"))
        found = set(history.told())
        everything, since_the_last_wipe = history.told_by_logs()
        assert since_the_last_wipe <= found <= everything, f"seed {seed}"
