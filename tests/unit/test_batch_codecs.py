"""Batch codecs write and read what fastavro does, and leave to it what they don't understand."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.batch_codecs import compile_decoder, compile_encoder
from streams.contract.codecs import BadRecord, Codecs
from streams.contract.records import BuildSection, CrewRow, DailyUsage, SectionCompleted

CODECS = Codecs({BuildSection: 7, SectionCompleted: 8, DailyUsage: 9, CrewRow: 10})
INT = st.integers(-(2**31), 2**31 - 1) | st.integers(0, 300)
LONG = st.integers(-(2**63), 2**63 - 1) | st.sampled_from(
    [
        sign * (1 << bits) + near
        for bits in (6, 13, 27, 41, 62)
        for sign in (1, -1)
        for near in (-1, 0, 1)
    ]
)
TEXT = st.text(max_size=80)
ORDER = st.fixed_dictionaries(
    {
        "wall": TEXT, "profile": INT, "version": LONG, "section": INT, "crew": TEXT,
        "first_day": INT, "days": INT, "relieves": st.booleans(),
    }
)  # fmt: skip

FIELDS = ("wall", "profile", "version", "section", "crew", "first_day", "days", "relieves")


def by_columns(record_type, records, *columns):
    constants = {field: value for field, value in records[0].items() if field not in columns}
    values = ([record[column] for record in records] for column in columns)
    return CODECS.of(record_type).encoder(*columns)(constants, *values)


@given(ORDER, st.lists(ORDER, min_size=1, max_size=5))
def test_orders_are_written_as_fastavro_writes_them(first, others):
    in_common = {name: first[name] for name in ("wall", "profile", "version")}
    records = [order | in_common for order in others]
    columns = ("section", "crew", "first_day", "days", "relieves")
    expected = [CODECS.encode(BuildSection(**record)) for record in records]
    assert by_columns(BuildSection, records, *columns) == expected


@given(LONG, LONG, LONG, LONG, st.none() | INT)
def test_any_number_in_any_place_is_written_as_fastavro_writes_it(a, b, c, d, e):
    usage = {
        "wall": "w", "profile": 1, "version": a, "day": 1, "ice": b, "cost": c, "cumulative_cost": d
    }  # fmt: skip
    assert by_columns(DailyUsage, [usage], "ice", "cost", "cumulative_cost") == [
        CODECS.encode(DailyUsage(**usage))
    ]
    row = {"version": a, "profile": 1, "section": 1, "busy_until": 1, "relieved_on": e}
    assert by_columns(CrewRow, [row], "version", "relieved_on") == [CODECS.encode(CrewRow(**row))]
    assert by_columns(CrewRow, [row], *row) == [CODECS.encode(CrewRow(**row))]


@given(st.lists(st.tuples(st.sampled_from([("a", 1, 2), ("a", 1, 3), ("bc", 900, 2**40)]), ORDER)))
def test_orders_are_read_as_fastavro_reads_them(plans_and_orders):
    records = [
        order | dict(zip(("wall", "profile", "version"), plan, strict=True))
        for plan, order in plans_and_orders
    ]
    values = [CODECS.encode(BuildSection(**record)) for record in records]
    read = list(CODECS.of(BuildSection).decoder(3)(values))
    assert [(*common, *others) for common, *others in read] == [
        tuple(r[field] for field in FIELDS) for r in records
    ]
    for (one, *_), (other, *_) in pairwise(read):
        assert (one is other) == (one == other)


@given(st.lists(ORDER, min_size=1, max_size=3), st.data())
def test_damaged_records_are_read_as_fastavro_reads_them_or_left_to_it(orders, data):
    values = []
    for order in orders:
        value = bytearray(CODECS.encode(BuildSection(**order)))
        for _ in range(data.draw(st.integers(0, 3))):
            value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
        values.append(bytes(value[: data.draw(st.integers(0, len(value)))]) or None)
    for value, found in zip(values, CODECS.of(BuildSection).decoder(3)(values), strict=True):
        if found is None:
            continue
        try:
            expected = CODECS.decode_fields(value, BuildSection)
        except BadRecord:
            expected = None
        common, *others = found
        assert expected is not None, "read by the batch codec, refused by fastavro"
        assert [*common, *others] == list(expected.values())


def test_records_of_other_schemas_are_left_to_others_in_their_places():
    order = {
        "wall": "w", "profile": 1, "version": 2, "section": 3, "crew": "c", "first_day": 4,
        "days": 5, "relieves": True,
    }  # fmt: skip
    good = CODECS.encode(BuildSection(**order))
    read = list(
        CODECS.of(BuildSection).decoder(3)([b"", good, None, good + b"x", b"\0\0\0\0\x08", good])
    )
    assert [found is not None for found in read] == [False, True, False, False, False, True]


def test_a_number_of_more_than_64_bits_is_refused():
    with pytest.raises(OverflowError, match="64 bits"):
        CODECS.of(CrewRow).encoder("version")(
            {"profile": 1, "section": 1, "busy_until": 1, "relieved_on": None}, [1 << 63]
        )


def test_columns_that_a_batch_codec_does_not_take_are_refused_when_it_is_made():
    schema = {"name": "R", "fields": [{"name": "f", "type": {"type": "array", "items": "int"}}]}
    with pytest.raises(TypeError, match="field f is"):
        compile_encoder(schema, b"", ["f"])
    with pytest.raises(TypeError, match="field f is"):
        compile_decoder(schema, b"", 0)
    with pytest.raises(ValueError, match="R has no field g"):
        compile_encoder(schema, b"", ["g"])
