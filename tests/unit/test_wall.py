"""A wall's id, profile numbers and heights."""

from __future__ import annotations

import pytest

from domain.errors import InvalidWall
from domain.wall import checked_heights, checked_profile_number, checked_wall_id


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: checked_wall_id("a/b"), "1 to 64"),
        (lambda: checked_wall_id("a\n"), "1 to 64"),
        (lambda: checked_heights([]), "1 to 2,000"),
        (lambda: checked_heights([1] * 2001), "2,001 sections"),
        (lambda: checked_heights([1, True]), "section 2 has height True"),
        (lambda: checked_heights([31]), "section 1 has height 31"),
        (lambda: checked_heights([10**5000]), "more than 20 digits"),
        (lambda: checked_heights([1, 31], "profile 3"), "^profile 3: section 2 has height 31"),
        (lambda: checked_heights([], "profile 3"), "^profile 3: the profile has 0 sections"),
        (lambda: checked_profile_number(0), "1 to 1,000,000"),
        (lambda: checked_profile_number(True), "profile True"),
        (lambda: checked_heights([1.0]), "whole numbers"),
    ],
)
def test_an_error_says_what_is_wrong_and_what_would_be_right(wrong, words):
    with pytest.raises(InvalidWall, match=words):
        wrong()
