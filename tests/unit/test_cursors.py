"""The id of a stream's events says what was told, and only that can be gone on from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.web.cursors import PARTS, Cursor

offsets = st.lists(st.integers(0, 2**62), min_size=4, max_size=4).map(tuple)
cursors = st.builds(
    Cursor,
    st.integers(0, 2**40),
    st.text("0123456789abcdef", min_size=12, max_size=12),
    st.fixed_dictionaries(dict.fromkeys(PARTS, offsets)),
)


@given(cursors)
def test_a_cursor_is_read_as_it_was_written(cursor):
    assert Cursor.parse(str(cursor)) == cursor
    assert cursor.fits(cursor)


@given(st.text(max_size=200))
def test_what_is_no_cursor_is_none(text):
    assert Cursor.parse(text) is None or str(Cursor.parse(text)) == text


@pytest.mark.parametrize("text", ["", "1", "1.a", "x.a.0.0.0.0.0", "1.a.0.0.0.0.-1", "1" * 9999])
def test_what_is_nearly_a_cursor_is_none(text):
    assert Cursor.parse(text) is None


def cursor(*audit: int, generation: str = "g") -> Cursor:
    return Cursor(1, generation, dict.fromkeys(PARTS, (5, 5)) | {"audit": audit})


def test_a_stream_goes_on_from_a_cursor_that_is_not_ahead():
    assert cursor(3, 3).fits(cursor(3, 4))
    assert not cursor(3, 5).fits(cursor(3, 4))


def test_a_cursor_of_other_topics_or_partitions_is_of_no_use():
    assert not cursor(3, 3).fits(cursor(3, 3, generation="h"))
    assert not cursor(3, 3).fits(cursor(3, 3, 3))
