"""Records whose schemas others have registered: read where they can be, dead letters where not."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from confluent_kafka import Producer
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from domain.settings import settings_for
from domain.wall import Wall
from streams.contract.batch_codecs import varint
from streams.contract.clients import broker_config, registry_client
from streams.contract.codecs import load_schema
from streams.contract.records import DeadLetter, ProfileSubmitted
from tests.harness.command_line import thewall_here
from tests.harness.pipeline import wait_until_idle
from tests.harness.waiting import wait_until

if TYPE_CHECKING:
    from streams.client.client import Client
    from streams.settings import Settings

HUGE = varint(2**62)
EMPTY = {"type": "record", "name": "Empty", "fields": []}


def profile_schema(*more: dict[str, Any], **types: Any) -> dict[str, Any]:
    """Our schema of a profile, with some types of fields replaced and some fields added."""
    schema = json.loads(load_schema("ProfileSubmitted"))
    for field in schema["fields"]:
        field["type"] = types.get(field["name"], field["type"])
    schema["fields"] += more
    return schema


_numbers = itertools.count(1)


def more(type_of: Any, default: Any = None) -> dict[str, Any]:
    """A field with a name of its own, for the schemas of a subject have to be compatible."""
    return {"name": f"more{next(_numbers)}", "type": type_of, "default": default}


class Foreign(NamedTuple):
    """A schema, what of a body follows wall, profile and heights, and the reason if it is bad."""

    schema: dict[str, Any]
    rest: bytes = b""
    reason: str = ""
    heights: bytes = varint(2) + varint(3) + varint(5) + varint(0)


FOREIGN = {
    # The registry takes these under our own subject.
    "a uuid": Foreign(profile_schema(wall={"type": "string", "logicalType": "uuid"})),
    "a date": Foreign(profile_schema(profile={"type": "int", "logicalType": "date"})),
    "times": Foreign(
        profile_schema(
            heights={"type": "array", "items": {"type": "int", "logicalType": "time-millis"}}
        )
    ),
    "an unknown logical type": Foreign(
        profile_schema(wall={"type": "string", "logicalType": "com.acme.Color"})
    ),
    "a trace": Foreign(
        profile_schema(
            more({"type": "map", "values": ["null", "string", {"type": "long"}]}, {})
        ),
        varint(1) + varint(1) + b"k" + varint(1) + varint(2) + b"id" + varint(0),
    ),
    "booleans without an end": Foreign(
        profile_schema(more({"type": "array", "items": "boolean"}, [])), HUGE, "more is claimed"
    ),
    "nulls without an end": Foreign(
        profile_schema(more({"type": "array", "items": "null"}, [])), HUGE, "more is claimed"
    ),
    "named empty records without an end": Foreign(
        profile_schema(
            {"name": "first", "type": ["null", EMPTY], "default": None},
            more({"type": "array", "items": "Empty"}, []),
        ),
        varint(0) + HUGE, "more is claimed",
    ),
    "errors without an end": Foreign(
        profile_schema(more({"type": "array", "items": EMPTY | {"type": "error"}}, [])),
        HUGE, "more is claimed",
    ),
    "a tree": Foreign(
        profile_schema(
            more(["null", {"type": "record", "name": "Tree", "fields": [
                {"name": "branches", "type": {"type": "array", "items": "Tree"}}]}])
        ),
        varint(1) + b"\x02" * 900_000, "recursive: 'Tree' holds itself",
    ),
    "a body that ends early": Foreign(
        profile_schema(more({"type": "string"}, "")), varint(9) + b"early", "9 bytes are claimed"
    ),
    "a decimal": Foreign(
        profile_schema(more({"type": "bytes", "logicalType": "decimal", "precision": 4}, "")),
        varint(2) + b"\1\2",
    ),
}  # fmt: skip
OTHER_KINDS = {
    "a JSON schema": (
        Schema('{"$schema": "http://json-schema.org/draft-07/schema#", "oneOf": []}', "JSON"),
        "of type JSON",
    ),
    "Protobuf": (Schema('syntax = "proto3"; message A { int32 b = 1; }', "PROTOBUF"), "PROTOBUF"),
    "an Avro schema that is no record": (Schema('"string"', "AVRO"), "of no record"),
}


@pytest.fixture
def registry(settings: Settings) -> SchemaRegistryClient:
    return registry_client(settings)


def letters_by_key(client: Client) -> dict[bytes, str]:
    letters = client.read(client.topics.dead_letters)
    found = [client.codecs.decode_any(letter.value() or b"", DeadLetter) for letter in letters]
    return {letter.key or b"": letter.reason for letter in found}


def test_what_can_be_read_is_built_and_what_cannot_is_a_dead_letter_and_the_worker_goes_on(
    worker, settings, client, registry
):
    topic = client.topics.profiles
    values: dict[bytes, bytes] = {}
    reasons: dict[bytes, str] = {}
    profiles: dict[int, bytes] = {}
    for number, foreign in enumerate(FOREIGN.values(), start=1):
        schema = Schema(json.dumps(foreign.schema), "AVRO")
        schema_id = registry.register_schema(topic.subject(ProfileSubmitted), schema)
        key = b"w/%d" % number
        body = varint(1) + b"w" + varint(number) + foreign.heights + foreign.rest
        values[key] = b"\0" + schema_id.to_bytes(4) + body
        if foreign.reason:
            reasons[key] = foreign.reason
        else:
            profiles[number] = bytes([3, 5])
    for number, (schema, reason) in enumerate(OTHER_KINDS.values(), start=100):
        schema_id = registry.register_schema(f"{topic.name}-{number}", schema)
        values[b"w/%d" % number] = b"\0" + schema_id.to_bytes(4) + b"body"
        reasons[b"w/%d" % number] = reason
    producer = Producer({
        **broker_config(settings), "partitioner": "murmur2_random"
    })  # fmt: skip
    for key, value in values.items():
        producer.produce(topic.name, value, key)
    assert producer.flush(30) == 0
    client.wait_until_built(Wall("w", settings_for(), profiles), 60, lambda *_: None)
    wait_until(lambda: len(letters_by_key(client)) == len(reasons), 60, "all dead letters")
    for key, reason in letters_by_key(client).items():
        assert reasons[key] in reason, (key, reason)
    assert worker.process.poll() is None
    printed = [
        json.loads(line) for line in thewall_here(settings, "consume", "profiles").splitlines()
    ]
    readable = {line["key"] for line in printed if "undecodable" not in line["value"]}
    assert readable == {key.decode() for key in values.keys() - reasons.keys()}


def test_an_id_that_is_registered_later_is_accepted_without_a_restart(
    worker, settings, client, registry
):
    topic = client.topics.profiles
    producer = Producer({
        **broker_config(settings), "partitioner": "murmur2_random"
    })  # fmt: skip

    def registered() -> int:
        schema = Schema(json.dumps(profile_schema(more("int", 0))), "AVRO")
        return registry.register_schema(topic.subject(ProfileSubmitted), schema)

    def submit(schema_id: int) -> None:
        profile = schema_id - first
        body = varint(1) + b"w" + varint(profile) + varint(2) + b"\6\6" + varint(0) + varint(7)
        producer.produce(topic.name, b"\0" + schema_id.to_bytes(4) + body, f"w/{profile}")

    # Other tests register schemas too, so it is not known which id comes next.
    first = registered()
    guesses = range(first + 1, first + 400)
    for guess in guesses:
        submit(guess)
    assert producer.flush(30) == 0
    wait_until_idle(client)
    later = registered()
    key = f"w/{later - first}"
    assert "not in the registry" in letters_by_key(client)[key.encode()]

    def is_built() -> bool:
        submit(later)
        assert producer.flush(30) == 0
        return key in client.latest(client.topics.overview)

    wait_until(is_built, 30, "the profile is accepted once its schema is known")
