"""What happens on each day of a plan."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from domain.account import account_of
from domain.days import PlanDays, Relieved, last_day
from domain.materials import MATERIALS, material_named
from domain.planning import plan_wall
from domain.settings import WallSettings, settings_for
from domain.wall import Wall
from tests.harness.walls import EXERCISE, tasks_of, walls

all_settings = st.one_of(
    st.builds(lambda n: WallSettings("crew-pool", n), st.integers(1, 9)),
    st.sampled_from([WallSettings(), WallSettings("crew-per-profile", None, "packed-snow")]),
)


def days_of(settings: WallSettings, wall: dict[int, bytes]) -> PlanDays:
    return PlanDays(plan_wall(settings, wall), material_named(settings.material))


def test_the_exercises_wall_day_by_day():
    days = days_of(settings_for(), EXERCISE)
    assert days.amounts(1) == (9, 1_755, 3_334_500, 3_334_500)
    assert [(c.profile, c.sections, c.crews) for c in days.completed(13)] == [
        (2, [1], ["2.1"]),
        (3, [1, 3, 5], ["3.1", "3.3", "3.5"]),
    ]
    assert days.relieved(3) == [Relieved("1.3", 1)]
    assert days.last == 14
    assert days.amounts(14) == (0, 0, 0, 32_233_500)


def test_crews_of_a_pool_belong_to_no_profile():
    days = days_of(settings_for(3), {1: bytes([28, 25])})
    assert (days.relieved(3), days.relieved(6)) == ([Relieved("1", None)], [Relieved("2", None)])


def test_nothing_happens_on_a_wall_without_work():
    days = days_of(settings_for(), {1: bytes([30, 30])})
    assert (days.last, days.completed(1), days.amounts(1)) == (0, (), (0, 0, 0, 0))
    assert last_day(0) == 0


@given(walls, all_settings)
def test_each_section_is_completed_once_and_on_its_last_day(wall, settings):
    days = days_of(settings, wall)
    found = Counter(
        (done.profile, section, crew, day)
        for day in range(days.last + 2)
        for done in days.completed(day)
        for section, crew in zip(done.sections, done.crews, strict=True)
    )
    assert found == Counter(
        (task.profile, task.section, task.crew, task.first_day + task.days - 1)
        for task in tasks_of(settings, wall)
    )


@given(walls, all_settings)
def test_each_crew_is_relieved_once_on_the_day_after_its_last_section(wall, settings):
    days = days_of(settings, wall)
    last = {}
    for task in tasks_of(settings, wall):
        last[task.crew] = max(last.get(task.crew, 0), task.first_day + task.days)
    found = [(crew, day) for day in range(days.last + 2) for crew, _ in days.relieved(day)]
    assert sorted(found) == sorted(last.items())


@given(walls, all_settings)
def test_amounts_are_those_of_the_daily_rows_added_up(wall, settings):
    account, days = account_of(Wall("w", settings, wall)), days_of(settings, wall)
    assert days.last == last_day(account.days)
    for day in range(1, days.last + 1):
        rows = [row for p in account.profiles for row in p.daily if row.day == day]
        amounts = days.amounts(day)
        assert amounts.ice == sum(row.ice for row in rows)
        assert amounts.cost == sum(row.cost for row in rows)
        assert amounts.cumulative_cost == account.wall_cost_by(day)
        yd3 = MATERIALS[settings.material].yd3_per_ft
        assert amounts.sections * yd3 == amounts.ice


def test_days_without_an_event_take_no_memory():
    days = days_of(settings_for(1), {number: bytes(2_000) for number in range(1, 11)})
    assert days.last == 20_000 * 30 + 1
    assert days.amounts(days.last - 1).cumulative_cost == 20_000 * 30 * 195 * 1_900
    assert len(days._stretches) == 2
