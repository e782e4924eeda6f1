"""Everything that reads a compacted topic from the beginning, after compaction has really run."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from contextlib import contextmanager
from random import Random

import pytest
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from domain.settings import settings_for
from domain.wall import Wall
from streams.client.client import Client
from streams.client.clocks import WallClock
from streams.contract.clients import broker_config
from streams.operations.verification import published_rows
from tests.harness.command_line import thewall_here
from tests.harness.pipeline import assert_equal_to_the_domain, submit_walls, wait_until_idle
from tests.harness.processes import running_worker
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.timeout(550)]

WALLS = ("a", "b", "c")
EAGER = {
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.001",
    "delete.retention.ms": "0",
    "min.compaction.lag.ms": "0",
}


def configure(
    settings, kind: ResourceType, name: str, config: dict[str, str], how: AlterConfigOpType
) -> None:
    entries = [ConfigEntry(k, v, incremental_operation=how) for k, v in config.items()]
    resource = ConfigResource(kind, name, incremental_configs=entries)
    admin = AdminClient(broker_config(settings))
    admin.incremental_alter_configs([resource])[resource].result(10)


@contextmanager
def eager_cleaner(settings):
    """A broker whose cleaner looks for work several times a second, instead of every 15 s."""
    config = {"log.cleaner.backoff.ms": "200"}
    configure(settings, ResourceType.BROKER, "1", config, AlterConfigOpType.SET)
    try:
        yield
    finally:
        configure(settings, ResourceType.BROKER, "1", config, AlterConfigOpType.DELETE)


def superseded(client: Client, topic) -> int:
    """Records of the walls that another with the same key has replaced, and tombstones."""
    values: Counter[tuple[int, bytes]] = Counter()
    tombstones = 0
    for message in client.read(topic):
        if (message.key() or b"").decode().partition("/")[0] in WALLS:
            values[message.partition(), message.key()] += 1
            tombstones += message.value() is None
    return sum(values.values()) - len(values) + tombstones


def nudge(client: Client, round_: int) -> None:
    """Records on every partition of every topic: a segment is closed by the next record."""
    heights = {n: bytes([round_ % 30] * 4) for n in range(1, 13)}
    for number in range(6):
        wall = Wall(f"nudge-{number}", settings_for(), heights)
        client.submit(wall)
        clock = WallClock(client, wall.id)
        clock.start(1_000)
        clock.stop()


def compacted(client: Client) -> list:
    topics = client.topics
    return [*topics.inputs, topics.daily, topics.overview, *topics.changelogs]


def wait_until_compacted(client: Client) -> None:
    rounds = itertools.count()

    def is_compacted() -> bool:
        if not any(superseded(client, topic) for topic in compacted(client)):
            return True
        nudge(client, next(rounds))
        return False

    wait_until(is_compacted, 300, "nothing superseded is left")


def test_after_compaction_restart_replay_wipe_and_rebuild_end_in_the_same_digest(
    settings, client, tmp_path
):
    log = tmp_path / "worker.log"
    with eager_cleaner(settings):
        with running_worker(settings, log) as worker:
            submit_walls(client, Random(4), 12)
            client.submit(Wall("c", settings_for(3), {1: bytes([1, 2]), 2: bytes([3])}))
            client.withdraw("c", 2)
            clock = WallClock(client, "a")
            clock.start(50)
            clock.pause()
            wait_until_idle(client)
            assert all(superseded(client, topic) for topic in compacted(client))
            for topic in compacted(client):
                configure(settings, ResourceType.TOPIC, topic.name, EAGER, AlterConfigOpType.SET)
            wait_until_compacted(client)
            wait_until_idle(client)
            digest = assert_equal_to_the_domain(client)
            assert worker.stop() == 0
        with running_worker(settings, log) as worker:  # its tables come from compacted changelogs
            client.submit(Wall("d", settings_for(), {1: bytes([9])}))
            client.withdraw("a", max(client.live_profiles("a")))
            wait_until_idle(client)
            assert assert_equal_to_the_domain(client) != digest
            assert worker.stop() == 0
        digest = published_rows(client).digest()
        for arguments in (["replay"], ["replay", "--wipe"], ["rebuild"]):
            result = json.loads(thewall_here(settings, *arguments, "--json"))
            assert digest == result.get("after", result.get("rebuilt"))
            after = Client(settings)
            assert assert_equal_to_the_domain(after) == digest
