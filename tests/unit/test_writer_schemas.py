"""Which schemas others have written with: asked for once, remembered, and only so many."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any

import pytest
from confluent_kafka.schema_registry import RegisteredSchema, Schema, SchemaReference
from confluent_kafka.schema_registry.error import SchemaRegistryError

from streams.contract import writer_schemas
from streams.contract.writer_schemas import WriterSchema, WriterSchemas

OURS = {
    "type": "record", "name": "CrewRow", "namespace": "thewall", "doc": "Ours.",
    "fields": [{"name": "version", "type": "long", "doc": "Counted from 1"}],
}  # fmt: skip
OWN_ID = 7


class Registry:
    """Answers as the registry's client does: a schema, or an error for an id it does not have."""

    def __init__(self) -> None:
        self.schemas: dict[int, Any] = {}
        self.asked: list[int] = []
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()

    def get_schema(self, schema_id: int) -> Schema:
        with self._lock:
            self.asked.append(schema_id)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            found = self.schemas.get(schema_id, SchemaRegistryError(404, 40403, "not found"))
            if isinstance(found, Exception):
                raise found
            return found if isinstance(found, Schema) else Schema(json.dumps(found), "AVRO")
        finally:
            with self._lock:
                self.at_once -= 1

    def clear_caches(self) -> None: ...

    def get_versions(self, _subject: str) -> list[int]:
        return list(range(1, len(self.schemas) + 1))

    def get_version(self, _subject: str, version: int) -> RegisteredSchema:
        schema_id = list(self.schemas)[version - 1]
        return RegisteredSchema("subject", version, schema_id, "guid", None)


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def schemas(registry) -> WriterSchemas:
    return WriterSchemas({OWN_ID: WriterSchema(name="CrewRow")}, {"CrewRow": OURS}, registry)


def value(schema_id: int) -> bytes:
    return b"\0" + schema_id.to_bytes(4) + b"body"


@pytest.mark.parametrize("found", [
    Schema('{"type": "object"}', "JSON"), Schema("{}", "AVRO"), Schema("[]", "AVRO"),
    Schema("", "AVRO"), Schema(None, "AVRO"), Schema("[" * 100_000, "AVRO"),
    Schema('{"oneOf": [{"type": "string"}]}', "AVRO"), Schema("7" * 5_000, "AVRO"),
    Schema('syntax = "proto3"; message Wall {}', "PROTOBUF"), Schema("true", None),
    Schema('"int"', "AVRO", [SchemaReference("Trace", "trace-value", 1)]),
    Schema('{"type": "record", "name": "\\ud800", "fields": []}', "AVRO"),
    Schema(json.dumps(OURS | {"doc": "x" * (1 << 18)}), "AVRO"),
    Schema(json.dumps(OURS | {"fields": [{"name": "me", "type": ["null", "CrewRow"]}]}), "AVRO"),
], ids=lambda schema: f"{schema.schema_type} {(schema.schema_str or '')[:30]}")  # fmt: skip
def test_whatever_an_id_stands_for_there_is_a_reason_or_a_name_that_is_not_ours(
    registry, schemas, found
):
    registry.schemas[9] = found
    schemas.fetch_blocking([value(9)])
    schema = schemas.of_id(9)
    assert schema.name == ""
    assert len(schema.problem) < 400
    assert schema.problem or schema.full_name or found.schema_str in ("[]", '"int"')


def test_a_schema_of_ours_without_its_docs_is_read_as_ours(registry, schemas):
    registry.schemas[9] = {"type": "record", "name": "thewall.CrewRow", "aliases": ["Crew"],
                           "fields": [{"name": "version", "type": {"type": "long"}}]}  # fmt: skip
    schemas.fetch_blocking([value(9)])
    assert (schemas.of_id(9).name, schemas.of_id(9).reader) == ("CrewRow", None)


async def test_each_id_is_asked_for_once(registry, schemas):
    registry.schemas[9] = OURS
    for _ in range(3):
        await schemas.fetch([value(9), value(OWN_ID), None, b"", b"\0\0", b"{json}", value(9)])
    assert registry.asked == [9]


async def test_an_id_that_is_not_in_the_registry_is_asked_for_again_after_a_while(
    registry, schemas, monkeypatch
):
    await schemas.fetch([value(9)])
    await schemas.fetch([value(9)])
    assert registry.asked == [9]
    assert "is not in the registry" in schemas.of_id(9).problem
    registry.schemas[9] = OURS
    monkeypatch.setattr(writer_schemas, "time", SomeTimeLater(writer_schemas.ASKED_AGAIN_AFTER_S))
    await schemas.fetch([value(9)])
    assert schemas.of_id(9).name == "CrewRow"


class SomeTimeLater:
    """A clock that is ahead by some seconds."""

    def __init__(self, ahead_s: float) -> None:
        self._ahead_s = ahead_s

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead_s + 0.001


async def test_any_number_of_unknown_ids_takes_bounded_memory_and_few_requests_at_a_time(
    registry, schemas, monkeypatch
):
    for batch in range(5):
        monkeypatch.setattr(
            writer_schemas, "time", SomeTimeLater(batch * writer_schemas.FORGOTTEN_AFTER_S)
        )
        ids = range(1000 * (batch + 1), 1000 * (batch + 1) + 300)
        await schemas.fetch(map(value, ids))
        assert all(schemas.of_id(id_).problem for id_ in ids)
        assert len(schemas._fetched) <= writer_schemas.REMEMBERED + len(ids)
    assert len(registry.asked) == 5 * 300
    assert registry.most_at_once <= writer_schemas.LOOK_UPS_AT_ONCE


async def test_a_registry_that_is_down_is_waited_for_while_others_go_on(registry, schemas):
    registry.schemas[9] = SchemaRegistryError(503, -1, "down")
    fetching = asyncio.create_task(schemas.fetch([value(9)]))
    while len(registry.asked) < 2:  # noqa: ASYNC110 - counted in another thread
        await asyncio.sleep(0.01)
    assert not fetching.done()
    assert "down" in schemas.outage
    registry.schemas[9] = OURS
    await asyncio.wait_for(fetching, 10)
    assert schemas.outage == ""
    assert schemas.of_id(9).name == "CrewRow"


@pytest.mark.parametrize("status", [400, 403, 422])
async def test_an_id_that_the_registry_refuses_has_that_as_its_reason(registry, schemas, status):
    registry.schemas[9] = SchemaRegistryError(status, -1, "not for you")
    await schemas.fetch([value(9)])
    assert "not for you" in schemas.of_id(9).problem


async def test_credentials_that_are_refused_are_not_the_records_fault(registry, schemas):
    registry.schemas[9] = SchemaRegistryError(401, -1, "who are you")
    with pytest.raises(SchemaRegistryError, match="who are you"):
        await schemas.fetch([value(9)])


async def test_earlier_schemas_of_our_rows_are_fetched_at_the_start_and_never_forgotten(
    registry, schemas, monkeypatch
):
    registry.schemas = {8: OURS, 9: OURS | {"fields": [*OURS["fields"], *OURS["fields"]]}}
    schemas.keep_earlier_versions(["rows-value"])
    registry.asked.clear()
    monkeypatch.setattr(writer_schemas, "time", SomeTimeLater(1e6))
    await schemas.fetch(map(value, range(100, 100 + 2 * writer_schemas.REMEMBERED)))
    registry.asked.clear()
    assert [schemas.of_id(id_).name for id_ in (8, 9)] == ["CrewRow", "CrewRow"]
    assert registry.asked == []
