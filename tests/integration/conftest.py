"""Topics, a consumer group and a worker of its own for each test, on the stack that all share."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.client.client import Client
from streams.contract.clients import broker_config
from streams.devstack.ports import free_port
from streams.settings import Settings
from tests.harness.processes import running_worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.harness.clusters import Cluster
    from tests.harness.processes import Worker


@pytest.fixture
def settings(stack: Cluster, tmp_path: Path) -> Iterator[Settings]:
    """Settings with topics and a consumer group that no other test has."""
    name = f"t{uuid4().hex[:8]}"
    running = stack.addresses()
    settings = Settings(
        **running.settings,
        create_topics=True,
        bootstrap_servers=running.bootstrap_servers,
        registry_url=running.registry_url,
        app_id=name,
        topic_prefix=name,
        partitions=4,
        data_dir=tmp_path / "data",
        session_timeout_s=8,
        web_port=free_port(),
    )
    yield settings
    _delete_topics(settings)


def _delete_topics(settings: Settings) -> None:
    """The topics of all tests together are more than the broker has heap for."""
    admin = AdminClient(broker_config(settings))
    try:
        there = admin.list_topics(timeout=10).topics
    except KafkaException:
        return  # the test has ended its broker
    own = [name for name in there if name.startswith(settings.app_id)]
    for deleted in (admin.delete_topics(own) if own else {}).values():
        deleted.exception(10)


@pytest.fixture
def worker(settings: Settings, tmp_path: Path) -> Iterator[Worker]:
    with running_worker(settings, tmp_path / "worker.log") as worker:
        yield worker


@pytest.fixture
def client(settings: Settings) -> Client:
    return Client(settings)
