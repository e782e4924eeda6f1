"""Curves: how many sections are at work each day, against sums over the days."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from domain.daily import SectionsAtWork, curve_of, daily_rows
from domain.materials import Material

spans = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 30)), max_size=30)


def at_work_by_day(found: list[tuple[int, int]]) -> Counter[int]:
    return Counter(first + day for first, days in found for day in range(days))


@given(spans)
def test_a_curve_equals_counting_each_day(found):
    curve, naive = curve_of(found), at_work_by_day(found)
    assert list(curve.rows()) == [
        (day, naive[day], sum(naive[d] for d in naive if d <= day)) for day in sorted(naive)
    ]
    for day in range(100):
        assert curve.at_work(day) == naive[day]
        assert curve.feet_by(day) == sum(naive[d] for d in naive if d <= day)
    assert curve.feet() == naive.total()
    assert (curve.first_day(), curve.last_day()) == (min(naive, default=0), max(naive, default=0))


@given(spans)
def test_steps_are_in_order_and_each_changes_something(found):
    steps = curve_of(found).steps
    assert list(steps) == sorted(dict(steps).items())
    assert all(change for _, change in steps)


@given(spans, st.randoms())
def test_a_curve_does_not_depend_on_the_order_of_the_sections(found, random):
    other = list(found)
    random.shuffle(other)
    assert curve_of(found) == curve_of(other)


def test_a_curve_without_work_is_empty():
    curve = curve_of([])
    assert curve == SectionsAtWork()
    assert (curve.first_day(), curve.last_day(), curve.feet(), list(curve.rows())) == (0, 0, 0, [])


def test_days_without_work_have_no_row():
    assert [day for day, _, _ in curve_of([(1, 2), (5, 1)]).rows()] == [1, 2, 5]


def test_a_section_that_follows_another_the_next_day_is_no_step():
    assert curve_of([(1, 3), (4, 2)]).steps == ((1, 1), (6, -1))


def test_amounts_far_beyond_floats_are_exact():
    huge = Material("unobtainium", yd3_per_ft=10**20 + 1, gd_per_yd3=10**20 + 3)
    (row,) = daily_rows(curve_of([(1, 1)]), huge)
    assert row == (1, 10**20 + 1, (10**20 + 1) * (10**20 + 3), (10**20 + 1) * (10**20 + 3))
