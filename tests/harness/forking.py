"""Processes of `thewall` that are forked from one which has imported its modules already.

Importing Faust or FastAPI takes longer than what most tests do, and a run of all tests starts some
hundreds of workers and web processes. Such a process differs from one of its own in nothing else:
it has its own arguments, environment, descriptors and random numbers, and ends as Python does.
Commands, supervisors and what they start are processes of their own from the first line on.

`python -m tests.harness.forking MODULE` imports the module, and forks for each line of its standard
input; it says on standard output what it has started, and what has ended.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SIGCHLD = {signal.SIGCHLD}


class Forked:
    """A process, as `subprocess.Popen` has it."""

    def __init__(self, pid: int, ended: threading.Condition) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = ended

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        with self._ended:
            if not self._ended.wait_for(lambda: self.returncode is not None, timeout):
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Parent:
    """The process that has imported a module, and forks."""

    def __init__(self, module: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.harness.forking", module],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self._news = threading.Condition()
        self._lock = threading.Lock()
        self._started: list[Forked] = []
        self._living: dict[int, Forked] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            pid, status = json.loads(line)
            with self._news:
                if status is None:
                    self._living[pid] = Forked(pid, self._news)
                    self._started.append(self._living[pid])
                else:
                    self._living.pop(pid).returncode = status
                self._news.notify_all()

    def start(self, arguments: list[str], environment: Mapping[str, str], log: Path) -> Forked:
        assert self._process.stdin is not None
        asked = {"arguments": arguments, "environment": dict(environment), "log": str(log)}
        with self._lock:
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            self._process.stdin.flush()
            with self._news:
                assert self._news.wait_for(lambda: self._started, 60), "nothing was forked"
                return self._started.pop()


@cache
def parent(module: str) -> Parent:
    """The one of this test process; it ends with it, when its standard input does."""
    return Parent(module)


def _say(pid: int, status: int | None) -> None:
    os.write(1, json.dumps([pid, status]).encode() + b"\n")


def _reap(*_: object) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _say(pid, os.waitstatus_to_exitcode(status))


def _fork_for_each_line() -> dict[str, Any] | None:
    """In each child, what it is to be; None when there are no more lines."""
    signal.signal(signal.SIGCHLD, _reap)
    for line in sys.stdin.buffer:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGCHLD)  # started is said before ended
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        else:
            _say(pid, None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGCHLD)
        if pid == 0:
            asked: dict[str, Any] = json.loads(line)
            return asked
    return None


def _become(asked: dict[str, Any]) -> None:
    os.setsid()
    for descriptor, (path, flags) in {
        0: (os.devnull, os.O_RDONLY),
        1: (asked["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT),
    }.items():
        opened = os.open(path, flags)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.dup2(1, 2)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = ["thewall", *asked["arguments"]]


if __name__ == "__main__":
    import_module(sys.argv[1])
    found = _fork_for_each_line()
    if found is not None:
        from streams.cli import main

        _become(found)
        main()
