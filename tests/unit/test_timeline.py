"""A timeline has the days of the domain's daily rows, added up over the profiles."""

from __future__ import annotations

import csv
import io
import itertools
import json

from arro3.io import read_parquet
from hypothesis import given
from hypothesis import strategies as st

from domain.account import account_of
from domain.settings import settings_for
from domain.wall import Wall
from domain.what_if import with_crews
from streams.contract.records import ProfileTotals
from streams.web import timeline
from tests.harness.walls import EXERCISE

walls = st.dictionaries(
    st.integers(1, 9), st.lists(st.integers(0, 30), min_size=1, max_size=8).map(bytes), min_size=1
)
crews = st.one_of(st.none(), st.integers(1, 5))


def totals_of(wall: Wall) -> list[ProfileTotals]:
    return [
        ProfileTotals(
            wall.id, p.profile, 0, "COMPLETE", False, wall.settings.mode, wall.settings.crews,
            wall.settings.material, p.sections, p.days, p.ice, p.cost,
            [day for day, _ in p.curve.steps], [change for _, change in p.curve.steps],
        )
        for p in account_of(wall).profiles
    ]  # fmt: skip


def expected_rows(wall: Wall) -> list[tuple[int, ...]]:
    account = account_of(wall)
    by_day: dict[int, list[int]] = {}
    for profile in account.profiles:
        for row in profile.daily:
            at = by_day.setdefault(row.day, [0, 0, 0])
            at[0] += profile.curve.at_work(row.day)
            at[1] += row.ice
            at[2] += row.cost
    rows, ice, cost = [], 0, 0
    for day in sorted(by_day):
        at_work, day_ice, day_cost = by_day[day]
        ice, cost = ice + day_ice, cost + day_cost
        rows.append((day, at_work, day_ice, day_cost, ice, cost))
    return rows


@given(walls, crews, st.sampled_from(["ice", "packed-snow"]))
def test_runs_and_rows_are_the_domains_days(profiles, crews, material):
    wall = Wall("w", settings_for(crews, material), profiles)
    runs = timeline.runs_of(totals_of(wall))
    assert list(timeline.rows_of(runs, 1, 10**9)) == expected_rows(wall)
    for before, after in itertools.pairwise(runs):
        assert before.last_day < after.first_day


@given(walls, st.integers(1, 40), st.integers(1, 40))
def test_a_part_of_a_timeline_is_that_part_of_it(profiles, first, last):
    runs = timeline.runs_of(totals_of(Wall("w", settings_for(2), profiles)))
    part = timeline._within(runs, first, last)
    days = [row for row in timeline.rows_of(runs, 1, 10**9) if first <= row[0] <= last]
    assert list(timeline.rows_of(part, 1, 10**9)) == days
    assert list(timeline.rows_of(runs, first, last)) == days


@given(walls)
def test_every_format_has_the_same_rows(profiles):
    runs = timeline.runs_of(totals_of(Wall("w", settings_for(), profiles)))
    rows = list(timeline.rows_of(runs, 1, 10**9))
    text = "".join(timeline._csv(iter(rows)))
    read = list(csv.reader(io.StringIO(text)))
    assert tuple(read[0]) == timeline.COLUMNS
    assert [tuple(map(int, row)) for row in read[1:]] == rows
    listed = json.loads("".join(timeline._json_rows(iter(rows))))
    assert [tuple(row.values()) for row in listed] == rows
    table = read_parquet(io.BytesIO(timeline._parquet(iter(rows), {}).body)).read_all()
    assert tuple(table.column_names) == timeline.COLUMNS
    assert list(zip(*(c.to_pylist() for c in table.columns), strict=True)) == rows


def test_what_a_pool_would_use_is_in_runs_as_what_is_used():
    found = with_crews(EXERCISE, "ice", 4)
    days, steps = zip(*found.curve.steps, strict=True)
    runs = timeline.runs_of([timeline.Supposed(days, steps, 195, 195 * 1_900)])
    assert (runs[0].sections_at_work, runs[0].ice) == (4, 780)
    assert (runs[-1].last_day, runs[-1].cumulative_cost) == (26, 32_233_500)
