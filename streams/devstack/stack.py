"""Start, stop and ask after the embedded stack: one Kafka node and one Apicurio Registry."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from filelock import FileLock
from platformdirs import user_data_path

from streams.devstack import artifacts
from streams.devstack.processes import Daemon, StackError, java

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Stack", "StackAddresses", "StackError", "running_stack"]

HOST = "127.0.0.1"
KAFKA_DEADLINE_S = 90.0
REGISTRY_DEADLINE_S = 180.0
# Below what Linux, macOS and Windows give to outgoing connections.
FREE_PORTS = range(20000, 30000)


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of the stack; kept with its data, so that they survive a restart."""

    kafka: int
    controller: int
    registry: int
    management: int


@dataclass(frozen=True, slots=True)
class StackAddresses:
    """Where a running stack answers."""

    bootstrap_servers: str
    registry_url: str


def stack_directory() -> Path:
    """Where the user's stack keeps its data: `THEWALL_STACK_DIR`, or the user's data directory."""
    given = os.environ.get("THEWALL_STACK_DIR")
    return Path(given) if given else user_data_path("thewall") / "stack"


def running_stack() -> StackAddresses | None:
    """Where the user's stack answers; None if it does not run. Asks no port."""
    stack = Stack(stack_directory())
    return stack.addresses() if all(daemon.alive() for daemon in stack.daemons) else None


