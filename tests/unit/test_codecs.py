"""Codecs on foreign bytes: earlier schema versions, trailing bytes, endless arrays."""

from __future__ import annotations

import io
import json
import struct
from dataclasses import asdict
from types import SimpleNamespace

import fastavro
import pytest

from streams.contract.codecs import BadRecord, Codecs, load_schema
from streams.contract.records import CrewRow

OURS, FOREIGN = 7, 99


def codecs_beside(schema: object) -> Codecs:
    """Ours, and a registry that has this schema under the foreign id."""
    answer = SimpleNamespace(schema_str=json.dumps(schema))
    return Codecs({CrewRow: OURS}, SimpleNamespace(get_schema=lambda _: answer))


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
    with pytest.raises(BadRecord, match="2 bytes follow the Avro body of CrewRow"):
        codecs.decode_any(data + b"\0\0", CrewRow)


@pytest.mark.parametrize(
    "items",
    [
        "null",
        {"type": "fixed", "name": "Nothing", "size": 0},
        {"type": "record", "name": "Empty", "fields": [{"name": "a", "type": "null"}]},
    ],
)
def test_an_array_whose_items_have_no_bytes_is_not_read(items):
    schema = {
        "type": "record", "name": "thewall.CrewRow",
        "fields": [{"name": "endless", "type": {"type": "array", "items": items}}],
    }  # fmt: skip
    four_billion_items = struct.pack(">bI", 0, FOREIGN) + b"\x80\x80\x80\x80\x20\0"
    with pytest.raises(BadRecord, match="an array of items without bytes"):
        codecs_beside(schema).decode_any(four_billion_items, CrewRow)
