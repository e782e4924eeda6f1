"""A batch's life: messages, changelog, acknowledgement, disk; backpressure, and how it is cut."""

from __future__ import annotations

import asyncio
from asyncio import Event
from types import SimpleNamespace
from unittest.mock import AsyncMock, Mock

import pytest
from aiokafka.errors import MessageSizeTooLargeError

from streams.batching import BatchProducer, Message, Messages, Outcome, delivery
from streams.batching.delivery import Batch, BatchStream
from streams.batching.fetched import UnreadableRecord
from streams.batching.observer import Observer
from streams.batching.rocks import ChangelogInfo, RocksDirectory, RocksRowStore
from streams.batching.store import RowStore
from streams.batching.table import Rows
from tests.harness.sent import Sent

MESSAGE = SimpleNamespace(topic="in", partition=0, generation_id=1, tp=("in", 0), offset=7)
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


async def deliver(store, answer, monkeypatch, happened):
    """Deliver a batch that has written a row."""
    Sent(monkeypatch).answer = answer
    monkeypatch.setattr(delivery, "crash", lambda *_: happened.append("died"))
    async with BatchProducer("none") as output:
        app = SimpleNamespace(
            lease=Mock(),
            count_progress=Mock(),
            output=output,
            observer=Observer(),
            consumer=SimpleNamespace(ack=lambda _: happened.append("acknowledged")),
        )
        partition = store.partition(0)
        batches = BatchStream(app, "ledger")
        rows = Rows(store, 0, "changelog")
        rows.put(b"w/1", b"row")
        rows.apply()
        batch = Batch(batches, MESSAGE, [], Messages(), last=True)
        await batch.deliver(OUTCOME, rows)
        for task, _ in list(batches._in_flight):
            await task
        partition.save(partition.mark())


async def test_rows_are_on_disk_after_outputs_and_changelog_are_acknowledged(store, monkeypatch):
    happened = []

    async def answer(records):
        happened.extend(topic for topic, *_ in records)
        store.partition(0).save(store.partition(0).mark())  # an offset is committed meanwhile
        on_disk = store.partition(0)._database.get(b"w/1")
        happened.append("on disk" if on_disk else "not on disk")

    await deliver(store, answer, monkeypatch, happened)
    assert happened == [
        "out", "not on disk", "announcements", "not on disk", "changelog", "not on disk",
        "acknowledged",
    ]  # fmt: skip
    assert store.partition(0)._database.get(b"w/1") == b"row"


async def test_rows_of_two_tables_reach_one_changelog_after_the_other(monkeypatch):
    sent = Sent(monkeypatch)
    async with BatchProducer("none") as output:
        app = SimpleNamespace(
            lease=Mock(),
            count_progress=Mock(),
            output=output,
            observer=Observer(),
            consumer=SimpleNamespace(ack=lambda _: None),
        )
        batches = BatchStream(app, "planner")
        clocks, plans = Rows(RowStore(), 0, "clocks"), Rows(RowStore(), 0, "plans")
        plans.put(b"w/1", b"row")
        clocks.put(b"w", b"row")
        batch = Batch(batches, MESSAGE, [], Messages(), last=True)
        await batch.deliver(Outcome(), clocks, plans)
        for task, _ in list(batches._in_flight):
            await task
    assert sent.topics == ["clocks", "plans"]


@pytest.mark.parametrize("lost", ["out", "announcements", "changelog"])
async def test_a_row_whose_messages_are_lost_is_never_on_disk(store, monkeypatch, lost):
    happened = []

    async def answer(records):
        if records[0][0] == lost:
            raise MessageSizeTooLargeError

    await deliver(store, answer, monkeypatch, happened)
    assert happened == ["died"]
    assert store.partition(0)._database.get(b"w/1") is None


async def test_batches_are_acknowledged_in_order(monkeypatch):
    sent = {"first": Event(), "second": Event()}
    acknowledged: list[str] = []
    output = SimpleNamespace(send=lambda name, **_: sent[name].wait())
    batches = BatchStream(SimpleNamespace(output=output), "ledger")
    for name in sent:
        await batches.enqueue([name], lambda name=name: acknowledged.append(name), MESSAGE, 8)
    sent["second"].set()
    await asyncio.sleep(0)
    assert acknowledged == []
    sent["first"].set()
    await asyncio.gather(*(task for task, _ in batches._in_flight))
    assert acknowledged == ["first", "second"]


