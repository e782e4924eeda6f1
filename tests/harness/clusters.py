"""The Kafka and the registry that the integration tests share, in all processes of pytest-xdist.

A given cluster, if THEWALL_BOOTSTRAP_SERVERS and THEWALL_REGISTRY_URL are set, with what else the
settings say of it; the embedded stack with TLS, users and rights, if THEWALL_TEST_SECURE is; else
the containers of docker-compose.yml, if a Docker engine answers; else the embedded stack.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from unittest.mock import patch

from filelock import FileLock

from streams.devstack import Stack, StackAddresses, artifacts
from streams.devstack.ports import free_port

if TYPE_CHECKING:
    from streams.devstack.secure import SecureStack

ROOT = Path(__file__).parents[2]


class Cluster(Protocol):
    """A broker and a registry; any process may start it, and only the first one does."""

    description: str

    def __init__(self, directory: Path) -> None:
        """Name the cluster that has its state in a directory; nothing is started yet."""

    def start(self) -> None:
        """Start what does not run yet, and wait until it answers."""

    def addresses(self) -> StackAddresses:
        """Where the cluster answers."""

    def stop(self) -> None:
        """Stop what any process has started."""


class Given:
    """A cluster that was there before; the tests leave topics, groups and subjects on it."""

    description = "the given cluster"

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def start(self) -> None:
        artifacts.fetch(artifacts.locked())  # some tests run Kafka's own tools

    def addresses(self) -> StackAddresses:
        return StackAddresses(
            os.environ.get("THEWALL_BOOTSTRAP_SERVERS", ""),
            os.environ.get("THEWALL_REGISTRY_URL", ""),
        )

    def stop(self) -> None:
        pass


class Containers:
    """The broker and the registry of docker-compose.yml, on free ports."""

    description = "containers of docker-compose.yml"

    def __init__(self, directory: Path) -> None:
        self._name = directory.name
        self._ports_file = directory / "ports.json"

    def start(self) -> None:
        artifacts.fetch(artifacts.locked())
        with FileLock(self._ports_file.with_suffix(".lock")):
            if not self._ports_file.exists():
                ports = {"THEWALL_KAFKA_PORT": free_port(), "THEWALL_REGISTRY_PORT": free_port()}
                self._ports_file.write_text(json.dumps(ports))
                self._compose("start")

    def addresses(self) -> StackAddresses:
        ports = self._ports()
        return StackAddresses(
            f"127.0.0.1:{ports['THEWALL_KAFKA_PORT']}",
            f"http://127.0.0.1:{ports['THEWALL_REGISTRY_PORT']}/apis/ccompat/v7",
        )

    def stop(self) -> None:
        if self._ports_file.exists():
            self._compose("stop")

    def _ports(self) -> dict[str, int]:
        return dict(json.loads(self._ports_file.read_text()))

    def _compose(self, action: str) -> None:
        from testcontainers.compose import DockerCompose

        # A project of its own: containers and volumes of the same file stay untouched.
        variables = {name: str(port) for name, port in self._ports().items()}
        with patch.dict(os.environ, variables | {"COMPOSE_PROJECT_NAME": self._name}):
            getattr(DockerCompose(ROOT, services=["kafka", "registry"]), action)()


class Embedded:
    """The embedded stack, with its data in the directory."""

    description = "an embedded stack"

    def __init__(self, directory: Path) -> None:
        self._stack: Stack = Stack(directory)

    def start(self) -> None:
        self._stack.up()

    def addresses(self) -> StackAddresses:
        return self._stack.addresses()

    def stop(self) -> None:
        self._stack.down()
        shutil.rmtree(self._stack.directory / "data", ignore_errors=True)


class Secure(Embedded):
    """The same with TLS, users and rights; tests are the operator, who may do anything here."""

    description = "an embedded stack with TLS, users and rights"

    def __init__(self, directory: Path) -> None:
        from streams.devstack.secure import SecureStack  # only here: it has Kafka's client

        self._stack: SecureStack = SecureStack(directory)

    def start(self) -> None:
        from streams.devstack.secure import OPERATOR

        super().start()
        # Each test has names of its own; some set quotas, or send in transactions.
        kinds = {"topic": "*", "group": "*", "transactional_id": "*", "broker": "kafka-cluster"}
        rights = [(kind, name, ("All",), False) for kind, name in kinds.items()]
        self._stack.grant(OPERATOR, rights)


KINDS: dict[str, type[Cluster]] = {
    kind.__name__: kind for kind in (Given, Containers, Embedded, Secure)
}


def choose() -> str:
    """Which kind of cluster to test on: a key of KINDS."""
    if {"THEWALL_BOOTSTRAP_SERVERS", "THEWALL_REGISTRY_URL"} <= os.environ.keys():
        return Given.__name__
    if os.environ.get("THEWALL_TEST_SECURE"):
        return Secure.__name__
    return Containers.__name__ if docker_answers() else Embedded.__name__


def docker_answers() -> bool:
    """Whether there are a Docker engine and Compose."""
    if shutil.which("docker") is None:
        return False
    # Not at the top: half a second, which tests without Kafka need not wait for.
    from docker.errors import DockerException
    from testcontainers.core.docker_client import DockerClient

    try:
        DockerClient().client.ping()
    except DockerException:
        return False
    compose = ["docker", "compose", "version"]
    return subprocess.run(compose, capture_output=True, check=False).returncode == 0
