"""Start, stop and ask after the embedded stack: Kafka, of 1 node or 3, and Apicurio Registry."""

from __future__ import annotations

import json
import os
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock
from platformdirs import user_data_path

from streams.addresses import own_path
from streams.devstack import artifacts
from streams.devstack.broker import (
    IN_SYNC,
    REPLICAS,
    Broker,
    common_properties,
    is_node,
    stopped_together,
    storage_tool,
)
from streams.devstack.files import read_state, write_whole
from streams.devstack.ports import HOST, asked_port, free_port, is_free
from streams.devstack.processes import Daemon, StackError, java, java_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from confluent_kafka.admin import AdminClient

__all__ = ["Stack", "StackAddresses", "StackError"]

REGISTRY_API = "/apis/ccompat/v7"
KAFKA_DEADLINE_S = 90.0
REGISTRY_DEADLINE_S = 180.0
# What each node has a port for.
LISTENERS = ("kafka", "controller")
DATA, FORMING = "data", "data.forming"
# With less on the disk than this, Kafka ends or is about to.
FULL_DISK_MIB = 64


@dataclass(frozen=True, slots=True)
class StackAddresses:
    """Where a running stack answers, and what its clients have to know beside that.

    Attributes:
        bootstrap_servers: The brokers, as host:port,…
        registry_url: The registry's Confluent-compatible address.
        settings: By name, the settings that clients should have unless others are given: of TLS
            and users, and of how many replicas topics have.
    """

    bootstrap_servers: str
    registry_url: str
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)


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
    """Kafka and one registry, with their data in a directory of their own."""

    listeners: tuple[str, ...] = LISTENERS
    registry_scheme = "http"

    def __init__(self, directory: Path) -> None:
        """Name the stack of a directory; nothing is touched before it is started."""
        self.directory = directory
        self.registry = Daemon("registry", directory)
        self._ports_file = directory / "ports.json"

    @property
    def brokers(self) -> Sequence[Broker]:
        """The nodes of the cluster, as many as it was made with; one before it is made."""
        return [Broker(self.directory, number) for number in range(1, self._size() + 1)]

    @property
    def kafka(self) -> Broker:
        """The first node."""
        return Broker(self.directory, 1)

    @property
    def daemons(self) -> Sequence[Daemon]:
        """All processes, in the order in which they are started."""
        return (*self.brokers, self.registry)

    def address(self, daemon: Daemon) -> str:
        """Where one process answers, or would."""
        port = self._ports().get(daemon.name, 0)
        at = f"{HOST}:{port}"
        return f"{self.registry_scheme}://{at}{REGISTRY_API}" if daemon is self.registry else at

    def addresses(self) -> StackAddresses:
        """Where the stack answers, or would."""
        return StackAddresses(
            ",".join(self.address(broker) for broker in self.brokers),
            self.address(self.registry),
            self.client_settings(),
        )

    def client_settings(self) -> dict[str, Any]:
        """What clients should set, by name of the setting."""
        if self._size() == 1:
            return {}
        return {"replication_factor": REPLICAS, "min_insync_replicas": IN_SYNC}

    def up(
        self,
        *,
        fresh: bool = False,
        brokers: int | None = None,
        kafka_port: int | None = None,
        registry_port: int | None = None,
        same_ports: bool = False,
        on_progress: Callable[[str, int, int], None] = lambda *_: None,
    ) -> StackAddresses:
        """Start what does not run yet, and wait until it answers.

        Args:
            fresh: Stop it first, and begin with no data.
            brokers: How many nodes the cluster has, 1 or 3; as many as its data is of, else 1, if
                not given.
            kafka_port: Port of the first broker; a free one, or the last one, if not given.
            registry_port: Port of the registry, likewise.
            same_ports: Do not start at all if it would be at another port than the last.
            on_progress: Called with what is going on, how much is done, and of how much.

        Raises:
            StackError: Something could not be started; what this call did start is stopped.
            FetchError: A file of the stack could not be fetched.
            OSError: The directory or the disk does not take what has to be written.
        """
        if brokers not in (None, 1, 3):
            raise StackError(f"a stack of {brokers} brokers: it has 1, or 3 of which one may fail")
        artifacts.fetch(artifacts.locked(), on_progress)
        self.directory.mkdir(parents=True, exist_ok=True)
        with FileLock(self.directory / "up.lock"):
            if fresh or not self._ports():  # what runs at ports not known is of no use
                self.down()
            with self._stopped_on_failure():
                self._remove_data(fresh=fresh)
                size = brokers or self._size()
                if self._ports() and size != self._size() and self._has_data():
                    raise StackError(
                        f"the stack has data of {self._size()} brokers: begin anew with --fresh"
                    )
                self._choose_ports(size, kafka_port, registry_port, same=same_ports)
                self.prepare_files()
                self._format_storage()
                for broker in self.brokers:
                    if not broker.alive():
                        self.start_broker(broker)
                self._wait(self.brokers, self._kafka_answers, KAFKA_DEADLINE_S, on_progress)
                self.prepare_broker()
                if not self.registry.alive():
                    self.start_registry()
                self.wait(on_progress)
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
        """Whether it runs, at ports that are known: of three brokers, one may be down."""
        alive = sum(broker.alive() for broker in self.brokers)
        return bool(self._ports()) and self.registry.alive() and 2 * alive > len(self.brokers)

    def down(self) -> bool:
        """Stop what runs; whether anything did. The data stays."""
        # The registry keeps its schemas in Kafka: it goes first.
        registry = self.registry.stop()
        # Those of which there are state files: how many they should be may not be known.
        files = [path for path in self.directory.glob("kafka*.json") if is_node(path.name)]
        return stopped_together([Daemon(path.stem, self.directory) for path in files]) or registry

    def start_broker(self, broker: Broker) -> None:
        """Start a node, whose storage is formatted, without waiting for it."""
        broker.start_node(DATA, self._properties(broker))

    def _has_data(self) -> bool:
        return (self.directory / DATA / "kafka").exists()

    def _format_storage(self) -> None:
        """Make the nodes' storage, all of it or none: half of it can't be started from."""
        if self._has_data():
            return
        forming = self.directory / FORMING
        shutil.rmtree(forming, ignore_errors=True)
        cluster = self.kafka.run([*storage_tool(), "random-uuid"]).strip().splitlines()[-1]
        for broker in self.brokers:
            broker.format(FORMING, cluster, self._properties(broker))
        forming.rename(self.directory / DATA)

    def _properties(self, broker: Broker) -> dict[str, object]:
        ports = self._ports()
        of_node = {name: ports[broker.numbered(name)] for name in self.listeners}
        controllers = [ports[one.numbered("controller")] for one in self.brokers]
        common = common_properties(controllers)
        return common | {"node.id": broker.number} | self.broker_properties(of_node)

    def prepare_files(self) -> None:
        """What has to be there before a broker is formatted: nothing."""

    def prepare_broker(self) -> None:
        """What has to be done on a broker that answers before the registry may use it: nothing."""

    def broker_properties(self, ports: Mapping[str, int]) -> dict[str, object]:
        """What a broker is told of its listeners, by their ports."""
        clients = f"PLAINTEXT://{HOST}:{ports['kafka']}"
        return {
            "listeners": f"{clients},CONTROLLER://{HOST}:{ports['controller']}",
            "advertised.listeners": clients,
        }

    def registry_environment(self, port: int) -> dict[str, str]:
        """What the registry is told of its listener, and of how to reach the brokers."""
        return {"QUARKUS_HTTP_PORT": str(port)}

    def start_registry(self) -> None:
        """Start the registry without waiting for it."""
        ports = self._ports()
        home = _registry_home()
        environment = {
            "APICURIO_STORAGE_KIND": "kafkasql",
            "APICURIO_KAFKASQL_BOOTSTRAP_SERVERS": self.addresses().bootstrap_servers,
            # It waits this long, twice, to see that there is no snapshot; 5 s if not set.
            "APICURIO_KAFKASQL_CONSUMER_POLL_TIMEOUT": "500",
            "QUARKUS_HTTP_ACCESS_LOG_ENABLED": "false",
            "QUARKUS_HTTP_HOST": HOST,
            # On every interface unless told otherwise.
            "QUARKUS_MANAGEMENT_HOST": HOST,
            "QUARKUS_MANAGEMENT_PORT": str(ports["management"]),
            **self.registry_environment(ports["registry"]),
        }
        command = [*java(heap_mb=384, quick=True), "-jar", str(home / "quarkus-run.jar")]
        self.registry.start(command, java_environment() | environment)

    def wait(self, on_progress: Callable[[str, int, int], None] = lambda *_: None) -> None:
        """Wait until all answer.

        Raises:
            StackError: One of them ended, or did not answer in time.
        """
        self._wait(self.brokers, self._kafka_answers, KAFKA_DEADLINE_S, on_progress)
        self._wait([self.registry], self._registry_answers, REGISTRY_DEADLINE_S, on_progress)

    def _wait(
        self,
        daemons: Sequence[Daemon],
        answer: Callable[[], bool],
        deadline_s: float,
        on_progress: Callable[[str, int, int], None],
    ) -> None:
        started = time.monotonic()
        name = daemons[0].name
        while not answer():
            waited = time.monotonic() - started
            for daemon in daemons:
                if not daemon.alive():
                    raise StackError(f"{daemon.name} ended while starting{self._why(daemon)}")
            if waited > deadline_s:
                why = self._why(daemons[0])
                raise StackError(f"{name} did not answer in {deadline_s:.0f} s{why}")
            on_progress(f"waiting for {name}", int(waited), int(deadline_s))
            time.sleep(0.2)

    def _why(self, daemon: Daemon) -> str:
        free_mib = shutil.disk_usage(self.directory).free >> 20
        if free_mib < FULL_DISK_MIB:
            return f": the disk of {self.directory} is full, it has {free_mib} MiB left"
        return daemon.last_words()

    def admin(self) -> AdminClient:
        """A client that may do everything."""
        # Only here: who asks where the stack is need not wait for Kafka's client.
        from confluent_kafka.admin import AdminClient

        return AdminClient(
            {"bootstrap.servers": self.addresses().bootstrap_servers, "log_level": 0}
        )

    def _kafka_answers(self) -> bool:
        from confluent_kafka import KafkaException

        try:
            return len(self.admin().list_topics(timeout=1).brokers) == len(self.brokers)
        except KafkaException:
            return False

    def _registry_answers(self) -> bool:
        # Not urllib, which would ask a proxy that the environment names.
        connection = HTTPConnection(HOST, self._ports()["registry"], timeout=2)
        try:
            connection.request("GET", f"{REGISTRY_API}/subjects")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _names(self, size: int, listeners: Sequence[str]) -> list[str]:
        """What a cluster of so many nodes has ports for, in the order in which they are chosen."""
        nodes = [Broker(self.directory, number) for number in range(1, size + 1)]
        of_nodes = [node.numbered(name) for name in listeners[1:] for node in nodes]
        return [*(node.name for node in nodes), "registry", *of_nodes, "management"]

    def _ports(self) -> dict[str, int]:
        """By name, the ports of the stack, which survive a restart; none if not all are known."""
        known = {n: p for n, p in read_state(self._ports_file).items() if type(p) is int}
        size = sum(is_node(f"{name}.json") for name in known)
        return known if size and known.keys() >= set(self._names(size, LISTENERS)) else {}

    def _size(self) -> int:
        return sum(is_node(f"{name}.json") for name in self._ports()) or 1

    def _choose_ports(
        self, size: int, kafka: int | None, registry: int | None, *, same: bool
    ) -> None:
        """Keep the ports of what runs and those that are still free; choose the others."""
        last = self._ports()
        if kafka is not None and kafka == registry:
            raise StackError(f"--kafka-port and --registry-port are both {kafka}; they must differ")
        chosen = {
            "kafka": asked_port(self.kafka, "--kafka-port", kafka, last.get("kafka", 0)),
            "registry": asked_port(
                self.registry, "--registry-port", registry, last.get("registry", 0)
            ),
        }
        names = self._names(size, self.listeners)
        for name in names:
            known = last.get(name, 0)
            if not chosen.get(name):
                if (runs := self._daemon_of(name)).alive() and not known:
                    raise StackError(
                        f"{runs.name} was started by an earlier version: run `thewall down` first"
                    )
                kept = runs.alive() or (known and known not in chosen.values() and is_free(known))
                chosen[name] = known if kept else free_port(chosen.values())
        if same and any(
            chosen.get(daemon.name) != last.get(daemon.name) for daemon in self.daemons
        ):
            raise StackError(
                f"Kafka and the registry would be at ports {chosen['kafka']} and "
                f"{chosen['registry']} now, for {last['kafka']} or {last['registry']} is "
                "another's, and workers that run in the background ask there: stop them first "
                "with `thewall worker --stop`"
            )
        write_whole(self._ports_file, json.dumps(chosen))

    def _daemon_of(self, port: str) -> Daemon:
        """The process that listens on a port, by the port's name."""
        if port in ("registry", "management"):
            return self.registry
        _, _, number = port.partition("-")
        return Broker(self.directory, int(number or 1))


def _registry_home() -> Path:
    """The registry's directory in the cache."""
    archive = next(a for a in artifacts.locked() if a.part == "registry")
    return artifacts.cache_directory() / archive.filename
