"""The producer: the order of messages, what counts as lost, and a worker past its session."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from confluent_kafka import KafkaError

from streams.batching import BatchProducer, Message, Messages
from streams.batching.lease import LostPartitions
from streams.batching.producer import FIRST_WINDOW, LostMessage


async def test_no_phase_overtakes_the_same_phase_of_a_delivery_before(monkeypatch):
    sent: list[bytes | None] = []
    monkeypatch.setattr(
        BatchProducer,
        "_send_round",
        lambda _, columns: sent.extend(key for c in columns for key in c.keys),
    )
    monkeypatch.setattr("streams.batching.producer.Producer", lambda *_, **__: None)

    def one(name: str) -> Messages:
        return Messages(Message("t", name.encode(), b""))

    async with BatchProducer("none") as output:
        await asyncio.gather(
            output.send(one("a1"), one("a2"), one("a3")),
            output.send(Messages(), one("b2"), one("b3")),
            output.send(Messages(), Messages(), one("c3")),
        )
    assert [key for key in sent if key.endswith(b"2")] == [b"a2", b"b2"]
    assert [key for key in sent if key.endswith(b"3")] == [b"a3", b"b3", b"c3"]


async def test_a_worker_that_was_stopped_for_longer_than_its_session_ends_before_it_sends(
    monkeypatch,
):
    died: list[str] = []
    monkeypatch.setattr("streams.batching.producer.crash", lambda what, _: died.append(what))
    monkeypatch.setattr("streams.batching.producer.PULSE_S", 3600)
    output = BatchProducer("none", max_suspension_s=5)
    producer = Mock()
    producer.flush.return_value = 0
    output._producers = [producer]
    output._send_round(Messages(Message("t", b"k", b"v")).columns)
    assert died == []
    output._awake_at -= 6
    producer.produce.side_effect = lambda *_: died.append("sent")
    output._send_round(Messages(Message("t", b"k", b"v")).columns)
    assert died == ["woke up too late", "sent"]  # it is dead by then


@pytest.mark.parametrize(
    ("failure", "left", "error"),
    [
        pytest.param(KafkaError(KafkaError._MSG_TIMED_OUT), 0, "did not take", id="refused"),
        pytest.param(None, 3, "3 messages were not acknowledged", id="not in time"),
    ],
)
def test_a_message_that_is_not_acknowledged_is_lost(failure, left, error):
    output = BatchProducer("none")
    producer = Mock()
    producer.flush.return_value = left
    output._producers = [producer]
    if failure is not None:
        producer.flush.side_effect = lambda _: output._on_failure(failure, None) or 0
    with pytest.raises(LostMessage, match=error):
        output._send_round(Messages(Message("t", b"k", b"v")).columns)


def test_a_topic_keeps_its_producer_and_topics_are_spread_over_them():
    output = BatchProducer("none")
    output._producers = [Mock(**{"flush.return_value": 0}) for _ in range(3)]
    for topic in ("a", "b", "c", "d", "b", "a", "d"):
        output._send_round(Messages(Message(topic, b"k", b"v")).columns)
    sent = [[call.args[0] for call in p.produce.call_args_list] for p in output._producers]
    assert sent == [["a", "d", "a", "d"], ["b", "b"], ["c"]]
    assert all(producer.flush.call_count == 7 for producer in output._producers)


async def test_nothing_is_sent_once_the_partitions_may_be_another_workers(monkeypatch):
    happened: list[str] = []
    monkeypatch.setattr("streams.batching.producer.Producer", lambda *_, **__: producer)
    monkeypatch.setattr("streams.batching.producer.crash", Mock(side_effect=SystemError))
    producer = Mock(**{"flush.return_value": 0})
    producer.produce.side_effect = lambda topic, *_: happened.append(topic)
    ours = True

    def may_send():
        if not ours:
            raise LostPartitions

    def flush(_timeout):
        nonlocal ours
        ours = False  # while the outputs were being acknowledged, the group was formed without us
        return 0

    producer.flush.side_effect = flush
    phases = [Messages(Message(topic, b"k", b"v")) for topic in ("out", "changelog")]
    async with BatchProducer("none") as output:
        with pytest.raises(SystemError):
            await output.send(*phases, may_send=may_send)
    assert happened == ["out"]


def test_a_broker_that_takes_its_time_gets_less_at_a_time_and_never_more_than_a_window(monkeypatch):
    now, in_flight, windows = [0.0], [0], []
    clock = SimpleNamespace(monotonic=lambda: now[0], sleep=time.sleep)
    monkeypatch.setattr("streams.batching.producer.time", clock)
    output = BatchProducer("none")

    def produce(_topic, value, *_):
        in_flight[0] += len(value)

    def flush(_timeout):
        windows.append(in_flight[0])
        now[0] += in_flight[0] / 40_000  # a quota, in bytes a second
        in_flight[0] = 0
        return 0

    output._producers = [Mock(produce=produce, flush=flush)]
    progress = Mock()
    output._progress = [progress]
    messages = Messages()
    messages.add("t", [b""] * 20_000, [b"v" * 100] * 20_000)
    output._send_round(messages.columns)
    assert sum(windows) == 2_000_000
    assert max(windows) <= FIRST_WINDOW + 100
    # No message is in flight for longer than a session: its time is never up.
    assert max(windows[4:]) / 40_000 < 4
    assert progress.call_count == len(windows)
