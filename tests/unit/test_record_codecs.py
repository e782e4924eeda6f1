"""Records are written and read by generated code as fastavro does it."""

from __future__ import annotations

import io
from dataclasses import fields

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract import records
from streams.contract.codecs import Codecs
from streams.contract.topics import Topics
from streams.settings import Settings

TYPES = dict.fromkeys(
    of
    for topic in Topics.of(Settings(bootstrap_servers="none", registry_url="none")).all()
    for of in topic.records
)
CODECS = Codecs({of: number for number, of in enumerate(TYPES, start=1)})
INT = st.integers(-(2**31), 2**31 - 1) | st.integers(-2, 300)
LONG = st.integers(-(2**63), 2**63 - 1) | INT
OF_TYPE = {
    "null": st.none(),
    "int": INT,
    "long": LONG,
    "string": st.text(max_size=70),
    "bytes": st.binary(max_size=70),
    "boolean": st.booleans(),
}


def values_of(schema, named):
    """Any value of a schema, as fastavro takes it; named schemas may be used again."""
    if isinstance(schema, list):
        return st.one_of(*(values_of(of, named) for of in schema))
    if isinstance(schema, str):
        return named[schema]
    match schema["type"]:
        case "record":
            fields_of = {f["name"]: values_of(f["type"], named) for f in schema["fields"]}
            named[schema["name"]] = st.fixed_dictionaries(fields_of)
            return named[schema["name"]]
        case "array":
            return st.lists(values_of(schema["items"], named), max_size=70)
        case "enum":
            return st.sampled_from(schema["symbols"])
        case "map":
            return st.dictionaries(
                st.text(max_size=9), values_of(schema["values"], named), max_size=3
            )
        case kind:
            return named[kind]


def written_by_fastavro(codec, values) -> bytes:
    out = io.BytesIO()
    out.write(codec.header)
    fastavro.schemaless_writer(out, codec.schema, values)
    return out.getvalue()


@pytest.mark.parametrize("record_type", TYPES, ids=lambda of: of.__name__)
@given(data=st.data())
def test_a_record_is_written_and_read_as_fastavro_does_it(record_type, data):
    codec = CODECS.of(record_type)
    values = data.draw(values_of(codec.json, dict(OF_TYPE)))
    expected = written_by_fastavro(codec, values)
    try:
        record = codec.record_of(dict(values))
    except ValueError:  # lists that have to be equally long
        return
    assert codec.encode(record) == expected
    assert codec.decode(expected) == record
    if record_type not in records.SUBMITTED:
        assert CODECS.decode_any(expected, record_type) == record


@pytest.mark.parametrize("record_type", TYPES, ids=lambda of: of.__name__)
@given(data=st.data())
def test_a_damaged_record_is_read_as_fastavro_reads_it_or_left_to_it(record_type, data):
    codec = CODECS.of(record_type)
    value = bytearray(written_by_fastavro(codec, data.draw(values_of(codec.json, dict(OF_TYPE)))))
    for _ in range(data.draw(st.integers(1, 3))):
        value[data.draw(st.integers(5, len(value) - 1))] = data.draw(st.integers(0, 255))
    body = bytes(value[: data.draw(st.integers(5, len(value)))])
    found = codec.read(body)
    if found is None:
        return
    expected = fastavro.schemaless_reader(io.BytesIO(body[5:]), codec.schema, None)
    names = [field.name for field in fields(record_type)]
    assert dict(zip(names, found, strict=True)) == expected
