"""What the tests of stages share."""

from __future__ import annotations

import pytest

from tests.stages.simulation import offline_pipeline


@pytest.fixture(scope="module")
def context():
    return offline_pipeline()
