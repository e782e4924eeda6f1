"""The embedded stack, for real: a broker and a registry of this file's own, beside the user's."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import subprocess
import sys
import time

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

from streams.batching import BatchProducer, Messages
from streams.devstack import Stack, StackAddresses, StackError
from streams.devstack.console import CONSUMER_GROUPS, console_command, tool_command
from tests.harness.processes import run_java
from tests.harness.waiting import wait_until

# One process runs them all: they take its stack down, and up again.
pytestmark = [pytest.mark.xdist_group("devstack"), pytest.mark.timeout(240)]

TOPIC = "test.sections"
SCHEMA = json.dumps(
    {
        "type": "record",
        "name": "Section",
        "namespace": "test",
        "fields": [
            {"name": "wall", "type": "string"},
            {"name": "height_ft", "type": "int"},
            {"name": "crew", "type": ["null", "string"], "default": None},
        ],
    }
)
RECORD = {"wall": "castle black", "height_ft": 21, "crew": "2.5"}
LOOPBACK = ipaddress.ip_network("127.0.0.0/8")


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    stack = Stack(tmp_path_factory.mktemp("stack"))
    try:
        stack.up()
        yield stack
    finally:
        stack.down()


@pytest.fixture(scope="module")
def addresses(stack):
    """Where the stack answers, with a topic that has one record on it."""
    addresses = stack.addresses()
    admin = AdminClient({"bootstrap.servers": addresses.bootstrap_servers})
    admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(30)
    registry = SchemaRegistryClient({"url": addresses.registry_url})
    serializer = AvroSerializer(registry, SCHEMA)
    value = serializer(RECORD, SerializationContext(TOPIC, MessageField.VALUE))
    producer = Producer({"bootstrap.servers": addresses.bootstrap_servers})
    producer.produce(TOPIC, key="castle black/1", value=value)
    assert producer.flush(30) == 0
    return addresses


def records(addresses: StackAddresses) -> list[tuple[bytes, bytes]]:
    """The records of the topic's one partition, read from its beginning."""
    consumer = Consumer(
        {
            "bootstrap.servers": addresses.bootstrap_servers,
            "group.id": f"test-{time.monotonic_ns()}",
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    consumer.subscribe([TOPIC])
    found, deadline = [], time.monotonic() + 30
    try:
        while time.monotonic() < deadline:
            message = consumer.poll(1)
            if message is not None and message.error():
                return found  # the end of the partition
            if message is not None:
                found.append((message.key(), message.value()))
    finally:
        consumer.close()
    raise AssertionError(f"the end of {TOPIC} was not reached in 30 s; read {found}")


def thewall(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    outside = {"THEWALL_BOOTSTRAP_SERVERS", "THEWALL_REGISTRY_URL"}
    return subprocess.run(
        [sys.executable, "-m", "streams", *arguments],
        env={name: value for name, value in os.environ.items() if name not in outside}
        | {"THEWALL_STACK_DIR": str(stack.directory)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def pids(stack: Stack) -> list[int]:
    return [daemon.process().pid for daemon in stack.daemons]


def test_the_console_consumer_prints_an_avro_record_as_json(addresses):
    command = console_command(
        TOPIC,
        addresses.bootstrap_servers,
        addresses.registry_url,
        ["--from-beginning", "--max-messages", "1"],
    )
    key, _, value = run_java(command).strip().partition("\t")
    assert key == "castle black/1"
    assert json.loads(value) == RECORD


def test_the_console_command_passes_arguments_on(stack, addresses):
    assert addresses == stack.addresses()
    done = thewall(stack, "console", TOPIC, "--from-beginning", "--max-messages", "1")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.partition("\t")[2]) == RECORD


def test_the_stock_consumer_groups_tool_runs(addresses):
    command = tool_command(CONSUMER_GROUPS, addresses.bootstrap_servers, ["--list"])
    assert "apicurio" in run_java(command)


def test_an_incompatible_schema_is_refused(addresses):
    registry = SchemaRegistryClient({"url": addresses.registry_url})
    registry.set_compatibility(f"{TOPIC}-value", level="FULL_TRANSITIVE")
    incompatible = SCHEMA.replace('"int"', '"string"')
    with pytest.raises(SchemaRegistryError) as refused:
        registry.register_schema(f"{TOPIC}-value", Schema(incompatible, "AVRO"))
    assert refused.value.http_status_code == 409


def test_nothing_listens_beyond_loopback(stack):
    listening = [
        connection.laddr
        for daemon in stack.daemons
        for connection in daemon.process().net_connections("inet")
        if connection.status == "LISTEN"
    ]
    # Two each: the broker and its controller, the registry and its management port.
    assert len(listening) == 4
    for address in listening:
        ip = ipaddress.ip_address(address.ip.removeprefix("::ffff:"))
        assert ip in LOOPBACK, f"{address} is reachable from other machines"


def test_a_second_up_says_that_it_runs_already(stack):
    before = pids(stack)
    done = thewall(stack, "up")
    assert done.returncode == 0
    assert "runs already" in done.stderr
    assert stack.addresses().bootstrap_servers in done.stderr
    assert pids(stack) == before


def test_another_port_for_a_broker_that_runs_is_refused(stack):
    with pytest.raises(StackError, match=r"kafka runs already, on port .*--kafka-port"):
        stack.up(kafka_port=29999)


def test_status_shows_both_processes(stack):
    done = thewall(stack, "status", "--json")
    assert done.returncode == 0
    rows = json.loads(done.stdout)["processes"]
    assert [(row["name"], row["running"], row["pid"]) for row in rows] == [
        ("kafka", True, stack.kafka.process().pid),
        ("registry", True, stack.registry.process().pid),
    ]


def test_up_starts_a_broker_that_was_killed_on_the_same_port(stack, addresses):
    before = records(addresses)
    registry = stack.registry.process().pid
    stack.kafka.kill()
    assert not stack.kafka.alive()
    assert stack.up() == addresses
    assert stack.registry.process().pid == registry
    assert records(addresses) == before


async def test_what_is_sent_while_the_broker_is_killed_arrives_once_and_in_order(stack, addresses):
    topic, partitions = "test.sending", 4
    admin = AdminClient({"bootstrap.servers": addresses.bootstrap_servers})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(30)
    sent: list[bytes] = []
    is_over = False

    async def keep_sending(output: BatchProducer) -> None:
        while not is_over:
            values = [b"%d" % number for number in range(len(sent), len(sent) + 500)]
            sent.extend(values)
            messages = Messages()
            for partition in range(partitions):
                messages.add(topic, [b"k"] * len(values), values, partition)
            await output.send(messages)

    async with BatchProducer(addresses.bootstrap_servers, timeout_s=60) as output:
        several = [asyncio.create_task(keep_sending(output)) for _ in range(4)]
        await asyncio.to_thread(wait_until, lambda: len(sent) > 50_000, 60)
        stack.kafka.kill()
        before = len(sent)
        await asyncio.to_thread(stack.up)
        await asyncio.to_thread(wait_until, lambda: len(sent) > before + 50_000, 60)
        is_over = True
        await asyncio.gather(*several)
    consumer = Consumer({"bootstrap.servers": addresses.bootstrap_servers, "group.id": "reader"})
    for partition in range(partitions):
        consumer.assign([TopicPartition(topic, partition, 0)])
        found: list[bytes | None] = []
        deadline = time.monotonic() + 30
        while len(found) < len(sent) and time.monotonic() < deadline:
            found += [message.value() for message in consumer.consume(10_000, 0.5)]
        found += [message.value() for message in consumer.consume(1, 0.5)]
        assert found == sent
    consumer.close()


def test_records_and_schemas_survive_a_restart(stack, addresses):
    before = records(addresses)
    assert stack.down()
    assert thewall(stack, "status").returncode == 1
    assert stack.up() == addresses
    assert records(addresses) == before
    registry = SchemaRegistryClient({"url": addresses.registry_url})
    assert registry.get_latest_version(f"{TOPIC}-value").version == 1


def test_a_process_that_ends_while_starting_is_shown_with_its_log(stack, monkeypatch):
    stack.registry.kill()
    monkeypatch.setattr("streams.devstack.stack._registry_home", lambda: stack.directory)
    with pytest.raises(StackError, match=r"registry ended while starting") as failure:
        stack.up()
    assert str(stack.registry.log_file) in str(failure.value)
    assert "quarkus-run.jar" in str(failure.value)


def test_a_fresh_start_has_no_topic(stack):
    addresses = stack.up(fresh=True)
    topics = AdminClient({"bootstrap.servers": addresses.bootstrap_servers}).list_topics(timeout=30)
    assert TOPIC not in topics.topics
