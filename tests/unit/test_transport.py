"""The consumer: what it commits, where it reads again, and what comes too late."""

from __future__ import annotations

import asyncio
import threading
from asyncio import Event
from collections import defaultdict
from types import SimpleNamespace
from unittest.mock import AsyncMock, Mock

import pytest
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.protocol.group import HeartbeatRequest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.batching import Messages
from streams.batching.delivery import Batch
from streams.batching.fetching import Fetched
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
            Messages(),
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
    take_over = AsyncMock()
    consumer.app = SimpleNamespace(
        consumer_generation_id=1, check_assignment=lambda: None,
        output=SimpleNamespace(take_over=take_over), tables=Mock(changelog_topics={"changelog"}),
    )  # fmt: skip
    consumer._fetching = Mock()
    tp = TP("in", 0)
    late = Mock(acked=False, generation_id=1, tp=tp, offset=41)

    await consumer.on_partitions_revoked({tp})
    consumer.ack(late)
    assert consumer._new_offset(tp) == 42  # so it does happen

    consumer.app.consumer_generation_id = 2
    await consumer.on_partitions_assigned({tp, TP("changelog", 0)}, 2)
    assert consumer._new_offset(tp) is None
    assert list(take_over.await_args.args[0]) == [tp]
    consumer._fetching.begin.assert_called_once_with({})  # nothing is fetched from where it was


@pytest.mark.parametrize("in_transaction", [True, False])
async def test_offsets_are_committed_by_the_output_or_as_the_groups_member(
    monkeypatch, in_transaction
):
    monkeypatch.setattr(driver.Consumer, "_commit", AsyncMock(return_value="as the member"))
    consumer = BatchConsumer.__new__(BatchConsumer)
    consumer._thread = SimpleNamespace(member_in=None)
    output = SimpleNamespace(commit=AsyncMock(return_value=in_transaction))
    consumer.app = SimpleNamespace(consumer_generation_id=7, output=output)
    assert await consumer._commit({TP("in", 0): 42})
    assert (driver.Consumer._commit.await_count == 0) is in_transaction
    assert consumer._thread.member_in == (7 if in_transaction else None)


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


def consumer_of(generation=1, **attributes):
    """A consumer whose fetching, group and agents are stand-ins."""
    consumer = BatchConsumer.__new__(BatchConsumer)
    consumer.__dict__.update(
        {
            "app": SimpleNamespace(
                consumer_generation_id=generation,
                buffers={},
                read_until={},
                prepare=AsyncMock(),
                conf=SimpleNamespace(broker_max_poll_records=None),
                output=SimpleNamespace(take_over=AsyncMock()),
            ),
            "_active_partitions": set(),
            "_fetching": Mock(take=AsyncMock(return_value=[]), wait=AsyncMock()),
            "_is_changelog_tp": lambda tp: tp.topic == "changelog",
            "_checking": None,
            "_committed_offset": defaultdict(lambda: None),
        }
        | attributes
    )
    return consumer


@pytest.mark.parametrize(
    ("again", "begun"),
    [
        pytest.param(False, [{TP("in", 0): 7, TP("in", 1): 3}], id="at what is committed"),
        pytest.param(True, [], id="the group has formed anew meanwhile, and seeks again"),
    ],
)
async def test_a_seek_begins_where_the_group_has_committed_and_at_the_earliest_where_it_has_not(
    monkeypatch, again, begun
):
    async def seek(consumer):
        consumer._committed_offset[TP("in", 0)] = 7
        consumer.app.consumer_generation_id += again

    monkeypatch.setattr(driver.Consumer, "perform_seek", seek)
    consumer = consumer_of(
        assignment=lambda: {TP("in", 0), TP("in", 1), TP("changelog", 0)},
        earliest_offsets=AsyncMock(return_value={TP("in", 1): 3}),
    )
    await consumer.perform_seek()
    assert [call.args[0] for call in consumer._fetching.begin.call_args_list] == begun


async def test_a_fetch_goes_to_the_buffers_of_the_agents_that_have_room():
    full, free = (SimpleNamespace(has_room=room, put=Mock(), clear=Mock()) for room in (0, 1))
    consumer = consumer_of(
        generation=5, _active_partitions={TP("full", 0), TP("free", 0)}, flow_active=True
    )
    consumer.app.buffers = {"full": full, "free": free}
    record = SimpleNamespace(offset=8, timestamp=1000)
    consumer._fetching.take.return_value = [Fetched(TP("free", 0), [record], 11)]
    await consumer._hand_over()
    assert consumer._fetching.take.call_args.args[0] == [TP("free", 0)]
    (message,) = free.put.call_args.args
    assert (message.value.records, message.offset, message.generation_id) == ([record], 10, 5)


@pytest.mark.parametrize("stopping", [True, False])
async def test_fetching_that_is_cancelled_in_a_rebalance_ends_in_peace_if_the_worker_stops(
    stopping,
):
    consumer = consumer_of(flow_active=True, _stopped=Event(), _crashed=Event())
    consumer.app.should_stop, consumer.app.fault = stopping, None
    consumer.app.in_recovery = False
    consumer._thread = Mock()
    consumer._fetching.wait.side_effect = asyncio.CancelledError
    draining = consumer._drain_messages(SimpleNamespace(should_stop=False))
    if stopping:
        await draining
    else:  # Faust starts it again
        with pytest.raises(asyncio.CancelledError):
            await draining


