"""The watchdog: when a partition is stuck (lag, and no progress within the timeout)."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.batching import watchdog
from streams.batching.watchdog import LagAge, Reached, Watchdog

ONE, OTHER = ("in", 0), ("in", 1)


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(watchdog, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.fixture
def stuck(clock):
    dog = Watchdog("none", "group", list, list, dict, timeout_s=10)

    def after(seconds, lagging, recovered=None):
        clock[0] += seconds
        return dog.stuck(lagging, recovered)

    return after


def test_a_partition_with_lag_at_the_same_offset_for_longer_than_the_timeout_is_stuck(stuck):
    assert stuck(0, {ONE: 5, OTHER: 5}) == []
    assert stuck(6, {ONE: 5, OTHER: 6}) == []
    assert stuck(6, {ONE: 5, OTHER: 6}) == [ONE]


def test_a_partition_without_lag_is_not_stuck_though_nothing_is_committed(stuck):
    assert stuck(0, {ONE: 5}) == []
    assert stuck(6, {}) == []
    assert stuck(6, {ONE: 5}) == []


def test_a_broker_that_does_not_answer_is_no_progress(stuck):
    assert stuck(0, {ONE: 5}) == []
    assert stuck(11, None) == [ONE]


def test_acknowledged_messages_are_progress_of_the_partition_that_they_came_of(clock):
    progress = {ONE: 1, OTHER: 1}
    dog = Watchdog("none", "group", list, list, dict, timeout_s=10, progress=progress)
    assert dog.stuck({ONE: 5, OTHER: 5}, None) == []
    clock[0] += 6
    progress[ONE] += 1  # of a batch that makes very many messages
    assert dog.stuck({ONE: 5, OTHER: 5}, None) == []
    clock[0] += 6
    assert dog.stuck({ONE: 5, OTHER: 5}, None) == [OTHER]


def test_recovery_is_progress(stuck):
    assert stuck(0, {ONE: 5}, recovered={"changelog": 1}) == []
    assert stuck(11, {ONE: 5}, recovered={"changelog": 2}) == []
    assert stuck(11, {ONE: 5}, recovered={"changelog": 2}) == [ONE]


@pytest.mark.parametrize(
    ("of_others", "watched"), [([], [ONE, OTHER]), ([ONE], [])], ids=["nobody", "another worker"]
)
def test_a_worker_without_partitions_watches_all_of_them_as_long_as_nobody_has_any(
    of_others, watched
):
    dog = Watchdog("none", "group", list, lambda: [ONE, OTHER], dict, timeout_s=10)
    members = [
        SimpleNamespace(assignment=None),
        SimpleNamespace(assignment=SimpleNamespace(topic_partitions=of_others)),
    ]
    group = SimpleNamespace(result=lambda: SimpleNamespace(members=members))
    admin = SimpleNamespace(describe_consumer_groups=lambda *_, **__: {"group": group})
    assert dog.watched(admin) == watched


def test_after_an_outage_the_group_is_asked_for_by_a_client_that_was_not_there_before(monkeypatch):
    asked = []

    class Admin:
        def __init__(self, _config):
            self.number = len(asked)

        def describe_consumer_groups(self, *_, **__):
            asked.append(self.number)
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))

    monkeypatch.setattr(watchdog, "AdminClient", Admin)
    dog = Watchdog("none", "group", list, lambda: [ONE], dict, timeout_s=10)
    monkeypatch.setattr(dog, "_stopped", Mock(wait=Mock(side_effect=[False, False, True])))
    dog._watch()
    assert asked == [0, 1]


class TestLag:
    @pytest.fixture
    def lag(self):
        age = LagAge()
        return lambda now, position, end: age.measure({ONE: Reached(0, position, end)}, now)[ONE]

    def test_it_is_nothing_where_all_is_committed(self, lag):
        assert lag(0, 10, 10) == (0, 0.0)

    def test_its_age_follows_from_when_the_end_passed_the_position(self, lag):
        lag(0, 0, 0)
        lag(10, 0, 100)
        assert lag(20, 0, 300) == (300, 20.0)
        # Record 150 came after a quarter of the time in which 200 came.
        assert lag(30, 150, 300) == (150, 30 - 12.5)
        assert lag(40, 300, 300) == (0, 0.0)

    def test_a_worker_that_stands_grows_older_with_the_clock_however_long(self, lag):
        lag(0, 0, 0)
        for second in range(5, 50_000, 5):
            found = lag(second, 0, 10 * second)
        assert found.seconds == second

    def test_what_was_there_before_is_at_least_as_old_as_the_watch(self, lag):
        assert lag(100, 5, 50) == (45, 0.0)
        assert lag(107, 5, 50) == (45, 7.0)
