"""The replica is a function of the latest record of each key."""

from __future__ import annotations

from random import Random

import pytest

from domain.clock import Clock
from streams.contract.records import ClockRow, PlannerRow, ProfileOverview, ProfileTotals
from streams.views.answers import NotThere
from streams.web.replica import Change, Replica, Source, Submitted, mark_of, split_key
from streams.web.summaries import clock_summary, profile_summary, wall_summary


def plan(wall: str, profile: int, heights: bytes | None, changed_at: int) -> Change:
    row = PlannerRow(changed_at, 0, changed_at, heights, None, None, None)
    key = f"{wall}/{profile}"
    return Change(
        "plans", key, Source(0, changed_at), row, mark_of(key.encode(), repr(row).encode())
    )


def settings(wall: str, crews: int, changed_at: int) -> Change:
    row = PlannerRow(changed_at, 0, changed_at, None, "crew-pool", crews, "ice")
    return Change(
        "plans", wall, Source(0, changed_at), row, mark_of(wall.encode(), repr(row).encode())
    )


def totals(
    wall: str, profile: int, version: int, state: str = "COMPLETE", *, withdrawn: bool = False
) -> Change:
    row = ProfileTotals(
        wall, profile, version, state, withdrawn, "crew-per-section", None, "ice",
        0 if withdrawn else 2, 0 if withdrawn else 3, 0 if withdrawn else 585,
        0 if withdrawn else 1_111_500, [] if withdrawn else [1, 4], [] if withdrawn else [1, -1],
    )  # fmt: skip
    key = f"{wall}/{profile}"
    return Change("totals", key, Source(0, version), row, mark_of(key.encode(), repr(row).encode()))


def published(wall: str, profile: int, version: int) -> Change:
    row = ProfileOverview(wall, profile, version, "COMPLETE", 2, 3, 585, 1_111_500)
    key = f"{wall}/{profile}"
    return Change("published", key, Source(0, version), row, mark_of(key.encode(), b"%d" % version))


def test_a_wall_is_there_as_soon_as_a_profile_is_accepted():
    replica = Replica()
    with pytest.raises(NotThere):
        replica.wall("w")
    replica.fold([plan("w", 1, bytes([28, 29]), 0)])
    summary = wall_summary(replica.wall("w"))
    assert (summary.state, summary.sections, summary.cost) == ("BUILDING", 2, 0)
    assert profile_summary(replica.wall("w"), 1).version == -1


def test_a_profile_is_complete_when_its_totals_are_of_the_latest_plan():
    replica = Replica()
    replica.fold([plan("w", 1, bytes([28, 29]), 3), totals("w", 1, 3)])
    assert wall_summary(replica.wall("w")).state == "COMPLETE"
    replica.fold([plan("w", 1, bytes([28, 30]), 4)])
    assert wall_summary(replica.wall("w")).state == "BUILDING"
    replica.fold([totals("w", 1, 4, "BUILDING"), published("w", 1, 3)])
    summary = profile_summary(replica.wall("w"), 1)
    assert (summary.state, summary.version, summary.cost) == ("BUILDING", 3, 1_111_500)
    replica.fold([totals("w", 1, 4)])
    assert profile_summary(replica.wall("w"), 1).version == 4


def test_in_a_pool_a_change_of_one_profile_is_one_of_all_behind_it():
    replica = Replica()
    replica.fold([settings("w", 2, 0)])
    replica.fold(plan("w", n, bytes([20]), n) for n in (1, 2, 3))
    replica.fold(totals("w", n, n) for n in (1, 2, 3))
    assert replica.wall("w").complete
    replica.fold([plan("w", 2, bytes([10]), 7), totals("w", 2, 7)])
    assert [replica.wall("w").is_complete(n) for n in (1, 2, 3)] == [True, True, False]
    replica.fold([totals("w", 3, 7)])
    assert replica.wall("w").complete


def test_a_withdrawn_profile_is_gone_and_its_wall_with_the_last_one():
    replica = Replica()
    replica.fold([plan("w", 1, bytes([28]), 0), totals("w", 1, 0), published("w", 1, 0)])
    replica.fold([plan("w", 1, None, 1)])
    assert wall_summary(replica.wall("w")).state == "BUILDING"
    replica.fold([totals("w", 1, 1, withdrawn=True)])
    with pytest.raises(NotThere):
        replica.wall("w")
    assert list(replica.live_walls()) == []


def test_the_order_across_keys_makes_no_difference_and_neither_does_delivering_again():
    random = Random(1)
    changes = [
        change
        for wall in ("a", "b")
        for n in range(1, 6)
        for change in (
            plan(wall, n, bytes([n, 30 - n]), n), totals(wall, n, n), published(wall, n, n),
        )
    ]  # fmt: skip
    first, second = Replica(), Replica()
    first.fold(changes)
    first.fold(changes)
    random.shuffle(changes)
    for change in changes:
        second.fold([change])
    for wall in ("a", "b"):
        assert first.wall(wall).tag == second.wall(wall).tag
        assert wall_summary(first.wall(wall)) == wall_summary(second.wall(wall))


