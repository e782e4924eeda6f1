"""The consumer: what it commits, where it reads again, and what comes too late."""

from __future__ import annotations

from asyncio import Event
from types import SimpleNamespace
from unittest.mock import AsyncMock, Mock

import pytest
from aiokafka.protocol.group import HeartbeatRequest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.batching.delivery import Batch
from streams.batching.observer import Observer
from streams.batching.transport import BatchConsumer, BatchConsumerThread, _renewing


@pytest.mark.parametrize("last", [True, False])
def test_an_acknowledgement_of_an_earlier_generation_is_ignored(last):
    consumer = BatchConsumer.__new__(BatchConsumer)
    consumer._done, consumer._n_acked, consumer._unacked_messages = {}, 0, set()
    consumer._waiting_for_ack = None
    consumer.app = SimpleNamespace(consumer=consumer, consumer_generation_id=2, observer=Observer())
    tp = TP("in", 0)
    for generation, done in ((1, None), (2, 42)):
        message = Mock(acked=False, generation_id=generation, tp=tp, offset=41)
        batch = Batch(
            SimpleNamespace(app=consumer.app, name="stage"),
            message,
            [SimpleNamespace(offset=41)],
            last=last,
        )
        batch._acknowledge()
        assert consumer._new_offset(tp) == done


async def test_a_batch_acknowledged_between_revocation_and_assignment_is_forgotten(monkeypatch):
    async def nothing(*_):
        pass

    for name in ("on_partitions_revoked", "on_partitions_assigned"):
        monkeypatch.setattr(driver.Consumer, name, nothing)
    consumer = BatchConsumer.__new__(BatchConsumer)
    consumer._done, consumer._n_acked, consumer._unacked_messages = {}, 0, set()
    consumer._waiting_for_ack = None
    consumer.app = SimpleNamespace(consumer_generation_id=1, check_assignment=lambda: None)
    tp = TP("in", 0)
    late = Mock(acked=False, generation_id=1, tp=tp, offset=41)

    await consumer.on_partitions_revoked({tp})
    consumer.ack(late)
    assert consumer._new_offset(tp) == 42  # so it does happen

    consumer.app.consumer_generation_id = 2
    await consumer.on_partitions_assigned({tp}, 2)
    assert consumer._new_offset(tp) is None


@pytest.mark.parametrize(
    ("assigned", "answer", "generation_after", "shown"),
    [
        pytest.param(True, True, 7, 7, id="the broker agreed"),
        pytest.param(True, False, 7, None, id="the group has been formed anew without us"),
        pytest.param(True, True, 8, None, id="we have joined again meanwhile"),
        pytest.param(False, True, 7, None, id="nothing was asked: the partition is gone"),
    ],
)
async def test_a_commit_shows_that_we_are_of_the_group(
    monkeypatch, assigned, answer, generation_after, shown
):
    tp = TP("in", 0)
    coordinator = SimpleNamespace(generation=7)

    async def commit(*_):
        coordinator.generation = generation_after
        return answer

    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "_commit", commit)
    thread = BatchConsumerThread.__new__(BatchConsumerThread)
    monkeypatch.setattr(thread, "assignment", lambda: {tp} if assigned else set(), raising=False)
    consumer = SimpleNamespace(_coordinator=coordinator)
    monkeypatch.setattr(thread, "_ensure_consumer", lambda: consumer, raising=False)
    assert await thread._commit({tp: 42}) is answer
    assert thread.member_in == shown


@pytest.mark.parametrize(
    ("starts", "seeks"),
    [
        pytest.param((10, 13), 0, id="one after the other"),
        pytest.param((10, 20), 1, id="something in between was fetched and dropped"),
        pytest.param((20, 23), 2, id="from the start"),
    ],
)
async def test_a_batch_that_does_not_begin_where_the_last_one_ended_is_read_again(starts, seeks):
    tp = TP("in", 0)
    consumer = BatchConsumer.__new__(BatchConsumer)
    consumer.__dict__.update(
        app=SimpleNamespace(consumer_generation_id=1, monitor=Mock(), fault=None),
        _thread=SimpleNamespace(starts={}, ends={}), _next={tp: 10}, _fetched_across_seek=False,
        flow_active=True, highwater=lambda _: 99, _is_changelog_tp=lambda _: False,
        perform_seek=AsyncMock(), _stopped=Event(), _crashed=Event(),
        _to_batch=lambda _, fetched, _end: fetched,
    )  # fmt: skip
    yielded = []
    for start in starts:
        consumer._thread.starts[tp], consumer._thread.ends[tp] = start, start + 3
        consumer._wait_next_records = AsyncMock(return_value=({tp: [start]}, {tp}))
        yielded += [fetched async for _, fetched in consumer.getmany(1.0)]
    assert consumer.perform_seek.await_count == seeks
    assert len(yielded) == 2 - seeks


