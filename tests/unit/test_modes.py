"""Modes: which crew builds which section on which days."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import modes
from domain.account import account_of
from domain.planning import plan_wall
from domain.rules import FULL_HEIGHT_FT
from domain.settings import WallSettings, settings_for
from domain.wall import Wall
from tests.harness.walls import EXERCISE, tasks_of, walls


def test_a_crew_that_finishes_on_day_3_starts_the_next_section_on_day_4():
    first, second = tasks_of(settings_for(1), {1: bytes([27, 29])})
    assert (first.first_day, first.days) == (1, 3)
    assert (second.first_day, second.crew) == (4, "1")


def test_of_crews_that_finish_on_the_same_day_the_lower_number_takes_first():
    tasks = tasks_of(settings_for(2), {1: bytes([28, 28, 20, 21])})
    assert [(task.section, task.crew) for task in tasks[2:]] == [(3, "1"), (4, "2")]


def test_the_queue_runs_on_from_one_profile_to_the_next():
    tasks = tasks_of(settings_for(2), {1: bytes([29]), 2: bytes([29]), 3: bytes([29])})
    assert [(task.profile, task.crew, task.first_day) for task in tasks] == [
        (1, "1", 1),
        (2, "2", 1),
        (3, "1", 2),
    ]


def test_a_crew_is_relieved_on_the_day_after_its_last_section():
    plan = plan_wall(settings_for(3), {1: bytes([28, 25])})
    assert plan.relieved == {"1": 3, "2": 6}


def by_the_day(wall: dict[int, bytes], crews: int):
    """The contract read aloud: day by day, who takes which section."""
    queue = [
        (profile, section, FULL_HEIGHT_FT - height)
        for profile, heights in sorted(wall.items())
        for section, height in enumerate(heights, start=1)
        if height < FULL_HEIGHT_FT
    ]
    busy_until = dict.fromkeys(range(1, crews + 1), 0)
    taken, day = [], 0
    while queue:
        day += 1
        for crew in sorted(busy_until):
            if queue and busy_until[crew] < day:
                profile, section, days = queue.pop(0)
                taken.append((profile, section, str(crew), day, days))
                busy_until[crew] = day + days - 1
    return taken


@given(walls, st.integers(1, 9) | st.just(80))
def test_the_pools_order_is_that_of_the_contract(wall, crews):
    planned = [tuple(task[:5]) for task in tasks_of(settings_for(crews), wall)]
    assert planned == by_the_day(wall, crews)


@given(walls, st.integers(1, 9) | st.just(80))
def test_no_crew_idles_while_a_section_waits(wall, crews):
    tasks = tasks_of(settings_for(crews), wall)
    at_work = Counter(task.first_day + day for task in tasks for day in range(task.days))
    for task in tasks:
        assert all(at_work[day] == crews for day in range(1, task.first_day))


@given(walls, st.integers(1, 9) | st.just(80))
def test_a_pool_relieves_each_crew_that_worked_and_no_other(wall, crews):
    last_day = {}
    for _, _, crew, first_day, days in by_the_day(wall, crews):
        last_day[crew] = first_day + days - 1
    relieved = plan_wall(settings_for(crews), wall).relieved
    assert relieved == {crew: day + 1 for crew, day in last_day.items()}


@given(walls, st.sampled_from([WallSettings("crew-per-section"), WallSettings("crew-per-profile"),
                               settings_for(1), settings_for(3), settings_for(50)]))  # fmt: skip
def test_no_crew_is_on_two_sections_on_a_day_and_every_foot_is_built(wall, wall_settings):
    on_day = Counter()
    feet = defaultdict(int)
    for task in tasks_of(wall_settings, wall):
        feet[task.profile, task.section] += task.days
        on_day.update((task.crew, task.first_day + day) for day in range(task.days))
    assert not on_day or max(on_day.values()) == 1
    for profile, heights in wall.items():
        for section, height in enumerate(heights, start=1):
            assert feet[profile, section] == FULL_HEIGHT_FT - height


@given(walls, st.sampled_from(["crew-per-section", "crew-per-profile"]))
def test_in_modes_of_own_scope_a_profile_is_planned_the_same_alone(wall, mode):
    together = plan_wall(WallSettings(mode), wall).profiles
    for number, heights in wall.items():
        alone = plan_wall(WallSettings(mode), {number: heights}).profiles
        assert alone[number] == together[number]


@given(walls, st.integers(1, 9), st.binary(max_size=3))
def test_in_a_pool_a_profile_does_not_change_those_before_it(wall, crews, extra):
    longer = wall | {len(wall) + 1: bytes(x % 31 for x in extra) or b"\x05"}
    before, after = (plan_wall(settings_for(crews), w).profiles for w in (wall, longer))
    assert all(after[number] == plan for number, plan in before.items())


@pytest.mark.parametrize("crews", [20, None])
def test_a_wall_of_100_profiles_of_2000_sections_is_planned_well_under_a_second(crews):
    random = Random(1)
    wall = {n: bytes(random.randrange(31) for _ in range(2000)) for n in range(1, 101)}
    begun = time.process_time()
    plan_wall(settings_for(crews), wall)
    assert time.process_time() - begun < 1


def test_a_pool_of_a_million_crews_costs_no_more_than_the_sections_it_builds():
    begun = time.process_time()
    for _ in range(100):
        plan_wall(settings_for(1_000_000), EXERCISE)
    assert time.process_time() - begun < 1


def test_adding_a_mode_takes_one_file(tmp_path, monkeypatch):
    source = (
        "from domain.modes.crew_per_section import NEEDS_CREWS, SCOPE, plan\nNAME = 'twice-a-day'\n"
    )
    (tmp_path / "twice_a_day.py").write_text(source)
    monkeypatch.setattr(modes, "__path__", [*modes.__path__, str(tmp_path)])
    modes.modes.cache_clear()
    try:
        assert account_of(Wall("w", settings_for(mode="twice-a-day"), EXERCISE)).cost == 32_233_500
    finally:
        modes.modes.cache_clear()
