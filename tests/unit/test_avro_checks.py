"""Avro that others wrote: whatever a schema and a body claim, reading ends, and soon."""

from __future__ import annotations

import io
import itertools
import time
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.avro_checks import (
    MAX_DEPTH,
    MAX_PARTS,
    BodyCheck,
    DamagedBody,
    UnsafeSchema,
    plain_schema,
)
from streams.contract.batch_codecs import varint

HUGE = varint(2**62)


def record(*types: Any, name: str = "thewall.Record") -> dict[str, Any]:
    fields = [{"name": f"field{n}", "type": type_of} for n, type_of in enumerate(types)]
    return {"type": "record", "name": name, "fields": fields}


def end_of(schema: Any, body: bytes) -> int:
    return BodyCheck(plain_schema(schema)).end_of(body, 0)


EMPTY = record(name="Empty")
BOMBS = {
    "an array of nulls": record({"type": "array", "items": "null"}),
    "an array of empty records": record({"type": "array", "items": EMPTY}),
    "an array of a named empty record": record(EMPTY, {"type": "array", "items": "Empty"}),
    "an array of errors": record({"type": "array", "items": EMPTY | {"type": "error"}}),
    "an array of records of nulls": record({"type": "array", "items": record("null", name="N")}),
    "an array of fixed of size 0": record(
        {"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}}
    ),
    # fastavro does not notice the end of the bytes where it skips these.
    "an array of booleans": record({"type": "array", "items": "boolean"}),
    "an array of floats": record({"type": "array", "items": "float"}),
    "an array of fixed": record(
        {"type": "array", "items": {"type": "fixed", "name": "F", "size": 4}}
    ),
    "a map of nulls": record({"type": "map", "values": "null"}),
    "an array of arrays": record({"type": "array", "items": {"type": "array", "items": "null"}}),
}


@pytest.mark.parametrize("schema", BOMBS.values(), ids=BOMBS)
@pytest.mark.parametrize(
    "body",
    [HUGE, varint(-(2**62)) + varint(0), varint(-(2**63)) + varint(0), varint(1) + HUGE],
    ids=["items", "a block", "the largest block", "items in an item"],
)
def test_a_few_bytes_that_claim_any_number_of_items_are_refused_at_once(schema, body):
    begun = time.thread_time()
    with pytest.raises(DamagedBody):
        end_of(schema, body)
    assert time.thread_time() - begun < 0.5


def test_types_that_double_at_each_level_take_no_more_steps_than_the_bytes_allow():
    doubling = [record(*["null"] * 10, name="L0")]
    doubling += [record(f"L{n}", f"L{n}", name=f"L{n + 1}") for n in range(30)]
    begun = time.thread_time()
    with pytest.raises(DamagedBody, match="than the bytes can hold"):
        end_of(record(*doubling), b"")
    assert time.thread_time() - begun < 0.5


def nested(depth: int) -> Any:
    schema: Any = "int"
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


def chained(depth: int) -> Any:
    links = [record("int", name="L0")]
    links += [record(f"L{n}", name=f"L{n + 1}") for n in range(depth)]
    return record(*links)


UNSAFE = {
    "holds itself": record(["null", "Record"]),
    "holds itself ": record({"type": "array", "items": record("Record", name="Inner")}),
    f"nests more than {MAX_DEPTH} deep": nested(MAX_DEPTH + 1),
    f"nests more than {MAX_DEPTH} deep ": chained(MAX_DEPTH),
    f"more than {MAX_PARTS:,} parts": record(*["int"] * MAX_PARTS),
    "'decimal' is no type": record("decimal"),
    r"\{\} is no type": {},
    "7 is no type": record(7),
    "'one' is no type": {"oneOf": ["one"], "type": "one"},
    "is defined twice": record(record(name="A"), record(name="A")),
    "has size -1": record({"type": "fixed", "name": "F", "size": -1}),
    "has size True": record({"type": "fixed", "name": "F", "size": True}),
    "has symbols None": record({"type": "enum", "name": "E"}),
    "has fields None": {"type": "record", "name": "R"},
    "has a field 'a'": {"type": "record", "name": "R", "fields": ["a"]},
    "is no name of a type": {"type": "record", "fields": []},
}


@pytest.mark.parametrize("schema", UNSAFE.values(), ids=UNSAFE)
def test_a_schema_that_is_none_or_recursive_or_too_large_says_what_is_wrong(schema, request):
    words = next(text for text, of in UNSAFE.items() if of is schema).strip()
    with pytest.raises(UnsafeSchema, match=words):
        plain_schema(schema)


@pytest.mark.parametrize(
    ("type_of", "body"),
    [
        (["null", "string"], varint(-1)),
        (["null", "string"], varint(2)),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, varint(-1)),
        ("boolean", b"\2"),
        ("int", varint(2**31)),
        ("long", b"\xff" * 9 + b"\2"),
        ("long", b"\xff" * 20),
        ("bytes", varint(-1)),
        ("bytes", varint(2) + b"a"),
        ("string", HUGE),
        ("double", b"1234567"),
    ],
)
def test_bytes_that_are_not_what_the_schema_says_are_refused(type_of, body):
    with pytest.raises(DamagedBody, match="field0"):
        end_of(record(type_of), body)