async def test_a_position_that_moves_over_markers_and_aborted_records_is_handed_on(monkeypatch):
    tp, idle, record = TP("in", 0), TP("in", 1), SimpleNamespace()
    positions = {tp: SimpleNamespace(_position=20), idle: SimpleNamespace(_position=None)}
    assignment = SimpleNamespace(state_value=positions.get)
    client = SimpleNamespace(
        _subscription=SimpleNamespace(subscription=SimpleNamespace(assignment=assignment))
    )
    thread = BatchConsumerThread.__new__(BatchConsumerThread)
    thread.starts, thread.ends = {}, {tp: 10}
    fetched = AsyncMock(side_effect=[{tp: [record]}, {}, {}, {tp: [record]}])
    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "_fetch_records", fetched)

    async def fetch(position):
        positions[tp]._position = position
        return await thread._fetch_records(client, {tp, idle})

    assert await fetch(20) == {tp: [record]}
    assert (thread.starts, thread.ends) == ({tp: 10}, {tp: 20})
    assert await fetch(30) == {tp: []}
    assert (thread.starts, thread.ends) == ({tp: 20}, {tp: 30})
    assert await fetch(30) == {}
    assert await fetch(35) == {tp: [record]}
    assert (thread.starts, thread.ends) == ({tp: 30}, {tp: 35})


def test_what_is_committed_is_the_position_and_not_the_last_record():
    consumer = object.__new__(BatchConsumer)
    consumer.app = SimpleNamespace(read_until={}, consumer_generation_id=1, fault=None)
    consumer._is_changelog_tp = lambda _: False
    record = SimpleNamespace(offset=4, timestamp=1000)
    for records, end in (([record], 5), ([record], 6), ([], 7)):
        message = consumer._to_batch(TP("t", 0), records, end)
        assert (message.value.records, message.offset + 1) == (records, end)


@pytest.mark.parametrize(
    ("fetched", "end", "handed_over", "reached"),
    [
        ([3, 4], 5, [3, 4], 5),
        ([3, 4], 6, [3, 4], 6),  # 5 is the marker of a transaction
        ([3, 4, 7], 8, [3, 4], 6),  # compaction took 5, and the app reads up to 6
        ([6, 7], 8, [], 6),
        ([], 8, [], 6),
    ],
)
def test_an_app_that_reads_until_an_offset_gets_nothing_beyond(fetched, end, handed_over, reached):
    consumer = object.__new__(BatchConsumer)
    consumer.app = SimpleNamespace(read_until={("t", 0): 6})
    records = [SimpleNamespace(offset=n) for n in fetched]
    before, end = consumer._before_end(TP("t", 0), records, end)
    assert ([record.offset for record in before], end) == (handed_over, reached)


@pytest.mark.parametrize(
    ("error_code", "known", "lost"),
    [
        pytest.param(0, [(7, 50, False)], False, id="the coordinator knows us"),
        pytest.param(27, [(7, 50, True)], False, id="the group forms anew"),
        pytest.param(25, [], True, id="we are no member"),
        pytest.param(22, [], True, id="the generation is over"),
        pytest.param(16, [], False, id="another broker is the coordinator"),
    ],
)
async def test_an_answered_heartbeat_renews_the_lease_from_when_it_was_asked(
    error_code, known, lost
):
    lease, coordinator = Mock(), SimpleNamespace(generation=7)
    lease.clock.return_value = 50

    async def send(_request):
        lease.clock.return_value = 58
        coordinator.generation = 8
        return SimpleNamespace(error_code=error_code)

    await _renewing(lease, coordinator, send)(HeartbeatRequest("group", 7, "member"))
    renewed = [(*c.args, c.kwargs["rebalancing"]) for c in lease.renewed.call_args_list]
    assert (renewed, lease.lost.called) == (known, lost)


async def test_a_worker_whose_version_was_replaced_ends_when_it_is_assigned_partitions(
    monkeypatch,
):
    happened: list[str] = []
    monkeypatch.setattr("streams.batching.transport.crash", lambda *_: happened.append("died"))

    async def assigned(*_):
        happened.append("assigned")

    monkeypatch.setattr(driver.Consumer, "on_partitions_assigned", assigned)
    consumer = BatchConsumer.__new__(BatchConsumer)
    consumer._done = {}
    consumer.app = SimpleNamespace(check_assignment=Mock(side_effect=RuntimeError("replaced")))
    await consumer.on_partitions_assigned({TP("in", 0)}, 2)
    assert happened == ["died", "assigned"]  # it is dead by then
