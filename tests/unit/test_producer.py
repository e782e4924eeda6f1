"""The producer: the order of messages, what counts as lost, and a worker past its session."""

from __future__ import annotations

import asyncio
from unittest.mock import Mock

import pytest
from aiokafka.errors import MessageSizeTooLargeError

from streams.batching import BatchProducer, Message, Messages
from streams.batching.lease import LostPartitions
from streams.batching.producer import LONG_ROUND_S
from streams.batching.sending import FIRST_WINDOW, LATE_S, WINDOWS_IN_FLIGHT, LostMessage
from tests.harness.sent import Sent


def one(key: str, topic: str = "t") -> Messages:
    return Messages(Message(topic, key.encode(), b""))


@pytest.fixture
def sent(monkeypatch) -> Sent:
    return Sent(monkeypatch)


class Died:
    """What a worker said when it ended."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.at_once = asyncio.Event()

    def crash(self, what: str, error: BaseException) -> None:
        self.said.append(what)
        self.at_once.set()
        raise SystemError from error


@pytest.fixture
def died(monkeypatch) -> Died:
    found = Died()
    monkeypatch.setattr("streams.batching.producer.crash", found.crash)
    monkeypatch.setattr("streams.batching.producer.PULSE_S", 3600)
    return found


async def test_no_phase_overtakes_the_same_phase_of_a_delivery_before(sent):
    async with BatchProducer("none") as output:
        await asyncio.gather(
            output.send(one("a1"), one("a2"), one("a3")),
            output.send(Messages(), one("b2"), one("b3")),
            output.send(Messages(), Messages(), one("c3")),
        )
    keys = [key for _, _, key, _ in sent.records]
    assert [key for key in keys if key.endswith(b"2")] == [b"a2", b"b2"]
    assert [key for key in keys if key.endswith(b"3")] == [b"a3", b"b3", b"c3"]


async def test_a_phase_is_sent_once_all_of_the_one_before_it_is_acknowledged(sent):
    acknowledged: list[str] = []

    async def answer(records):
        topic = records[0][0]
        assert output.queued == (1 if topic == "announcement" else 3)
        assert topic != "announcement" or sorted(acknowledged) == ["first", "second"]
        if topic == "first":
            await asyncio.sleep(0.01)
        acknowledged.append(topic)

    sent.answer = answer
    messages = Messages(Message("first", b"k", b""), Message("second", b"k", b""))
    async with BatchProducer("none") as output:
        await output.send(messages, one("k", "announcement"))
        assert output.queued == 0
    assert sorted(acknowledged) == ["announcement", "first", "second"]


async def test_a_worker_that_was_stopped_for_longer_than_its_session_ends_before_it_sends(
    sent, died
):
    async with BatchProducer("none", max_suspension_s=5) as output:
        await output.send(one("k"))
        output._awake_at -= 6
        with pytest.raises(SystemError):
            await output._send_round(one("never").columns)
    assert died.said == ["woke up too late"]
    assert [key for _, _, key, _ in sent.records] == [b"k"]


async def test_a_message_that_the_broker_refuses_is_lost_and_nothing_is_sent_after_it(sent):
    async def refuse(_records):
        raise MessageSizeTooLargeError

    sent.answer = refuse
    async with BatchProducer("none") as output:
        with pytest.raises(LostMessage, match="did not take a message"):
            await output.send(one("k"), one("never"))
        with pytest.raises(LostMessage):
            await output.send(one("never"))
    assert [key for _, _, key, _ in sent.records] == [b"k"]


async def test_a_message_that_is_not_acknowledged_in_time_is_lost(sent):
    sent.answer = lambda _: asyncio.Event().wait()
    async with BatchProducer("none", timeout_s=0.05) as output:
        with pytest.raises(LostMessage, match="were not acknowledged in"):
            await output.send(one("k"))


async def test_nothing_is_sent_once_the_partitions_may_be_another_workers(sent, died):
    ours = True

    def may_send():
        if not ours:
            raise LostPartitions

    async def answer(_records):
        nonlocal ours
        ours = False  # while the outputs were being acknowledged, the group was formed without us

    sent.answer = answer
    output = BatchProducer("none")
    await output.start()
    sending = asyncio.create_task(
        output.send(one("k", "out"), one("k", "changelog"), may_send=may_send)
    )
    async with asyncio.timeout(5):
        await died.at_once.wait()
    assert sent.topics == ["out"]
    sending.cancel()


async def test_what_waits_behind_a_large_batch_is_known_to_wait(sent, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("streams.batching.producer.time", Mock(monotonic=lambda: now[0]))
    no_more, goes_on = asyncio.Event(), asyncio.Event()

    async def answer(_records):
        if len(sent.records) == WINDOWS_IN_FLIGHT:
            no_more.set()
        await goes_on.wait()

    sent.answer = answer
    large = Messages(*(Message("t", b"k", b"v" * FIRST_WINDOW) for _ in range(5)))
    async with BatchProducer("none", timeout_s=3600) as output:
        first = asyncio.create_task(output.send(large))
        await asyncio.wait_for(no_more.wait(), 20)
        now[0] += LONG_ROUND_S + 1
        assert not output.is_behind
        second = asyncio.create_task(output.send(one("k")))
        await asyncio.sleep(0)
        assert output.is_behind
        goes_on.set()
        await asyncio.gather(first, second)
        assert not output.is_behind


async def test_a_broker_that_takes_its_time_gets_less_at_a_time_and_never_more_than_a_window(
    sent, monkeypatch
):
    in_flight = Mock(bytes=0, most=0)
    sizes = []
    now = [0.0]
    monkeypatch.setattr("streams.batching.sending.time", Mock(monotonic=lambda: now[0]))

    async def answer(records):
        size = sum(len(value) for *_, value in records)
        sizes.append(size)
        in_flight.bytes += size
        in_flight.most = max(in_flight.most, in_flight.bytes)
        await asyncio.sleep(0)
        now[0] += size / 40_000  # a quota, in bytes a second
        in_flight.bytes -= size

    sent.answer = answer
    progress = Mock()
    messages = Messages()
    messages.add("t", [b""] * 20_000, [b"v" * 100] * 20_000)
    async with BatchProducer("none", timeout_s=3600) as output:
        await output.send(messages, on_progress=progress)
    assert sum(sizes) == 2_000_000
    assert in_flight.most <= WINDOWS_IN_FLIGHT * FIRST_WINDOW
    # No message is in flight for longer than a session: its time is never up.
    assert max(sizes[6:]) / 40_000 < 2 * LATE_S
    assert progress.call_count == len(sizes)
