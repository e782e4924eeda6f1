"""Producers that use transactions: what is committed is built, and nothing else."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from domain.settings import settings_for
from domain.wall import Wall
from streams.client import reader
from streams.client.errors import ClientError
from streams.client.kafka import ANY_PARTITION, produce
from streams.contract.clients import broker_config
from streams.contract.records import ProfileSubmitted
from streams.contract.topics import partition_of
from tests.harness.command_line import run_here, thewall_here
from tests.harness.pipeline import assert_equal_to_the_domain, wait_until_idle
from tests.harness.processes import running_worker
from tests.harness.waiting import wait_until

BUILT_S = 60
ONE = Wall("w", settings_for(), {1: bytes([28])})


@pytest.fixture
def transaction(client):
    """Begin a transaction and submit profiles in it; end it with "commit" or "abort", or never."""
    producers = []

    @contextmanager
    def transaction(end, **profiles):
        producer = Producer(
            {
                **broker_config(client.settings),
                "transactional.id": str(uuid4()),
                "transaction.timeout.ms": 120_000,
                "partitioner": "murmur2_random",
            }
        )
        producers.append(producer)
        producer.init_transactions(30)
        producer.begin_transaction()
        for wall, number in profiles.items():
            value = client.codecs.encode(ProfileSubmitted(wall, number, [28]))
            producer.produce(client.topics.profiles.name, value, f"{wall}/{number}")
        assert producer.flush(30) == 0
        yield
        if end == "commit":
            producer.commit_transaction(30)
        elif end == "abort":
            producer.abort_transaction(30)

    yield transaction
    for producer in producers:
        producer.purge()


def produced(client, wall: str) -> Wall:
    """A wall from another producer, which does not ask what was there before."""
    value = client.codecs.encode(ProfileSubmitted(wall, 1, [28]))
    produce(client.settings, [(client.topics.profiles.name, f"{wall}/1", value, ANY_PARTITION)])
    return Wall(wall, settings_for(), {1: bytes([28])})


def test_an_aborted_submission_is_not_built_and_a_committed_one_is(
    worker, settings, client, transaction
):
    with transaction("abort", w=1):
        pass
    with transaction("commit", v=1):
        pass
    client.wait_until_built(Wall("v", settings_for(), {1: bytes([28])}), BUILT_S, lambda *_: None)
    # The markers of the transactions stand behind the last record, and are no lag.
    wait_until_idle(client)
    assert_equal_to_the_domain(client)
    assert worker.get("/walls/w/profiles/overview/")[0] == 404
    assert run_here(settings, "verify").returncode == 0
    assert worker.stop() == 0
    result = thewall_here(settings, "replay", "--json")
    assert '"equal_to_domain": true' in result


def test_an_aborted_change_of_a_wall_changes_nothing(worker, client, transaction):
    client.submit(ONE)
    client.wait_until_built(ONE, BUILT_S, lambda *_: None)
    with transaction("abort", w=1):
        pass
    with transaction("abort", w=2):
        pass
    again = Wall("w", settings_for(), {1: bytes([27])})
    client.submit(again)
    client.wait_until_built(again, BUILT_S, lambda *_: None)
    wait_until_idle(client)
    assert_equal_to_the_domain(client)


@pytest.mark.parametrize("end", ["commit", "abort"])
def test_a_transaction_that_stays_open_is_backpressure_and_ends_no_worker(
    settings, client, transaction, tmp_path, end
):
    watched = settings.model_copy(update={"watchdog_s": 3.0})
    of_wall = {wall: partition_of(f"{wall}/1", settings.partitions) for wall in ("w", "c", "x")}
    assert of_wall["w"] == of_wall["c"] != of_wall["x"]
    with running_worker(watched, tmp_path / "worker.log") as worker:
        with transaction(end, w=1):
            behind = produced(client, "c")
            beside = produced(client, "x")
            client.wait_until_built(beside, BUILT_S, lambda *_: None)
            patient_until = time.monotonic() + 3 * watched.watchdog_s

            def has_waited() -> bool:
                assert worker.process.poll() is None
                assert worker.get("/ready/")[0] == 200
                assert worker.get("/walls/c/profiles/overview/")[0] == 404
                return time.monotonic() > patient_until

            wait_until(has_waited, 60, "the watchdog has had its chance")
        client.wait_until_built(behind, BUILT_S, lambda *_: None)
        wait_until_idle(client)
        assert_equal_to_the_domain(client)
        assert worker.get("/walls/w/profiles/overview/")[0] == (200 if end == "commit" else 404)


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_markers_at_the_end_of_every_topic_hold_up_no_start(
    settings, client, tmp_path, store, transaction
):
    settings = settings.model_copy(update={"store": store})
    with running_worker(settings, tmp_path / "worker.log") as worker:
        client.submit(ONE)
        client.wait_until_built(ONE, BUILT_S, lambda *_: None)
        wait_until_idle(client)
        assert worker.stop() == 0
    producer = Producer({**broker_config(settings), "transactional.id": str(uuid4())})
    producer.init_transactions(30)
    producer.begin_transaction()
    for topic in (*client.topics.inputs, *client.topics.intermediate, *client.topics.changelogs):
        for partition in range(settings.partitions):
            producer.produce(topic.name, b"aborted", b"w/1", partition)
    assert producer.flush(30) == 0
    producer.abort_transaction(30)
    with running_worker(settings, tmp_path / "worker.log"):
        again = Wall("w", settings_for(), {1: bytes([27])})
        client.submit(again)
        client.wait_until_built(again, BUILT_S, lambda *_: None)
        wait_until_idle(client)
    assert_equal_to_the_domain(client)
    assert list(client.read(client.topics.dead_letters)) == []


def test_nothing_is_withdrawn_while_an_open_transaction_may_hide_a_part(
    settings, client, transaction, monkeypatch
):
    monkeypatch.setattr(reader, "TRANSACTION_PATIENCE_S", 1.0)
    produced(client, "w")
    with transaction("commit", w=2):
        partition = partition_of("w/2", settings.partitions)
        said = rf"transaction is open on topic .*profiles, partition {partition}, since offset \d"
        with pytest.raises(ClientError, match=said):
            client.withdraw("w")
        with pytest.raises(ClientError, match=said):
            client.submit(ONE)
    assert client.withdraw("w") == [1, 2]
    assert client.live_profiles("w") == set()


@pytest.mark.parametrize("end", ["commit", "abort"])
def test_a_transaction_that_ends_soon_is_waited_for(client, transaction, end):
    produced(client, "w")
    with ThreadPoolExecutor() as pool:
        with transaction(end, w=2):
            withdrawn = pool.submit(client.withdraw, "w")
            with pytest.raises(TimeoutError):
                withdrawn.result(2)
        assert withdrawn.result(30) == ([1, 2] if end == "commit" else [1])
