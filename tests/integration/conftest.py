"""Topics, a consumer group and a worker of its own for each test, on the stack that all share."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from streams.client.client import Client
from streams.devstack.stack import free_port
from streams.settings import Settings
from tests.harness.processes import running_worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.harness.clusters import Cluster
    from tests.harness.processes import Worker


@pytest.fixture
def settings(stack: Cluster, tmp_path: Path) -> Settings:
    """Settings with topics and a consumer group that no other test has."""
    name = f"t{uuid4().hex[:8]}"
    running = stack.addresses()
    return Settings(
        create_topics=True,
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
