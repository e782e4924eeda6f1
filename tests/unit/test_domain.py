"""The rules of the exercise, and what holds for any wall."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import modes
from domain.account import account_of
from domain.materials import MATERIALS, Material
from domain.planning import plan_wall
from domain.rules import FULL_HEIGHT_FT
from domain.settings import WallSettings, settings_for
from domain.wall import (
    InvalidWall,
    Wall,
    checked_heights,
    checked_profile_number,
    checked_wall_id,
)

EXERCISE = {1: bytes([21, 25, 28]), 2: bytes([17]), 3: bytes([17, 22, 17, 19, 17])}

profiles = st.lists(st.binary(min_size=1, max_size=12).map(lambda b: bytes(x % 31 for x in b)))
walls = profiles.filter(bool).map(lambda found: dict(enumerate(found[:6], start=1)))


def tasks_of(wall_settings: WallSettings, wall: dict[int, bytes]):
    plans = plan_wall(wall_settings, wall).profiles
    return [task for number in sorted(plans) for task in plans[number].tasks]


def test_the_exercises_example():
    result = account_of(Wall("w", settings_for(), EXERCISE))
    assert [result.ice_on(profile, 1) for profile in (1, 2, 3)] == [585, 195, 975]
    assert result.ice_on(1, 3) == 390
    assert result.cost_by(1, 1) == 1_111_500
    assert result.wall_cost_by(1) == 3_334_500
    assert result.cost == 32_233_500
    assert (result.ice_on(2, 13), result.ice_on(2, 14)) == (195, 0)
    assert result.profiles[1].days == 13


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


def test_a_finished_section_takes_no_crew_and_no_day():
    result = account_of(Wall("w", settings_for(), {1: bytes([30, 30])}))
    assert (result.days, result.ice, result.profiles[0].daily) == (0, 0, [])
    assert result.profiles[0].sections == 2


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


@given(walls, st.integers(1, 9))
def test_totals_do_not_depend_on_the_number_of_crews(wall, crews):
    one = account_of(Wall("w", settings_for(), wall))
    other = account_of(Wall("w", settings_for(crews), wall))
    assert (one.ice, one.cost) == (other.ice, other.cost)
    assert [p.ice for p in one.profiles] == [p.ice for p in other.profiles]


@given(walls, st.integers(1, 9))
def test_daily_rows_are_those_of_a_loop_over_the_days(wall, crews):
    used = Counter()
    for task in tasks_of(settings_for(crews), wall):
        used.update((task.profile, task.first_day + day) for day in range(task.days))
    result = account_of(Wall("w", settings_for(crews), wall))
    for profile in result.profiles:
        cost = 0
        assert [row.day for row in profile.daily] == sorted(
            day for number, day in used if number == profile.profile
        )
        for row in profile.daily:
            assert row.ice == 195 * used[profile.profile, row.day]
            assert result.ice_on(profile.profile, row.day) == row.ice
            cost += row.cost
            assert row.cumulative_cost == cost == result.cost_by(profile.profile, row.day)


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


def test_a_wall_without_profiles_has_an_empty_account():
    result = account_of(Wall("w", settings_for(3), {}))
    assert (result.days, result.ice, result.cost, result.profiles) == (0, 0, 0, [])
    assert result.wall_cost_by(1) == 0


def test_an_account_leaves_the_days_out_if_told_so():
    result = account_of(Wall("w", settings_for(), {1: bytes([29])}))
    assert result.as_json(daily=False) == {
        "wall": "w", "crews": None, "days": 1, "ice": 195, "cost": 370_500,
        "profiles": [{"profile": 1, "sections": 1, "days": 1, "ice": 195, "cost": 370_500}],
    }  # fmt: skip


def test_another_material_is_one_entry(monkeypatch):
    monkeypatch.setitem(MATERIALS, "obsidian", Material("obsidian", 10, 3))
    result = account_of(Wall("w", settings_for(material="obsidian"), {1: bytes([29, 28])}))
    assert (result.ice, result.cost) == (30, 90)


def test_another_mode_is_one_file(tmp_path, monkeypatch):
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


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: settings_for(0), "1 to 1,000,000"),
        (lambda: settings_for(10**5000), "more than 20 digits"),
        (lambda: settings_for(True), "number of crews True"),
        (lambda: settings_for(material="gold"), "there is ice"),
        (lambda: settings_for(mode="crew-pool"), "needs a number of crews"),
        (lambda: settings_for(3, mode="crew-per-section"), "has no pool"),
        (lambda: settings_for(mode="magic"), "there is crew-per-profile"),
        (lambda: checked_wall_id("a/b"), "1 to 64"),
        (lambda: checked_wall_id("a\n"), "1 to 64"),
        (lambda: checked_heights([]), "1 to 2,000"),
        (lambda: checked_heights([1] * 2001), "2,001 sections"),
        (lambda: checked_heights([1, True]), "section 2 has height True"),
        (lambda: checked_heights([31]), "section 1 has height 31"),
        (lambda: checked_heights([10**5000]), "more than 20 digits"),
        (lambda: checked_heights([1, 31], "profile 3"), "^profile 3: section 2 has height 31"),
        (lambda: checked_heights([], "profile 3"), "^profile 3: the profile has 0 sections"),
        (lambda: checked_profile_number(0), "1 to 1,000,000"),
        (lambda: checked_profile_number(True), "profile True"),
        (lambda: checked_heights([1.0]), "whole numbers"),
    ],
)
def test_what_is_wrong_is_said_with_what_would_be_right(wrong, words):
    with pytest.raises(InvalidWall, match=words):
        wrong()


settings.register_profile("default", deadline=None)
settings.load_profile("default")
