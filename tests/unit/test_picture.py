"""The picture of a wall says of each section what the plan says."""

from __future__ import annotations

import gzip
import json
import struct
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.planning import plan_wall
from domain.settings import WallSettings
from streams.web import picture
from streams.web.picture import crews_of, packed, planned_wall

EXERCISE = {1: bytes([21, 25, 28]), 2: bytes([17]), 3: bytes([17, 22, 17, 19, 17])}
MODES = [
    WallSettings(),
    WallSettings("crew-pool", 3),
    WallSettings("crew-pool", 1_000_000),
    WallSettings("crew-per-profile"),
]

walls = st.dictionaries(
    st.integers(1, 50), st.lists(st.integers(0, 30), min_size=1, max_size=20).map(bytes), max_size=6
)


def unpacked(data: bytes) -> tuple[dict, list[int], list[int], bytes]:
    """Head, first days, crews and heights, as the page reads them."""
    raw = gzip.decompress(data)
    (length,) = struct.unpack_from("<I", raw)
    head = json.loads(raw[4 : 4 + length])
    sections = sum(count for _, count in head["profiles"])
    rest = raw[4 + length :]
    first_days = array("I", rest[: 4 * sections])
    rest = rest[4 * sections :]
    has_crews = head["crews"] not in ("profile.section", "profile")
    crews = array("I", rest[: 4 * sections]) if has_crews else array("I")
    heights = rest[4 * sections :] if has_crews else rest
    assert len(heights) == sections
    return head, list(first_days), list(crews), heights


def test_the_exercises_wall_names_its_crews_by_profile_and_section():
    head, first_days, crews, heights = unpacked(packed(planned_wall(WallSettings(), EXERCISE), 7))
    assert head == {
        "version": 7,
        "days": 13,
        "profiles": [[1, 3], [2, 1], [3, 5]],
        "crews": "profile.section",
    }
    assert first_days == [1] * 9
    assert crews == []
    assert heights == b"".join(EXERCISE.values())


def test_crews_of_a_pool_are_sent_by_number():
    head, first_days, crews, _ = unpacked(
        packed(planned_wall(WallSettings("crew-pool", 4), EXERCISE), 0)
    )
    assert head["crews"] == "number"
    assert crews[:5] == [1, 2, 3, 4, 3]
    assert first_days[:5] == [1, 1, 1, 1, 3]


def test_a_finished_section_has_no_day_and_no_crew():
    _, first_days, crews, _ = unpacked(
        packed(planned_wall(WallSettings("crew-pool", 4), {1: bytes([30, 29, 29])}), 0)
    )
    assert (first_days, crews) == ([0, 1, 1], [0, 1, 2])


@pytest.mark.parametrize("settings", MODES, ids=str)
@given(profiles=walls)
def test_every_section_has_the_crew_and_the_days_of_the_plan(settings, profiles):
    plan = plan_wall(settings, profiles)
    planned = planned_wall(settings, profiles)
    tasks = {(task.profile, task.section): task for p in plan.profiles.values() for task in p.tasks}
    for place, profile, section in planned.places():
        task = tasks.get((profile, section))
        if task is None:
            assert planned.crew_of(place, profile, section) is None
            assert (planned.first_days[place], planned.last_day(place)) == (0, 0)
        else:
            assert planned.crew_of(place, profile, section) == task.crew
            assert planned.first_days[place] == task.first_day
            assert planned.last_day(place) == task.first_day + task.days - 1
    head, first_days, *_ = unpacked(packed(planned, 0))
    assert first_days == list(planned.first_days)
    assert head["days"] == max((planned.last_day(p) for p, _, _ in planned.places()), default=0)


@given(profiles=walls)
def test_crews_with_names_of_their_own_are_sent_by_name(profiles):
    planned = planned_wall(WallSettings(), profiles)
    names = [
        None if not planned.first_days[place] else f"brother {section}"
        for place, _, section in planned.places()
    ]
    picture._name_crews(planned, names)
    for place, profile, section in planned.places():
        assert planned.crew_of(place, profile, section) == names[place]


def test_the_same_wall_has_the_same_bytes():
    first, second = (packed(planned_wall(WallSettings(), EXERCISE), 3) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("settings", MODES, ids=str)
@given(profiles=walls)
def test_crews_come_page_by_page_and_each_builds_its_sections_in_order(settings, profiles):
    planned = planned_wall(settings, profiles)
    everyone, count = crews_of(planned, 0, 1_000_000)
    pages = [crews_of(planned, start, 3)[0] for start in range(0, count, 3)]
    assert [crew for page in pages for crew in page] == everyone
    assert len(everyone) == count
    built = [task for crew in everyone for task in crew.tasks]
    assert len(built) == sum(first_day > 0 for first_day in planned.first_days)
    for crew in everyone:
        for before, after in zip(crew.tasks, crew.tasks[1:], strict=False):
            assert after.first_day == before.last_day + 1
        assert crew.relieved_on == crew.tasks[-1].last_day + 1
        assert crews_of(planned, 0, 1, crew.crew)[0] == [crew]
