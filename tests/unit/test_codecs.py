"""Codecs on foreign bytes: earlier schema versions, trailing bytes, claims without an end."""

from __future__ import annotations

import io
import json
import struct
from dataclasses import asdict
from types import SimpleNamespace

import fastavro
import pytest
from confluent_kafka.schema_registry import Schema

from streams.contract.batch_codecs import varint
from streams.contract.codecs import BadRecord, Codecs, load_schema
from streams.contract.records import CrewRow, ProfileSubmitted, WallConfigured

OURS, FOREIGN = 7, 99


def codecs_beside(schema: object) -> Codecs:
    """Ours, and a registry that has this schema under the foreign id."""
    registry = SimpleNamespace(
        get_schema=lambda _: Schema(json.dumps(schema), "AVRO"), clear_caches=lambda: None
    )
    return Codecs({CrewRow: OURS}, registry)


def written_with(schema: object, record: object) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema, named_schemas={}), record)
    return struct.pack(">bI", 0, FOREIGN) + out.getvalue()


def test_a_row_of_an_earlier_version_of_its_schema_is_read_as_ours():
    earlier = json.loads(load_schema("CrewRow"))
    earlier["fields"] = earlier["fields"][::-1]  # no field where ours has it
    row = CrewRow(version=5, profile=4, section=3, busy_until=2, relieved_on=None)
    codecs = codecs_beside(earlier)
    assert codecs.of(CrewRow).decode(written_with(earlier, asdict(row))) == row


def test_bytes_after_the_body_are_refused():
    codecs = Codecs({CrewRow: OURS})
    row = CrewRow(version=5, profile=4, section=3, busy_until=2, relieved_on=None)
    data = codecs.encode(row)
    assert codecs.decode_any(data, CrewRow) == row
    with pytest.raises(BadRecord, match="not Avro of CrewRow: 2 bytes follow it"):
        codecs.decode_any(data + b"\0\0", CrewRow)


@pytest.mark.parametrize("items", ["null", "boolean", {"type": "map", "values": "float"}])
def test_a_field_that_claims_any_number_of_items_is_refused_at_once_though_nobody_reads_it(items):
    schema = json.loads(load_schema("CrewRow"))
    schema["fields"].append({"name": "more", "type": {"type": "array", "items": items}})
    row = {"version": 5, "profile": 4, "section": 3, "busy_until": 2, "relieved_on": None}
    codecs = codecs_beside(schema)
    assert codecs.decode_any(written_with(schema, row | {"more": []}), CrewRow) == CrewRow(**row)
    endless = written_with(schema, row | {"more": []})[:-1] + varint(2**62)
    with pytest.raises(BadRecord, match="not Avro of CrewRow: more: more is claimed than"):
        codecs.decode_any(endless, CrewRow)


def test_a_field_that_nobody_reads_may_not_end_early():
    schema = json.loads(load_schema("CrewRow"))
    schema["fields"].append({"name": "note", "type": "string"})
    row = {"version": 5, "profile": 4, "section": 3, "busy_until": 2, "relieved_on": None}
    whole = written_with(schema, row | {"note": "words"})
    with pytest.raises(BadRecord, match="note: 5 bytes are claimed where 4 are left"):
        codecs_beside(schema).decode_any(whole[:-1], CrewRow)


@pytest.mark.parametrize(
    ("field", "logical"),
    [("version", "timestamp-millis"), ("section", "date"), ("busy_until", "time-millis")],
)
def test_a_field_with_a_logical_type_is_read_as_what_is_underneath(field, logical):
    schema = json.loads(load_schema("CrewRow"))
    of_field = next(of for of in schema["fields"] if of["name"] == field)
    plain = written_with(schema, {"version": 5, "profile": 4, "section": 3, "busy_until": 2})
    of_field["type"] = {"type": of_field["type"], "logicalType": logical}
    row = codecs_beside(schema).decode_any(plain, CrewRow)
    assert row == CrewRow(version=5, profile=4, section=3, busy_until=2, relieved_on=None)


@pytest.mark.parametrize("type_of", [WallConfigured, ProfileSubmitted])
def test_what_anybody_may_write_is_looked_through_under_our_own_schemas_too(type_of):
    codecs = Codecs({type_of: OURS})
    wall = struct.pack(">bI", 0, OURS) + varint(1) + b"w"
    # A branch or a block that is counted backwards: lenient readers take it for the last, or none.
    body = varint(-1) + b"" if type_of is WallConfigured else varint(1) + varint(-(2**63))
    with pytest.raises(BadRecord, match="not Avro"):
        codecs.decode_any(wall + body + varint(0) * 3, type_of)
