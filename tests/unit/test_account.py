"""What a wall uses and costs: the exercise's figures, and sums over the days."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from domain.account import account_of
from domain.materials import MATERIALS, Material
from domain.settings import settings_for
from domain.wall import Wall
from tests.harness.walls import EXERCISE, tasks_of, walls


def test_the_exercises_example():
    result = account_of(Wall("w", settings_for(), EXERCISE))
    assert [result.ice_on(profile, 1) for profile in (1, 2, 3)] == [585, 195, 975]
    assert result.ice_on(1, 3) == 390
    assert result.cost_by(1, 1) == 1_111_500
    assert result.wall_cost_by(1) == 3_334_500
    assert result.cost == 32_233_500
    assert (result.ice_on(2, 13), result.ice_on(2, 14)) == (195, 0)
    assert result.profiles[1].days == 13


def test_a_finished_section_takes_no_crew_and_no_day():
    result = account_of(Wall("w", settings_for(), {1: bytes([30, 30])}))
    assert (result.days, result.ice, result.profiles[0].daily) == (0, 0, [])
    assert result.profiles[0].sections == 2


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


def test_a_wall_without_profiles_has_an_empty_account():
    result = account_of(Wall("w", settings_for(3), {}))
    assert (result.days, result.ice, result.cost, result.profiles) == (0, 0, 0, [])
    assert result.wall_cost_by(1) == 0


def test_an_account_can_leave_out_the_daily_rows():
    result = account_of(Wall("w", settings_for(), {1: bytes([29])}))
    assert result.as_json(daily=False) == {
        "wall": "w", "crews": None, "days": 1, "ice": 195, "cost": 370_500,
        "profiles": [{"profile": 1, "sections": 1, "days": 1, "ice": 195, "cost": 370_500}],
    }  # fmt: skip


def test_adding_a_material_takes_one_entry(monkeypatch):
    monkeypatch.setitem(MATERIALS, "obsidian", Material("obsidian", 10, 3))
    result = account_of(Wall("w", settings_for(material="obsidian"), {1: bytes([29, 28])}))
    assert (result.ice, result.cost) == (30, 90)
