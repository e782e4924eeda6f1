"""A short run of the fault harness; `make chaos` makes it as long as asked."""

from __future__ import annotations

import pytest

from tests.chaos.__main__ import held, run


@pytest.mark.long
@pytest.mark.timeout(600)
def test_nothing_is_lost_or_doubled_under_a_fault_of_each_kind(tmp_path):
    figures = run(seed=5, faults=7, store="rocksdb", directory=tmp_path)
    assert held(figures), figures
    assert len(figures["faults"]) == 7
