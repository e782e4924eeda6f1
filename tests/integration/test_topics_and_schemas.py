"""Topics as declared, and schemas that stay readable."""

from __future__ import annotations

import json

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType
from confluent_kafka.schema_registry import Schema
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

from streams.contract.clients import broker_config, registry_client
from streams.contract.codecs import load_schema
from streams.contract.records import ProfileSubmitted
from streams.contract.topics import TopicMismatch, Topics, create_topics
from tests.harness.command_line import run_here, thewall_here
from tests.harness.processes import run_thewall, thewall
from tests.harness.waiting import wait_until


def test_topics_have_the_declared_partitions_cleanup_and_retention(settings):
    listed = json.loads(thewall(settings, "topics", "--json"))
    assert all(topic["created"] for topic in listed)
    assert not any(created for _, created in create_topics(settings))
    admin = AdminClient(broker_config(settings))
    there = admin.list_topics(timeout=10).topics
    for topic in Topics.of(settings).all():
        assert len(there[topic.name].partitions) == topic.partitions(settings)
        resource = ConfigResource(ResourceType.TOPIC, topic.name)
        config = admin.describe_configs([resource])[resource].result(10)
        for name, value in topic.config().items():
            assert config[name].value == value, topic.name


def test_another_number_of_partitions_is_refused(settings):
    create_topics(settings)
    with pytest.raises(TopicMismatch, match="have 4 partitions"):
        create_topics(settings.model_copy(update={"partitions": 5}))


def test_lines_have_one_partition_whoever_made_their_topic(settings):
    name = Topics.of(settings).submissions.name
    admin = AdminClient(broker_config(settings))
    admin.create_topics([NewTopic(name, 2)])[name].result(30)
    wait_until(lambda: name in admin.list_topics(timeout=10).topics, 30, "the topic is there")
    with pytest.raises(TopicMismatch, match="has 2 partitions, and must have 1"):
        create_topics(settings)


def test_the_registry_refuses_an_incompatible_schema(settings, client):
    registry = registry_client(settings)
    subject = client.topics.profiles.subject(ProfileSubmitted)
    schema = json.loads(load_schema("ProfileSubmitted"))
    schema["fields"].append({"name": "builder", "type": "string", "doc": "no default"})
    with pytest.raises(SchemaRegistryError) as refused:
        registry.register_schema(subject, Schema(json.dumps(schema), "AVRO"))
    assert refused.value.http_status_code == 409
    schema["fields"][-1]["default"] = "nobody"
    registry.register_schema(subject, Schema(json.dumps(schema), "AVRO"))


def test_any_registry_serializer_writes_what_we_read_and_reads_what_we_write(settings, client):
    registry = registry_client(settings)
    profile = {"wall": "w", "profile": 1, "heights": [1, 2, 3]}
    context = SerializationContext(client.topics.profiles.name, MessageField.VALUE)
    write = AvroSerializer(registry, load_schema("ProfileSubmitted"))
    assert client.codecs.decode_fields(write(profile, context), ProfileSubmitted) == profile
    ours = client.codecs.encode(ProfileSubmitted(**profile))
    assert AvroDeserializer(registry)(ours, context) == profile


def test_only_thewall_topics_creates_anything(settings, tmp_path):
    settings = settings.model_copy(update={"create_topics": False})

    def there() -> set[str]:
        admin = AdminClient(broker_config(settings))
        return {n for n in admin.list_topics(timeout=10).topics if settings.topic_prefix in n}

    wall = tmp_path / "wall.conf"
    wall.write_text("1 2 3\n")
    for command in (["worker", "--processes", "1", "--no-web"], ["overview", "w"]):
        done = run_thewall(settings, *command)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "thewall topics" in done.stderr
        assert "Traceback" not in done.stderr
    done = run_here(settings, "submit", str(wall))
    assert done.returncode == 1
    assert there() == set()
    thewall_here(settings, "topics")
    assert there() == {topic.name for topic in Topics.of(settings).all()}
    thewall_here(settings, "submit", str(wall))
