"""What import-linter does not see of the structure."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_module_is_named_for_leftovers():
    names = {path.stem for path in ROOT.glob("[dst]*/**/*.py")}
    assert not names & {"utils", "util", "helpers", "helper", "common", "misc"}
