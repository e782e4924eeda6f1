"""A short run of the battery of foreign records; `make battery` makes it as long as asked."""

from __future__ import annotations

import pytest

from tests.battery.__main__ import held, run


@pytest.mark.timeout(600)
def test_foreign_records_are_accepted_or_dead_letters_and_nothing_else_happens(settings, tmp_path):
    figures = run(settings, 60, 7, tmp_path)
    assert held(figures), figures
    assert figures["accepted"] > 10
    assert figures["dead_letters"] > 10
