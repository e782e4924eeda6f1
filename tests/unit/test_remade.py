"""Topics that changed under the workers: what is asked of a broker that is not ready."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from unittest.mock import Mock

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from streams.client.remade import Described, TopicWatch
from streams.settings import Settings


def answered(result: object) -> Future:
    """What an admin client returns, when the answer is there."""
    future: Future = Future()
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
    return future


def test_a_topic_whose_leader_is_not_there_yet_is_asked_again(monkeypatch):
    admin = Mock()
    monkeypatch.setattr("streams.client.remade.admin_of", lambda _: admin)
    watch = TopicWatch(Settings(), {})
    partition = TopicPartition(watch._topics.accepted.name, 0, 5)
    too_early = KafkaException(KafkaError(KafkaError.NOT_LEADER_FOR_PARTITION))
    admin.list_offsets.side_effect = [
        {partition: answered(too_early)},
        {partition: answered(SimpleNamespace(offset=0))},
    ]
    watch._consumer = Mock(committed=Mock(return_value=[partition]))
    assert watch._skipped({partition.topic: Described("id", 1)}) is None
    assert admin.list_offsets.call_count == 2