def test_names_are_resolved_in_the_namespace_around_them():
    schema = {
        "type": "record", "name": "Outer", "namespace": "a.b", "fields": [
            {"name": "x", "type": {"type": "fixed", "name": "F", "size": 2}},
            {"name": "y", "type": {"type": "fixed", "name": "c.F", "size": 3}},
            {"name": "z", "type": "F"}, {"name": "full", "type": "a.b.F"},
            {"name": "none", "type": {"type": "enum", "name": "E", "namespace": "", "symbols": []}},
        ],
    }  # fmt: skip
    plain = plain_schema(schema)
    assert [plain["name"], plain["fields"][2]["type"]] == ["a.b.Outer", "a.b.F"]
    assert BodyCheck(plain | {"fields": plain["fields"][:4]}).end_of(b"223332222", 0) == 9
    fastavro.parse_schema(plain, named_schemas={})


def test_logical_types_are_read_as_what_is_underneath():
    schema = record(
        {"type": "string", "logicalType": "uuid"},
        {"type": "int", "logicalType": "date"},
        {"type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"type": "fixed", "name": "D", "size": 2, "logicalType": "decimal", "precision": 3},
        ["null", {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}],
    )
    body = varint(3) + b"abc" + varint(7) + varint(-9) + b"\0\1" + b"\2" + varint(1) + b"\5"
    parsed = fastavro.parse_schema(plain_schema(schema), named_schemas={})
    read = fastavro.schemaless_reader(io.BytesIO(body), parsed, None)
    assert list(read.values()) == ["abc", 7, -9, b"\0\1", b"\5"]


PRIMITIVES = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]


@st.composite
def schemas(draw, depth: int = 3) -> Any:
    """Schemas of all kinds, with names that are used again."""
    names: list[str] = []
    numbers = itertools.count()

    def of(depth: int) -> Any:
        kinds = ["primitive", "name"] if depth == 0 else [
            "primitive", "name", "array", "map", "union", "record", "fixed", "enum"
        ]  # fmt: skip
        kind = draw(st.sampled_from(kinds))
        if kind == "array":
            return {"type": "array", "items": of(depth - 1)}
        if kind == "map":
            return {"type": "map", "values": of(depth - 1)}
        if kind == "union":
            return draw(st.lists(st.sampled_from(PRIMITIVES), min_size=1, max_size=4, unique=True))
        if kind in ("record", "fixed", "enum"):
            name = f"N{next(numbers)}"
            defined: dict[str, Any] = {"type": kind, "name": name}
            if kind == "record":
                types = [of(depth - 1) for _ in range(draw(st.integers(0, 3)))]
                defined |= record(*types, name=name)
            defined |= {"size": draw(st.integers(0, 3))} if kind == "fixed" else {}
            defined |= {"symbols": ["A", "B"]} if kind == "enum" else {}
            names.append(name)
            return defined
        if kind == "name" and names:
            return draw(st.sampled_from(names))
        return draw(st.sampled_from(PRIMITIVES))

    return record(*(of(depth) for _ in range(draw(st.integers(1, 4)))), name="Top")


@settings(max_examples=100, deadline=None)
@given(st.data(), schemas())
def test_what_a_library_wrote_is_walked_through_to_its_end(data, schema):
    plain = plain_schema(schema)
    parsed = fastavro.parse_schema(plain, named_schemas={})
    out = io.BytesIO()
    fastavro.schemaless_writer(out, parsed, data.draw(values_of(plain)))
    assert BodyCheck(plain).end_of(out.getvalue() + b"rest", 0) == len(out.getvalue())


@settings(max_examples=150, deadline=None)
@given(schemas(), st.binary(max_size=60))
def test_what_has_passed_is_read_to_the_same_end_and_what_is_refused_is_refused_soon(schema, body):
    plain = plain_schema(schema)
    begun = time.thread_time()
    try:
        end = BodyCheck(plain).end_of(body, 0)
    except DamagedBody:
        return
    finally:
        assert time.thread_time() - begun < 0.5
    parsed = fastavro.parse_schema(plain, named_schemas={})
    for reader in (None, fastavro.parse_schema(record(name="Top"), named_schemas={})):
        rest = io.BytesIO(body)
        try:
            fastavro.schemaless_reader(rest, parsed, reader)
        except UnicodeDecodeError:
            continue  # read, and refused: strings are not looked into before
        assert rest.tell() == end


def values_of(plain: Any) -> st.SearchStrategy[Any]:
    """Values that a plain schema can write; arrays and maps are short."""
    named: dict[str, Any] = {}

    def of(schema: Any) -> st.SearchStrategy[Any]:
        if isinstance(schema, list):
            return st.one_of([of(branch) for branch in schema])
        if isinstance(schema, str):
            return named[schema] if schema in named else PRIMITIVE_VALUES[schema]
        kind = schema["type"]
        if kind == "array":
            return st.lists(of(schema["items"]), max_size=3)
        if kind == "map":
            return st.dictionaries(st.text(max_size=3), of(schema["values"]), max_size=3)
        if kind == "fixed":
            found = st.binary(min_size=schema["size"], max_size=schema["size"])
        elif kind == "enum":
            found = st.sampled_from(schema["symbols"])
        else:
            found = st.fixed_dictionaries({f["name"]: of(f["type"]) for f in schema["fields"]})
        named[schema["name"]] = found
        return found

    return of(plain)


PRIMITIVE_VALUES = {
    "null": st.none(), "boolean": st.booleans(), "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1), "float": st.floats(width=32),
    "double": st.floats(), "bytes": st.binary(max_size=5), "string": st.text(max_size=5),
}  # fmt: skip
