"""A short run of `make chaos`: one fault of each kind."""

from __future__ import annotations

import pytest

from tests.chaos.__main__ import held, run


@pytest.mark.timeout(900)
def test_one_fault_of_each_kind_loses_nothing_and_doubles_nothing(tmp_path):
    figures = run(seed=7, faults=6, directory=tmp_path)
    assert held(figures), figures
