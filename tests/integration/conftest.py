"""A real broker and registry for the session, and topics of its own for each test."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import pytest

from streams.client.client import Client
from streams.devstack import Stack
from streams.devstack.stack import free_port
from streams.settings import Settings
from tests.harness.processes import running_worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.harness.processes import Worker

_names = itertools.count(1)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack"))
    stack.up()
    yield stack
    stack.down()


@pytest.fixture
def settings(stack: Stack, tmp_path: Path) -> Settings:
    """Settings with topics and a consumer group that no other test has."""
    name = f"t{os.getpid()}-{next(_names)}"
    running = stack.addresses()
    return Settings(
        bootstrap_servers=running.bootstrap_servers,
        registry_url=running.registry_url,
        app_id=name,
        topic_prefix=name,
        partitions=4,
        data_dir=tmp_path / "data",
        session_timeout_s=6,
        web_port=free_port(),
    )


@pytest.fixture
def worker(settings: Settings, tmp_path: Path) -> Iterator[Worker]:
    with running_worker(settings, tmp_path / "worker.log") as worker:
        yield worker


@pytest.fixture
def client(settings: Settings) -> Client:
    return Client(settings)
