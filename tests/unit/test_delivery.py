"""The order of a batch's life: messages, changelog, disk, acknowledgement; and late ones."""

from __future__ import annotations

import asyncio
from asyncio import Event
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.batching import BatchApp, BatchProducer, Message, Messages, Outcome, delivery
from streams.batching.delivery import Batch, BatchStream
from streams.batching.producer import LostMessage
from streams.batching.rocks import ChangelogInfo, RocksDirectory, RocksRowStore
from streams.batching.table import BatchTable, RocksStore, Rows
from streams.batching.transport import BatchConsumer, BatchConsumerThread

OUTCOME = Outcome(
    Messages(Message("out", b"k", b"")), Messages(Message("announcements", b"k", b""))
)


@pytest.fixture
def store(tmp_path):
    directory = RocksDirectory(tmp_path, "none")
    store = RocksRowStore(directory, "ledger")
    store.open(0, ChangelogInfo("topic-1", {0: 0}))
    yield store
    store.close()
    directory.release()


class Table:
    """A table with a changelog, without Faust."""

    changelog_topic = SimpleNamespace(get_topic_name=lambda: "changelog")
    changelog_messages = BatchTable.changelog_messages


async def deliver(store, send_round, monkeypatch, happened):
    """Deliver a batch that has written a row."""
    monkeypatch.setattr(BatchProducer, "_send_round", lambda _, messages: send_round(messages))
    monkeypatch.setattr("streams.batching.producer.Producer", lambda *_, **__: None)
    monkeypatch.setattr(delivery, "crash", lambda *_: happened.append("died"))
    async with BatchProducer("none") as output:
        app = SimpleNamespace(
            output=output,
            on_batch=lambda *_: None,
            consumer=SimpleNamespace(ack=lambda _: happened.append("acknowledged")),
        )
        partition = store.partition(0)
        batches = BatchStream(app, "ledger", None)
        rows = Rows(store, 0)
        rows.put(b"w/1", b"row")
        batch = Batch(batches, SimpleNamespace(topic="in", partition=0), [], last=True)
        await batch.deliver(OUTCOME, Table(), rows)
        for task, _ in list(batches._in_flight):
            await task
        partition.save(partition.mark())


async def test_rows_are_on_disk_after_outputs_and_changelog_are_acknowledged(store, monkeypatch):
    happened = []

    def send_round(messages):
        happened.extend(m.topic for m in messages)
        store.partition(0).save(store.partition(0).mark())  # an offset is committed meanwhile
        on_disk = store.partition(0)._database.get(b"w/1")
        happened.append("on disk" if on_disk else "not on disk")

    await deliver(store, send_round, monkeypatch, happened)
    assert happened == [
        "out", "not on disk", "announcements", "not on disk", "changelog", "not on disk",
        "acknowledged",
    ]  # fmt: skip
    assert store.partition(0)._database.get(b"w/1") == b"row"


@pytest.mark.parametrize("lost", ["out", "announcements", "changelog"])
async def test_a_row_whose_messages_are_lost_is_never_on_disk(store, monkeypatch, lost):
    happened = []

    def send_round(messages):
        if any(m.topic == lost for m in messages):
            raise LostMessage(lost)

    await deliver(store, send_round, monkeypatch, happened)
    assert happened == ["died"]
    assert store.partition(0)._database.get(b"w/1") is None


async def test_batches_are_acknowledged_in_order(monkeypatch):
    sent = {"first": Event(), "second": Event()}
    acknowledged: list[str] = []
    output = SimpleNamespace(send=lambda name: sent[name].wait())
    batches = BatchStream(SimpleNamespace(output=output), "ledger", None)
    for name in sent:
        await batches.enqueue([name], lambda name=name: acknowledged.append(name))
    sent["second"].set()
    await asyncio.sleep(0)
    assert acknowledged == []
    sent["first"].set()
    await asyncio.gather(*(task for task, _ in batches._in_flight))
    assert acknowledged == ["first", "second"]


async def test_an_agent_waits_when_messages_not_batches_are_far_ahead(monkeypatch):
    monkeypatch.setattr(delivery, "MAX_IN_FLIGHT_MESSAGES", 5)
    broker = Event()

    async def send(*_phases):
        await broker.wait()

    batches = BatchStream(SimpleNamespace(output=SimpleNamespace(send=send)), "ledger", None)
    for _ in range(5):
        await batches.enqueue(["m"], lambda: None)
    waiting = asyncio.create_task(batches.enqueue(["m"], lambda: None))
    await asyncio.sleep(0)
    assert not waiting.done()
    broker.set()
    await waiting


