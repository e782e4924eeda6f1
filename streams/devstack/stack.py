"""Start, stop and ask after the embedded stack: one Kafka node and one Apicurio Registry."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from errno import ENOSPC
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

from filelock import FileLock
from platformdirs import user_data_path

from streams.addresses import own_path
from streams.devstack import artifacts
from streams.devstack.files import read_state, write_whole
from streams.devstack.processes import Daemon, StackError, java, java_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

__all__ = ["Stack", "StackAddresses", "StackError"]

HOST = "127.0.0.1"
REGISTRY_API = "/apis/ccompat/v7"
KAFKA_DEADLINE_S = 90.0
REGISTRY_DEADLINE_S = 180.0
# Below what Linux, macOS and Windows give to outgoing connections.
FREE_PORTS = range(20000, 30000)
DATA, FORMING = "data/kafka", "data.forming"
# With less on the disk than this, Kafka ends or is about to.
FULL_DISK_MIB = 64


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of the stack; kept with its data, so that they survive a restart. 0: not known."""

    kafka: int = 0
    controller: int = 0
    registry: int = 0
    management: int = 0


@dataclass(frozen=True, slots=True)
class StackAddresses:
    """Where a running stack answers, and what its clients have to know beside that.

    Attributes:
        bootstrap_servers: The broker, as host:port.
        registry_url: The registry's Confluent-compatible address.
        security: By name, the settings of TLS and users that an operator has; none if there are
            neither.
    """

    bootstrap_servers: str
    registry_url: str
    security: Mapping[str, str] = field(default_factory=dict, repr=False)


def stack_directory() -> Path:
    """Where the user's stack keeps its data: `THEWALL_STACK_DIR`, or the user's data directory.

    Raises:
        StackError: The user has no home.
    """
    given = os.environ.get("THEWALL_STACK_DIR")
    try:
        return own_path(Path(given) if given else user_data_path("thewall") / "stack")
    except ValueError as error:
        raise StackError(f"the stack has no directory: {error}") from error


