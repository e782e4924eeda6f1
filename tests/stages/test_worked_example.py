"""docs/extending.md is what works: applied to a copy of the project, and run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
# The last path that is named before a block is the file that the block is about.
PATH = re.compile(r"`((?:domain|schemas|streams|tests)/[\w/]+\.\w+)`")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str, str]]:
    """Path, kind and text of each block, in order."""
    found = []
    for block in BLOCK.finditer(PAGE):
        path = PATH.findall(PAGE[: block.start()])[-1]
        found.append((path, block[1], block[2]))
    return found


def apply(there: Path, path: str, kind: str, text: str) -> None:
    """Make a new file of a block, or change one as it says."""
    file = there / path
    if kind != "diff":
        assert not file.exists(), f"{path} is there already"
        file.write_text(text)
        return
    lines = text.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] in " -")
    after = "".join(line[1:] for line in lines if line[0] in " +")
    content = file.read_text()
    assert content.count(before) == 1, f"docs/extending.md: in {path} there is not, once:\n{before}"
    file.write_text(content.replace(before, after))


def environment(there: Path) -> dict[str, str]:
    """What is imported is the copy, which is not what coverage is measured of."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("COV", "PYTEST"))}
    return kept | {"PYTHONPATH": str(there)}


@pytest.fixture(scope="module")
def extended(tmp_path_factory) -> Path:
    """A copy of the project with all that the page adds."""
    there = tmp_path_factory.mktemp("extended")
    left_out = shutil.ignore_patterns("node_modules", "static", "__pycache__")
    for folder in ("domain", "schemas", "streams", "tests"):
        shutil.copytree(ROOT / folder, there / folder, ignore=left_out)
    shutil.copy(ROOT / "pyproject.toml", there)
    for block in blocks():
        apply(there, *block)
    return there


def test_the_worked_example_of_the_docs_runs_and_passes_the_tests_that_every_stage_has_to(extended):
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
            "tests/stages/test_spending.py", "tests/stages/test_histories.py",
            "tests/unit/test_records.py", "tests/unit/test_rights.py",
        ],
        cwd=extended, capture_output=True, text=True, check=False, timeout=200,
        env=environment(extended) | {"HISTORIES": "5"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    assert re.search(r"\d+ passed", done.stdout)


def test_the_command_knows_the_new_mode_and_material(extended):
    done = subprocess.run(
        [
            sys.executable, "-m", "streams", "compute", "-", "--mode", "crews-from-both-ends",
            "--material", "black-ice", "--json",
        ],
        input="20 25 29 10 30\n", cwd=extended, capture_output=True, text=True, check=False,
        timeout=60, env=environment(extended),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f'"cost": {36 * 195 * 2_600}' in done.stdout
