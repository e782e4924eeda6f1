"""Installations beside each other on one cluster: each with topics and a group of its own."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.contract.clients import broker_config
from streams.devstack.ports import free_port
from streams.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.client.client import Client
    from streams.devstack import StackAddresses
    from tests.harness.clusters import Cluster
    from tests.harness.processes import Worker
    from tests.harness.web import WebProcess


class Installation(NamedTuple):
    """A worker and the web process, which run."""

    settings: Settings
    worker: Worker
    web: WebProcess
    client: Client


def settings_on(running: StackAddresses, name: str, data: Path) -> Settings:
    """Settings with topics, a consumer group and a port of this name's own, on what runs."""
    return Settings(
        **running.settings,
        create_topics=True,
        bootstrap_servers=running.bootstrap_servers,
        registry_url=running.registry_url,
        app_id=name,
        topic_prefix=name,
        partitions=4,
        data_dir=data,
        session_timeout_s=8,
        web_port=free_port(),
    )


@contextmanager
def new_settings(cluster: Cluster, directory: Path) -> Iterator[Settings]:
    """Settings with topics and a consumer group that nobody else has; its topics go in the end."""
    settings = settings_on(cluster.addresses(), f"t{uuid4().hex[:8]}", directory / "data")
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