def test_any_change_of_a_row_changes_the_tag_and_going_back_brings_it_back():
    replica = Replica()
    replica.fold([plan("w", 1, bytes([28]), 0), totals("w", 1, 0)])
    before = replica.wall("w").tag
    replica.fold([totals("w", 1, 2)])
    assert replica.wall("w").tag != before
    replica.fold([totals("w", 1, 0)])
    assert replica.wall("w").tag == before


def test_two_profiles_that_are_equal_do_not_cancel_each_other_out():
    replica = Replica()
    replica.fold([plan("w", 1, bytes([28]), 0)])
    one = replica.wall("w").picture_tag
    replica.fold([plan("w", 2, bytes([28]), 0), plan("w", 3, bytes([28]), 0)])
    assert replica.wall("w").picture_tag not in (one, f"{0:016x}")


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("w", ("w", 0)),
        ("w/1", ("w", 1)),
        ("w/01", ("w/01", 0)),
        ("w/0", ("w/0", 0)),
        ("w/x", ("w/x", 0)),
        ("w/1/2", ("w/1", 2)),
        ("", ("", 0)),
    ],
)
def test_a_key_is_a_wall_or_a_profile_in_one_spelling(key, found):
    assert split_key(key) == found


def test_what_is_on_the_input_topics_says_nothing_of_what_is_built():
    replica = Replica()
    replica.fold([Change("submitted", "w/1", Source(0, 0), Submitted.VALID, 0)])
    with pytest.raises(NotThere):
        replica.wall("w")


def clock(run: str, day: int = 0, state: str = "RUNNING") -> Clock:
    return Clock(run, state, day, 1_000, 100)  # type: ignore[arg-type]


def clock_set(offset: int, to: Clock | None) -> Change:
    return Change("clocks", "w", Source(0, offset), to or Submitted.TOMBSTONE, 0)


def told(offset: int, accepted: Clock | None, day: int) -> Change:
    """The workers' row: the clock that they have accepted from an offset, and the last day told."""
    row = ClockRow(accepted, day, None, 0, 9, 0, offset)
    return Change("told", "w", Source(0, offset), row, 0)


def test_a_clock_is_known_before_a_worker_has_taken_it_up():
    replica = Replica()
    replica.fold([told(3, clock("a"), 7), clock_set(5, clock("b", 2))])
    rows = replica.walls["w"]
    assert (rows.clock, rows.told_day) == (clock("b", 2), 2)
    replica.fold([told(5, clock("b", 2), 4)])
    assert (rows.clock, rows.told_day) == (clock("b", 2), 4)


def test_a_withdrawn_clock_is_gone_at_once():
    replica = Replica()
    replica.fold([clock_set(3, clock("a")), told(3, clock("a"), 7), clock_set(5, None)])
    assert clock_summary(replica.walls["w"], 5_000).state is None
    replica.fold([told(5, None, 0)])
    assert replica.walls["w"].clock is None


def test_where_compaction_has_left_a_bad_clock_alone_the_workers_have_the_good_one():
    replica = Replica()
    replica.fold([told(3, clock("a"), 7)])
    assert replica.walls["w"].clock == clock("a")


def test_the_day_is_that_of_the_time_and_no_later_than_the_last_one():
    replica = Replica()
    replica.fold([totals("w", 1, 1), clock_set(0, clock("a"))])
    days = [clock_summary(replica.walls["w"], ms).day for ms in (0, 1_000, 1_199, 1_200, 9_999)]
    assert days == [0, 0, 1, 2, 4]


def test_days_that_pass_are_no_change_of_a_walls_rows():
    replica = Replica()
    replica.fold([plan("w", 1, bytes([28]), 0), totals("w", 1, 0)])
    before = replica.wall("w").tag
    touched = replica.fold([clock_set(0, clock("a")), told(0, clock("a"), 1)])
    assert touched == ({}, {"w"})
    assert replica.wall("w").tag == before


@pytest.mark.parametrize("mode", ["crew-pool", "of-newer-code"])
def test_a_wall_whose_mode_newer_code_has_accepted_is_shown_and_waits(mode):
    replica = Replica()
    replica.fold([plan("w", 1, bytes([28, 29]), 0), totals("w", 1, 0)])
    row = PlannerRow(5, 0, 5, None, mode, 3, "of-newer-code")
    replica.fold([Change("plans", "w", Source(0, 5), row, mark_of(b"w", b"5"))])
    summary = wall_summary(replica.wall("w"))
    assert (summary.state, summary.mode, summary.cost) == ("BUILDING", mode, 1_111_500)
    assert not replica.wall("w").is_complete(1)
    assert profile_summary(replica.wall("w"), 1).state == "BUILDING"