def test_when_the_flow_stops_what_no_agent_has_begun_is_dropped():
    buffer = Mock()
    consumer = consumer_of(can_resume_flow=Event(), suspend_flow=Event())
    consumer.app.buffers = {"in": buffer}
    consumer.stop_flow()
    buffer.clear.assert_called_once()
    assert not consumer.flow_active


async def test_a_changelog_that_is_being_recovered_goes_to_faust_and_ends_with_the_flow():
    handed_over = []
    consumer = consumer_of(flow_active=True, suspend_flow=Event())
    consumer._fetching.take.return_value = [
        Fetched(TP("changelog", number), [], 3) for number in range(3)
    ]

    async def callback(message):
        handed_over.append(message.partition)
        consumer.flow_active = message.partition < 1

    async def first(handing_over, suspended):
        suspended.close()
        await handing_over

    consumer.callback, consumer.wait_first = callback, first
    await consumer._hand_over()
    assert handed_over == [0, 1]


async def test_rows_that_newer_code_has_written_are_recovered_once_their_schemas_are_known():
    happened = []
    row = SimpleNamespace(offset=2, timestamp=1000, key=b"w", value=b"by a schema not known yet")

    async def fetch_schemas(records):
        await asyncio.sleep(0)
        happened.append(("schemas", [record.value for record in records]))

    async def apply(message):
        happened.append(("rows", [record.value for record in message.value.records]))

    async def first(handing_over, suspended):
        suspended.close()
        await handing_over

    consumer = consumer_of(flow_active=True, suspend_flow=Event())
    consumer.callback, consumer.wait_first = apply, first
    consumer.app.prepare = fetch_schemas
    consumer._fetching.take.return_value = [Fetched(TP("changelog", 0), [row], 3)]
    await consumer._hand_over()
    assert happened == [("schemas", [row.value]), ("rows", [row.value])]


def test_what_is_committed_is_the_position_and_not_the_last_record():
    consumer = object.__new__(BatchConsumer)
    consumer.app = SimpleNamespace(read_until={}, consumer_generation_id=1, fault=None)
    consumer._is_changelog_tp = lambda _: False
    record = SimpleNamespace(offset=4, timestamp=1000)
    for records, end in (([record], 5), ([record], 6), ([], 7)):
        message = consumer._to_message(TP("t", 0), Fetched(TP("t", 0), records, end))
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


async def test_a_worker_that_takes_long_to_begin_with_its_partitions_stays_in_its_group(
    monkeypatch,
):
    heard = Event()

    async def coordinator_answers(_request):
        heard.set()
        return SimpleNamespace(error_code=0)

    coordinator = GroupCoordinator.__new__(GroupCoordinator)
    coordinator.__dict__.update(
        {
            "group_id": "group",
            "generation": 2,
            "member_id": "member",
            "coordinator_id": 1,
            "_heartbeat_task": None,
            "_heartbeat_interval_ms": 1,
            "_session_timeout_ms": 6000,
            "_retry_backoff_ms": 100,
            "_max_poll_interval": 1000,
            "_subscription": SimpleNamespace(fetcher_idle_time=0),
            "_send_req": coordinator_answers,
        }
    )

    async def begin_slowly(*_):
        await asyncio.wait_for(heard.wait(), 20)

    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "on_partitions_assigned", begin_slowly)
    thread = BatchConsumerThread.__new__(BatchConsumerThread)
    consumer = Mock(_coordinator=coordinator, assignment=set)
    monkeypatch.setattr(thread, "_ensure_consumer", lambda: consumer, raising=False)
    await thread.on_partitions_assigned({TP("in", 0)}, 2)
    coordinator._start_heartbeat_task()  # aiokafka does, when this is done: it is the same one
    await coordinator._stop_heartbeat_task()
    assert heard.is_set()


async def test_whether_an_assignment_may_be_processed_is_found_out_before_its_first_record(
    monkeypatch,
):
    may_answer = threading.Event()
    monkeypatch.setattr(driver.Consumer, "on_partitions_assigned", AsyncMock())
    consumer = consumer_of(_done={})
    consumer.app.fault, consumer.app.check_assignment = None, lambda: may_answer.wait(20)
    # The group does not wait for the answer: this returns.
    await consumer.on_partitions_assigned({TP("in", 0)}, 2)
    assert not consumer._is_checked()
    may_answer.set()
    await consumer._checking
    assert consumer._is_checked()
    consumer.app.fault = "a topic was deleted"
    assert not consumer._is_checked()


async def test_a_worker_whose_version_was_replaced_ends_before_the_first_record(monkeypatch):
    died = Mock()
    monkeypatch.setattr("streams.batching.transport.crash", died)
    monkeypatch.setattr(driver.Consumer, "on_partitions_assigned", AsyncMock())
    consumer = consumer_of(_done={})
    consumer.app.check_assignment = Mock(side_effect=RuntimeError("replaced"))
    await consumer.on_partitions_assigned({TP("in", 0)}, 2)
    assert not consumer._is_checked()
    await consumer._checking
    died.assert_called_once()
