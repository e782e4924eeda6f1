"""Config files: one line per profile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.config import InvalidConfig, parse_profiles

heights = st.binary(min_size=1, max_size=20).map(lambda found: bytes(x % 31 for x in found))


def problems(text: str) -> list[tuple[int, int]]:
    with pytest.raises(InvalidConfig) as raised:
        parse_profiles(text)
    return [(problem.line, problem.column) for problem in raised.value.problems]


def test_a_line_is_a_profile_and_comments_are_none():
    text = "\ufeff# the wall\r\n21 25\t28 # the first\r\n  17\r\n# the end\r\n\r\n"
    assert parse_profiles(text) == {1: bytes([21, 25, 28]), 2: bytes([17])}


def test_every_bad_place_is_reported_with_line_and_column():
    with pytest.raises(InvalidConfig) as raised:
        parse_profiles("1 31\n\nx -1\n5.0\n", "w.conf")
    assert str(raised.value).splitlines() == [
        "w.conf:1:3: height 31 is above the wall's 30 ft; heights are whole numbers 0..30",
        "w.conf:2:1: blank line; take it out, or write # for a comment",
        "w.conf:3:1: 'x' is not a height; heights are whole numbers 0..30",
        "w.conf:3:3: '-1' is not a height; heights are whole numbers 0..30",
        "w.conf:4:1: '5.0' is not a height; heights are whole numbers 0..30",
    ]


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n"])
def test_a_file_without_profiles_is_an_error(text):
    assert problems(text) == [(1, 1)]


@pytest.mark.parametrize("word", ["+5", "٣", "1e1", "9" * 5000, "\x1b[31m", "1,2"])
def test_a_word_that_is_no_height_is_reported_in_a_short_line(word):
    with pytest.raises(InvalidConfig) as raised:
        parse_profiles(f"1 {word}")
    assert len(str(raised.value)) < 150
    assert str(raised.value).isascii()
    assert "\x1b" not in str(raised.value)


@pytest.mark.parametrize("number", ["31", "099", "99999", "9" * 5000, "9" * 1_000_000])
def test_a_height_above_the_wall_is_said_to_be_above_it_however_long(number):
    with pytest.raises(InvalidConfig, match="is above the wall's 30 ft") as raised:
        parse_profiles(number)
    assert len(str(raised.value)) < 150


def test_zeros_before_a_height_do_not_change_it():
    assert parse_profiles("007 " + "0" * 5000) == {1: bytes([7, 0])}


@pytest.mark.parametrize("word", ["\U0001f600" * 30, "0" * 1_000_000 + "x", "\ud800", "1\x0c2"])
def test_a_word_of_any_characters_is_quoted_short_and_escaped(word):
    with pytest.raises(InvalidConfig, match="is not a height") as raised:
        parse_profiles(word)
    assert len(str(raised.value)) < 150
    assert str(raised.value).isascii()
    assert str(raised.value).isprintable()


def test_more_than_2000_sections_are_an_error_where_they_begin():
    assert problems("1 " * 2001) == [(1, 4001)]


@given(st.lists(heights, min_size=1, max_size=5))
def test_profiles_that_are_written_as_a_file_are_read_back_the_same(found):
    text = "\n".join(" ".join(map(str, profile)) for profile in found)
    assert parse_profiles(text) == dict(enumerate(found, start=1))


@given(st.text())
def test_any_text_is_a_wall_or_an_invalid_config(text):
    try:
        parsed = parse_profiles(text)
    except InvalidConfig as error:
        parsed = dict.fromkeys(range(1, len(error.problems) + 1))
    assert parsed
    assert list(parsed) == list(range(1, len(parsed) + 1))
