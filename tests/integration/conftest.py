"""A real broker and registry for the session, and a worker with topics of its own for each test."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from streams.client.client import Client
from streams.devstack import Stack
from streams.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_names = itertools.count(1)


def wait_until(condition: Callable[[], bool], deadline_s: float = 60.0, what: str = "") -> None:
    """Wait for a condition, and fail if it has not come true by the deadline."""
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, f"not in {deadline_s} s: {what or condition}"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack"))
    stack.up()
    yield stack
    stack.down()


@pytest.fixture
def settings(stack: Stack, tmp_path: Path) -> Settings:
    """Settings with topics and a consumer group that no other test has."""
    name = f"t{os.getpid()}-{next(_names)}"
    running = stack.addresses()
    return Settings(
        bootstrap_servers=running.bootstrap_servers,
        registry_url=running.registry_url,
        app_id=name,
        topic_prefix=name,
        partitions=4,
        data_dir=tmp_path / "data",
        session_timeout_s=6,
        web_port=free_port(),
    )


def environment(settings: Settings) -> dict[str, str]:
    """The settings as environment variables."""
    return os.environ | settings.environment()


def run_thewall(
    settings: Settings, *arguments: str, stdin: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "streams", *arguments],
        env=environment(settings) | variables,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


def thewall(settings: Settings, *arguments: str, stdin: str = "") -> str:
    """Run the command, which has to succeed; its standard output."""
    done = run_thewall(settings, *arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Worker:
    """A worker in a process of its own."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self.settings = settings
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams", "worker", "--processes", "1"],
                env=environment(settings),
                stdout=out,
                stderr=out,
            )

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.settings.web_port}{path}"

    def request(self, request: urllib.request.Request) -> tuple[int, str]:
        """Status and body of the answer."""
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def get(self, path: str) -> tuple[int, str]:
        return self.request(urllib.request.Request(self.url(path)))

    def post(self, body: bytes, kind: str = "application/json") -> int:
        headers = {"Content-Type": kind}
        return self.request(
            urllib.request.Request(self.url("/api/profiles/"), data=body, headers=headers)
        )[0]

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            return self.get("/ready/")[0] == 200
        except OSError:
            return False

    def wait_until_ready(self) -> None:
        wait_until(self.is_ready, 90, "the worker is ready")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def running_worker(settings: Settings, log: Path) -> Iterator[Worker]:
    worker = Worker(settings, log)
    try:
        worker.wait_until_ready()
        yield worker
    finally:
        if worker.process.poll() is None:
            worker.kill()


@pytest.fixture
def worker(settings: Settings, tmp_path: Path) -> Iterator[Worker]:
    with running_worker(settings, tmp_path / "worker.log") as worker:
        yield worker


@pytest.fixture
def client(settings: Settings) -> Client:
    return Client(settings)
