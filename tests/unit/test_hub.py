"""A listener is told everything, or told that it is not; and costs a bounded amount of memory."""

from __future__ import annotations

import pytest

from streams.web.hub import (
    KINDS,
    MOST_OF_AN_ADDRESS,
    MOST_PROFILES,
    MOST_QUEUED,
    MOST_STREAMS,
    Hub,
    Listener,
    Queue,
)
from streams.web.models import AuditEvent
from streams.web.problems import Refusal


def event(offset: int, wall: str = "w", partition: int = 0) -> AuditEvent:
    return AuditEvent(
        kind="ProfileCompleted", partition=partition, offset=offset, time=0, wall=wall, version=0
    )


def listener(wall: str | None = "w") -> Listener:
    return Listener(wall, frozenset(KINDS))


def test_a_wall_that_changes_often_is_told_once():
    one = listener()
    for profile in (1, 2, 1, 1):
        one.rows_changed({"w": {profile}, "other": {9}})
    assert one.profiles == {"w": {1, 2}}
    assert one.wake.is_set()


def test_a_listener_to_all_walls_is_told_of_no_profiles():
    one = listener(wall=None)
    one.rows_changed({"w": {1}, "other": {9}})
    assert one.profiles == {"w": set(), "other": set()}


def test_more_changes_than_can_be_told_are_a_reset():
    one = listener()
    one.rows_changed({"w": set(range(1, MOST_PROFILES + 2))})
    assert one.reset is not None
    assert one.profiles == {}


def test_a_full_queue_drops_the_oldest_and_counts_them():
    queue = Queue()
    queue.add([event(n) for n in range(MOST_QUEUED + 10)], skipped=5)
    found, skipped = queue.take(MOST_QUEUED)
    assert skipped == 15
    assert [e.offset for e in found] == list(range(10, MOST_QUEUED + 10))
    assert queue.take(1) == ([], 0)


def test_events_that_wait_are_told_again_after_a_break():
    queue = Queue()
    queue.add([event(7, partition=1), event(8, partition=0), event(9, partition=1)], skipped=0)
    assert queue.told({0: 20, 1: 30}) == (8, 7)
    queue.take(1)
    assert queue.told({0: 20, 1: 30}) == (8, 9)
    queue.take(5)
    assert queue.told({0: 20, 1: 30}) == (20, 30)


def test_events_of_other_walls_are_not_told_but_those_passed_over_are_counted():
    one = listener()
    one.audit_came([event(1, wall="other"), event(2)], skipped=3)
    events, skipped = one.audit.take(10)
    assert ([e.offset for e in events], skipped) == ([2], 3)


def test_a_listener_hears_only_what_it_asked_for():
    one = Listener("w", frozenset({"rows"}))
    one.audit_came([event(1)], skipped=1)
    one.dead_letters_came([], skipped=4)
    assert not one.wake.is_set()


def test_streams_are_limited_in_all_and_by_address():
    hub = Hub()
    for _ in range(MOST_OF_AN_ADDRESS):
        hub.listen(listener(), "10.0.0.1")
    with pytest.raises(Refusal, match="10 of one") as refused:
        hub.listen(listener(), "10.0.0.1")
    assert refused.value.status == 429
    kept = [listener() for _ in range(MOST_STREAMS - MOST_OF_AN_ADDRESS)]
    for number, one in enumerate(kept):
        hub.listen(one, f"10.0.1.{number}")
    with pytest.raises(Refusal):
        hub.listen(listener(), "10.0.2.1")
    hub.leave(kept[0], "10.0.1.0")
    hub.listen(listener(), "10.0.2.1")


def test_clocks_are_told_of_the_wall_that_is_listened_to():
    one, all_walls = listener(), listener(wall=None)
    for each in (one, all_walls):
        each.clocks_changed({"w", "other"})
    assert (one.clocks, all_walls.clocks) == ({"w"}, {"w", "other"})
    assert one.wake.is_set()


def test_a_clock_of_another_wall_wakes_nobody():
    one = listener()
    one.clocks_changed({"other"})
    assert not one.wake.is_set()


async def test_a_hub_that_closes_wakes_everybody_and_takes_nobody():
    hub, one = Hub(), listener()
    hub.listen(one, "10.0.0.1")
    hub.close()
    assert one.wake.is_set()
    await hub.pause(60)
    with pytest.raises(Refusal):
        hub.listen(listener(), "10.0.0.1")
