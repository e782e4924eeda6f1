"""The engines: how each is started, with how many processes or threads, and how it is stopped."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.cpu import CpuSeconds, cpu_seconds
from bench.environments import PEERS, java_command, python_with
from bench.wire import ROOT
from streams.devstack.ports import free_port as free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bench.cluster import Cluster

STOP_S = 60


@dataclass(frozen=True)
class Engine:
    """One engine.

    Attributes:
        name: Short name.
        title: What it is, with the settings that matter.
        command: The command of one process, given the number of threads.
        processes: Whether a second one is a process; if not, it is a thread of the only one.
        share: It is timed on so large a part of the sections: one over this number.
    """

    name: str
    title: str
    command: Callable[[int], list[str]]
    processes: bool = True
    share: int = 1

    def start(
        self,
        cluster: Cluster,
        parallel: int,
        directory: Path,
        settings: Mapping[str, str] | None = None,
    ) -> Running:
        """Start it on the topics of a run, with so many processes or threads.

        Args:
            cluster: The topics.
            parallel: Processes or threads.
            directory: Where its state and its logs go.
            settings: Environment variables of its own.
        """
        running = Running(self)
        threads = 1 if self.processes else parallel
        try:
            for number in range(parallel if self.processes else 1):
                home = directory / f"{cluster.prefix}-{number}"
                home.mkdir()
                environment = _environment(cluster, home, threads) | dict(settings or {})
                running.add(self.command(threads), environment, home)
        except BaseException:
            running.stop()
            raise
        return running


def _environment(cluster: Cluster, home: Path, threads: int) -> dict[str, str]:
    """What an engine is told: ours by `THEWALL_…`, peers by `BENCH_…`."""
    return os.environ | {
        "THEWALL_BOOTSTRAP_SERVERS": cluster.stack.bootstrap_servers,
        "THEWALL_CREATE_TOPICS": "true",
        "THEWALL_REGISTRY_URL": cluster.stack.registry_url,
        "THEWALL_APP_ID": cluster.prefix,
        "THEWALL_TOPIC_PREFIX": cluster.prefix,
        "THEWALL_PARTITIONS": str(cluster.partitions),
        "THEWALL_DATA_DIR": str(home),
        "THEWALL_WEB_PORT": str(free_port()),
        "THEWALL_LOG_LEVEL": "INFO",
        "BENCH_BROKER": cluster.stack.bootstrap_servers,
        "BENCH_REGISTRY": cluster.stack.registry_url,
        "BENCH_PREFIX": cluster.prefix,
        "BENCH_PARTITIONS": str(cluster.partitions),
        "BENCH_STATE": str(home),
        "BENCH_THREADS": str(threads),
        "BENCH_WEB_PORT": str(free_port()),
        "PYTHONPATH": str(ROOT),
    }


@dataclass
class Running:
    """An engine's processes, known by the handles they were started with."""

    engine: Engine
    started: list[tuple[subprocess.Popen[bytes], Path]] = field(default_factory=list)

    def add(self, command: list[str], environment: dict[str, str], home: Path) -> None:
        """Start one more process; its output goes to a log file."""
        log = home / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=out, stderr=out)
        self.started.append((process, log))

    def alive(self) -> None:
        """Check that all of it runs.

        Raises:
            RuntimeError: A process has ended; the message has the end of its log.
        """
        for process, log in self.started:
            if process.poll() is not None:
                end = log.read_text(errors="replace")[-3000:]
                raise RuntimeError(f"{self.engine.name} ended with {process.returncode}:\n{end}")

    def cpu_seconds(self, broker: str) -> CpuSeconds:
        """What it and the broker at an address have used so far."""
        return cpu_seconds([process.pid for process, _ in self.started], broker)

    def log(self) -> str:
        """What the first process has said so far."""
        return self.started[0][1].read_text(errors="replace")

    def stop(self) -> None:
        """Ask every process to end, and end those that do not."""
        for process, _ in self.started:
            process.terminate()
        for process, _ in self.started:
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_S)


def _python_peer(name: str) -> Callable[[int], list[str]]:
    def command(_threads: int) -> list[str]:
        python = python_with(PEERS / name / "requirements.txt")
        return [str(python), "-m", f"bench.peers.{name}"]

    return command


def _kafka_streams(_threads: int) -> list[str]:
    command = java_command(PEERS / "kafka_streams", heap_mb=2048)
    # Two cores and a throughput that counts: the parallel collector; the heap is there at once.
    return [command[0], "-XX:+UseParallelGC", "-Xms1g", *command[1:], "peer.Main", str(ROOT)]


OURS = Engine(
    "pipeline",
    "The Wall: record batches on Faust",
    lambda _: [sys.executable, "-m", "streams", "worker", "--processes", "1", "--no-web"],
)
ONCE = Engine(
    "exactly_once",
    "The Wall: as before, in transactions",
    lambda threads: ["env", "THEWALL_GUARANTEE=exactly-once", *OURS.command(threads)],
)
PLAIN = Engine(
    "plain",
    "confluent-kafka loop: batches of 10,000, linger 20 ms, lz4, commit each second",
    _python_peer("plain"),
)
KAFKA_STREAMS = Engine(
    "kafka_streams",
    "Kafka Streams: at least once, cached stores, linger 20 ms, lz4",
    _kafka_streams,
    processes=False,
)
NAIVE_FAUST = Engine(
    "naive_faust",
    "Faust, a record at a time: uvloop, memory tables, linger 20 ms, lz4",
    _python_peer("naive_faust"),
    share=100,
)
QUIX = Engine(
    "quix",
    "Quix Streams: a checkpoint each 5 s, linger 20 ms, lz4",
    _python_peer("quix"),
    share=20,
)
ENGINES = {engine.name: engine for engine in (OURS, KAFKA_STREAMS, PLAIN, QUIX, NAIVE_FAUST)}
"""What is compared."""
TIMED = {**ENGINES, ONCE.name: ONCE}
"""What can be timed."""
