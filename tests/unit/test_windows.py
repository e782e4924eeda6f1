"""Windows: every message once, in order by partition, and where Java's partitioner has it."""

from __future__ import annotations

from functools import partial
from unittest import mock

import numpy as np
from aiokafka.partitioner import murmur2
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from streams.batching import windows as windows_of
from streams.batching.fetched import uncompressed
from streams.batching.partitioner import partitions_of
from streams.batching.records import Column, LaterColumn
from streams.batching.windows import windows
from streams.cells import repeated
from tests.harness.sent import records_of

KEYS = st.lists(st.binary(max_size=40), max_size=60)


def java_partition(key: bytes, count: int) -> int:
    return (murmur2(key) & 0x7FFFFFFF) % count


@given(KEYS, st.integers(1, 50))
def test_a_key_is_on_the_partition_where_javas_partitioner_puts_it(keys, count):
    assert partitions_of(keys, count).tolist() == [java_partition(key, count) for key in keys]


def test_a_record_without_a_key_may_be_anywhere_and_others_stay():
    keys = [b"k%d" % n for n in range(40)]
    found = partitions_of([*keys, None], 3).tolist()
    assert found[:-1] == [java_partition(key, 3) for key in keys]
    assert found[-1] in range(3)


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.lists(st.tuples(st.binary(max_size=9), st.none() | st.binary(max_size=3000))),
            st.sampled_from((-1, 0, 2)),
        ),
        max_size=8,
    ),
    st.sampled_from((1, 1_000, 100_000)),
)
def test_every_message_is_in_a_window_once_in_order_and_a_window_ends_at_its_limit(columns, limit):
    given_columns = [
        Column(topic, [k for k, _ in messages], [v for _, v in messages], partition)
        for topic, messages, partition in columns
    ]
    expected: dict[tuple[str, int], list[tuple[bytes, bytes | None]]] = {}
    for topic, messages, partition in columns:
        for key, value in messages:
            number = partition if partition >= 0 else java_partition(key, 3)
            expected.setdefault((topic, number), []).append((key, value))
    found: dict[tuple[str, int], list[tuple[bytes | None, bytes | None]]] = {}
    for window in windows(given_columns, lambda _: 3, lambda: limit):
        assert window.batches
        for to, batch in window.batches.items():
            records = records_of(batch)
            assert records
            found.setdefault(to, []).extend(records)
    assert found == expected


def test_messages_of_a_large_plan_are_made_when_it_is_their_turn_to_be_sent():
    made: list[int] = []

    def make(number: int) -> Column:
        made.append(number)
        return Column("t", [b"%d" % number], [b"v" * 600], 0)

    later = [LaterColumn("t", 1, partial(make, number)) for number in range(3)]
    seen = [
        (len(made), [key for key, _ in records_of(window.batches["t", 0])])
        for window in windows(later, lambda _: 1, lambda: 1_000)
    ]
    assert seen == [(2, [b"0"]), (3, [b"1"]), (3, [b"2"])]


def test_a_message_larger_than_a_window_is_sent_alone():
    columns = [Column("t", [b"a", b"b", b"c"], [b"", b"v" * 50_000, b""], 0)]
    found = [records_of(w.batches["t", 0]) for w in windows(columns, lambda _: 1, lambda: 1_000)]
    assert [[key for key, _ in records] for records in found] == [[b"a"], [b"b"], [b"c"]]


@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=300)), min_size=1),
            st.sampled_from(("lists", "cells", "placed")),
        ),
        max_size=6,
    ),
    st.sampled_from((1, 500, 100_000)),
    st.sampled_from((1, 3, 4_096)),
)
def test_messages_in_cells_are_sent_as_those_in_lists(columns, limit, at_once):
    given_columns, expected = [], {}
    for number, (messages, way) in enumerate(columns):
        keys, values = map(list, zip(*messages, strict=True))
        places = [number % 3 if way == "placed" else java_partition(key, 3) for key in keys]
        for place, message in zip(places, messages, strict=True):
            expected.setdefault(("t", place), []).append(message)
        if way != "lists":
            ones = [1] * len(keys)
            keys, values = repeated(keys, ones), repeated(values, ones)
        partition = np.array(places) if way == "placed" else -1
        given_columns.append(Column("t", keys, values, partition))
    found = {}
    with mock.patch.object(windows_of, "ROWS_AT_ONCE", at_once):
        for window in windows(given_columns, lambda _: 3, lambda: limit):
            for to, batch in window.batches.items():
                found.setdefault(to, []).extend(records_of(batch))
    assert found == expected


def test_a_batch_of_cells_is_the_batch_that_aiokafka_makes_of_lists():
    keys = [b"k%d" % number for number in range(300)]
    values = [b"v" * (number % 200) for number in range(300)]
    ones = [1] * len(keys)
    (window,) = windows(
        [Column("t", repeated(keys, ones), repeated(values, ones), 0)],
        lambda _: 1,
        lambda: 10**6,
        transactional=True,
    )
    batch = window.batches["t", 0]
    batch._set_producer_state(7, 3, 21)
    builder = DefaultRecordBatchBuilder(
        2, 0, is_transactional=1, producer_id=7, producer_epoch=3, base_sequence=21,
        batch_size=10**6,
    )  # fmt: skip
    for number, (key, value) in enumerate(zip(keys, values, strict=True)):
        builder.append(number, batch._timestamp_ms, key, value, [])
    plain = bytes(builder.build())
    assert batch.size() == len(plain)
    built = memoryview(batch._build())
    assert bytes(uncompressed(built)[61:]) == plain[61:]
    counted_and_checked = (slice(8, 12), slice(17, 23))  # of the compressed records
    header = bytearray(built[:61])
    for part in counted_and_checked:
        header[part] = plain[part]
    assert bytes(header) == plain[:61]
