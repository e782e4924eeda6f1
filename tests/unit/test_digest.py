"""The digest is equal if and only if the rows are."""

from __future__ import annotations

import pytest

from domain.digest import digest

DAILY = {"w/1/1": (585, 1_111_500, 1_111_500), "w/1/2": (195, 370_500, 1_482_000)}
OVERVIEW = {"w": (3, 2, 780, 1_482_000), "w/1": (3, 2, 780, 1_482_000)}
EQUAL = digest(DAILY, OVERVIEW)


def backwards(rows):
    return dict(reversed(rows.items()))


def test_the_digest_does_not_depend_on_the_order_of_the_rows():
    assert digest(backwards(DAILY), backwards(OVERVIEW)) == EQUAL


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_row_that_differs_in_one_amount_changes_the_digest(place):
    amounts = list(DAILY["w/1/2"])
    amounts[place] += 1
    assert digest(DAILY | {"w/1/2": tuple(amounts)}, OVERVIEW) != EQUAL


def test_a_row_that_is_missing_or_moved_changes_the_digest():
    assert digest({"w/1/1": DAILY["w/1/1"]}, OVERVIEW) != EQUAL
    assert digest({"w/1/1": DAILY["w/1/1"], "w/1/3": DAILY["w/1/2"]}, OVERVIEW) != EQUAL
    assert digest(OVERVIEW, DAILY) != EQUAL


def test_the_digest_is_sha_256_over_lines_so_that_it_holds_between_versions():
    assert digest({}, {}) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest({"w/1/1": (1, 2, 3)}, {}) == (
        "9cfa51d55d04760cb8a5771cc4b98d40abb2b57e00a54106bdfe6c907bee189b"
    )
