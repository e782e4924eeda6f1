"""The watchdog: when a partition is stuck (lag, and no progress within the timeout)."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from streams.batching import watchdog
from streams.batching.watchdog import Watchdog

ONE, OTHER = ("in", 0), ("in", 1)


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(watchdog, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.fixture
def stuck(clock):
    dog = Watchdog("none", "group", list, dict, timeout_s=10)

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
    dog = Watchdog("none", "group", list, dict, timeout_s=10, progress=progress)
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