async def test_an_agent_with_a_bug_ends_the_worker(monkeypatch):
    died: list[str] = []
    monkeypatch.setattr("streams.batching.app.crash", lambda what, _: died.append(what))
    agents: list[Any] = []
    app = SimpleNamespace(
        _sources=[],
        topic=lambda *_, **__: None,
        agent=lambda *_, **__: lambda agent: agents.append(agent) or agent,
    )

    @BatchApp.batch_agent(app, "in")
    async def ledger(_batches):
        raise ZeroDivisionError

    await agents[0](None)
    assert died == ["agent ledger failed"]


def test_the_pure_python_stream_of_faust_is_refused(monkeypatch):
    monkeypatch.setattr("faust.streams._CStreamIterator", None)
    with pytest.raises(RuntimeError, match="without its compiled extension"):
        BatchApp("none", output=Mock())


@pytest.mark.parametrize("last", [True, False])
def test_an_acknowledgement_of_an_earlier_generation_is_not_heard(last):
    consumer = BatchConsumer.__new__(BatchConsumer)
    consumer._done, consumer._n_acked, consumer._unacked_messages = {}, 0, set()
    consumer._waiting_for_ack = None
    consumer.app = SimpleNamespace(consumer=consumer, consumer_generation_id=2)
    tp = TP("in", 0)
    for generation, done in ((1, None), (2, 42)):
        message = Mock(acked=False, generation_id=generation, tp=tp, offset=41)
        batch = Batch(
            SimpleNamespace(app=consumer.app), message, [SimpleNamespace(offset=41)], last=last
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
    consumer.app = SimpleNamespace(consumer_generation_id=1)
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


class StoreWithoutFaust(RocksStore):
    def __init__(self, rocks):
        self.rocks, self._generation = rocks, 7


def test_rows_are_saved_only_by_a_commit_of_the_generation_that_wrote_them(store):
    rows = Rows(store, 0)
    rows.put(b"w/1", b"row")
    rows.on_acknowledged()
    faust_store = StoreWithoutFaust(store)
    for generation in (6, 8, -1):
        faust_store.checkpoint()(generation)
        assert store.partition(0).offset == -1
    faust_store.checkpoint()(7)
    assert store.partition(0).offset == 0


@pytest.mark.parametrize(
    ("keys", "sizes"),
    [
        ("abcdef", [2, 2, 2]),
        ("aaaaaa", [4, 2]),
        ("aaaabb", [4, 2]),
        ("abbbbb", [4, 2]),
        ("a", [1]),
    ],
)
def test_batches_are_cut_between_keys_first_and_within_a_key_later(keys, sizes):
    records = [SimpleNamespace(key=key, value=b"x") for key in keys]
    batches = BatchStream(None, "planner", None, lambda record: len(record.value), 2, 4)
    assert [len(cut) for cut in batches._cut(records)] == sizes


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
        app=SimpleNamespace(consumer_generation_id=1, monitor=Mock()),
        _thread=SimpleNamespace(starts={}, ends={}), _next={tp: 10}, _fetched_across_seek=False,
        flow_active=True, highwater=lambda _: 99, _is_changelog_tp=lambda _: False,
        perform_seek=AsyncMock(), _stopped=Event(), _crashed=Event(),
        _to_batch=lambda _, fetched: fetched,
    )  # fmt: skip
    yielded = []
    for start in starts:
        consumer._thread.starts[tp], consumer._thread.ends[tp] = start, start + 3
        consumer._wait_next_records = AsyncMock(return_value=({tp: [start]}, {tp}))
        yielded += [fetched async for _, fetched in consumer.getmany(1.0)]
    assert consumer.perform_seek.await_count == seeks
    assert len(yielded) == 2 - seeks


async def test_record_batches_that_compaction_has_emptied_are_no_reason_to_read_again(monkeypatch):
    tp, fetched = TP("in", 0), {TP("in", 0): ["record"]}
    position = SimpleNamespace(_position=20)
    client = SimpleNamespace(
        _subscription=SimpleNamespace(
            subscription=SimpleNamespace(assignment=SimpleNamespace(state_value=lambda _: position))
        )
    )
    thread = BatchConsumerThread.__new__(BatchConsumerThread)
    thread.starts, thread.ends = {}, {tp: 10}
    monkeypatch.setattr(
        driver.AIOKafkaConsumerThread,
        "_fetch_records",
        AsyncMock(side_effect=[fetched, {}, fetched]),
    )
    await thread._fetch_records(client, {tp})
    assert (thread.starts, thread.ends) == ({tp: 10}, {tp: 20})
    position._position = 30  # moved on by record batches without records
    await thread._fetch_records(client, {tp})
    position._position = 35
    await thread._fetch_records(client, {tp})
    assert (thread.starts, thread.ends) == ({tp: 20}, {tp: 35})