def is_secure(directory: Path) -> bool:
    """Whether the stack of a directory was made with TLS and users."""
    return (directory / "secure/ca.pem").exists()


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
            f"{HOST}:{ports.kafka}", f"http://{HOST}:{ports.registry}{REGISTRY_API}"
        )

    def up(
        self,
        *,
        fresh: bool = False,
        kafka_port: int | None = None,
        registry_port: int | None = None,
        same_ports: bool = False,
        on_progress: Callable[[str, int, int], None] = lambda *_: None,
    ) -> StackAddresses:
        """Start what does not run yet, and wait until it answers.

        Args:
            fresh: Stop it first, and begin with no data.
            kafka_port: Port of the broker; a free one, or the last one, if not given.
            registry_port: Port of the registry, likewise.
            same_ports: Do not start at all if it would be at another port than the last.
            on_progress: Called with what is going on, how much is done, and of how much.

        Raises:
            StackError: Something could not be started; what this call did start is stopped.
            FetchError: A file of the stack could not be fetched.
            OSError: The directory or the disk does not take what has to be written.
        """
        artifacts.fetch(artifacts.locked(), on_progress)
        self.directory.mkdir(parents=True, exist_ok=True)
        with FileLock(self.directory / "up.lock"):
            if fresh or not self._ports().kafka:  # what runs at ports not known is of no use
                self.down()
            with self._stopped_on_failure():
                self._remove_data(fresh=fresh)
                self._choose_ports(kafka_port, registry_port, same=same_ports)
                if not self.kafka.alive():
                    self.start_kafka()
                self._wait(self.kafka, self._kafka_answers, KAFKA_DEADLINE_S, on_progress)
                self.prepare_broker()
                if not self.registry.alive():
                    self.start_registry()
                self._wait(self.registry, self._registry_answers, REGISTRY_DEADLINE_S, on_progress)
        return self.addresses()

    @contextmanager
    def _stopped_on_failure(self) -> Iterator[None]:
        ran = {daemon.name for daemon in self.daemons if daemon.alive()}
        try:
            yield
        except BaseException:
            for daemon in reversed(self.daemons):
                if daemon.name not in ran:
                    daemon.stop()
            raise

    def _remove_data(self, *, fresh: bool) -> None:
        """Remove what an earlier fresh start has left of the data; with `fresh`, all of it."""
        data, going = self.directory / "data", self.directory / "data.going"
        if going.exists():
            shutil.rmtree(going)
        if fresh:
            self._ports_file.unlink(missing_ok=True)
            self.forget_secrets()
            if data.exists():
                data.rename(going)  # at once: if we are killed, no half of it is started from
                shutil.rmtree(going)

    def forget_secrets(self) -> None:
        """Remove what users and certificates an earlier start has left."""
        shutil.rmtree(self.directory / "secure", ignore_errors=True)

    def runs(self) -> bool:
        """Whether both processes run, at ports that are known."""
        return bool(self._ports().kafka) and all(daemon.alive() for daemon in self.daemons)

    def down(self) -> bool:
        """Stop what runs; whether anything did. The data stays."""
        # The registry keeps its schemas in Kafka: it goes first.
        stopped = [daemon.stop() for daemon in (self.registry, self.kafka)]
        return any(stopped)

    def start_kafka(self) -> None:
        """Start the broker without waiting for it; the first time, format its storage."""
        class_path = artifacts.class_path("kafka")
        if not (self.directory / DATA).exists():
            self._format_storage(class_path)
        properties = self._write_properties(DATA)
        logs = "-Dorg.slf4j.simpleLogger.showDateTime=true"
        self.kafka.start(
            [*java(heap_mb=512), logs, "-cp", class_path, "kafka.Kafka", properties],
            java_environment(),
        )

    def _format_storage(self, class_path: str) -> None:
        """Make the broker's directory, all of it or none: half of one can't be started from."""
        forming = self.directory / FORMING
        shutil.rmtree(forming, ignore_errors=True)
        properties = self._write_properties(FORMING)
        tool = [*java(heap_mb=128, quick=True), "-cp", class_path, "kafka.tools.StorageTool"]
        cluster = self.kafka.run([*tool, "random-uuid"]).strip().splitlines()[-1]
        self.kafka.run([*tool, "format", "--standalone", "-t", cluster, "-c", properties])
        if not (forming / "meta.properties").stat().st_size:  # it does not mind a full disk
            raise OSError(ENOSPC, os.strerror(ENOSPC), str(forming))
        (self.directory / DATA).parent.mkdir(exist_ok=True)
        forming.rename(self.directory / DATA)

    def _write_properties(self, data: str) -> str:
        # Names relative to the directory that it runs in: a path in a properties file would have
        # to be free of commas, and of letters that Latin-1 does not have.
        name = "server.properties"
        ports = self._ports()
        properties = _server_properties(ports, data) | self.broker_properties(ports)
        text = "".join(f"{name}={value}\n" for name, value in properties.items())
        write_whole(self.directory / name, text)
        return name

    def prepare_broker(self) -> None:
        """What has to be done on a broker that answers before the registry may use it: nothing."""

    def broker_properties(self, ports: Ports) -> dict[str, object]:
        """What the broker is told of its listeners."""
        return {
            "listeners": f"PLAINTEXT://{HOST}:{ports.kafka},CONTROLLER://{HOST}:{ports.controller}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{ports.kafka}",
        }

    def registry_environment(self, ports: Ports) -> dict[str, str]:
        """What the registry is told of its listener, and of how to reach the broker."""
        return {"QUARKUS_HTTP_PORT": str(ports.registry)}

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
            # On every interface unless told otherwise.
            "QUARKUS_MANAGEMENT_HOST": HOST,
            "QUARKUS_MANAGEMENT_PORT": str(ports.management),
            **self.registry_environment(ports),
        }
        command = [*java(heap_mb=384, quick=True), "-jar", str(home / "quarkus-run.jar")]
        self.registry.start(command, java_environment() | environment)

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
                raise StackError(f"{daemon.name} ended while starting{self._why(daemon)}")
            if waited > deadline_s:
                raise StackError(
                    f"{daemon.name} did not answer in {deadline_s:.0f} s{self._why(daemon)}"
                )
            on_progress(f"waiting for {daemon.name}", int(waited), int(deadline_s))
            time.sleep(0.2)

    def _why(self, daemon: Daemon) -> str:
        free_mib = shutil.disk_usage(self.directory).free >> 20
        if free_mib < FULL_DISK_MIB:
            return f": the disk of {self.directory} is full, it has {free_mib} MiB left"
        return daemon.last_words()

    def _kafka_answers(self) -> bool:
        # Only here: who asks where the stack is need not wait for Kafka's client.
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        admin = AdminClient(
            {"bootstrap.servers": self.addresses().bootstrap_servers, "log_level": 0}
        )
        try:
            return bool(admin.list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    def _registry_answers(self) -> bool:
        # Not urllib, which would ask a proxy that the environment names.
        connection = HTTPConnection(HOST, self._ports().registry, timeout=2)
        try:
            connection.request("GET", f"{REGISTRY_API}/subjects")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _ports(self) -> Ports:
        state = read_state(self._ports_file)
        known = [state.get(field.name) for field in fields(Ports)]
        numbers = [port for port in known if type(port) is int]
        return Ports(*numbers) if len(numbers) == len(known) else Ports()

    def _choose_ports(self, kafka: int | None, registry: int | None, *, same: bool) -> None:
        """Keep the ports of what runs and those that are still free; choose the others."""
        last = self._ports()
        if kafka is not None and kafka == registry:
            raise StackError(f"--kafka-port and --registry-port are both {kafka}; they must differ")
        chosen = {
            "kafka": _asked_port(self.kafka, "--kafka-port", kafka, last.kafka),
            "registry": _asked_port(self.registry, "--registry-port", registry, last.registry),
        }
        for name, daemon in (
            ("kafka", self.kafka), ("registry", self.registry),
            ("controller", self.kafka), ("management", self.registry),
        ):  # fmt: skip
            known = getattr(last, name)
            if not chosen.get(name):
                kept = daemon.alive() or (
                    known and known not in chosen.values() and _is_free(known)
                )
                chosen[name] = known if kept else free_port(chosen.values())
        ports = Ports(**chosen)
        if same and (ports.kafka, ports.registry) != (last.kafka, last.registry):
            raise StackError(
                f"Kafka and the registry would be at ports {ports.kafka} and {ports.registry} now, "
                f"for {last.kafka} or {last.registry} is another's, and workers that run in the "
                "background ask there: stop them first with `thewall worker --stop`"
            )
        write_whole(self._ports_file, json.dumps(asdict(ports)))


def _asked_port(daemon: Daemon, option: str, asked: int | None, last: int) -> int:
    """The port that an option asks for, or 0.

    Raises:
        StackError: It is taken, or the process runs at another.
    """
    if asked is None or (asked == last and daemon.alive()):
        return asked or 0
    if daemon.alive():
        raise StackError(
            f"{daemon.name} runs already, on port {last}; run `thewall down` before giving "
            f"it another with {option}"
        )
    if not _is_free(asked):
        raise StackError(
            f"port {asked} is taken by another program, or is not for you; leave {option} out "
            "for a free one"
        )
    return asked


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As Java does: a port that was ours a moment ago may be ours again.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def free_port(but: Collection[int] = ()) -> int:
    """A port that nothing listens on, and none of these.

    Raises:
        StackError: There is none.
    """
    # Not one that the kernel would pick: a client that reconnects to a broker that is down could be
    # given the broker's own port, connect to itself, and keep the broker from coming back.
    for port in SystemRandom().sample(FREE_PORTS, len(FREE_PORTS)):
        if port not in but and _is_free(port):
            return port
    raise StackError(f"no port of {FREE_PORTS.start} to {FREE_PORTS.stop - 1} is free")


def _server_properties(ports: Ports, data: str) -> dict[str, object]:
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.bootstrap.servers": f"{HOST}:{ports.controller}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": 1,
        # A year, instead of a week: a group that is not used keeps its offsets for longer than
        # what it reads, so that workers notice what retention has deleted before they read it.
        "offsets.retention.minutes": 525_600,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # One developer's workers: the group need not wait for more to join.
        "group.initial.rebalance.delay.ms": 0,
    }


def _registry_home() -> Path:
    """The registry's directory in the cache."""
    archive = next(a for a in artifacts.locked() if a.part == "registry")
    return artifacts.cache_directory() / archive.filename
