"""The command and the worker, as processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from streams.contract.clients import broker_properties
from streams.devstack.console import tool_command
from tests.harness.forking import parent
from tests.harness.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.settings import Settings


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


def run_tool(main_class: str, settings: Settings, *arguments: str) -> str:
    """Run one of Kafka's own tools, which has to succeed; its standard output."""
    security = broker_properties(settings)
    return run_java(tool_command(main_class, settings.bootstrap_servers, arguments, security))


def run_java(command: list[str]) -> str:
    """Run a command line of `streams.devstack.console`, whose open files it is to have."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, close_fds=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Process(Protocol):
    """What tests ask of a process."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, number: int, /) -> None: ...
    def kill(self) -> None: ...


class Worker:
    """A worker in a process of its own."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self.settings = settings
        self.log = log
        self.process: Process = parent("streams.app").start(
            ["worker", "--processes", "1", "--no-web"], environment(settings), log
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
