"""A dead letter always fits on its topic, and says what it does not hold."""

from __future__ import annotations

import hashlib
import random
from types import SimpleNamespace

import pytest

from streams.batching import RecordBatch
from streams.contract.codecs import Codecs
from streams.contract.dead_letters import (
    KEPT_BYTES,
    MAX_HEADERS_BYTES,
    MAX_KEY_BYTES,
    MAX_VALUE_BYTES,
    dead_letter_of,
)
from streams.contract.records import DeadLetter, Header
from streams.contract.topics import DEAD_LETTER_BYTES

CODECS = Codecs({DeadLetter: 1})
BATCH = RecordBatch("wall.profiles", 3, [])


def letter_of(key=b"w/1", value=b"bytes", headers=(), reason="why") -> DeadLetter:
    record = SimpleNamespace(offset=7, timestamp=-1, key=key, value=value, headers=headers)
    letter = dead_letter_of(BATCH, record, reason)
    assert CODECS.decode_any(CODECS.encode(letter), DeadLetter) == letter
    assert len(CODECS.encode(letter)) + len(letter.key or b"") < DEAD_LETTER_BYTES
    return letter


@pytest.mark.parametrize("length", [0, 1, 1024 * 1024, MAX_VALUE_BYTES])
def test_a_record_of_any_size_that_a_broker_takes_as_it_comes_is_kept_whole(length):
    value = random.Random(1).randbytes(length)
    letter = letter_of(value=value, headers=[("trace", b"\0\xff"), ("empty", None)])
    assert (letter.value, letter.shortened) == (value, [])
    assert letter.headers == [Header("trace", b"\0\xff"), Header("empty", None)]


def test_of_a_value_that_is_too_long_the_beginning_the_length_and_the_hash_are_kept():
    value = b"\0" * (9 * 1024 * 1024)
    letter = letter_of(value=value)
    assert letter.value == value[:KEPT_BYTES]
    (shortened,) = letter.shortened
    assert (shortened.part, shortened.length) == ("value", len(value))
    assert shortened.sha256 == hashlib.sha256(value).hexdigest()
    assert (letter.topic, letter.partition, letter.offset) == ("wall.profiles", 3, 7)


def test_a_key_that_is_too_long_is_shortened_too():
    key = b"k" * (MAX_KEY_BYTES + 1)
    letter = letter_of(key=key)
    assert letter.key == key[:KEPT_BYTES]
    assert [(s.part, s.length) for s in letter.shortened] == [("key", len(key))]


@pytest.mark.parametrize(
    "headers",
    [
        [("one", b"x" * (MAX_HEADERS_BYTES + 1))],
        [("n" * (MAX_HEADERS_BYTES + 1), None)],
        [(f"h{n}", b"value") for n in range(20_000)],
        [("", None)] * 100_000,
        [("\udcff" * 100_000, b"x")],
    ],
    ids=["a long value", "a long name", "many", "many empty ones", "a name of no UTF-8"],
)
def test_headers_that_are_too_long_or_too_many_are_kept_as_far_as_they_fit(headers):
    letter = letter_of(headers=headers)
    assert letter.headers
    assert [shortened.part for shortened in letter.shortened] == ["headers"]


def test_the_largest_letter_that_there_can_be_fits():
    headers = [("n" * 100, b"v" * 900)] * (MAX_HEADERS_BYTES // 1016)
    letter = letter_of(b"k" * MAX_KEY_BYTES, b"v" * MAX_VALUE_BYTES, headers, "r" * 10_000)
    assert letter.shortened == []


def test_a_reason_can_hold_whatever_a_schemas_names_can():
    assert letter_of(reason="schema id 7 is of \ud800").reason == "schema id 7 is of \\ud800"
    assert len(letter_of(reason="x" * 300_000).reason) == 1_000
