"""A Kafka node of the embedded stack: broker and controller in one process."""

from __future__ import annotations

import os
import re
from errno import ENOSPC
from typing import TYPE_CHECKING

from streams.devstack import artifacts
from streams.devstack.files import write_whole
from streams.devstack.ports import HOST
from streams.devstack.processes import Daemon, java, java_environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

REPLICAS, IN_SYNC = 3, 2
"""Of a cluster: copies of each partition, and how many of them a write has to reach."""


class Broker(Daemon):
    """One node; the first is called `kafka`, as if it were alone, the others `kafka-2`, `kafka-3`.

    Attributes:
        number: Its node id, from 1.
    """

    def __init__(self, directory: Path, number: int) -> None:
        """Name a node of the stack in a directory; nothing is touched before it is started."""
        self.number = number
        super().__init__(self.numbered("kafka"), directory)
        self._directory = directory

    def numbered(self, word: str) -> str:
        """A word for something of this node: that of the first is the word alone."""
        return word if self.number == 1 else f"{word}-{self.number}"

    def start_node(self, data: str, properties: Mapping[str, object]) -> None:
        """Start it without waiting for it.

        Args:
            data: Directory with its storage, which is formatted, within the stack's.
            properties: What it is told.
        """
        logs = "-Dorg.slf4j.simpleLogger.showDateTime=true"
        class_path = artifacts.class_path("kafka")
        file = self._write({**properties, "log.dirs": f"{data}/{self.name}"})
        # Three of them have one machine's cores: each is to be up again soon, not to be fast.
        is_one_of_several = "controller.quorum.voters" in properties
        start = java(heap_mb=512, quick=is_one_of_several)
        command = [*start, logs, "-cp", class_path, "kafka.Kafka", file]
        self.start(command, java_environment())

    def format(self, data: str, cluster: str, properties: Mapping[str, object]) -> None:
        """Make its storage.

        Args:
            data: Directory in which it is made, within the stack's.
            cluster: Id of the cluster.
            properties: What the node is told.

        Raises:
            OSError: The disk is full.
        """
        file = self._write({**properties, "log.dirs": f"{data}/{self.name}"})
        alone = [] if "controller.quorum.voters" in properties else ["--standalone"]
        self.run([*storage_tool(), "format", *alone, "-t", cluster, "-c", file])
        made = self._directory / data / self.name / "meta.properties"
        if not made.stat().st_size:  # the tool does not mind a full disk
            raise OSError(ENOSPC, os.strerror(ENOSPC), str(made.parent))

    def _write(self, properties: Mapping[str, object]) -> str:
        # Names relative to the directory that it runs in: a path in a properties file would have
        # to be free of commas, and of letters that Latin-1 does not have.
        name = f"{self.numbered('server')}.properties"
        text = "".join(f"{name}={value}\n" for name, value in properties.items())
        write_whole(self._directory / name, text)
        return name


def storage_tool() -> list[str]:
    """The beginning of a command line of Kafka's tool for storage."""
    class_path = artifacts.class_path("kafka")
    return [*java(heap_mb=128, quick=True), "-cp", class_path, "kafka.tools.StorageTool"]


def common_properties(controllers: Sequence[int]) -> dict[str, object]:
    """What each node of a cluster is told.

    Args:
        controllers: The ports of the nodes' controllers, in the order of the nodes.
    """
    if len(controllers) == 1:
        quorum = {"controller.quorum.bootstrap.servers": f"{HOST}:{controllers[0]}"}
        replicas, in_sync = 1, 1
    else:
        voters = (f"{number}@{HOST}:{port}" for number, port in enumerate(controllers, start=1))
        quorum = {"controller.quorum.voters": ",".join(voters)}
        replicas, in_sync = REPLICAS, IN_SYNC
    return {
        "process.roles": "broker,controller",
        **quorum,
        "controller.listener.names": "CONTROLLER",
        "auto.create.topics.enable": "false",
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": replicas,
        # A year, instead of a week: a group that is not used keeps its offsets for longer than
        # what it reads, so that workers notice what retention has deleted before they read it.
        "offsets.retention.minutes": 525_600,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
        # One developer's workers: the group need not wait for more to join.
        "group.initial.rebalance.delay.ms": 0,
    }


def stopped_together(daemons: Sequence[Daemon]) -> bool:
    """Ask nodes to end, all at once: the last of a cluster, left alone, could not; whether any ran.

    One that has left its cluster waits in vain for the others' leave to end, and is ended.
    """
    for daemon in daemons:
        if (process := daemon.process()) is not None:
            process.terminate()
    stopped = [daemon.stop() for daemon in daemons]
    return any(stopped)


def is_node(file_name: str) -> bool:
    """Whether a state file is that of a node."""
    return re.fullmatch(r"kafka(-\d)?\.json", file_name) is not None