class Stack:
    """One Kafka node and one registry, with their data in a directory of their own."""

    def __init__(self, directory: Path) -> None:
        """Name the stack of a directory; nothing is touched before it is started."""
        self.directory = directory
        self.kafka = Daemon("kafka", directory)
        self.registry = Daemon("registry", directory)
        self.daemons = (self.kafka, self.registry)
        self._ports_file = directory / "ports.json"

    def addresses(self) -> StackAddresses:
        """Where the stack answers, or would."""
        ports = self._ports()
        return StackAddresses(
            f"{HOST}:{ports.kafka}", f"http://{HOST}:{ports.registry}/apis/ccompat/v7"
        )

    def up(
        self,
        *,
        fresh: bool = False,
        kafka_port: int | None = None,
        registry_port: int | None = None,
        on_progress: Callable[[str, int, int], None] = lambda *_: None,
    ) -> StackAddresses:
        """Start what does not run yet, and wait until it answers.

        Args:
            fresh: Stop it first, and begin with no data.
            kafka_port: Port of the broker; a free one, or the last one, if not given.
            registry_port: Port of the registry, likewise.
            on_progress: Called with what is going on, how much is done, and of how much.

        Raises:
            StackError: Something could not be started; what did start goes on.
            FetchError: A file of the stack could not be fetched.
        """
        artifacts.fetch(artifacts.locked(), on_progress)
        self.directory.mkdir(parents=True, exist_ok=True)
        with FileLock(self.directory / "up.lock"):
            if fresh:
                self.down()
                shutil.rmtree(self.directory / "data", ignore_errors=True)
                self._ports_file.unlink(missing_ok=True)
            self._choose_ports(kafka_port, registry_port)
            if not self.kafka.alive():
                self.start_kafka()
            self._wait(self.kafka, self._kafka_answers, KAFKA_DEADLINE_S, on_progress)
            if not self.registry.alive():
                self.start_registry()
            self._wait(self.registry, self._registry_answers, REGISTRY_DEADLINE_S, on_progress)
        return self.addresses()

    def down(self) -> bool:
        """Stop what runs; whether anything did. The data stays."""
        # The registry keeps its schemas in Kafka: it goes first.
        stopped = [daemon.stop() for daemon in (self.registry, self.kafka)]
        return any(stopped)

    def start_kafka(self) -> None:
        """Start the broker without waiting for it; the first time, format its storage."""
        ports, data = self._ports(), self.directory / "data" / "kafka"
        properties = self.directory / "server.properties"
        properties.write_text(_server_properties(ports, data), encoding="utf-8")
        class_path = artifacts.class_path("kafka")
        if not (data / "meta.properties").exists():
            tool = [*java(heap_mb=128), "-cp", class_path, "kafka.tools.StorageTool"]
            cluster = self.kafka.run([*tool, "random-uuid"]).strip().splitlines()[-1]
            self.kafka.run([*tool, "format", "--standalone", "-t", cluster, "-c", str(properties)])
        logs = "-Dorg.slf4j.simpleLogger.showDateTime=true"
        self.kafka.start(
            [*java(heap_mb=512), logs, "-cp", class_path, "kafka.Kafka", str(properties)]
        )

    def start_registry(self) -> None:
        """Start the registry without waiting for it."""
        ports = self._ports()
        home = _registry_home()
        environment = {
            "APICURIO_STORAGE_KIND": "kafkasql",
            "APICURIO_KAFKASQL_BOOTSTRAP_SERVERS": f"{HOST}:{ports.kafka}",
            # It waits this long, twice, to see that there is no snapshot; 5 s if not set.
            "APICURIO_KAFKASQL_CONSUMER_POLL_TIMEOUT": "500",
            "QUARKUS_HTTP_ACCESS_LOG_ENABLED": "false",
            "QUARKUS_HTTP_HOST": HOST,
            "QUARKUS_HTTP_PORT": str(ports.registry),
            # On every interface unless told otherwise.
            "QUARKUS_MANAGEMENT_HOST": HOST,
            "QUARKUS_MANAGEMENT_PORT": str(ports.management),
        }
        # The quick compiler alone: the registry does little, and is up in half the time.
        quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        command = [*java(heap_mb=384), *quick, "-jar", str(home / "quarkus-run.jar")]
        self.registry.start(command, environment)

    def wait(self, on_progress: Callable[[str, int, int], None] = lambda *_: None) -> None:
        """Wait until both answer.

        Raises:
            StackError: One of them ended, or did not answer in time.
        """
        self._wait(self.kafka, self._kafka_answers, KAFKA_DEADLINE_S, on_progress)
        self._wait(self.registry, self._registry_answers, REGISTRY_DEADLINE_S, on_progress)

    def _wait(
        self,
        daemon: Daemon,
        answers: Callable[[], bool],
        deadline_s: float,
        on_progress: Callable[[str, int, int], None],
    ) -> None:
        started = time.monotonic()
        while not answers():
            waited = time.monotonic() - started
            if not daemon.alive():
                raise StackError(f"{daemon.name} ended while starting{daemon.last_words()}")
            if waited > deadline_s:
                raise StackError(
                    f"{daemon.name} did not answer in {deadline_s:.0f} s{daemon.last_words()}"
                )
            on_progress(f"waiting for {daemon.name}", int(waited), int(deadline_s))
            time.sleep(0.2)

    def _kafka_answers(self) -> bool:
        admin = AdminClient(
            {"bootstrap.servers": self.addresses().bootstrap_servers, "log_level": 0}
        )
        try:
            return bool(admin.list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    def _registry_answers(self) -> bool:
        try:
            url = f"{self.addresses().registry_url}/subjects"
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - loopback
                return bool(answer.status == 200)
        except OSError:
            return False

    def _ports(self) -> Ports:
        try:
            return Ports(**json.loads(self._ports_file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return Ports(0, 0, 0, 0)

    def _choose_ports(self, kafka: int | None, registry: int | None) -> None:
        """Keep the ports of what runs and those that are still free; choose the others."""
        last = self._ports()
        ports = Ports(
            kafka=_port(self.kafka, "--kafka-port", kafka, last.kafka),
            controller=_port(self.kafka, "", None, last.controller),
            registry=_port(self.registry, "--registry-port", registry, last.registry),
            management=_port(self.registry, "", None, last.management),
        )
        self._ports_file.write_text(json.dumps(asdict(ports)), encoding="utf-8")


def _port(daemon: Daemon, option: str, asked: int | None, last: int) -> int:
    if daemon.alive():
        if asked is not None and asked != last:
            raise StackError(
                f"{daemon.name} runs already, on port {last}; run `thewall down` before giving "
                f"it another with {option}"
            )
        return last
    if asked is not None:
        if not _is_free(asked):
            raise StackError(
                f"port {asked} is taken by another program; leave {option} out for a free one"
            )
        return asked
    return last if last and _is_free(last) else free_port()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As Java does: a port that was ours a moment ago may be ours again.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    # Not one that the kernel would pick: a client that reconnects to a broker that is down could be
    # given the broker's own port, connect to itself, and keep the broker from coming back.
    for port in SystemRandom().sample(FREE_PORTS, len(FREE_PORTS)):
        if _is_free(port):
            return port
    raise StackError(f"no port of {FREE_PORTS.start} to {FREE_PORTS.stop - 1} is free")


def _server_properties(ports: Ports, data: Path) -> str:
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.bootstrap.servers": f"{HOST}:{ports.controller}",
        "listeners": f"PLAINTEXT://{HOST}:{ports.kafka},CONTROLLER://{HOST}:{ports.controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{ports.kafka}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # One developer's workers: the group need not wait for more to join.
        "group.initial.rebalance.delay.ms": 0,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _registry_home() -> Path:
    """The registry's directory in the cache."""
    archive = next(a for a in artifacts.locked() if a.part == "registry")
    return artifacts.cache_directory() / archive.filename
