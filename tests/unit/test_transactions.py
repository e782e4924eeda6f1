"""The transactional producer: what is committed together, in which order, and by whom."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError, ProducerFenced
from faust.types import TP

from streams.batching import Message, Messages, TransactionalProducer
from streams.batching.lease import LostPartitions
from streams.batching.records import Position
from streams.batching.sending import LostMessage
from streams.batching.transactions import Fenced
from tests.harness.sent import Sent

LOG, LINES = TP("log", 0), TP("lines", 0)


@pytest.fixture
def sent(monkeypatch) -> Sent:
    return Sent(monkeypatch)


def producer(transaction_timeout_s=60, timeout_s=30) -> TransactionalProducer:
    partitions = {"log": 4, "lines": 1}.__getitem__
    return TransactionalProducer(
        "none", "wall", transaction_timeout_s, partitions, timeout_s=timeout_s
    )


def one(key: str, topic: str = "t") -> Messages:
    return Messages(Message(topic, key.encode(), b""))


def keys(records) -> list[str]:
    return [key.decode() for _, _, key, _ in records]


async def test_all_phases_and_the_offset_are_one_transaction(sent):
    async with producer() as output:
        await output.take_over([LOG])
        await output.send(one("a"), Messages(), one("row", "changelog"), done=Position(LOG, 7))
        assert output.queued == 0
    ((name, records, offsets),) = sent.committed
    assert (name, keys(records), offsets) == ("wall-0-of-4", ["a", "row"], {LOG: 7})


async def test_a_broker_that_does_not_answer_at_an_assignment_is_waited_for(sent, monkeypatch):
    monkeypatch.setattr("streams.batching.transactions.RETRY_S", 0)
    asked = []

    async def start(_client):
        asked.append(1)
        if len(asked) < 3:
            raise KafkaConnectionError

    monkeypatch.setattr("tests.harness.sent._Transactional.start", start)
    async with producer() as output:
        await output.take_over([LOG])
        await output.send(one("k"), done=Position(LOG, 1))
    assert (len(asked), len(sent.committed)) == (3, 1)


async def test_what_comes_in_meanwhile_is_the_next_transaction_and_the_last_offset_counts(sent):
    async with producer() as output:
        await output.take_over([LOG])
        first = asyncio.create_task(output.send(one("a"), done=Position(LOG, 1)))
        await sent.something.wait()
        await asyncio.gather(
            output.send(one("b"), done=Position(LOG, 2)),
            output.send(one("c"), done=Position(LOG, 3)),
            first,
        )
    assert [(keys(records), offsets) for _, records, offsets in sent.committed] == [
        (["a"], {LOG: 1}),
        (["b", "c"], {LOG: 3}),
    ]


async def test_topics_with_other_numbers_of_partitions_have_transactions_of_their_own(sent):
    async with producer() as output:
        await output.take_over([LOG, TP("log", 1), LINES])
        for tp in (LOG, TP("log", 1), LINES):
            await output.send(one("k"), done=Position(tp, 1))
    assert [name for name, *_ in sent.committed] == ["wall-0-of-4", "wall-1-of-4", "wall-0-of-1"]


async def test_an_offset_alone_is_committed_when_asked_for_and_once(sent):
    async with producer() as output:
        await output.take_over([LOG])
        await output.send(Messages(), Messages(), done=Position(LOG, 5))
        assert sent.committed == []
        for offset in (5, 5, 4):
            assert await output.commit({LOG: offset})
    assert sent.committed == [("wall-0-of-4", [], {LOG: 5})]


async def test_messages_that_come_of_no_record_are_in_no_transaction(sent):
    async with producer() as output:
        await output.send(one("tick"))
    assert (keys(sent.records), sent.committed) == (["tick"], [])


@pytest.mark.parametrize("at", ["k", "commit"])
async def test_a_producer_that_the_broker_has_fenced_commits_nothing_more(sent, at):
    async def refuse(records):
        if records[0][2] == at.encode():
            raise ProducerFenced

    sent.answer = refuse
    async with producer() as output:
        await output.take_over([LOG])
        with pytest.raises(Fenced, match="wall-0-of-4 of this worker: another worker has taken"):
            await output.send(one("k"), done=Position(LOG, 1))
        with pytest.raises((AssertionError, LostMessage, Fenced)):
            await output.send(one("later"), done=Position(LOG, 2))
    assert sent.committed == []


async def test_a_transaction_that_is_not_committed_before_the_broker_aborts_it_is_lost(sent):
    async def answer(records):
        if records[0][2] == b"commit":
            await asyncio.Event().wait()

    sent.answer = answer
    async with producer(transaction_timeout_s=0.05, timeout_s=0.01) as output:
        await output.take_over([LOG])
        with pytest.raises(LostMessage, match="could not be committed"):
            await output.send(one("k"), done=Position(LOG, 1))


async def test_what_waits_when_the_group_is_formed_anew_is_not_committed(sent):
    sent.answer = lambda _: asyncio.Event().wait()
    async with producer() as output:
        await output.take_over([LOG])
        late = asyncio.create_task(output.send(one("k"), done=Position(LOG, 1)))
        await sent.something.wait()
        await output.take_over([TP("log", 1)])
        with pytest.raises(LostPartitions, match="formed anew"):
            await late
        with pytest.raises(LostPartitions, match="wall-0-of-4 is not this worker's"):
            await output.send(one("k"), done=Position(LOG, 1))
    assert sent.committed == []
