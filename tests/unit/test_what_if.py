"""What other numbers of crews would make of a wall."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.account import account_of
from domain.errors import InvalidWall
from domain.settings import settings_for
from domain.wall import Wall
from domain.what_if import fewest_crews, with_crews

EXERCISE = {1: bytes([21, 25, 28]), 2: bytes([17]), 3: bytes([17, 22, 17, 19, 17])}

walls = st.dictionaries(
    st.integers(1, 9), st.lists(st.integers(0, 30), min_size=1, max_size=8).map(bytes), min_size=1
)


def test_the_exercises_wall_takes_87_days_with_one_crew_and_13_with_nine():
    found = [with_crews(EXERCISE, "ice", crews).days for crews in range(1, 10)]
    assert found == [87, 48, 31, 26, 23, 21, 18, 15, 13]


@given(walls, st.integers(1, 20))
def test_it_is_what_the_account_of_a_wall_with_that_pool_says(profiles, crews):
    found = with_crews(profiles, "ice", crews)
    account = account_of(Wall("w", settings_for(crews), profiles))
    assert (found.days, found.ice, found.cost) == (account.days, account.ice, account.cost)
    feet = sum(30 * len(heights) - sum(heights) for heights in profiles.values())
    assert found.worked == found.curve.feet() == feet
    assert found.crew_days == found.worked + found.idle_crew_days
    assert found.idle_crew_days >= 0


@given(walls, st.integers(1, 60))
def test_the_fewest_crews_are_in_time_and_one_less_is_not(profiles, by_day):
    longest = 30 - min(map(min, profiles.values()))
    if by_day < longest:
        with pytest.raises(InvalidWall, match="no number of crews"):
            fewest_crews(profiles, "ice", by_day)
        return
    found = fewest_crews(profiles, "ice", by_day)
    assert found.days <= by_day
    if found.crews > 1:
        assert with_crews(profiles, "ice", found.crews - 1).days > by_day