async def test_backpressure_an_agent_waits_while_too_many_messages_are_in_flight(monkeypatch):
    monkeypatch.setattr(delivery, "MAX_IN_FLIGHT_MESSAGES", 5)
    broker = Event()

    async def send(*_phases, **_):
        await broker.wait()

    batches = BatchStream(SimpleNamespace(output=SimpleNamespace(send=send)), "ledger")
    for _ in range(5):
        await batches.enqueue(["m"], lambda: None, MESSAGE, 8)
    waiting = asyncio.create_task(batches.enqueue(["m"], lambda: None, MESSAGE, 8))
    await asyncio.sleep(0)
    assert not waiting.done()
    broker.set()
    await waiting


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
    batches = BatchStream(None, "planner", lambda record: len(record.value), 2, 4)
    assert [len(cut) for cut in batches._cut(records)] == sizes


def fetched(*values, generation=1):
    records = [SimpleNamespace(offset=n, key=v, value=v) for n, v in enumerate(values)]
    return SimpleNamespace(
        topic="in", partition=0, generation_id=generation, tp=("in", 0), offset=len(values) - 1,
        value=SimpleNamespace(records=records),
    )  # fmt: skip


async def test_each_batch_is_prepared_before_its_agent_gets_it():
    prepared = []

    async def prepare(records):
        prepared.append(list(records))

    consumer = SimpleNamespace(track_message=lambda _: None, note_room=lambda: None)
    app = SimpleNamespace(prepare=prepare, consumer=consumer, consumer_generation_id=1)
    batches = BatchStream(app, "planner", lambda record: len(record.value), 1, 1)
    batches.put(fetched(b"1", b"2"))
    given = []
    async for batch in batches:
        given.append(batch.records)
        assert prepared == given
        if len(given) == 2:
            break


async def test_the_dead_letter_of_an_unreadable_record_goes_with_the_offset_that_passes_it():
    unreadable = [UnreadableRecord(at, 0, None, None, reason="damaged") for at in (0, 2, 4)]
    read = [SimpleNamespace(offset=at, key=b"%d" % at, value=b"x") for at in (1, 3)]
    message = fetched(*"01234")
    message.value.records = sorted((*unreadable, *read), key=lambda record: record.offset)
    sent = []

    async def send(*phases, done, **_):
        sent.append((done.offset, [m.key for phase in phases for m in phase]))

    app = SimpleNamespace(
        prepare=AsyncMock(), consumer=Mock(), consumer_generation_id=1, observer=Observer(),
        dead_letter=lambda _batch, record, _reason: Message("dead", record.offset, None),
        output=SimpleNamespace(send=send),
    )  # fmt: skip
    batches = BatchStream(app, "planner", lambda _: 1, 1, 1)
    batches.put(message)
    async for batch in batches:
        await batch.deliver(Outcome(Messages(Message("out", batch.records[0].key, None))))
        if batch.records[0].offset == 3:
            break
    await asyncio.gather(*(task for task, _ in batches._in_flight))
    assert sent == [(2, [0, b"1"]), (5, [2, 4, b"3"])]


async def test_what_was_fetched_in_an_earlier_generation_is_never_begun():
    begun, rooms = [], []
    consumer = SimpleNamespace(track_message=begun.append, note_room=lambda: rooms.append(1))
    app = SimpleNamespace(prepare=AsyncMock(), consumer=consumer, consumer_generation_id=2)
    batches = BatchStream(app, "planner")
    for generation in (1, 2):
        batches.put(fetched(b"%d" % generation, generation=generation))
    async for batch in batches:
        assert [record.value for record in batch.records] == [b"2"]
        assert [message.generation_id for message in begun] == [2]
        break


async def test_backpressure_an_agent_whose_buffer_is_full_says_when_there_is_room(monkeypatch):
    monkeypatch.setattr(delivery, "MAX_BUFFERED_MESSAGES", 2)
    rooms = []
    consumer = SimpleNamespace(track_message=Mock(), note_room=lambda: rooms.append(1))
    app = SimpleNamespace(prepare=AsyncMock(), consumer=consumer, consumer_generation_id=1)
    batches = BatchStream(app, "planner")
    batches.put(fetched(b"1"))
    assert batches.has_room
    batches.put(fetched(b"2"))
    assert not batches.has_room
    async for _ in batches:
        assert (batches.has_room, rooms) == (True, [1])
        break
