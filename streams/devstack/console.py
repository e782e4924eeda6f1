"""Kafka's own console tools, with an Avro deserializer for the consumer, on any cluster."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

from streams.devstack import artifacts
from streams.devstack.processes import java

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONSOLE_CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer"
CONSOLE_PRODUCER = "org.apache.kafka.tools.ConsoleProducer"
CONSUMER_GROUPS = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
AVRO_DESERIALIZER = "io.apicurio.registry.serde.avro.AvroKafkaDeserializer"
STRING_DESERIALIZER = "org.apache.kafka.common.serialization.StringDeserializer"


def tool_command(
    main_class: str,
    bootstrap_servers: str,
    arguments: Sequence[str],
    security: Mapping[str, str] | None = None,
) -> list[str]:
    """The command line of one of Kafka's tools; the artifacts have to be in the cache.

    What it has to know of TLS and of the user, it reads from a file of this process's that has no
    name: so it is to be run by this process, which hands open files on.

    Args:
        main_class: The tool.
        bootstrap_servers: Kafka brokers as host:port,…
        arguments: All that the tool is told beside that.
        security: Properties of a Java client about TLS and users; none for a broker without.
    """
    return [
        *java(heap_mb=256, quick=True),
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
        "-Djava.util.logging.config.file=/dev/null",
        "-cp",
        artifacts.class_path("kafka", "console"),
        main_class,
        "--bootstrap-server",
        bootstrap_servers,
        *(["--command-config", _nameless(security)] if security else []),
        *arguments,
    ]


def console_command(
    topic: str,
    bootstrap_servers: str,
    registry_url: str | None,
    arguments: Sequence[str] = (),
    security: Mapping[str, str] | None = None,
    registry_security: Mapping[str, str] | None = None,
) -> list[str]:
    """The command line that prints a topic: keys as text, Avro values as JSON; see `tool_command`.

    Args:
        topic: Full name of the topic.
        bootstrap_servers: Kafka brokers as host:port,…
        registry_url: The registry's Confluent-compatible address, or its own API's; None for a
            topic whose values are text.
        arguments: Passed on to the console consumer, for example `--from-beginning`.
        security: As `tool_command` takes it.
        registry_security: Properties of Apicurio's deserializer, likewise.
    """
    values = {"value.deserializer": STRING_DESERIALIZER}
    secrets = {}
    if registry_url is not None:
        own_api = registry_url.replace("/apis/ccompat/v7", "/apis/registry/v3")
        registry = "value.deserializer.apicurio.registry.url"
        values = {"value.deserializer": AVRO_DESERIALIZER, registry: own_api}
        known = registry_security or {}
        secrets = {f"value.deserializer.{name}": value for name, value in known.items()}
    told = {"print.key": "true", "key.deserializer": STRING_DESERIALIZER} | values
    shown = [f"--formatter-property={name}={value}" for name, value in told.items()]
    hidden = ["--formatter-config", _nameless(secrets)] if secrets else []
    arguments = ["--topic", topic, *shown, *hidden, *arguments]
    return tool_command(CONSOLE_CONSUMER, bootstrap_servers, arguments, security)


def producer_command(
    topic: str,
    bootstrap_servers: str,
    arguments: Sequence[str] = (),
    security: Mapping[str, str] | None = None,
) -> list[str]:
    """The command line that sends each line of standard input to a topic, as text.

    Args:
        topic: Full name of the topic.
        bootstrap_servers: Kafka brokers as host:port,…
        arguments: Passed on to the console producer.
        security: As `tool_command` takes it.
    """
    arguments = ["--topic", topic, *arguments]
    return tool_command(CONSOLE_PRODUCER, bootstrap_servers, arguments, security)


def _nameless(properties: Mapping[str, str]) -> str:
    """Where a program that this process becomes, or starts, reads properties of Java's.

    A password would be for all to see on a command line, and left behind in a file with a name.
    """
    with tempfile.TemporaryFile() as file:
        file.write("".join(f"{k}={_escaped(v)}\n" for k, v in properties.items()).encode("ascii"))
        file.flush()
        number = os.dup(file.fileno())
    os.lseek(number, 0, os.SEEK_SET)
    os.set_inheritable(number, True)
    return f"/dev/fd/{number}"


def _escaped(value: str) -> str:
    """A value in a file of Java's properties, which are Latin-1 with escapes."""
    units = value.encode("utf-16-be")
    codes = [int.from_bytes(units[n : n + 2]) for n in range(0, len(units), 2)]
    return "".join(
        chr(code) if chr(code).isascii() and chr(code).isalnum() else f"\\u{code:04x}"
        for code in codes
    )
