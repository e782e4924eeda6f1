"""Fetching: what is taken, from where, and how the wait for it ends."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from unittest.mock import AsyncMock, Mock

import pytest
from faust.types import TP

from streams.batching.fetching import Fetched, Fetching

IN, OTHER = TP("in", 0), TP("in", 1)
RECORD = SimpleNamespace(offset=12)


@pytest.fixture
def positions():
    return {IN: SimpleNamespace(_position=10), OTHER: SimpleNamespace(_position=None)}


@pytest.fixture
def fetching(positions):
    fetching = Fetching()
    assignment = SimpleNamespace(state_value=positions.get)
    waiters = []

    def waiter():
        waiters.append(asyncio.get_running_loop().create_future())
        return waiters[-1]

    fetching._consumer = Mock(
        _fetcher=SimpleNamespace(fetched_records=AsyncMock(), _create_fetch_waiter=waiter),
        _subscription=Mock(subscription=SimpleNamespace(assignment=assignment)),
        waiters=waiters,
    )
    return fetching


async def test_a_position_that_moves_over_markers_and_aborted_records_is_handed_on(
    fetching, positions
):
    fetching.begin({IN: 10, OTHER: 10})

    async def take(position, records):
        positions[IN]._position = position
        fetching._fetcher.fetched_records.return_value = records
        return await fetching.take([IN, OTHER], None)

    assert await take(20, {IN: [RECORD]}) == [Fetched(IN, [RECORD], 20)]
    assert await take(30, {}) == [Fetched(IN, [], 30)]
    assert await take(30, {}) == []
    assert await take(None, {}) == []  # out of range: it is being reset
    assert await take(35, {IN: [RECORD]}) == [Fetched(IN, [RECORD], 35)]


async def test_nothing_is_taken_but_from_where_it_was_told_to_begin(fetching):
    assert await fetching.take([IN], None) == []
    fetching.begin({OTHER: 0})
    assert await fetching.take([IN], None) == []
    fetching.begin({})
    assert await fetching.take([IN, OTHER], None) == []
    fetching._fetcher.fetched_records.assert_not_awaited()


async def test_the_wait_for_records_ends_when_there_are_some_or_somebody_takes_again_or_in_time(
    fetching,
):
    for end in (lambda: fetching._consumer.waiters[-1].set_result(None), fetching.wake):
        waiting = asyncio.create_task(fetching.wait(60))
        await asyncio.sleep(0)
        assert not waiting.done()
        end()
        await asyncio.wait_for(waiting, 5)
    await asyncio.wait_for(fetching.wait(0.01), 5)


async def test_a_fetch_that_leaves_out_a_partition_returns_sooner_than_one_that_finds_nothing(
    monkeypatch,
):
    fetcher = SimpleNamespace(_records={})
    fetcher._get_actions_per_node = lambda _: fetcher._fetch_max_wait_ms
    consumer = Mock(start=AsyncMock(), _fetcher=fetcher)
    monkeypatch.setattr("aiokafka.AIOKafkaConsumer", lambda **_: consumer)
    monkeypatch.setattr("aiokafka.consumer.fetcher.MemoryRecords", None)
    monkeypatch.setattr("aiokafka.consumer.fetcher.PartitionRecords", None)
    await Fetching().start()
    of_all = fetcher._get_actions_per_node(None)
    fetcher._records[IN] = [RECORD]  # not taken yet
    of_others = fetcher._get_actions_per_node(None)
    assert of_others < of_all
