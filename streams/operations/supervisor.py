"""Worker and web processes: started, stopped, and started again when they end."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Thread
from typing import IO, TYPE_CHECKING

from streams.client.errors import ClientError
from streams.logs import rotate_output, set_up
from streams.operations.cores import usable_cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import FrameType

    from streams.client.group import Offsets
    from streams.settings import Settings

log = logging.getLogger(__name__)

# A worker that ran this long was well: what ended it is answered at once, not after a pause.
HEALTHY_AFTER_S = 30.0
LONGEST_PAUSE_S = 15.0
STOP_DEADLINE_S = 60.0
NEVER_S = 10**6


@dataclass
class _Child:
    """One process.

    Attributes:
        name: What it is, for the log.
        start: Starts it.
    """

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    process: subprocess.Popen[bytes] = field(init=False)
    started: float = field(init=False)
    failures: int = 0
    start_again_at: float = 0.0

    def __post_init__(self) -> None:
        self.process, self.started = self.start(), time.monotonic()


def default_worker_count(settings: Settings) -> int:
    """How many workers use this machine: a Python process runs on one core at a time."""
    return min(usable_cores(), settings.partitions)


def web_ports(settings: Settings, workers: int) -> range:
    """The web views of the first worker are at the set port, those of the others at the next."""
    return range(settings.web_port, settings.web_port + workers)


def supervise(settings: Settings, workers: int, *, page: bool, restart: bool) -> int:
    """Run processes until told to stop by SIGTERM or SIGINT; the exit status is 0 then.

    Args:
        settings: Those of the first worker; the others' differ in the web port.
        workers: How many workers.
        page: Whether to run the web process.
        restart: Start a process that ends again. Without it, the first that ends by itself ends
            all, and its exit status is the result: 128 + n if it was signal n.
    """
    set_up(settings.log_level, settings.log_format)
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    children = [
        _Child(f"worker at port {port}", partial(start_worker, _with_port(settings, port)))
        for port in web_ports(settings, workers)
    ]
    if page:
        children.append(
            _Child(f"web process at port {settings.page_port}", partial(_start, "web", settings))
        )
    status = 0
    while not stopping:
        for child in children:
            if restart:
                _restart_if_ended(child)
            elif child.process.poll() is not None:
                ended = child.process.returncode
                status = ended if ended >= 0 else 128 - ended
                stopping = True
        rotate_output()
        time.sleep(0.2)
    stop_workers([child.process for child in children])
    return status


def _restart_if_ended(child: _Child) -> None:
    status = child.process.poll()
    if status is None:
        return
    now = time.monotonic()
    if not child.start_again_at:
        child.failures = 0 if now - child.started > HEALTHY_AFTER_S else child.failures + 1
        pause = min(LONGEST_PAUSE_S, 2.0**child.failures / 2)
        child.start_again_at = now + pause
    elif now >= child.start_again_at:
        # Logged only now, so that until now the log ends with the process's own last lines.
        log.warning("the %s ended with %d; it starts again", child.name, status)
        child.process = child.start()
        child.started, child.start_again_at = now, 0.0


def _with_port(settings: Settings, web_port: int) -> Settings:
    return settings.model_copy(update={"web_port": web_port})


def start_worker(settings: Settings, log: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    """Start a worker in a process of its own, which ends when this one does.

    Args:
        settings: The worker's; it finds the current application version itself if they name none.
        log: Where its output goes; where ours goes, if not given.
    """
    return _start("worker", settings, log)


def _start(
    command: str, settings: Settings, log: IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "streams", command, "--with-parent"],
        env=os.environ | settings.environment(),
        # Never written to. The pipe closes when we end, even by kill -9; the child waits for that.
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        # In our group a Ctrl-C would reach it twice.
        start_new_session=True,
    )


def stop_workers(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask workers to end, and end those that do not."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + STOP_DEADLINE_S
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()


@contextmanager
def temporary_worker(
    settings: Settings, log_file: Path, until: Offsets | None = None
) -> Iterator[Callable[[], None]]:
    """A worker for as long as a command needs one; its web views are on a free port.

    It writes nothing to the input topics: the work to be done would never end.

    Args:
        settings: Those of the worker.
        log_file: Gets its log.
        until: It reads no further than these offsets, of all partitions of some topics.

    Yields:
        What raises a ClientError if the worker has ended.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with (
        socket.socket() as probe,
        tempfile.TemporaryDirectory(prefix="beside-", dir=log_file.parent) as data_dir,
        log_file.open("wb") as log,
    ):
        probe.bind(("127.0.0.1", 0))
        own = {
            "web_port": probe.getsockname()[1],
            "web_host": "127.0.0.1",
            "web_advertised_host": "",
            "data_dir": data_dir,
            "writes_inputs": False,
        }
        if until:
            by_topic: dict[str, list[int]] = {}
            for (topic, _), offset in sorted(until.items()):
                by_topic.setdefault(topic, []).append(offset)
            # There is lag beyond these offsets that it must not process: its watchdog must not
            # end it.
            own |= {"read_until": by_topic, "watchdog_s": NEVER_S}
        probe.close()
        process = start_worker(settings.model_copy(update=own), log)

        def check() -> None:
            if process.poll() is not None:
                raise ClientError(
                    f"the worker ended with {process.returncode}; its log is {log_file}"
                )

        try:
            yield check
        finally:
            stop_workers([process])


def end_with_parent() -> None:
    """End this process, as SIGTERM does, when the one that started it has ended."""

    def wait() -> None:
        # Not through sys.stdin: a thread that waits in it holds its lock when Python ends.
        while os.read(sys.stdin.fileno(), 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=wait, name="parent", daemon=True).start()
