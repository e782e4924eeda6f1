"""A wall is built when `wall.overview` shows what the domain computes for it."""

from __future__ import annotations

from streams.client.completion import WallCompletion
from tests.unit.overview_rows import ONE, OTHER, published


def test_a_wall_is_awaited_until_every_row_is_as_computed_and_complete():
    awaited = WallCompletion(ONE)
    for key, found in published(ONE).items():
        assert awaited.missing
        awaited.take(key, found | {"state": "BUILDING"})
        assert key in awaited.missing
        awaited.take(key, found)
        awaited.take(key, found)  # delivered twice
    assert not awaited.missing
    assert awaited.built == awaited.profiles == 1


def test_a_row_of_another_plan_or_of_a_profile_to_be_withdrawn_is_awaited():
    awaited = WallCompletion(ONE)
    for key, found in published(OTHER).items():
        awaited.take(key, found)
    assert awaited.what_is_missing() == "missing: profile 1; to be withdrawn: w/2"
    awaited.take("w/2", None)
    for key, found in published(ONE).items():
        awaited.take(key, found)
    assert not awaited.missing


def test_a_wall_with_the_same_amounts_in_another_mode_is_not_the_wall():
    awaited = WallCompletion(ONE)
    for key, found in published(ONE).items():
        awaited.take(key, found | ({"mode": "crew-pool", "crews": 99} if key == "w" else {}))
    assert awaited.missing == {"w"}
    assert awaited.what_is_missing() == "missing: the wall's totals"


def test_what_is_published_is_awaited_in_the_table_too_of_which_questions_are_answered():
    awaited = WallCompletion(ONE)
    for key, found in published(ONE).items():
        awaited.take(key, found)
    awaited.expect_in_table()
    announced, done = {"state": "BUILDING", "withdrawn": False}, {"withdrawn": False}
    row = published(ONE)["w/1"]
    awaited.take("w/2", row | done)
    awaited.take("w/1", row | announced)
    assert awaited.what_is_missing() == "missing: profile 1; to be withdrawn: w/2"
    awaited.take("w/1", row | done)
    awaited.take("w/2", row | {"withdrawn": True})
    assert not awaited.missing
