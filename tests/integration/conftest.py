"""Topics, a consumer group and a worker of its own for each test, on the stack that all share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streams.client.client import Client
from tests.harness.installations import Installation, new_settings
from tests.harness.processes import running_worker
from tests.harness.web import running_web

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.settings import Settings
    from tests.harness.clusters import Cluster
    from tests.harness.processes import Worker
    from tests.harness.web import WebProcess


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process of pytest-xdist runs all tests of a module that share an installation."""
    for item in items:
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture
def settings(stack: Cluster, tmp_path: Path) -> Iterator[Settings]:
    """Settings with topics and a consumer group that no other test has."""
    with new_settings(stack, tmp_path) as settings:
        yield settings


@pytest.fixture
def worker(settings: Settings, tmp_path: Path) -> Iterator[Worker]:
    with running_worker(settings, tmp_path / "worker.log") as worker:
        yield worker


@pytest.fixture
def client(settings: Settings) -> Client:
    return Client(settings)


@pytest.fixture(scope="module")
def shared(stack: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A worker and the web process, for tests of a module that each have a wall of their own."""
    directory = tmp_path_factory.mktemp("shared")
    with (
        new_settings(stack, directory) as settings,
        running_worker(settings, directory / "worker.log") as worker,
        running_web(settings, directory / "web.log") as web,
    ):
        yield Installation(settings, worker, web, Client(settings))


@pytest.fixture
def second_web(shared: Installation, tmp_path: Path) -> Iterator[WebProcess]:
    """Another web process of the installation that tests share: a test may end it."""
    settings = shared.settings.model_copy(update={"data_dir": tmp_path / "data"})
    with running_web(settings, tmp_path / "web.log") as web:
        yield web
