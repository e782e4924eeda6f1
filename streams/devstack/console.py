"""Kafka's own console tools, with an Avro deserializer for the consumer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.devstack import artifacts
from streams.devstack.processes import java

if TYPE_CHECKING:
    from collections.abc import Sequence

CONSOLE_CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer"
CONSOLE_PRODUCER = "org.apache.kafka.tools.ConsoleProducer"
CONSUMER_GROUPS = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
AVRO_DESERIALIZER = "io.apicurio.registry.serde.avro.AvroKafkaDeserializer"
STRING_DESERIALIZER = "org.apache.kafka.common.serialization.StringDeserializer"


def tool_command(main_class: str, arguments: Sequence[str]) -> list[str]:
    """The command line of one of Kafka's tools; the artifacts have to be in the cache."""
    return [
        *java(heap_mb=256, quick=True),
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
        "-Djava.util.logging.config.file=/dev/null",
        "-cp",
        artifacts.class_path("kafka", "console"),
        main_class,
        *arguments,
    ]


def console_command(
    topic: str, bootstrap_servers: str, registry_url: str | None, arguments: Sequence[str] = ()
) -> list[str]:
    """The command line that prints a topic: keys as text, Avro values as JSON.

    Args:
        topic: Full name of the topic.
        bootstrap_servers: Kafka brokers as host:port,…
        registry_url: The registry's Confluent-compatible address, or its own API's; None for a
            topic whose values are text.
        arguments: Passed on to the console consumer, for example `--from-beginning`.
    """
    values = ["--formatter-property", f"value.deserializer={STRING_DESERIALIZER}"]
    if registry_url is not None:
        own_api = registry_url.replace("/apis/ccompat/v7", "/apis/registry/v3")
        values = [
            "--formatter-property", f"value.deserializer={AVRO_DESERIALIZER}",
            "--formatter-property", f"value.deserializer.apicurio.registry.url={own_api}",
        ]  # fmt: skip
    return tool_command(
        CONSOLE_CONSUMER,
        [
            "--bootstrap-server", bootstrap_servers,
            "--topic", topic,
            "--formatter-property", "print.key=true",
            "--formatter-property", f"key.deserializer={STRING_DESERIALIZER}",
            *values,
            *arguments,
        ],
    )  # fmt: skip


def producer_command(
    topic: str, bootstrap_servers: str, arguments: Sequence[str] = ()
) -> list[str]:
    """The command line that sends each line of standard input to a topic, as text.

    Args:
        topic: Full name of the topic.
        bootstrap_servers: Kafka brokers as host:port,…
        arguments: Passed on to the console producer.
    """
    servers = ["--bootstrap-server", bootstrap_servers]
    return tool_command(CONSOLE_PRODUCER, [*servers, "--topic", topic, *arguments])
