"""Transactions of a worker's partitions: their former owner, killed or late, changes nothing."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from faust.types import TP

from streams.batching import Message, Messages, TransactionalProducer
from streams.batching.records import Position
from streams.batching.transactions import Fenced
from streams.client.reader import Reader


@pytest.fixture
def source(settings) -> TP:
    """A partition that is read; what comes of it goes to the topic, too."""
    topic = f"{settings.app_id}-{uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(10)
    return TP(topic, 0)


def owner(settings) -> TransactionalProducer:
    return TransactionalProducer(
        settings.bootstrap_servers, settings.group, 60, lambda _: 2, timeout_s=10
    )


def read(settings, tp) -> list[bytes | None]:
    with Reader(settings) as reader:
        return [m.key() for m in reader.read(tp.topic, tp.partition) if m is not None]


def messages(tp, *keys) -> Messages:
    return Messages(*(Message(tp.topic, key, b"", tp.partition) for key in keys))


async def test_the_broker_refuses_the_former_owner_of_a_partition(settings, source):
    other = TP(source.topic, 1)
    async with owner(settings) as former, owner(settings) as next_owner:
        await former.take_over([source, other])
        await former.send(messages(source, b"1"), messages(other, b"2"), done=Position(source, 7))
        await next_owner.take_over([source])
        with pytest.raises(Fenced, match=f"{settings.group}-0-of-2"):
            await former.send(messages(source, b"late"), done=Position(source, 9))
        await next_owner.send(messages(source, b"3"), done=Position(source, 8))
        await former.send(messages(other, b"4"), done=Position(other, 5))  # it still owns that
    assert await asyncio.to_thread(read, settings, source) == [b"1", b"3"]
    assert await asyncio.to_thread(read, settings, other) == [b"2", b"4"]
    assert committed(settings, source) == 8
    assert committed(settings, other) == 5


async def test_what_a_killed_owner_left_open_is_gone_once_the_next_one_takes_over(settings, source):
    killed = owner(settings)
    async with killed, owner(settings) as next_owner:
        await killed.take_over([source])
        (transactions,) = killed._owned.values()
        await transactions._client.begin_transaction()
        await (await transactions._sender.hand_over(messages(source, b"open").columns))
        await next_owner.take_over([source])
        await next_owner.send(messages(source, b"1"), done=Position(source, 1))
        assert await asyncio.to_thread(read, settings, source) == [b"1"]
        await next_owner.commit({source: 4})
        await next_owner.commit({source: 3})  # committed already, and more
    assert committed(settings, source) == 4


def committed(settings, tp: TP) -> int:
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer(
        {"bootstrap.servers": settings.bootstrap_servers, "group.id": settings.group}
    )
    try:
        (found,) = consumer.committed([TopicPartition(*tp)], timeout=10)
    finally:
        consumer.close()
    return found.offset
